"""Oracles: disentanglement_lib's values and loop, scikit-learn, gradients."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics import examples
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import MultiLabelBinarizer

from jaxvae.metrics.explicitness import (
  area_under_curve,
  explicitness,
)


def drawn(points: int, state: np.random.RandomState) -> np.ndarray:
  """Factors as the reference draws them: batches of 16, factor by factor."""
  batches = []
  while points:
    count = min(points, 16)
    batches.append(state.randint(1, 11, size=(count, 10)))
    points -= count
  return np.vstack(batches)


def test_identity_data_at_the_references_seed():
  state = np.random.RandomState(0)
  train, test = drawn(3000, state), drawn(3000, state)
  np.testing.assert_array_equal(train, examples.identity())
  result = explicitness(train, train, test, test)
  # disentanglement_lib run on these points. lbfgs stops where it does: its
  # last digits are those of the BLAS.
  assert result.details['train'] == pytest.approx(0.9999394596100141, rel=1e-7)
  assert result.value == pytest.approx(0.999896541304858, rel=1e-7)


def test_the_grid():
  # disentanglement_lib on the four codes that live, train = test.
  codes, factors = examples.grid()
  live = codes[:, :4]
  expected = [1.0, 0.9992592593, 0.9975694444]
  result = explicitness(live, factors, live, factors)
  np.testing.assert_allclose(result.per_factor, expected, atol=1e-9)
  # A constant code, on which the reference fails, changes nothing.
  np.testing.assert_allclose(
    explicitness(codes, factors, codes, factors).per_factor,
    expected,
    atol=1e-9,
  )


def noisy(count: int = 300, seed: int = 0):
  random = np.random.default_rng(seed)
  factors = random.integers(0, [2, 3, 6], size=(2 * count, 3))
  codes = random.normal(size=(2 * count, 4))
  codes[:, :3] += factors @ [[2, 0, 0.3], [0, 1, 0], [0, 0.2, 1]]
  return codes[:count], factors[:count], codes[count:], factors[count:]


def test_the_loop_of_the_reference():
  codes, factors, test_codes, test_factors = noisy()
  mean, deviation = np.mean(codes, axis=0), np.std(codes, axis=0)
  codes, test_codes = (
    (codes - mean) / deviation,
    (test_codes - mean) / deviation,
  )
  train, test = [], []
  for index in range(3):
    model = LogisticRegression().fit(codes, factors[:, index])
    for x, y, scores in (
      (codes, factors[:, index], train),
      (test_codes, test_factors[:, index], test),
    ):
      hot = MultiLabelBinarizer().fit_transform(y[:, None])
      scores.append(roc_auc_score(hot, model.predict_proba(x)))
  result = explicitness(*noisy())
  np.testing.assert_allclose(result.per_factor, test, rtol=1e-10)
  np.testing.assert_allclose(
    result.details['train_per_factor'], train, rtol=1e-10
  )
  assert result.value == pytest.approx(np.mean(test), rel=1e-10)
  assert result.note == ''


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_the_area_agrees_with_scikit_learn(seed):
  random = np.random.default_rng(seed)
  classes = random.integers(0, 4, size=60)
  scores = random.integers(0, 9, size=(60, 4)) / 9  # with equal ones
  hot = classes[:, None] == np.arange(4)
  np.testing.assert_allclose(
    area_under_curve(scores, classes, np.arange(4)),
    roc_auc_score(hot, scores, average=None),
    rtol=1e-12,
  )


def test_codes_without_order_or_unit():
  codes, factors, test_codes, test_factors = noisy()
  value = explicitness(codes, factors, test_codes, test_factors).value

  def same(change):
    other = explicitness(
      change(codes), factors, change(test_codes), test_factors
    ).value
    # lbfgs takes another way to the same place.
    assert other == pytest.approx(value, abs=1e-4)

  same(lambda z: z[:, [2, 0, 3, 1]])
  same(lambda z: z * [-1, 1, -1, 1])
  same(lambda z: z * [1e-3, 100, 7, 1] + 3)
  same(lambda z: np.hstack([z, np.full((len(z), 2), 0.1)]))


def test_noise_is_at_one_half_on_new_points():
  random = np.random.default_rng(0)
  factors = random.integers(0, [3, 6], size=(4000, 2))
  codes = random.normal(size=(4000, 5))
  half = 2000
  value = explicitness(
    codes[:half], factors[:half], codes[half:], factors[half:]
  )
  assert value.value == pytest.approx(0.5, abs=0.03)


def test_where_the_solver_stopped_is_said_without_a_warning():
  # Powers of one number are nearly dependent: lbfgs needs more than 100 steps.
  random = np.random.default_rng(0)
  factors = random.integers(0, 20, size=(400, 1))
  codes = (factors / 20) ** np.arange(1, 7)
  scaled = (codes - codes.mean(axis=0)) / codes.std(axis=0)
  with pytest.warns(ConvergenceWarning):
    LogisticRegression().fit(scaled, factors[:, 0])
  result = explicitness(codes, factors, codes, factors)
  assert result.details['steps'][0] == 100
  assert result.note == 'stopped at 100 steps: factor 0'


def test_values_that_are_not_tested_are_said():
  codes, factors, test_codes, test_factors = noisy()
  kept = test_factors[:, 2] != 5
  result = explicitness(codes, factors, test_codes[kept], test_factors[kept])
  assert 'not all values are tested: factor 2' in result.note
  assert 0.5 < result.per_factor[2] < 1


def test_bad_input_is_named():
  codes, factors, test_codes, test_factors = noisy(60)
  with pytest.raises(ValueError, match='factors 0, 1, 2: test values'):
    explicitness(codes, factors, test_codes, test_factors + 7)
  with pytest.raises(ValueError, match='factor 1 has one value only'):
    explicitness(codes, factors * [1, 0, 1], test_codes, test_factors)
  with pytest.raises(ValueError, match='factor 1 has one value only'):
    explicitness(codes, factors, test_codes, test_factors * [1, 0, 1])
  with pytest.raises(ValueError, match='3 factors a training point but 2'):
    explicitness(codes, factors, test_codes, test_factors[:, :2])
  with pytest.raises(ValueError, match='NaN or infinite'):
    explicitness(codes * np.nan, factors, test_codes, test_factors)
