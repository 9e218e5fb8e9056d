"""Oracles: disentanglement_lib run on the same data; SciPy; closed forms."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics import examples

from jaxvae.metrics.wasserstein import (
  gaussian_wasserstein,
  wasserstein_of_covariance,
)


def test_the_grid():
  # disentanglement_lib's unsupervised scores on the four live codes.
  codes = examples.grid()[0]
  for given_codes in (codes[:, :4], codes):  # A dead code adds nothing.
    found = gaussian_wasserstein(given_codes)
    assert found.plain.value == pytest.approx(0.7816256860831565, rel=1e-12)
    wanted = 0.12654892060393963
    assert found.normalised.value == pytest.approx(wanted, rel=1e-12)
  assert found.plain.name == 'gaussian_wasserstein_correlation'
  assert found.normalised.name == 'gaussian_wasserstein_correlation_norm'


def test_identity_data_at_the_references_seed():
  # disentanglement_lib on IdentityObservationsData, RandomState(0).
  found = gaussian_wasserstein(examples.identity())
  assert found.plain.value == pytest.approx(0.05732098121166018, rel=1e-9)
  wanted = 0.0006960934748605654
  assert found.normalised.value == pytest.approx(wanted, rel=1e-9)


def test_the_formula_on_matrices():
  # disentanglement_lib's own test: an identity covariance.
  assert wasserstein_of_covariance(np.eye(10)) == pytest.approx(0, abs=1e-12)
  # Unit variances: the root of C itself, of eigenvalues 1 + r and 1 - r.
  r = 0.6
  wanted = 4 - 2 * (np.sqrt(1 + r) + np.sqrt(1 - r))
  found = wasserstein_of_covariance(np.array([[1, r], [r, 1]]))
  assert found == pytest.approx(wanted)
  # The same code twice, C = ones: eigenvalues 2 and 0.
  found = wasserstein_of_covariance(np.ones((2, 2)))
  assert found == pytest.approx(4 - 2 * np.sqrt(2))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 8))
def test_it_is_the_root_of_the_matrix(seed, size):
  # The reference's route: scipy.linalg.sqrtm of a matrix without symmetry.
  draw = np.random.default_rng(seed).normal(size=(size, size + 2))
  covariance = draw @ draw.T
  root = scipy.linalg.sqrtm(covariance * np.diag(covariance)[:, None])
  wanted = 2 * np.trace(covariance) - 2 * np.trace(root).real
  found = wasserstein_of_covariance(covariance)
  assert found == pytest.approx(wanted, rel=1e-9, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_order_sign_and_dead_codes_do_not_matter_and_scale_does(seed):
  random = np.random.default_rng(seed)
  codes = random.normal(size=(200, 4)) @ random.normal(size=(4, 4))
  plain, normalised = (s.value for s in gaussian_wasserstein(codes))
  for changed in (
    codes[:, random.permutation(4)],
    codes * random.choice([-1, 1], 4) - 2,
    np.hstack([codes, np.full((200, 2), 0.1)]),
  ):
    found = gaussian_wasserstein(changed)
    assert found.plain.value == pytest.approx(plain, rel=1e-6)
    assert found.normalised.value == pytest.approx(normalised, rel=1e-6)
  found = gaussian_wasserstein(3 * codes)
  assert found.plain.value == pytest.approx(9 * plain, rel=1e-6)
  assert found.normalised.value == pytest.approx(normalised, rel=1e-6)


def test_constant_codes_have_no_normalised_value_and_say_so():
  found = gaussian_wasserstein(np.full((9, 2), 0.3))
  assert found.plain.value == 0
  assert np.isnan(found.normalised.value)
  assert found.normalised.note == 'no value: every code is constant'


def test_bad_input_is_named():
  with pytest.raises(ValueError, match='NaN or infinite in latent 0'):
    gaussian_wasserstein([[np.inf, 0.0], [1.0, 2.0]])
  with pytest.raises(ValueError, match='1 point has no covariance'):
    gaussian_wasserstein([[0.0, 1.0]])
