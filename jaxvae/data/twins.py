"""Which images of a split are the same, pixel for pixel.

An image that is held out tests nothing if the same one is trained on, as
another class (dSprites' orientations 0 and 39, a square after a quarter turn)
or as a file that somebody copied.
"""

import hashlib
import pathlib
from typing import NamedTuple

import numpy as np

from jaxvae.data import layers as composed
from jaxvae.data import prepared as prepared_data
from jaxvae.data.factors import FactorGrid
from jaxvae.data.prepared import Prepared


class Images(NamedTuple):
  """Which images: hashable, so that what was found of them can be kept.

  Attributes:
    directory: of prepared data.
    split: of them.
    sha256: of the split: data prepared anew are other data.
    binarize: pixels above 0.5 are 1, others 0.
  """

  directory: pathlib.Path
  split: str
  sha256: str
  binarize: bool


def first(images: Images) -> np.ndarray | None:
  """For each image the position of the first that is the same, `[size]`.

  Of composed images the rows, colours and shifts are compared, before they are
  binarized. None where no two images are the same.

  Raises:
    IntegrityError: the files do not hold what was written.
  """
  prepared = prepared_data.describe(images.directory)
  binarize = images.binarize and not prepared.bits and prepared.layers is None
  seen: dict[bytes, int] = {}
  found = []
  for block in prepared_data.blocks(prepared, images.split):
    rows = block.rows > 127 if binarize else block.rows
    for row in rows:
      key = hashlib.blake2b(row, digest_size=16).digest()
      found.append(seen.setdefault(key, len(found)))
  alike = np.array(found, np.int64)
  if prepared.layers is None:
    return alike if len(seen) < len(alike) else None
  return _composed(prepared, alike)


def _composed(prepared: Prepared, rows: np.ndarray) -> np.ndarray | None:
  """`first` of a grid of composed images, from that of their rows."""
  grid, layers = FactorGrid(prepared.factors), prepared.layers
  geometry = composed.geometries(layers, grid.factors)
  parts = [part for part in (*layers.colours, *layers.shifts) if part.factor]
  names = [factor.name for factor in grid.factors]
  same = {}
  for name in {part.factor for part in parts}:
    size = grid.sizes[names.index(name)]
    looks = list(
      zip(
        *(
          _looks(part, size, prepared.image_shape)
          for part in parts
          if part.factor == name
        ),
        strict=True,
      )
    )
    same[names.index(name)] = np.array([looks.index(each) for each in looks])
  kept = all((to == np.arange(len(to))).all() for to in same.values())
  if kept and (rows == np.arange(len(rows))).all():
    return None
  found = np.empty(grid.size, np.int64)
  columns = [names.index(factor.name) for factor in geometry.factors]
  for start in range(0, grid.size, 1 << 20):
    at = np.arange(start, min(start + (1 << 20), grid.size))
    classes = grid.factors_of(at)
    row = composed.row_of(layers, grid.factors, classes, np)
    classes[:, columns] = geometry.factors_of(rows[row])
    for column, to in same.items():
      classes[:, column] = to[classes[:, column]]
    found[at] = grid.index(classes)
  return found


def _looks(part, size: int, shape: tuple[int, int, int]) -> list:
  """What each class makes of a colour, or of a shift."""
  if isinstance(part, composed.Colour):
    return list(part.rgb)
  side = shape[part.axis]
  return [(part.start + part.step * label) % side for label in range(size)]
