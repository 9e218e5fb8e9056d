"""Units of codes in which solvers and trees answer as in any other.

A support vector machine stops early on columns that are large, or does not end;
trees compare codes in float32 and take differences below 1e-7 for none. Neither
is in the mathematics: a column that is out of their reach is moved or scaled.
"""

from typing import NamedTuple

import numpy as np

WIDE = 100.0  # a deviation
FAR = 1000.0  # a mean, also in deviations
TAKEN = 10.0  # the deviation of a column that is scaled
NARROW = 1e-4  # a range, for trees


class Units(NamedTuple):
  """(codes - origin) / unit; 0 and 1 for columns that keep every bit.

  Attributes:
    origin: [columns].
    unit: [columns].
  """

  origin: np.ndarray
  unit: np.ndarray

  def of(self, codes: np.ndarray) -> np.ndarray:
    """Codes [points, columns] in these units."""
    return (codes - self.origin) / self.unit


def within_reach(codes: np.ndarray, narrow: float = 0.0) -> Units:
  """Units for columns that are too wide, too far from 0 or too narrow.

  A column whose deviation is above 100, or whose range is below `narrow`, gets
  a deviation of 10; one whose mean is beyond 1,000, and beyond 1,000
  deviations, is taken about its mean.

  Args:
    codes: [points, columns], checked.
    narrow: a range.
  """
  mean, span = codes.mean(axis=0), np.ptp(codes, axis=0)
  # Of a constant column rounding would be the deviation.
  deviation = np.where(span > 0, codes.std(axis=0), 0)
  far = np.abs(mean) > FAR * np.maximum(1, deviation)
  scaled = (deviation > WIDE) | ((span > 0) & (span < narrow))
  return Units(np.where(far, mean, 0), np.where(scaled, deviation / TAKEN, 1))
