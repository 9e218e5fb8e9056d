"""Images composed of layers: what is stored is the geometry, colours are added.

  image = shifted(sum over k of map_k * colour_k + constant)

A row holds uint8 maps `[h, w]`: one for each colour, then, where there is a
constant, its red, green and blue. The classes of some factors choose colours,
those of others shift the picture by whole pixels, and the rest, the geometry,
choose the row. Only one row for each geometry exists: rooms3d has 11.5 million
images and 283 MB of rows. The composition is arithmetic on declared numbers, no
code is stored, and it is the same in NumPy and inside a compiled step.
"""

from typing import Any, NamedTuple

import numpy as np

from jaxvae.data.factors import Factor, FactorGrid
from jaxvae.errors import UserError


class Colour(NamedTuple):
  """The colour of one map.

  Attributes:
    factor: whose class chooses it; '' if it is the same in all images.
    rgb: the colour of each class, 0 ... 255; a single one if there is no
      factor.
  """

  factor: str
  rgb: tuple[tuple[int, int, int], ...]


class Shift(NamedTuple):
  """A shift of the picture by `start + step * class` pixels.

  What leaves the picture on one side comes in on the other, so whole turns are
  exact; what must not wrap has to fit.

  Attributes:
    factor: whose class it is.
    axis: 0 down, 1 to the right.
    start: pixels.
    step: pixels.
  """

  factor: str
  axis: int
  start: int
  step: int


class Layers(NamedTuple):
  """How images are composed of rows.

  Attributes:
    colours: in the order of the maps in a row.
    constant: a row ends with a picture in red, green and blue that has no
      factor's colour.
    shifts: of the whole picture.
  """

  colours: tuple[Colour, ...]
  constant: bool = False
  shifts: tuple[Shift, ...] = ()


def row_bytes(layers: Layers, image_shape: tuple[int, int, int]) -> int:
  """Bytes of one stored row."""
  height, width, _ = image_shape
  return height * width * (len(layers.colours) + 3 * layers.constant)


def geometries(layers: Layers, factors: tuple[Factor, ...]) -> FactorGrid:
  """The grid of the factors that choose the row, slowest first."""
  used = {part.factor for part in (*layers.colours, *layers.shifts)}
  return FactorGrid(tuple(f for f in factors if f.name not in used))


def row_of(
  layers: Layers, factors: tuple[Factor, ...], classes: Any, xp: Any
) -> Any:
  """Which row images are made of.

  Args:
    layers: of the data.
    factors: of the data.
    classes: `[..., f]` int32.
    xp: `numpy` or `jax.numpy`.

  Returns:
    `[...]` int32.
  """
  grid = geometries(layers, factors)
  names = [factor.name for factor in factors]
  row = xp.zeros(classes.shape[:-1], xp.int32)
  for factor, stride in zip(grid.factors, grid.strides, strict=True):
    row = row + classes[..., names.index(factor.name)] * xp.int32(stride)
  return row


def compose(
  rows: Any,
  classes: Any,
  xp: Any,
  *,
  layers: Layers,
  factors: tuple[Factor, ...],
  shape: tuple[int, int, int],
) -> Any:
  """Rows and classes to images, by NumPy or jax.numpy with the same result.

  Args:
    rows: `[n, row]` uint8, those of `row_of`.
    classes: `[n, f]` int32.
    xp: `numpy` or `jax.numpy`.
    layers: of the data.
    factors: of the data.
    shape: of an image, `(h, w, 3)`.

  Returns:
    `[n, h, w, 3]` float32 in [0, 1].
  """
  height, width, depth = shape
  names = [factor.name for factor in factors]
  maps = rows.reshape(len(rows), -1, height, width)
  maps = _shifted(maps, layers, names, classes, xp)
  count = len(layers.colours)
  # Whole numbers below 2**24 are exact in float32, in whatever order they are
  # multiplied and added; only the last product is rounded.
  total = xp.zeros((len(rows), depth, height, width), xp.float32)
  if layers.constant:
    total = maps[:, count:].astype(xp.float32) * xp.float32(255)
  for k, colour in enumerate(layers.colours):
    rgb = xp.asarray(np.array(colour.rgb, np.float32))
    chosen = rgb[:1]
    if colour.factor:
      chosen = rgb[classes[:, names.index(colour.factor)]]
    part = maps[:, k, None].astype(xp.float32)
    total = total + part * chosen[:, :, None, None]
  total = xp.transpose(total, (0, 2, 3, 1))
  return xp.minimum(total * xp.float32(1 / 255**2), xp.float32(1))


def _shifted(
  maps: Any, layers: Layers, names: list[str], classes: Any, xp: Any
) -> Any:
  """Maps `[n, k, h, w]`, those of each row shifted as its classes say."""
  for factor, axis, start, step in layers.shifts:
    by = classes[:, names.index(factor)] * xp.int32(step) + xp.int32(start)
    size = maps.shape[2 + axis]
    index = xp.arange(size, dtype=xp.int32)[None] - by[:, None]
    index = index % xp.int32(size)
    form = (len(maps), 1, size, 1) if axis == 0 else (len(maps), 1, 1, size)
    maps = xp.take_along_axis(maps, index.reshape(form), axis=2 + axis)
  return maps


def check(
  layers: Layers,
  factors: tuple[Factor, ...],
  image_shape: tuple[int, int, int],
) -> Layers:
  """Refuses layers that do not fit their data set, with a UserError."""
  sizes = {factor.name: factor.size for factor in factors}
  parts = [part for part in (*layers.colours, *layers.shifts) if part.factor]
  names = [part.factor for part in parts]
  if unknown := sorted(set(names) - set(sizes)):
    raise UserError(
      f'layers name the factors {", ".join(unknown)}; there are:'
      f' {", ".join(sizes)}'
    )
  if len(image_shape) != 3 or image_shape[2] != 3:
    raise UserError(f'layers make images [h, w, 3], not {list(image_shape)}')
  for colour in layers.colours:
    rgb = np.array(colour.rgb)
    size = sizes[colour.factor] if colour.factor else 1
    if rgb.shape != (size, 3) or rgb.min() < 0 or rgb.max() > 255:
      raise UserError(
        f'the colours of {colour.factor or "a map"} are not {size} triples of'
        ' 0 ... 255'
      )
  for shift in layers.shifts:
    if shift.factor not in sizes or shift.axis not in (0, 1):
      raise UserError(
        f'a shift has factor {shift.factor!r} and axis {shift.axis}; it needs'
        ' a factor, and 0 for down or 1 for right'
      )
  return layers


def to_json(layers: Layers) -> dict[str, Any]:
  """A form of lists, numbers and text that `from_json` takes back."""
  return {
    'colours': [
      [factor, [list(map(int, one)) for one in rgb]]
      for factor, rgb in layers.colours
    ],
    'constant': layers.constant,
    'shifts': [list(shift) for shift in layers.shifts],
  }


def from_json(form: dict[str, Any]) -> Layers:
  """What `to_json` was given.

  Raises:
    KeyError, TypeError, ValueError: it is something else.
  """
  return Layers(
    colours=tuple(
      Colour(str(factor), tuple(tuple(map(int, one)) for one in rgb))
      for factor, rgb in form['colours']
    ),
    constant=bool(form['constant']),
    shifts=tuple(
      Shift(str(factor), int(axis), int(start), int(step))
      for factor, axis, start, step in form['shifts']
    ),
  )
