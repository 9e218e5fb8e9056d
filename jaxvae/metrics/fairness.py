"""Unfairness of a downstream predictor [Locatello et al. 2019b].

arXiv:1905.13662, section 4, as in disentanglement_lib's `fairness.py`: how far
the predictions of one factor move when another one, that should be of no
matter, is set. 0 is fair.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from jaxvae.metrics import arrays, estimators
from jaxvae.metrics.downstream import same_columns
from jaxvae.metrics.score import Score

MOST = 10**7  # rows of factors that are encoded at a time


class Unfairness(NamedTuple):
  """Two scores, each the mean over targets and sensitive factors.

  Attributes:
    mean: of the mean distance over the values of the sensitive factor, the
      paper's score.
    max: of the largest distance.
  """

  mean: Score
  max: Score


def inter_group_unfairness(counts) -> tuple[float, float]:
  """Total variation of each group's predictions to those of all groups.

  Args:
    counts: [predicted classes, groups] how many points.

  Returns:
    The mean over points (groups weigh by their size) and the largest over
    groups. Groups without points have no part in it.

  Raises:
    ValueError: not a table of counts, or one without points.
  """
  counts = arrays.as_classes(counts, 'counts')
  sizes = counts.sum(axis=0)
  if (counts < 0).any() or not sizes.any():
    raise ValueError('counts must be 0 or more, with one point at least')
  counts, sizes = counts[:, sizes > 0], sizes[sizes > 0]
  overall = counts.sum(axis=1, keepdims=True) / sizes.sum()
  distance = np.abs(counts / sizes - overall).sum(axis=0) / 2
  return float(distance @ sizes / sizes.sum()), float(distance.max())


def fairness(
  codes,
  factors,
  test_codes,
  test_factors,
  estimator: str = 'boosting',
  seed: int = 0,
) -> Unfairness:
  """Unfairness on given points: groups are the points with each value.

  Without an encoder nothing can be set, so the test points with value c of the
  sensitive factor stand for those where it is set to c. That is the same when
  factors are independent in the test points, but for the sampling noise of
  small groups; `fairness_by_setting` is the reference's protocol.

  Args:
    codes: [points, columns] to train on; the reference has 10,000.
    factors: [points, factors] class numbers, two factors or more.
    test_codes: [test points, columns].
    test_factors: [test points, factors], each factor with two values or more.
    estimator: as in `downstream`.
    seed: of the trees.

  Returns:
    Two scores; per_factor: for each target the mean over sensitive factors.
    Details: unfairness [target, sensitive], 0 on the diagonal.

  Raises:
    ValueError: NaN, unequal shapes, one factor only, a factor that is fixed.
  """
  codes, factors = _checked(codes, factors, estimator, seed)
  test_codes = arrays.as_codes(test_codes, 'test_codes')
  test_factors = arrays.as_classes(test_factors, 'test_factors')
  same_columns(codes, factors, test_codes, test_factors)
  _moving(test_factors)

  def table(predict, sensitive):
    return _counts(predict(test_codes), test_factors[:, sensitive])

  pairs, note = _every_pair(codes, factors, estimator, seed, table)
  return _scores(
    pairs,
    note,
    'groups',
    {
      'train': len(codes),
      'test': len(test_codes),
      'estimator': estimator,
      'seed': seed,
    },
  )


def fairness_by_setting(
  codes,
  factors,
  encode: Callable[[np.ndarray], np.ndarray],
  values: Sequence[int],
  points: int = 100,
  estimator: str = 'boosting',
  seed: int = 0,
) -> Unfairness:
  """Unfairness by the reference's protocol: the sensitive factor is set.

  For each target and sensitive factor, rows of factors are drawn, uniform and
  independent; in all of them the sensitive factor is set to each of its values
  in turn, and the points are encoded.

  Args:
    codes: [points, columns] to train on; the reference has 10,000.
    factors: [points, factors] class numbers 0..values-1.
    encode: factors [m, factors] int64 to codes [m, columns].
    values: how many values each factor has.
    points: rows drawn for each target and sensitive factor.
    estimator: as in `downstream`.
    seed: of the rows and of the trees.

  Returns:
    As `fairness`.

  Raises:
    ValueError: as `fairness`; values that do not fit the factors.
  """
  codes, factors = _checked(codes, factors, estimator, seed)
  if not callable(encode):
    raise ValueError(
      f'encode={arrays.shown(encode)}; allowed: a function of factors'
    )
  values = arrays.sequence('values', values, 'whole numbers')
  values = np.array([arrays.whole('a value', v, -(2**31)) for v in values])
  if len(values) != factors.shape[1] or (values < 2).any():
    raise ValueError(
      f'values {arrays.shown(values.tolist())} must be two or more for each of '
      f'{factors.shape[1]} factors'
    )
  if (factors < 0).any() or (factors >= values).any():
    raise ValueError(f'factors must be below their values {values.tolist()}')
  points = arrays.whole('points', points, 1, MOST // int(values.max()))
  random = np.random.RandomState(seed)

  def table(predict, sensitive):
    rows = np.stack([random.randint(v, size=points) for v in values], axis=1)
    rows = np.tile(rows, (values[sensitive], 1))
    rows[:, sensitive] = np.repeat(np.arange(values[sensitive]), points)
    encoded = arrays.as_codes(encode(rows), 'what encode gives')
    if encoded.shape != (len(rows), codes.shape[1]):
      raise ValueError(
        f'encode gave {list(encoded.shape)} for {len(rows)} rows of factors, '
        f'not {[len(rows), codes.shape[1]]}'
      )
    return _counts(predict(encoded), rows[:, sensitive])

  pairs, note = _every_pair(codes, factors, estimator, seed, table)
  return _scores(
    pairs,
    note,
    'locatello2019',
    {
      'train': len(codes),
      'points': points,
      'estimator': estimator,
      'seed': seed,
    },
  )


def _checked(codes, factors, estimator: str, seed: int):
  codes, factors = arrays.as_codes(codes), arrays.as_classes(factors)
  arrays.same_length(codes, factors)
  estimators.check(estimator)
  arrays.seed(seed)
  if factors.shape[1] < 2:
    raise ValueError('fairness needs a target and a sensitive factor: two')
  _moving(factors)
  return codes, factors


def _moving(factors: np.ndarray) -> None:
  fixed = np.flatnonzero((factors == factors[0]).all(axis=0))
  if fixed.size:
    raise ValueError(
      f'factor {fixed[0]} has one value only in these points: leave it out'
    )


def _counts(predicted: np.ndarray, group: np.ndarray) -> np.ndarray:
  classes, row = np.unique(predicted, return_inverse=True)
  groups, column = np.unique(group, return_inverse=True)
  cells = np.bincount(
    row * len(groups) + column, minlength=len(classes) * len(groups)
  )
  return cells.reshape(len(classes), len(groups))


def _every_pair(codes, factors, estimator, seed, table):
  """[target, sensitive, 2] mean and largest distance, and what to note."""
  notes: set[str] = set()
  columns = factors.shape[1]
  found = np.zeros((columns, columns, 2))
  for target in range(columns):
    predict = estimators.fit(estimator, codes, factors[:, target], seed, notes)
    for sensitive in range(columns):
      if sensitive != target:
        found[target, sensitive] = inter_group_unfairness(
          table(predict, sensitive)
        )
  return found, '; '.join(sorted(notes))


def _scores(
  pairs: np.ndarray, note: str, variant: str, parameters
) -> Unfairness:
  others = len(pairs) - 1
  scores = []
  for index, name in enumerate(('unfairness_mean', 'unfairness_max')):
    per_target = pairs[..., index].sum(axis=1) / others
    scores.append(
      Score(
        name=name,
        value=float(per_target.mean()),
        variant=f'{variant}_{parameters["estimator"]}',
        parameters=parameters,
        per_factor=per_target,
        details={'unfairness': pairs[..., index]},
        note=note,
      )
    )
  return Unfairness(*scores)
