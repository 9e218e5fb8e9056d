import itertools

import numpy as np
import pytest

from jaxvae.topology import matching


@pytest.mark.parametrize('shape', [(1, 1), (3, 3), (2, 5), (5, 2), (5, 5)])
def test_the_assignment_is_the_best_of_all(shape):
  """Against every one-to-one choice there is."""
  rng = np.random.default_rng(shape)
  for gain in (rng.normal(size=shape), rng.integers(0, 3, shape)):
    found = matching.assignment(gain)
    rows = np.flatnonzero(found >= 0)
    assert len(rows) == min(shape) == len(set(found[rows]))
    tall = gain.T if shape[0] > shape[1] else gain
    best = max(
      tall[np.arange(len(tall)), list(chosen)].sum()
      for chosen in itertools.permutations(range(tall.shape[1]), len(tall))
    )
    assert gain[rows, found[rows]].sum() == pytest.approx(best)


def test_points_in_any_order_are_right():
  classes = np.array([0, 0, 1, 1, 2, 2])
  clusters = np.array([2.1, 1.9, 0.2, -0.2, 1.0, 1.2])
  found = matching.match_points(clusters, classes)
  assert found.classes == (1, 2, 0) and found.accuracy == 1
  # One of six in the wrong place; a fourth cluster has no name.
  found = matching.match_points([2, 3, 0, 0, 1, 1], classes)
  assert found.accuracy == pytest.approx(5 / 6)
  assert sorted(found.classes) == [-1, 0, 1, 2]


@pytest.mark.parametrize('sign', [1, -1])
def test_a_segment_is_right_from_either_end(sign):
  levels = np.arange(10)
  found = matching.match_line(sign * (0.2 * levels - 1), levels)
  assert found.scale == pytest.approx(sign * 5)
  assert found.correlation == pytest.approx(sign)
  np.testing.assert_allclose(found.error, 0, atol=1e-12)


def test_nothing_known_is_nothing_right():
  found = matching.match_line(np.zeros(10), np.arange(10))
  # The mean of |j - 4.5| for j from 0 to 9.
  assert found.correlation == 0 and found.error.mean() == pytest.approx(2.5)


@pytest.mark.parametrize(
  ('call', 'words'),
  [
    (lambda: matching.assignment(np.zeros((0, 2))), r'\[k, m\]'),
    (lambda: matching.match_points([0, 1], [0]), '2 clusters for 1'),
    (lambda: matching.match_points([-1.0], [0]), 'go down to -1'),
    (lambda: matching.match_line([0.0], [0, 1]), r'\[n\] both'),
  ],
)
def test_refusals(call, words):
  with pytest.raises(ValueError, match=words):
    call()
