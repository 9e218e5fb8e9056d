"""Checks on the host, before anything is written or trained.

Under jit an index out of range is clamped and a cast wraps around, silently, so
what is wrong with data has to be said here.
"""

import math

import numpy as np

from jaxvae.data.factors import TOPOLOGIES, Factor, dtype_of
from jaxvae.errors import UserError

MOST = 1 << 24  # classes


def pixels(images: np.ndarray, where: str, first: int = 0) -> np.ndarray:
  """Brings images into the stored form.

  Args:
    images: `[n, h, w]` or `[n, h, w, c]` with c 1 or 3: uint8, bool, or
      floating point in [0, 1], which is rounded to 255 steps.
    where: named in messages.
    first: number of the first record, for messages.

  Returns:
    `[n, h, w, c]` uint8.

  Raises:
    UserError: shape, dtype, range or finiteness; names the record.
  """
  form(images.shape, images.dtype, where)
  if images.ndim == 3:
    images = images[..., None]
  if images.dtype == bool:
    return images.astype(np.uint8) * np.uint8(255)
  if images.dtype == np.uint8:
    return images
  finite = np.isfinite(images)
  if not finite.all():
    record = first + int(np.argwhere(~finite)[0, 0])
    raise UserError(f'{where}: record {record} has a pixel that is not finite')
  outside = (images < 0) | (images > 1)
  if outside.any():
    at = tuple(np.argwhere(outside)[0])
    raise UserError(
      f'{where}: record {first + int(at[0])} has a pixel of {images[at]:g},'
      f' floating-point pixels must be in [0, 1]',
      hint='give uint8 in 0 ... 255, or divide by the largest value',
    )
  return np.rint(images * 255).astype(np.uint8)


def form(shape: tuple[int, ...], dtype: np.dtype, where: str) -> None:
  """Refuses arrays that cannot be images, from their header alone."""
  if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] not in (1, 3)):
    raise UserError(
      f'{where}: images have shape {tuple(shape)}, expected [n, h, w],'
      ' [n, h, w, 1] or [n, h, w, 3]'
    )
  if dtype not in (np.uint8, bool) and dtype.kind != 'f':
    raise UserError(
      f'{where}: images have dtype {dtype}, expected uint8, bool or floating'
      ' point in [0, 1]'
    )
  if 0 in shape:
    raise UserError(f'{where}: images have shape {tuple(shape)}: 0 records')


def factors(
  classes: np.ndarray,
  declared: tuple[Factor, ...],
  where: str,
  first: int = 0,
) -> np.ndarray:
  """Checks classes and values `[n, f]` against their factors.

  Returns:
    The same as `dtype_of(declared)`; NaN is a label that is not known.

  Raises:
    UserError: names the factor, the value and the record.
  """
  if classes.ndim != 2 or classes.shape[1] != len(declared):
    raise UserError(
      f'{where}: factors have shape {classes.shape}, expected'
      f' [n, {len(declared)}]'
    )
  for column, factor in zip(classes.T, declared, strict=True):
    low, high = factor.ends
    known = ~np.isnan(column) | (not factor.unknown)
    allowed = f'in 0 ... {factor.size - 1}'
    if factor.span:
      allowed = f'from {low:g} to {high:g}'
    elif column.dtype.kind not in 'iub':
      part = known & ~(np.isfinite(column) & (column == np.floor(column)))
      _refuse(part, column, factor.name, where, first, 'a whole number')
    outside = known & ~((column >= low) & (column <= high))
    _refuse(outside, column, factor.name, where, first, allowed)
  return classes.astype(dtype_of(declared))


def declared(factors: tuple[Factor, ...], where: str) -> tuple[Factor, ...]:
  """Refuses factors that cannot be: no class, unknown topologies, few names.

  A period is a loop's, finite and above 0. float32 has no more whole numbers
  than `MOST` next to each other.
  """
  for factor in factors:
    if not (factor.span or 1 <= factor.size <= MOST):
      raise UserError(
        f'{where}: factor {factor.name} has size {factor.size}; allowed: 1 to'
        f' {MOST:,}'
      )
    if factor.topology not in TOPOLOGIES:
      raise UserError(
        f'{where}: factor {factor.name} has topology {factor.topology!r};'
        f' allowed: {", ".join(TOPOLOGIES)}'
      )
    if factor.period is not None and not (
      factor.topology == 'loop' and 0 < factor.period < math.inf
    ):
      raise UserError(
        f'{where}: factor {factor.name} ({factor.topology}) has the period'
        f' {factor.period}; allowed: a finite number above 0, of a loop'
      )
    if factor.classes and len(set(factor.classes)) != factor.size:
      raise UserError(
        f'{where}: factor {factor.name} has {factor.size} classes and the names'
        f' {", ".join(factor.classes)}; each class needs its own'
      )
  return factors


def _refuse(bad, column, name, where, first, allowed) -> None:
  if bad.any():
    record = int(np.argmax(bad))
    raise UserError(
      f'{where}: factor {name} of record {first + record} is'
      f' {column[record]}, it must be {allowed}'
    )
