"""Which images a step sees, how they travel, and how they become a Batch.

Step s sees positions s * batch_size ... of an endless sequence: one random
permutation of the data after another, each drawn from (seed, epoch) alone. A
checkpoint needs only the step, and batches cross the ends of epochs.
"""

import functools
from collections.abc import Callable
from typing import Any

import grain
import jax
import jax.numpy as jnp
import numpy as np

from jaxvae.data.blocks import Block
from jaxvae.data.factors import FactorGrid
from jaxvae.structs import Batch

Read = Callable[[np.ndarray], Block]  # positions [...] -> rows, factors [...]
Positions = Callable[[int, int], np.ndarray]  # first, count -> [count, b]


def positions(
  seed: int,
  batch_size: int,
  size: int,
  part: tuple[int, int],
  first: int,
  count: int,
) -> np.ndarray:
  """Which images the steps `first ... first + count - 1` see, `[count, b]`.

  Of each batch, cut into `part[1]` equal pieces, it is piece `part[0]`.
  """
  places = np.arange(first * batch_size, (first + count) * batch_size)
  epochs, within = np.divmod(places, size)
  found = np.empty_like(places)
  for epoch in range(epochs[0], epochs[-1] + 1):
    now = epochs == epoch
    found[now] = _order(seed, epoch, size)[within[now]]
  which, parts = part
  each = batch_size // parts
  return found.reshape(count, batch_size)[:, which * each : (which + 1) * each]


# The members of an ensemble may each have an order of their own.
@functools.lru_cache(maxsize=64)
def _order(seed: int, epoch: int, size: int) -> np.ndarray:
  order = np.random.default_rng([seed, epoch]).permutation(size)
  return order.astype(np.int32)


def fetch_rows(read: Read, where: Positions, first: int, count: int) -> Block:
  """Rows and factors of some steps, gathered in memory."""
  return read(where(first, count))


def fetch_positions(where: Positions, first: int, count: int) -> np.ndarray:
  """Only the positions `[count, b]` int32; the rows are on the device."""
  return where(first, count).astype(np.int32)


def fetch_stream(read: Read, where: Positions, first: int, count: int) -> Block:
  """Rows and factors of some steps, read from disk by Grain's threads."""
  batches = grain.MapDataset.range(first, first + count).map(
    lambda step: read(where(int(step), 1)[0])
  )
  options = grain.ReadOptions(num_threads=min(16, count))
  found = list(batches.to_iter_dataset(options))
  return Block(*(np.stack(part) for part in zip(*found, strict=True)))


def pixels(
  rows: Any, xp: Any, *, shape: tuple[int, ...], bits: bool, binarize: bool
) -> Any:
  """Rows to images, by NumPy or jax.numpy.

  Args:
    rows: `[n, row]` uint8.
    xp: `numpy` or `jax.numpy`.
    shape: of an image, `(h, w, c)`.
    bits: rows are packed bits.
    binarize: pixels above 0.5 become 1, the others 0.

  Returns:
    `[n, h, w, c]` float32 in [0, 1].
  """
  if bits:
    rows = xp.unpackbits(rows, axis=-1, count=int(np.prod(shape)))
    images = rows.astype(xp.float32)
  else:
    images = rows.astype(xp.float32) / xp.float32(255)
  if binarize:
    images = (images > xp.float32(0.5)).astype(xp.float32)
  return images.reshape(rows.shape[:-1] + shape)


def decode_rows(to_pixels: Callable, resident: Any, fetched: Block) -> Batch:
  """The batch of one step whose rows were sent."""
  del resident
  return Batch(to_pixels(fetched.rows, jnp), fetched.factors)


def decode_positions(
  to_pixels: Callable, grid: FactorGrid, resident: Any, indices: jax.Array
) -> Batch:
  """The batch of one step whose rows are on the device.

  Args:
    to_pixels: `pixels` with its options.
    grid: of the factors, for data that are a whole grid.
    resident: rows `[size, row]` and factors `[size, f]`, or None for a grid.
    indices: `[b]` int32.
  """
  rows, factors = resident
  images = to_pixels(rows[indices], jnp)
  if factors is not None:
    return Batch(images, factors[indices])
  columns = [
    indices // stride % size
    for stride, size in zip(grid.strides, grid.sizes, strict=True)
  ]
  return Batch(images, jnp.stack(columns, axis=-1))
