"""Oracles: the gradient of the objective; settings that once changed."""

import inspect

import numpy as np
import pytest
from scipy import special
from sklearn.linear_model import LogisticRegression

from jaxvae.metrics import logistic


def clusters(classes: int, points: int = 300, seed: int = 0):
  random = np.random.default_rng(seed)
  share = np.arange(1, classes + 1) / (classes * (classes + 1) / 2)
  labels = random.choice(classes, points, p=share)
  middle = random.normal(size=(classes, 4))
  return middle[labels] + random.normal(size=(points, 4)), labels


@pytest.mark.parametrize('penalty', [0.1, 1.0, np.inf])
@pytest.mark.parametrize('balanced', [False, True])
def test_the_optimum_is_that_of_the_multinomial_objective(penalty, balanced):
  codes, labels = clusters(3)
  weight = np.ones(len(labels))
  if balanced:
    weight = len(labels) / (3 * np.bincount(labels)[labels])

  model = logistic.fit(codes, labels, penalty, balanced)
  assert logistic.converged(model)
  rows = np.hstack([codes, np.ones((len(codes), 1))])
  table = np.vstack([model.coef_.T, model.intercept_])
  chance = special.softmax(rows @ table, axis=1)
  np.testing.assert_allclose(model.predict_proba(codes), chance, rtol=1e-12)
  # Of the weighted sum of losses and half the squared coefficients over C, by
  # the sum of the weights: it is convex, so that a small gradient is all.
  wrong = weight[:, None] * (chance - np.eye(3)[labels])
  gradient = rows.T @ wrong
  gradient[:-1] += table[:-1] / penalty
  assert np.abs(gradient).max() / weight.sum() <= 1e-4
  loss = -np.log(chance[np.arange(300), labels]).mean()
  assert logistic.log_loss(model, codes, labels) == pytest.approx(loss)


def test_what_stops_early_is_told_and_not_warned_of():
  codes, labels = clusters(5)
  model = logistic.fit(codes * [1, 1e2, 1e-2, 3e3], labels, np.inf)
  assert not logistic.converged(model)


def test_settings_that_changed_once_stay():
  # 0.22 went from liblinear, one against rest, to lbfgs, multinomial.
  settings = logistic.fit(*clusters(3)).get_params()
  expected = {
    'C': 1.0,
    'solver': 'lbfgs',
    'tol': 1e-4,
    'max_iter': 100,
    'fit_intercept': True,
    'class_weight': None,
  }
  assert {key: settings[key] for key in expected} == expected
  signature = inspect.signature(LogisticRegression).parameters
  for name, value in expected.items():
    assert signature[name].default == value
