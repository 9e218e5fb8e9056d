"""Oracles: mpmath with 45 digits, quadrature in NumPy, Monte Carlo."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from latent import oracles, properties
from latent.compiled import compiled
from latent.properties import hyper
from scipy.special import logsumexp

from jaxvae.latent import concrete
from jaxvae.latent import points as module
from jaxvae.latent.gaussian import Posterior
from jaxvae.latent.points import points

GAUSSIANS = [compiled(points(4)), compiled(points(3, kind='mixture'))]


@pytest.fixture(params=[False, True], ids=['float32', 'float64'])
def rtol(request):
  """What may be lost; in the second half numbers have 64 bits."""
  with jax.enable_x64(request.param):
    yield 1e-10 if request.param else 1e-5


@functools.partial(jax.jit, static_argnums=(0, 1))
def _compiled(kind, k, spacing, s, m, sigma):
  q = Posterior(m[:, None], jnp.log(sigma)[:, None])
  return module.KLS[kind](q, k, spacing, s)[:, 0]


def _kl(kind, k, spacing, s, m, sigma):
  m, sigma = np.broadcast_arrays(m, sigma)
  numbers = (jnp.atleast_1d(jnp.asarray(x, float)) for x in (m, sigma))
  spacing, s = jnp.asarray(spacing, float), jnp.asarray(s, float)
  value = np.asarray(_compiled(kind, k, spacing, s, *numbers))
  return value if m.ndim else float(value[0])


def _log_mixture(k, spacing, s):
  places = spacing * (np.arange(k) - (k - 1) / 2)

  def log_p(z):
    away = (z[:, None] - places) / s
    return logsumexp(-0.5 * away**2, -1) - math.log(k * s * 2.5066282746310002)

  return log_p


def _integral(log_p, m, sigma, cuts):
  """KL(N(m, sigma^2) || p), Gauss-Legendre on pieces that end at the cuts."""
  t = np.union1d(np.linspace(-9, 9, 400), (np.asarray(cuts) - m) / sigma)
  t = t[(t >= -9) & (t <= 9)]
  x, w = np.polynomial.legendre.leggauss(24)
  half = 0.5 * np.diff(t)[:, None]
  nodes = (t[:-1, None] + half * (1 + x)).ravel()
  density = np.exp(-0.5 * nodes**2) / math.sqrt(math.tau) * (half * w).ravel()
  log_q = -0.5 * (1 + math.log(math.tau)) - math.log(sigma)
  return log_q - density @ log_p(m + sigma * nodes)


def test_oracles_of_the_nearest_point(rtol):
  for entry in oracles.entries('points_voronoi'):
    k, spacing, s = (entry['inputs'][i] for i in ('k', 'spacing', 's'))
    at_0 = module.voronoi_log_prob(jnp.zeros(()), k, spacing, jnp.asarray(s))
    assert float(at_0) == pytest.approx(entry['value'][1], rel=rtol)
  for entry in oracles.entries('points_voronoi_kl'):
    value = _kl('voronoi', **entry['inputs'])
    assert value == pytest.approx(entry['value'], rel=rtol), entry['id']


def test_oracles_of_the_mixture(rtol):
  for entry in oracles.entries('points_mixture'):
    inputs = dict(entry['inputs'])
    if inputs.pop('kind') == 'kl':
      value, expected = _kl('mixture', **inputs), entry['value'][0]
    else:
      z, s = jnp.asarray(inputs['z'], float), jnp.asarray(inputs['s'], float)
      value = module.mixture_log_prob(z, inputs['k'], inputs['spacing'], s)
      expected = entry['value']
    assert float(value) == pytest.approx(expected, rel=rtol), entry['id']


@pytest.mark.parametrize(
  ('kind', 'numbers', 'expected'),
  # 45 digits, mpmath: k, spacing, s and the posterior's mean and deviation.
  [
    ('voronoi', (4, 6.0, 1.0, -9.0, 1.0), 1.3819745353958723),
    ('voronoi', (3, 2.0, 0.1, 1.0, 0.3), 30.06346317580107),
    ('voronoi', (2, 2.0, 0.5, 0.0, 1.0), 0.2854488474595751),
    ('mixture', (4, 6.0, 1.0, 0.0, 1.0), 3.38649914003244),
    ('mixture', (10, 1.0, 0.25, 0.2, 0.2), 2.675929473256127),
  ],
)
def test_divergence(kind, numbers, expected, rtol):
  assert _kl(kind, *numbers) == pytest.approx(expected, rel=rtol)


def test_quadrature_holds_for_narrow_and_wide_posteriors(rtol):
  # 32 Gauss-Hermite nodes are 1 % off where the posterior is three times wider
  # than a component, and far more beyond.
  spacing, s = 6.0, 1.0
  fine = s**2 / spacing * np.concatenate([[0], np.geomspace(0.3, 300, 40)])
  border = spacing * (np.arange(3) - 1)[:, None]
  cuts = np.concatenate([border - fine, border + fine]).ravel()
  log_p = _log_mixture(4, spacing, s)
  sigma = np.repeat([1e-3, 0.1, 1.0, 3.0, 10.0, 100.0], 3)
  m = np.tile([0.0, 2.9, 17.0], 6)
  value = _kl('mixture', 4, spacing, s, m, sigma)
  pairs = zip(m, sigma, strict=True)
  expected = [_integral(log_p, *pair, cuts) for pair in pairs]
  np.testing.assert_allclose(value, expected, rtol=rtol)


def test_points_that_have_merged():
  # At temperature 36 s is the spacing, and the softening is wide.
  with jax.enable_x64(True):
    for m, sigma in ((0.5, 2.0), (9.0, 0.2), (20.0, 30.0)):
      log_p = _log_mixture(4, 6.0, 6.0)
      expected = _integral(log_p, m, sigma, [])
      value = _kl('mixture', 4, 6.0, 6.0, m, sigma)
      assert value == pytest.approx(expected, rel=1e-10)


def test_four_points_are_told_apart_and_close_labels_are_not():
  # A published code fixes the noise at 1: its points, 6 apart, carry 1.3805 of
  # log 4 = 1.3863 nats, its segments from -10 to 10 1.72 of log 15, and its
  # labels from 0 to 1 0.05 of log 10. The information of equally likely levels
  # is the mean divergence from their mixture. 12 digits, mpmath.
  def carried(n, spacing):
    places = spacing * (np.arange(n) - (n - 1) / 2)
    return _kl('mixture', n, spacing, 1.0, places, 1.0).mean()

  assert carried(4, 6.0) == pytest.approx(1.3805204898, rel=1e-5)
  assert carried(15, 20 / 14) == pytest.approx(1.7226175528, rel=1e-5)
  assert carried(10, 1 / 9) == pytest.approx(0.0484938138, abs=2e-5)


def _log_q(q, z):
  away = (np.asarray(z - q.mean, np.float64)) / np.exp(np.asarray(q.log_std))
  log_std = np.asarray(q.log_std, np.float64)
  return (-0.5 * away**2 - log_std - 0.5 * math.log(math.tau))[:, 0]


@pytest.mark.parametrize('slot', GAUSSIANS, ids=lambda slot: slot.name)
@pytest.mark.parametrize('temperature', [1.0, 9.0])
def test_divergence_is_the_mean_of_the_log_ratio(slot, temperature):
  settings = hyper(temperature=temperature)
  for params in ([0.2, 0.0], [0.9, 3.0], [-2.0, -4.0]):
    properties.check_monte_carlo(slot, params, settings, _log_q, draws=40_000)


@pytest.mark.parametrize('slot', GAUSSIANS, ids=lambda slot: slot.name)
@pytest.mark.parametrize('temperature', [0.25, 1.0, 9.0, 100.0])
def test_prior_is_normalised_and_sampled_at_any_temperature(slot, temperature):
  settings = hyper(temperature=temperature)
  properties.check_prior_on_a_line(slot, settings, -90.0, 90.0)


@pytest.mark.parametrize('slot', GAUSSIANS, ids=lambda slot: slot.name)
def test_gradients_are_finite(slot, rtol):
  del rtol
  deviations = 2 * np.log([1e-6, 1e-3, 1.0, 10.0, 1e3])
  corners = [(m, raw) for m in (0.0, 0.5, -1e4) for raw in deviations]
  corners += [(0.0, -1e4), (0.0, 80.0)]
  properties.check_gradients(slot, hyper(), corners)


def test_gradients_are_the_slopes():
  # Among them a mean on the very border of two points: a symmetric place.
  x = np.array([[0.1, -0.5], [3.0, 0.2], [-8.0, 1.5], [0.0, -7.0]])
  steps = 1e-5 * np.exp(np.minimum(x[:, 1:], 0))[..., None] * np.eye(2)
  with jax.enable_x64(True):
    for kind in ('voronoi', 'mixture'):

      def kl(x, kind=kind):
        q = Posterior(x[..., :1], x[..., 1:])
        return module.KLS[kind](q, 4, 6.0, jnp.asarray(1.0))[..., 0]

      up, down = kl(x[:, None] + steps), kl(x[:, None] - steps)
      slope = (up - down) / (2 * steps.sum(-1))
      found = jax.jit(jax.vmap(jax.grad(kl)))(jnp.asarray(x))
      np.testing.assert_allclose(found, slope, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('slot', GAUSSIANS, ids=lambda slot: slot.name)
def test_divergence_is_not_negative(slot):
  for temperature in (0.1, 1.0, 30.0):
    properties.check_nonnegative(slot, hyper(temperature=temperature), 3.0)


def test_contract():
  properties.check_contract(GAUSSIANS[0])
  properties.check_moves(GAUSSIANS[0])


def test_labels_are_gaussians_at_the_points():
  slot = points(4)
  q = slot.posterior(jnp.array([[0.3, -1.0]]))
  m, sigma = float(q.mean[0, 0]), float(jnp.exp(q.log_std[0, 0]))
  for label, place in enumerate((-9.0, -3.0, 3.0, 9.0)):
    for s in (1.0, 3.0):
      told = slot.label_kl(q, jnp.full(1, 1.0 * label), hyper(temperature=s**2))
      expected = _integral(
        lambda z, place=place, s=s: (
          -0.5 * ((z - place) / s) ** 2 - math.log(s * math.sqrt(math.tau))
        ),
        m,
        sigma,
        [],
      )
      assert float(told[0, 0]) == pytest.approx(expected, rel=1e-5)


def test_chart_and_code():
  slot = points(3, s=0.5)
  z = jnp.array([[-3.0], [0.0], [3.0], [1.5]])
  np.testing.assert_allclose(slot.chart(z)[:, 0], [0, 1, 2, 1.5])
  code = np.asarray(slot.code(z))
  np.testing.assert_allclose(code.sum(-1), 1, rtol=1e-6)
  # At a point 1, exp(-9/2) and exp(-18) to 1, and halfway half and half.
  row = np.exp([-18, -4.5, 0])
  np.testing.assert_allclose(code[2], row / row.sum(), rtol=1e-5)
  assert code[3, 1] == pytest.approx(code[3, 2], rel=1e-6)
  line = points(3, s=0.5, code='line')
  np.testing.assert_allclose(line.code(z)[:, 0], [-1, 0, 1, 0.5])
  # The encoder's numbers are of the size of the chart: one is one spacing.
  q = slot.posterior(jnp.array([[1.0, 0.0]]))
  assert slot.chart(slot.mean(q))[0, 0] == 2.0
  assert slot.variance(q)[0, 0] == pytest.approx(1 / 36)
  assert slot.span == (0.0, 2.0)
  assert (slot.classes, slot.topology) == (3, 'points')


def test_names():
  assert points(4).name == 'points(4)'
  name = "points(4, kind='mixture', s=0.5, code='line')"
  assert points(4, 'mixture', s=0.5, code='line').name == name


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ({'k': 1}, 'k=1; allowed: a whole number from 2'),
    ({'k': 2.0}, 'k=2.0; allowed'),
    ({'k': 3, 'kind': 'ring'}, 'allowed: voronoi, mixture, concrete'),
    ({'k': 3, 's': 0.0}, 's=0.0; allowed: a number from 1e-06'),
    ({'k': 3, 'spacing': -1}, 'spacing=-1; allowed'),
    ({'k': 3, 'code': 'soft'}, "code='soft'; allowed: line, onehot"),
    ({'k': 3, 'relaxation': 0.5}, "kind='voronoi' has no relaxation"),
    ({'k': 3, 'kind': 'concrete', 's': 1.0}, "kind='concrete' has no s"),
  ],
)
def test_refusals(arguments, message):
  with pytest.raises(ValueError, match=message):
    points(**arguments)


CONCRETE = compiled(points(3, kind='concrete'))


def test_contract_of_the_concrete_kind():
  properties.check_contract(CONCRETE)
  corners = np.array([[0, 0, 0], [50, 0, -50], [0, 300, 0], [1e4, 0, -1e4]])
  properties.check_gradients(CONCRETE, hyper(), corners)
  z = CONCRETE.move(jnp.log(jnp.full((2, 3), 1 / 3)), 0, jnp.array([2.0, 0.0]))
  np.testing.assert_array_equal(CONCRETE.code(z), [[0, 0, 1], [1, 0, 0]])
  np.testing.assert_array_equal(CONCRETE.chart(z), [[2], [0]])
  with pytest.raises(ValueError, match='needs a sample'):
    CONCRETE.kl(concrete.Posterior(jnp.zeros(3)), hyper())


def test_oracles_of_the_concrete_density(rtol):
  for entry in oracles.entries('discrete'):
    given = {i: jnp.asarray(x, float) for i, x in entry['inputs'].items()}
    if entry['id'] == 'kl_cat':
      q = concrete.Posterior(jnp.log(given['p']))
      value, expected = concrete.categorical_kl(q), entry['value']
    else:
      value = concrete.log_density(
        jnp.log(given['y']), jnp.log(given['alpha']), entry['inputs']['lam']
      )
      expected = entry['value'][0]
    assert float(value) == pytest.approx(expected, rel=rtol)


def test_concrete_density_and_divergence_are_integrals():
  # For two points the simplex is a line, and z = sigmoid(t).
  t = np.linspace(-60, 60, 40_001)
  z = np.stack([1 / (1 + np.exp(-t)), 1 / (1 + np.exp(t))], -1)
  jacobian = z[:, 0] * z[:, 1] * (t[1] - t[0])
  logits = np.array([1.2, -0.4])
  with jax.enable_x64(True):
    log_z = jnp.log(jnp.asarray(z))
    rows = log_z, jnp.broadcast_to(jnp.asarray(logits), z.shape)
    log_q = np.asarray(concrete.log_density(*rows, 2 / 3))
    log_p = np.asarray(concrete.log_density(rows[0], 0 * rows[1], 2 / 3))
    ratio = np.asarray(
      concrete.log_ratio(concrete.Posterior(rows[1]), rows[0], 2 / 3)
    )
  density = np.exp(log_q) * jacobian
  assert density.sum() == pytest.approx(1, rel=1e-9)
  assert (np.exp(log_p) * jacobian).sum() == pytest.approx(1, rel=1e-9)
  np.testing.assert_allclose(ratio, log_q - log_p, rtol=1e-8, atol=1e-8)
  exact = (density * ratio).sum()
  # Relaxed variables tell more than which of them is largest.
  p = np.exp(logits) / np.exp(logits).sum()
  assert exact > math.log(2) + (p * np.log(p)).sum()

  slot, n = compiled(points(2, kind='concrete')), 40_000
  q = slot.posterior(jnp.broadcast_to(jnp.asarray(logits, jnp.float32), (n, 2)))
  drawn = slot.sample(jax.random.key(0), q)
  kl = np.asarray(slot.kl(q, hyper(), drawn), np.float64)[:, 0]
  assert abs(kl.mean() - exact) < 5 * kl.std() / math.sqrt(n)
  first = np.asarray(slot.chart(drawn))[:, 0] == 0
  assert abs(first.mean() - p[0]) < 5 * math.sqrt(p[0] * p[1] / n)
  mean = (density * z[:, 0]).sum()
  places = np.asarray(slot.code(drawn), np.float64)
  np.testing.assert_allclose(places.sum(axis=-1), 1, rtol=1e-6)
  assert abs(places[:, 0].mean() - mean) < 5 * 0.5 / math.sqrt(n)


@pytest.mark.parametrize('relaxation', [0.05, 2 / 3])
@pytest.mark.parametrize('logits', [(20.0, 0.0, 0.0), (62.0, 0.0, 0.0)])
def test_a_sure_concrete_posterior_pays_for_it(logits, relaxation):
  # Of logits l, probabilities p and Gumbel noise G the ratio is, whatever the
  # relaxation, sum log p + 3 (LSE(-l - G) - LSE(-l - G + log p)): here by NumPy
  # in float64. In float32 the other entries of such a sample are 0 where they
  # are not kept as logarithms.
  n = 100_000
  rng = np.random.default_rng(0)
  noise = rng.gumbel(size=(n, 3))
  log_p = np.array(logits) - np.logaddexp.reduce(logits)
  scores = -(np.array(logits) + noise)
  expected = log_p.sum() + 3 * (
    np.logaddexp.reduce(scores, axis=1)
    - np.logaddexp.reduce(scores + log_p, axis=1)
  )
  slot = points(3, kind='concrete', relaxation=relaxation)

  def divergence(params):
    q = slot.posterior(jnp.broadcast_to(params, (n, 3)))
    return jnp.mean(slot.kl(q, hyper(), slot.sample(jax.random.key(0), q)))

  found, slope = jax.jit(jax.value_and_grad(divergence))(jnp.array(logits))
  error = expected.std() * math.sqrt(2 / n)
  assert abs(float(found) - expected.mean()) < 5 * error + 1e-5 * found
  # Surer by one is dearer by one: not the reward that it once was.
  np.testing.assert_allclose(slope, [1, -0.5, -0.5], atol=0.05)


def test_an_unused_concrete_latent_costs_nothing():
  q = CONCRETE.posterior(jnp.full((50, 3), 0.7))
  z = CONCRETE.sample(jax.random.key(0), q)
  np.testing.assert_allclose(CONCRETE.kl(q, hyper(), z), 0, atol=1e-5)
  np.testing.assert_allclose(concrete.categorical_kl(q), 0, atol=1e-6)


def test_categories_and_their_labels():
  p, r = np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.3, 0.6])
  q, other = (CONCRETE.posterior(jnp.log(jnp.asarray(x))) for x in (p, r))
  told = float(CONCRETE.label_kl(q, jnp.array(1.0), hyper())[0])
  expected = (p * np.log(p / [0.005, 0.99, 0.005])).sum()
  assert told == pytest.approx(expected, rel=1e-5)
  apart = float(CONCRETE.divergence(q, other)[0])
  assert apart == pytest.approx((p * np.log(p / r)).sum(), rel=1e-5)
  both = CONCRETE.average(q, other, jnp.array([True]))
  np.testing.assert_allclose(jnp.exp(both.logits), (p + r) / 2, rtol=1e-5)
  variance = p @ np.arange(3) ** 2 - (p @ np.arange(3)) ** 2
  assert float(CONCRETE.variance(q)[0]) == pytest.approx(variance, rel=1e-5)
  np.testing.assert_array_equal(CONCRETE.code(CONCRETE.mean(q)), [1, 0, 0])
