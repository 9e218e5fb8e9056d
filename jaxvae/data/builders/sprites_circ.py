"""Sprites on circles: each factor has a topology, and the pictures have it too.

Shapes without symmetry in every scale, orientation, hue and position, 64 x 64
in colour. Orientation goes round the whole turn without a repeated end and hue
round the circle of hues; shape is a set of points, the rest are segments. In
the variant 'torus' the positions wrap around the picture, so they are loops.

The variants named by one or two factors are those factors alone, finely
sampled; everything else is held: the shape at the drop, the scale in the
middle, the orientation upright, the hue red, the position in the centre. They
are for the study of topology: 'orientation' is a circle, 'orientation+hue' a
torus, 'hue+scale' a cylinder, 'hue+shape' four circles. In them a sprite turns
about its foot, as the hand of a clock does, so that even a blurred picture goes
round once in a turn. (About its middle, an arrow's picture changes most with
twice its angle, and a coarse likelihood finds that circle, of half the turn.)

Only masks are stored: hue is a layer's colour, and in the full grid positions
are shifts by whole pixels.
"""

from collections.abc import Iterator

import numpy as np

from jaxvae.data.blocks import Block
from jaxvae.data.factors import Factor, FactorGrid
from jaxvae.data.layers import Colour, Layers, Shift, geometries
from jaxvae.data.recipe import Contents, Options, Recipe, variant_key
from jaxvae.data.render import glyphs, hues

FACTORS = (
  Factor('shape', len(glyphs.SHAPES), 'points', glyphs.SHAPES),
  Factor('scale', 4, 'segment'),
  Factor('orientation', 40, 'loop'),
  Factor('hue', 12, 'loop'),
  Factor('x_position', 16, 'segment'),
  Factor('y_position', 16, 'segment'),
)
DROP = glyphs.SHAPES.index('drop')
POSITIONS = ('x_position', 'y_position')
# The smallest and the largest radius, and how far the centre goes from the
# middle of the picture, in pixels: nothing is ever cut off.
RADII = (8.0, 16.0)
REACH = 16.0
# Of the 16 positions of a full grid: the first, in pixels from the middle, and
# the step. On a torus, 16 steps are the side of the picture.
_SHIFTS = {'': (-15, 2), 'torus': (-32, 4)}

# The sizes of factors that vary alone, with another, and with the shape.
_ALONE = {
  **{'shape': 4, 'scale': 101, 'orientation': 360, 'hue': 360},
  'x_position': 129,
}
_PAIRED = {
  **{'scale': 50, 'orientation': 72, 'hue': 72},
  **{'x_position': 65, 'y_position': 65},
}
_WITH_SHAPE = {'shape': 4, 'scale': 256, 'orientation': 360, 'hue': 360}
_PAIRS = (
  *('orientation+hue', 'orientation+scale', 'orientation+shape'),
  *('orientation+x_position', 'hue+scale', 'hue+shape'),
  *('scale+x_position', 'scale+shape', 'x_position+y_position'),
)
VARIANTS = ('', 'torus', *_ALONE, *_PAIRS)


def factors(variant: str) -> tuple[Factor, ...]:
  """The factors of a variant in the order of `FACTORS`, slowest first."""
  if variant == '':
    return FACTORS
  if variant == 'torus':
    return tuple(
      f._replace(topology='loop') if f.name in POSITIONS else f for f in FACTORS
    )
  names = variant.split('+')
  sizes = _PAIRED if len(names) == 2 else _ALONE
  if len(names) == 2 and 'shape' in names:
    sizes = _WITH_SHAPE
  return tuple(
    f._replace(size=sizes[f.name]) for f in FACTORS if f.name in names
  )


def layers(variant: str) -> Layers:
  """How the images of a variant are composed."""
  sizes = {factor.name: factor.size for factor in factors(variant)}
  colour = Colour('', hues.table(1))
  if 'hue' in sizes:
    colour = Colour('hue', hues.table(sizes['hue']))
  shifts = ()
  if variant in _SHIFTS:
    shifts = tuple(
      Shift(name, axis, *_SHIFTS[variant])
      for name, axis in zip(POSITIONS, (1, 0), strict=True)
    )
  return Layers(colours=(colour,), shifts=shifts)


def rows(
  grid: FactorGrid, hand: bool = False, at_once: int = 512
) -> Iterator[Block]:
  """The masks of a grid of geometries, which may hold any factor but hue.

  Args:
    grid: of the factors that choose the mask.
    hand: sprites turn about their foot, not about their middle.
    at_once: masks in a block.
  """
  for first in range(0, grid.size, at_once):
    index = np.arange(first, min(first + at_once, grid.size))
    drawn = glyphs.masks(**geometry(grid, grid.factors_of(index), hand))
    yield Block(drawn.reshape(len(index), -1), None)


def geometry(
  grid: FactorGrid, classes: np.ndarray, hand: bool = False
) -> dict[str, np.ndarray]:
  """The arguments of `glyphs.masks` for classes `[n, f]` of a grid."""
  middle = np.full(len(classes), 0.5)
  share = dict.fromkeys((f.name for f in FACTORS), middle)
  share |= {'shape': DROP + 0 * middle, 'orientation': 0 * middle}
  if hand and POSITIONS[0] in [factor.name for factor in grid.factors]:
    # What turns about its foot reaches twice as far.
    share['scale'] = 0 * middle
  for factor, column in zip(grid.factors, classes.T, strict=True):
    ends = {'points': 1, 'segment': factor.size - 1, 'loop': factor.size}
    share[factor.name] = column / ends[factor.topology]
  radius = RADII[0] + (RADII[1] - RADII[0]) * share['scale']
  angle = 2 * np.pi * share['orientation']
  offset = REACH * np.stack([2 * share[name] - 1 for name in POSITIONS], -1)
  if hand:
    up = -np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    offset = offset + radius[:, None] * up
  return {
    'shape': share['shape'].astype(int),
    'radius': radius,
    'angle': angle,
    'centre': glyphs.SIDE / 2 + offset,
  }


def _contents(options: Options) -> Contents:
  chosen, composed = factors(options.variant), layers(options.variant)
  title = 'sprites_circ'
  hand = 'orientation' in options.variant
  if options.variant:
    title = f'{title}, {options.variant.replace("+", " and ")}'
  return Contents(
    title=title,
    image_shape=(glyphs.SIDE, glyphs.SIDE, 3),
    bits=False,
    grid=True,
    factors=chosen,
    splits={'train': lambda: rows(geometries(composed, chosen), hand)},
    layers=composed,
  )


def _key(options: Options) -> str:
  # TFDS reads no data set whose name has a plus.
  return variant_key(options).replace('+', '_')


RECIPE = Recipe(
  about='coloured sprites without symmetry; circles, tori, segments, 64x64x3',
  version='1.1.0',
  key=_key,
  contents=_contents,
  variants=VARIANTS,
)
