"""Which points a metric compares: pairs and batches that share one factor.

Two protocols ask for points that agree in one factor and are random in all
others. A model with a sampler of images draws the factors, renders and encodes
them: `sample_pairs`, `sample_fixed`. Points that have been encoded already are
chosen by row: `draw_pairs`, `draw_fixed`. Where the rows are a whole grid, each
combination of factors once, both are the same distribution.

No loop runs over draws. Generators are NumPy's `default_rng`.
"""

import math
import os
from collections.abc import Callable, Sequence
from concurrent import futures
from typing import NamedTuple

import numpy as np

from jaxvae.metrics import arrays, partners

MOST = 2**25  # points drawn at a time, a quarter of a GiB of row numbers
_PIECE = 64  # batches

Seed = int | Sequence[int]


class Rows(NamedTuple):
  """Points made ready to be drawn from, more than once.

  Attributes:
    points: n.
    factors: f.
    partner: (generator, factor, rows) -> as many rows, each uniform over those
      with the same value of the factor.
  """

  points: int
  factors: int
  partner: partners.Partner


class Draws(NamedTuple):
  """What was drawn.

  Attributes:
    labels: [m] the factor that is shared; `draw_` gives them in order.
    points: row numbers, [m, batch, 2] of pairs or [m, batch] of batches; of the
      `sample_` functions class numbers, with the factors as the last axis.
  """

  labels: np.ndarray
  points: np.ndarray


def rows(factors) -> Rows:
  """Sorts the points by each factor, or sees that they are a whole grid.

  Args:
    factors: [n, f] class numbers, two factors or more.

  Raises:
    ValueError: a factor has one value, or a value has one point.
  """
  factors = arrays.as_classes(factors)
  if factors.shape[1] < 2:
    raise ValueError('which of the factors is shared: there is only one')
  sizes = partners.grid_sizes(factors)
  partner = (
    partners.by_order(factors) if sizes is None else partners.by_stride(sizes)
  )
  return Rows(*factors.shape, partner)


def draw_pairs(factors, count: int, batch: int = 64, seed: Seed = 0) -> Draws:
  """Pairs of rows that share the value of one factor.

  The factor of each of the `count` batches is uniform. The first point of a
  pair is uniform over the rows, the second uniform over the rows with the same
  value of the factor, itself among them. On a whole grid that is the protocol
  of Higgins et al. 2017 as disentanglement_lib has it: two independent uniform
  vectors of factors, one entry copied.

  Args:
    factors: [n, f] class numbers of the points, or their `rows`.
    count: how many batches, m.
    batch: pairs in each.
    seed: of the generator.

  Returns:
    Labels [m] and points [m, batch, 2].

  Raises:
    ValueError: a factor has one value, or a value has one point, or a number
      is below 1, or they are more than `MOST` points.
  """
  check(batch, count=count)
  seed = _seed(seed)
  known = factors if isinstance(factors, Rows) else rows(factors)
  random = np.random.default_rng(seed)
  labels = np.sort(random.integers(known.factors, size=count))
  points = np.empty((2, batch, count), np.int32)
  # Numbers of two bytes are drawn in a third of the time.
  narrow = np.uint16 if known.points <= 2**16 else np.int32
  for factor, chosen in _spans(labels):
    first, second = points[..., chosen]
    first[:] = random.integers(known.points, size=first.shape, dtype=narrow)
    second[:] = known.partner(random, factor, first)
  return Draws(labels, points.T)


def draw_fixed(factors, count: int, batch: int = 64, seed: Seed = 0) -> Draws:
  """Batches of rows that all share the value of one factor.

  The factor is uniform, its value that of a uniform row, and the points are
  uniform over the rows with that value, with replacement. On a whole grid that
  is the protocol of Kim and Mnih 2018 as disentanglement_lib has it.

  Args:
    factors: [n, f] class numbers of the points, or their `rows`.
    count: how many batches, m.
    batch: points in each.
    seed: of the generator.

  Returns:
    Labels [m] and points [m, batch].

  Raises:
    ValueError: as `draw_pairs`.
  """
  check(batch, count=count)
  seed = _seed(seed)
  known = factors if isinstance(factors, Rows) else rows(factors)
  random = np.random.default_rng(seed)
  labels = np.sort(random.integers(known.factors, size=count))
  points = np.empty((batch, count), np.int32)
  for factor, chosen in _spans(labels):
    row = random.integers(known.points, size=points[0, chosen].shape)
    shared = np.broadcast_to(row.astype(np.int32), (batch, len(row)))
    points[:, chosen] = known.partner(random, factor, shared)
  return Draws(labels, points.T)


def sample_pairs(
  sizes: Sequence[int], count: int, batch: int = 64, seed: Seed = 0
) -> Draws:
  """Pairs of uniform vectors of classes that share one entry.

  Args:
    sizes: [f] how many values each factor has.
    count: how many batches, m.
    batch: pairs in each.
    seed: of the generator.

  Returns:
    Labels [m] and classes [m, batch, 2, f], to be rendered and encoded.

  Raises:
    ValueError: fewer than two factors or values, numbers as `draw_pairs`.
  """
  labels, classes = _sample(sizes, count, batch, (2,), seed)
  every = np.arange(count)
  classes[every, :, 1, labels] = classes[every, :, 0, labels]
  return Draws(labels, classes)


def sample_fixed(
  sizes: Sequence[int], count: int, batch: int = 64, seed: Seed = 0
) -> Draws:
  """Batches of uniform vectors of classes that all share one entry.

  Args:
    sizes: [f] how many values each factor has.
    count: how many batches, m.
    batch: points in each.
    seed: of the generator.

  Returns:
    Labels [m] and classes [m, batch, f], to be rendered and encoded.

  Raises:
    ValueError: as `sample_pairs`.
  """
  labels, classes = _sample(sizes, count, batch, (), seed)
  every = np.arange(count)
  classes[every, :, labels] = classes[every, 0, labels][:, None]
  return Draws(labels, classes)


def both(codes, factors, test_codes, test_factors):
  """The four arrays checked; points without a test are tested on themselves."""
  codes, factors = _together(codes, factors, '')
  if (test_codes is None) != (test_factors is None):
    raise ValueError('test_codes and test_factors are given together, or not')
  if test_codes is None:
    return codes, factors, codes, factors
  test_codes, test_factors = _together(test_codes, test_factors, 'test_')
  for name, ours, theirs in (
    ('codes', codes, test_codes),
    ('factors', factors, test_factors),
  ):
    if ours.shape[1] != theirs.shape[1]:
      raise ValueError(
        f'{ours.shape[1]} {name} a point in training, '
        f'{theirs.shape[1]} in the test'
      )
  return codes, factors, test_codes, test_factors


def check(batch, **counts) -> None:
  """Refuses numbers of batches, by name, that cannot be drawn."""
  batch = arrays.whole('batch', batch, -(2**31))
  for name, count in counts.items():
    count = arrays.whole(name, count, -(2**31))
    if count < 1 or batch < 1:
      raise ValueError(
        f'{name}: {count} batches of {batch}; both must be at least 1'
      )
    if count * batch > MOST:
      raise ValueError(
        f'{name}: {count} batches of {batch}; allowed: {MOST} points in all'
      )


def by_batches(
  function: Callable[[np.ndarray], np.ndarray], points: np.ndarray
) -> np.ndarray:
  """The rows [m, d] of `function`, on the cores and in pieces that fit a cache.

  Args:
    function: row numbers, the axes of `points` in reverse order, to rows.
    points: [m, ...] row numbers.
  """
  # In reverse order the axis that is summed over is an outer one.
  reverse, count = points.T, len(points)
  pieces = [reverse[..., at : at + _PIECE] for at in range(0, count, _PIECE)]
  with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    return np.concatenate(list(pool.map(function, pieces)))


def _together(codes, factors, test: str) -> tuple[np.ndarray, np.ndarray]:
  codes = arrays.as_codes(codes, f'{test}codes')
  factors = arrays.as_classes(factors, f'{test}factors')
  arrays.same_length(codes, factors)
  return codes, factors


def _sample(sizes, count: int, batch: int, more: tuple[int, ...], seed: Seed):
  sizes = [
    arrays.whole('a size', size, -(2**31))
    for size in arrays.sequence('sizes', sizes, 'whole numbers')
  ]
  if len(sizes) < 2 or min(sizes) < 2:
    raise ValueError(
      f'sizes {arrays.shown(sizes)}: two factors or more, of two values or more'
    )
  check(batch, count=count)
  shape = (count, batch, *more, len(sizes))
  if math.prod(shape) > 4 * MOST:
    raise ValueError(
      f'count: {count} batches of {batch} are {math.prod(shape)} classes; '
      f'allowed: {4 * MOST}'
    )
  random = np.random.default_rng(_seed(seed))
  labels = random.integers(len(sizes), size=count)
  return labels, random.integers(sizes, size=shape)


def _seed(given: Seed) -> int | list[int]:
  several = isinstance(given, list | tuple) or getattr(given, 'ndim', 0) == 1
  if several and len(given):
    return [arrays.seed(one) for one in given]
  return arrays.seed(given)


def _spans(labels: np.ndarray) -> list[tuple[int, slice]]:
  """Where each factor stands in sorted labels."""
  ends = np.cumsum(np.bincount(labels)).tolist()
  spans = zip([0, *ends], ends, strict=False)
  return [(factor, slice(*span)) for factor, span in enumerate(spans)]
