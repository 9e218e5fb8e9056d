"""Explicitness [Ridgeway and Mozer 2018, arXiv:1802.05312, section 3].

A factor is explicit if a linear classifier reads its value off all the codes:
the area under the ROC curve, one value against the rest, mean over values.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

from jaxvae.metrics import held_out, logistic
from jaxvae.metrics.score import Score


def explicitness(codes, factors, test_codes, test_factors) -> Score:
  """Explicitness by the protocol of disentanglement_lib, 'locatello2019'.

  Codes are standardised by mean and standard deviation of the training points,
  a constant code is 0, and each factor gets a multinomial logistic regression
  with scikit-learn's defaults (L2 with C = 1, lbfgs, at most 100 steps). With
  many values it stops at 100 steps before it has converged: that is part of
  the protocol, and the note says where.

  The reference draws 10,000 points to learn from and 5,000 to test on, and
  fails if a value is missing among the test points. Here the mean is then over
  the values that are there, and the note says so.

  Args:
    codes: [points, columns] real numbers.
    factors: [points, factors] class numbers, each factor with two or more.
    test_codes: [test points, columns].
    test_factors: [test points, factors]; values that training points have.

  Returns:
    The score on the test points; details: train, train_per_factor, and steps
    [factors] of the solver.

  Raises:
    ValueError: NaN, unequal lengths, a factor that is fixed in either set, a
      test value that no training point has.
  """
  points = held_out.as_held_out(codes, factors, test_codes, test_factors)
  held_out.varied(points.test_factors)
  if points.unseen:
    raise ValueError(
      f'{held_out.listed(points.unseen)}: test values without a training '
      'point have no curve'
    )
  train_codes, test_codes = _standardised(points.codes, points.test_codes)
  read = [
    _read(train_codes, classes, test_codes, test_classes)
    for classes, test_classes in zip(
      points.factors.T, points.test_factors.T, strict=True
    )
  ]
  train = np.array([factor.train for factor in read])
  test = np.array([factor.test for factor in read])
  stopped = [index for index, factor in enumerate(read) if not factor.converged]
  missing = [index for index, factor in enumerate(read) if factor.missing]
  notes = []
  if stopped:
    notes.append(f'stopped at 100 steps: {held_out.listed(stopped)}')
  if missing:
    notes.append(f'not all values are tested: {held_out.listed(missing)}')
  return Score(
    name='explicitness',
    value=float(test.mean()),
    variant='locatello2019',
    parameters={
      'points': len(points.codes),
      'test_points': len(points.test_codes),
    },
    per_factor=test,
    details={
      'train': float(train.mean()),
      'train_per_factor': train,
      'steps': np.array([factor.steps for factor in read]),
    },
    note='; '.join(notes),
  )


def area_under_curve(scores, classes, values) -> np.ndarray:
  """Area under the ROC curve of each value against the rest.

  Equal scores count half, as under a curve with straight parts.

  Args:
    scores: [points, values] what speaks for each value.
    classes: [points] the value of each point.
    values: [values] that the columns are about.

  Returns:
    [values] from 0 to 1; NaN for a value that no point or every point has.
  """
  ranks = stats.rankdata(scores, axis=0)
  positive = np.asarray(classes)[:, None] == np.asarray(values)
  count = positive.sum(axis=0)
  pairs = count * (len(positive) - count)
  above = (ranks * positive).sum(axis=0) - count * (count + 1) / 2
  return np.divide(
    above, pairs, out=np.full(len(count), np.nan), where=pairs > 0
  )


class _Factor(NamedTuple):
  train: float
  test: float
  steps: int
  converged: bool
  missing: bool


def _read(train_codes, classes, test_codes, test_classes) -> _Factor:
  model = logistic.fit(train_codes, classes)
  train = area_under_curve(
    model.predict_proba(train_codes), classes, model.classes_
  )
  test = area_under_curve(
    model.predict_proba(test_codes), test_classes, model.classes_
  )
  return _Factor(
    train=float(train.mean()),
    test=float(np.nanmean(test)),
    steps=int(np.max(model.n_iter_)),
    converged=logistic.converged(model),
    missing=bool(np.isnan(test).any()),
  )


def _standardised(
  codes: np.ndarray, test_codes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  mean, deviation = codes.mean(axis=0), codes.std(axis=0)
  constant = codes.min(axis=0) == codes.max(axis=0)
  deviation = np.where(constant, 1, deviation)
  kept = ~constant
  return (
    (codes - mean) / deviation * kept,
    (test_codes - mean) / deviation * kept,
  )
