"""Which images a step sees, how they travel, and how they become a Batch.

Step s sees positions s * batch_size ... of an endless sequence: one random
permutation of the data after another, each drawn from (seed, epoch) alone. A
checkpoint needs only the step, and batches cross the ends of epochs.
"""

import collections
import threading
from collections.abc import Callable
from typing import Any

import grain
import jax
import jax.numpy as jnp
import numpy as np

from jaxvae.data import layers as composed
from jaxvae.data.blocks import Block
from jaxvae.data.factors import Factor, FactorGrid
from jaxvae.data.layers import Layers
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
  start, stop = first * batch_size, (first + count) * batch_size
  found = np.empty(stop - start, np.int64)
  for epoch in range(start // size, (stop - 1) // size + 1):
    # One batch may be many epochs of a small grid.
    low, high = max(start, epoch * size), min(stop, (epoch + 1) * size)
    order = _order(seed, epoch, size)
    found[low - start : high - start] = order[
      low - epoch * size : high - epoch * size
    ]
  which, parts = part
  each = batch_size // parts
  return found.reshape(count, batch_size)[:, which * each : (which + 1) * each]


# The members of an ensemble may each have an order of their own, so some are
# kept, up to these bytes. Small ones are drawn faster than they are found among
# the thousands that a small grid goes through.
_ORDER_BYTES = 1 << 30
_ORDER_LEAST = 4096
_orders: collections.OrderedDict = collections.OrderedDict()
_orders_lock = threading.Lock()  # Grain's threads ask too


def _order(seed: int, epoch: int, size: int) -> np.ndarray:
  if size < _ORDER_LEAST:
    return _drawn(seed, epoch, size)
  key = seed, epoch, size
  with _orders_lock:
    if key in _orders:
      _orders.move_to_end(key)
      return _orders[key]
    _orders[key] = _drawn(seed, epoch, size)
    held = sum(each.nbytes for each in _orders.values())
    while held > _ORDER_BYTES and len(_orders) > 1:
      _, old = _orders.popitem(last=False)
      held -= old.nbytes
    return _orders[key]


def _drawn(seed: int, epoch: int, size: int) -> np.ndarray:
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
  rows: Any,
  classes: Any,
  xp: Any,
  *,
  shape: tuple[int, ...],
  bits: bool,
  binarize: bool,
  factors: tuple[Factor, ...] = (),
  layers: Layers | None = None,
) -> Any:
  """Rows to images, by NumPy or jax.numpy.

  Args:
    rows: `[n, row]` uint8.
    classes: `[n, f]` int32, read where images are composed.
    xp: `numpy` or `jax.numpy`.
    shape: of an image, `(h, w, c)`.
    bits: rows are packed bits.
    binarize: pixels above 0.5 become 1, the others 0.
    factors: of the classes.
    layers: how images are composed of rows, or None.

  Returns:
    `[n, h, w, c]` float32 in [0, 1].
  """
  if layers is not None:
    images = composed.compose(
      rows, classes, xp, layers=layers, factors=factors, shape=shape
    )
  elif bits:
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
  rows, factors = fetched
  return Batch(to_pixels(rows, factors, jnp), factors)


def decode_positions(
  to_pixels: Callable,
  grid: FactorGrid,
  layers: Layers | None,
  resident: Any,
  indices: jax.Array,
) -> Batch:
  """The batch of one step whose rows are on the device.

  Args:
    to_pixels: `pixels` with its options.
    grid: of the factors, for data that are a whole grid.
    layers: how images are composed of rows, or None.
    resident: rows `[size, row]` and factors `[size, f]`, or None for a grid.
    indices: `[b]` int32.
  """
  rows, factors = resident
  if factors is not None:
    classes = factors[indices]
    return Batch(to_pixels(rows[indices], classes, jnp), classes)
  columns = [
    indices // stride % size
    for stride, size in zip(grid.strides, grid.sizes, strict=True)
  ]
  classes = jnp.stack(columns, axis=-1)
  if layers is not None:
    indices = composed.row_of(layers, grid.factors, classes, jnp)
  return Batch(to_pixels(rows[indices], classes, jnp), classes)
