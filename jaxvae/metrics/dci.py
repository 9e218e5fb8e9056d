"""Disentanglement, completeness, informativeness.

[Eastwood and Williams 2018, A Framework for the Quantitative Evaluation of
Disentangled Representations, section 2; openreview By-7dz-AZ.]

An ensemble of trees predicts each factor from all codes. How important each
code was is R [latents, factors]. Disentanglement asks whether a latent is
important for one factor, completeness whether a factor needs one latent, and
informativeness how well the factors are predicted.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy import stats
from sklearn import ensemble

from jaxvae.metrics import arrays, held_out
from jaxvae.metrics.estimators import boosting
from jaxvae.metrics.groups import Groups, as_groups, total
from jaxvae.metrics.score import Score
from jaxvae.metrics.units import NARROW, within_reach


class Dci(NamedTuple):
  """The three scores of one set of classifiers.

  Attributes:
    disentanglement: details: per_latent [latents], importance.
    completeness: per factor; details: importance.
    informativeness: accuracy on the test points, per factor; details: train,
      the mean accuracy on the training points, train_per_factor, importance.
  """

  disentanglement: Score
  completeness: Score
  informativeness: Score


# Threads of scikit-learn 1.9 race for Python's list of warning filters and may
# leave it empty, and would add the votes in any order.
ONE = 1


def _forest(seed: int) -> ensemble.RandomForestClassifier:
  """The setting of Tripod [Hsu et al. 2024, arXiv:2404.10282]."""
  return ensemble.RandomForestClassifier(
    n_estimators=100,
    criterion='entropy',
    max_depth=10,
    min_samples_split=2,
    min_samples_leaf=1,
    max_features='sqrt',
    bootstrap=True,
    random_state=seed,
    n_jobs=ONE,
  )


def _extra_trees(seed: int) -> ensemble.ExtraTreesClassifier:
  """Ours, the fastest: thresholds are drawn, and all codes are compared."""
  return ensemble.ExtraTreesClassifier(
    n_estimators=30,
    criterion='entropy',
    max_depth=10,
    min_samples_split=2,
    min_samples_leaf=1,
    max_features=None,
    bootstrap=False,
    random_state=seed,
    n_jobs=ONE,
  )


def _lightgbm(seed: int) -> Any:
  """The reference's trees where LightGBM can: importance is the gain."""
  try:
    import lightgbm
  except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
      "DCI with estimator 'lightgbm' needs LightGBM: "
      'pip install jaxvae[lightgbm]'
    ) from error
  return lightgbm.LGBMClassifier(
    n_estimators=100,
    learning_rate=0.1,
    max_depth=3,
    num_leaves=8,
    importance_type='gain',
    random_state=seed,
    deterministic=True,
    force_col_wise=True,
    # Trees this small are grown faster by one thread than by several.
    n_jobs=1,
    verbosity=-1,
  )


ESTIMATORS: Mapping[str, Callable[[int], Any]] = {
  'boosting': boosting,
  'forest': _forest,
  'extra_trees': _extra_trees,
  'lightgbm': _lightgbm,
}


def disentanglement(importance) -> float:
  """Mean over latents of 1 - H(R[latent] / sum) in base `factors`.

  Latents weigh by their part of all importance. 1e-11 is added to what the
  entropy is taken of, as in disentanglement_lib, so that a latent of no
  importance has entropy 1; if nothing is important, all weigh the same.

  Args:
    importance: [latents, factors], not negative; two factors or more.
  """
  importance = _as_importance(importance)
  return float(
    (latent_disentanglement(importance) * _weights(importance, 1)).sum()
  )


def completeness(importance) -> float:
  """Mean over factors of 1 - H(R[:, factor] / sum) in base `latents`.

  Weights and the 1e-11 as in `disentanglement`.

  Args:
    importance: [latents, factors], not negative; two latents or more.
  """
  importance = _as_importance(importance)
  return float(
    (factor_completeness(importance) * _weights(importance, 0)).sum()
  )


def latent_disentanglement(importance) -> np.ndarray:
  """1 - entropy of each latent's importance: [latents]."""
  importance = _as_importance(importance)
  factors = importance.shape[1]
  if factors < 2:
    raise ValueError('disentanglement compares factors: there is one only')
  return 1.0 - stats.entropy(importance.T + 1e-11, base=factors)


def factor_completeness(importance) -> np.ndarray:
  """1 - entropy of each factor's importance: [factors]."""
  importance = _as_importance(importance)
  latents = importance.shape[0]
  if latents < 2:
    raise ValueError('completeness compares latents: there is one only')
  return 1.0 - stats.entropy(importance + 1e-11, base=latents)


def dci(
  codes,
  factors,
  test_codes,
  test_factors,
  estimator: str = 'boosting',
  seed: int = 0,
  groups: Groups | None = None,
) -> Dci:
  """DCI by the protocol of disentanglement_lib, variant 'locatello2019'.

  The reference draws 10,000 points to learn from and 5,000 to test on, with
  every factor uniform and independent, and does not seed its trees; here each
  factor's begin at `seed`. The estimator is part of the value: importances of
  another one are other numbers.

  Args:
    codes: [points, columns] real numbers, two latents or more.
    factors: [points, factors] class numbers, two factors or more.
    test_codes: [test points, columns].
    test_factors: [test points, factors].
    estimator: 'boosting', the reference, minutes on data with many classes;
      'forest', the random forest of Tripod, which never scores perfect codes 1
      since it tries the root of their number at each cut; 'lightgbm', boosted
      trees of the same number, depth and rate by another program, which of
      equal codes takes the first; 'extra_trees', ours and the fastest.
    seed: of every estimator.
    groups: columns of each latent; their importances are added.

  Raises:
    ValueError: NaN, unequal lengths, one latent or factor only, a factor that
      is fixed, an unknown estimator.
    ModuleNotFoundError: LightGBM is asked for and not installed.
  """
  points = held_out.as_held_out(codes, factors, test_codes, test_factors)
  latents = len(as_groups(groups, points.codes.shape[1]))
  if latents < 2 or points.factors.shape[1] < 2:
    raise ValueError(
      'DCI needs two latents and two factors or more, not '
      f'{latents} and {points.factors.shape[1]}'
    )
  seed = arrays.seed(seed)
  if not arrays.among(estimator, ESTIMATORS):
    raise ValueError(
      f'estimator {arrays.shown(estimator)} is none of {", ".join(ESTIMATORS)}'
    )
  units = within_reach(points.codes, NARROW)
  points = points._replace(
    codes=units.of(points.codes), test_codes=units.of(points.test_codes)
  )
  columns = [
    _fit(ESTIMATORS[estimator](seed), points, factor)
    for factor in range(points.factors.shape[1])
  ]
  alone = np.stack([column.importance for column in columns], axis=1)
  train = np.array([column.train for column in columns])
  test = np.array([column.test for column in columns])
  importance = total(alone, groups)

  def score(name: str, value: float, formula=None, **rest) -> Score:
    return Score(
      name=f'dci_{name}',
      value=value,
      variant='locatello2019' if estimator == 'boosting' else estimator,
      parameters={
        'estimator': estimator,
        'points': len(points.codes),
        'test_points': len(points.test_codes),
        'seed': seed,
      },
      ungrouped=None if groups is None or not formula else formula(alone),
      **rest,
    )

  return Dci(
    score(
      'disentanglement',
      disentanglement(importance),
      disentanglement,
      details={
        'per_latent': latent_disentanglement(importance),
        'importance': importance,
      },
    ),
    score(
      'completeness',
      completeness(importance),
      completeness if len(alone) > 1 else None,
      per_factor=factor_completeness(importance),
      details={'importance': importance},
    ),
    score(
      'informativeness',
      float(test.mean()),
      per_factor=test,
      details={
        'train': float(train.mean()),
        'train_per_factor': train,
        'importance': importance,
      },
      note=held_out.unseen_note(points.unseen),
    ),
  )


class _Column(NamedTuple):
  importance: np.ndarray
  train: float
  test: float


def _fit(model: Any, points: held_out.HeldOut, factor: int) -> _Column:
  classes = points.factors[:, factor]
  model.fit(points.codes, classes)
  importance = np.abs(np.asarray(model.feature_importances_, np.float64))
  everything = importance.sum()
  return _Column(
    # Shares, which scikit-learn's are already and LightGBM's gains are not.
    importance / everything if everything > 0 else importance,
    float((model.predict(points.codes) == classes).mean()),
    float(
      (
        model.predict(points.test_codes) == points.test_factors[:, factor]
      ).mean()
    ),
  )


def _as_importance(importance) -> np.ndarray:
  importance = arrays.as_codes(importance, 'importance')
  if (importance < 0).any():
    raise ValueError('importance is not negative; take its absolute value')
  return importance


def _weights(importance: np.ndarray, axis: int) -> np.ndarray:
  if importance.sum() == 0:
    importance = np.ones_like(importance)
  return importance.sum(axis=axis) / importance.sum()
