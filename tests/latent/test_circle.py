"""Oracles: mpmath with 45 digits, quadrature in NumPy's float64, SciPy."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from latent import oracles
from scipy import special, stats

from jaxvae.latent import circle
from jaxvae.latent.circle import Family

# Compiled, each function once for a shape and a type.
FAMILIES = {
  kind: Family(*(jax.jit(function) for function in family))
  for kind, family in circle.FAMILIES.items()
}
PRECISIONS = [('float32', 1e-5), ('float64', 1e-10)]
precisions = pytest.mark.parametrize(('dtype', 'rtol'), PRECISIONS)
kl_and_slope = jax.jit(
  jnp.vectorize(jax.value_and_grad(circle.wrapped_normal_kl))
)
kinds = pytest.mark.parametrize('kind', sorted(FAMILIES))
# A whole turn, for the trapezium rule: exact for smooth periodic functions.
TURN = 2 * np.pi * np.arange(4096) / 4096 - np.pi

# s: divergence of the wrapped normal from uniform, 45 digits: quadrature, and a
# series in exp(-s^2).
WRAPPED_NORMAL = [
  (0.1, 2.7215236261987186),
  (1.0, 0.4237610086806359),
  (1.5, 0.11059257615438985),
  (1.6, 0.08014727641840026),
  (3.0, 0.0001234174184501003),
]


def _close(value, expected, rtol):
  assert float(value) == pytest.approx(expected, rel=rtol)


@precisions
@pytest.mark.parametrize(('s', 'expected'), WRAPPED_NORMAL)
def test_wrapped_normal(s, expected, dtype, rtol):
  # Another code clamps the normal distribution's formula: at 1.5 it gives
  # 0.0135, and from 1.5203 on 0 without a gradient.
  with jax.enable_x64(dtype == 'float64'):
    log_std = jnp.log(jnp.asarray(s, dtype))
    value, slope = kl_and_slope(log_std)
    assert value.dtype == dtype
    _close(value, expected, rtol)
    assert float(slope) < -1e-4


@precisions
def test_all_oracles(dtype, rtol):
  with jax.enable_x64(dtype == 'float64'):
    family = FAMILIES['wrapped_normal']
    for entry in oracles.entries('wrapped_normal'):
      log_std = jnp.log(jnp.asarray(entry['inputs']['sigma'], dtype))
      *densities, _, kl, _, resultant = entry['value']
      for x, density in zip((0.0, 1.0, math.pi), densities, strict=True):
        value = family.log_prob(jnp.asarray(x, dtype), log_std)
        _close(value, density, rtol)
      _close(family.kl(log_std), kl, rtol)
      _close(1 - family.shortfall(log_std), resultant, rtol)
    family = FAMILIES['wrapped_cauchy']
    for entry in oracles.entries('wrapped_cauchy'):
      r = jnp.asarray(entry['inputs']['r'], dtype)
      log_std = jnp.log(-jnp.log(r))
      *densities, kl = entry['value']
      for x, density in zip((0.0, 1.0, math.pi), densities, strict=True):
        value = family.log_prob(jnp.asarray(x, dtype), log_std)
        _close(value, density, rtol)
      _close(family.kl(log_std), kl, rtol)
      _close(1 - family.shortfall(log_std), entry['inputs']['r'], rtol)
    family = FAMILIES['power_spherical']
    for entry in oracles.entries('power_spherical'):
      if entry['inputs']['d'] == 2:
        kappa = jnp.asarray(entry['inputs']['kappa'], dtype)
        log_std = 0.5 * jnp.log(2 / kappa)
        constant, kl, resultant = entry['value']
        top = family.log_prob(jnp.zeros_like(kappa), log_std)
        _close(top, constant + math.log(2) * entry['inputs']['kappa'], rtol)
        _close(family.kl(log_std), kl, rtol)
        _close(1 - family.shortfall(log_std), resultant, rtol)


@precisions
def test_all_oracles_of_von_mises(dtype, rtol):
  # KL(vM || vM about the same mean) is 0: with its own divergence from uniform
  # and its own resultant.
  with jax.enable_x64(dtype == 'float64'):
    for entry in oracles.entries('von_mises'):
      log_i0, resultant, kl = entry['value']
      kappa = jnp.asarray(entry['inputs']['kappa'], dtype)
      kl, shortfall, zero = (
        jnp.asarray(x, dtype) for x in (kl, 1 - resultant, 0.0)
      )
      value = circle.von_mises_kl(kl, shortfall, zero, kappa)
      assert abs(float(value)) < rtol * (1 + log_i0)
      # And of the uniform distribution, of which nothing is on one side.
      flat = circle.von_mises_kl(zero, zero + 1, zero, kappa)
      assert float(flat) == pytest.approx(log_i0, rel=rtol)


@kinds
@pytest.mark.parametrize('s', [0.05, 0.39, 0.41, 1.7, 1.9, 4.0])
def test_density_and_its_integrals(kind, s):
  # The definitions, by quadrature in t, x = pi tanh(sinh t): a broad power
  # spherical density has a kink at pi.
  family = FAMILIES[kind]
  t = np.linspace(-3.2, 3.2, 4001)
  x = np.pi * np.tanh(np.sinh(t))
  step = np.pi * np.cosh(t) / np.cosh(np.sinh(t)) ** 2 * (t[1] - t[0])
  with jax.enable_x64(True):
    log_std = jnp.full(len(x), math.log(s))
    log_q = np.asarray(family.log_prob(jnp.asarray(x), log_std))
    density = np.exp(log_q) * step
    assert density.sum() == pytest.approx(1, abs=1e-10)
    used = density > 0
    ratio = log_q[used] + math.log(2 * math.pi)
    expected = (density[used] * ratio).sum()
    kl = float(family.kl(log_std[0]))
    assert kl == pytest.approx(expected, rel=1e-10, abs=1e-10)
    resultant = (density * np.cos(x)).sum()
    found = 1 - float(family.shortfall(log_std[0]))
    assert found == pytest.approx(resultant, rel=1e-10, abs=1e-10)
    variance = float(family.variance(log_std[0]))
    assert variance == pytest.approx(-2 * math.log(found), rel=1e-9)


@pytest.mark.parametrize('s', [0.2, 1.0, 3.0])
def test_densities_of_scipy(s):
  x = TURN[::64]
  log_std = jnp.full(len(x), math.log(s), jnp.float32)
  turned = sum(stats.norm.pdf(x + 2 * np.pi * k, 0, s) for k in range(-30, 31))
  cauchy = stats.wrapcauchy.pdf(x % (2 * np.pi), math.exp(-s))
  found = [
    np.exp(FAMILIES[kind].log_prob(jnp.asarray(x, jnp.float32), log_std))
    for kind in ('wrapped_normal', 'wrapped_cauchy')
  ]
  np.testing.assert_allclose(found, [turned, cauchy], rtol=2e-5, atol=1e-12)


@pytest.mark.parametrize('border', [0.4, math.sqrt(2.0)])
def test_formulas_join_smoothly(border):
  # 0.4: the normal distribution's formula and the series; sqrt(2): the two
  # forms of Euler's product.
  with jax.enable_x64(True):
    log_std = jnp.log(jnp.array([border * (1 - 1e-13), border * (1 + 1e-13)]))
    value, slope = kl_and_slope(log_std)
    assert abs(value[1] - value[0]) < 1e-11
    assert abs(slope[1] - slope[0]) < 1e-11
    x = jnp.asarray(TURN[::64])
    sides = [
      FAMILIES['wrapped_normal'].log_prob(
        x, jnp.full_like(x, math.log(circle._BROAD * k))
      )
      for k in (1 - 1e-13, 1 + 1e-13)
    ]
    np.testing.assert_allclose(*sides, rtol=1e-11)


def test_almost_uniform_keeps_its_digits():
  # f = (1 + 2 sqrt(q) cos x + ...) / 2 pi, so that the divergence is q + O(q^2)
  # with q = exp(-s^2).
  for s in (4.0, 6.0, 9.0):
    log_std = jnp.log(jnp.float32(s))
    value, slope = kl_and_slope(log_std)
    assert float(value) == pytest.approx(math.exp(-(s**2)), rel=1e-4)
    expected = -2 * s**2 * math.exp(-(s**2))
    assert float(slope) == pytest.approx(expected, rel=1e-4)


@kinds
def test_finite_everywhere(kind):
  family = FAMILIES[kind]
  log_std = jnp.array([-5e3, -80.0, -20.0, -18.0, -11.5, -5, 0, 3.4, 40, 80])
  for function in (family.kl, family.shortfall):
    value, slope = jax.jit(jax.vmap(jax.value_and_grad(function)))(log_std)
    assert jnp.isfinite(value).all() and jnp.isfinite(slope).all()
  # What is too sure is pulled back, what is uniform is left alone.
  slope = jax.jit(jax.vmap(jax.grad(family.kl)))(log_std)
  np.testing.assert_allclose(slope[:5], -1, rtol=1e-4)
  assert abs(float(slope[-1])) < 1e-6 and abs(float(family.kl(80.0))) < 1e-6


@kinds
@pytest.mark.parametrize('s', [0.05, 0.7, 3.0])
def test_samples_have_the_density(kind, s):
  n, family = 40_000, FAMILIES[kind]
  log_std = jnp.full(n, math.log(s))
  x = circle.wrap(family.sample(jax.random.key(3), log_std))
  x = np.sort(np.asarray(x, np.float64))
  assert (np.abs(x) <= math.pi + 1e-6).all()
  grid = np.linspace(-math.pi, math.pi, 100_001)
  with jax.enable_x64(True):
    density = np.exp(
      family.log_prob(jnp.asarray(grid), jnp.full(len(grid), math.log(s)))
    )
  steps = 0.5 * (density[1:] + density[:-1]) * (grid[1] - grid[0])
  cdf = np.interp(x, grid, np.concatenate([[0], np.cumsum(steps)]))
  # Kolmogorov and Smirnov: above this once in 8000 times.
  assert np.abs(cdf - (np.arange(n) + 0.5) / n).max() < 2.2 / math.sqrt(n)


@kinds
def test_samples_are_reparameterised(kind):
  # d E cos x / d log s is the gradient of the resultant.
  n, family = 100_000, FAMILIES[kind]

  def cosines(log_std):
    x = family.sample(jax.random.key(4), jnp.broadcast_to(log_std, (n,)))
    return jnp.cos(x)

  slopes_of = jax.jit(lambda x: jax.jvp(cosines, (x,), (jnp.ones_like(x),))[1])
  for s in (0.3, 1.0):
    log_std = jnp.float32(math.log(s))
    slopes = slopes_of(log_std)
    expected = -float(jax.grad(family.shortfall)(log_std))
    error = float(jnp.std(slopes)) / math.sqrt(n)
    assert abs(float(jnp.mean(slopes)) - expected) < 5 * error


@kinds
def test_divergence_from_a_von_mises(kind):
  # The definition, by the trapezium rule, away from the mean.
  family = FAMILIES[kind]
  with jax.enable_x64(True):
    for s, away, kappa in [(0.3, 0.4, 100.0), (1.0, -2.0, 3.0), (0.5, 0, 1e4)]:
      log_std = jnp.full(len(TURN), math.log(s))
      log_q = np.asarray(family.log_prob(jnp.asarray(TURN - away), log_std))
      density = np.exp(log_q) * (TURN[1] - TURN[0])
      log_p = kappa * (np.cos(TURN) - 1) - np.log(
        2 * np.pi * special.i0e(kappa)
      )
      used = density > 0
      expected = (density * (log_q - log_p))[used].sum()
      value = circle.von_mises_kl(
        family.kl(log_std[0]),
        family.shortfall(log_std[0]),
        jnp.asarray(away),
        jnp.asarray(kappa),
      )
      assert float(value) == pytest.approx(expected, rel=1e-9)


def test_divergence_of_two_wrapped_cauchys():
  with jax.enable_x64(True):
    for s, other, away in [(0.3, 0.8, 1.0), (1.5, 0.2, -2.5), (0.7, 0.7, 0)]:
      density = FAMILIES['wrapped_cauchy'].log_prob
      x, ones = jnp.asarray(TURN), jnp.ones(len(TURN))
      log_q = np.asarray(density(x - away, math.log(s) * ones))
      log_p = np.asarray(density(x, math.log(other) * ones))
      step = TURN[1] - TURN[0]
      expected = (np.exp(log_q) * (log_q - log_p)).sum() * step
      value = circle.wrapped_cauchy_divergence(
        *(jnp.asarray(v) for v in (math.log(s), math.log(other), float(away)))
      )
      assert float(value) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_concentration():
  kappa = np.array([1e-3, 0.1, 0.5, 1, 2, 5, 20, 300])
  shortfall = 1 - special.i1e(kappa) / special.i0e(kappa)
  found = circle.concentration(jnp.asarray(shortfall, jnp.float32))
  np.testing.assert_allclose(found, kappa, rtol=0.08)


def test_angle():
  x = np.linspace(-math.pi, math.pi, 33)[1:-1]
  near = jnp.asarray(3 * np.cos(x)), jnp.asarray(3 * np.sin(x))
  np.testing.assert_allclose(circle.angle(*near), x, rtol=1e-6, atol=1e-6)
  gradient = jax.vmap(jax.grad(circle.angle, argnums=(0, 1)))(*near)
  expected = [-np.sin(x) / 3, np.cos(x) / 3]
  np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)
  for y in (0.0, 1e-30, -1e-5, 1e5):
    gradient = jax.grad(circle.angle, argnums=(0, 1))(jnp.zeros(()), y)
    assert all(jnp.isfinite(g) and abs(g) < 51 for g in gradient)
  assert float(circle.wrap(jnp.float32(7.0))) == pytest.approx(
    7 - 2 * math.pi, rel=1e-5
  )


@pytest.mark.parametrize('s', [0.001, 0.01, 0.1])
def test_a_narrow_power_spherical_keeps_its_digits_in_float32(s):
  # Against the formula in NumPy's float64. The logarithm of a cosine near 1,
  # times kappa = 2 / s^2, lost 0.1 nats at s = 0.001.
  x = np.linspace(-4, 4, 81).astype(np.float32) * np.float32(s)
  kappa = 2 / np.float64(np.float32(s)) ** 2
  scale = special.gammaln(kappa + 1) - special.gammaln(kappa + 0.5)
  expected = kappa * np.log1p(-(np.sin(np.float64(x) / 2) ** 2)) + scale
  expected -= np.log(2 * np.sqrt(np.pi))
  log_std = jnp.full(x.shape, np.log(np.float32(s)))
  found = FAMILIES['power_spherical'].log_prob(x, log_std)
  np.testing.assert_allclose(found, expected, atol=2e-5)
