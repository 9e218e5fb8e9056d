"""Oracles: disentanglement_lib run on the same data; closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics import examples

from jaxvae.metrics.total_correlation import (
  gaussian_total_correlation,
  total_correlation_of_covariance,
)


def test_the_grid():
  codes = examples.grid()[0]
  # disentanglement_lib's unsupervised scores on the four live codes.
  found = gaussian_total_correlation(codes[:, :4])
  assert found.value == pytest.approx(0.7151470719301186, rel=1e-12)
  assert found.details['covariance'].shape == (4, 4)
  assert (found.variant, found.note) == ('locatello2019', '')
  # The reference takes the logarithm of the dead code's variance, 0.
  dead = gaussian_total_correlation(codes)
  assert dead.value == found.value
  assert dead.note == '1 constant codes left out'


def test_identity_data_at_the_references_seed():
  # disentanglement_lib on IdentityObservationsData, RandomState(0).
  found = gaussian_total_correlation(examples.identity())
  assert found.value == pytest.approx(0.006989679074433042, rel=1e-9)
  assert found.parameters == {'points': 3000}


def test_the_formula_on_matrices():
  # disentanglement_lib's own test: an identity covariance.
  assert total_correlation_of_covariance(np.eye(10)) == 0
  assert total_correlation_of_covariance(np.diag([1e-8, 1, 1e8])) == 0
  # Two normals of correlation r: -log(1 - r^2) / 2.
  for r in (0.3, -0.99):
    pair = np.array([[4, 2 * r], [2 * r, 1]])
    wanted = -np.log(1 - r**2) / 2
    assert total_correlation_of_covariance(pair) == pytest.approx(wanted)
  # d of equal correlation r: the determinant is (1 - r)^(d-1) (1 + (d-1) r).
  d, r = 6, 0.4
  equal = np.full((d, d), r) + (1 - r) * np.eye(d)
  wanted = -((d - 1) * np.log(1 - r) + np.log(1 + (d - 1) * r)) / 2
  assert total_correlation_of_covariance(equal) == pytest.approx(wanted)


def test_the_divergence_by_its_definition():
  # KL of two normals of mean 0, by inverse and determinant.
  draw = np.random.default_rng(0).normal(size=(5, 5))
  covariance = draw @ draw.T
  own = np.diag(np.diag(covariance))
  wanted = 0.5 * (
    np.trace(np.linalg.inv(own) @ covariance)
    - 5
    + np.log(np.linalg.det(own) / np.linalg.det(covariance))
  )
  found = total_correlation_of_covariance(covariance)
  assert found == pytest.approx(wanted, rel=1e-10)


def test_what_is_infinite_says_so():
  codes = np.random.default_rng(0).normal(size=(50, 3))
  double = gaussian_total_correlation(np.hstack([codes, codes[:, :1] * 0.7]))
  assert np.isinf(double.value) and 'linear functions' in double.note
  few = gaussian_total_correlation(codes[:3])
  assert np.isinf(few.value) and '3 points for 3 codes' in few.note


def test_constant_codes_and_one_code_are_independent():
  nothing = gaussian_total_correlation(np.full((9, 2), 0.3))
  assert nothing.value == 0 and nothing.note.startswith('2 constant')
  assert gaussian_total_correlation(np.arange(5)[:, None]).value == 0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_order_sign_scale_and_dead_codes_do_not_matter(seed):
  random = np.random.default_rng(seed)
  codes = random.normal(size=(200, 4)) @ random.normal(size=(4, 4))
  value = gaussian_total_correlation(codes).value
  scale = 10 ** random.uniform(-4, 4, 4) * random.choice([-1, 1], 4)
  for changed in (
    codes[:, random.permutation(4)],
    codes[random.permutation(200)],
    codes * scale + 3,
    np.hstack([codes, np.full((200, 2), 0.1)]),
  ):
    found = gaussian_total_correlation(changed).value
    assert found == pytest.approx(value, rel=1e-6)


def test_bad_input_is_named():
  with pytest.raises(ValueError, match='NaN or infinite in latent 1'):
    gaussian_total_correlation([[0.0, np.nan], [1.0, 2.0]])
  with pytest.raises(ValueError, match='1 point has no covariance'):
    gaussian_total_correlation([[0.0, 1.0]])
  for matrix, message in (
    (np.ones((2, 3)), r'\[d, d\]'),
    (np.array([[1.0, 0.5], [0.0, 1.0]]), 'not symmetric'),
    (-np.eye(2), 'below 0'),
    (np.full((2, 2), np.nan), 'NaN'),
  ):
    with pytest.raises(ValueError, match=message):
      total_correlation_of_covariance(matrix)
