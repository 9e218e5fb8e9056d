"""Prepared data on disk, read back verified; `writer.py` writes them.

Layout: `DATA_DIR/jaxvae_NAME[_KEY]/VERSION/`, which `tfds.builder` reads too. A
record is a block of images: dSprites one by one would need 290 MB on disk and
minutes to read, in blocks it needs 3 MB and seconds.
"""

import contextlib
import json
import pathlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from jaxvae.data import files
from jaxvae.data import layers as composed
from jaxvae.data.blocks import Block, Digest, cut, join
from jaxvae.data.factors import (
  Factor,
  FactorGrid,
  dtype_of,
  factors_from_json,
  factors_to_json,
)
from jaxvae.data.layers import Layers
from jaxvae.data.recipe import grid_rows, row_bytes
from jaxvae.errors import IntegrityError, ResourceError, UserError, lacking


class Split(NamedTuple):
  """Attributes: size: number of images. sha256: of all rows and factors."""

  size: int
  sha256: str


class Prepared(NamedTuple):
  """A data set on disk: `recipe.Contents`, and how it is stored.

  Attributes:
    directory: where it is.
    block_size: rows in a record; the last record may have fewer.
    notes: of the contents, and what was seen while they were stored.
  """

  directory: pathlib.Path
  title: str
  image_shape: tuple[int, int, int]
  bits: bool
  grid: bool
  factors: tuple[Factor, ...]
  block_size: int
  splits: dict[str, Split]
  layers: Layers | None = None
  notes: tuple[str, ...] = ()

  @property
  def row_bytes(self) -> int:
    """Bytes of one stored row."""
    return row_bytes(self.image_shape, self.bits, self.layers)

  def rows(self, name: str) -> int:
    """Stored rows of a split: its images, or what they are composed of."""
    if self.layers is None:
      return self.split(name).size
    return grid_rows(self.factors, self.layers)

  def split(self, name: str) -> Split:
    """The split, or a UserError that lists the ones there are."""
    if name not in self.splits:
      raise UserError(
        f'{self.title} has no split {name!r}; it has: {", ".join(self.splits)}'
      )
    return self.splits[name]


def describe(directory: pathlib.Path) -> Prepared:
  """Reads what a prepared directory says of itself."""
  with _damaged_if_unreadable(directory):
    about = json.loads((directory / 'metadata.json').read_text())
    found = Prepared(
      directory=directory,
      title=about['title'],
      image_shape=tuple(about['image_shape']),
      bits=about['bits'],
      grid=about['grid'],
      factors=factors_from_json(about['factors']),
      block_size=about['block_size'],
      splits={name: Split(*split) for name, split in about['splits'].items()},
      notes=tuple(map(str, about.get('notes', ()))),
    )
    if 'layers' not in about:
      return found
    layers = composed.from_json(about['layers'])
    composed.check(layers, found.factors, found.image_shape)
    whole = FactorGrid(found.factors).size
    if not found.grid or any(x.size != whole for x in found.splits.values()):
      raise ValueError('composed images are not a whole grid')
    return found._replace(layers=layers)


def about_layers(factors: tuple[Factor, ...], layers: Layers | None) -> str:
  """What of the metadata decides the pixels, for the hash; '' for images."""
  if layers is None:
    return ''
  plain = [Factor(*factor[:3]) for factor in factors]
  return json.dumps([factors_to_json(tuple(plain)), composed.to_json(layers)])


def load(prepared: Prepared, split: str) -> Block:
  """Reads a whole split into memory and checks it against its sha256.

  Raises:
    IntegrityError: the files do not hold what was written.
  """
  sha256 = prepared.split(split).sha256
  size = prepared.rows(split)
  rows = np.empty((size, prepared.row_bytes), np.uint8)
  factors = None
  if not prepared.grid:
    shape = (size, len(prepared.factors))
    factors = np.empty(shape, dtype_of(prepared.factors))
  digest = Digest(about_layers(prepared.factors, prepared.layers))
  start = 0
  with _damaged_if_unreadable(prepared.directory):
    for part in blocks(prepared, split):
      stop = start + len(part.rows)
      rows[start:stop] = part.rows
      if factors is not None:
        factors[start:stop] = part.factors
      digest.update(part)
      start = stop
  if start != size or digest.hex() != sha256:
    raise _damaged(prepared.directory, f'{start} of {size} rows intact')
  for array in (rows, factors):
    if array is not None:
      array.flags.writeable = False
  return Block(rows, factors)


def records(prepared: Prepared, split: str) -> Any:
  """Random access to the records of a split, for `pick`."""
  prepared.split(split)
  with _damaged_if_unreadable(prepared.directory):
    # Where this is damaged, TFDS raises an error of protobuf's own kind.
    json.loads((prepared.directory / 'dataset_info.json').read_text())
    builder = tfds.builder_from_directory(prepared.directory)
    return builder.as_data_source(split=split)


def blocks(
  prepared: Prepared, split: str, at_once: int = 32
) -> Iterator[Block]:
  """The rows of a split in order, a few records at a time.

  Raises:
    IntegrityError: a record cannot be read.
  """
  source = records(prepared, split)
  for start in range(0, len(source), at_once):
    wanted = range(start, min(start + at_once, len(source)))
    with _damaged_if_unreadable(prepared.directory):
      found = [
        _block(record, prepared) for record in source.__getitems__(list(wanted))
      ]
    yield from found


def pick(prepared: Prepared, records: Any, indices: np.ndarray) -> Block:
  """Reads single rows `[n]` from what `records` gave.

  Raises:
    IntegrityError: the files do not hold what was written.
  """
  numbers, within = np.divmod(indices, prepared.block_size)
  with _damaged_if_unreadable(prepared.directory):
    found = records.__getitems__([int(number) for number in numbers])
    blocks = [_block(record, prepared) for record in found]
    return join(
      [
        cut(block, at, at + 1)
        for block, at in zip(blocks, within.tolist(), strict=True)
      ]
    )


@contextlib.contextmanager
def _damaged_if_unreadable(directory: pathlib.Path) -> Iterator[None]:
  """What reading a damaged array_record raises, as an error of ours."""
  try:
    yield
  except (*files.UNREADABLE, UserError) as error:
    if reason := lacking(error):
      raise ResourceError(
        f'the prepared data in {directory} cannot be read: {reason}',
        hint='they may be sound; they were left as they are',
      ) from error
    raise _damaged(directory, str(error).partition('\n')[0]) from error


def _damaged(directory: pathlib.Path, what: str) -> IntegrityError:
  return IntegrityError(
    f'the prepared data in {directory} are damaged: {what}',
    hint='delete that directory; the data are then prepared again',
  )


def _block(record: dict[str, np.ndarray], prepared: Prepared) -> Block:
  if prepared.factors or prepared.grid:
    return Block(record['rows'], record.get('factors'))
  return Block(record['rows'], np.zeros((len(record['rows']), 0), np.int32))
