"""Oracles: mpmath with 45 digits, quadrature, SciPy, Monte Carlo."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from latent import oracles, properties
from latent.compiled import compiled
from latent.properties import hyper

from jaxvae.latent import kumaraswamy as bounded
from jaxvae.latent import segment as module
from jaxvae.latent.gaussian import Posterior
from jaxvae.latent.segment import segment

FLAT = compiled(segment())
GAUSSIANS = [FLAT, compiled(segment('smooth', length=2.0))]
BOUNDED = compiled(segment('kumaraswamy', length=2.0))
SLOTS = [*GAUSSIANS, BOUNDED]

KEY = jax.random.key(0)
BOUNDED_KL = jax.jit(bounded.kl)
MOMENTS = jax.jit(bounded.moments)
QUANTILE = jax.jit(bounded.quantile)


@pytest.fixture(params=[False, True], ids=['float32', 'float64'])
def rtol(request):
  """What may be lost; in the second half numbers have 64 bits."""
  with jax.enable_x64(request.param):
    yield 1e-10 if request.param else 1e-5


@functools.partial(jax.jit, static_argnums=(0, 1))
def _compiled(kind, length, s, m, sigma):
  q = Posterior(m[:, None], jnp.log(sigma)[:, None])
  return module.KLS[kind](q, length, s)[:, 0]


def _kl(kind, length, s, m, sigma):
  m, sigma = np.broadcast_arrays(m, sigma)
  numbers = (jnp.atleast_1d(jnp.asarray(x, float)) for x in (m, sigma))
  s = jnp.asarray(s, float)
  value = np.asarray(_compiled(kind, length, s, *numbers))
  return value if m.ndim else float(value[0])


def _log_flat(z, length, s):
  beyond = np.maximum(np.abs(z) - length, 0) / s
  return -0.5 * beyond**2 - math.log(2 * length + s * math.sqrt(math.tau))


def _log_smooth(z, length, s):
  near = scipy.special.log_ndtr((length - np.abs(z)) / s)
  far = scipy.special.log_ndtr((-length - np.abs(z)) / s)
  with np.errstate(divide='ignore'):
    # To the left of 0 the difference of two numbers near 1 is well below 1.
    part = np.log(-np.expm1(np.minimum(far - near, -1e-300)))
  return near + part - math.log(2 * length)


LOGS = {'flat': _log_flat, 'smooth': _log_smooth}


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


@pytest.mark.parametrize('kind', ['flat', 'smooth'])
def test_oracles(kind, rtol):
  for entry in oracles.entries(f'segment_{kind}'):
    inputs = entry['inputs']
    length, s = inputs['L'], inputs['s']
    if inputs['kind'] == 'kl':
      value = _kl(kind, length, s, inputs['m'], inputs['sigma'])
    else:
      z, s = jnp.asarray(inputs['z'], float), jnp.asarray(s, float)
      value = float(module.LOG_PROBS[kind](z, length, s))
    # The smallest divergence is the difference of numbers four times larger.
    assert value == pytest.approx(entry['value'], rel=rtol), entry['id']


def test_oracles_of_an_unused_latent(rtol):
  for entry in oracles.entries('segment_rate_floor'):
    inputs, (floor, sigma) = entry['inputs'], entry['value']
    near = [0.98 * sigma, sigma, 1.02 * sigma]
    value = _kl('flat', inputs['L'], inputs['s'], 0.0, near)
    assert value[1] == pytest.approx(floor, rel=rtol)
    assert value[1] < min(value[0], value[2])


@pytest.mark.parametrize(
  ('kind', 'numbers', 'expected'),
  # 45 digits, mpmath: L, s and the posterior's mean and deviation.
  [
    ('flat', (1.0, 0.1, 0.95, 0.2), 1.6611391415686096),
    ('flat', (10.0, 1.0, 14.0, 0.3), 10.94384412693213),
    ('flat', (1.0, 0.1, 0.0, 2.0), 82.55484305918576),
    ('smooth', (3.0, 0.5, -3.5, 0.7), 3.320118457872118),
    ('smooth', (1.0, 0.1, 0.0, 0.6), 0.5037124417403078),
  ],
)
def test_divergence(kind, numbers, expected, rtol):
  assert _kl(kind, *numbers) == pytest.approx(expected, rel=rtol)


@pytest.mark.parametrize('kind', ['flat', 'smooth'])
@pytest.mark.parametrize('s', [0.1, 1.0, 10.0])
def test_divergence_is_the_integral(kind, s, rtol):
  # Posteriors from a thousandth of s to ten times the segment, and a segment
  # that temperature has melted.
  ends = s * np.concatenate([[0], np.geomspace(0.3, 3000, 60)])
  cuts = np.concatenate([1 - ends, 1 + ends])
  cuts = np.concatenate([cuts, -cuts])
  sigma = np.repeat([1e-3 * s, 0.03, 0.5, 2.0, 10.0], 3)
  m = np.tile([0.0, 0.97, -4.0], 5)
  log_p = functools.partial(LOGS[kind], length=1.0, s=s)
  value = _kl(kind, 1.0, s, m, sigma)
  expected = [
    _integral(log_p, *pair, cuts) for pair in zip(m, sigma, strict=True)
  ]
  # Small divergences are differences of numbers of the size of 3.
  few = 1e-5 if rtol > 1e-9 else 3e-11
  np.testing.assert_allclose(value, expected, rtol=rtol, atol=few)


def _log_q(q, z):
  away = (np.asarray(z - q.mean, np.float64)) / np.exp(np.asarray(q.log_std))
  log_std = np.asarray(q.log_std, np.float64)
  return (-0.5 * away**2 - log_std - 0.5 * math.log(math.tau))[:, 0]


def _log_q_bounded(q, z):
  # Of z from -2 to 2; the ends are met by rounding only.
  z = np.clip(np.asarray(z, np.float64)[:, 0], -2 + 1e-7, 2 - 1e-7)
  log_a, log_b = (np.asarray(x, np.float64)[:, 0] for x in q)
  a, b = np.exp(log_a), np.exp(log_b)
  log_x = np.log((z + 2) / 4)
  power = np.log(-np.expm1(a * log_x))
  return log_a + log_b + (a - 1) * log_x + (b - 1) * power - math.log(4)


@pytest.mark.parametrize('slot', SLOTS, ids=lambda slot: slot.name)
def test_divergence_is_the_mean_of_the_log_ratio(slot):
  log_q = _log_q_bounded if slot is BOUNDED else _log_q
  for temperature in (1.0, 100.0):
    settings = hyper(temperature=temperature)
    for params in ([0.2, 0.0], [0.9, 1.0], [-1.0, -0.5]):
      properties.check_monte_carlo(slot, params, settings, log_q, draws=40_000)


@pytest.mark.parametrize('slot', GAUSSIANS, ids=lambda slot: slot.name)
@pytest.mark.parametrize('temperature', [0.25, 1.0, 100.0])
def test_prior_is_normalised_and_sampled_at_any_temperature(slot, temperature):
  settings = hyper(temperature=temperature)
  properties.check_prior_on_a_line(slot, settings, -14.0, 14.0)


def test_prior_of_a_bounded_posterior():
  properties.check_prior_on_a_line(BOUNDED, hyper(), -2.0, 2.0)
  outside = BOUNDED.log_prob(jnp.array([[2.1], [-3.0]]), hyper())
  assert (outside == -jnp.inf).all()


@pytest.mark.parametrize('slot', SLOTS, ids=lambda slot: slot.name)
def test_gradients_are_finite(slot, rtol):
  del rtol
  raw = 2 * np.log([1e-6, 1e-3, 1.0, 10.0, 1e3])
  corners = [(m, x) for m in (0.0, 1.0, -1e4) for x in raw]
  corners += [(0.0, -1e4), (0.0, 80.0)]
  properties.check_gradients(slot, hyper(), corners)


def test_gradients_are_the_slopes():
  x = np.array([[0.1, -0.5], [1.0, 0.2], [-3.0, 1.5], [1.0, -7.0], [0.0, 3.0]])
  steps = 1e-5 * np.exp(np.minimum(x[:, 1:], 0))[..., None] * np.eye(2)

  def smooth(x):
    return module.smooth_kl(Posterior(x[..., :1], x[..., 1:]), 1.0, 0.1 * one)

  def flat(x):
    return module.flat_kl(Posterior(x[..., :1], x[..., 1:]), 1.0, 0.1 * one)

  def sampled(x):
    # A quantile and the divergence of a bounded posterior, with its label.
    q = bounded.posterior(jnp.clip(x, -3.0, 3.0) * 0.9)
    u, label = jnp.full_like(x[..., :1], 0.3), jnp.full_like(x[..., 0], 0.2)
    return QUANTILE(q, u) + BOUNDED_KL(q) + bounded.label_kl(q, label, 0.1)

  with jax.enable_x64(True):
    one = jnp.ones(())
    for function in (smooth, flat, sampled):
      run = jax.jit(function)
      up, down = run(x[:, None] + steps), run(x[:, None] - steps)
      slope = ((up - down) / (2 * steps.sum(-1, keepdims=True)))[..., 0]
      found = jax.jit(jax.grad(lambda x, f=function: f(x).sum()))(x)
      np.testing.assert_allclose(found, slope, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('s', [0.5, 0.06, 0.01, 0.001])
def test_sharp_smooth_segments_have_slopes(s):
  # A branch that is not taken gave NaN from L / s = 14 in float32, from 38 in
  # float64.
  rng = np.random.default_rng(0)
  mean, log_std = rng.uniform(-1.5, 1.5, 40), rng.uniform(-4, 0.5, 40)

  def divergence(x):
    q = Posterior(x[..., :1], x[..., 1:])
    return module.smooth_kl(q, 1.0, jnp.asarray(s, float))

  def along(z):
    return jax.vmap(
      jax.grad(lambda z: module.smooth_log_prob(z, 1.0, jnp.full_like(z, s)))
    )(z)

  def found(double):
    with jax.enable_x64(double):
      x = jnp.asarray(np.stack([mean, log_std], -1), float)
      z = jnp.linspace(-2.0, 2.0, 41)
      slope = jax.jit(jax.grad(lambda x: divergence(x).sum()))(x)
      return np.asarray(slope), np.asarray(jax.jit(along)(z))

  (single, single_z), (double, double_z) = found(False), found(True)
  with jax.enable_x64(True):
    x = jnp.asarray(np.stack([mean, log_std], -1), float)[:, None]
    steps = 1e-5 * np.exp(log_std)[:, None, None] * np.eye(2)
    run = jax.jit(divergence)
    apart = np.asarray(run(x + steps) - run(x - steps))[..., 0]
  slope = apart / (2 * steps.sum(axis=-1))
  size = np.abs(double).max(axis=-1, keepdims=True)
  assert (np.abs(double - slope) < 1e-4 * size).all()
  assert (np.abs(single - double) < 1e-3 * size).all()
  np.testing.assert_allclose(single_z, double_z, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('slot', SLOTS, ids=lambda slot: slot.name)
def test_divergence_is_not_negative(slot):
  for temperature in (0.1, 1.0, 1000.0):
    properties.check_nonnegative(slot, hyper(temperature=temperature), 3.0)


@pytest.mark.parametrize('slot', [FLAT, BOUNDED], ids=lambda s: s.name)
def test_contract(slot):
  properties.check_contract(slot)
  properties.check_moves(slot)
  assert (slot.span, slot.topology, slot.classes) == ((-1.0, 1.0), 'segment', 0)


def test_labels_run_from_end_to_end():
  slot = segment(length=10.0, s=1.0)
  q = slot.posterior(jnp.array([[0.3, -1.0]]))
  m, sigma = float(q.mean[0, 0]), float(jnp.exp(q.log_std[0, 0]))
  assert (m, sigma) == pytest.approx((3.0, 10 * math.exp(-0.5)))
  for label in (-1.0, 0.2, 1.0):
    place = 10 * label
    expected = _integral(
      lambda z, place=place: (
        -0.5 * ((z - place) / 0.5) ** 2 - math.log(0.5 * math.sqrt(math.tau))
      ),
      m,
      sigma,
      [],
    )
    told = slot.label_kl(q, jnp.full(1, label), hyper())
    assert float(told[0, 0]) == pytest.approx(expected, rel=1e-5)
  # In units of the length.
  np.testing.assert_allclose(slot.chart(slot.mean(q)), [[0.3]], rtol=1e-6)
  np.testing.assert_allclose(slot.variance(q), [[math.exp(-1)]], rtol=1e-6)
  np.testing.assert_allclose(slot.code(slot.mean(q)), [[0.3]], rtol=1e-6)


def _bounded(a, b):
  return bounded.Posterior(*(jnp.log(jnp.array([x], float)) for x in (a, b)))


def _check_bounded(a, b, expected, rtol):
  q = _bounded(a, b)
  kl, mean, quantile = expected
  assert float(BOUNDED_KL(q)[0]) == pytest.approx(kl, rel=rtol, abs=1e-7)
  assert float(MOMENTS(q)[0][0]) == pytest.approx(mean, rel=rtol)
  third = QUANTILE(q, jnp.full(1, 0.3))
  assert float(third[0]) == pytest.approx(quantile, rel=rtol)


def test_oracles_of_kumaraswamy(rtol):
  for entry in oracles.entries('kumaraswamy'):
    inputs = entry['inputs']
    _check_bounded(inputs['a'], inputs['b'], entry['value'], rtol)


def test_kumaraswamy(rtol):
  # 45 digits, mpmath: the KL, the mean, and the quantile of 0.3.
  values = (0.6572718427715106, 0.7901663601789122, 0.7330169263178051)
  _check_bounded(5.0, 1.5, values, rtol)
  # a x^(a - 1): the KL is log a - 1 + 1 / a, the mean a / (a + 1).
  for a in (0.3, 40.0):
    values = (math.log(a) - 1 + 1 / a, a / (a + 1), 0.3 ** (1 / a))
    _check_bounded(a, 1.0, values, rtol)


def test_moments_of_kumaraswamy_are_beta_functions(rtol):
  # b B(1 + n / a, b), by SciPy.
  # The least a there is, exp(-3), with medians near 0, in the middle, near 1.
  least = ((0.05, 1.0), (0.05, 0.2), (0.05, 0.05))
  for a, b in ((0.4, 0.7), (2.0, 3.0), (12.0, 900.0), *least):
    mean, variance = (float(x[0]) for x in MOMENTS(_bounded(a, b)))
    first, second = (b * scipy.special.beta(1 + n / a, b) for n in (1, 2))
    assert mean == pytest.approx(first, rel=rtol)
    assert variance == pytest.approx(second - first**2, rel=3 * rtol)


def test_a_bounded_posterior_begins_and_ends_with_the_prior():
  q = BOUNDED.posterior(jnp.zeros((1, 2)))
  assert abs(float(BOUNDED.kl(q, hyper())[0, 0])) < 1e-6
  assert abs(float(BOUNDED.mean(q)[0, 0])) < 1e-6
  # The variance of a uniform number from -1 to 1.
  assert float(BOUNDED.variance(q)[0, 0]) == pytest.approx(1 / 3, rel=1e-5)


@pytest.mark.parametrize('steep', [-3.0, 0.0, 3.0, 6.0, 30.0])
def test_the_first_number_is_the_median(steep):
  logit = jnp.array([-40.0, -12.0, -2.0, 0.0, 1.5, 8.0])[:, None]
  params = jnp.concatenate([logit, jnp.full_like(logit, steep)], -1)
  q = bounded.posterior(params)
  found = QUANTILE(q, jnp.full_like(logit, 0.5))
  np.testing.assert_allclose(found, jax.nn.sigmoid(logit), rtol=2e-4, atol=1e-9)


def test_bounded_samples_follow_their_distribution():
  # Kolmogorov-Smirnov: above 2.2 / sqrt(n) once in 8000 times.
  n = 20_000
  for params in ([0.0, 0.0], [1.0, 2.0], [-2.0, -1.0], [3.0, 5.0]):
    q = bounded.posterior(jnp.broadcast_to(jnp.array(params), (n, 2)))
    x = np.sort(np.asarray(bounded.sample(jax.random.key(1), q), np.float64), 0)
    a, b = (math.exp(float(x[0, 0])) for x in q)
    below = -np.expm1(b * np.log1p(-(x[:, 0] ** a)))
    gap = np.abs(below - (np.arange(n) + 0.5) / n).max()
    assert gap < 2.2 / math.sqrt(n)


def test_bounded_samples_stay_on_the_segment():
  rng = np.random.default_rng(0)
  params = jnp.asarray(30 * rng.normal(size=(5000, 2)), jnp.float32)
  z = BOUNDED.sample(KEY, BOUNDED.posterior(params))
  assert jnp.isfinite(z).all() and (jnp.abs(z) <= 2).all()
  # As narrow as one can ask for: 1 in 3000, with all digits of its variance.
  q = BOUNDED.posterior(jnp.array([[0.0, 200.0]]))
  variance = float(BOUNDED.variance(q)[0, 0])
  with jax.enable_x64(True):
    wide = bounded.posterior(jnp.array([[0.0, 200.0]]))
    assert variance == pytest.approx(
      float(4 * MOMENTS(wide)[1][0, 0]), rel=1e-3
    )
  assert variance < (1 / 1000) ** 2


def _log_bounded(q, t):
  a, b = (math.exp(float(x[0])) for x in q)
  # x = sigmoid(t), so that both ends are far away.
  log_x = -np.logaddexp(0, -t)
  power = np.log(-np.expm1(a * log_x))
  return math.log(a) + math.log(b) + (a - 1) * log_x + (b - 1) * power


def test_bounded_labels_and_differences_are_integrals():
  t = np.linspace(-60, 60, 40_001)
  x = 1 / (1 + np.exp(-t))
  jacobian = (t[1] - t[0]) / (2 + np.exp(t) + np.exp(-t))
  with jax.enable_x64(True):
    q, other = (
      bounded.posterior(jnp.array(p)) for p in ([0.4, 1.0], [-0.3, 0.5])
    )
    log_q, log_r = (_log_bounded(p, t) for p in (q, other))
    density = np.exp(log_q) * jacobian
    apart = (density * (log_q - log_r)).sum()
    found = float(bounded.divergence(q, other)[0])
    assert found == pytest.approx(apart, rel=1e-8)
    for label in (-1.0, 0.3, 1.0):
      log_p = -0.5 * ((2 * x - 1 - label) / 0.05) ** 2
      log_p -= np.log((np.exp(log_p) * jacobian).sum())
      told = float(bounded.label_kl(q, jnp.array(label), 0.05)[0])
      expected = (density * (log_q - log_p)).sum()
      assert told == pytest.approx(expected, rel=1e-8)


def test_bounded_posteriors_meet_in_the_middle():
  q = bounded.posterior(jnp.array([[1.0, 0.5], [8.0, 3.0]]))
  other = bounded.posterior(jnp.array([[-2.0, 2.5], [-8.0, 3.0]]))
  both = jax.jit(bounded.average)(q, other, jnp.array([[True], [False]]))
  median = QUANTILE(both, jnp.full((2, 1), 0.5))
  sigmoid = jax.nn.sigmoid(jnp.array([1.0, -2.0, 8.0]))
  expected = [[0.5 * (sigmoid[0] + sigmoid[1])], [sigmoid[2]]]
  np.testing.assert_allclose(median, expected, rtol=1e-5)


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ({'kind': 'relu'}, 'allowed: flat, kumaraswamy, smooth'),
    ({'length': 0}, 'length=0; allowed: a number from 1e-06'),
    ({'length': True}, 'length=True; allowed'),
    ({'s': -0.1}, 's=-0.1; allowed'),
    ({'anchor': 0.0}, 'anchor=0.0; allowed'),
    ({'kind': 'kumaraswamy', 's': 0.1}, 'has no s'),
  ],
)
def test_refusals(arguments, message):
  with pytest.raises(ValueError, match=message):
    segment(**arguments)


def test_names():
  assert segment().name == 'segment()'
  name = "segment(kind='smooth', length=2.0)"
  assert segment('smooth', 2.0).name == name
