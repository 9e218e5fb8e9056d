"""Pairs share all factors but a given number."""

import numpy as np
import pytest

from jaxvae import data
from jaxvae.data import pairs
from jaxvae.data.factors import Factor, FactorGrid
from jaxvae.errors import UserError

GRID = FactorGrid(
  (
    Factor('shape', 3, 'points'),
    Factor('colour', 1, 'points'),
    Factor('scale', 2, 'segment'),
    Factor('angle', 40, 'loop'),
  )
)


def _factors(changed, first=0, count=200, part=(0, 1)):
  where = pairs.positions(1, 32, GRID, part, changed, first, count)
  return where, GRID.factors_of(where)


@pytest.mark.parametrize('changed', [1, 2, 3])
def test_pairs_differ_in_so_many_factors(changed):
  _, factors = _factors(changed)
  differs = factors[:, :16] != factors[:, 16:]
  assert (differs.sum(-1) == changed).all()
  assert not differs[..., 1].any()
  # Each of the three that vary is chosen equally often: five standard errors.
  share = differs.reshape(-1, 4).mean(0)[[0, 2, 3]]
  error = 5 * np.sqrt(0.25 / differs[..., 0].size)
  assert np.abs(share - changed / 3).max() < error


def test_what_changes_is_uniform_over_the_other_classes():
  _, factors = _factors(1, count=2_000)
  turn = (factors[:, 16:, 3] - factors[:, :16, 3]).ravel() % 40
  counts = np.bincount(turn[turn > 0], minlength=40)[1:]
  expected = counts.sum() / 39
  assert ((counts - expected) ** 2 / expected).sum() < 39 + 5 * np.sqrt(78)


def test_steps_and_parts_are_those_of_the_whole():
  whole, _ = _factors(1, count=20)
  later, _ = _factors(1, first=15, count=5)
  np.testing.assert_array_equal(whole[15:], later)
  parts = [_factors(1, count=20, part=(i, 2))[0] for i in range(2)]
  np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)


@pytest.mark.parametrize(
  ('grid', 'size', 'changed', 'message'),
  [
    (None, 32, 1, 'data.pairs=1: the data are no grid of factors'),
    (GRID, 32, 4, r'data.pairs=4; allowed: 0 \.\.\. 3'),
    (GRID, 31, 1, 'batch_size=31; allowed with pairs: even'),
  ],
)
def test_refusals(grid, size, changed, message):
  with pytest.raises(UserError, match=message):
    pairs.check(grid, size, changed)


def test_digits_have_no_pairs(config):
  with pytest.raises(UserError, match='no grid'):
    data.open_source(
      config('digits', pairs=1), split='train', batch_size=16, seed=0
    )
