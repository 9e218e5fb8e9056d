"""Angles: how they wind, agree and correlate.

Arrays are plain NumPy; angles are in radians and any two that differ by a turn
are the same. A sweep is closed: its last angle is followed by its first.
"""

import math
from typing import NamedTuple

import numpy as np

# Share of steps in the main direction from which a sweep counts as one way.
MONOTONE = 0.98


class Alignment(NamedTuple):
  """angles = sign * truth + offset, as well as a rotation and a mirror can.

  Attributes:
    sign: 1, or -1 where the angles run against the truth.
    offset: radians, from -pi to pi.
    resultant: length of the mean of exp(i error), 1 for a perfect fit, about
      1 / sqrt(n) for n angles that have nothing to do with the truth.
  """

  sign: int
  offset: float
  resultant: float


def wrap(angles) -> np.ndarray:
  """The same angles from -pi up to, not including, pi."""
  angles = np.asarray(angles, np.float64)
  return np.mod(angles + math.pi, 2 * math.pi) - math.pi


def winding(angles) -> float:
  """Turns of a closed sweep `[n]`: wrapped differences, summed, over 2 pi.

  The number is whole but for rounding. 1 or -1: once around, as a circle seen
  as a circle; 0: there and back again, a fold; 2: twice around, as of an object
  that looks the same after half a turn.
  """
  return float(_steps(angles).sum() / (2 * math.pi))


def monotone(angles) -> float:
  """Share of the steps of a closed sweep `[n]` in its main direction.

  A step of exactly zero is in neither.
  """
  steps = _steps(angles)
  return float(max((steps > 0).mean(), (steps < 0).mean()))


def homeomorphic(angles) -> bool:
  """Whether a closed sweep `[n]` goes round once and does not turn back."""
  return abs(round(winding(angles))) == 1 and monotone(angles) >= MONOTONE


def circular_mean(angles) -> float:
  """Direction of the mean of exp(i angles), over the first axis."""
  return float(np.angle(np.exp(1j * _angles(angles)).mean()))


def circular_correlation(a, b, uniform: bool = False) -> float:
  """Correlation of two lists of angles `[n]`, from -1 to 1.

  sum sin(a - mean a) sin(b - mean b) over the root of the product of the sums
  of their squares [Jammalamadaka and SenGupta 2001, eq. 8.2.2].

  Args:
    a: radians.
    b: radians.
    uniform: the angles lie all around, so that their mean directions are
      accidents of the sample. Then it is R(a - b) - R(a + b), the lengths of
      the means of exp(i ...): their numerator for this case, over what it is
      for uniform angles that agree.
  """
  a, b = _pair(a, b)
  if uniform:
    along, against = (abs(np.exp(1j * (a - s * b)).mean()) for s in (1, -1))
    return float(along - against)
  x, y = np.sin(a - circular_mean(a)), np.sin(b - circular_mean(b))
  below = math.sqrt((x**2).sum() * (y**2).sum())
  return float(np.clip((x * y).sum() / below, -1.0, 1.0)) if below else 0.0


def circular_linear_correlation(angles, values) -> float:
  """Multiple correlation of values with cos and sin of angles, from 0 to 1.

  [Mardia 1976; Jammalamadaka and SenGupta 2001, eq. 8.5.1]. It sees a value
  that goes up and down once in a turn; of a ramp around the whole circle it is
  sqrt(6) / pi = 0.78.
  """
  angles, values = _pair(angles, values)
  columns = np.stack([np.cos(angles), np.sin(angles), np.ones_like(angles)], 1)
  spread = ((values - values.mean()) ** 2).sum()
  if spread == 0:
    return 0.0
  fitted = columns @ np.linalg.lstsq(columns, values, rcond=None)[0]
  share = 1 - ((values - fitted) ** 2).sum() / spread
  return math.sqrt(min(max(share, 0.0), 1.0))


def align(angles, truth) -> Alignment:
  """The rotation and mirror of `truth` that fit `angles` `[n]` best."""
  angles, truth = _pair(angles, truth)
  means = {s: np.exp(1j * (angles - s * truth)).mean() for s in (1, -1)}
  sign = max(means, key=lambda s: abs(means[s]))
  mean = means[sign]
  return Alignment(sign, float(np.angle(mean)), float(abs(mean)))


def circular_error(
  angles, truth, alignment: Alignment | None = None
) -> np.ndarray:
  """|angles - truth| `[n]`, radians up to pi, after an alignment if given."""
  angles, truth = _pair(angles, truth)
  sign, offset, _ = alignment or Alignment(1, 0.0, 1.0)
  return np.abs(wrap(angles - sign * truth - offset))


def _steps(angles) -> np.ndarray:
  angles = _angles(angles)
  return wrap(np.roll(angles, -1) - angles)


def _angles(angles) -> np.ndarray:
  angles = np.asarray(angles, np.float64)
  if angles.ndim != 1 or not len(angles):
    raise ValueError(
      f'angles have shape {list(angles.shape)}; allowed: [n] with n at least 1'
    )
  if not np.isfinite(angles).all():
    raise ValueError('an angle is NaN or infinite; allowed: finite radians')
  return angles


def _pair(a, b) -> tuple[np.ndarray, np.ndarray]:
  a, b = _angles(a), _angles(b)
  if len(a) != len(b):
    raise ValueError(f'{len(a)} and {len(b)} values; allowed: pairs')
  return a, b
