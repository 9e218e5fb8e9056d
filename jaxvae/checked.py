"""What users give to functions, checked; one line says what is wrong."""

import math
import operator
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxvae.data import Factor
from jaxvae.errors import UserError
from jaxvae.ranges import shown

SHOWN = 12  # names in a message
MOST = 2**31  # numbers of one answer, 8 GiB
LARGEST = float(np.finfo(np.float32).max)


def array(given: Any, name: str, allowed: str) -> np.ndarray:
  """As an array; half precisions that NumPy does not know as float32.

  Raises:
    UserError: its rows are of unequal length, or it has a mask.
  """
  parts = given if isinstance(given, list | tuple) else (given,)
  if any(isinstance(part, np.ma.MaskedArray) for part in parts):
    raise UserError(
      f'{name}: a masked array; allowed: {allowed}, without a mask',
      hint='fill what is masked, or leave those rows out',
    )
  try:
    found = np.asarray(given)
  except (TypeError, ValueError, RuntimeError) as error:
    raise UserError(
      f'{name}: rows of unequal length, or a type that NumPy does not read; '
      f'allowed: {allowed}'
    ) from error
  if found.dtype.kind == 'V' and np.can_cast(found.dtype, np.float32):
    return found.astype(np.float32)
  return found


def images(given: Any, shape: tuple[int, int, int]) -> np.ndarray:
  """Images `[n, *shape]`: uint8, bool, or floating point in [0, 1].

  Raises:
    UserError: of another shape or type, or with other values.
  """
  allowed = f'[n, {", ".join(map(str, shape))}] with n at least 1'
  images = array(given, 'images', allowed)
  if images.ndim != 4 or images.shape[1:] != shape or not len(images):
    raise UserError(
      f'images have shape {list(images.shape)}; allowed: {allowed}',
      hint='one image is image[None]'
      if images.shape == shape
      else 'add the channel: images[..., None]'
      if images.shape[1:] == shape[:2]
      else '',
    )
  if images.dtype not in (np.uint8, bool) and images.dtype.kind != 'f':
    raise UserError(
      f'images have dtype {images.dtype}; allowed: uint8 in 0 ... 255, bool, '
      'or floating point in [0, 1]'
    )
  low, high = images.min(), images.max()
  if np.isnan(low):
    raise UserError('images have a pixel that is NaN; allowed: 0 to 1')
  if images.dtype.kind == 'f' and not 0 <= low <= high <= 1:
    raise UserError(
      f'images have pixels from {low:g} to {high:g}; allowed: 0 to 1 for '
      'floating point',
      hint='divide by the largest value that a pixel can have',
    )
  if images.dtype == np.uint8 and high == 1:
    raise UserError(
      'images are uint8 and no pixel is above 1; allowed: 0 ... 255 for uint8',
      hint='if 1 is white, give images.astype(bool)',
    )
  return images


def points(given: Any, width: int) -> np.ndarray:
  """Latent points `[n, width]` as float32.

  Raises:
    UserError: of another shape, or not finite.
  """
  allowed = f'[n, {width}] with n at least 1'
  z = array(given, 'z', allowed)
  if z.ndim != 2 or z.shape[1] != width or not len(z):
    raise UserError(f'z has shape {list(z.shape)}; allowed: {allowed}')
  if z.dtype.kind not in 'fiu':
    raise UserError(f'z has dtype {z.dtype}; allowed: real numbers')
  with np.errstate(over='ignore'):
    z = z.astype(np.float32)
  finite = np.isfinite(z).all(axis=1)
  if not finite.all():
    raise UserError(
      f'row {int(np.argmin(finite))} of z is not finite; allowed: finite '
      'numbers that float32 can hold'
    )
  return z


def whole(name: str, given: Any, low: int, high: float = np.inf) -> int:
  """A whole number from `low` to `high`.

  Raises:
    UserError: it is none.
  """
  allowed = f'at least {low}' if high == np.inf else f'from {low} to {high}'
  try:
    value = operator.index(given)
  except TypeError:
    value = low - 1
  if isinstance(given, bool | np.bool_) or not low <= value <= high:
    raise UserError(f'{name}={shown(given)}; allowed: a whole number {allowed}')
  return value


def few(name: str, given: int, *others: int) -> int:
  """The number of images, where all their numbers have room.

  Raises:
    UserError: times `others` they are more than `MOST`.
  """
  allowed = MOST // math.prod(others)
  if given > allowed:
    raise UserError(
      f'{name}={shown(given)}; allowed: at most {allowed} in one call'
    )
  return given


def latents(given: Any, names: tuple[str, ...]) -> list[int]:
  """The numbers of one latent, by name or number, or of all.

  Raises:
    UserError: there is no such latent.
  """
  if given is None:
    return list(range(len(names)))
  if isinstance(given, str):
    if given not in names:
      raise UserError(f'latent={shown(given)}; allowed: {", ".join(names)}')
    return [names.index(given)]
  return [whole('latent', given, 0, len(names) - 1)]


def span(given: Any) -> tuple[float, float]:
  """Two finite numbers, the lower first.

  Raises:
    UserError: they are not that.
  """
  allowed = '(low, high), two finite numbers, low below high'
  ends = array(given, 'span', allowed)
  low, high = np.nan, np.nan
  if ends.shape == (2,) and ends.dtype.kind in 'fiu':
    low, high = map(float, ends)
  if not -LARGEST <= low < high <= LARGEST:
    raise UserError(f'span={shown(given)}; allowed: {allowed}')
  return low, high


def labels(
  given: Mapping[str, Any] | None, factors: Mapping[str, Factor], n: int
) -> dict[str, np.ndarray]:
  """Labels by factor, each `[n]` whole numbers.

  Args:
    given: one class or a sequence of n, by factor; numbers, or names where the
      classes have some. None for nothing.
    factors: those that the model is told, by name.
    n: how many images they are of.

  Raises:
    UserError: another factor, or what is no class of it.
  """
  given = {} if given is None else given
  if not isinstance(given, Mapping):
    raise UserError(
      f'labels={shown(given)}; allowed: classes by factor, such as'
      f' {{{next(iter(factors), "digit")!r}: 0}}'
    )
  found = {}
  for factor, label in given.items():
    if factor not in factors:
      raise UserError(
        f'label of {shown(factor)}; allowed for this model:'
        f' {", ".join(factors) or "none, it is told no labels"}'
      )
    size, names = factors[factor].size, factors[factor].classes
    allowed = f'a whole number from 0 to {size - 1}'
    if names:
      more = (f'... ({size})',) * (size > SHOWN)
      allowed = f'{allowed}, or of {", ".join(names[:SHOWN] + more)}'
    if n > 1:
      allowed = f'{allowed}; one for all, or {n} of them'
    value = array(label, f'labels of {factor}', allowed)
    if value.dtype == object:  # as of a column of a table
      value = array(value.tolist(), f'labels of {factor}', allowed)
    if value.dtype.kind == 'U':
      numbers = {name: i for i, name in enumerate(names)}
      found_at = [numbers.get(name, size) for name in value.ravel()]
      value = np.array(found_at).reshape(value.shape)
    wrong = value.dtype.kind not in 'iu' or value.shape not in ((), (n,))
    if wrong or value.min() < 0 or value.max() >= size:
      raise UserError(f'{factor}={shown(label)}; allowed: {allowed}')
    found[factor] = np.broadcast_to(value, (n,))
  return found


def classes(
  flag: str, text: str, factors: Mapping[str, Factor]
) -> dict[str, int]:
  """'4' or 'shape=heart, scale=5' as classes by factor.

  Args:
    flag: whose value it is, for messages.
    text: what was given; empty for nothing.
    factors: those that the model is told, by name.

  Raises:
    UserError: not that, or a class that there is not.
  """
  found: dict[str, Any] = {}
  for part in filter(None, map(str.strip, text.split(','))):
    factor, equals, label = part.rpartition('=')
    if not equals and len(factors) == 1:
      factor = next(iter(factors))
    elif not equals:
      raise UserError(
        f'{flag}={text!r}; allowed: FACTOR=CLASS, for {", ".join(factors)}'
      )
    if factor in found:
      raise UserError(f'{flag}={text!r}; allowed: one class of {factor}')
    # A folder may be called 7: a name comes before a number.
    known = factor in factors and label in factors[factor].classes
    number = re.fullmatch(r'[+-]?\d+', label) and not known
    found[factor] = int(label) if number else label
  numbers = labels(found, factors, 1)
  return {factor: int(number[0]) for factor, number in numbers.items()}
