"""Encoded points, and what of their factors can be scored.

A factor has class numbers, or it is continuous: then its span says from where
to where its values go. NaN is a label that is not known.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jaxvae.metrics.circular import Folds
from jaxvae.metrics.groups import Groups
from jaxvae.metrics.held_out import listed
from jaxvae.metrics.score import Score

# What keeps all digits of a value in float32, for metrics of numbers.
FINE = 1 << 24


class Points(NamedTuple):
  """Encoded images and the factors that made them.

  Attributes:
    codes: [n, columns] means of posteriors.
    factors: [n, f] class numbers, values of continuous factors, and NaN where
      a label is not known; None where the data declare none.
    test_codes: [m, columns] of other points, for what is fitted.
    test_factors: [m, f].
    groups: columns of each latent, (cos, sin) of a circle; None: each alone.
    circular: the number of classes, or how far values go, once round each
      factor that is a circle, by column.
    turns: (codes, factors) of a full grid in which the circular factors turn,
      at some values of the others; D_LSBD alone needs it.
    folds: how often the images come back in a turn, see `circle_score`.
    spans: the least and the largest value of each continuous factor, by column;
      of a circle, where it begins and where it is there again.
  """

  codes: np.ndarray
  factors: np.ndarray | None = None
  test_codes: np.ndarray | None = None
  test_factors: np.ndarray | None = None
  groups: Groups | None = None
  circular: Mapping[int, float] = {}
  turns: tuple[np.ndarray, np.ndarray] | None = None
  folds: Folds | None = None
  spans: Mapping[int, tuple[float, float]] = {}


def left_out(points: Points, bins: int) -> dict[int, str]:
  """Why a factor has no score on these points, by column.

  Args:
    points: with factors.
    bins: of the continuous ones, see `in_steps`.
  """
  reasons = {}
  for at, column in enumerate(in_steps(points.factors, points.spans, bins).T):
    known = column[~np.isnan(column)]
    values = len(np.unique(known))
    if not len(known):
      reasons[at] = f'no label on {len(column):,} points'
    elif values == 1:
      one = (
        f'values in one of {bins} bins' if at in points.spans else 'one value'
      )
      reasons[at] = f'{one} only on {len(known):,} points'
    elif 2 * values > len(known) and at not in points.spans:
      reasons[at] = (
        f'{values:,} values on {len(known):,} points: too few of each'
      )
  return reasons


def in_steps(
  factors, spans: Mapping[int, tuple[float, float]], steps: int
) -> np.ndarray:
  """Values as the numbers of equal steps of their span, 0 ... steps - 1.

  Args:
    factors: [points, factors]; class numbers stay what they are.
    spans: of the continuous factors, by column.
    steps: of each: a few bins, or `FINE`.

  Returns:
    [points, factors] int64, or float64 where some are NaN.
  """
  numbers = np.asarray(factors)
  if numbers.dtype.kind != 'f':
    return numbers
  numbers = numbers.astype(np.float64)
  for at, (low, high) in spans.items():
    places = np.floor((numbers[:, at] - low) / (high - low) * steps)
    numbers[:, at] = np.clip(places, 0, steps - 1)
  return numbers if np.isnan(numbers).any() else numbers.astype(np.int64)


def labelled_alike(points: Points, columns: Sequence[int]) -> list[list[int]]:
  """The columns in groups that are known of the same points."""
  groups: dict[bytes, list[int]] = {}
  for column in columns:
    which = _known(points.factors, [column]).tobytes()
    groups.setdefault(which, []).append(column)
  return list(groups.values())


def part(points: Points, columns: list[int], steps: int) -> Points:
  """These factors, where all are known, continuous ones in steps.

  Raises:
    ValueError: no point has a label of each.
  """
  spans = {columns.index(k): v for k, v in points.spans.items() if k in columns}
  circular, folds = _loops(points, columns, steps)

  def some(codes, factors):
    known = _known(factors, columns)
    return codes[known], in_steps(factors[known][:, columns], spans, steps)

  codes, factors = some(points.codes, points.factors)
  if not len(codes):
    raise ValueError('no point has a label of each factor')
  test_codes, test_factors = points.test_codes, points.test_factors
  if test_factors is not None:
    test_codes, test_factors = some(test_codes, test_factors)
    if not len(test_codes):
      test_codes = test_factors = None
  return Points(
    *(codes, factors, test_codes, test_factors, points.groups, circular),
    folds=folds,
  )


def returning(points: Points) -> tuple[Points, list[str]]:
  """The points each of whose values others have, and a note on the rest.

  Raises:
    ValueError: there are none.
  """
  notes = []
  for codes, factors, which in (
    ('codes', 'factors', 'points'),
    ('test_codes', 'test_factors', 'test points'),
  ):
    told = getattr(points, factors)
    if told is None:
      continue
    kept = _returning(told)
    if not kept.any():
      raise ValueError(f'no two {which} share a value')
    if not kept.all():
      notes.append(
        f'{(~kept).sum():,} {which} are alone with a value: left out'
      )
      few = {codes: getattr(points, codes)[kept], factors: told[kept]}
      points = points._replace(**few)
  return points, notes


def seen(points: Points) -> tuple[Points, list[str]]:
  """Test points all of whose values training points have, of factors that vary.

  Raises:
    ValueError: nothing is left.
  """
  notes = []
  told = zip(points.factors.T, points.test_factors.T, strict=True)
  kept = np.all([np.isin(test, train) for train, test in told], axis=0)
  if not kept.all():
    notes.append(
      f'{(~kept).sum():,} test points have an unseen value: left out'
    )
  test = points.test_factors[kept]
  varied = np.array([len(np.unique(column)) > 1 for column in test.T])
  if not varied.any():
    raise ValueError('no factor has two values in the test points')
  if not varied.all():
    fixed = listed(np.flatnonzero(~varied))
    notes.append(f'{fixed}: one value in the test points, left out')
  return points._replace(
    factors=points.factors[:, varied],
    test_codes=points.test_codes[kept],
    test_factors=test[:, varied],
  ), notes


def joined(parts: Sequence[Score], groups: Sequence[Sequence[int]]) -> Score:
  """The mean over all factors, of scores that have some factors each.

  Args:
    parts: whose values are means over factors.
    groups: of columns, those of each part.
  """
  columns = np.concatenate(groups)
  each = np.concatenate([part.per_factor for part in parts])
  shares = [len(group) / len(columns) for group in groups]
  alone = [part.ungrouped for part in parts]
  counts = [part.parameters['points'] for part in parts]
  notes = [part.note for part in parts if part.note]
  notes.append(f'{min(counts):,} to {max(counts):,} points have a label')
  return parts[0]._replace(
    value=float(each.mean()),
    parameters={**parts[0].parameters, 'points': min(counts)},
    per_factor=each[np.argsort(columns)],
    details={},
    ungrouped=None if None in alone else float(np.dot(shares, alone)),
    note='; '.join(dict.fromkeys(notes)),
  )


def _loops(
  points: Points, columns: list[int], steps: int
) -> tuple[dict[int, float], Folds]:
  """How far these columns turn, and how often their images come back in a turn.

  Where the factor that decides how often has one value here, it is the same
  for every class of the loop.
  """
  circular, folds = {}, {}
  for at, turn in points.circular.items():
    if at not in columns:
      continue
    there = columns.index(at)
    circular[there] = steps if at in points.spans else turn
    if at not in (points.folds or {}):
      continue
    other, counts = points.folds[at]
    values = np.unique(points.factors[:, other])
    if other in columns:
      folds[there] = columns.index(other), counts
    elif len(values) == 1 and 0 <= values[0] < len(counts):
      classes = int(np.nanmax(points.factors[:, at])) + 1
      folds[there] = there, (counts[int(values[0])],) * classes
  return circular, folds


def _known(factors: np.ndarray, columns: Sequence[int]) -> np.ndarray:
  return ~np.isnan(factors[:, columns]).any(axis=1)


def _returning(factors: np.ndarray) -> np.ndarray:
  kept = np.ones(len(factors), bool)
  while kept.any():
    alone = np.zeros(kept.sum(), bool)
    for column in factors[kept].T:
      _, which, count = np.unique(
        column, return_inverse=True, return_counts=True
      )
      alone |= count[which] == 1
    if not alone.any():
      break
    kept[np.flatnonzero(kept)[alone]] = False
  return kept
