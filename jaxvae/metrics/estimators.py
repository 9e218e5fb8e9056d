"""Classifiers that learn a factor from codes, by the names of the protocols.

`boosting` is disentanglement_lib's gradient boosting and `logistic` its
logistic regression with the penalty chosen by cross-validation; `forest` and
`logistic_fast` answer in seconds what those answer in minutes.
"""

from collections.abc import Callable

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

from jaxvae.metrics import arrays, logistic
from jaxvae.metrics.units import NARROW, within_reach

PENALTIES = np.logspace(-4, 4, 10)
FOLDS = 5

Predictor = Callable[[np.ndarray], np.ndarray]
_Trained = tuple[Predictor, str]  # and what is to be said of it


def fit(
  name: str,
  codes: np.ndarray,
  classes: np.ndarray,
  seed: int,
  notes: set[str] | None = None,
) -> Predictor:
  """Trains an estimator; classes that are all one are predicted as that one.

  Args:
    name: one of `ESTIMATORS`.
    codes: [points, columns].
    classes: [points] integers.
    seed: of what is random in it.
    notes: gets what a score has to say of this fit.

  Returns:
    A function from codes [m, columns] to classes [m].

  Raises:
    ValueError: no such estimator, or too few points for it.
  """
  check(name)
  values, ranks = np.unique(classes, return_inverse=True)
  if len(values) == 1:
    return lambda codes: np.full(len(codes), values[0])
  predict, note = ESTIMATORS[name](codes, ranks, seed)
  if note and notes is not None:
    notes.add(note)
  return lambda codes: values[predict(codes)]


def check(name: str) -> None:
  """Refuses an estimator that does not exist."""
  if not arrays.among(name, ESTIMATORS):
    raise ValueError(
      f'estimator {arrays.shown(name)} is none of {", ".join(ESTIMATORS)}'
    )


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


def _trees(make: Callable) -> Callable[..., _Trained]:
  def train(codes: np.ndarray, ranks: np.ndarray, seed: int) -> _Trained:
    units = within_reach(codes, NARROW)
    model = make(seed).fit(units.of(codes), ranks)
    return lambda points: model.predict(units.of(points)), ''

  return train


def _logistic_fast(codes: np.ndarray, ranks: np.ndarray, seed: int) -> _Trained:
  """Penalty 1: scikit-learn's LogisticRegression as it comes."""
  del seed
  return _fitted(codes, ranks, 1.0)


def _fitted(codes: np.ndarray, ranks: np.ndarray, penalty: float) -> _Trained:
  model = logistic.fit(codes, ranks, penalty)
  return model.predict, logistic.note(model, codes)


def _logistic(codes: np.ndarray, ranks: np.ndarray, seed: int) -> _Trained:
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
  return _fitted(codes, ranks, PENALTIES[accuracy.argmax()])


ESTIMATORS: dict[str, Callable[..., _Trained]] = {
  'boosting': _trees(boosting),
  'logistic': _logistic,
  'logistic_fast': _logistic_fast,
  'forest': _trees(forest),
}
