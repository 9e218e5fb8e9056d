"""Clusters against classes and lines against levels, free symmetries removed.

A set of points may be numbered in any order and a segment may run either way:
what training was not told it cannot get wrong. Plain NumPy arrays.
"""

from typing import NamedTuple

import numpy as np


class Points(NamedTuple):
  """Clusters named after the classes that they hold.

  Attributes:
    classes: `[k]`, the class of each cluster, -1 for none.
    accuracy: share of the examples whose cluster has the name of their class.
  """

  classes: tuple[int, ...]
  accuracy: float


class Line(NamedTuple):
  """level = scale * value + offset, the line of least squares.

  Attributes:
    scale: levels in a unit of the value; negative where the two run apart.
    offset: the level at value 0.
    error: `[n]`, |scale * value + offset - level|, in levels.
    correlation: of values and levels, from -1 to 1.
  """

  scale: float
  offset: float
  error: np.ndarray
  correlation: float


def assignment(gain) -> np.ndarray:
  """Rows to columns `[k, m]`, one to one, so that the sum of gains is largest.

  The shortest augmenting paths of Jonker and Volgenant 1987, as in scipy's
  linear_sum_assignment, which is no dependency of ours.

  Returns:
    `[k]` columns, -1 for the k - m rows that are left over if k > m.
  """
  gain = np.asarray(gain, np.float64)
  if gain.ndim != 2 or 0 in gain.shape or not np.isfinite(gain).all():
    raise ValueError(
      f'gains have shape {list(gain.shape)}; allowed: finite, [k, m]'
    )
  rows, columns = gain.shape
  if rows > columns:
    found = assignment(gain.T)
    back = np.full(rows, -1)
    back[found] = np.arange(columns)
    return back
  cost = gain.max() - gain
  # Column 0 and row 0 stand for none; u and v are the dual prices.
  u, v = np.zeros(rows + 1), np.zeros(columns + 1)
  owner = np.zeros(columns + 1, int)
  for row in range(1, rows + 1):
    owner[0], column = row, 0
    nearest = np.full(columns + 1, np.inf)
    came = np.zeros(columns + 1, int)
    done = np.zeros(columns + 1, bool)
    while owner[column]:
      done[column] = True
      here = owner[column]
      open_ = np.flatnonzero(~done[1:]) + 1
      reduced = cost[here - 1, open_ - 1] - u[here] - v[open_]
      better = reduced < nearest[open_]
      nearest[open_[better]] = reduced[better]
      came[open_[better]] = column
      step = nearest[open_].min()
      u[owner[done]] += step
      v[done] -= step
      nearest[open_] -= step
      column = open_[nearest[open_].argmin()]
    while column:
      owner[column] = owner[came[column]]
      column = came[column]
  found = np.full(rows, -1)
  found[owner[1:][owner[1:] > 0] - 1] = np.flatnonzero(owner[1:])
  return found


def match_points(clusters, classes) -> Points:
  """Names clusters `[n]` after classes `[n]`, each at most once.

  Args:
    clusters: numbers from 0 on; what is not whole is rounded.
    classes: numbers from 0 on.
  """
  clusters, classes = _whole(clusters, 'clusters'), _whole(classes, 'classes')
  if len(clusters) != len(classes):
    raise ValueError(f'{len(clusters)} clusters for {len(classes)} classes')
  table = np.zeros((clusters.max() + 1, classes.max() + 1))
  np.add.at(table, (clusters, classes), 1)
  named = assignment(table)
  right = (named[clusters] == classes).mean()
  return Points(tuple(named.tolist()), float(right))


def match_line(values, levels) -> Line:
  """Fits levels `[n]` by a line in values `[n]`, which may run either way."""
  values = np.asarray(values, np.float64)
  levels = np.asarray(levels, np.float64)
  if values.ndim != 1 or values.shape != levels.shape or not len(values):
    raise ValueError(
      f'values {list(values.shape)} and levels {list(levels.shape)}; '
      'allowed: [n] both'
    )
  x, y = values - values.mean(), levels - levels.mean()
  spread = (x**2).sum()
  scale = (x @ y) / spread if spread > 0 else 0.0
  below = np.sqrt(spread * (y**2).sum())
  return Line(
    scale=float(scale),
    offset=float(levels.mean() - scale * values.mean()),
    error=np.abs(scale * x - y),
    correlation=float(x @ y / below) if below > 0 else 0.0,
  )


def _whole(numbers, name: str) -> np.ndarray:
  numbers = np.asarray(numbers, np.float64)
  if numbers.ndim != 1 or not len(numbers) or not np.isfinite(numbers).all():
    raise ValueError(
      f'{name} have shape {list(numbers.shape)}; allowed: finite, [n]'
    )
  numbers = np.rint(numbers).astype(int)
  if numbers.min() < 0:
    raise ValueError(f'{name} go down to {numbers.min()}; allowed: 0, 1, ...')
  return numbers
