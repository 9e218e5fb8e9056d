"""Images in one array file: an .npz, .npy, or .h5 as DeepMind's 3D Shapes.

  images             `[n, h, w]`, `[n, h, w, c]` or `[n, c, h, w]`, c 1, 3 or 4
                     (of which one is opacity): uint8, uint16, bool, floats in
                     [0, 1], or whole numbers 0 and 1, stored in 256 steps
  labels or factors  `[n]` or `[n, f]` numbers, NaN where a label is not known;
                     optional. `columns.py` says what is a class, a whole
                     number from 0, and what a value of a continuous factor
  factor_names       `[f]` text; optional, as are the four below
  factor_sizes       `[f]` whole numbers; the largest class + 1 if left out, 0
                     or NaN
  factor_topologies  `[f]` points, segment or loop, or '' for what is left out:
                     points of classes, a segment of values
  factor_periods     `[f]` of a loop, how far it is once round, as 360 degrees;
                     NaN or 0 for none
  class_names        text for each class, where there is one factor

An .npy file is its images. Data that fill a grid in order are recognised.
Pickled objects are refused. Notes say what is done to the images.
"""

import difflib
import math
import pathlib
from collections.abc import Iterator

import numpy as np

from jaxvae.data import arrays as array_files
from jaxvae.data import checks, columns, files, imaging
from jaxvae.data.arrays import Array
from jaxvae.data.blocks import Block
from jaxvae.data.factors import Factor, FactorGrid
from jaxvae.data.recipe import Contents
from jaxvae.errors import UserError

_NAMES = (
  *('images', 'labels', 'factors', 'class_names'),
  *('factor_names', 'factor_sizes', 'factor_topologies'),
  'factor_periods',
)


def contents(path: pathlib.Path, image_size: int, channels: int) -> Contents:
  """Opens an array file.

  Args:
    path: ending in one of `arrays.SUFFIXES`.
    image_size: side of the square to resize to, 0 as it is.
    channels: 1 or 3 to convert to, 0 as it is.

  Raises:
    UserError: the arrays are not of the form above; names what is wrong.
    IntegrityError: the file cannot be read.
  """
  arrays, names = array_files.opened(path, _NAMES)
  if 'images' not in arrays:
    raise _no_images(path, names)
  images = arrays['images']
  size = images.shape[0]
  form = checks.form(images.shape, images.dtype, str(path))
  binary = checks.binary(images.pieces(), images.dtype, str(path))
  factors, classes = _factors(path, arrays, size)
  grid = FactorGrid(factors)
  whole = (
    bool(factors)
    and classes.dtype == np.int32
    and grid.size == size
    and bool((grid.index(classes) == np.arange(size)).all())
  )
  height, width, depth = form.shape
  depth = channels or min(depth, 3)
  out = (image_size or height, image_size or width, depth)

  def blocks() -> Iterator[Block]:
    start = 0
    for piece in images.pieces():
      some = checks.pixels(piece, str(path), start, binary)
      if form.channels_first:
        some = np.moveaxis(some, 1, -1)
      some = some.reshape(-1, *form.shape)
      rows = np.stack([imaging.fit(image, out).reshape(-1) for image in some])
      stop = start + len(rows)
      yield Block(rows, None if whole else classes[start:stop])
      start = stop

  return Contents(
    title=path.stem,
    image_shape=out,
    bits=False,
    grid=whole,
    factors=factors,
    splits={'train': blocks},
    notes=_notes(images, form, binary, bool(image_size)),
  )


def _no_images(path: pathlib.Path, names: list[str]) -> UserError:
  hint = 'save it again: numpy.savez(FILE, images=ARRAY)'
  others = [name for name in names if name not in _NAMES]
  near = difflib.get_close_matches('images', others, n=1, cutoff=0.5)
  if near or len(others) == 1:
    hint = hint.replace('ARRAY', f'OLD[{(near or others)[0]!r}]')
  listed = [n if n.isprintable() else repr(n) for n in names[:10]]
  return UserError(
    f'{path} has no array named images; it has: {", ".join(listed) or "none"}',
    hint,
  )


def _notes(
  images: Array, form: checks.Form, binary: bool, resized: bool
) -> tuple[str, ...]:
  """What is done to the pixels that is not plain."""
  notes = {
    f'shape {images.shape} is read as {form.shape[2]} channels, height,'
    ' width': form.channels_first,
    'the fourth channel is opacity: the images are laid on white': (
      form.shape[2] == 4
    ),
    'pixels are whole numbers 0 and 1: 1 is stored as 255': binary,
    'pixels have 16 bits: 65535 is stored as 255': (
      images.dtype.kind == 'u' and images.dtype.itemsize == 2 and not binary
    ),
    'the images are not square: the middle square is cut out': (
      resized and form.shape[0] != form.shape[1]
    ),
  }
  return tuple(note for note, holds in notes.items() if holds)


def _factors(
  path: pathlib.Path, arrays: dict[str, Array], size: int
) -> tuple[tuple[Factor, ...], np.ndarray]:
  """The declared factors and the checked classes or values `[n, f]`."""
  name = next((n for n in ('factors', 'labels') if n in arrays), None)
  if name is None:
    return (), np.zeros((size, 0), np.int32)
  shape, dtype = arrays[name].shape, arrays[name].dtype
  width = shape[1] if len(shape) == 2 else 1
  if (
    dtype.kind not in 'iubf'
    or len(shape) not in (1, 2)
    or not 1 <= width <= checks.MAX_FACTORS
  ):
    raise UserError(
      f'{path}: {name} have shape {shape} and dtype {dtype},'
      f' expected numbers [n] or [n, f], f up to {checks.MAX_FACTORS:,}',
      hint='numpy.unique(labels, return_inverse=True) gives class_names and'
      ' labels of text'
      if dtype.kind in 'SU'
      else '',
    )
  if shape[0] != size:
    raise UserError(f'{path}: {size} images but {shape[0]} {name}')
  given = array_files.whole(arrays[name], f'{path}: {name}')
  given = given.reshape(size, -1)
  default = ['label'] if width == 1 else [f'factor{k}' for k in range(width)]
  names = _said(path, arrays, 'factor_names', default)
  topologies = _said(path, arrays, 'factor_topologies', [''] * width)
  periods = _said(path, arrays, 'factor_periods', [0] * width)
  sizes = _said(path, arrays, 'factor_sizes', [0] * width)
  called = tuple(map(str, _texts(path, arrays, 'class_names')))
  if called and width != 1:
    raise UserError(
      f'{path}: class_names are of one factor, and there are {width}'
    )
  read = [
    columns.read(
      values,
      columns.Said(
        *(str(name), str(topology), period, _count(path, size)), called
      ),
      str(path),
      ranked=path.suffix.lower() != '.npz',
    )
    for values, name, topology, period, size in zip(
      given.T, names, topologies, periods, sizes, strict=True
    )
  ]
  factors = tuple(factor for factor, _ in read)
  checks.declared(factors, str(path))
  stored = np.stack([values for _, values in read], axis=1)
  return factors, checks.factors(stored, factors, str(path))


def _count(path: pathlib.Path, size) -> int:
  """How many classes; 0, or NaN beside other sizes, where nothing is said."""
  if isinstance(size, float) and math.isnan(size):
    return 0
  if isinstance(size, float) and size.is_integer() and abs(size) < 2**53:
    return int(size)
  if not isinstance(size, int):
    raise UserError(
      f'{path}: factor_sizes has {size!r}, expected whole numbers'
    )
  return size


def _said(path, arrays: dict[str, Array], name: str, default: list) -> list:
  if name not in arrays:
    return default
  said = _texts(path, arrays, name)
  if len(said) != len(default):
    raise UserError(
      f'{path}: {len(said)} {name} for {len(default)} columns of factors'
    )
  return said


def _texts(path, arrays: dict[str, Array], name: str) -> list:
  """Texts or numbers; none where there is no such array."""
  if name not in arrays:
    return []
  said = array_files.whole(arrays[name], f'{path}: {name}')
  if said.ndim != 1 or said.dtype.kind not in 'OSUTiubf':
    raise UserError(
      f'{path}: {name} has shape {said.shape} and dtype {said.dtype}, expected'
      ' a list of names or of numbers'
    )
  said = said.tolist()
  return [files.text(x) if isinstance(x, bytes) else x for x in said]
