"""Flat shapes whose picture tells their angle, with exactly covered pixels.

No shape here looks the same after a turn of less than 360 degrees, so the
orientation of each is a circle and nothing else. (Of dSprites' shapes, a square
looks the same after 90 degrees and an ellipse after 180.)

Conventions, in pixels, x to the right, y down, pixel k covers [k, k + 1]:
  centre       the point a shape turns about, that of a circle it just fits in;
  radius       of that circle;
  angle        radians, counter-clockwise on the screen, 0 is upright;
  coverage     the part of a pixel's area that is inside the shape, exact for
               the polygon up to rounding, so that a shape may move and grow by
               any fraction of a pixel.
"""

import functools

import numpy as np

SIDE = 64
_CURVE = 96  # vertices of a curved outline; it errs by less than 0.01 px


def masks(
  shape: np.ndarray,
  radius: np.ndarray,
  angle: np.ndarray,
  centre: np.ndarray,
) -> np.ndarray:
  """Draws shapes.

  Args:
    shape: `[n]` number in `SHAPES`.
    radius: `[n]` pixels.
    angle: `[n]` radians.
    centre: `[n, 2]` x and y in pixels.

  Returns:
    `[n, 64, 64]` uint8, 255 where a pixel is covered by the shape.
  """
  cos, sin = np.cos(angle), np.sin(angle)
  # Counter-clockwise on a screen whose y points down.
  turn = np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)], -2)
  found = np.empty((len(shape), SIDE, SIDE), np.uint8)
  for kind, name in enumerate(SHAPES):
    (at,) = np.nonzero(np.asarray(shape) == kind)
    corners = radius[at, None, None] * np.einsum(
      'nij,vj->nvi', turn[at], outline(name)
    )
    covered = coverage(corners + centre[at, None])
    found[at] = np.rint(255 * covered)
  return found


def coverage(polygons: np.ndarray) -> np.ndarray:
  """The part of each pixel that lies inside a polygon.

  Each edge, cut at the borders between rows of pixels, adds the signed area to
  its left; what is left of the way up minus what is left of the way down is
  what is inside.

  Args:
    polygons: `[n, v, 2]` corners x, y in order, without crossings.

  Returns:
    `[n, 64, 64]` float64 in [0, 1], rows from the top.
  """
  x0, y0 = np.moveaxis(polygons, -1, 0)[:, :, None]
  x1, y1 = np.roll(x0, -1, axis=-1), np.roll(y0, -1, axis=-1)
  rows = np.arange(SIDE)[:, None]
  top, bottom = np.clip(y0, rows, rows + 1), np.clip(y1, rows, rows + 1)
  number, row, edge = np.nonzero(top != bottom)
  x0, y0, x1, y1 = (part[number, 0, edge] for part in (x0, y0, x1, y1))
  top, bottom = top[number, row, edge], bottom[number, row, edge]
  slope = (x1 - x0) / (y1 - y0)
  start, stop = x0 + (top - y0) * slope, x0 + (bottom - y0) * slope
  area = (bottom - top)[:, None] * _mean_left(start, stop)
  found = np.zeros((len(polygons) * SIDE, SIDE))
  line, first = np.unique(number * SIDE + row, return_index=True)
  if len(line):
    found[line] = np.add.reduceat(area, first)
  return np.clip(np.abs(found), 0, 1).reshape(-1, SIDE, SIDE)


def _mean_left(start: np.ndarray, stop: np.ndarray) -> np.ndarray:
  """How much of each pixel is left of x, its mean over x from start to stop."""
  pixel = np.arange(SIDE)
  start, stop = start[:, None] - pixel, stop[:, None] - pixel
  width = stop - start
  # The quotient would lose its digits where the edge is almost upright.
  upright = np.abs(width) < 1e-6
  slanted = (_area_left(stop) - _area_left(start)) / np.where(upright, 1, width)
  return np.where(upright, np.clip((start + stop) / 2, 0, 1), slanted)


def _area_left(x: np.ndarray) -> np.ndarray:
  """The integral of clip(x, 0, 1)."""
  return np.clip(x, 0, 1) ** 2 / 2 + np.maximum(x - 1, 0)


@functools.cache
def outline(name: str) -> np.ndarray:
  """Corners `[v, 2]` of one of `SHAPES`; the unit circle just holds them."""
  return _fitted(_CORNERS[name]())


def _fitted(corners: np.ndarray) -> np.ndarray:
  """Corners moved and scaled so that the unit circle is the smallest around."""
  corners = np.asarray(corners, float)
  centre = corners.mean(axis=0)
  # [Badoiu, Clarkson, "Smaller core-sets for balls", 2003]
  for k in range(1, 20_000):
    far = np.argmax(((corners - centre) ** 2).sum(axis=1))
    centre = centre + (corners[far] - centre) / (k + 1)
  corners = corners - centre
  return corners / np.sqrt((corners**2).sum(axis=1).max())


def _arrow() -> np.ndarray:
  half = [(0, -10), (8, -1), (3, -1), (3, 9)]
  return np.array(half + [(-x, y) for x, y in half[:0:-1]])


def _letter_f() -> np.ndarray:
  return np.array(
    [
      *[(0, 0), (11, 0), (11, 4), (4.5, 4), (4.5, 7.5), (9, 7.5), (9, 11.5)],
      *[(4.5, 11.5), (4.5, 18), (0, 18)],
    ]
  )


def _drop() -> np.ndarray:
  # A circle and the two tangents to it from the point.
  point, radius = 2.3, 1.0
  touch = np.arcsin(radius / point)
  angle = np.linspace(-touch, np.pi + touch, _CURVE)
  circle = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
  return np.concatenate([[(0, -point)], circle])


def _heart() -> np.ndarray:
  t = 2 * np.pi * np.arange(_CURVE) / _CURVE
  x = 16 * np.sin(t) ** 3
  y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
  return np.stack([x, -y], axis=1)


_CORNERS = {'arrow': _arrow, 'F': _letter_f, 'drop': _drop, 'heart': _heart}
SHAPES = tuple(_CORNERS)
