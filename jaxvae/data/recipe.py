"""What a builder gives: the vocabulary shared by all data sets.

A data set is one file in `builders/` with two functions, and one line in
`builders/__init__.py`. `key` names what would be prepared without reading any
data, `contents` opens the data; `writer.py` does everything else.
"""

import pathlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from jaxvae.data import layers as composed
from jaxvae.data.blocks import Block
from jaxvae.data.factors import Factor, FactorGrid
from jaxvae.data.layers import Layers
from jaxvae.errors import UserError


class Options(NamedTuple):
  """The part of a data config that decides what is prepared.

  Attributes:
    name: of the data set.
    variant: '' or a name that the data set knows.
    data_dir: where prepared data live.
    manual_dir: where the user put files by hand, or ''.
    path: a folder of images or an array file, for image_folder.
    image_size: side to resize to, 0 as it is; for image_folder.
    channels: 1 or 3, 0 as it is; for image_folder.
  """

  name: str
  variant: str
  data_dir: pathlib.Path
  manual_dir: str
  path: str
  image_size: int
  channels: int


class Contents(NamedTuple):
  """An opened data set.

  Attributes:
    title: its name for people.
    image_shape: `(h, w, c)`.
    bits: pixels are 0 or 1 and rows are packed as by `np.packbits`.
    grid: index and factors are related by `FactorGrid`, nothing is stored.
    factors: the declared factors, perhaps none.
    splits: name to a function that runs through the images from the start, in
      blocks of any size.
    layers: images of a grid are composed, see `layers.py`; the blocks then hold
      the rows of its geometries.
    notes: sentences on what was done to the images or left out, for people.
  """

  title: str
  image_shape: tuple[int, int, int]
  bits: bool
  grid: bool
  factors: tuple[Factor, ...]
  splits: dict[str, Callable[[], Iterator[Block]]]
  layers: Layers | None = None
  notes: tuple[str, ...] = ()

  @property
  def row_bytes(self) -> int:
    """Bytes of one stored row."""
    return row_bytes(self.image_shape, self.bits, self.layers)


class Recipe(NamedTuple):
  """How one named data set is made.

  Attributes:
    about: one line for lists.
    version: raise it when the same input would be written differently.
    key: options to the part of the directory's name that tells variants apart;
      refuses options that do not fit, with a UserError.
    contents: opens the data.
    variants: allowed values of `Options.variant`.
    factors: as they are described now, where all options have the same; what
      is on disk may have been prepared when less was said of them.
  """

  about: str
  version: str
  key: Callable[[Options], str]
  contents: Callable[[Options], Contents]
  variants: tuple[str, ...] = ('',)
  factors: tuple[Factor, ...] = ()


def row_bytes(
  image_shape: tuple[int, int, int], bits: bool, layers: Layers | None = None
) -> int:
  """Bytes of one stored row: an image, or what images are composed of."""
  if layers is not None:
    return composed.row_bytes(layers, image_shape)
  pixels = int(np.prod(image_shape))
  return -(-pixels // 8) if bits else pixels


def grid_rows(factors: tuple[Factor, ...], layers: Layers | None) -> int:
  """Stored rows of a whole grid: its images, or their geometries."""
  if layers is not None:
    return composed.geometries(layers, factors).size
  return FactorGrid(factors).size


def variant_key(options: Options) -> str:
  """The key of data that are what they are: the variant alone.

  Raises:
    UserError: options that only image_folder has are set.
  """
  for name in ('path', 'image_size', 'channels'):
    if value := getattr(options, name):
      raise UserError(
        f'data.{name}={value!r} does not apply to {options.name}',
        hint=f'data.{name} is for image_folder; leave it out',
      )
  return options.variant
