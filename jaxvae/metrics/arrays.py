"""What every metric asks of its input, checked in one place.

Codes become float64 whatever they were: sums over half precision are wrong, and
the value of a metric is that of the numbers, not of their type. What does not
fit raises a `ValueError` of one line with the name of the argument.
"""

import math
import operator
import reprlib
from collections.abc import Collection

import numpy as np

# Squares of their covariances are in the range of float64.
LEAST, LARGEST = 1e-50, 1e50
SHOWN = 10  # columns in a message
CLASSES = 2**53  # beyond it floating point skips whole numbers


def as_codes(codes, name: str = 'codes') -> np.ndarray:
  """Real codes [points, latents] as float64: finite, 1e-50 to 1e50 or 0."""
  codes = as_rows(codes, name)
  finite = np.isfinite(codes)
  if not finite.all():
    bad = np.flatnonzero(~finite.all(axis=0))
    raise ValueError(f'{name} are NaN or infinite in {_columns(bad, "latent")}')
  largest = np.abs(codes).max(axis=0)
  bad = np.flatnonzero(
    (largest > LARGEST) | ((largest < LEAST) & (largest > 0))
  )
  if bad.size:
    raise ValueError(
      f'{name} are at most {largest[bad[0]]:g} in {_columns(bad, "latent")}; '
      f'allowed: from {LEAST:g} to {LARGEST:g}, or all 0'
    )
  return codes


def as_rows(codes, name: str = 'codes', columns: str = 'latents') -> np.ndarray:
  """Real numbers [points, columns] as float64, NaN and infinity among them."""
  codes = as_numbers(codes, name)
  _two_dimensional(codes, name, columns)
  return codes


def as_classes(classes, name: str = 'factors') -> np.ndarray:
  """Class numbers [points, columns] as int64; whole floats are welcome."""
  classes = _array(classes, name)
  _two_dimensional(classes, name, name)
  if classes.dtype.kind not in 'biu':
    if not _real(classes):
      raise ValueError(f'{name} must be whole numbers, not {classes.dtype}')
    classes = _float64(classes)
    if not (np.isfinite(classes) & (classes == np.round(classes))).all():
      raise ValueError(
        f'{name} must be class numbers; these hold fractions, NaN or infinity'
      )
  low, high = int(classes.min()), int(classes.max())
  if low < -CLASSES or high > CLASSES:
    raise ValueError(
      f'{name} must be class numbers from -2^53 to 2^53, not '
      f'{low if low < -CLASSES else high}'
    )
  return classes.astype(np.int64, copy=False)


def as_labels(labels, name: str = 'labels') -> np.ndarray:
  """Class numbers [points] as int64."""
  labels = _array(labels, name)
  return as_classes(labels.reshape(-1, 1), name)[:, 0]


def as_numbers(given, name: str) -> np.ndarray:
  """Real numbers of any shape as float64, NaN and infinity among them."""
  given = _array(given, name)
  if not _real(given):
    raise ValueError(f'{name} must be real numbers, not {given.dtype}')
  return _float64(given)


def precision(codes) -> type[np.floating]:
  """float32 of codes that are float32, in which references cut them; or 64."""
  kind = getattr(getattr(codes, 'dtype', None), 'type', None)
  return np.float32 if kind is np.float32 else np.float64


def unmasked(given, name: str) -> None:
  """Refuses masked arrays: NumPy would go on without their mask."""
  parts = given if isinstance(given, list | tuple) else (given,)
  if any(isinstance(part, np.ma.MaskedArray) for part in parts):
    raise ValueError(
      f'{name} are masked; allowed: arrays without a mask, such as the rows '
      'that have no masked entry'
    )


def same_length(codes: np.ndarray, factors: np.ndarray) -> None:
  """Refuses codes and factors that do not describe the same points."""
  if len(codes) != len(factors):
    raise ValueError(
      f'{len(codes)} codes but {len(factors)} factors: '
      'both have one row for each point'
    )


def whole(name: str, given, low: int = 1, high: int = 2**31 - 1) -> int:
  """A whole number from `low` to `high`; True and False are none."""
  try:
    value = operator.index(given)
  except TypeError:
    value = None
  if value is None or isinstance(given, bool | np.bool_):
    raise ValueError(f'{name} must be a whole number, not {shown(given)}')
  if value < low:
    raise ValueError(f'{name} must be at least {low}, not {shown(value)}')
  if value > high:
    raise ValueError(f'{name} must be at most {high}, not {shown(value)}')
  return value


def seed(given) -> int:
  """The seed of a generator, from 0 to 2^32 - 1."""
  return whole('seed', given, 0, 2**32 - 1)


def bins_of(given, none: bool = False) -> int | None:
  """How many bins, up to a million; None where codes may be taken as such."""
  return None if none and given is None else whole('bins', given, 1, 10**6)


def number(name: str, given, low: float = -math.inf) -> float:
  """A finite real number that is at least `low`."""
  value = _array(given, name)
  good = value.ndim == 0 and value.dtype.kind != 'b' and _real(value)
  value = float(_float64(value)) if good else math.nan
  if not low <= value < math.inf or value == -math.inf:
    least = '' if low == -math.inf else f', at least {low:g}'
    raise ValueError(f'{name}={shown(given)}; allowed: a number{least}')
  return value


def flag(name: str, given) -> bool:
  """True or False."""
  if not isinstance(given, bool | np.bool_):
    raise ValueError(f'{name}={shown(given)}; allowed: True or False')
  return bool(given)


def among(given, names: Collection[str]) -> bool:
  """Whether a choice is one of the names, whatever it is."""
  return isinstance(given, str) and given in names


def sequence(name: str, given, of: str) -> list:
  """What a list, a tuple, a range or an array holds, in their order."""
  if isinstance(given, list | tuple | range):
    return list(given)
  if getattr(given, 'ndim', 0):
    return list(_array(given, name))
  raise ValueError(f'{name}={shown(given)}; allowed: a sequence of {of}')


def texts(name: str, given) -> tuple[str, ...]:
  """Names as a tuple of texts."""
  found = tuple(sequence(name, given, 'names'))
  if not all(isinstance(one, str) for one in found):
    raise ValueError(f'{name}={shown(given)}; allowed: a sequence of names')
  return found


def shown(given) -> str:
  """What was given, in one short line."""
  try:
    return ' '.join(reprlib.repr(given).split())
  except ValueError:  # of Python, for whole numbers of thousands of digits
    return f'... ({type(given).__name__}, too long to show)'


def _array(given, name: str) -> np.ndarray:
  unmasked(given, name)
  try:
    return np.asarray(given)
  except (TypeError, ValueError, RuntimeError) as error:
    raise ValueError(
      f'{name} cannot be read as an array: rows of unequal length, or '
      f'{type(given).__name__} that NumPy does not know'
    ) from error


def _real(array: np.ndarray) -> bool:
  # 'V' has half precisions that NumPy does not know, and structures.
  return array.dtype.kind in 'biuf' or (
    array.dtype.kind == 'V' and np.can_cast(array.dtype, np.float64, 'safe')
  )


def _float64(array: np.ndarray) -> np.ndarray:
  with np.errstate(over='ignore'):  # of longer floats, to infinity
    return array.astype(np.float64, copy=False)


def _two_dimensional(array: np.ndarray, name: str, columns: str) -> None:
  if array.ndim != 2 or 0 in array.shape:
    raise ValueError(
      f'{name} must be [points, {columns}], at least one of each; '
      f'the shape is {list(array.shape)}'
    )


def _columns(indices: np.ndarray, name: str) -> str:
  plural = 's' if len(indices) > 1 else ''
  more = f' and {len(indices) - SHOWN} more' if len(indices) > SHOWN else ''
  return f'{name}{plural} ' + ', '.join(map(str, indices[:SHOWN])) + more
