"""Oracles: the definition as double sums; a circle, mirrored, twice, folded."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxvae.metrics.circular import circle_score, circular_correlation

SIZE = 40
GROUPS = ((0, 1), (2, 3), (4,))


def pair(angle):
  return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def truth(points=4000, seed=0):
  """Classes [n, 2], the second a circle, and its angle."""
  random = np.random.default_rng(seed)
  factors = np.stack(
    [random.integers(0, 3, points), random.integers(0, SIZE, points)], axis=1
  )
  return factors, 2 * np.pi * factors[:, 1] / SIZE, random


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 30))
def test_the_definition_as_double_sums(seed, points):
  # Fisher and Lee 1983, over all pairs of points.
  random = np.random.default_rng(seed)
  angles = random.uniform(-4, 4, points)
  classes = np.append(random.integers(0, 7, points - 2), [0, 2])
  b = 2 * np.pi * classes / 7
  first = np.sin(angles[:, None] - angles)
  second = np.sin(b[:, None] - b)
  below = math.sqrt((first**2).sum() * (second**2).sum())
  wanted = (first * second).sum() / below
  found = circular_correlation(angles, classes, 7)
  assert found == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize('offset', [0.0, 1.0, -3.0])
def test_a_circle_is_one_and_its_mirror_minus_one(offset):
  factors, angle, _ = truth()
  classes = factors[:, 1]
  for turned, wanted in ((angle, 1), (-angle, -1)):
    found = circular_correlation(turned + offset, classes, SIZE)
    assert found == pytest.approx(wanted, abs=1e-12)
    # Not all around, and most points in one place: still the same circle.
    some = classes < 17
    found = circular_correlation(turned[some] + offset, classes[some], SIZE)
    assert found == pytest.approx(wanted, abs=1e-12)


def test_what_is_no_circle_is_about_zero():
  factors, angle, random = truth()
  classes = factors[:, 1]
  for other in (
    2 * angle,
    -3 * angle,
    0 * angle + 1,
    np.pi * (angle > 2),  # two places
    np.pi * np.sin(angle),  # a fold
    random.uniform(0, 7, len(angle)),
  ):
    assert abs(circular_correlation(other, classes, SIZE)) < 0.03
  # Exactly so on all classes.
  grid = np.arange(SIZE)
  turn = 2 * np.pi * grid / SIZE
  for other in (2 * turn, -3 * turn, np.pi * np.sin(turn)):
    found = circular_correlation(other, grid, SIZE)
    assert found == pytest.approx(0, abs=1e-12)


def test_noise_lowers_it_as_the_square_of_its_resultant():
  # Wrapped normal noise: |E exp(i e)|^2 = exp(-sd^2).
  factors, angle, random = truth(20_000)
  noisy = angle + 0.5 * random.normal(size=len(angle))
  found = circular_correlation(noisy, factors[:, 1], SIZE)
  assert found == pytest.approx(math.exp(-0.25), abs=0.01)


def test_score_of_a_circle_beside_noise_and_of_two():
  factors, angle, random = truth()
  noise = pair(random.uniform(-4, 4, len(angle)))
  line = random.normal(size=(len(angle), 1))
  codes = np.hstack([noise, 2 * pair(1 - angle), line])
  found = circle_score(codes, factors, GROUPS, {1: SIZE})
  assert found.value == pytest.approx(1, abs=1e-3)
  assert found.ungrouped == 0
  assert found.details['correlation'].shape == (3, 1)
  assert found.details['correlation'][1, 0] == pytest.approx(-1, abs=1e-12)
  assert found.details['correlation'][2, 0] == 0
  assert found.parameters == {'points': 4000, 'circular': '1:40'}
  both = np.hstack([pair(angle), pair(-angle), line])
  found = circle_score(both, factors, GROUPS, {1: SIZE})
  assert found.value == pytest.approx(0, abs=1e-9)
  assert found.details['best'] == pytest.approx([1])


def test_score_of_ground_truth_noise_and_two_turns():
  grid = np.stack(np.meshgrid(np.arange(12), np.arange(9)), -1).reshape(-1, 2)
  angles = grid * (2 * np.pi / np.array([12, 9]))
  circular = {0: 12, 1: 9}
  groups = ((0, 1), (2, 3))

  def score(first, second):
    codes = np.hstack([pair(first), pair(second)])
    return circle_score(codes, grid, groups, circular)

  assert score(angles[:, 1], -angles[:, 0]).value == pytest.approx(1)
  mixed = score(angles[:, 0], 2 * angles[:, 1])
  assert mixed.per_factor == pytest.approx([1, 0], abs=1e-12)
  assert mixed.value == pytest.approx(0.5)
  random = np.random.default_rng(0)
  factors, _, _ = truth(10_000)
  noise = random.normal(size=(10_000, 4))
  assert circle_score(noise, factors, groups, {1: SIZE}).value < 1e-3


def test_one_latent_has_no_second_and_lines_are_no_circle():
  factors, angle, _ = truth()
  alone = circle_score(pair(angle), factors, ((0, 1),), {1: SIZE})
  assert alone.value == pytest.approx(1)
  lines = circle_score(pair(angle), factors, ((0,), (1,)), {1: SIZE})
  assert (lines.value, lines.note) == (0, 'no latent is a circle')
  still = circle_score(0 * pair(angle), factors, ((0, 1),), {1: SIZE})
  assert still.value == 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_order_turn_mirror_radius_and_dead_latents_do_not_matter(seed):
  factors, angle, random = truth(300, seed)
  first = angle + random.normal(size=300)
  second = random.uniform(-4, 4, 300)
  line = random.normal(size=(300, 1))
  circular = {1: SIZE}
  codes = np.hstack([pair(first), pair(second), line])
  value = circle_score(codes, factors, GROUPS, circular).value
  turn, scale = random.uniform(-4, 4), random.uniform(0.1, 9)
  changed = np.hstack([line, scale * pair(turn - first), pair(second)])
  found = circle_score(changed, factors, ((0,), (1, 2), (3, 4)), circular)
  assert found.value == pytest.approx(value, abs=1e-9)
  dead = np.hstack([codes, np.ones((300, 3))])
  groups = (*GROUPS, (5, 6), (7,))
  found = circle_score(dead, factors, groups, circular)
  assert found.value == pytest.approx(value, abs=1e-9)
  # Another first class, and the other way round.
  other = np.stack([factors[:, 0], 100 - factors[:, 1]], axis=1)
  found = circle_score(codes, other, GROUPS, circular)
  assert found.value == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize(
  ('circular', 'message'),
  [
    ({}, 'no factor is circular'),
    ({2: 9}, 'no factor 2; allowed: 0 to 1'),
    ({0: 2}, 'a circle has 3 or more'),
    ({1: 9}, 'factor 1 has classes from 0 to 39, more than its size of 9'),
  ],
)
def test_factors_that_are_no_circle(circular, message):
  factors, angle, _ = truth()
  with pytest.raises(ValueError, match=message):
    circle_score(pair(angle), factors, ((0, 1),), circular)


def test_bad_input_is_named():
  factors, angle, _ = truth()
  codes = pair(angle)
  with pytest.raises(ValueError, match='one value only'):
    circle_score(codes, 0 * factors, ((0, 1),), {1: SIZE})
  with pytest.raises(ValueError, match='3999 codes but 4000 factors'):
    circle_score(codes[1:], factors, ((0, 1),), {1: SIZE})
  with pytest.raises(ValueError, match='NaN or infinite'):
    circular_correlation(angle * np.nan, factors[:, 1], SIZE)
  with pytest.raises(ValueError, match=r'angles must be \[points\]'):
    circular_correlation(codes, factors[:, 1], SIZE)


def test_the_class_after_a_turn_is_the_first_again():
  # dSprites' orientations: 40 classes, 39 steps.
  classes = np.arange(40)
  angle = 2 * np.pi * (classes % 39) / 39
  assert circular_correlation(angle, classes, 39) == pytest.approx(1, abs=1e-12)
  assert circular_correlation(angle, classes, 40) < 1 - 1e-5


def test_shapes_are_scored_by_the_angle_that_they_show():
  # A square, an ellipse and a heart once round. An ideal angle goes round 4, 2
  # times and once; with the factor itself only the third agrees, of means of
  # exp(i ...) that are otherwise sums of roots of unity: r = (1 / 3)^2.
  factors = np.indices((3, 39)).reshape(2, -1).T
  angle = 2 * np.pi * np.array([4, 2, 1])[factors[:, 0]] * factors[:, 1] / 39
  codes, groups = pair(angle), ((0, 1),)
  found = circle_score(codes, factors, groups, {1: 39}, {1: (0, (4, 2, 1))})
  assert found.value == pytest.approx(1, abs=1e-12)
  assert found.parameters['folds'] == '1:4/2/1 by 0'
  plain = circle_score(codes, factors, groups, {1: 39})
  assert plain.value == pytest.approx(1 / 9, abs=1e-12)
