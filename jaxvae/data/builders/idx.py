"""Data in the idx format of MNIST: four files of images and labels.

The files lie in `manual_dir` (gzipped or plain), or stock TFDS has prepared
them in the data directory, or they are downloaded. Whichever it was, the sha256
of the decompressed files is checked, so the data are the same.
"""

import functools
import hashlib
import math
import pathlib
import struct
from typing import NamedTuple

import numpy as np

from jaxvae.data import files, stock
from jaxvae.data.blocks import Block
from jaxvae.data.factors import Factor
from jaxvae.data.recipe import (
  Contents,
  Options,
  Recipe,
  variant_key,
)
from jaxvae.errors import IntegrityError

_STEMS = {'train': 'train', 'test': 't10k'}
_SHAPE = (28, 28)


class IdxSet(NamedTuple):
  """One data set of this family.

  Attributes:
    title: its name for people.
    label: the factor that the labels tell.
    url: of the folder with the four gzipped files.
    sha256: of the decompressed files, by stem.
    sizes: number of images in each split.
  """

  title: str
  label: Factor
  url: str
  sha256: dict[str, str]
  sizes: tuple[tuple[str, int], ...] = (('train', 60_000), ('test', 10_000))


def recipe(idx_set: IdxSet, about: str) -> Recipe:
  """The recipe of a data set in the idx format."""
  return Recipe(
    about=about,
    version='1.1.0',
    key=variant_key,
    contents=lambda options: _contents(idx_set, options),
  )


def parse(content: bytes) -> np.ndarray:
  """The uint8 array of an idx file. [LeCun, "The MNIST database", format]"""
  try:
    zero, kind, rank = struct.unpack('>HBB', content[:4])
    shape = struct.unpack(f'>{rank}I', content[4 : 4 + 4 * rank])
  except struct.error as error:
    raise IntegrityError('not an idx file: it has no header') from error
  if (zero, kind) != (0, 8) or len(content) != 4 + 4 * rank + math.prod(shape):
    raise IntegrityError('not an idx file of bytes')
  return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def serialise(array: np.ndarray) -> bytes:
  """The idx file of a uint8 array."""
  header = struct.pack(f'>HBB{array.ndim}I', 0, 8, array.ndim, *array.shape)
  return header + array.tobytes()


def _contents(idx_set: IdxSet, options: Options) -> Contents:
  splits = {}
  for split, size in idx_set.sizes:
    images, labels = _arrays(idx_set, options, split, size)
    rows = images.reshape(size, -1)
    classes = labels.astype(np.int32)[:, None]
    splits[split] = functools.partial(iter, [Block(rows, classes)])
  return Contents(
    title=idx_set.title,
    image_shape=(*_SHAPE, 1),
    bits=False,
    grid=False,
    factors=(idx_set.label,),
    splits=splits,
  )


def _arrays(
  idx_set: IdxSet, options: Options, split: str, size: int
) -> tuple[np.ndarray, np.ndarray]:
  stem = _STEMS[split]
  shapes = {
    f'{stem}-images-idx3-ubyte': (size, *_SHAPE),
    f'{stem}-labels-idx1-ubyte': (size,),
  }
  directory = stock.find(options.data_dir, options.name)
  if not options.manual_dir and directory is not None:
    arrays = stock.images_and_labels(directory, split)
    for (name, _), array in zip(shapes.items(), arrays, strict=True):
      got = hashlib.sha256(serialise(array)).hexdigest()
      if got != (want := idx_set.sha256[name]):
        raise IntegrityError(
          f'{directory}: {name} has sha256 {got}, expected {want}'
        )
    return arrays
  images, labels = (
    parse(_content(idx_set, options, name, shape))
    for name, shape in shapes.items()
  )
  return images, labels


def _content(
  idx_set: IdxSet, options: Options, name: str, shape: tuple[int, ...]
) -> bytes:
  size = 4 + 4 * len(shape) + math.prod(shape)
  if options.manual_dir:
    # Some sites write a dot for the second dash.
    names = [name, name.replace('-idx', '.idx')]
    names = [f'{name}.gz' for name in names] + names
    path = files.find(options, options.name, names)
  else:
    path = _downloaded(idx_set, options, f'{name}.gz')
  return files.read_checked(path, idx_set.sha256[name], size)


def _downloaded(idx_set: IdxSet, options: Options, name: str) -> pathlib.Path:
  path = options.data_dir / 'downloads' / f'jaxvae_{options.name}' / name
  if not path.exists():
    files.download(f'{idx_set.url}/{name}', path)
  return path
