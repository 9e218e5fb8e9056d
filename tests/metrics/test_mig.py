"""Oracles: disentanglement_lib run on the same data; the definition."""

import numpy as np
import pytest
from metrics import examples

from jaxvae.metrics import mig


def test_the_grid():
  # disentanglement_lib, 20 bins, on the grid without randomness.
  result = mig(*examples.grid())
  assert result.value == pytest.approx(0.33688553778183183, rel=1e-12)
  # By hand from its mutual information: (ln 3 - ln 3 / 2) / ln 3, and so on.
  np.testing.assert_allclose(
    result.per_factor,
    [
      0.5,
      (1.178350207 - 0.6495431686) / np.log(4),
      (np.log(5) - 1.4014937583) / np.log(5),
    ],
    rtol=1e-8,
  )
  assert result.details['mutual_information'].shape == (5, 3)
  assert (result.parameters['bins'], result.variant) == (20, 'locatello2019')


def test_identity_data_at_the_references_seed():
  factors = examples.identity()
  # The first row that disentanglement_lib's RandomState(0) draws.
  assert factors[0].tolist() == [6, 1, 4, 4, 8, 10, 4, 6, 3, 5]
  for bins in (20, None):
    value = mig(factors, factors, bins).value
    assert value == pytest.approx(0.9921594901376567, rel=1e-12)


def test_zeros_and_duplicates_score_nothing():
  factors = examples.identity()
  assert mig(np.zeros((3000, 10)), factors).value == 0
  assert mig(np.hstack([factors, factors]), factors).value == 0


def test_true_factors_beside_a_dead_code_score_one():
  factors = np.indices((3, 6, 10)).reshape(3, -1).T
  codes = np.hstack([factors, np.zeros((180, 1))])
  assert mig(codes, factors).value == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize('seed', range(5))
def test_what_must_not_matter(seed):
  random = np.random.default_rng(seed)
  factors = random.integers(0, [3, 6, 32], size=(4000, 3))
  mixing = random.normal(size=(3, 4))
  codes = factors @ mixing + random.normal(size=(4000, 4))
  value = mig(codes, factors).value
  assert 0 < value < 1

  def same(changed_codes, changed_factors=factors):
    return mig(changed_codes, changed_factors).value == pytest.approx(
      value, rel=1e-9
    )

  assert same(codes[:, random.permutation(4)])
  assert same(codes, factors[:, random.permutation(3)])
  assert same(codes, 100 - 7 * factors)
  order = random.permutation(4000)
  assert same(codes[order], factors[order])
  # Powers of two keep every code on its side of every edge.
  assert same(codes * [0.25, 2, 64, 1024])
  assert same(np.hstack([codes, np.full((4000, 2), 0.3)]))
  # A bin includes its lower edge, so a flip may move what lies on an edge:
  # here nothing does.
  assert same(codes * [-1, 1, -1, 1])


def test_precision_of_the_codes_moves_nothing():
  random = np.random.default_rng(9)
  factors = random.integers(0, 8, size=(5000, 2))
  codes = (factors + random.normal(size=(5000, 2))).astype(np.float32)
  assert mig(codes, factors).value == pytest.approx(
    mig(codes.astype(np.float64), factors).value, abs=1e-4
  )


def test_bad_input_is_named():
  codes, factors = examples.grid()
  with pytest.raises(ValueError, match='one latent has no gap'):
    mig(codes[:, :1], factors)
  with pytest.raises(ValueError, match='119 codes but 120 factors'):
    mig(codes[1:], factors)
  with pytest.raises(ValueError, match='factor 2 has one value only'):
    mig(codes, factors * [1, 1, 0])
  with pytest.raises(ValueError, match='NaN or infinite in latents 0, 3'):
    mig(codes + np.array([np.nan, 0, 0, np.nan, 0]), factors)
