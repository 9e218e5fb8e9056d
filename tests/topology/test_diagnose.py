"""Spaces whose codes are made from the factors, so that the truth is known."""

import math

import numpy as np
import pytest

from jaxvae.data import Factor
from jaxvae.latent.slots import latent_space
from jaxvae.topology import circle
from jaxvae.topology.diagnose import diagnose

FACTORS = (
  Factor('hue', 12, 'loop'),
  Factor('turn', 40, 'loop'),
  Factor('size', 10, 'segment'),
  Factor('shape', 4, 'points'),
)
CLASSES = np.random.default_rng(0).integers(
  0, [f.size for f in FACTORS], (3000, 4)
)


def angle(classes, factor):
  return classes[:, factor] * (2 * np.pi / FACTORS[factor].size)


def score(text, encode, sweeps=True):
  space = latent_space(text)
  codes = encode(CLASSES)
  return diagnose(
    space, codes, CLASSES, FACTORS, encode if sweeps else None, bases=3
  )


@pytest.mark.parametrize('told', [True, False])
def test_a_loop_is_aligned_only_where_it_was_told_nothing(told):
  def encode(classes):
    return circle.wrap(0.5 - angle(classes, 0))[:, None]

  (row,) = score("loop(factor='hue')" if told else 'loop', encode)
  assert (row.latent, row.factor, row.told) == ('z0', 'hue', told)
  assert row.winding == pytest.approx(-1) and row.monotone == row.circles == 1
  assert row.correlation == pytest.approx(-1, abs=0.05)
  if told:
    assert row.radians > 1
  else:
    assert row.radians == pytest.approx(0, abs=1e-9)
  # In steps of the factor's classes.
  assert row.steps == pytest.approx(row.radians * 12 / (2 * np.pi))


def test_the_factor_that_fits_is_found():
  rng = np.random.default_rng(1)

  def encode(classes):
    noise = 0.1 * rng.normal(size=len(classes))
    return np.stack(
      [
        circle.wrap(angle(classes, 1) + 2 + noise),
        1 - 2 * classes[:, 2] / 9,
        np.array([2, 0, 3, 1])[classes[:, 3]] + noise,
      ],
      axis=1,
    )

  loop, segment, points = score('loop + segment + points(4)', encode)
  assert [r.factor for r in (loop, segment, points)] == [
    'turn',
    'size',
    'shape',
  ]
  # The mean of |N(0, s^2)| is s sqrt(2 / pi).
  wanted = 0.1 * math.sqrt(2 / math.pi)
  assert loop.radians == pytest.approx(wanted, rel=0.1)
  assert segment.steps == pytest.approx(0, abs=1e-9)
  assert segment.correlation == pytest.approx(-1)
  assert points.accuracy == 1 and points.winding is None


def test_told_segments_and_points_are_scored_as_they_are():
  def encode(classes):
    value = 2 * classes[:, 2] / 9 - 1
    return np.stack(
      [value, -value, math.sqrt(3) * value, (classes[:, 3] + 1) % 4], axis=1
    )

  rows = score(
    "segment(factor='size') + segment(factor='size')"
    " + gaussian(1, factor='size') + points(4, factor='shape')",
    encode,
  )
  right, mirrored, line, points = rows
  assert right.steps == pytest.approx(0, abs=1e-9)
  # The mean of |9 - 2 j| for j from 0 to 9.
  assert mirrored.steps == pytest.approx(5, rel=0.05)
  assert mirrored.correlation == pytest.approx(-1)
  assert line.steps == pytest.approx(0, abs=1e-9)
  assert points.accuracy == 0


def test_two_gaussian_columns_are_a_plane_with_an_angle():
  def encode(classes):
    t = angle(classes, 1)
    return np.stack([3 + np.cos(t), np.sin(t) - 1], axis=1)

  (row,) = score('gaussian(2)', encode)
  assert (row.latent, row.kind, row.factor) == ('z0, z1', 'loop', 'turn')
  assert row.radians < 0.05 and row.circles == 1


def test_a_fold_and_a_double_cover_are_seen_in_the_winding():
  (fold,) = score('loop', lambda c: np.pi * np.sin(angle(c, 1))[:, None] * 0.9)
  assert fold.winding == pytest.approx(0, abs=1e-9) and fold.circles == 0
  (twice,) = score(
    "loop(factor='turn')", lambda c: circle.wrap(2 * angle(c, 1))[:, None]
  )
  assert twice.winding == pytest.approx(2) and twice.circles == 0


def test_a_sweep_goes_round_once_where_the_last_class_is_the_first():
  factors = (Factor('turn', 40, 'loop', period=39.0),)
  classes = np.arange(40)[:, None]

  def encode(classes):
    return circle.wrap(2 * np.pi * classes / 39)

  space = latent_space("loop(factor='turn')")
  (row,) = diagnose(space, encode(classes), classes, factors, encode, bases=2)
  assert row.circles == row.monotone == 1 and row.winding == pytest.approx(1)
  assert row.steps == pytest.approx(0, abs=1e-9)


def test_without_a_grid_there_are_no_sweeps():
  (row,) = score('loop', lambda c: angle(c, 0)[:, None], sweeps=False)
  assert row.winding is None and row.radians == pytest.approx(0, abs=1e-9)


def test_slots_without_a_coordinate_or_a_factor_have_no_row():
  space = latent_space('gaussian(3) + loop')
  codes = np.zeros((len(CLASSES), 4))
  assert diagnose(space, codes, CLASSES[:, 2:], FACTORS[2:]) == []


def test_refusals():
  space = latent_space('loop')
  with pytest.raises(ValueError, match=r'allowed: \[n, 1\]'):
    diagnose(space, np.zeros((5, 2)), np.zeros((5, 4), int), FACTORS)
  with pytest.raises(ValueError, match=r'allowed: \[5, 4\]'):
    diagnose(space, np.zeros((5, 1)), np.zeros((5, 3), int), FACTORS)


def test_values_are_scored_in_their_own_unit():
  random = np.random.default_rng(0)
  values = random.uniform([0, -1], [360, 2], (500, 2))
  values[:3, 0] = np.nan
  described = (
    Factor('angle', 0, 'loop', period=360.0, span=(0.0, 360.0)),
    Factor('size', 0, 'segment', span=(-1.0, 2.0)),
    Factor('fixed', 3, 'segment'),
  )
  factors = np.c_[values, np.zeros(500)]
  turned = np.radians(np.nan_to_num(values[:, 0]) + 5)
  codes = np.stack([turned, (values[:, 1] - 0.5) / 1.5], axis=1)
  told = latent_space("loop(factor='angle') + segment(factor='size')")
  loop, line = diagnose(told, codes, factors, described)
  assert loop.steps == pytest.approx(5)  # degrees
  assert line.steps == pytest.approx(0, abs=1e-9)
  loop, line = diagnose(
    latent_space('loop + segment'), codes, factors, described
  )
  assert loop.steps == pytest.approx(0, abs=1e-9) and loop.correlation > 0.95
  assert (line.factor, line.correlation) == ('size', pytest.approx(1))
  free = latent_space('loop + segment')
  assert diagnose(free, codes, factors[:, 2:], described[2:]) == []
