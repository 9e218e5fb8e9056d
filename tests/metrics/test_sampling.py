"""Oracles: what each row shares, and the probability that each row has."""

import numpy as np
import pytest
from scipy import stats

from jaxvae.metrics import sampling

SIZES = (3, 4, 5)
GRID = np.indices(SIZES).reshape(3, -1).T


def likely(counts: np.ndarray, expected: np.ndarray) -> bool:
  """Pearson's test at one in 10^5; the seeds are fixed."""
  statistic = ((counts - expected) ** 2 / expected).sum()
  return stats.chi2.sf(statistic, counts.size - 1) > 1e-5


def shuffled() -> np.ndarray:
  return np.random.default_rng(4).permutation(GRID)


@pytest.mark.parametrize('rows', [GRID, GRID - 7, shuffled()])
def test_pairs_share_their_factor_and_nothing_else(rows):
  labels, points = sampling.draw_pairs(rows, 3000, 8, seed=1)
  assert points.shape == (3000, 8, 2)
  assert likely(np.bincount(labels), np.full(3, 1000))
  # Uniform over all that the reference can draw: 60 first, 60 / size second.
  for factor, size in enumerate(SIZES):
    pairs = points[labels == factor].reshape(-1, 2)
    classes = rows[pairs]
    assert (classes[:, 0, factor] == classes[:, 1, factor]).all()
    counts = np.bincount(pairs @ [60, 1], minlength=3600)
    possible = (rows[:, None, factor] == rows[None, :, factor]).ravel()
    assert possible.sum() == 3600 // size
    expected = np.full(possible.sum(), len(pairs) / possible.sum())
    assert likely(counts[possible], expected)


@pytest.mark.parametrize('rows', [GRID, shuffled()])
def test_batches_share_the_value_of_a_uniform_row(rows):
  labels, points = sampling.draw_fixed(rows, 3000, 8, seed=2)
  assert points.shape == (3000, 8)
  for factor, size in enumerate(SIZES):
    chosen = points[labels == factor]
    values = rows[chosen][:, :, factor]
    assert (values == values[:, :1]).all()
    # One value a batch, uniform; given the value, each point on its own.
    assert likely(np.bincount(values[:, 0]), np.full(size, len(chosen) / size))
    within = chosen[values[:, 0] == 1].ravel()
    rank = np.searchsorted(np.flatnonzero(rows[:, factor] == 1), within)
    assert likely(
      np.bincount(rank, minlength=60 // size),
      np.full(60 // size, len(within) * size / 60),
    )
    first, second = chosen[:, 0], chosen[:, 1]
    assert abs(np.mean(first == second) - size / 60) < 0.06


def test_a_sample_that_is_no_grid_is_drawn_as_it_is():
  # One value has 2 points, one 8, with class numbers far apart.
  column = np.array([7] * 2 + [10**6] * 8)
  rows = np.stack([column, np.arange(10) % 2], axis=1)
  labels, points = sampling.draw_pairs(rows, 4000, 5, seed=3)
  pairs = points[labels == 0].reshape(-1, 2)
  counts = np.bincount(pairs[:, 0], minlength=10)
  assert likely(counts, np.full(10, len(pairs) / 10))
  rare = pairs[pairs[:, 0] < 2]
  assert set(rare[:, 1]) == {0, 1}
  assert likely(np.bincount(rare[:, 1]), np.full(2, len(rare) / 2))
  labels, points = sampling.draw_fixed(rows, 4000, 5, seed=3)
  share = np.mean(points[labels == 0][:, 0] < 2)
  assert share == pytest.approx(0.2, abs=0.04)


def test_factors_for_an_encoder():
  labels, classes = sampling.sample_pairs(SIZES, 500, 6, seed=5)
  assert classes.shape == (500, 6, 2, 3)
  same = classes[:, :, 0] == classes[:, :, 1]
  shared = same[np.arange(500), :, labels]
  assert shared.all()
  # The others agree as often as chance has it: 1 / size.
  for factor, size in enumerate(SIZES):
    others = same[labels != factor][:, :, factor]
    assert others.mean() == pytest.approx(1 / size, abs=0.04)
    assert set(classes[..., factor].ravel()) == set(range(size))
  labels, classes = sampling.sample_fixed(SIZES, 500, 6, seed=5)
  assert classes.shape == (500, 6, 3)
  same = (classes == classes[:, :1]).all(axis=1)
  assert same[np.arange(500), labels].all()
  assert same.mean() < 0.4


def test_a_seed_is_a_stream():
  for draw in (sampling.draw_pairs, sampling.draw_fixed):
    one, two = draw(GRID, 50, 4, seed=1), draw(GRID, 50, 4, seed=1)
    assert (one.points == two.points).all()
    ready = draw(sampling.rows(GRID), 50, 4, seed=1)
    assert (one.points == ready.points).all()
    assert (one.points != draw(GRID, 50, 4, seed=[1, 1]).points).any()


@pytest.mark.parametrize(
  ('rows', 'message'),
  [
    (GRID * [1, 0, 1], 'factor 1 has one value only'),
    (GRID[:, :1], 'there is only one'),
    (np.vstack([GRID, [[0, 9, 0]]]), 'factor 1 has the value 9 at one point'),
  ],
)
def test_points_of_which_nothing_can_be_drawn(rows, message):
  for draw in (sampling.draw_pairs, sampling.draw_fixed):
    with pytest.raises(ValueError, match=message):
      draw(rows, 10)


def test_numbers_that_are_none():
  with pytest.raises(ValueError, match='0 batches of 64'):
    sampling.draw_pairs(GRID, 0)
  with pytest.raises(ValueError, match='10 batches of 0'):
    sampling.sample_fixed(SIZES, 10, 0)
  with pytest.raises(ValueError, match=r'sizes \[3, 1\]: two factors or more'):
    sampling.sample_pairs([3, 1], 10)


def test_both_asks_for_a_whole_test():
  codes = np.ones((60, 2))
  with pytest.raises(ValueError, match='given together, or not'):
    sampling.both(codes, GRID, codes, None)
  with pytest.raises(ValueError, match='2 codes a point in training, 1 in'):
    sampling.both(codes, GRID, codes[:, :1], GRID)
  with pytest.raises(ValueError, match='3 factors a point in training, 2 in'):
    sampling.both(codes, GRID, codes, GRID[:, :2])
