"""Encoded points, and what of their factors can be scored.

A factor has class numbers, or it is continuous: then its span says from where
to where its values go. NaN is a label that is not known.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jaxvae.metrics import arrays
from jaxvae.metrics.circular import Folds, as_folds
from jaxvae.metrics.groups import Groups, as_groups
from jaxvae.metrics.held_out import listed
from jaxvae.metrics.score import Score
from jaxvae.metrics.steps import in_steps


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


def checked(points: Points) -> Points:
  """The same points as arrays that fit each other.

  Raises:
    ValueError: what does not fit, or is no number where one is asked for.
  """
  if not isinstance(points, Points):
    raise ValueError(f'points={arrays.shown(points)}; allowed: Points(...)')
  columns = arrays.as_rows(points.codes).shape[1]
  as_groups(points.groups, columns)
  train = _pair(points.codes, points.factors, '')
  test = None, None
  if points.test_codes is not None:
    test = _pair(points.test_codes, points.test_factors, 'test_')
    if test[0].shape[1] != columns:
      raise ValueError(
        f'{columns} codes a point but {test[0].shape[1]} test_codes'
      )
  if points.factors is None:
    return points._replace(codes=train[0], test_codes=test[0])
  if (test[0] is None) != (points.test_factors is None):
    raise ValueError('test_codes and test_factors are given together, or not')
  count = train[1].shape[1]
  in_steps(train[1], points.spans, 1)
  if test[1] is not None:
    if test[1].shape[1] != count:
      raise ValueError(
        f'{count} factors a point but {test[1].shape[1]} test_factors'
      )
    in_steps(test[1], points.spans, 1, 'test_factors')
  if not isinstance(points.circular, Mapping):
    raise ValueError(
      f'circular={arrays.shown(points.circular)}; allowed: sizes by column'
    )
  for at, size in points.circular.items():
    arrays.whole('a circular column', at, 0, count - 1)
    arrays.number(f'the size of factor {at}', size, 0)
  folds = as_folds(points.folds, count)
  turns = points.turns
  if turns is not None and not (isinstance(turns, tuple) and len(turns) == 2):
    raise ValueError(f'turns={arrays.shown(turns)}; allowed: (codes, factors)')
  return points._replace(
    **{'codes': train[0], 'factors': train[1], 'folds': folds},
    **{'test_codes': test[0], 'test_factors': test[1]},
  )


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
    if not known.any():
      return None, None
    return codes[known], in_steps(factors[known][:, columns], spans, steps)

  codes, factors = some(points.codes, points.factors)
  if codes is None:
    raise ValueError('no point has a label of each factor')
  test_codes, test_factors = points.test_codes, points.test_factors
  if test_factors is not None:
    test_codes, test_factors = some(test_codes, test_factors)
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
  said = {}
  for name, value in parts[0].parameters.items():
    values = {part.parameters.get(name) for part in parts}
    if len(values) == 1 or name.endswith('points'):
      said[name] = min(values) if len(values) > 1 else value
  notes = [part.note for part in parts if part.note]
  notes.append(f'{min(counts):,} to {max(counts):,} points have a label')
  return parts[0]._replace(
    value=float(each.mean()),
    parameters=said,
    per_factor=each[np.argsort(columns)],
    details={},
    ungrouped=None if None in alone else float(np.dot(shares, alone)),
    note='; '.join(dict.fromkeys(notes)),
  )


def _loops(
  points: Points, columns: list[int], steps: int
) -> tuple[dict[int, float], Folds]:
  """How far these columns turn, and how often their images come back in a turn.

  Where the factor that decides how often has one known value here and is left
  out, it is the same of all images.
  """
  circular, folds = {}, {}
  for at, turn in points.circular.items():
    if at not in columns:
      continue
    there = columns.index(at)
    circular[there] = turn
    if at in points.spans:
      low, high = points.spans[at]
      circular[there] = steps * (turn / (high - low))
    often = (points.folds or {}).get(at)
    if isinstance(often, tuple):
      other, counts = often
      values = points.factors[:, other]
      values = np.unique(values[~np.isnan(values)])
      often = None
      if other in columns:
        often = columns.index(other), counts
      elif len(values) == 1 and 0 <= values[0] < len(counts):
        often = counts[int(values[0])]
    if often is not None:
      folds[there] = often
  return circular, folds


def _pair(codes, factors, test: str) -> tuple[np.ndarray, np.ndarray | None]:
  """Codes in their own precision, and factors of the same points."""
  arrays.as_rows(codes, f'{test}codes')
  codes = np.asarray(codes)
  if factors is None:
    return codes, None
  arrays.as_rows(factors, f'{test}factors', 'factors')
  factors = np.asarray(factors)
  arrays.same_length(codes, factors)
  return codes, factors


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
