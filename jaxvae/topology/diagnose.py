"""Slots against the factors of data whose factors are known.

A slot that was told a factor is scored as it is, in the units of its labels
(`jaxvae.latent.labels`). One that was told nothing is scored against the factor
of its own topology that fits it best, after the symmetries that it is free in:
rotation and mirror of a loop, stretching and mirror of a segment, the order of
points. Plain NumPy arrays; spaces and factors are read by their attributes.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxvae.topology import circle, matching

# Labels from -1 to 1 are from -sqrt(3) to sqrt(3) for a Gaussian latent.
LINE = math.sqrt(3.0)


class Diagnosis(NamedTuple):
  """One slot and one factor; None is what does not apply.

  Attributes:
    latent: name of the column; of both columns of a gaussian(2), whose angle
      about their mean is scored as a loop: 'z0, z1'.
    slot: as written in the config.
    factor: name.
    told: labels of the factor were told, so that nothing is aligned.
    kind: 'loop', 'segment' or 'points', of the slot.
    accuracy: of points, share of the images at the point of their class.
    steps: of loops and segments, mean distance from the truth, in classes of
      the factor, or in the unit of its values.
    median_steps: its median.
    radians: of loops, the mean in radians.
    correlation: of loops circular, of segments linear; from -1 to 1.
    winding: of loops, turns of the code along a turn of the factor, the others
      held: the median over where they are held.
    monotone: share of its steps in the main direction, likewise.
    circles: share of the sweeps that go round once, one way.
  """

  latent: str
  slot: str
  factor: str
  told: bool
  kind: str
  accuracy: float | None = None
  steps: float | None = None
  median_steps: float | None = None
  radians: float | None = None
  correlation: float | None = None
  winding: float | None = None
  monotone: float | None = None
  circles: float | None = None


def diagnose(
  space: Any,
  codes: np.ndarray,
  factors: np.ndarray,
  described: Sequence[Any],
  encode: Callable[[np.ndarray], np.ndarray] | None = None,
  bases: int = 8,
  seed: int = 0,
) -> list[Diagnosis]:
  """Scores every slot that has a kind and a factor to be held against.

  Args:
    space: a latent space, with slots, factors and names.
    codes: `[n, l]` charts of posterior means.
    factors: `[n, f]` classes, or values of continuous factors; images whose
      factor is NaN, not known, have no part in its scores.
    described: the factors, each a `data.Factor`.
    encode: classes `[m, f]` -> codes `[m, l]` of the images that have them, for
      sweeps of loops; None where the data are no grid.
    bases: images from which a factor is swept.
    seed: of their choice.

  Returns:
    A row for each such slot, in the order of the slots. Slots of many columns
    on lines and spheres have none, and neither have those whose topology no
    factor has that varies in these images.

  Raises:
    ValueError: shapes do not fit.
  """
  codes, factors = np.asarray(codes, np.float64), np.asarray(factors)
  if codes.ndim != 2 or codes.shape[1] != space.latents:
    raise ValueError(
      f'codes have shape {list(codes.shape)}; allowed: [n, {space.latents}]'
    )
  if factors.shape != (len(codes), len(described)):
    raise ValueError(
      f'factors have shape {list(factors.shape)}; allowed: '
      f'[{len(codes)}, {len(described)}]'
    )
  names = [factor.name for factor in described]
  known = ~np.isnan(factors)
  varied = [
    len(np.unique(column[told])) > 1
    for column, told in zip(factors.T, known.T, strict=True)
  ]
  rng = np.random.default_rng([seed, bases])
  held = factors[rng.integers(0, len(factors), bases)]
  swept: dict[int, np.ndarray] = {}

  def sweeps(column):
    """Codes `[bases, classes, l]` once along a factor."""
    if column not in swept:
      size = described[column].once
      classes = np.repeat(held[:, None], size, axis=1)
      classes[:, :, column] = np.arange(size)
      flat = encode(classes.reshape(-1, classes.shape[2]))
      swept[column] = np.asarray(flat).reshape(bases, size, -1)
    return swept[column]

  rows = []
  for name, slot, told, read in _readings(space, codes.mean(axis=0)):
    kind = 'loop' if read.pair else _kind(slot)
    scores = {
      column: SCORES[kind](
        read.of(codes)[known[:, column]], factors[known[:, column], column],
        factor, slot, told is not None,
      )
      for column, factor in enumerate(described)
      if varied[column]
      and (factor.topology == kind if told is None else factor.name == told)
      # A segment that was told to a circle has another unit there.
      and not (kind == 'loop' and factor.topology == 'segment')
    }  # fmt: skip
    if not scores:
      continue
    column = max(scores, key=lambda c: scores[c][0])
    row = Diagnosis(
      name, slot.name, names[column], told is not None, kind,
      **scores[column][1],
    )  # fmt: skip
    if kind == 'loop' and encode is not None:
      angles = [read.of(each) for each in sweeps(column)]
      row = row._replace(
        winding=float(np.median([circle.winding(a) for a in angles])),
        monotone=float(np.median([circle.monotone(a) for a in angles])),
        circles=float(np.mean([circle.homeomorphic(a) for a in angles])),
      )
    rows.append(row)
  return rows


class _Reading(NamedTuple):
  """Where in the codes a slot's one coordinate is."""

  column: int
  pair: tuple[float, float] | None = None  # the centre of two columns

  def of(self, codes: np.ndarray) -> np.ndarray:
    if self.pair is None:
      return codes[:, self.column]
    y = codes[:, self.column + 1] - self.pair[1]
    return np.arctan2(y, codes[:, self.column] - self.pair[0])


def _readings(space, centre):
  """(name, slot, told factor, reading) of what has one coordinate."""
  at = 0
  for slot, told in zip(space.slots, space.factors, strict=True):
    names = space.names[at : at + slot.latents]
    # A mixture whose components are classes is a line of its own kind.
    line = slot.topology == 'line' and not slot.classes
    if line and slot.latents == 2:
      pair = (float(centre[at]), float(centre[at + 1]))
      yield ', '.join(names), slot, told, _Reading(at, pair)
    elif slot.topology in SCORES or (line and slot.latents == 1):
      for column, name in enumerate(names, at):
        yield name, slot, told, _Reading(column)
    at += slot.latents


def _kind(slot) -> str:
  return 'segment' if slot.topology == 'line' else slot.topology


def _loop(angles, classes, factor, slot, told):
  truth = classes * (2 * math.pi / factor.turn)
  best = circle.align(angles, truth)
  used = circle.Alignment(1, 0.0, 1.0) if told else best
  error = circle.circular_error(angles, truth, used)
  steps = error * factor.turn / (2 * math.pi)
  return best.resultant, {
    'steps': float(steps.mean()),
    'median_steps': float(np.median(steps)),
    'radians': float(error.mean()),
    'correlation': circle.circular_correlation(angles, truth, uniform=True),
  }


def _segment(values, classes, factor, slot, told):
  line = matching.match_line(values, classes)
  error = line.error
  if told:
    low, high = factor.ends
    unit = LINE if slot.topology == 'line' else 1.0
    error = np.abs(low + (high - low) / 2 * (values / unit + 1) - classes)
  return abs(line.correlation), {
    'steps': float(error.mean()),
    'median_steps': float(np.median(error)),
    'correlation': line.correlation,
  }


def _points(values, classes, factor, slot, told):
  nearest = np.clip(np.rint(values), slot.span[0], slot.span[1])
  accuracy = matching.match_points(nearest, classes).accuracy
  if told:
    accuracy = float((nearest == classes).mean())
  return accuracy, {'accuracy': accuracy}


# (coordinate [n], classes [n], factor, slot, told) -> (fit, scores): the fit is
# what chooses the factor, and higher is better.
SCORES = {'loop': _loop, 'segment': _segment, 'points': _points}
