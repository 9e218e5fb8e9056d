"""The geometry of dSprites, re-rendered: 3 x 6 x 40 x 32 x 32 binary images.

The generator of dSprites was never published. Its author said that it drew
vector shapes on a canvas of size 1 with LOVE2D (dsprites-dataset, issue 2).
The numbers below were fitted to the 320 frames of the animation in the original
repository, 258 different images whose factors are known because they run one at
a time; all of them come out equal to the pixel (`tests/data/test_sprites.py`).
Held-out images differ by about half a pixel each, and the whole grid has 0.07 %
more lit pixels than the original's published 128,328,862. These images are
therefore called "dSprites re-rendered", never dSprites.

Conventions, in pixels, x to the right, y down, pixel centres at +0.5:
  centre       16 + 32 * position / 31, so positions are sub-pixel;
  scale        0.5 + 0.1 * scale, the outlines below are at scale 1;
  orientation  2 pi * orientation / 39, counter-clockwise on the screen;
  sampling     a pixel is lit if its centre is inside: no anti-aliasing.

Symmetries, which bound what any model can learn of orientation: 0 and 39 are
the same angle, so 18,432 pairs of images are identical; a square repeats after
9.75 steps and an ellipse after 19.5, never exactly on the grid but to within
2.3 degrees, which 6,024 images of small ones do not show: some other has the
same pixels. Only the heart tells its angle. Orientation is a loop of 39 steps
in which one class is there twice.

[Matthey, Higgins, Hassabis, Lerchner, "dSprites", 2017]
"""

import numpy as np

FACTORS = (
  ('shape', 3, 'points'),
  ('scale', 6, 'segment'),
  ('orientation', 40, 'loop'),
  ('posX', 32, 'segment'),
  ('posY', 32, 'segment'),
)
SIZES = tuple(size for _, size, _ in FACTORS)
SHAPES = ('square', 'ellipse', 'heart')
PERIOD = 39.0  # steps of orientation in a turn
FOLDS = (4, 2, 1)  # how often each shape comes back in it
SIDE = 64
POSITIONS = 32

_SQUARE_HALF_SIDE = 9.5998
_ELLIPSE_AXES = (12.775, 7.22)
_ELLIPSE_VERTICES = 72
_HEART = (  # the right half, from the dip at the top down to the tip
  (0, -5.2311), (0.0934, -5.3488), (0.3142, -5.9946), (0.4459, -6.3762),
  (0.8708, -7.0919), (1.0354, -7.3672), (1.3702, -7.7709), (1.7418, -8.1945),
  (2.7132, -8.8744), (3.1161, -9.0498), (3.3248, -9.1348), (4.1552, -9.3328),
  (4.9685, -9.3445), (5.9802, -9.2087), (6.8549, -8.7739), (7.0308, -8.6823),
  (7.8541, -8.1332), (8.8513, -6.9154), (9.2725, -6.0216), (9.4698, -5.2492),
  (9.5108, -5.057), (9.6372, -4.0907), (9.6188, -3.8862), (9.4776, -2.8976),
  (9.4262, -2.7029), (9.2208, -1.9599), (8.8296, -1.0841), (8.7273, -0.9173),
  (8.1552, 0), (7.2409, 1.1468), (6.6594, 1.7844), (6.3825, 2.0738),
  (6.2921, 2.1665), (3.0378, 5.2617), (1.9544, 6.3926), (1.8617, 6.4926),
  (1.7687, 6.6009), (0.6998, 7.9987), (0.5761, 8.2388), (0.1612, 9.2357),
  (0, 9.6146),
)  # fmt: skip
_VERTICES = 2 * (len(_HEART) - 1)
# Row k has its first k pixels lit; a span is the xor of two such rows.
_PREFIXES = np.packbits(np.tri(SIDE + 1, SIDE, -1, bool), axis=1)
_PREFIXES = _PREFIXES.view('>u8')[:, 0].astype(np.uint64)


def block(shape: int, scale: int, orientation: int) -> np.ndarray:
  """One sprite at all positions: bool `[32 posX, 32 posY, 64, 64]`."""
  bits = np.unpackbits(packed_block(shape, scale, orientation), axis=1)
  return bits.view(bool).reshape(POSITIONS, POSITIONS, SIDE, SIDE)


def packed_block(shape: int, scale: int, orientation: int) -> np.ndarray:
  """`block` as stored: uint8 `[1024, 512]`, bits in np.packbits' order."""
  centre = _centre(np.arange(POSITIONS))
  rows = _pixel_centres() - centre[:, None]
  x = _crossings(_polygons([shape], [scale], [orientation])[0], rows)
  # No line meets the heart, the only shape with a dent, more than four times.
  x = np.sort(x, axis=-1)[..., -4:]
  spans = _spans(x[None] + centre[:, None, None, None])
  return _bytes(spans).reshape(POSITIONS**2, SIDE * SIDE // 8)


def render(factors: np.ndarray) -> np.ndarray:
  """Draws any images of the grid.

  Args:
    factors: `[b, 5]` classes in the order of `FACTORS`.

  Returns:
    `[b, 64, 64]` uint8, 0 or 1.
  """
  shape, scale, orientation, pos_x, pos_y = np.asarray(factors).T
  polygons = _polygons(shape, scale, orientation)
  x = _crossings(polygons, _pixel_centres() - _centre(pos_y)[:, None])
  spans = _spans(x + _centre(pos_x)[:, None, None])
  return np.unpackbits(_bytes(spans), axis=-1)


def _outlines() -> np.ndarray:
  """`[3, v, 2]` closed polygons at scale 1; the last vertex fills up."""
  corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
  square = _SQUARE_HALF_SIDE * corners
  angle = 2 * np.pi * np.arange(_ELLIPSE_VERTICES) / _ELLIPSE_VERTICES
  ellipse = np.stack([np.cos(angle), np.sin(angle)], 1) * _ELLIPSE_AXES
  right = np.array(_HEART)
  heart = np.concatenate([right, (right * [-1, 1])[-2:0:-1]])
  return np.stack(
    [
      np.pad(outline, ((0, _VERTICES - len(outline)), (0, 0)), mode='edge')
      for outline in (square, ellipse, heart)
    ]
  )


_OUTLINES = _outlines()


def _polygons(shape, scale, orientation) -> np.ndarray:
  """Classes `[b]` to outlines around the sprite's centre, `[b, v, 2]`."""
  angle = -2 * np.pi * np.asarray(orientation) / PERIOD
  cos, sin = np.cos(angle), np.sin(angle)
  rotation = np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)], -2)
  size = 0.5 + 0.1 * np.asarray(scale)
  return size[:, None, None] * _OUTLINES[np.asarray(shape)] @ rotation


def _centre(position: np.ndarray) -> np.ndarray:
  return 16 + 32 * position / (POSITIONS - 1)


def _pixel_centres() -> np.ndarray:
  return np.arange(SIDE) + 0.5


def _crossings(polygons: np.ndarray, y: np.ndarray) -> np.ndarray:
  """Where horizontal lines meet outlines.

  Args:
    polygons: `[..., v, 2]`.
    y: `[..., rows]` heights of the lines.

  Returns:
    `[..., rows, v]` the x of the crossing of each edge, -inf where it has none.
  """
  x0, y0 = np.moveaxis(polygons, -1, 0)[..., None, :]
  x1, y1 = np.roll(x0, -1, axis=-1), np.roll(y0, -1, axis=-1)
  y = y[..., None]
  crosses = (y0 <= y) != (y1 <= y)
  rise = np.where(y1 == y0, 1, y1 - y0)
  return np.where(crosses, x0 + (y - y0) * (x1 - x0) / rise, -np.inf)


def _spans(x: np.ndarray) -> np.ndarray:
  """Crossings `[..., rows, v]` to lit pixels `[..., rows]`, 64 bits a row."""
  # A pixel is inside if an odd number of crossings is to its right, and the
  # centre of pixel c is left of x when c < x - 0.5.
  before = np.clip(np.ceil(x - 0.5), 0, SIDE).astype(np.intp)
  return np.bitwise_xor.reduce(_PREFIXES[before], axis=-1)


def _bytes(spans: np.ndarray) -> np.ndarray:
  """Rows `[..., 64]` uint64 to `[..., 64, 8]` uint8, leftmost pixel first."""
  return spans.astype('>u8')[..., None].view(np.uint8)
