"""Data that stock TFDS has prepared already, put back in their first order.

TFDS shuffles records by a hash of their keys. For MNIST's family the keys are
the positions in the original file, so the order can be computed; for dSprites
the labels tell the position in the grid.
"""

import contextlib
import json
import pathlib
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import hashing

from jaxvae.data import files
from jaxvae.data.factors import FactorGrid
from jaxvae.errors import IntegrityError


def find(data_dir: pathlib.Path, name: str) -> pathlib.Path | None:
  """The newest directory of a data set that can be read without TensorFlow.

  Versions that are damaged, or of another format, are passed over.
  """
  found = []
  for info in data_dir.glob(f'{name}/*/dataset_info.json'):
    with contextlib.suppress(AttributeError, IsADirectoryError, ValueError):
      about = json.loads(info.read_text())
      if about.get('fileFormat') == 'array_record':
        found.append((tfds.core.Version(info.parent.name), info.parent))
  return max(found)[1] if found else None


def images_and_labels(
  directory: pathlib.Path, split: str
) -> tuple[np.ndarray, np.ndarray]:
  """Images `[n, h, w]` and labels `[n]`, uint8, in the order of their keys.

  Raises:
    IntegrityError: they cannot be read.
  """
  with _sound(directory):
    source = _source(directory, split)
    examples = list(_examples(source))
    images = np.stack([example['image'][..., 0] for example in examples])
    labels = np.array([example['label'] for example in examples], np.uint8)
  back = np.argsort(_shuffled(len(images), split))
  return images[back], labels[back]


def dsprites_rows(directory: pathlib.Path, grid: FactorGrid) -> np.ndarray:
  """All dSprites in grid order, `[n, 512]` uint8 with bits packed.

  Raises:
    IntegrityError: an image is missing, twice there, or not binary.
  """
  names = ('shape', 'scale', 'orientation', 'x_position', 'y_position')
  rows = np.zeros((grid.size, 512), np.uint8)
  seen = np.zeros(grid.size, bool)
  with _sound(directory):
    source = _source(directory, 'train')
    for example in _examples(source):
      index = grid.index([example[f'label_{name}'] for name in names])
      if example['image'].max() > 1:
        raise IntegrityError(f'{directory}: image {index} is not binary')
      rows[index] = np.packbits(example['image'])
      seen[index] = True
  if len(source) != grid.size or not seen.all():
    raise IntegrityError(
      f'{directory}: {len(source)} images, {seen.sum()} of'
      f' {grid.size} combinations of factors'
    )
  return rows


@contextlib.contextmanager
def _sound(directory: pathlib.Path) -> Iterator[None]:
  try:
    yield
  except files.UNREADABLE as error:
    what = 'what TFDS prepared here cannot be read'
    raise files.unreadable(
      directory / 'dataset_info.json', what, error
    ) from error


def _source(directory: pathlib.Path, split: str):
  return tfds.builder_from_directory(directory).as_data_source(split=split)


def _examples(source, at_once: int = 256) -> Iterator[dict]:
  for start in range(0, len(source), at_once):
    wanted = range(start, min(start + at_once, len(source)))
    yield from source.__getitems__(list(wanted))


def _shuffled(size: int, split: str) -> np.ndarray:
  """`[size]` the key of each record, as TFDS orders them."""
  hasher = hashing.Hasher(split)
  return np.array(sorted(range(size), key=hasher.hash_key))
