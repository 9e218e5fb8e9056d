"""Checks on the host, before anything is written or trained.

Under jit an index out of range is clamped and a cast wraps around, silently, so
what is wrong with data has to be said here.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from jaxvae.data.factors import TOPOLOGIES, Factor, dtype_of
from jaxvae.errors import UserError

MAX_PIXELS = 1 << 26  # of one image: with its copies half a gigabyte
MAX_CLASSES = 1 << 20
MAX_FACTORS = 1000


class Form(NamedTuple):
  """How an array holds images.

  Attributes:
    shape: `(h, w, c)` of an image, with c 1, 3 or 4.
    channels_first: the array is `[n, c, h, w]`.
  """

  shape: tuple[int, int, int]
  channels_first: bool


def form(shape: tuple[int, ...], dtype: np.dtype, where: str) -> Form:
  """How an array holds images; refuses, from its header, what cannot be some.

  Raises:
    UserError: says what was given and how to make images of it.
  """
  found = None
  if len(shape) == 3:
    found = Form((*shape[1:], 1), False)
  elif len(shape) == 4:
    first, last = shape[1] in (1, 3), shape[3] in (1, 3)
    if last or (shape[3] == 4 and not first):
      found = Form(shape[1:], False)
    elif first and shape[3] != 4:
      found = Form((*shape[2:], shape[1]), True)
  if found is None:
    raise UserError(
      f'{where}: images have shape {tuple(shape)}, expected [n, h, w],'
      ' [n, h, w, c] with c 1, 3 or 4, or [n, c, h, w] with c 1 or 3',
      hint=_other_form(shape),
    )
  if dtype.kind not in 'biuf':
    raise UserError(f'{where}: images have dtype {dtype}, expected {_DTYPES}')
  if 0 in shape:
    raise UserError(f'{where}: images have shape {tuple(shape)}: 0 records')
  area(*found.shape[:2], where)
  return found


def area(height: int, width: int, where: str) -> None:
  """Refuses images that are too large to work with."""
  if height * width > MAX_PIXELS:
    raise UserError(
      f'{where}: {height} x {width} pixels; allowed: {MAX_PIXELS:,} in all'
    )


_DTYPES = (
  'uint8, uint16, bool, floating point in [0, 1] or whole numbers 0 and 1'
)


def _other_form(shape: tuple[int, ...]) -> str:
  side = round(shape[1] ** 0.5) if len(shape) == 2 else 0
  if side > 1 and side**2 == shape[1]:
    return f'if a row is an image: images.reshape(-1, {side}, {side})'
  return 'numpy.reshape and numpy.moveaxis bring them into one of these'


def binary(pieces: Iterable[np.ndarray], dtype: np.dtype, where: str) -> bool:
  """Whether whole numbers are 0 and 1 throughout, and so mean 0 and 255.

  Args:
    pieces: arrays of pixels; gone through until one is something else.
    dtype: of the pixels.
    where: named in messages.

  Raises:
    UserError: they are not, and of a type that nothing else is known of.
  """
  if dtype.kind not in 'iu':
    return False
  largest = 0
  for piece in pieces:
    if piece.min() < 0 or piece.max() > 1:
      largest = 2
      break
    largest = max(largest, int(piece.max()))
  if largest != 1 and (dtype.kind == 'i' or dtype.itemsize > 2):
    raise UserError(
      f'{where}: images have dtype {dtype}, expected {_DTYPES}',
      hint='if they are 0 ... 255: images.astype(numpy.uint8)',
    )
  return largest == 1


def pixels(
  images: np.ndarray, where: str, first: int = 0, binary: bool = False
) -> np.ndarray:
  """Brings pixels into the stored range.

  Args:
    images: `[n, ...]`: bool; uint8; uint16, of which 65535 becomes 255; or
      floating point in [0, 1], which is rounded to 255 steps.
    where: named in messages.
    first: number of the first record, for messages.
    binary: they are whole numbers 0 and 1, which become 0 and 255.

  Returns:
    `[n, ...]` uint8.

  Raises:
    UserError: range or finiteness; names the record.
  """
  if binary or images.dtype == bool:
    return images.astype(np.uint8) * np.uint8(255)
  if images.dtype == np.uint8:
    return images
  if images.dtype.kind == 'u':
    return np.rint(images / 257).astype(np.uint8)
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
      hint='give uint8 in 0 ... 255, or divide by the largest value'
      if images.min() >= 0
      else 'pixels from -1 to 1: (images + 1) / 2',
    )
  return np.rint(images * 255).astype(np.uint8)


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
  """Refuses factors that cannot be: no class, unknown topologies, odd names.

  A period is a loop's, finite and above 0.
  """
  names = [factor.name for factor in factors]
  if len(set(names)) < len(names):
    raise UserError(
      f'{where}: factors are called {", ".join(names)}; each needs its own name'
    )
  for factor in factors:
    if not (factor.span or 1 <= factor.size <= MAX_CLASSES):
      raise UserError(
        f'{where}: factor {factor.name} has size {factor.size}; allowed: 1 to'
        f' {MAX_CLASSES:,}'
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
    for name in (factor.name, *factor.classes):
      if not name.strip() or not name.isprintable():
        raise UserError(
          f'{where}: {name!r} is no name for a factor or a class',
          hint='a name is one line of text',
        )
  return factors


def _refuse(bad, column, name, where, first, allowed) -> None:
  if bad.any():
    record = int(np.argmax(bad))
    raise UserError(
      f'{where}: factor {name} of record {first + record} is'
      f' {column[record]}, it must be {allowed}',
      hint='give NaN where a label is not known' if column[record] < 0 else '',
    )
