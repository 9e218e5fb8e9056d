"""Accuracy of a classifier that learns factors from codes and few labels.

[Locatello et al. 2019, arXiv:1811.12359, section 5.5], as disentanglement_lib
does it: `evaluation/metrics/downstream_task.py`.
"""

from collections.abc import Sequence

import numpy as np

from jaxvae.metrics import arrays, estimators
from jaxvae.metrics.score import Score

# Numbers of labelled points in disentanglement_lib's study.
SIZES = (10, 100, 1000, 10_000)


def downstream(
  codes,
  factors,
  test_codes,
  test_factors,
  sizes: Sequence[int] = SIZES,
  estimator: str = 'boosting',
  seed: int = 0,
) -> tuple[Score, ...]:
  """One score for each number of labels: mean accuracy on the test points.

  A classifier is trained for each factor alone. The reference draws new points
  for each size; here the smaller sets are parts of the larger, drawn without
  replacement. It has 5,000 test points.

  Args:
    codes: [points, columns] to train on, at least max(sizes) of them.
    factors: [points, factors] class numbers.
    test_codes: [test points, columns].
    test_factors: [test points, factors]; a class that training did not have is
      answered wrongly.
    sizes: numbers of labelled points.
    estimator: 'boosting', the reference's default and slow (minutes a factor
      of 40 classes at 10,000); 'logistic', its other one: ten penalties on
      five folds; 'logistic_fast': one penalty, C = 1; 'forest': 100 trees.
    seed: of the choice of points and of the trees.

  Returns:
    A score a size, named downstream_10 and so on; per_factor: test accuracy.
    Details: train_accuracy [factors], and the worst test accuracy, min.

  Raises:
    ValueError: NaN, unequal shapes, more labels than points, an unknown
      estimator, fewer than five points for 'logistic'.
  """
  codes, factors = arrays.as_codes(codes), arrays.as_classes(factors)
  arrays.same_length(codes, factors)
  test_codes = arrays.as_codes(test_codes, 'test_codes')
  test_factors = arrays.as_classes(test_factors, 'test_factors')
  same_columns(codes, factors, test_codes, test_factors)
  estimators.check(estimator)
  seed = arrays.seed(seed)
  sizes = [
    arrays.whole('a size', size, -(2**31))
    for size in arrays.sequence('sizes', sizes, 'whole numbers')
  ]
  if not sizes or min(sizes) < 1 or max(sizes) > len(codes):
    raise ValueError(
      f'sizes {arrays.shown(sizes)} must be from 1 to the {len(codes)} points '
      'there are'
    )
  order = np.random.RandomState(seed).permutation(len(codes))
  scores = []
  for size in sizes:
    z, labels = codes[order[:size]], factors[order[:size]]
    seen, told, notes = [], [], set()
    for label, truth in zip(labels.T, test_factors.T, strict=True):
      predict = estimators.fit(estimator, z, label, seed, notes)
      seen.append((predict(z) == label).mean())
      told.append((predict(test_codes) == truth).mean())
    single = np.flatnonzero((labels == labels[0]).all(axis=0))
    if single.size:
      names = ', '.join(map(str, single))
      notes.add(f'one class of factor {names} was seen')
    scores.append(
      Score(
        name=f'downstream_{size}',
        value=float(np.mean(told)),
        variant=f'locatello2019_{estimator}',
        parameters={
          'train': size,
          'test': len(test_codes),
          'estimator': estimator,
          'seed': seed,
        },
        per_factor=np.array(told),
        details={'train_accuracy': np.array(seen), 'min': float(np.min(told))},
        note='; '.join(sorted(notes)),
      )
    )
  return tuple(scores)


def same_columns(
  codes: np.ndarray,
  factors: np.ndarray,
  test_codes: np.ndarray,
  test_factors: np.ndarray,
) -> None:
  """Refuses test points that are not like the training points."""
  if len(test_codes) != len(test_factors):
    raise ValueError(
      f'{len(test_codes)} test codes but {len(test_factors)} test factors: '
      'both have one row for each point'
    )
  for name, ours, theirs in (
    ('codes', codes, test_codes),
    ('factors', factors, test_factors),
  ):
    if ours.shape[1] != theirs.shape[1]:
      raise ValueError(
        f'{name} have {ours.shape[1]} columns in training and '
        f'{theirs.shape[1]} in the test'
      )
