"""What every metric asks of its input, checked in one place."""

import numpy as np


def as_codes(codes) -> np.ndarray:
  """Real codes [points, latents], finite; floats keep their precision."""
  codes = np.asarray(codes)
  _two_dimensional(codes, 'codes', 'latents')
  if codes.dtype.kind in 'cOSUmM':
    raise ValueError(f'codes must be real numbers, not {codes.dtype}')
  if codes.dtype.kind != 'f':
    codes = codes.astype(np.float64)
  finite = np.isfinite(codes)
  if not finite.all():
    bad = np.flatnonzero(~finite.all(axis=0))
    raise ValueError(f'codes are NaN or infinite in {_columns(bad, "latent")}')
  return codes


def as_classes(classes, name: str = 'factors') -> np.ndarray:
  """Class numbers [points, columns] as int64; whole floats are welcome."""
  classes = np.asarray(classes)
  _two_dimensional(classes, name, name)
  if classes.dtype.kind in 'biu':
    return classes.astype(np.int64, copy=False)
  if classes.dtype.kind != 'f':
    raise ValueError(f'{name} must be whole numbers, not {classes.dtype}')
  if not (np.isfinite(classes) & (classes == np.round(classes))).all():
    raise ValueError(
      f'{name} must be class numbers; these hold fractions, NaN or infinity'
    )
  return classes.astype(np.int64)


def same_length(codes: np.ndarray, factors: np.ndarray) -> None:
  """Refuses codes and factors that do not describe the same points."""
  if len(codes) != len(factors):
    raise ValueError(
      f'{len(codes)} codes but {len(factors)} factors: '
      'both have one row for each point'
    )


def _two_dimensional(array: np.ndarray, name: str, columns: str) -> None:
  if array.ndim != 2 or 0 in array.shape:
    raise ValueError(
      f'{name} must be [points, {columns}], at least one of each; '
      f'the shape is {list(array.shape)}'
    )


def _columns(indices: np.ndarray, name: str) -> str:
  plural = 's' if len(indices) > 1 else ''
  return f'{name}{plural} ' + ', '.join(map(str, indices))
