"""Oracles: disentanglement_lib on its identity data; its loop; circles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxvae.bench import metric_loops
from jaxvae.metrics.factor_vae import (
  batch_variances,
  factor_vae,
  factor_vae_score,
)

GRID = np.indices((3, 4, 5)).reshape(3, -1).T
SMALL = {'train': 400, 'test': 200, 'batch': 8}
# What the reference's own test takes, with the seed of the values below.
REFERENCE = {'train': 3000, 'test': 2000, 'batch': 5, 'variance_points': 2500}


def noisy(seed: int = 0) -> np.ndarray:
  random = np.random.default_rng(seed)
  mixing = random.normal(size=(3, 4)) / 3
  return GRID @ mixing + 0.1 * random.normal(size=(60, 4))


def draw(state, count):
  """disentanglement_lib's IdentityObservationsData."""
  return state.randint(1, 11, size=(count, 10))


def replayed(state, count: int, batch: int):
  """What the reference draws, in its order: factors of batches, and labels."""
  factors, labels = [], []
  for _ in range(count):
    fixed = state.randint(10)
    rows = draw(state, batch)
    rows[:, fixed] = rows[0, fixed]
    factors.append(rows)
    labels.append(fixed)
  points = np.arange(count * batch).reshape(count, batch)
  return np.concatenate(factors), points, np.array(labels)


@pytest.mark.parametrize(
  ('scale', 'threshold', 'expected'),
  [
    # Values of disentanglement_lib at RandomState(0): train, test.
    (1.0, 0.05, (0.9993333333333333, 0.9995)),
    (0.0, 0.0, (0.10566666666666667, 0.115)),
    (0.0, 0.05, (0.0, 0.0)),
  ],
)
def test_the_references_values_on_its_draws_to_the_last_digit(
  scale, threshold, expected
):
  state = np.random.RandomState(0)
  whole = (scale * draw(state, 2500)).var(axis=0, ddof=1)
  rows, points, labels = replayed(state, 3000, 5)
  local = batch_variances(scale * rows, points)
  rows, points, test_labels = replayed(state, 2000, 5)
  test_local = batch_variances(scale * rows, points)
  score = factor_vae_score(
    local, labels, test_local, test_labels, whole, threshold
  )
  assert (score.details['train_accuracy'], score.value) == expected
  assert score.details['active_latents'] == (
    10 if scale or not threshold else 0
  )
  assert bool(score.note) == (scale == 0)


def test_the_references_loop_gives_the_references_values():
  loops = metric_loops.factor_vae(draw, np.float64, 3000, 2000, 5, 2500)
  assert loops == (0.9993333333333333, 0.9995)
  loops = metric_loops.factor_vae(
    draw, lambda factors: 0.0 * factors, 3000, 2000, 5, 2500, threshold=0
  )
  assert loops == (0.10566666666666667, 0.115)


def test_identity_data_on_draws_of_our_own():
  factors = np.random.RandomState(0).randint(1, 11, size=(10_000, 10))
  score = factor_vae(factors, factors, **REFERENCE)
  assert score.value == pytest.approx(0.9995, abs=1e-2)
  assert score.details['train_accuracy'] == pytest.approx(0.99933, abs=1e-2)
  assert score.details['factor_of_latent'].tolist() == list(range(10))
  assert score.details['votes'].sum() == 3000
  assert score.parameters == {
    **{'train': 3000, 'test': 2000, 'threshold': 0.05, 'batch': 5},
    **{'variance_points': 2500, 'seed': 0, 'points': 10_000},
  }
  zeros = np.zeros((10_000, 10))
  nothing = factor_vae(zeros, factors, **REFERENCE)
  assert (nothing.value, nothing.note) == (0.0, 'no latent is active')
  assert nothing.details['train_accuracy'] == 0
  every = factor_vae(zeros, factors, threshold=0.0, **REFERENCE)
  # The most frequent of ten labels, and its share in the test.
  assert every.details['train_accuracy'] == pytest.approx(0.1057, abs=1e-2)
  assert every.value == pytest.approx(0.1, abs=0.02)
  assert every.note == 'latent 0 never varies and gets all votes'


def test_the_references_loop_on_draws_of_its_own():
  draw_grid, encode = metric_loops.grid((3, 4, 5), noisy())
  loops = [
    metric_loops.factor_vae(draw_grid, encode, 1000, 1000, 8, seed=seed)[1]
    for seed in range(3)
  ]
  ours = [
    factor_vae(noisy(), GRID, train=1000, test=1000, batch=8, seed=seed).value
    for seed in range(3)
  ]
  # An accuracy of 0.7 on 1,000 has a standard error of 0.0145.
  assert np.mean(ours) == pytest.approx(np.mean(loops), abs=0.04)
  assert 0.4 < np.mean(ours) < 0.99


def test_variances_are_numpys():
  random = np.random.default_rng(1)
  codes = random.normal(size=(500, 3))
  points = random.integers(500, size=(130, 7))
  np.testing.assert_array_equal(
    batch_variances(codes, points), codes[points].var(axis=1, ddof=1)
  )


def test_votes_by_hand():
  # Latent 1 is dead, latent 2 has variance 4: ratios, not variances, decide.
  whole = np.array([1.0, 1e-4, 4.0])
  local = np.array([[0.5, 0, 1.0], [0.2, 0, 1.0], [0.5, 0, 2.8], [0.3, 0, 0.4]])
  score = factor_vae_score(local, [1, 0, 0, 1], local, [1, 1, 0, 1], whole)
  assert score.details['active'].tolist() == [True, False, True]
  assert score.details['active_latents'] == 2
  assert score.details['votes'].tolist() == [[2, 0, 0], [0, 0, 2]]
  assert score.details['test_votes'].tolist() == [[1, 0, 0], [1, 0, 2]]
  assert score.details['factor_of_latent'].tolist() == [0, -1, 1]
  assert (score.value, score.details['train_accuracy']) == (0.75, 1.0)
  np.testing.assert_allclose(score.per_factor, [1, 2 / 3], rtol=1e-15)


@settings(max_examples=10, deadline=None)
@given(
  st.permutations(range(4)),
  st.integers(0, 15),
  st.lists(st.integers(-1, 8), min_size=4, max_size=4),
  st.integers(0, 3),
)
def test_what_must_not_matter(order, signs, powers, dead):
  codes = noisy(1)
  score = factor_vae(codes, GRID, **SMALL)
  assert score.details['active_latents'] == 4
  flips = 1 - 2 * (signs >> np.arange(4) & 1)
  changed = codes[:, order] * flips * 2.0 ** np.array(powers)
  changed = np.hstack([np.full((60, dead), 0.3), changed])
  again = factor_vae(changed, GRID, **SMALL)
  assert again.value == score.value
  assert again.details['active_latents'] == 4
  found = again.details['factor_of_latent']
  assert found[:dead].tolist() == [-1] * dead
  assert (found[dead:] == score.details['factor_of_latent'][order]).all()


def test_below_the_threshold_scale_matters():
  codes = GRID * [1, 1, 1e-3]
  score = factor_vae(codes, GRID, **SMALL)
  assert score.details['active'].tolist() == [True, True, False]
  assert score.value < factor_vae(GRID, GRID, **SMALL).value - 0.1


def test_the_threshold_is_of_the_standard_deviation_and_includes_itself():
  local = np.array([[1.0, 2.0], [2.0, 1.0]])
  for deviation, active in ((0.5, True), (0.49, False)):
    score = factor_vae_score(
      local, [0, 1], local, [0, 1], [4.0, deviation**2], 0.5
    )
    assert score.details['active'].tolist() == [True, active]


def test_a_circle_is_one_latent():
  turn, step = np.indices((12, 6)).reshape(2, -1)
  angle = 2 * np.pi * turn / 12
  codes = np.stack([np.cos(angle), np.sin(angle), step / 6], axis=1)
  factors = np.stack([turn, step], axis=1)
  groups = ((0, 1), (2,))
  score = factor_vae(
    codes, factors, variance_points=None, groups=groups, **SMALL
  )
  assert score.value == 1
  assert score.details['votes'].shape == (2, 2)
  alone = factor_vae(codes, factors, variance_points=None, **SMALL)
  assert score.ungrouped == alone.value
  assert alone.ungrouped is None
  # Where the circle begins does not matter to the pair.
  turned = codes.copy()
  turned[:, :2] = codes[:, :2] @ [[0.6, 0.8], [-0.8, 0.6]]
  again = factor_vae(
    turned, factors, variance_points=None, groups=groups, **SMALL
  )
  np.testing.assert_array_equal(again.details['votes'], score.details['votes'])


def test_the_threshold_of_a_pair_is_of_the_sum():
  # 0.04 each is below 0.05; the two together are 0.0566.
  local = np.array([[0.0, 0.0, 1.0], [1e-3, 1e-3, 0.0]])
  whole = np.array([0.04**2, 0.04**2, 1.0])
  alone = factor_vae_score(local, [0, 1], local, [0, 1], whole)
  assert alone.details['active'].tolist() == [False, False, True]
  pair = factor_vae_score(
    np.stack([local[:, :2].sum(axis=1), local[:, 2]], axis=1),
    [0, 1],
    np.stack([local[:, :2].sum(axis=1), local[:, 2]], axis=1),
    [0, 1],
    [whole[:2].sum(), whole[2]],
  )
  assert pair.value == 1


def test_bad_input_is_named():
  local = np.ones((4, 2))
  labels = [0, 1, 0, 1]
  with pytest.raises(ValueError, match='one factor only was fixed: 3'):
    factor_vae_score(local, [3] * 4, local, labels, [1, 1])
  with pytest.raises(ValueError, match='a variance is negative: -1'):
    factor_vae_score(-local, labels, local, labels, [1, 1])
  with pytest.raises(ValueError, match='2 variances a batch but 3 global'):
    factor_vae_score(local, labels, local, labels, [1, 1, 1])
  with pytest.raises(ValueError, match='4 codes but 3 factors'):
    factor_vae_score(local, labels[1:], local, labels, [1, 1])
  with pytest.raises(ValueError, match='threshold must be 0 or more, not -1'):
    factor_vae_score(local, labels, local, labels, [1, 1], -1)
  with pytest.raises(ValueError, match='one is -1'):
    factor_vae_score(local, [0, 1, 0, -1], local, labels, [1, 1])
  with pytest.raises(ValueError, match='a variance needs two points: batch 1'):
    factor_vae(noisy(), GRID, batch=1)
  with pytest.raises(ValueError, match='NaN or infinite in latent 2'):
    factor_vae(noisy() * [1, 1, np.inf, 1], GRID)
