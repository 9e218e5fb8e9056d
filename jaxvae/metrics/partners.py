"""Rows that share the value of a factor with given rows, drawn at once."""

import math
from collections.abc import Callable

import numpy as np

# (generator, factor, rows) -> as many rows with the same value of the factor.
Partner = Callable[[np.random.Generator, int, np.ndarray], np.ndarray]


def grid_sizes(factors: np.ndarray) -> tuple[int, ...] | None:
  """Sizes of the grid of which these rows are all points in order, or None."""
  low = factors[0]
  sizes = tuple((factors[-1] - low + 1).tolist())
  if min(sizes) < 2 or math.prod(sizes) != len(factors):
    return None
  for column, start, size, stride in zip(
    factors.T, low, sizes, _strides(sizes), strict=True
  ):
    expected = start + np.arange(size)[:, None]
    if not (column.reshape(-1, size, stride) == expected).all():
      return None
  return sizes


def by_stride(sizes: tuple[int, ...]) -> Partner:
  """On a whole grid the class of a row is arithmetic."""
  strides, points = _strides(sizes), math.prod(sizes)

  def partner(random, factor, shared):
    size, stride = sizes[factor], strides[factor]

    def place(rows):
      return rows // stride - rows // (stride * size) * size

    other = random.integers(points, size=shared.shape, dtype=np.int32)
    return other + (place(shared) - place(other)) * stride

  return partner


def by_order(factors: np.ndarray) -> Partner:
  """Rows sorted by class, so that those of a class are neighbours."""
  orders, counts, starts = [], [], []
  for factor, column in enumerate(factors.T):
    ranks = _ranks(column)
    count = np.bincount(ranks)
    if (count > 0).sum() < 2:
      raise ValueError(
        f'factor {factor} has one value only in these points: leave it out'
      )
    if (count == 1).any():
      value = column[np.flatnonzero(ranks == np.argmax(count == 1))[0]]
      raise ValueError(
        f'factor {factor} has the value {value} at one point only: '
        'points that share it must be two or more'
      )
    orders.append(np.argsort(ranks, kind='stable').astype(np.int32))
    counts.append(count[ranks])
    starts.append((np.cumsum(count) - count)[ranks])

  def partner(random, factor, shared):
    place = random.random(shared.shape)
    place *= counts[factor].take(shared, mode='clip')
    place += starts[factor].take(shared, mode='clip')
    return orders[factor].take(place.astype(np.int32), mode='clip')

  return partner


def _strides(sizes: tuple[int, ...]) -> list[int]:
  return [math.prod(sizes[at + 1 :]) for at in range(len(sizes))]


def _ranks(column: np.ndarray) -> np.ndarray:
  """Numbers from 0 up in the order of the classes, small where they can be."""
  low = column.min()
  if column.max() - low < 2**16:
    return (column - low).astype(np.uint16)  # sorted by radix
  return np.unique(column, return_inverse=True)[1]
