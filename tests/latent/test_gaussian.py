"""Oracles: disentanglement_lib's test values, quadrature, float64 NumPy, and
the densities of Python's own `statistics.NormalDist`."""

import math
from statistics import NormalDist

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxvae.latent import gaussian as module
from jaxvae.latent.gaussian import Posterior, gaussian

SCALES = ['log_variance', 'softplus']


def _params(mean, raw):
  return jnp.concatenate([mean, raw], axis=-1)


def _log_variance(dims, mean, log_variance):
  slot = gaussian(dims)
  params = _params(jnp.full(dims, mean), jnp.full(dims, log_variance))
  return slot, slot.posterior(params)


@pytest.mark.parametrize(
  ('mean', 'log_variance', 'expected'),
  # disentanglement_lib, vae_test.py: compute_gaussian_kl in 10 dimensions.
  [(0.0, 0.0, 0.0), (1.0, 0.0, 5.0), (1.0, 1.0, 8.5914)],
)
def test_divergence_of_the_reference(mean, log_variance, expected):
  slot, q = _log_variance(10, mean, log_variance)
  kl = slot.kl(q, None)
  assert kl.shape == (10,)
  assert float(kl.sum()) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize('mean', [0.0, -0.7, 3.0])
@pytest.mark.parametrize('std', [0.014, 0.5, 1.0, 2.5])
def test_divergence_is_the_integral(mean, std):
  # The trapezium rule on the definition, over 12 standard deviations.
  x = np.linspace(mean - 12 * std, mean + 12 * std, 4001)
  density = np.array([NormalDist(mean, std).pdf(v) for v in x])
  # By hand: far out NormalDist's own density is 0.
  log_q = -0.5 * ((x - mean) / std) ** 2 - math.log(std * math.sqrt(math.tau))
  log_p = -0.5 * x**2 - math.log(math.sqrt(math.tau))
  integral = np.trapezoid(density * (log_q - log_p), x)
  slot, posterior = _log_variance(1, mean, 2 * math.log(std))
  value = float(slot.kl(posterior, None)[0])
  assert value == pytest.approx(integral, rel=1e-5, abs=1e-6)


def test_sampling_and_divergence_mean_the_same_deviation():
  # A seed of this project drew with sqrt(std) and took the KL with std: a
  # Monte Carlo estimate from the samples and both densities tells.
  slot = gaussian(3)
  mean, log_variance = jnp.array([0.0, 1.0, -2.0]), jnp.array([-6.0, 0.0, 1.5])
  shape = (40_000, 6)
  q = slot.posterior(jnp.broadcast_to(_params(mean, log_variance), shape))
  z = np.asarray(slot.sample(jax.random.key(0), q), np.float64)
  variance = np.exp(np.asarray(log_variance, np.float64))
  log_q = -0.5 * np.sum(
    (z - np.asarray(mean)) ** 2 / variance + np.log(math.tau * variance), -1
  )
  ratio = log_q - np.asarray(slot.log_prob(jnp.asarray(z, jnp.float32), None))
  error = ratio.std() / math.sqrt(len(ratio))
  exact = float(slot.kl(q, None)[0].sum())
  assert abs(ratio.mean() - exact) < 5 * error
  assert error < 0.05 * exact


def test_log_density_of_the_prior():
  # disentanglement_lib: log N(1; 0, 1) = -1.419, log N(1; 1, 1) = -0.919.
  assert float(gaussian(1).log_prob(jnp.ones(1), None)) == pytest.approx(
    -1.419, abs=1e-3
  )
  z = np.random.default_rng(0).normal(size=(5, 4))
  expected = [sum(math.log(NormalDist().pdf(v)) for v in row) for row in z]
  value = gaussian(4).log_prob(jnp.asarray(z, jnp.float32), None)
  np.testing.assert_allclose(value, expected, rtol=1e-6)


@pytest.mark.parametrize('scale', SCALES)
def test_samples_have_the_posteriors_moments(scale):
  slot = gaussian(2, scale)
  n = 50_000
  params = _params(jnp.array([3.0, -1.0]), jnp.array([-4.0, 2.0]))
  q = slot.posterior(jnp.broadcast_to(params, (n, 4)))
  z = np.asarray(slot.sample(jax.random.key(1), q), np.float64)
  variance = np.asarray(slot.variance(q)[0], np.float64)
  # Standard errors of a mean and of a variance of n normal numbers.
  error = np.abs(z.mean(0) - [3.0, -1.0])
  assert (error < 5 * np.sqrt(variance / n)).all()
  error = np.abs(z.var(0, ddof=1) - variance)
  assert (error < 5 * variance * math.sqrt(2 / (n - 1))).all()
  assert abs(np.corrcoef(z.T)[0, 1]) < 5 / math.sqrt(n)
  np.testing.assert_array_equal(slot.mean(q)[0], [3.0, -1.0])


def test_draws_from_the_prior():
  z = gaussian(3).sample_prior(jax.random.key(2), (4, 10_000), None)
  assert z.shape == (4, 10_000, 3)
  z = np.asarray(z, np.float64).reshape(-1, 3)
  assert np.abs(z.mean(0)).max() < 5 / math.sqrt(40_000)
  assert np.abs(z.var(0) - 1).max() < 5 * math.sqrt(2 / 40_000)


@pytest.mark.parametrize('scale', SCALES)
def test_deviation_goes_far_below_and_above_one(scale):
  # A seed clipped log std to [1e-8, 5], so that no latent could tell anything.
  # Published variances of informative latents are 0.0002 to 0.004.
  slot = gaussian(1, scale)
  raw = jnp.array([[-12.0], [-4.0], [0.0], [3.0], [12.0]])
  variance = slot.variance(slot.posterior(_params(jnp.zeros((5, 1)), raw)))
  x = np.asarray(raw, np.float64)
  expected = np.exp(x) if scale == 'log_variance' else np.logaddexp(0, x) ** 2
  np.testing.assert_allclose(variance, expected, rtol=1e-5)
  assert variance[0, 0] < 2e-4 and variance[-1, 0] > 100


def test_softplus_deviation_against_float64():
  raw = np.array(
    [-1e4, -200, -104, -87, -30, -15.001, -15, -14.999, -5, 0, 1, 30, 600]
  )
  # log softplus(x) = x + log(log1p(u) / u), u = e^x; its derivative is
  # sigmoid(x) / softplus(x). Below e^-700 both ratios are 1.
  u = np.exp(np.maximum(raw, -700))
  expected = raw + np.log(np.log1p(u) / u)
  slope = u / (1 + u) / np.log1p(u)
  function = module.SCALES['softplus']
  x = jnp.asarray(raw, jnp.float32)
  np.testing.assert_allclose(function(x), expected, rtol=2e-6, atol=2e-7)
  np.testing.assert_allclose(jax.vmap(jax.grad(function))(x), slope, rtol=2e-6)


@pytest.mark.parametrize('scale', SCALES)
def test_gradients_are_finite_at_the_extremes(scale):
  slot = gaussian(1, scale)
  noise = jax.random.key(0)

  def both(params):
    q = slot.posterior(params)
    return jnp.sum(slot.kl(q, None)) + jnp.sum(slot.sample(noise, q))

  for mean in (-1e6, 0.0, 1e6):
    for raw in (-1e4, -80.0, 80.0):
      value, gradient = jax.value_and_grad(both)(jnp.array([mean, raw]))
      assert jnp.isfinite(value) and jnp.isfinite(gradient).all(), (mean, raw)
      # A posterior that is far too sure is pulled back, never stuck.
      assert raw > 0 or gradient[1] < -0.1


def test_divergence_keeps_its_digits_near_the_prior():
  mean = np.array([0, 1e-6, -1e-4, 0.01, 0.1, 0, 0, 0, 0, 1e-3])
  log_std = np.array([0, 0, 0, 0, 0, 1e-6, -1e-4, 0.01, -0.1, 1e-3])
  mean, log_std = mean.astype(np.float32), log_std.astype(np.float32)
  value = module.kl(Posterior(jnp.asarray(mean), jnp.asarray(log_std)), None)
  s = log_std.astype(np.float64)
  exact = 0.5 * (mean.astype(np.float64) ** 2 + np.expm1(2 * s)) - s
  # Two roundings of numbers of the size of log_std, no more; without expm1
  # they would be of the size of 1.
  rounding = 2 * np.finfo(np.float32).eps * np.abs(s) + 1e-6 * exact
  assert (np.abs(np.asarray(value, np.float64) - exact) <= rounding).all()
  assert value[0] == 0


def test_divergence_is_not_negative():
  rng = np.random.default_rng(3)
  mean = rng.normal(size=10_000) * 10 ** rng.uniform(-6, 1, 10_000)
  log_std = rng.normal(size=10_000) * 10 ** rng.uniform(-3, 0.5, 10_000)
  q = Posterior(
    jnp.asarray(mean, jnp.float32), jnp.asarray(log_std, jnp.float32)
  )
  assert module.kl(q, None).min() >= -1e-9


def test_shapes_and_the_chart():
  slot = gaussian(4, 'softplus')
  assert slot.name == "gaussian(4, scale='softplus')"
  assert gaussian(4).name == 'gaussian(4)'
  dims = slot.params_dim, slot.sample_dim, slot.code_dim, slot.latents
  assert dims == (8, 4, 4, 4)
  q = slot.posterior(jnp.ones((2, 3, 8)))
  z = slot.sample(jax.random.key(0), q)
  for array in (z, slot.mean(q), slot.variance(q), slot.kl(q, None)):
    assert (array.shape, array.dtype) == ((2, 3, 4), jnp.float32)
  assert slot.log_prob(z, None).shape == (2, 3)
  np.testing.assert_array_equal(slot.code(z), z)
  np.testing.assert_array_equal(slot.chart(z), z)
  moved = slot.move(z, 2, jnp.array([1.0, 2.0, 3.0]))
  expected = np.array(z)
  expected[..., 2] = [1.0, 2.0, 3.0]
  np.testing.assert_array_equal(moved, expected)
  # Traversals of the published figures run from -3 to 3.
  assert slot.span == (-3.0, 3.0)


@pytest.mark.parametrize('latents', [0, -1, 2.0, True, '3', None])
def test_refuses_a_wrong_number(latents):
  with pytest.raises(
    ValueError, match=r'latents=.*; allowed: a whole number from 1'
  ):
    gaussian(latents)


def test_refuses_an_unknown_scale():
  with pytest.raises(ValueError, match='allowed: log_variance, softplus'):
    gaussian(3, 'log_std')
