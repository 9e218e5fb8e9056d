"""Ground-truth factors, and the arithmetic between a grid and its factors.

Convention: an image of a full grid has a factor vector `[f]` of classes and an
index, its position in the grid with the last factor running fastest (the order
of DeepMind's files). The two are converted by arithmetic, never by a table.
A continuous factor has values, not classes, and is on no grid.
"""

import math
from typing import Any, NamedTuple

import numpy as np

TOPOLOGIES = ('points', 'segment', 'loop')


class Factor(NamedTuple):
  """One thing that varies between images.

  Attributes:
    name: what varies.
    size: number of classes, 0 ... size - 1; 0 of a continuous factor.
    topology: how the classes hang together: 'points' have no order, a 'segment'
      has one and two ends, on a 'loop' the last class is next to the first.
    classes: the name of each class, or none: then they are called by number.
    period: of a loop, how far its values run (classes count 1 each) until the
      images are the same again; None: `size`. dSprites has 40 orientations, the
      last of which is the first: its period is 39.
    folds: of a loop, the name of another factor and, for each of its classes,
      how often the images come back in a turn: ('shape', (4, 2, 1)) of a
      square, an ellipse and a heart. None: once.
    span: of a continuous factor, its least and its largest value; a loop's are
      from 0 up to its period.
    unknown: some images have no label of it: their value is NaN.
  """

  name: str
  size: int
  topology: str
  classes: tuple[str, ...] = ()
  period: float | None = None
  folds: tuple[str, tuple[int, ...]] | None = None
  span: tuple[float, ...] = ()
  unknown: bool = False

  @property
  def turn(self) -> float:
    """Once round a loop, in its values: the angle is 2 pi value / turn."""
    return self.size if self.period is None else self.period

  @property
  def once(self) -> int:
    """How many classes are once round a loop: 0 ... once - 1."""
    return min(self.size, math.ceil(self.turn))

  @property
  def ends(self) -> tuple[float, float]:
    """The least and the largest value, of classes their numbers."""
    low, high = self.span or (0.0, self.size - 1.0)
    return low, high

  @property
  def about(self) -> str:
    """'3 (points, square, ellipse, heart)', or '0 to 360 (loop)'."""
    low, high = self.ends
    much = f'{low:g} to {high:g}' if self.span else str(self.size)
    more = ', some unknown' if self.unknown else ''
    return f'{much} ({", ".join((self.topology, *self.classes))}){more}'

  def called(self, label: int) -> str:
    """What people call a class: 'heart', or 'digit 3'."""
    return self.classes[label] if self.classes else f'{self.name} {label}'


def dtype_of(factors: tuple[Factor, ...]) -> type:
  """How the factors of images are stored: int32 classes, float32 values.

  Classes beside a continuous factor, or beside NaN, are float32 too.
  """
  real = any(factor.span or factor.unknown for factor in factors)
  return np.float32 if real else np.int32


def factors_to_json(factors: tuple[Factor, ...]) -> list[list[Any]]:
  """A form of lists, numbers and text that `factors_from_json` takes back."""

  def one(factor):
    folds = factor.folds and [factor.folds[0], list(factor.folds[1])]
    form = [
      list(each) if isinstance(each, tuple) else each
      for each in factor._replace(folds=folds)
    ]
    # What is not said is left out, as before it could be said.
    while len(form) > 3 and form[-1] in ([], None, False):
      form.pop()
    return form

  return [one(factor) for factor in factors]


def factors_from_json(form: list[list[Any]]) -> tuple[Factor, ...]:
  """What `factors_to_json` was given.

  Raises:
    TypeError, ValueError: it is something else.
  """

  def one(
    name,
    size,
    topology,
    classes=(),
    period=None,
    folds=None,
    span=(),
    unknown=False,
  ):
    return Factor(
      *(name, size, topology, tuple(classes)),
      period=None if period is None else float(period),
      folds=None if folds is None else (folds[0], tuple(folds[1])),
      span=tuple(map(float, span)),
      unknown=bool(unknown),
    )

  return tuple(one(*each) for each in form)


class FactorGrid(NamedTuple):
  """All combinations of some factors, each exactly once.

  Attributes:
    factors: slowest first.
  """

  factors: tuple[Factor, ...]

  @property
  def sizes(self) -> tuple[int, ...]:
    """Number of classes of each factor."""
    return tuple(factor.size for factor in self.factors)

  @property
  def size(self) -> int:
    """Number of images in the grid."""
    return math.prod(self.sizes)

  @property
  def strides(self) -> tuple[int, ...]:
    """How far the index moves when a factor's class goes up by one."""
    sizes = self.sizes
    return tuple(math.prod(sizes[i + 1 :]) for i in range(len(sizes)))

  def index(self, factors: np.ndarray) -> np.ndarray:
    """Classes `[..., f]` to positions in the grid `[...]` int64."""
    return np.asarray(factors, np.int64) @ np.array(self.strides, np.int64)

  def factors_of(self, index: np.ndarray) -> np.ndarray:
    """Positions in the grid `[...]` to classes `[..., f]` int32."""
    index = np.asarray(index)[..., None]
    return (index // np.array(self.strides) % np.array(self.sizes)).astype(
      np.int32
    )

  def sample(self, rng: np.random.Generator, n: int) -> np.ndarray:
    """`[n, f]` int32: every factor uniform, independent of the others."""
    sizes = self.sizes
    return rng.integers(0, sizes, (n, len(sizes)), dtype=np.int32)

  def fixed_batch(self, rng: np.random.Generator, n: int, k: int) -> np.ndarray:
    """`[n, f]` int32 samples that share the class of factor `k`."""
    factors = self.sample(rng, n)
    factors[:, k] = factors[0, k]
    return factors
