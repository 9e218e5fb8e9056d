"""The slot; its mathematics is tested in test_tilting.py."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from latent import properties
from latent.properties import hyper

from jaxvae.latent.gaussian import gaussian
from jaxvae.latent.slots import latent_space
from jaxvae.latent.tilted import tilted

PLAIN = hyper()
OTHER = hyper(temperature=2.0, tilt=0.7)


def _log_normal(q, z):
  each = 0.5 * ((z - q.mean) * jnp.exp(-q.log_std)) ** 2 + q.log_std
  return -jnp.sum(each + 0.5 * math.log(2 * math.pi), axis=-1)


def test_contract():
  for slot in (tilted(3, 4.0), tilted(2, 3, kl='quadratic')):
    properties.check_contract(slot, OTHER)
    properties.check_moves(slot, OTHER)
    properties.check_nonnegative(slot, PLAIN)
    assert slot.label_kl is None and slot.topology == 'sphere'


def test_divergence_is_spread_over_the_columns():
  # KL(N((6, 8), diag(0.5, 1.5)^2) || tau = 10), 45 digits, mpmath.
  slot = tilted(2, 10)
  params = jnp.array([6.0, 8.0, *(2 * np.log([0.5, 1.5]))])
  kl = slot.kl(slot.posterior(params), PLAIN)
  np.testing.assert_allclose(kl, [3.26100597 / 2] * 2, rtol=1e-6)


@pytest.mark.parametrize('settings', [PLAIN, OTHER])
def test_divergence_is_the_mean_of_the_ratio(settings):
  slot = tilted(3, 4.0)
  params = jnp.array([1.0, -2.0, 0.3, -1.0, 0.5, -3.0])
  properties.check_monte_carlo(slot, params, settings, _log_normal)


@pytest.mark.parametrize('settings', [PLAIN, OTHER])
def test_prior(settings):
  properties.check_prior_in_a_plane(tilted(2, 5.0), settings, reach=15.0)


def test_temperature_divides_the_exponent():
  z = properties.numbers(gaussian(3), 50, scale=3.0)[:, :3]
  radius = np.linalg.norm(np.asarray(z, np.float64), axis=-1)
  slot = tilted(3, 4.0)
  for settings, temperature, tau in [(PLAIN, 1, 4), (OTHER, 2, 2.8)]:
    log = np.asarray(slot.log_prob(z, settings), np.float64)
    constant = log + (radius - tau) ** 2 / (2 * temperature)
    np.testing.assert_allclose(constant, constant[0], rtol=1e-5)


def test_without_tilt_it_is_gaussian():
  slot, settings = tilted(4, 6.0), hyper(tilt=0.0)
  params = properties.numbers(slot, 30)
  normal = gaussian(4)
  np.testing.assert_allclose(
    jnp.sum(slot.kl(slot.posterior(params), settings), -1),
    jnp.sum(normal.kl(normal.posterior(params)), -1),
    rtol=1e-5,
  )
  z = params[:, :4]
  np.testing.assert_allclose(
    slot.log_prob(z, settings), normal.log_prob(z, None), rtol=1e-5
  )


def test_quadratic_is_the_papers():
  # d = 2, tau = 10: mu* = 9.94909417, KL(mu*) = 2.718971846; 45 digits.
  slot = tilted(2, 10, kl='quadratic')
  assert (slot.params_dim, slot.sample_dim) == (2, 2)
  assert slot.name == "tilted(2, tau=10, kl='quadratic')"
  mean = jnp.array([[0.0, 9.94909417], [3.0, 4.0]])
  q = slot.posterior(mean)
  kl = jnp.sum(slot.kl(q, PLAIN), -1)
  expected = [2.718971846, 2.718971846 + 0.5 * (5 - 9.94909417) ** 2]
  np.testing.assert_allclose(kl, expected, rtol=1e-6)
  np.testing.assert_array_equal(slot.variance(q), np.ones((2, 2)))


@pytest.mark.parametrize('settings', [PLAIN, OTHER])
def test_quadratic_touches_the_exact_divergence(settings):
  quadratic, exact = tilted(2, 8, kl='quadratic'), tilted(2, 8)
  x = jnp.linspace(3.0, 9.0, 601)
  mean = jnp.stack([x, jnp.zeros_like(x)], -1)
  params = jnp.concatenate([mean, jnp.zeros_like(mean)], -1)
  approximate = jnp.sum(quadratic.kl(quadratic.posterior(mean), settings), -1)
  true = jnp.sum(exact.kl(exact.posterior(params), settings), -1)
  assert int(jnp.argmin(approximate)) == pytest.approx(int(jnp.argmin(true)), 1)
  assert float(approximate.min()) == pytest.approx(float(true.min()), rel=1e-4)
  # The curvature is nearly 1 / T, the paper's 1.
  np.testing.assert_allclose(approximate, true, rtol=0.05)


def test_gradients():
  exact, quadratic = tilted(2, 5.0), tilted(2, 5.0, kl='quadratic')
  corners = [
    [mean, mean, 2 * math.log(std), 2 * math.log(std)]
    for mean in (0.0, 1e-20, 1e3, 1e6)
    for std in (1e-30, 1e-3, 1.0, 10.0, 1e15)
  ]
  properties.check_gradients(exact, OTHER, corners)
  properties.check_gradients(quadratic, OTHER, np.array(corners)[:, :2])


def test_is_a_slot_of_a_config():
  space = latent_space('tilted(5, tau=3.5) + gaussian(2)')
  assert space.slots[0].name == 'tilted(5, tau=3.5)'
  assert (space.params_dim, space.latents) == (14, 7)
  low, high = space.span(0)
  # The greatest density of |z|: (tau + sqrt(tau^2 + 4 (d - 1))) / 2.
  assert high == -low == pytest.approx(4.407, abs=1e-3)
  assert jax.tree.leaves(space.slots[0].span) == [low, high]


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ((0, 3.0), r'latents=0; allowed: a whole number from 1'),
    ((2.0, 3.0), r'latents=2.0; allowed'),
    ((2, -1), r'tau=-1; allowed: a number from 0'),
    ((2, math.inf), r'tau=inf; allowed'),
    ((2, '3'), r"tau='3'; allowed"),
    ((2, 3.0, 'mc'), r"kl='mc'; allowed: exact, quadratic"),
  ],
)
def test_refuses(arguments, message):
  with pytest.raises(ValueError, match=message):
    tilted(*arguments)
