"""Oracles: closed forms of angles that are cut evenly."""

import numpy as np
import pytest

from jaxvae.metrics import chart, discretize, mig

PAIRS = ((0, 1), (2,))


def circle(size: int, other: int) -> tuple[np.ndarray, np.ndarray]:
  """(cos, sin) of one factor beside another, and both factors."""
  turn, step = (grid.ravel() for grid in np.indices((size, other)))
  angle = 2 * np.pi * (turn + 0.5) / size - np.pi
  codes = np.stack([np.cos(angle), np.sin(angle), step], axis=1)
  return codes, np.stack([turn, step], axis=1)


def test_a_pair_is_cut_by_its_angle_wherever_the_cut_is():
  codes, factors = circle(20, 3)
  bins = discretize(codes, 20, PAIRS)
  assert bins[:, 0].tolist() == (factors[:, 0] + 1).tolist()
  # -pi and pi are one place, and so one bin.
  ends = np.array([[-1.0, 0.0], [-1.0, -0.0]])
  first, last = discretize(ends, 20, ((0, 1),))[:, 0]
  assert first == last


def test_chart_is_the_angle_whatever_the_radius():
  codes, _ = circle(12, 3)
  angles = chart(codes * [3.0, 3.0, 1.0], PAIRS)
  np.testing.assert_allclose(
    angles[:, 0], chart(codes, PAIRS)[:, 0], atol=1e-12
  )
  np.testing.assert_array_equal(angles[:, 1], codes[:, 2])


def test_mig_of_a_circle_is_one_and_of_its_two_columns_is_not():
  codes, factors = circle(20, 3)
  grouped = mig(codes, factors, groups=PAIRS)
  assert grouped.value == pytest.approx(1, rel=1e-12)
  # cos and sin tell the angle equally well: no gap. The other factor is told.
  assert grouped.ungrouped == pytest.approx(0.5, abs=0.03)
  assert mig(codes, factors).ungrouped is None


@pytest.mark.parametrize(
  ('groups', 'message'),
  [
    (((0, 1),), 'do not hold each of 3 columns once'),
    (((0, 1), (1,), (2,)), 'do not hold each'),
    (((0, 1, 2),), r'or two, its \(cos, sin\)'),
  ],
)
def test_groups_that_are_none(groups, message):
  codes, factors = circle(4, 3)
  with pytest.raises(ValueError, match=message):
    mig(codes, factors, groups=groups)
