"""Pairs of images that differ in a few factors, all others shared.

As in the reference, a factor differs if its class does: where the last class of
a loop is its first again, as of dSprites' orientation, one in 780 of the pairs
that differ in it alone are the same image twice.

[Locatello et al. 2020, "Weakly-supervised disentanglement without compromises"]
"""

import numpy as np

from jaxvae.data import batches
from jaxvae.data.factors import FactorGrid
from jaxvae.errors import UserError


def check(grid: FactorGrid | None, batch_size: int, changed: int) -> None:
  """Refuses what has no pairs.

  Raises:
    UserError: no grid of factors, an odd batch, or more factors to change than
      there are.
  """
  if grid is None:
    raise UserError(
      f'data.pairs={changed}: the data are no grid of factors',
      hint='pairs are found by changing factors, for example of dsprites',
    )
  movable = sum(size > 1 for size in grid.sizes)
  if changed > movable:
    raise UserError(
      f'data.pairs={changed}; allowed: 0 ... {movable}, the factors that vary'
    )
  if batch_size % 2:
    raise UserError(f'batch_size={batch_size}; allowed with pairs: even')


def positions(
  seed: int,
  batch_size: int,
  grid: FactorGrid,
  part: tuple[int, int],
  changed: int,
  first: int,
  count: int,
) -> np.ndarray:
  """Which images the steps see, `[count, b]`; rows i and i + b / 2 are a pair.

  Args:
    seed, batch_size, part, first, count: as of `batches.positions`.
    grid: of the data.
    changed: how many factors, drawn for each pair, get another class.
  """
  half = batch_size // 2
  one = batches.positions(seed, half, grid.size, (0, 1), first, count)
  other = np.stack(
    [
      _partners(np.random.default_rng([seed, first + i, 1]), grid, row, changed)
      for i, row in enumerate(one)
    ]
  )
  both = np.concatenate([one, other.astype(one.dtype)], axis=1)
  which, parts = part
  each = batch_size // parts
  return both[:, which * each : (which + 1) * each]


def _partners(rng, grid, indices, changed: int) -> np.ndarray:
  factors = grid.factors_of(indices)
  sizes = np.array(grid.sizes)
  # The smallest of some random numbers are a random choice of factors.
  order = np.where(sizes > 1, rng.random(factors.shape), np.inf)
  among = np.argsort(order, axis=1)[:, :changed]
  turn = rng.integers(1, np.maximum(sizes, 2)[among])
  rows = np.arange(len(factors))[:, None]
  factors[rows, among] = (factors[rows, among] + turn) % sizes[among]
  return grid.index(factors)
