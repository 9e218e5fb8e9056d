"""Values of continuous factors as numbers of equal steps of their span."""

import math
from collections.abc import Mapping

import numpy as np

from jaxvae.metrics import arrays

# What keeps all digits of a value in float32, for metrics of numbers.
FINE = 1 << 24


def in_steps(
  factors,
  spans: Mapping[int, tuple[float, float]],
  steps: int,
  name: str = 'factors',
) -> np.ndarray:
  """Values as the numbers of equal steps of their span, 0 ... steps - 1.

  Args:
    factors: [points, factors]; class numbers, and NaN, stay what they are.
    spans: of the continuous factors, by column.
    steps: of each: a few bins, or `FINE`.
    name: of the factors, for messages.

  Returns:
    [points, factors] int64, or float64 where some are NaN.

  Raises:
    ValueError: a value is out of its span, or is no class number where there
      is no span.
  """
  numbers = arrays.as_rows(factors, name, 'factors').copy()
  spans = _as_spans(spans, numbers.shape[1])
  for at, column in enumerate(numbers.T):
    low, high = spans.get(at, (-arrays.CLASSES, arrays.CLASSES))
    wrong = (column < low) | (column > high)
    if at not in spans:
      wrong |= np.isfinite(column) & (column != np.round(column))
    if wrong.any():
      allowed = (
        f'{low:g} to {high:g}, its span'
        if at in spans
        else 'class numbers, or values with a span (Points.spans)'
      )
      raise ValueError(
        f'factor {at} in {name} is {column[wrong][0]:g}; allowed: {allowed}'
      )
    if at in spans:
      places = np.floor((column - low) / (high - low) * steps)
      numbers[:, at] = np.minimum(places, steps - 1)
  return numbers if np.isnan(numbers).any() else numbers.astype(np.int64)


def _as_spans(given, columns: int) -> dict[int, tuple[float, float]]:
  if not isinstance(given, Mapping):
    raise ValueError(
      f'spans={arrays.shown(given)}; allowed: (low, high) by column'
    )
  found = {}
  for at, span in given.items():
    arrays.whole('a column of spans', at, 0, columns - 1)
    ends = arrays.as_numbers(span, f'the span of factor {at}').tolist()
    if np.shape(ends) != (2,) or not 0 < ends[1] - ends[0] < math.inf:
      raise ValueError(
        f'the span of factor {at} is {arrays.shown(span)}; allowed: two finite '
        'numbers, the lower first'
      )
    found[at] = ends[0], ends[1]
  return found
