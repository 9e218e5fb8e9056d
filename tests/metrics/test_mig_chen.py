"""Oracles: mixtures that do not overlap, quadrature, the definition's loops."""

import numpy as np
import pytest
from scipy import integrate, stats

from jaxvae.metrics.mig_chen import mig_chen


def crossed(repeats: int, *sizes: int) -> np.ndarray:
  return np.tile(np.indices(sizes).reshape(len(sizes), -1).T, (repeats, 1))


def test_posteriors_apart_and_posteriors_alike():
  factors = crossed(1, 8, 6)
  means = np.stack(
    [factors[:, 0], 2 * factors[:, 1], 0 * factors[:, 0]], axis=1
  )
  result = mig_chen(means, np.full(means.shape, 1e-4), factors)
  # Components that do not overlap: I = ln K. Alike, all of them: I = 0.
  np.testing.assert_allclose(
    result.details['mutual_information'],
    [[np.log(8), 0], [0, np.log(6)], [0, 0]],
    atol=1e-12,
  )
  assert result.value == pytest.approx(1, rel=1e-12)
  assert result.details['mig_sup'] == pytest.approx(1, rel=1e-12)
  assert result.variant == 'chen2018'
  # -log of the mixture's density at its own samples: ln 8 + H(N(0, 1e-4)).
  entropy = np.log(8) + stats.norm(scale=0.01).entropy()
  assert result.details['marginal_entropy'][0] == pytest.approx(
    entropy, abs=0.3
  )


def mixture_information(means, deviation: float) -> float:
  """I(z; k) of equally likely N(means[k], deviation^2), by quadrature."""

  def integrand(z):
    density = stats.norm.pdf(z, means, deviation).mean()
    return -density * np.log(density)

  low, high = min(means) - 9 * deviation, max(means) + 9 * deviation
  entropy, _ = integrate.quad(integrand, low, high, limit=200)
  return entropy - stats.norm(scale=deviation).entropy()


def test_posteriors_that_overlap():
  factors = crossed(300, 4, 2)
  a, b = factors.T
  means = np.stack([a, 2.0 * b, 0 * b], axis=1)
  deviations = np.array([0.8, 1.5, 1.0])
  variances = np.broadcast_to(deviations**2, means.shape)
  result = mig_chen(means, variances, factors)
  first = mixture_information(np.arange(4), 0.8)
  second = mixture_information([0, 2], 1.5)
  # 2,400 samples of a deviation below 0.7 nats: four standard errors.
  np.testing.assert_allclose(
    result.details['mutual_information'],
    [[first, 0], [0, second], [0, 0]],
    atol=0.06,
  )
  np.testing.assert_allclose(
    result.per_factor, [first / np.log(4), second / np.log(2)], atol=0.06
  )
  np.testing.assert_allclose(
    result.details['entropy'], [np.log(4), np.log(2)], rtol=1e-12
  )


def test_the_definition_in_loops():
  # All samples are taken, so that their order does not matter.
  random = np.random.RandomState(5)
  factors = crossed(1, 3, 4)
  means = np.random.default_rng(0).normal(size=(12, 2)) + factors
  variances = np.random.default_rng(1).uniform(0.1, 1, size=(12, 2))
  drawn = means + np.sqrt(variances) * random.standard_normal((12, 2))

  def entropy(rows, latent):
    scale = np.sqrt(variances[rows, latent])
    return -np.mean(
      [
        np.log(
          stats.norm.pdf(drawn[row, latent], means[rows, latent], scale).mean()
        )
        for row in rows
      ]
    )

  expected = np.empty((2, 2))
  for latent in range(2):
    for factor, size in enumerate((3, 4)):
      expected[latent, factor] = entropy(np.arange(12), latent) - np.mean(
        [
          entropy(np.flatnonzero(factors[:, factor] == value), latent)
          for value in range(size)
        ]
      )
  result = mig_chen(means, variances, factors, seed=5)
  np.testing.assert_allclose(
    result.details['mutual_information'], expected, rtol=1e-10
  )
  told = np.sort(np.maximum(expected, 0), axis=0)
  assert result.value == pytest.approx(
    np.mean((told[1] - told[0]) / np.log([3, 4])), rel=1e-10
  )


def test_seed_samples_and_order():
  factors = crossed(20, 5, 3)
  means = factors + np.random.default_rng(0).normal(size=(300, 2))
  variances = np.full(means.shape, 0.2)
  value = mig_chen(means, variances, factors, samples=100).value
  assert mig_chen(means, variances, factors, samples=100).value == value
  assert mig_chen(means, variances, factors, samples=100, seed=1).value != value
  # Far from 0 and in another unit, the same: I does not see the unit.
  assert mig_chen(
    1000 * means + 5, 1e6 * variances, factors, samples=100
  ).value == pytest.approx(value, rel=1e-9)
  # A latent that is the prior everywhere tells nothing when all are taken.
  everything = mig_chen(means, variances, factors)
  dead = mig_chen(
    np.hstack([means, np.zeros((300, 1))]),
    np.hstack([variances, np.ones((300, 1))]),
    factors,
  )
  np.testing.assert_allclose(
    dead.details['mutual_information'][2], 0, atol=1e-12
  )
  assert dead.value == pytest.approx(everything.value, abs=0.1)


def test_bad_input_is_named():
  factors = crossed(1, 3, 4)
  means, variances = factors * 1.0, np.ones((12, 2))
  with pytest.raises(ValueError, match='above 0, not 0'):
    mig_chen(means, 0 * variances, factors)
  with pytest.raises(ValueError, match='must have one shape'):
    mig_chen(means, variances[:, :1], factors)
  with pytest.raises(ValueError, match='one latent has no gap'):
    mig_chen(means[:, :1], variances[:, :1], factors)
  with pytest.raises(ValueError, match='samples must be at least 1'):
    mig_chen(means, variances, factors, samples=0)
  with pytest.raises(ValueError, match='factor 1 has one value only'):
    mig_chen(means, variances, factors * [1, 0])
  with pytest.raises(ValueError, match='12 codes but 11 factors'):
    mig_chen(means, variances, factors[1:])
  with pytest.raises(ValueError, match='NaN or infinite'):
    mig_chen(means * np.nan, variances, factors)
