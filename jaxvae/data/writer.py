"""Prepares data: runs a recipe and writes what it gives through TFDS.

The result is an ordinary TFDS directory in the array_record format, written
without TensorFlow. It appears whole or not at all, and once, however many
processes ask for it.
"""

import contextlib
import errno
import fcntl
import io
import os
import pathlib
import shutil
import sys
import time
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

from jaxvae.data import checks
from jaxvae.data import layers as composed
from jaxvae.data.blocks import Digest, regroup
from jaxvae.data.factors import FactorGrid, dtype_of, factors_to_json
from jaxvae.data.prepared import Prepared, about_layers, describe
from jaxvae.data.recipe import Contents, Options, Recipe, grid_rows
from jaxvae.errors import ResourceError, UserError

# A record holds as many images as fit in this, at least one. Larger ones load
# no faster, and reading a single image out of them is slower.
RECORD_BYTES = 64 << 10


def ensure(options: Options, recipe: Recipe) -> Prepared:
  """Prepares the data if that has not happened yet, and describes them.

  Safe when several processes ask at once: one prepares, the others wait.

  Raises:
    UserError, IntegrityError: as the builder says.
    ResourceError: the data directory cannot be written or is full.
  """
  key = recipe.key(options)
  name = f'jaxvae_{options.name}' + (f'_{key}' if key else '')
  directory = options.data_dir / name / recipe.version
  # TFDS renames a finished directory into place.
  if not directory.exists():
    with _writing(options.data_dir), _locked(directory.parent):
      if not directory.exists():
        _prepare(options, recipe, key, directory)
  found = describe(directory)
  return found._replace(factors=recipe.factors or found.factors)


class _Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  """Writes any Contents; named at run time, so TFDS's registry is not touched.

  TFDS names a builder and its version through attributes of that name.
  """

  def __init__(
    self,
    name: str,
    recipe: Recipe,
    contents: Contents,
    data_dir: pathlib.Path,
  ):
    self.name = name
    self.VERSION = tfds.core.Version(recipe.version)
    self.contents = contents
    self.block_size = max(1, RECORD_BYTES // contents.row_bytes)
    self.metadata = tfds.core.MetadataDict(
      title=contents.title,
      image_shape=list(contents.image_shape),
      bits=contents.bits,
      grid=contents.grid,
      factors=factors_to_json(contents.factors),
      block_size=self.block_size,
      splits={},
    )
    if (layers := contents.layers) is not None:
      composed.check(layers, contents.factors, contents.image_shape)
      self.metadata['layers'] = composed.to_json(layers)
    super().__init__(data_dir=data_dir, file_format='array_record')

  def _info(self) -> tfds.core.DatasetInfo:
    features = {
      'rows': tfds.features.Tensor(
        shape=(None, self.contents.row_bytes), dtype=np.uint8, encoding='bytes'
      )
    }
    if self.contents.factors and not self.contents.grid:
      features['factors'] = tfds.features.Tensor(
        shape=(None, len(self.contents.factors)),
        dtype=dtype_of(self.contents.factors),
        encoding='bytes',
      )
    return tfds.core.DatasetInfo(
      builder=self,
      description=self.contents.title,
      features=tfds.features.FeaturesDict(features),
      metadata=self.metadata,
      disable_shuffling=True,
    )

  def _split_generators(self, dl_manager):
    del dl_manager  # The contents know where their files are.
    splits = self.contents.splits
    return {name: self._generate_examples(name) for name in splits}

  def _generate_examples(self, split: str):
    factors, layers = self.contents.factors, self.contents.layers
    digest = Digest(about_layers(factors, layers))
    images = self.contents.splits[split]()
    for number, block in enumerate(regroup(images, self.block_size)):
      if block.factors is not None:
        checks.factors(block.factors, factors, split, first=digest.size)
      digest.update(block)
      record = {'rows': block.rows}
      if factors and not self.contents.grid:
        record['factors'] = block.factors
      yield number, record
    if not digest.size:
      raise UserError(f'{self.contents.title}: split {split!r} has 0 records')
    size = digest.size
    if self.contents.grid:
      if size != grid_rows(factors, layers):
        raise UserError(
          f'{self.contents.title}: {size} images do not fill the grid'
        )
      size = FactorGrid(factors).size
    self.metadata['splits'][split] = [size, digest.hex()]


def _prepare(
  options: Options, recipe: Recipe, key: str, directory: pathlib.Path
) -> None:
  name = directory.parent.name
  for unfinished in directory.parent.glob('incomplete.*'):
    shutil.rmtree(unfinished)
  start = time.monotonic()
  label = f'{options.name} ({key})' if key else options.name
  print(f'preparing {label} ... ', end='', file=sys.stderr, flush=True)
  try:
    contents = recipe.contents(options)
    builder = _Builder(name, recipe, contents, options.data_dir)
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    # TFDS prints a dozen lines and bars; one line is enough for seconds.
    tfds.disable_progress_bar()
    with contextlib.redirect_stdout(io.StringIO()):
      builder.download_and_prepare(download_config=config)
  except BaseException:
    print('failed', file=sys.stderr, flush=True)
    raise
  seconds = time.monotonic() - start
  print(f'{seconds:.1f} s', file=sys.stderr, flush=True)


@contextlib.contextmanager
def _locked(directory: pathlib.Path) -> Iterator[None]:
  """Holds the right to write below `directory`; a dead holder lets go of it."""
  directory.mkdir(parents=True, exist_ok=True)
  with open(directory / '.lock', 'w') as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    yield


@contextlib.contextmanager
def _writing(data_dir: pathlib.Path) -> Iterator[None]:
  """Full disks, missing permissions and the like as a ResourceError."""
  hint = 'choose another place with data.data_dir or $TFDS_DATA_DIR'
  try:
    yield
  except OSError as error:
    where = f': {error.filename}' if error.filename else ''
    raise ResourceError(
      f'cannot prepare data in {data_dir}: {error.strerror or error}{where}',
      hint,
    ) from error
  except RuntimeError as error:
    # array_record reports what the system said as text.
    full = os.strerror(errno.ENOSPC)
    if full not in str(error):
      raise
    raise ResourceError(
      f'cannot prepare data in {data_dir}: {full}', hint
    ) from error
