"""Oracles: counting, rounding by hand, and what the two papers state."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from latent import properties
from latent.compiled import compiled
from latent.properties import hyper

from jaxvae.latent import quantized as module
from jaxvae.latent.quantized import quantized

LEVELS = [2, 3, 4, 5, 10]


def _values(levels):
  return np.linspace(-1, 1, levels)


@pytest.mark.parametrize('kind', module.KINDS)
def test_contract(kind):
  slot = compiled(quantized(3, 4, kind))
  properties.check_contract(slot)
  properties.check_moves(slot)
  corners = np.array([[0.0, 1e4, -1e4], [0.5, -0.5, 0.25], [1e-6, 0, -1e6]])
  properties.check_gradients(slot, hyper(), corners)


@pytest.mark.parametrize('kind', module.KINDS)
@pytest.mark.parametrize('levels', LEVELS)
def test_every_level_is_reached_and_nothing_else(kind, levels):
  slot = quantized(1, levels, kind)
  # None of them halfway between two levels.
  params = jnp.linspace(-6.01, 6.01, 4000)[:, None]
  z = np.asarray(slot.sample(jax.random.key(0), slot.posterior(params)))
  values = _values(levels)
  assert np.abs(z - values).min(1).max() < 1e-6
  np.testing.assert_allclose(np.unique(z.round(4)), values, atol=1e-4)
  # In order, and each the mirror image of another.
  assert (np.diff(z[:, 0]) >= -1e-6).all()
  np.testing.assert_allclose(np.abs(z), np.abs(z[::-1]), atol=1e-6)
  np.testing.assert_array_equal(z, slot.mean(slot.posterior(params)))


@pytest.mark.parametrize('levels', LEVELS)
def test_bounded_levels_are_equally_wide(levels):
  # tanh is flat at 0: in its own unit each level has a part 1 / levels.
  u = np.linspace(-1, 1, 20_001)[1:-1]
  place = module.bounded(jnp.asarray(np.arctanh(u), jnp.float32), levels)
  assert (jnp.abs(place) < levels / 2).all()
  level = np.asarray(module.nearest(place, levels)) + (levels - 1) / 2
  part = np.bincount(level.astype(int), minlength=levels) / len(u)
  np.testing.assert_allclose(part, 1 / levels, atol=2e-3)


def test_nearest_value_of_latent_quantization():
  # The values of linspace(-1/2, 1/2, n), times two on the chart.
  slot = quantized(1, 5, 'latent')
  x = np.array([-3.0, -0.4, -0.13, 0.0, 0.12, 0.126, 0.6])
  q = slot.posterior(jnp.asarray(x, jnp.float32)[:, None])
  expected = [-1, -1, -0.5, 0, 0, 0.5, 1]
  np.testing.assert_allclose(slot.mean(q)[:, 0], expected, atol=1e-6)


@pytest.mark.parametrize('levels', LEVELS)
def test_gradients_pass_the_rounding(levels):
  x = jnp.array([-2.0, -0.3, 0.0, 0.2, 1.5])

  def value(kind):
    slot = quantized(5, levels, kind)
    return jax.grad(lambda x: slot.mean(slot.posterior(x)).sum())(x)

  # In units of the chart the levels span 2, and in fsq's tanh levels.
  slope = 0.999 * levels / (levels - 1) / np.cosh(x) ** 2
  np.testing.assert_allclose(value('fsq'), slope, rtol=1e-5)
  np.testing.assert_allclose(value('latent'), 2.0, rtol=1e-6)


def test_the_rate_is_constant():
  slot = quantized(3, 8)
  params = properties.numbers(slot, 7)
  kl = slot.kl(slot.posterior(params), hyper())
  np.testing.assert_allclose(kl, math.log(8), rtol=1e-6)
  slope = jax.grad(lambda p: slot.kl(slot.posterior(p), hyper()).sum())(params)
  np.testing.assert_array_equal(slope, 0)
  z = slot.mean(slot.posterior(params))
  np.testing.assert_allclose(slot.log_prob(z, hyper()), -3 * math.log(8), 1e-6)
  np.testing.assert_array_equal(slot.variance(slot.posterior(params)), 0)


@pytest.mark.parametrize('levels', LEVELS)
def test_draws_are_uniform_over_the_levels(levels):
  slot, n = quantized(2, levels), 20_000
  z = np.asarray(slot.sample_prior(jax.random.key(1), (n,), hyper()))
  for column in z.T:
    counts = [(np.abs(column - v) < 1e-5).sum() for v in _values(levels)]
    assert sum(counts) == n
    error = math.sqrt(n * (1 / levels) * (1 - 1 / levels))
    assert np.abs(np.array(counts) - n / levels).max() < 5 * error
  assert abs(np.corrcoef(z.T)[0, 1]) < 5 / math.sqrt(n)


def test_commitment():
  slot = quantized(3, 3, 'latent', commitment=2.0)
  # The values are -1/2, 0 and 1/2; each distance counts for both ends of it.
  params = jnp.array([0.1, -0.8, 0.5])
  value, slope = jax.value_and_grad(slot.penalty)(params)
  assert float(value) == pytest.approx(4 * (0.1**2 + 0.3**2), rel=1e-5)
  np.testing.assert_allclose(slope, [0.4, -1.2, 0], rtol=1e-5, atol=1e-6)
  assert slot.penalty(jnp.zeros((4, 2, 3))).shape == (4, 2)
  assert float(quantized(3, 3, 'latent').penalty(params)) == pytest.approx(0.8)
  assert quantized(3, 3).penalty is None and quantized(3, 3).label_kl is None


def test_pairs():
  slot = quantized(2, 5, 'latent')
  q, other = (slot.posterior(jnp.array(x)) for x in ([0.5, 0.1], [-0.5, 0.2]))
  # Four steps, and two fifths of one.
  np.testing.assert_allclose(slot.divergence(q, other), [16, 0.16], rtol=1e-4)
  both = slot.average(q, other, jnp.array([False, True]))
  np.testing.assert_allclose(slot.mean(both), [1, 0.25], rtol=1e-6)
  np.testing.assert_allclose(both.place, [1, 0.3], rtol=1e-5)


def test_learned_values():
  slot = quantized(2, 3, 'latent', commitment=1.0)
  start = slot.learned(jax.random.key(0))
  params = properties.numbers(slot, 50)
  same, given = slot.posterior(params), slot.posterior(params, start)
  np.testing.assert_allclose(same.value, given.value, atol=1e-6)
  # Values of each latent's own.
  prior = {'values': jnp.array([[-0.5, 0.0, 0.5], [-1.0, 0.2, 0.3]])}
  q = slot.posterior(jnp.array([0.2, 0.27]), prior)
  np.testing.assert_allclose(slot.mean(q), [0.0, 0.6], atol=1e-6)
  # The nearest ones are pulled to the numbers, and no other.
  slope = jax.grad(lambda p: slot.penalty(jnp.array([0.2, 0.27]), p))(prior)
  expected = [[0, -0.4, 0], [0, 0, 0.06]]
  np.testing.assert_allclose(slope['values'], expected, atol=1e-6)
  z = slot.sample_prior(jax.random.key(1), (1000,), hyper(), prior)
  assert z.shape == (1000, 2)
  for column, values in zip(np.asarray(z).T, prior['values'], strict=True):
    np.testing.assert_allclose(np.unique(column), 2 * values, atol=1e-6)


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ((0, 3), 'latents=0; allowed: a whole number from 1'),
    ((2, 1), 'levels=1; allowed: a whole number from 2'),
    ((2, 3.0), 'levels=3.0; allowed'),
    ((2, 3, 'vq'), 'allowed: fsq, latent'),
    ((2, 3, 'latent', -1.0), 'commitment=-1.0; allowed'),
    ((2, 3, 'fsq', 1.0), 'has no commitment'),
  ],
)
def test_refusals(arguments, message):
  with pytest.raises(ValueError, match=message):
    quantized(*arguments)


def test_names():
  assert quantized(2, 3).name == 'quantized(2, 3)'
  name = "quantized(2, 3, kind='latent', commitment=1.0)"
  assert quantized(2, 3, 'latent', 1.0).name == name
