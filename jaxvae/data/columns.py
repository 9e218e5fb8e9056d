"""Columns of numbers as factors: what is a class, and what a continuous value.

Whole numbers are classes, from 0. NaN is a label that is not known. Where a
period is given the numbers are values of a loop. Fractions are classes, the
ranks of the values, where few values return often: up to `FEW`, each on two
images or more, or up to `MANY`, on twenty images in the mean. They are values
of a segment where there are more than `MANY` of them, or more than `FEW` and
than half of the images. What is between has to be said, and so have whole
numbers of floating point most of which are there once: 'points' are classes, a
'segment' has values.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from jaxvae.data.factors import Factor
from jaxvae.errors import UserError

FEW, MANY = 20, 100  # different values
LARGEST = 1e15
# Steps of float32, in which values are stored, from the least to the largest.
STEPS = 10_000
LEAST = 1e-30


class Said(NamedTuple):
  """What the file says of a column.

  Attributes:
    name: of the factor.
    topology: or '' where it is left out.
    period: or 0 or NaN.
    size: or 0.
    classes: their names, or none.
  """

  name: str
  topology: str = ''
  period: Any = 0
  size: Any = 0
  classes: tuple[str, ...] = ()


def read(
  column: np.ndarray, said: Said, where: str, ranked: bool = False
) -> tuple[Factor, np.ndarray]:
  """What a column is.

  Args:
    column: `[n]` whole numbers or floating point, NaN for unknown.
    said: of it.
    where: named in messages.
    ranked: whole numbers of floating point are ranked too: DeepMind's 3D
      Shapes lists, among its factors' values, shapes from 0 to 3.

  Returns:
    The factor, and its classes or values `[n]`.

  Raises:
    UserError: infinite or huge values, a period that is none, a column that
      may be meant in two ways.
  """
  at = f'{where}: factor {said.name}'
  known = np.ones(len(column), bool)
  if column.dtype.kind == 'f':
    column = column.astype(np.float64)
    known = ~np.isnan(column)
  values = column[known]
  if column.dtype.kind == 'f' and (np.abs(values) >= LARGEST).any():
    worst = values[np.abs(values).argmax()]
    raise UserError(
      f'{at} has the value {worst:g}; allowed: finite and below {LARGEST:g}',
      hint='give NaN where a label is not known',
    )
  period = _period(said, at)
  if period or _continuous(values, said, at, ranked):
    return _values(column, known, said, period, at)
  whole = column.dtype.kind != 'f' or bool((values == np.floor(values)).all())
  if column.dtype.kind == 'f' and (ranked or not whole):
    column = column.copy()
    column[known] = np.unique(values, return_inverse=True)[1]
  size = said.size or len(said.classes)
  if not size:
    size = int(max(column[known].max(initial=0), 0)) + 1
  factor = Factor(
    said.name,
    int(size),
    said.topology or 'points',
    said.classes,
    unknown=not known.all(),
  )
  return factor, column


def _period(said: Said, at: str) -> float:
  """Once round, or 0 where nothing is said."""
  try:
    period = float(said.period)
  except (TypeError, ValueError):
    period = -1.0
  if math.isnan(period) or period == 0:
    return 0.0
  if not 0 < period < LARGEST:
    raise UserError(
      f'{at} has the period {said.period!r}; allowed: a number above 0',
      hint='360 for degrees, 6.283185 for radians, 0 for none',
    )
  if said.topology not in ('', 'loop') or said.size or said.classes:
    raise UserError(
      f'{at} has a period, and {said.topology or "classes"}; allowed: a loop of'
      ' values',
      hint="factor_topologies 'loop' and factor_sizes 0 go with a period",
    )
  return period


def _continuous(values: np.ndarray, said: Said, at: str, ranked: bool) -> bool:
  """Whether values without a period are of a segment."""
  if values.dtype.kind != 'f' or said.size or said.classes:
    return False
  counts = np.unique(values, return_counts=True)[1]
  kinds, images = len(counts), len(values)
  rarely = images < 2 * kinds
  whole = bool((values == np.floor(values)).all())
  whole = whole and (ranked or values.min(initial=0) >= 0)
  few = kinds <= FEW and (whole or counts.min(initial=2) >= 2)
  if few or said.topology == 'points' or (whole and not rarely):
    return False
  if said.topology == 'segment':
    return True
  if said.topology == 'loop':
    raise UserError(
      f'{at} is a loop of {kinds:,} different values and no period is given',
      hint='add factor_periods: 360 for degrees, 6.283185 for radians',
    )
  often = kinds <= MANY and images >= 20 * kinds
  if whole or kinds <= FEW or not (often or rarely or kinds > MANY):
    raise UserError(
      f'{at} has {kinds:,} different values on {images:,} images, which may be'
      ' classes or values of a continuous factor',
      hint="say which in factor_topologies: 'points' for classes, 'segment' for"
      " values, or 'loop' with factor_periods",
    )
  return not often


def _values(
  column: np.ndarray,
  known: np.ndarray,
  said: Said,
  period: float,
  at: str,
) -> tuple[Factor, np.ndarray]:
  stored = column.astype(np.float64)
  if period:
    stored[known] %= period
  stored = stored.astype(np.float32)
  if period:
    stored[stored >= period] = 0.0  # rounded up to a whole turn
  some = stored[known].astype(np.float64)
  low, high = (0.0, period) if period else (some.min(), some.max())
  largest = np.float32(np.abs(some).max(initial=0.0))
  if high - low < max(STEPS * float(np.spacing(largest)), LEAST):
    raise UserError(
      f'{at} has values from {low:.12g} to {high:.12g}, too close to each other'
      ' for float32',
      hint='subtract the mean of the values, or scale them',
    )
  factor = Factor(
    said.name,
    *(0, 'loop' if period else 'segment'),
    period=period or None,
    span=(float(low), float(high)),
    unknown=not known.all(),
  )
  return factor, stored
