"""Array files (.npz, .npy, .h5), opened: headers first, content in pieces.

What a header announces is held against the bytes that are there before any
memory is asked for. Only the named file is read: links and external or virtual
data sets of HDF5 are refused, as are pickled objects.
"""

import contextlib
import functools
import io
import math
import pathlib
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import h5py
import numpy as np

from jaxvae.data import files
from jaxvae.errors import UserError

SUFFIXES = ('.npz', '.npy', '.h5', '.hdf5')
# Read at once of an array that can be read in pieces, and of others in all.
PIECE_BYTES = 16 << 20
WHOLE_BYTES = 512 << 20
# The longest header that NumPy takes is 10,000 bytes.
_HEADER_BYTES = 1 << 14
# DEFLATE packs zeros about 1,000 times; DeepMind's dSprites are packed 120
# times. Above a size, more than this is no set of images.
_EXPANSION, _EXPANDED = 500, 1 << 30


class Array(NamedTuple):
  """An array in a file.

  Attributes:
    shape, dtype: as its header says.
    pieces: runs through it from the start, cut along the first axis.
  """

  shape: tuple[int, ...]
  dtype: np.dtype
  pieces: Callable[[], Iterator[np.ndarray]]


def opened(
  path: pathlib.Path, wanted: tuple[str, ...]
) -> tuple[dict[str, Array], list[str]]:
  """Opens an array file.

  Args:
    path: ending in one of SUFFIXES. The one array of an .npy file is the first
      of those wanted.
    wanted: names of arrays; no others are touched.

  Returns:
    Those that are there, and the names of all.

  Raises:
    UserError: an array is a pickle, a link, a single value, or would unpack to
      far more than the file.
    IntegrityError: the file is damaged.
    ResourceError: it is not permitted to read it.
  """
  read = {'.npz': _npz, '.npy': _npy}.get(path.suffix.lower(), _h5)
  with _damage(path, f'not a file of the kind {path.suffix}'):
    return read(path, wanted)


def whole(array: Array, where: str) -> np.ndarray:
  """A small array; a UserError if it is not small."""
  size = math.prod(array.shape) * array.dtype.itemsize
  if size > WHOLE_BYTES:
    raise UserError(f'{where} has {size:,} bytes; allowed: {WHOLE_BYTES:,}')
  empty = np.zeros((0, *array.shape[1:]), array.dtype)
  return np.concatenate([empty, *array.pieces()])


def _npz(path, wanted):
  with zipfile.ZipFile(path) as archive:
    stored = {
      info.filename.removesuffix('.npy'): info
      for info in archive.infolist()
      if info.filename.endswith('.npy')
    }
    found = {}
    for name in stored.keys() & set(wanted):
      reopen = functools.partial(_member, path, name)
      info = stored[name]
      there = info.file_size, info.compress_size
      found[name] = _numpy(path, name, reopen, *there)
  return found, list(stored)


@contextlib.contextmanager
def _member(path: pathlib.Path, name: str) -> Iterator[Any]:
  with zipfile.ZipFile(path) as archive, archive.open(f'{name}.npy') as file:
    yield file


def _npy(path, wanted):
  size = path.stat().st_size
  array = _numpy(path, wanted[0], lambda: path.open('rb'), size, size)
  return {wanted[0]: array}, [wanted[0]]


def _numpy(
  path: pathlib.Path,
  name: str,
  reopen: Callable[[], Any],
  unpacked: int,
  packed: int,
) -> Array:
  """An array in NumPy's own format, of so many bytes."""
  where = f'{path}: {name}'
  with reopen() as file:
    start = io.BytesIO(file.read(_HEADER_BYTES))
  version = np.lib.format.read_magic(start)
  read = np.lib.format.read_array_header_1_0
  if version != (1, 0):
    read = np.lib.format.read_array_header_2_0
  shape, fortran, dtype = read(start)
  if dtype.hasobject:
    raise UserError(
      f'{where} holds pickled Python objects, which are refused: loading them'
      ' could run any code',
      hint='save plain arrays of numbers with numpy.savez',
    )
  header = start.tell()
  size = math.prod(shape) * dtype.itemsize
  if header + size != unpacked or any(axis < 0 for axis in shape):
    raise files.damaged(
      path,
      f'{name} has {unpacked - header:,} bytes, but shape {shape} and dtype'
      f' {dtype} by its header',
    )
  _possible(where, shape, size, packed)
  if fortran and size > WHOLE_BYTES:
    raise UserError(
      f'{where} has {size:,} bytes in Fortran order; allowed: {WHOLE_BYTES:,}',
      hint='save it after numpy.ascontiguousarray',
    )
  each = shape[0] if fortran else _at_once(shape, dtype)

  def pieces() -> Iterator[np.ndarray]:
    with _damage(path, f'{name} cannot be read'), reopen() as file:
      file.read(header)
      for first in range(0, shape[0], each):
        part = min(each, shape[0] - first), *shape[1:]
        content = file.read(math.prod(part) * dtype.itemsize)
        flat = np.frombuffer(content, dtype)
        yield flat.reshape(part, order='F' if fortran else 'C')
      file.read(1)  # At the end zipfile compares the checksum.

  return Array(shape, dtype, pieces)


def _h5(path, wanted):
  found = {}
  with h5py.File(path) as file:
    names = list(file)
    for name in wanted:
      if name in names:
        found[name] = _h5_array(path, file, name)
  return found, names


def _h5_array(path: pathlib.Path, file: h5py.File, name: str) -> Array:
  where = f'{path}: {name}'
  link = file.get(name, getlink=True)
  if not isinstance(link, h5py.HardLink):
    raise _elsewhere(where, 'a link')
  dataset = file[name]
  if not isinstance(dataset, h5py.Dataset):
    raise UserError(f'{where} is a group, expected an array')
  if dataset.is_virtual or dataset.external:
    raise _elsewhere(where, 'an external or virtual data set')
  if dataset.dtype.hasobject and not h5py.check_string_dtype(dataset.dtype):
    raise UserError(
      f'{where} holds references or lists, expected plain numbers or text'
    )
  shape, dtype = dataset.shape or (), dataset.dtype
  size = math.prod(shape) * dtype.itemsize
  _possible(where, shape, size, dataset.id.get_storage_size())
  each = _at_once(shape, dtype)
  if dataset.chunks:
    # Each chunk is unpacked once, if that does not ask for much memory.
    row = max(1, math.prod(shape[1:]) * dtype.itemsize)
    rows = -(-each // dataset.chunks[0]) * dataset.chunks[0]
    if math.prod(dataset.chunks) * dtype.itemsize > WHOLE_BYTES:
      raise UserError(
        f'{where} is stored in chunks of {dataset.chunks}, allowed are'
        f' {WHOLE_BYTES:,} bytes in each'
      )
    each = rows if rows * row <= 8 * PIECE_BYTES else each

  def pieces() -> Iterator[np.ndarray]:
    with _damage(path, f'{name} cannot be read'), h5py.File(path) as again:
      for first in range(0, shape[0], each):
        yield again[name][first : first + each]

  return Array(shape, dtype, pieces)


def _elsewhere(where: str, what: str) -> UserError:
  return UserError(
    f'{where} is {what}, which may lead to other files; it is not followed',
    hint='store the array itself in the file, or give the file that has it',
  )


def _possible(where: str, shape: tuple, size: int, packed: int) -> None:
  """Refuses what is no array, or more bytes than the file can mean."""
  if not shape:
    raise UserError(f'{where} is a single value or nothing, expected an array')
  if size > max(_EXPANDED, _EXPANSION * packed):
    raise UserError(
      f'{where} has {size:,} bytes by its header, shape {shape}, and takes up'
      f' {packed:,} in the file: next to nothing is in it',
      hint='if that is meant, store it uncompressed',
    )


def _at_once(shape: tuple[int, ...], dtype: np.dtype) -> int:
  """How many along the first axis make a piece."""
  return max(1, PIECE_BYTES // max(1, math.prod(shape[1:]) * dtype.itemsize))


@contextlib.contextmanager
def _damage(path: pathlib.Path, what: str) -> Iterator[None]:
  try:
    yield
  except files.UNREADABLE as error:
    raise files.unreadable(path, what, error) from error
