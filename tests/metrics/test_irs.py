"""Oracles: disentanglement_lib run on the same data, and its loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics import examples

from jaxvae.metrics.irs import irs


def test_the_grid():
  # disentanglement_lib, quantile 0.99, on the grid without randomness.
  result = irs(*examples.grid())
  assert result.value == pytest.approx(0.7633431990256317, rel=1e-12)
  np.testing.assert_allclose(
    result.details['matrix'],
    [[1, 0, 0], [0, 0.75, 0.25], [0, 0, 1], [2 / 3, 2 / 3, 0], [0, 0, 0]],
    atol=1e-12,
  )
  np.testing.assert_allclose(
    result.details['max_deviations'], [1, 2, 0.9510565163, 4.5, 0], rtol=1e-9
  )
  assert result.details['parents'][:3].tolist() == [0, 1, 2]
  assert result.details['active'].tolist() == [True] * 4 + [False]
  assert result.note == 'constant, left out: latent 4'


def test_identity_data_and_zeros():
  # disentanglement_lib: 1 at seed 0, and 0 to 0.1 for zeros.
  factors = examples.identity()
  for bins in (None, 20):
    assert irs(factors, factors, bins=bins).value == pytest.approx(1, rel=1e-12)
  result = irs(np.zeros((3000, 10)), factors)
  assert result.value == 0 and result.note == 'all codes are constant'


def reference(codes, factors, quantile, bins):
  """The loops of disentanglement_lib, which has points as columns."""
  cut = np.zeros_like(factors)
  for index in range(factors.shape[1]):
    edges = np.histogram(factors[:, index], bins)[1][:-1]
    cut[:, index] = np.digitize(factors[:, index], edges)
  largest = np.max(np.abs(codes - codes.mean(axis=0)), axis=0)
  moved = np.zeros((codes.shape[1], factors.shape[1]))
  for index in range(factors.shape[1]):
    values = np.unique(cut[:, index])
    for value in values:
      match = codes[cut[:, index] == value]
      distance = np.abs(match - np.mean(match, axis=0))
      moved[:, index] += np.percentile(distance, q=quantile * 100, axis=0)
    moved[:, index] /= len(values)
  matrix = 1.0 - moved / largest[:, None]
  return matrix, np.average(matrix.max(axis=1), weights=largest)


@pytest.mark.parametrize('quantile', [0.5, 0.99, 1.0])
def test_the_loops_of_the_reference(quantile):
  random = np.random.default_rng(0)
  factors = random.integers(0, [3, 6, 40], size=(2000, 3))
  codes = factors @ random.normal(size=(3, 5)) + random.normal(size=(2000, 5))
  matrix, value = reference(codes, factors, quantile, 20)
  result = irs(codes, factors, quantile)
  np.testing.assert_allclose(result.details['matrix'], matrix, rtol=1e-10)
  assert result.value == pytest.approx(value, rel=1e-12)
  assert result.parameters == {'quantile': quantile, 'bins': 20, 'points': 2000}


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000))
def test_what_must_not_matter(seed):
  random = np.random.default_rng(seed)
  factors = random.integers(0, [3, 6, 30], size=(300, 3))
  codes = factors @ random.normal(size=(3, 4)) + random.normal(size=(300, 4))
  value = irs(codes, factors).value
  for changed in (
    codes[:, random.permutation(4)],
    codes * [-1, 1, 1, -1],
    codes * 17 + 3,
    np.hstack([codes, np.full((300, 2), 0.1)]),
  ):
    assert irs(changed, factors).value == pytest.approx(value, rel=1e-9)
  order = random.permutation(3)
  assert irs(codes, factors[:, order]).value == pytest.approx(value)


def test_a_latent_weighs_what_it_moves():
  # One latent belongs to its factor, the other to none: by hand, 1 and 0.
  a, b = (grid.ravel() for grid in np.indices((4, 4)))
  codes = np.stack([a, 0 * a], axis=1) * 1.0
  codes[:, 1] = np.where((a + b) % 2, 1, -1)
  factors = np.stack([a, b], axis=1)
  assert irs(codes, factors).value == pytest.approx(1.5 / (1.5 + 1))
  codes[:, 1] *= 10
  assert irs(codes, factors).value == pytest.approx(1.5 / (1.5 + 10))


def test_bad_input_is_named():
  codes, factors = examples.grid()
  with pytest.raises(ValueError, match='above 0 and at most 1, not 99'):
    irs(codes, factors, 99)
  with pytest.raises(ValueError, match='bins must be at least 1'):
    irs(codes, factors, bins=0)
  with pytest.raises(ValueError, match='factor 0 has one value only'):
    irs(codes, factors * [0, 1, 1])
  with pytest.raises(ValueError, match='119 codes but 120 factors'):
    irs(codes[1:], factors)
  with pytest.raises(ValueError, match='NaN or infinite'):
    irs(codes * np.nan, factors)
