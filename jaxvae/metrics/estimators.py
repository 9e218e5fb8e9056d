"""Classifiers that learn a factor from codes, by the names of the protocols.

`boosting` is disentanglement_lib's gradient boosting and `logistic` its
logistic regression with the penalty chosen by cross-validation; `forest` and
`logistic_fast` answer in seconds what those answer in minutes.
"""

from collections.abc import Callable

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

from jaxvae.metrics import logistic

PENALTIES = np.logspace(-4, 4, 10)
FOLDS = 5

Predictor = Callable[[np.ndarray], np.ndarray]


def fit(
  name: str, codes: np.ndarray, classes: np.ndarray, seed: int
) -> Predictor:
  """Trains an estimator; classes that are all one are predicted as that one.

  Args:
    name: one of `ESTIMATORS`.
    codes: [points, columns].
    classes: [points] integers.
    seed: of what is random in it.

  Returns:
    A function from codes [m, columns] to classes [m].

  Raises:
    ValueError: no such estimator, or too few points for it.
  """
  check(name)
  values, ranks = np.unique(classes, return_inverse=True)
  if len(values) == 1:
    return lambda codes: np.full(len(codes), values[0])
  predict = ESTIMATORS[name](codes, ranks, seed)
  return lambda codes: values[predict(codes)]


def check(name: str) -> None:
  """Refuses an estimator that does not exist."""
  if name not in ESTIMATORS:
    raise ValueError(f'estimator {name!r} is none of {", ".join(ESTIMATORS)}')


def boosting(seed: int) -> GradientBoostingClassifier:
  """scikit-learn's defaults of 2019 and of today, said one by one."""
  return GradientBoostingClassifier(
    loss='log_loss',
    learning_rate=0.1,
    n_estimators=100,
    subsample=1.0,
    min_samples_split=2,
    min_samples_leaf=1,
    max_depth=3,
    max_features=None,
    random_state=seed,
  )


def forest(seed: int) -> RandomForestClassifier:
  """100 trees, the root of the columns tried at each cut."""
  return RandomForestClassifier(
    n_estimators=100, max_features='sqrt', random_state=seed
  )


def _trees(make: Callable) -> Callable[..., Predictor]:
  def train(codes: np.ndarray, ranks: np.ndarray, seed: int) -> Predictor:
    return make(seed).fit(codes, ranks).predict

  return train


def _logistic_fast(
  codes: np.ndarray, ranks: np.ndarray, seed: int
) -> Predictor:
  """Penalty 1: scikit-learn's LogisticRegression as it comes."""
  del seed
  return logistic.fit(codes, ranks).predict


def _logistic(codes: np.ndarray, ranks: np.ndarray, seed: int) -> Predictor:
  """Ten penalties from 1e-4 to 1e4 on five folds in the order of the points.

  What LogisticRegressionCV does, which before scikit-learn 1.8 refuses folds
  that lack a class: the first penalty with the best mean accuracy is fitted to
  all points.
  """
  del seed
  if len(codes) < FOLDS:
    raise ValueError(
      f'logistic cuts the points into {FOLDS} folds; there are {len(codes)}'
    )
  points = np.arange(len(codes))
  accuracy = np.zeros(len(PENALTIES))
  for held in np.array_split(points, FOLDS):
    seen = np.setdiff1d(points, held)
    for index, penalty in enumerate(PENALTIES):
      if len(np.unique(ranks[seen])) > 1:
        model = logistic.fit(codes[seen], ranks[seen], penalty)
        told = model.predict(codes[held])
      else:
        told = ranks[seen][0]
      accuracy[index] += np.mean(told == ranks[held])
  return logistic.fit(codes, ranks, PENALTIES[accuracy.argmax()]).predict


ESTIMATORS: dict[str, Callable[..., Predictor]] = {
  'boosting': _trees(boosting),
  'logistic': _logistic,
  'logistic_fast': _logistic_fast,
  'forest': _trees(forest),
}
