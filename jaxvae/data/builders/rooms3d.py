"""rooms3d: 3D Shapes built anew, with an object that turns all the way round.

The factors of DeepMind's 3D Shapes in their order, and as the last one the
azimuth of the object, a circle: 11.5 million images of 64 x 64 in colour. Only
11,520 geometries are stored, hues are layers' colours. The variant 'still' has
no azimuth and no paint on the object: 3D Shapes' own grid of 480,000.
`render/rooms.py` draws them; they are in the spirit of 3D Shapes, never called
so.

The variant 'original' is DeepMind's own file, 3dshapes.h5 in `manual_dir`,
checked by hash. It is read in pieces: as pixels it is 5.9 GB, so those images
are streamed in training unless `data.placement` says otherwise.

[Burgess, Kim, "3D Shapes", 2018]
"""

import hashlib
import pathlib
from collections.abc import Iterator

import h5py
import numpy as np

from jaxvae.data import files
from jaxvae.data.blocks import Block
from jaxvae.data.factors import Factor, FactorGrid
from jaxvae.data.layers import Colour, Layers, geometries
from jaxvae.data.recipe import Contents, Options, Recipe, variant_key
from jaxvae.data.render import hues, rooms
from jaxvae.data.render.solids import SOLIDS
from jaxvae.errors import IntegrityError

_HUES = ('floor_hue', 'wall_hue', 'object_hue')
STILL = FactorGrid(
  (
    *(Factor(name, 10, 'loop') for name in _HUES),
    Factor('scale', 8, 'segment'),
    Factor('shape', len(SOLIDS), 'points', tuple(SOLIDS)),
    Factor('orientation', 15, 'segment'),
  )
)
GRID = FactorGrid((*STILL.factors, Factor('azimuth', 24, 'loop')))
FILE = '3dshapes.h5'
# From the list of checksums that comes with TFDS.
SHA256 = '0a0f6ed98baff276a50f3a081a7434d788da63cb135a98189b2a5b5769be1785'
_SHAPE = (rooms.SIDE, rooms.SIDE, 3)


def layers(grid: FactorGrid) -> Layers:
  """How the images of a grid are composed."""
  sizes = {factor.name: factor.size for factor in grid.factors}
  colours = tuple(Colour(name, hues.table(sizes[name])) for name in _HUES)
  return Layers(colours=colours, constant=True)


def rerendered(grid: FactorGrid) -> Iterator[Block]:
  """The rows of a grid's geometries: one block for each view of an object.

  Args:
    grid: of `STILL`'s or `GRID`'s factors, perhaps with fewer classes: a
      segment's are spread over its whole length, a loop's over the turn.
  """
  sizes = {
    f.name: f.size for f in geometries(layers(grid), grid.factors).factors
  }
  paint = 'azimuth' in sizes
  turns = sizes.get('azimuth', 1)
  scales = np.linspace(*rooms.SIZES, sizes['scale'])
  yaws = np.linspace(-rooms.YAW, rooms.YAW, sizes['orientation'])
  azimuths = 2 * np.pi * np.arange(turns) / turns
  for scale in scales:
    for shape in list(SOLIDS)[: sizes['shape']]:
      for yaw in yaws:
        yield Block(rooms.block(shape, scale, yaw, azimuths, paint), None)


def original(
  path: pathlib.Path, grid: FactorGrid = STILL, at_once: int = 1024
) -> Iterator[Block]:
  """Reads DeepMind's file in pieces.

  Args:
    path: of the .h5 file, whose hash has been checked.
    grid: that the images in it fill, in order.
    at_once: images in a piece.

  Raises:
    IntegrityError: the arrays in it are not the ones that were published.
  """
  try:
    with h5py.File(path) as arrays:
      images, labels = arrays['images'], arrays['labels']
      _check_original(path, grid, images, labels)
      for start in range(0, grid.size, at_once):
        some = images[start : start + at_once]
        yield Block(some.reshape(len(some), -1), None)
  except (OSError, KeyError) as error:
    raise files.unreadable(path, 'not the file of 3D Shapes', error) from error


def _check_original(path, grid: FactorGrid, images, labels) -> None:
  for name, array, shape, dtype in (
    ('images', images, (grid.size, *_SHAPE), np.uint8),
    ('labels', labels, (grid.size, len(grid.sizes)), np.float64),
  ):
    if array.shape != shape or array.dtype != dtype:
      raise IntegrityError(
        f'{path}: {name} have shape {array.shape} and dtype {array.dtype},'
        f' expected {shape} and {np.dtype(dtype)}'
      )
  # Labels are values of factors, in radians and so on; classes are their ranks.
  columns = labels[:].T
  ranks = [np.unique(values, return_inverse=True)[1] for values in columns]
  counts = tuple(int(rank.max()) + 1 for rank in ranks)
  index = grid.index(np.stack(ranks, axis=1))
  if counts != grid.sizes or (index != np.arange(grid.size)).any():
    raise IntegrityError(f'{path}: the images are not in the order of the grid')


def _contents(options: Options) -> Contents:
  grid = GRID if options.variant == '' else STILL
  title = 'rooms3d, in the spirit of 3D Shapes'
  composed, split = layers(grid), lambda: rerendered(grid)
  if options.variant == 'still':
    title = 'rooms3d without azimuth, in the spirit of 3D Shapes'
  if options.variant == 'original':
    path = _checked(options)
    title, composed, split = '3D Shapes', None, lambda: original(path)
  return Contents(
    title=title,
    image_shape=_SHAPE,
    bits=False,
    grid=True,
    factors=grid.factors,
    splits={'train': split},
    layers=composed,
  )


def _checked(options: Options) -> pathlib.Path:
  path = files.find(options, 'rooms3d:original', [FILE])
  with open(path, 'rb') as file:
    got = hashlib.file_digest(file, 'sha256').hexdigest()
  if got != SHA256:
    raise files.mismatch(path, got, SHA256, 'sha256')
  return path


RECIPE = Recipe(
  about='3D Shapes built anew, and the object turns all round, 64x64x3',
  version='1.1.0',
  key=variant_key,
  contents=_contents,
  variants=('', 'still', 'original'),
)
