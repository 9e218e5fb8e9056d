"""Images in one array file: an .npz, or an .h5 as DeepMind's 3D Shapes.

  images             `[n, h, w]` or `[n, h, w, c]`: uint8, bool or floats in
                     [0, 1], which are stored in 256 steps
  labels or factors  `[n]` or `[n, f]` numbers, NaN where a label is not known;
                     optional. `columns.py` says what is a class, a whole
                     number from 0, and what a value of a continuous factor
  factor_names       `[f]` text; optional, as are the four below
  factor_sizes       `[f]` whole numbers; the largest class + 1 if left out
  factor_topologies  `[f]` points, segment or loop, or '' for what is left out:
                     points of classes, a segment of values
  factor_periods     `[f]` of a loop, how far it is once round, as 360 degrees;
                     NaN or 0 for none
  class_names        text for each class, where there is one factor

Data that fill a grid in order are recognised. Pickled objects are refused.
"""

import pathlib
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import h5py
import numpy as np
from PIL import Image, ImageOps

from jaxvae.data import checks, columns, files
from jaxvae.data.blocks import Block
from jaxvae.data.factors import Factor, FactorGrid
from jaxvae.data.recipe import Contents
from jaxvae.errors import UserError

SUFFIXES = ('.npz', '.h5', '.hdf5')
_TOGETHER = 256


class _Arrays(NamedTuple):
  """An opened file: its arrays' headers, and how to read each."""

  headers: dict[str, tuple[tuple[int, ...], np.dtype]]
  read: Callable[[str], Any]  # anything that can be sliced


def contents(path: pathlib.Path, image_size: int, channels: int) -> Contents:
  """Opens an array file.

  Args:
    path: ending in .npz, .h5 or .hdf5.
    image_size: side of the square to resize to, 0 as it is.
    channels: 1 or 3 to convert to, 0 as it is.

  Raises:
    UserError: the arrays are not of the form above; names what is wrong.
    IntegrityError: the file cannot be read.
  """
  arrays = _npz(path) if path.suffix == '.npz' else _h5(path)
  if 'images' not in arrays.headers:
    raise UserError(
      f'{path} has no array named images; it has:'
      f' {", ".join(arrays.headers) or "none"}'
    )
  shape, dtype = arrays.headers['images']
  checks.form(shape, dtype, str(path))
  factors, classes = _factors(path, arrays, shape[0])
  grid = FactorGrid(factors)
  whole = (
    bool(factors)
    and classes.dtype == np.int32
    and grid.size == shape[0]
    and bool((grid.index(classes) == np.arange(shape[0])).all())
  )
  height, width, depth = (*shape, 1)[1:4]
  out = (image_size or height, image_size or width, channels or depth)

  def blocks() -> Iterator[Block]:
    images = arrays.read('images')
    for start in range(0, shape[0], _TOGETHER):
      some = checks.pixels(images[start : start + _TOGETHER], str(path), start)
      rows = np.stack([_fit(image, out).reshape(-1) for image in some])
      yield Block(rows, None if whole else classes[start : start + len(rows)])

  return Contents(
    title=path.stem,
    image_shape=out,
    bits=False,
    grid=whole,
    factors=factors,
    splits={'train': blocks},
  )


def _fit(image: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
  if image.shape == shape:
    return image
  picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
  picture = picture.convert('L' if shape[2] == 1 else 'RGB')
  return np.asarray(ImageOps.fit(picture, (shape[1], shape[0]))).reshape(shape)


def _factors(
  path: pathlib.Path, arrays: _Arrays, size: int
) -> tuple[tuple[Factor, ...], np.ndarray]:
  """The declared factors and the checked classes or values `[n, f]`."""
  name = next((n for n in ('factors', 'labels') if n in arrays.headers), None)
  if name is None:
    return (), np.zeros((size, 0), np.int32)
  given = np.asarray(arrays.read(name)[:])
  if given.dtype.kind not in 'iubf' or given.ndim not in (1, 2):
    raise UserError(
      f'{path}: {name} have shape {given.shape} and dtype {given.dtype},'
      ' expected numbers [n] or [n, f]'
    )
  if len(given) != size:
    raise UserError(f'{path}: {size} images but {len(given)} {name}')
  given = given.reshape(size, -1)
  width = given.shape[1]
  default = ['label'] if width == 1 else [f'factor{k}' for k in range(width)]
  names = _said(path, arrays, 'factor_names', default)
  topologies = _said(path, arrays, 'factor_topologies', [''] * width)
  periods = _said(path, arrays, 'factor_periods', [0] * width)
  sizes = _said(path, arrays, 'factor_sizes', [0] * width)
  called = tuple(map(str, _texts(arrays, 'class_names')))
  if called and width != 1:
    raise UserError(
      f'{path}: class_names are of one factor, and there are {width}'
    )
  read = [
    columns.read(
      values,
      columns.Said(*(str(name), str(topology), period, size), called),
      str(path),
      ranked=path.suffix != '.npz',
    )
    for values, name, topology, period, size in zip(
      given.T, names, topologies, periods, sizes, strict=True
    )
  ]
  factors = tuple(factor for factor, _ in read)
  checks.declared(factors, str(path))
  stored = np.stack([values for _, values in read], axis=1)
  return factors, checks.factors(stored, factors, str(path))


def _said(path, arrays: _Arrays, name: str, default: list) -> list:
  if name not in arrays.headers:
    return default
  said = _texts(arrays, name)
  if len(said) != len(default):
    raise UserError(
      f'{path}: {len(said)} {name} for {len(default)} columns of factors'
    )
  return said


def _texts(arrays: _Arrays, name: str) -> list:
  """Texts or numbers; none where there is no such array."""
  if name not in arrays.headers:
    return []
  said = np.asarray(arrays.read(name)[:]).tolist()
  return [x.decode() if isinstance(x, bytes) else x for x in said]


def _npz(path: pathlib.Path) -> _Arrays:
  try:
    with zipfile.ZipFile(path) as archive:
      headers = {
        name.removesuffix('.npy'): _header(archive, name)
        for name in archive.namelist()
        if name.endswith('.npy')
      }
  except (zipfile.BadZipFile, EOFError, ValueError, zlib.error) as error:
    raise files.unreadable(path, 'not an .npz file') from error
  wanted = (
    *('images', 'labels', 'factors', 'class_names'),
    *('factor_names', 'factor_sizes', 'factor_topologies'),
    'factor_periods',
  )
  for name, (_, dtype) in headers.items():
    if dtype.hasobject and name in wanted:
      raise UserError(
        f'{path}: {name} holds pickled Python objects, which are refused:'
        ' loading them could run any code',
        hint='save plain arrays of numbers with numpy.savez',
      )

  def read(name: str) -> np.ndarray:
    try:
      with np.load(path, allow_pickle=False) as loaded:
        return loaded[name]
    except (zipfile.BadZipFile, EOFError, ValueError, zlib.error) as error:
      raise files.unreadable(path, f'{name} cannot be read') from error

  return _Arrays(headers, read)


def _header(archive: zipfile.ZipFile, name: str):
  with archive.open(name) as file:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0
    if version != (1, 0):
      read = np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
  return shape, dtype


def _h5(path: pathlib.Path) -> _Arrays:
  try:
    with h5py.File(path) as file:
      headers = {
        name: (item.shape, item.dtype)
        for name, item in file.items()
        if isinstance(item, h5py.Dataset)
      }
  except OSError as error:
    raise files.unreadable(path, 'not an HDF5 file') from error
  return _Arrays(headers, lambda name: _H5Array(path, name))


class _H5Array(NamedTuple):
  """An array on disk that is opened for each slice read."""

  path: pathlib.Path
  name: str

  def __getitem__(self, part: slice) -> np.ndarray:
    try:
      with h5py.File(self.path) as file:
        return file[self.name][part]
    except OSError as error:
      what = f'{self.name} cannot be read'
      raise files.unreadable(self.path, what) from error
