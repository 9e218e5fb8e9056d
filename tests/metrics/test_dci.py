"""Oracles: disentanglement_lib's matrices and protocol, closed forms."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.ensemble import (
  ExtraTreesClassifier,
  GradientBoostingClassifier,
  RandomForestClassifier,
)

from jaxvae.metrics.dci import (
  ESTIMATORS,
  completeness,
  dci,
  disentanglement,
  factor_completeness,
  latent_disentanglement,
)

EYE = 5 * np.eye(5)
HALF = 1 - np.log(2) / np.log(10)


@pytest.mark.parametrize(
  ('importance', 'd', 'c'),
  [
    (EYE, 1, 1),
    ([[1.0, 0], [0, 1], [0, 0]], 1, 1),
    (np.zeros((10, 10)), 0, 0),
    (np.vstack([EYE, EYE]), 1, HALF),
    (np.hstack([EYE, EYE]), HALF, 1),
    (EYE[:2], 1, 1),
  ],
)
def test_the_matrices_of_the_references_own_tests(importance, d, c):
  # disentanglement_lib, evaluation/metrics/dci_test.py, and its tolerances.
  assert disentanglement(importance) == pytest.approx(d, rel=1e-7, abs=1e-7)
  assert completeness(importance) == pytest.approx(c, rel=1e-7, abs=1e-7)


def test_a_mixed_matrix():
  # disentanglement_lib run on it; one latent is important for nothing.
  importance = [[0.7, 0.1, 0], [0.2, 0.8, 0.1], [0.1, 0.1, 0.9], [0, 0, 0]]
  assert disentanglement(importance) == pytest.approx(
    0.4547360766047053, rel=1e-12
  )
  assert completeness(importance) == pytest.approx(
    0.5753827767488146, rel=1e-12
  )
  # 1 - H(7/8, 1/8) / ln 3 and 1 - H(.7, .2, .1) / ln 4, by hand.
  assert latent_disentanglement(importance)[0] == pytest.approx(
    1 + (7 / 8 * np.log(7 / 8) + 1 / 8 * np.log(1 / 8)) / np.log(3), rel=1e-9
  )
  assert latent_disentanglement(importance)[3] == pytest.approx(0, abs=1e-12)
  assert factor_completeness(importance)[0] == pytest.approx(
    1 - stats.entropy([0.7, 0.2, 0.1]) / np.log(4), rel=1e-8
  )


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000))
def test_order_scale_and_a_dead_latent(seed):
  random = np.random.default_rng(seed)
  importance = random.exponential(size=(5, 4)) ** 2
  d, c = disentanglement(importance), completeness(importance)
  assert 0 <= d <= 1 and 0 <= c <= 1
  moved = importance[random.permutation(5)][:, random.permutation(4)] * 3
  assert disentanglement(moved) == pytest.approx(d, rel=1e-7)
  assert completeness(moved) == pytest.approx(c, rel=1e-7)
  dead = np.vstack([importance, np.zeros(4)])
  assert disentanglement(dead) == pytest.approx(d, rel=1e-9)
  # The base of the logarithm is the number of latents, dead ones included.
  entropy = (1 - c) * np.log(5) / np.log(6)
  assert completeness(dead) == pytest.approx(1 - entropy, rel=1e-7)


def points(count: int = 80):
  random = np.random.default_rng(0)
  factors = random.integers(0, [3, 2, 2], size=(2 * count, 3))
  codes = random.normal(size=(2 * count, 4))
  codes[:, :3] *= 0.3
  codes[:, :3] += factors @ [[1, 0, 0.3], [0, 1, 0], [0, 0.2, 1]]
  return codes[:count], factors[:count], codes[count:], factors[count:]


def reference(model, codes, factors, test_codes, test_factors):
  """The loop of disentanglement_lib, with a seeded estimator."""
  importance = np.zeros((codes.shape[1], factors.shape[1]))
  train, test = [], []
  for index in range(factors.shape[1]):
    fitted = model().fit(codes, factors[:, index])
    importance[:, index] = np.abs(fitted.feature_importances_)
    train.append(np.mean(fitted.predict(codes) == factors[:, index]))
    test.append(np.mean(fitted.predict(test_codes) == test_factors[:, index]))
  return importance, np.mean(train), np.mean(test)


@pytest.mark.parametrize(
  ('estimator', 'model'),
  [
    ('boosting', lambda: GradientBoostingClassifier(random_state=3)),
    (
      'forest',
      lambda: RandomForestClassifier(
        100, criterion='entropy', max_depth=10, random_state=3
      ),
    ),
    (
      'extra_trees',
      lambda: ExtraTreesClassifier(
        30, criterion='entropy', max_depth=10, max_features=None, random_state=3
      ),
    ),
  ],
)
def test_the_protocol_of_the_reference(estimator, model):
  arrays = points()
  importance, train, test = reference(model, *arrays)
  result = dci(*arrays, estimator, seed=3)
  np.testing.assert_allclose(
    result.disentanglement.details['importance'], importance, rtol=1e-12
  )
  assert result.informativeness.value == pytest.approx(test, rel=1e-12)
  assert result.informativeness.details['train'] == pytest.approx(train)
  shares = importance / importance.sum()
  per_code = 1 - stats.entropy(importance.T + 1e-11, base=3)
  per_factor = 1 - stats.entropy(importance + 1e-11, base=4)
  assert result.disentanglement.value == pytest.approx(
    per_code @ shares.sum(1), rel=1e-12
  )
  assert result.completeness.value == pytest.approx(
    per_factor @ shares.sum(0), rel=1e-12
  )
  assert result.completeness.parameters == {
    'estimator': estimator,
    'points': 80,
    'test_points': 80,
    'seed': 3,
  }


def test_lightgbm_agrees_with_the_reference():
  pytest.importorskip('lightgbm', reason='LightGBM is an extra')
  arrays = points()
  fast, reference = dci(*arrays, 'lightgbm'), dci(*arrays)
  # Trees of the same number, depth and rate; the splits are found otherwise.
  for one, other in zip(fast, reference, strict=True):
    assert one.value == pytest.approx(other.value, abs=0.1)
  columns = fast.completeness.details['importance'].sum(axis=0)
  np.testing.assert_allclose(columns, 1)
  assert fast.completeness.variant == 'lightgbm'
  assert dci(*arrays, 'lightgbm')[0].value == fast[0].value


def test_without_lightgbm_it_says_what_to_install(monkeypatch):
  monkeypatch.setitem(sys.modules, 'lightgbm', None)
  with pytest.raises(ModuleNotFoundError, match=r'jaxvae\[lightgbm\]'):
    dci(*points(60), 'lightgbm')


def test_settings_that_decide_the_value():
  # Read in scikit-learn 1.9's source, unchanged since 0.20; `log_loss` was
  # called `deviance`.
  boosting = ESTIMATORS['boosting'](7).get_params()
  expected = {
    'loss': 'log_loss',
    'learning_rate': 0.1,
    'n_estimators': 100,
    'subsample': 1.0,
    'min_samples_split': 2,
    'min_samples_leaf': 1,
    'max_depth': 3,
    'max_features': None,
    'init': None,
    'max_leaf_nodes': None,
    'n_iter_no_change': None,
    'random_state': 7,
  }
  assert {key: boosting[key] for key in expected} == expected
  forest = ESTIMATORS['forest'](7).get_params()
  expected = {
    'n_estimators': 100,
    'criterion': 'entropy',
    'max_depth': 10,
    'min_samples_split': 2,
    'min_samples_leaf': 1,
    'max_features': 'sqrt',
    'bootstrap': True,
    'class_weight': None,
    'max_samples': None,
    'random_state': 7,
  }
  assert {key: forest[key] for key in expected} == expected


def test_true_codes_score_one_and_duplicates_lose_completeness():
  # Bounds and closed form of disentanglement_lib's dci_test.
  factors = np.random.RandomState(0).randint(1, 4, size=(160, 3))
  half, rest = factors[:80], factors[80:]
  for estimator in ('boosting', 'extra_trees'):
    result = dci(half, half, rest, rest, estimator)
    values = [score.value for score in result]
    assert values == pytest.approx([1, 1, 1], abs=1e-8)
  twice = np.hstack([half, half]), half, np.hstack([rest, rest]), rest
  result = dci(*twice)
  assert result.disentanglement.value > 0.9
  target = 1 - np.log(2) / np.log(6)
  assert result.completeness.value == pytest.approx(target, abs=0.1)


def test_a_circle_is_one_latent():
  turn, step = (grid.ravel() for grid in np.indices((8, 3)))
  turn, step = np.tile(turn, 3), np.tile(step, 3)
  angle = 2 * np.pi * turn / 8 + 0.1
  codes = np.stack([np.cos(angle), np.sin(angle), step], axis=1)
  factors = np.stack([turn, step], axis=1)
  d, c, i = dci(
    *(codes, factors, codes, factors, 'forest'), groups=((0, 1), (2,))
  )
  # A forest hands out some importance by chance, boosting does not.
  assert d.value > 0.7 and c.value > 0.7 and i.value == 1
  assert c.details['importance'].shape == (2, 2)
  # Of three columns two tell the turn: ln 2 / ln 3 of its completeness is lost.
  alone = dci(codes, factors, codes, factors, 'forest')
  assert c.ungrouped == alone.completeness.value < c.value - 0.2
  assert d.ungrouped == alone.disentanglement.value
  assert i.ungrouped is None


def test_unseen_test_values_count_as_errors():
  codes, factors, test_codes, test_factors = points(60)
  test_factors = test_factors.copy()
  test_factors[:, 1] = 9
  result = dci(codes, factors, test_codes, test_factors, 'forest')
  assert result.informativeness.per_factor[1] == 0
  assert 'factor 1' in result.informativeness.note


def test_bad_input_is_named():
  codes, factors, test_codes, test_factors = points(60)
  with pytest.raises(ValueError, match="'trees' is none of boosting, forest"):
    dci(codes, factors, test_codes, test_factors, 'trees')
  with pytest.raises(ValueError, match='two latents and two factors'):
    dci(codes[:, :1], factors, test_codes[:, :1], test_factors)
  with pytest.raises(ValueError, match='two latents and two factors'):
    dci(codes, factors[:, :1], test_codes, test_factors[:, :1])
  with pytest.raises(ValueError, match='4 codes a training point but 3 a test'):
    dci(codes, factors, test_codes[:, :3], test_factors)
  with pytest.raises(ValueError, match='60 codes but 59 factors'):
    dci(codes, factors, test_codes, test_factors[1:])
  with pytest.raises(ValueError, match='factor 2 has one value only'):
    dci(codes, factors * [1, 1, 0], test_codes, test_factors)
  with pytest.raises(ValueError, match='NaN or infinite in latent 0'):
    dci(codes, factors, test_codes * [np.inf, 1, 1, 1], test_factors)
  with pytest.raises(ValueError, match='not negative'):
    disentanglement([[1.0, -1], [0, 1]])
  with pytest.raises(ValueError, match='compares factors'):
    disentanglement([[1.0], [0]])
  with pytest.raises(ValueError, match='compares latents'):
    completeness([[1.0, 0]])
