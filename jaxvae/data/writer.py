"""Prepares data: runs a recipe and writes what it gives through TFDS.

The result is an ordinary TFDS directory in the array_record format, written
without TensorFlow. It appears whole or not at all, and once, however many
processes ask for it.

Records are written as they come. TFDS's own `download_and_prepare` gathers a
split in memory to shuffle it, and beyond 1,000 MiB through TensorFlow; here
there is nothing to shuffle, and as much in memory for a large split as for a
small one.
"""

import contextlib
import fcntl
import pathlib
import shutil
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from jaxvae.data import checks
from jaxvae.data import layers as composed
from jaxvae.data.blocks import Digest, cut, regroup
from jaxvae.data.factors import FactorGrid, dtype_of, factors_to_json
from jaxvae.data.prepared import Prepared, about_layers, describe
from jaxvae.data.recipe import Contents, Options, Recipe, grid_rows
from jaxvae.errors import ResourceError, UserError, lacking

# A record holds as many images as fit in this, at least one. Larger ones load
# no faster, and reading a single image out of them is slower.
RECORD_BYTES = 64 << 10
# Records are handed over in groups, because TFDS then writes its JSON anew.
GROUP_BYTES = 16 << 20
FILE_BYTES = 1 << 30
# Below this nothing is bright: the images were hardly meant so.
DARK = 32


def ensure(options: Options, recipe: Recipe) -> Prepared:
  """Prepares the data if that has not happened yet, and describes them.

  Safe when several processes ask at once: one prepares, the others wait.

  Raises:
    UserError, IntegrityError: as the builder says.
    ResourceError: the data directory cannot be written or is full, or what is
      read is not permitted.
  """
  with _granted(options):
    key = recipe.key(options)
    name = f'jaxvae_{options.name}' + (f'_{key}' if key else '')
    directory = options.data_dir / name / recipe.version
    # A finished directory is renamed into place.
    if not directory.exists():
      with _locked(directory.parent):
        if not directory.exists():
          _prepare(options, recipe, key, directory)
  found = describe(directory)
  return found._replace(factors=recipe.factors or found.factors)


def _prepare(
  options: Options, recipe: Recipe, key: str, directory: pathlib.Path
) -> None:
  for unfinished in directory.parent.glob('incomplete.*'):
    shutil.rmtree(unfinished)
  start = time.monotonic()
  label = f'{options.name} ({key})' if key else options.name
  print(f'preparing {label} ... ', end='', file=sys.stderr, flush=True)
  unfinished = directory.parent / f'incomplete.{directory.name}'
  try:
    contents = recipe.contents(options)
    unfinished.mkdir()
    notes = _write(contents, directory, unfinished)
    unfinished.rename(directory)
  except BaseException:
    print('failed', file=sys.stderr, flush=True)
    shutil.rmtree(unfinished, ignore_errors=True)
    raise
  seconds = time.monotonic() - start
  print(f'{seconds:.1f} s', file=sys.stderr)
  for note in notes:
    print(f'note: {note}', file=sys.stderr)
  sys.stderr.flush()


def _write(
  contents: Contents, directory: pathlib.Path, unfinished: pathlib.Path
) -> tuple[str, ...]:
  """Writes what is to be `directory`; returns the notes on it."""
  block_size = max(1, RECORD_BYTES // contents.row_bytes)
  about = tfds.core.MetadataDict(
    title=contents.title,
    image_shape=list(contents.image_shape),
    bits=contents.bits,
    grid=contents.grid,
    factors=factors_to_json(contents.factors),
    block_size=block_size,
    splits={},
  )
  if (layers := contents.layers) is not None:
    composed.check(layers, contents.factors, contents.image_shape)
    about['layers'] = composed.to_json(layers)
  record_bytes = block_size * contents.row_bytes
  writer = tfds.core.SequentialWriter(
    _info(contents, about, directory, unfinished),
    max_examples_per_shard=max(1, FILE_BYTES // record_bytes),
    file_format='array_record',
  )
  writer.initialize_splits(list(contents.splits))
  brightest = 0
  for name in contents.splits:
    digest = Digest(about_layers(contents.factors, layers))
    for records, largest in _groups(contents, name, digest, block_size):
      writer.add_examples({name: records})
      brightest = max(brightest, largest)
    about['splits'][name] = [_size(contents, name, digest), digest.hex()]
  notes = contents.notes
  if brightest < DARK and not contents.bits and layers is None:
    notes += (f'the brightest pixel of all is {brightest} of 255',)
  if notes:
    about['notes'] = list(notes)
  writer.close_all()
  return notes


def _groups(
  contents: Contents, split: str, digest: Digest, block_size: int
) -> Iterator[tuple[list[dict[str, Any]], int]]:
  """The records of a split, some at once, and their brightest pixel."""
  record_bytes = block_size * contents.row_bytes
  size = block_size * max(1, GROUP_BYTES // record_bytes)
  for group in regroup(contents.splits[split](), size):
    if group.factors is not None:
      checks.factors(group.factors, contents.factors, split, first=digest.size)
    digest.update(group)
    starts = range(0, len(group.rows), block_size)
    blocks = [cut(group, start, start + block_size) for start in starts]
    records = [{'rows': block.rows} for block in blocks]
    if contents.factors and not contents.grid:
      for record, block in zip(records, blocks, strict=True):
        record['factors'] = block.factors
    yield records, int(group.rows.max())


def _size(contents: Contents, split: str, digest: Digest) -> int:
  """The images of a split that was gone through."""
  if not digest.size:
    raise UserError(f'{contents.title}: split {split!r} has 0 records')
  if not contents.grid:
    return digest.size
  if digest.size != grid_rows(contents.factors, contents.layers):
    raise UserError(
      f'{contents.title}: {digest.size} images do not fill the grid'
    )
  return FactorGrid(contents.factors).size


def _info(
  contents: Contents,
  about: tfds.core.MetadataDict,
  directory: pathlib.Path,
  unfinished: pathlib.Path,
) -> tfds.core.DatasetInfo:
  features = {
    'rows': tfds.features.Tensor(
      shape=(None, contents.row_bytes), dtype=np.uint8, encoding='bytes'
    )
  }
  if contents.factors and not contents.grid:
    features['factors'] = tfds.features.Tensor(
      shape=(None, len(contents.factors)),
      dtype=dtype_of(contents.factors),
      encoding='bytes',
    )
  return tfds.core.DatasetInfo(
    builder=tfds.core.dataset_info.DatasetIdentity(
      name=directory.parent.name,
      version=tfds.core.Version(directory.name),
      data_dir=str(unfinished),
      module_name=__name__,
    ),
    description=contents.title,
    features=tfds.features.FeaturesDict(features),
    metadata=about,
    disable_shuffling=True,
  )


@contextlib.contextmanager
def _locked(directory: pathlib.Path) -> Iterator[None]:
  """Holds the right to write below `directory`; a dead holder lets go of it."""
  directory.mkdir(parents=True, exist_ok=True)
  with open(directory / '.lock', 'w') as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    yield


@contextlib.contextmanager
def _granted(options: Options) -> Iterator[None]:
  """Full disks, missing permissions and the like as a ResourceError."""
  try:
    yield
  except (OSError, RuntimeError, MemoryError) as error:
    reason = lacking(error)
    if not reason and not isinstance(error, OSError):
      raise
    named = getattr(error, 'filename', None)
    where = f': {named}' if named else ''
    read = named and not str(named).startswith(str(options.data_dir))
    raise ResourceError(
      f'cannot prepare data in {options.data_dir}:'
      f' {reason or error.strerror or error}{where}',
      hint=''
      if read
      else 'choose another place with data.data_dir or $TFDS_DATA_DIR',
    ) from error
