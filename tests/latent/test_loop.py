"""The slots; their mathematics is tested in test_circle.py, test_tilting.py."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from latent import oracles, properties
from latent.compiled import compiled
from latent.properties import hyper

from jaxvae.latent import circle, gaussian
from jaxvae.latent import loop as module
from jaxvae.latent.loop import Posterior
from jaxvae.latent.slots import latent_space

PLAIN = hyper()
HOT = hyper(temperature=2.0, tilt=0.3)
INTRINSIC = ['wrapped_normal', 'power_spherical', 'wrapped_cauchy']
intrinsic = pytest.mark.parametrize('kind', INTRINSIC)


def loop(*args, **kwargs):
  """The slot, its functions compiled."""
  return compiled(module.loop(*args, **kwargs))


AMBIENT = loop(tau=5, radius=3)


@pytest.mark.parametrize('kind', [*INTRINSIC, 'ambient'])
def test_contract(kind):
  slot = AMBIENT if kind == 'ambient' else loop(kind)
  properties.check_contract(slot, HOT)
  properties.check_moves(slot, HOT)
  properties.check_nonnegative(slot, PLAIN)
  assert slot.span == (-math.pi, math.pi) and slot.topology == 'loop'
  sizes = slot.params_dim, slot.sample_dim, slot.code_dim, slot.latents
  assert sizes == ((4, 2, 2, 1) if kind == 'ambient' else (3, 1, 2, 1))


@intrinsic
def test_divergence_is_the_mean_of_the_ratio(kind):
  slot = loop(kind)

  def log_q(q, z):
    return circle.FAMILIES[kind].log_prob(z - q.angle, q.log_std)[..., 0]

  for params in ([1.0, 2.0, -1.5], [-1.0, 0.01, 1.5]):
    properties.check_monte_carlo(slot, params, HOT, log_q, draws=50_000)


def test_ambient_divergence_is_the_mean_of_the_ratio():
  def log_q(q, z):
    each = 0.5 * ((z - q.mean) * jnp.exp(-q.log_std)) ** 2 + q.log_std
    return -jnp.sum(each + 0.5 * math.log(2 * math.pi), axis=-1)

  for settings in (PLAIN, HOT):
    params = [0.9, 0.3, -2.0, 0.5]
    properties.check_monte_carlo(AMBIENT, params, settings, log_q, 50_000)


def test_priors():
  properties.check_prior_on_a_line(loop(), HOT, -math.pi, math.pi)
  for settings in (PLAIN, HOT):
    properties.check_prior_in_a_plane(AMBIENT, settings, reach=9.0)


def test_temperature_widens_the_ambient_ring_and_tilt_does_nothing():
  z = jnp.asarray(np.random.default_rng(0).normal(size=(50, 2)), float)
  radius = np.linalg.norm(np.asarray(z, np.float64), axis=-1)
  slot = loop(tau=4.0, radius=2.0)
  for temperature, tilt in [(1.0, 1.0), (3.0, 1.0), (3.0, 0.0)]:
    settings = hyper(temperature=temperature, tilt=tilt)
    log = np.asarray(slot.log_prob(z, settings), np.float64)
    constant = log + (radius - 2) ** 2 / (2 * 0.5**2 * temperature)
    np.testing.assert_allclose(constant, constant[0], rtol=1e-5, atol=1e-5)


def _points(mean, std, radius):
  """Encoder numbers of an ambient posterior."""
  raw = 2 * np.log(np.asarray(std) / (0.5 * radius))
  return jnp.asarray([*(np.asarray(mean) / radius), *raw], float)


@pytest.mark.parametrize(
  ('mean', 'std', 'radius', 'width', 'expected'),
  # 45 digits, mpmath: a one-dimensional integral, and an angular one.
  [
    ([1.0, 0.0], [0.1, 0.1], 1.0, 0.1, 2.7202542594245074),
    ([0.0, 0.0], [1.0, 1.0], 1.0, 0.5, 0.21677116861100942),
    ([7.0, 7.0], [1.0, 1.0], 10.0, 1.0, 2.7201891439103982),
    ([0.9, 0.1], [0.05, 0.4], 1.0, 0.1, 2.2352318683893766),
  ],
)
def test_ambient_divergence(mean, std, radius, width, expected):
  for dtype, rtol in [('float32', 1e-5), ('float64', 1e-10)]:
    with jax.enable_x64(dtype == 'float64'):
      slot = loop(tau=radius / width, radius=radius)
      q = slot.posterior(_points(mean, std, radius))
      value = slot.kl(q, hyper())
      assert value.dtype == dtype and value.shape == (1,)
      assert float(value[0]) == pytest.approx(expected, rel=rtol)


def test_all_oracles_of_the_ring():
  for dtype, rtol in [('float32', 1e-5), ('float64', 1e-10)]:
    with jax.enable_x64(dtype == 'float64'):
      for entry in oracles.entries('loop_prior'):
        rho, width = entry['inputs']['rho'], entry['inputs']['s']
        slot = loop(tau=rho / width, radius=rho)
        z = jnp.asarray([[rho, 0.0], [0.0, 0.0], [rho + width, 0.0]])
        expected = entry['value'][4:]
        np.testing.assert_allclose(slot.log_prob(z, hyper()), expected, rtol)
      for entry in oracles.entries('loop_kl'):
        given = entry['inputs']
        rho, width = given['rho'], given['s']
        slot = loop(tau=rho / width, radius=rho)
        q = slot.posterior(_points(given['mu'], given['sigma'], rho))
        value = float(slot.kl(q, hyper())[0])
        assert value == pytest.approx(entry['value'], rel=rtol)


@pytest.mark.parametrize('kind', [*INTRINSIC, 'ambient'])
def test_gradients(kind):
  slot = AMBIENT if kind == 'ambient' else loop(kind)
  scales = (1e-3, 0.5, 10.0) if kind == 'ambient' else (1e-30, 1e-3, 10, 1e17)
  for settings in (PLAIN, HOT) if kind == 'ambient' else (HOT,):
    corners = [
      [x, x] + [2 * math.log(s / 0.5)] * (slot.params_dim - 2)
      for x in (0.0, 1e-20, -1e-3, 1e6)
      for s in scales
    ]
    properties.check_gradients(slot, settings, corners)


@intrinsic
def test_an_unused_angle_costs_nothing(kind):
  slot = loop(kind)

  def kl(raw):
    return slot.kl(slot.posterior(jnp.array([1.0, 0.0, raw])), PLAIN)[0]

  steps = jnp.linspace(-30.0, 4.0, 50)
  value, slope = jax.jit(jax.vmap(jax.value_and_grad(kl)))(steps)
  # All the way there is something to go by, to an eighth of a turn and beyond.
  assert (slope < 0).all() and (jnp.diff(value) < 0).all()
  assert float(kl(12.0)) == pytest.approx(0, abs=1e-4)


@intrinsic
def test_the_scale_starts_between_sure_and_unsure(kind):
  slot = loop(kind)
  raw = jnp.array([[-20.0], [0.0], [12.0], [100.0]])
  params = jnp.concatenate([jnp.ones((4, 2)), raw], -1)
  std = jnp.exp(slot.posterior(params).log_std)[:, 0]
  most = module._MOST[kind]
  assert std[0] < 1e-4 and 0.4 < std[1] < 0.6 and 0.9 * most < std[2] < most
  assert float(std[3]) == pytest.approx(most, rel=1e-4)


def test_the_clamped_gaussian_of_another_code_is_not_this():
  # topovae gives 0.0135 and 0; 45 digits give these.
  for s, expected in [(1.5, 0.11059257615), (1.6, 0.08014727642)]:
    q = Posterior(jnp.zeros(1), jnp.log(jnp.array([s])))
    assert float(loop().kl(q, None)[0]) == pytest.approx(expected, rel=1e-5)


@intrinsic
def test_decoder_and_people_see_the_angle(kind):
  slot = loop(kind)
  q = slot.posterior(jnp.array([-3.0, 3.0, -2.0]))
  assert float(slot.mean(q)[0]) == pytest.approx(0.75 * math.pi, rel=1e-6)
  root = math.sqrt(0.5)
  np.testing.assert_allclose(slot.code(slot.mean(q)), [-root, root], 1e-5)
  # The seam: a sample beyond pi is one beyond -pi.
  q = slot.posterior(jnp.broadcast_to(jnp.array([-1.0, 0, -2.0]), (5000, 3)))
  z = slot.sample(jax.random.key(0), q)
  assert float(jnp.abs(z).max()) <= math.pi + 1e-6
  assert 0.4 < float((z > 0).mean()) < 0.6
  np.testing.assert_array_equal(slot.chart(z), z)
  moved = slot.move(z, 0, jnp.full(5000, -1.0))
  np.testing.assert_array_equal(moved, jnp.full((5000, 1), -1.0))


def test_ambient_decoder_and_people():
  z = jnp.array([[0.0, 6.0], [-3.0, 0.0]])
  np.testing.assert_allclose(AMBIENT.code(z), z / 3)
  np.testing.assert_allclose(AMBIENT.chart(z), [[math.pi / 2], [math.pi]])
  moved = AMBIENT.move(z, 0, jnp.array([0.0, math.pi / 2]))
  np.testing.assert_allclose(moved, [[3, 0], [0, 3]], atol=1e-6)
  # Of a mean on the x axis only the spread along y turns it.
  q = AMBIENT.posterior(_points([3.0, 0.0], [2.0, 0.3], 3.0))
  np.testing.assert_allclose(AMBIENT.variance(q), [0.01], rtol=1e-5)


@intrinsic
def test_label(kind):
  slot = loop(kind)
  angle, log_std = jnp.array([[3.1], [3.1]]), jnp.full((2, 1), math.log(0.3))
  q = Posterior(angle, log_std)
  # Across the seam both labels are as far away.
  told = slot.label_kl(q, jnp.array([-3.1, 3.1 - (2 * math.pi - 6.2)]), PLAIN)
  assert float(told[0, 0]) == pytest.approx(float(told[1, 0]), rel=1e-4)
  # A loose label says little more than nothing.
  loose = loop(kind, anchor=30.0).label_kl(q, jnp.zeros(2), PLAIN)
  np.testing.assert_allclose(loose, slot.kl(q), atol=5e-3)


def test_label_of_a_wrapped_normal():
  # Both are sharp: two normal distributions, of 0.05 and 0.1 rad.
  away = 0.03
  q = Posterior(jnp.array([1.0]), jnp.log(jnp.array([0.05])))
  told = loop().label_kl(q, jnp.asarray(1.0 - away), PLAIN)
  expected = (0.05**2 + away**2) / (2 * 0.1**2) - 0.5 + math.log(2)
  assert float(told[0]) == pytest.approx(expected, rel=0.01)


def test_ambient_label():
  slot = loop(tau=10)
  q = slot.posterior(_points([0.0, 1.0], [0.1, 0.1], 1.0))
  # The posterior is the prior that the label gives.
  told = slot.label_kl(q, jnp.asarray(math.pi / 2), PLAIN)
  np.testing.assert_allclose(told, [0.0], atol=1e-5)
  told = slot.label_kl(q, jnp.asarray(math.pi), PLAIN)
  np.testing.assert_allclose(told, [2 / (2 * 0.1**2)], rtol=1e-5)


@intrinsic
def test_divergence_of_two(kind):
  slot = loop(kind)
  angle = jnp.array([[0.0], [0.1], [3.0], [-3.0]])
  q = Posterior(angle, jnp.full((4, 1), math.log(0.2)))
  assert float(slot.divergence(q, q).max()) < 0.02
  first = jax.tree.map(lambda x: jnp.broadcast_to(x[:1], x.shape), q)
  far = slot.divergence(q, first)[:, 0]
  assert far[0] < far[1] < far[2]
  assert float(far[2]) == pytest.approx(float(far[3]), rel=1e-4)
  # Around the seam 3 and -3 are 0.28 apart.
  near = slot.divergence(jax.tree.map(lambda x: x[2:3], q), q)
  assert float(near[3, 0]) < 1.3


@pytest.mark.parametrize('kind', [*INTRINSIC, 'ambient'])
def test_average_is_on_the_shorter_arc(kind):
  def of(angle, scale):
    if kind == 'ambient':
      mean = 3 * jnp.array([[math.cos(angle), math.sin(angle)]])
      return gaussian.Posterior(mean, jnp.log(jnp.full((1, 2), scale)))
    return Posterior(jnp.array([[angle]]), jnp.log(jnp.array([[scale]])))

  slot = AMBIENT if kind == 'ambient' else loop(kind)
  q, other = of(3.0, 0.3), of(-2.8, 0.1)
  middle = slot.average(q, other, jnp.array([[True]]))
  expected = 0.5 * (3.0 - 2.8 + 2 * math.pi) - 2 * math.pi
  chart = slot.chart(slot.mean(middle))
  np.testing.assert_allclose(chart, [[expected]], rtol=1e-5)
  variance = np.exp(2 * np.asarray(middle.log_std))
  np.testing.assert_allclose(variance, 0.5 * (0.09 + 0.01), rtol=1e-5)
  kept = slot.average(q, other, jnp.array([[False]]))
  jax.tree.map(np.testing.assert_array_equal, kept, q)
  if kind == 'ambient':
    length = jnp.linalg.norm(middle.mean)
    assert float(length) == pytest.approx(3, rel=1e-5)


def test_is_a_slot_of_a_config():
  space = latent_space("loop(tau=10, factor='orientation') + loop")
  assert [s.name for s in space.slots] == ['loop(tau=10)', 'loop']
  assert (space.params_dim, space.code_dim, space.latents) == (7, 4, 2)
  assert loop('wrapped_cauchy', anchor=0.2).name == (
    "loop(kind='wrapped_cauchy', anchor=0.2)"
  )


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ({'kind': 'von_mises'}, 'allowed: wrapped_normal, power_spherical'),
    ({'tau': 0}, r'tau=0; allowed: a number from 1e-06'),
    ({'kind': 'ambient'}, r'tau=None; allowed: a number from 1e-06'),
    ({'tau': 10, 'radius': -1.0}, r'radius=-1.0; allowed: a number from 1e-06'),
    ({'anchor': 0}, r'anchor=0; allowed: a number from 1e-06'),
    ({'kind': 'wrapped_normal', 'tau': 3}, r'with tau=3, .*allowed: neither'),
    ({'radius': 2.0}, r'radius=2.0; allowed: neither'),
  ],
)
def test_refuses(arguments, message):
  with pytest.raises(ValueError, match=message):
    loop(**arguments)
