"""Oracles: disentanglement_lib's matrices and values; its known failure."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics import examples

from jaxvae.metrics.modularity import (
  latent_modularity,
  modularity,
  modularity_of,
)

EYE = 5 * np.eye(5)


@pytest.mark.parametrize(
  ('information', 'expected'),
  [
    (EYE, 1),
    ([[1.0, 0], [0, 1], [0, 0]], 2 / 3),
    (np.zeros((10, 10)), 0),
    (np.vstack([EYE, EYE]), 1),
    (EYE[:2], 1),
    (np.hstack([EYE, EYE]), 1 - 1 / 9),
  ],
)
def test_the_matrices_of_the_references_own_tests(information, expected):
  # disentanglement_lib, modularity_explicitness_test.py.
  assert modularity_of(information) == pytest.approx(expected, rel=1e-12)


def test_the_grid():
  # disentanglement_lib, 20 bins, on the grid without randomness.
  result = modularity(*examples.grid())
  assert result.value == pytest.approx(0.6577910344273314, rel=1e-12)
  # The second latent by hand, from the reference's mutual information.
  ratio = (1.178350207 / 1.4014937583) ** 2
  np.testing.assert_allclose(
    result.details['per_latent'][[0, 1, 2, 4]],
    [1, 1 - ratio / 2, 1, 0],
    rtol=1e-8,
  )
  assert 'latent 4' in result.note
  assert (result.parameters['bins'], result.variant) == (20, 'locatello2019')


def test_identity_data_at_the_references_seed():
  factors = examples.identity()
  for bins in (20, None):
    value = modularity(factors, factors, bins).value
    assert value == pytest.approx(0.9999593184149763, rel=1e-12)
  twice = np.hstack([factors, factors])
  assert modularity(twice, factors).value == pytest.approx(
    0.9999593184149763, rel=1e-12
  )
  assert modularity(np.zeros(factors.shape), factors).value == 0


def test_each_point_permuted_has_no_modularity():
  # disentanglement_lib's bad representation, 20,000 points: 0 to 0.2.
  factors = examples.identity(20_000)
  codes = np.random.default_rng(0).permuted(factors, axis=1)
  assert 0 <= modularity(codes, factors).value <= 0.2


def test_noise_scores_two_thirds():
  # disentanglement_lib on 10,000 such points: 0.648. The floors of the mutual
  # information differ with the number of values, which looks like modularity.
  random = np.random.default_rng(0)
  factors = random.integers(0, [3, 6, 40, 32, 32], size=(10_000, 5))
  codes = random.normal(size=(10_000, 10))
  assert modularity(codes, factors).value == pytest.approx(0.648, abs=0.03)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000))
def test_what_must_not_matter(seed):
  random = np.random.default_rng(seed)
  factors = random.integers(0, [3, 6, 4], size=(500, 3))
  codes = factors @ random.normal(size=(3, 4)) + random.normal(size=(500, 4))
  value = modularity(codes, factors).value

  def same(changed_codes, changed_factors=factors):
    other = modularity(changed_codes, changed_factors).value
    assert other == pytest.approx(value, rel=1e-9)

  same(codes[:, random.permutation(4)])
  same(codes, factors[:, random.permutation(3)])
  same(codes * [0.25, 2, 64, 1024])
  # One bin more or less on an edge, where the flip moves it: none here.
  same(codes * [-1, 1, -1, 1])
  # A dead code counts as 0, which the reference does and the paper does not.
  dead = np.hstack([codes, np.ones((500, 1))])
  assert modularity(dead, factors).value == pytest.approx(value * 4 / 5)


def test_a_circle_is_one_latent():
  turn, step = (grid.ravel() for grid in np.indices((20, 3)))
  angle = 2 * np.pi * (turn + 0.5) / 20 - np.pi
  codes = np.stack([np.cos(angle), np.sin(angle), step], axis=1)
  factors = np.stack([turn, step], axis=1)
  result = modularity(codes, factors, groups=((0, 1), (2,)))
  assert result.value == pytest.approx(1, rel=1e-12)
  assert result.details['mutual_information'].shape == (2, 2)
  assert result.ungrouped == modularity(codes, factors).value


def test_bad_input_is_named():
  codes, factors = examples.grid()
  with pytest.raises(ValueError, match='compares factors: there is one only'):
    modularity(codes, factors[:, :1])
  with pytest.raises(ValueError, match='compares factors'):
    latent_modularity([[1.0]])
  with pytest.raises(ValueError, match='factor 1 has one value only'):
    modularity(codes, factors * [1, 0, 1])
  with pytest.raises(ValueError, match='120 codes but 119 factors'):
    modularity(codes, factors[1:])
  with pytest.raises(ValueError, match='say how many'):
    modularity(codes, factors, None, groups=((0, 1), (2,), (3,), (4,)))
  with pytest.raises(ValueError, match='NaN or infinite'):
    modularity(codes * np.nan, factors)
