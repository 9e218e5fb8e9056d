"""Oracles: disentanglement_lib run on the same data, its loops, geometry."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics import examples
from scipy import optimize
from sklearn.linear_model import LinearRegression
from sklearn.svm import LinearSVC

from jaxvae.metrics.sap import _machine, sap


def test_the_grid_continuous():
  # disentanglement_lib's score matrix and value on the grid.
  result = sap(*examples.grid(), kind='continuous')
  np.testing.assert_allclose(
    result.details['score_matrix'],
    [
      [1, 0, 0],
      [0, 0.9090909091, 0.0909090909],
      [0, 0, 0.4736067977],
      [0.4186046512, 0.3488372093, 0],
      [0, 0, 0],
    ],
    atol=1e-10,
  )
  assert result.value == pytest.approx(0.5081155851555603, rel=1e-12)


def test_the_grid_with_classes():
  # disentanglement_lib, the same points to learn from and to be tested on.
  codes, factors = examples.grid()
  result = sap(codes, factors, codes, factors)
  assert result.value == pytest.approx(0.0666666667, abs=1e-10)
  assert result.parameters['kind'] == 'svm'
  assert result.variant == 'locatello2019'


def test_identity_data_at_the_references_seed():
  factors = examples.identity()
  value = sap(factors, factors, kind='continuous').value
  assert value == pytest.approx(0.9990703935150818, rel=1e-12)
  twice = np.hstack([factors, factors])
  assert sap(twice, factors, kind='continuous').value == 0
  zeros = np.zeros(factors.shape)
  assert sap(zeros, factors, kind='continuous').value == 0


def noisy(count: int = 400, seed: int = 0):
  random = np.random.default_rng(seed)
  factors = random.integers(0, [2, 3, 8], size=(2 * count, 3))
  codes = random.normal(size=(2 * count, 4))
  codes[:, :3] += factors @ [[2, 0, 0.3], [0, 1, 0], [0, 0.2, 1]]
  return codes[:count], factors[:count], codes[count:], factors[count:]


def test_the_loops_of_the_reference():
  codes, factors, test_codes, test_factors = noisy()
  classes, continuous = np.zeros((4, 3)), np.zeros((4, 3))
  for i in range(4):
    for j in range(3):
      machine = LinearSVC(C=0.01, class_weight='balanced')
      machine.fit(codes[:, i : i + 1], factors[:, j])
      told = machine.predict(test_codes[:, i : i + 1])
      classes[i, j] = np.mean(told == test_factors[:, j])
      covariance = np.cov(codes[:, i], factors[:, j], ddof=1)
      continuous[i, j] = covariance[0, 1] ** 2 / np.prod(np.diag(covariance))
  result = sap(codes, factors, test_codes, test_factors)
  np.testing.assert_array_equal(result.details['score_matrix'], classes)
  ranked = np.sort(classes, axis=0)
  assert result.value == np.mean(ranked[-1] - ranked[-2])
  result = sap(codes, factors, kind='continuous')
  np.testing.assert_allclose(
    result.details['score_matrix'], continuous, rtol=1e-10
  )


def test_the_machine_is_the_squared_hinge_with_a_regularised_intercept():
  # The objective as liblinear writes it, minimised by scipy. One class
  # against the rest: only what is in the class has its weight, n / (k n_c).
  codes, factors, *_ = noisy()
  column, classes = codes[:, 2], factors[:, 2]
  machine = _machine(0).fit(column[:, None], classes)
  for value in range(8):
    inside = classes == value
    sign = np.where(inside, 1, -1)
    cost = 0.01 * np.where(inside, len(column) / (8 * inside.sum()), 1)

    def objective(at, sign=sign, cost=cost):
      slack = np.maximum(1 - sign * (at[0] * column + at[1]), 0)
      value = 0.5 * at @ at + cost @ slack**2
      slope = -2 * cost * slack * sign
      return value, at + np.array([slope @ column, slope.sum()])

    best = optimize.minimize(objective, [0.0, 0.0], jac=True, tol=1e-12).x
    told = [machine.coef_[value, 0], machine.intercept_[value]]
    np.testing.assert_allclose(told, best, rtol=2e-3, atol=1e-4)
  settings = machine.get_params()
  assert settings['dual'] is False and settings['multi_class'] == 'ovr'
  assert settings['penalty'] == 'l2' and settings['loss'] == 'squared_hinge'


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000))
def test_what_must_not_matter(seed):
  codes, factors, *_ = noisy(100, seed)
  random = np.random.default_rng(seed)
  value = sap(codes, factors, kind='continuous').value

  def same(changed):
    other = sap(changed, factors, kind='continuous').value
    assert other == pytest.approx(value, rel=1e-9)

  same(codes[:, random.permutation(4)])
  same(codes * [-1, 1, -1, 1])
  same(codes * [1e-3, 7, 1, 100] + [5, 0, -3, 1])
  same(np.hstack([codes, np.full((100, 2), 0.7)]))


def test_order_and_dead_codes_with_classes():
  codes, factors, test_codes, test_factors = noisy()
  value = sap(codes, factors, test_codes, test_factors).value
  order = [2, 0, 3, 1]
  assert (
    value
    == sap(codes[:, order], factors, test_codes[:, order], test_factors).value
  )
  # A dead code predicts one value of each factor: never the best or second.
  dead = np.zeros((400, 1))
  matrix = sap(
    np.hstack([codes, dead]),
    factors,
    np.hstack([test_codes, dead]),
    test_factors,
  ).details['score_matrix']
  for factor, accuracy in zip(test_factors.T, matrix[-1], strict=True):
    assert accuracy in np.bincount(factor) / 400


def circle(size: int = 12):
  turn, step = (grid.ravel() for grid in np.indices((size, 3)))
  angle = 2 * np.pi * turn / size + 0.4
  codes = np.stack([np.cos(angle), np.sin(angle), step], axis=1)
  return codes, np.stack([turn, step], axis=1)


def test_a_circular_factor_is_compared_on_the_circle():
  codes, factors = circle()
  groups = ((0, 1), (2,))
  result = sap(
    codes,
    factors,
    kind='continuous',
    groups=groups,
    circular_factors={0: 12},
  )
  # The pair is the factor's point turned: all is explained, by one latent.
  np.testing.assert_allclose(
    result.details['score_matrix'], [[1, 0], [0, 1]], atol=1e-12
  )
  assert result.value == pytest.approx(1, rel=1e-12)
  # Each coordinate alone explains half of the point: no gap for the turn.
  assert result.ungrouped == pytest.approx(0.5, rel=1e-12)
  assert result.parameters['circular'] == '0'
  # Cut open, the factor is a ramp, of which no line is all.
  ramp = sap(codes, factors, kind='continuous', groups=groups)
  expected = LinearRegression().fit(codes[:, :2], factors[:, 0])
  assert ramp.details['score_matrix'][0, 0] == pytest.approx(
    expected.score(codes[:, :2], factors[:, 0]), rel=1e-10
  )
  assert ramp.details['score_matrix'][0, 0] < 0.7


def test_a_circular_factor_of_any_code_is_regression():
  random = np.random.default_rng(0)
  factors = random.integers(0, [9, 2], size=(200, 2))
  codes = random.normal(size=(200, 3)) + factors[:, :1] / 4
  angle = 2 * np.pi * factors[:, 0] / 9
  point = np.stack([np.cos(angle), np.sin(angle)], axis=1)
  expected = [
    LinearRegression().fit(x, point).predict(x) - point.mean(axis=0)
    for x in (codes[:, :2], codes[:, 2:])
  ]
  spread = np.square(point - point.mean(axis=0)).sum()
  result = sap(
    *(codes, factors),
    kind='continuous',
    groups=((0, 1), (2,)),
    circular_factors={0: 9},
  )
  np.testing.assert_allclose(
    result.details['score_matrix'][:, 0],
    [np.square(told).sum() / spread for told in expected],
    rtol=1e-9,
  )


def test_a_pair_with_a_dead_or_a_doubled_column():
  codes, factors = circle()
  codes = np.hstack([codes[:, 2:], np.zeros((36, 1)), codes[:, :1]])
  twice = np.hstack([codes[:, :1], 2 * codes[:, :1], codes[:, 2:]])
  for changed in (codes, twice):
    grouped = sap(changed, factors, kind='continuous', groups=((0, 1), (2,)))
    assert grouped.details['score_matrix'][0, 1] == pytest.approx(1)


def test_a_machine_gets_both_columns_of_a_pair():
  codes, factors = circle(6)
  codes, factors = np.tile(codes, (20, 1)), np.tile(factors, (20, 1))
  result = sap(codes, factors, codes, factors, groups=((0, 1), (2,)))
  machine = LinearSVC(C=0.01, class_weight='balanced')
  expected = machine.fit(codes[:, :2], factors[:, 0])
  assert result.details['score_matrix'][0, 0] == expected.score(
    codes[:, :2], factors[:, 0]
  )
  assert result.details['score_matrix'][0, 0] == 1
  assert result.ungrouped == sap(codes, factors, codes, factors).value


def test_unseen_test_values_count_as_errors():
  codes, factors, test_codes, test_factors = noisy()
  test_factors = test_factors.copy()
  test_factors[:, 2] = 11
  result = sap(codes, factors, test_codes, test_factors)
  assert result.per_factor[2] == 0 and 'factor 2' in result.note


def test_bad_input_is_named():
  codes, factors, test_codes, test_factors = noisy(50)
  with pytest.raises(ValueError, match='neither svm nor continuous'):
    sap(codes, factors, kind='svc')
  with pytest.raises(ValueError, match='one latent has no gap'):
    sap(codes[:, :1], factors, kind='continuous')
  with pytest.raises(ValueError, match='scored on test_codes'):
    sap(codes, factors)
  with pytest.raises(ValueError, match='svm has classes'):
    sap(*(codes, factors, test_codes, test_factors), circular_factors={0: 2})
  with pytest.raises(ValueError, match=r'\{3: 9\}: a column below 3'):
    sap(codes, factors, kind='continuous', circular_factors={3: 9})
  with pytest.raises(ValueError, match='factor 1 has one value only'):
    sap(codes, factors * [1, 0, 1], kind='continuous')
  with pytest.raises(ValueError, match='50 codes but 49 factors'):
    sap(codes, factors[1:], kind='continuous')
  with pytest.raises(ValueError, match='NaN or infinite'):
    sap(codes * np.nan, factors, kind='continuous')
