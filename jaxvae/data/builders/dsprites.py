"""dSprites: re-rendered by default, or DeepMind's own file.

737,280 binary images of 64 x 64 pixels, the whole grid of `sprites.FACTORS` in
the order of the original file (posY fastest). Orientation is declared a loop
of 39 steps, and how often each shape comes back in it; `render/sprites.py` says
what its symmetries mean.

The variant 'original' is read from `manual_dir` (the .npz or .hdf5 of
DeepMind's repository, checked by hash) or from what stock TFDS has prepared in
the data directory. Pickled parts of the .npz are never opened.
"""

import hashlib
import pathlib
from collections.abc import Iterator

import h5py
import numpy as np

from jaxvae.data import files, stock
from jaxvae.data.blocks import Block
from jaxvae.data.factors import Factor, FactorGrid
from jaxvae.data.recipe import (
  Contents,
  Options,
  Recipe,
  variant_key,
)
from jaxvae.data.render import sprites
from jaxvae.errors import IntegrityError

_SHAPE, _SCALE, _TURN, *_PLACE = (Factor(*each) for each in sprites.FACTORS)
GRID = FactorGrid(
  (
    _SHAPE._replace(classes=sprites.SHAPES),
    _SCALE,
    _TURN._replace(period=sprites.PERIOD, folds=('shape', sprites.FOLDS)),
    *_PLACE,
  )
)
STEM = 'dsprites_ndarray_co1sh3sc6or40x32y32_64x64'
# The ids under which git keeps both files in google-deepmind/dsprites-dataset.
GIT_IDS = {
  f'{STEM}.npz': 'd98996d3f8ee1550e06b9d4ed78d0beb478910d5',
  f'{STEM}.hdf5': '3c8de5d40afa425dfd9de811d71248449aae238b',
}


def rerendered() -> Iterator[Block]:
  """One block for each (shape, scale, orientation): all its positions."""
  for shape, scale, orientation in np.ndindex(*sprites.SIZES[:3]):
    yield Block(sprites.packed_block(shape, scale, orientation), None)


def original(path: pathlib.Path, grid: FactorGrid = GRID) -> np.ndarray:
  """Reads DeepMind's file, whose hash has been checked.

  Args:
    path: of the .npz or .hdf5 file.
    grid: that the images in it fill.

  Returns:
    `[n, 512]` uint8, the images in grid order with their bits packed.

  Raises:
    IntegrityError: the arrays in it are not the ones that were published.
  """
  if path.suffix == '.npz':
    with np.load(path, allow_pickle=False) as arrays:
      images, classes = arrays['imgs'], arrays['latents_classes']
  else:
    with h5py.File(path) as arrays:
      images, classes = arrays['imgs'][:], arrays['latents']['classes'][:]
  if images.shape != (grid.size, sprites.SIDE, sprites.SIDE):
    raise IntegrityError(f'{path}: images have shape {images.shape}')
  if images.max() > 1:
    raise IntegrityError(f'{path}: a pixel is {images.max()}, not 0 or 1')
  # The first column is the colour, which has one value.
  if (grid.index(classes[:, 1:]) != np.arange(grid.size)).any():
    raise IntegrityError(f'{path}: the images are not in the order of the grid')
  return np.packbits(images.reshape(grid.size, -1), axis=1)


def git_id(path: pathlib.Path) -> str:
  """The id that git gives to a file's content."""
  digest = hashlib.sha1(f'blob {path.stat().st_size}\0'.encode())
  with open(path, 'rb') as file:
    while piece := file.read(1 << 20):
      digest.update(piece)
  return digest.hexdigest()


def _contents(options: Options) -> Contents:
  title, split = 'dSprites re-rendered', rerendered
  if options.variant == 'original':
    title, split = 'dSprites', _original_blocks(options)
  return Contents(
    title=title,
    image_shape=(sprites.SIDE, sprites.SIDE, 1),
    bits=True,
    grid=True,
    factors=GRID.factors,
    splits={'train': split},
  )


def _original_blocks(options: Options):
  directory = stock.find(options.data_dir, 'dsprites')
  if not options.manual_dir and directory is not None:
    rows = stock.dsprites_rows(directory, GRID)
  else:
    path = files.find(options, 'dsprites:original', list(GIT_IDS))
    if (got := git_id(path)) != (want := GIT_IDS[path.name]):
      raise files.mismatch(path, got, want, 'git id')
    rows = original(path)
  return lambda: iter([Block(rows, None)])


def _key(options: Options) -> str:
  return variant_key(options) or 'rerendered'


RECIPE = Recipe(
  about='sprites in all shapes, scales, orientations and positions, 64x64x1',
  version='1.1.0',
  key=_key,
  contents=_contents,
  variants=('', 'original'),
  factors=GRID.factors,
)
