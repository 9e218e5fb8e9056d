"""Ground-truth factors, and the arithmetic between a grid and its factors.

Convention: an image of a full grid has a factor vector `[f]` of classes and an
index, its position in the grid with the last factor running fastest (the order
of DeepMind's files). The two are converted by arithmetic, never by a table.
"""

import math
from typing import Any, NamedTuple

import numpy as np

TOPOLOGIES = ('points', 'segment', 'loop')


class Factor(NamedTuple):
  """One thing that varies between images.

  Attributes:
    name: what varies.
    size: number of classes, 0 ... size - 1.
    topology: how the classes hang together: 'points' have no order, a 'segment'
      has one and two ends, on a 'loop' the last class is next to the first.
    classes: the name of each class, or none: then they are called by number.
    period: of a loop, how far its values run (classes count 1 each) until the
      images are the same again; None: `size`. dSprites has 40 orientations, the
      last of which is the first: its period is 39.
  """

  name: str
  size: int
  topology: str
  classes: tuple[str, ...] = ()
  period: float | None = None

  @property
  def turn(self) -> float:
    """Once round a loop, in its values: the angle is 2 pi value / turn."""
    return self.size if self.period is None else self.period

  def called(self, label: int) -> str:
    """What people call a class: 'heart', or 'digit 3'."""
    return self.classes[label] if self.classes else f'{self.name} {label}'


def factors_to_json(factors: tuple[Factor, ...]) -> list[list[Any]]:
  """A form of lists, numbers and text that `factors_from_json` takes back."""
  # What is not said is left out, as before it could be said.
  return [
    [name, size, topology]
    + ([list(classes)] if classes or period is not None else [])
    + ([period] if period is not None else [])
    for name, size, topology, classes, period in factors
  ]


def factors_from_json(form: list[list[Any]]) -> tuple[Factor, ...]:
  """What `factors_to_json` was given.

  Raises:
    TypeError, ValueError: it is something else.
  """
  return tuple(
    Factor(name, size, topology, *map(tuple, rest[:1]), *map(float, rest[1:]))
    for name, size, topology, *rest in form
  )


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
