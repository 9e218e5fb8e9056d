"""Oracles: mpmath with 45 digits (Kummer functions; one-dimensional integrals),
closed forms of small dimensions, SciPy's Laguerre functions, Monte Carlo."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from latent import oracles
from scipy import special, stats

from jaxvae.latent import tilting

# Type, and the relative error that is allowed in it.
PRECISIONS = [('float32', 1e-5), ('float64', 1e-10)]
# Compiled once for each d.
kl = jax.jit(tilting.kl)
gap = jax.jit(tilting.gap)
precisions = pytest.mark.parametrize(('dtype', 'rtol'), PRECISIONS)

# d, tau: log Z, E |z|, from Kummer functions; of (2, 10) E |z| is 10.1 to 22
# digits.
NORMALISERS = [
  (2, 1.0, 1.498964752053979681809491, 1.77663872520174),
  (2, 3.0, 6.517678198532380514466781, 3.3328409684518),
  (2, 10.0, 53.22152362619871842579832, 10.1),
  (10, 3.0, 11.8015473879902889667481, 4.89681404395466),
  (10, 20.0, 222.0182472810392436004648, 20.4413231643615),
  (100, 30.0, 613.9996777942391219458593, 33.0023194427993),
]


def _in(dtype, *values):
  return tuple(jnp.asarray(value, dtype) for value in values)


def _close(value, expected, rtol):
  assert float(value) == pytest.approx(expected, rel=rtol, abs=rtol * 1e-3)


@precisions
@pytest.mark.parametrize(('d', 'tau', 'log_z', 'radius'), NORMALISERS)
def test_normaliser(d, tau, log_z, radius, dtype, rtol):
  with jax.enable_x64(dtype == 'float64'):
    (t,) = _in(dtype, tau)
    centred = tilting.log_z_centred(d, t)
    assert centred.dtype == dtype
    # Not relative to log Z, of which tau^2 / 2 is the most.
    _close(centred, log_z - tau**2 / 2, rtol)
    _close(tilting.mean_radius(d, t), radius, max(rtol, 1e-13))


@precisions
def test_all_oracles_of_the_prior(dtype, rtol):
  with jax.enable_x64(dtype == 'float64'):
    for entry in oracles.entries('tilted_logZ'):
      d, (tau,) = entry['inputs']['d'], _in(dtype, entry['inputs']['tau'])
      _, centred, radius, deviation, _, density = entry['value']
      _close(tilting.log_z_centred(d, tau), centred, rtol)
      _close(tilting.mean_radius(d, tau), radius, rtol)
      if d < 10:  # the seconds of the others are in compiling
        _close(jnp.sqrt(tilting.variance_radius(d, tau)), deviation, rtol)
      z = jnp.zeros(d, dtype).at[0].set(tau)
      _close(tilting.log_prob(z, tau), density, rtol)
    for entry in oracles.entries('tilted_logZ_closed'):
      (tau,) = _in(dtype, entry['inputs']['tau'])
      centred = tilting.log_z_centred(entry['inputs']['d'], tau)
      _close(centred + tau**2 / 2, entry['value'], rtol)


@precisions
def test_all_oracles_of_the_divergence(dtype, rtol):
  with jax.enable_x64(dtype == 'float64'):
    for entry in oracles.entries('tilted_kl_diag'):
      given = entry['inputs']
      _check_kl(given['mu'], given['sigma'], given['tau'], entry, dtype, rtol)
    for entry in oracles.entries('tilted_kl_iso'):
      given = entry['inputs']
      mean = [given['mu_norm']] + [0.0] * (given['d'] - 1)
      std = [given['sigma']] * given['d']
      _check_kl(mean, std, given['tau'], entry, dtype, rtol)


def _check_kl(mean, std, tau, entry, dtype, rtol):
  mean, std, tau = _in(dtype, mean, std, tau)
  log_std = jnp.log(std)
  _close(kl(mean, log_std, tau), entry['value'][0], rtol)
  rms = tilting.root_mean_square(mean, log_std)
  _close(rms - gap(mean, log_std), entry['value'][1], rtol)


@precisions
@pytest.mark.parametrize(
  ('mean', 'std', 'tau', 'expected'),
  # 45 digits: a one-dimensional integral in mpmath, and an angular one.
  [
    ([1.5], [0.5], 2.0, 1.1125171431568317),
    ([3.0, 0.0], [0.1, 0.5], 3.0, 4.020728260150309),
    ([0.3, -0.2], [0.7, 1.1], 2.0, 1.414320660429175),
    ([10.0, 0.0], [0.05, 0.05], 10.0, 8.214238165493908),
    (
      [1.0, -1.0, 2.0, 0.5, 0.0],
      [0.3, 0.9, 1.2, 0.1, 0.6],
      4.0,
      7.980894896894024,
    ),
  ],
)
def test_divergence(mean, std, tau, expected, dtype, rtol):
  with jax.enable_x64(dtype == 'float64'):
    mean, std, tau = _in(dtype, mean, std, tau)
    value = kl(mean, jnp.log(std), tau)
    assert value.dtype == dtype
    _close(value, expected, rtol)


@precisions
@pytest.mark.parametrize('std', [1e-3, 0.1, 1.0, 10.0])
@pytest.mark.parametrize('mean', [0.0, 0.01, 1.0, 30.0])
def test_gap_in_one_dimension(mean, std, dtype, rtol):
  # The folded normal distribution's mean, in closed form.
  x = mean / std
  folded = std * math.sqrt(2 / math.pi) * math.exp(-0.5 * x**2)
  folded += mean * math.erf(x / math.sqrt(2))
  with jax.enable_x64(dtype == 'float64'):
    m, s = _in(dtype, [mean], [std])
    rms = tilting.root_mean_square(m, jnp.log(s))
    _close(rms - gap(m, jnp.log(s)), folded, rtol)


@pytest.mark.parametrize('d', [2, 10, 512])
@pytest.mark.parametrize('mean', [0.0, 1.0, 40.0])
def test_float32_keeps_the_digits_of_float64(d, mean):
  # Standard deviations from 1e-3 to 10 in one posterior, and one alone.
  rng = np.random.default_rng(d)
  direction = rng.normal(size=d)
  means = mean * direction / np.linalg.norm(direction)
  mixed = rng.uniform(math.log(1e-3), math.log(10), d)
  one = np.where(np.arange(d) == 0, math.log(10), math.log(1e-3))
  for log_std in (mixed, one, np.full(d, math.log(0.3))):
    for tau in (0.0, 3.0, 50.0):
      with jax.enable_x64(True):
        expected = float(kl(*_in('float64', means, log_std, tau)))
      value = kl(*_in('float32', means, log_std, tau))
      assert float(value) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize('d', [2, 5])
def test_quadrature_has_converged(d, monkeypatch):
  with jax.enable_x64(True):
    rng = np.random.default_rng(d)
    cases = []
    for scale in (0.0, 0.01, 1.0, 50.0):
      for spread in (0.0, 2.0):
        mean = scale * rng.normal(size=d)
        cases.append((mean, -1 + spread * rng.normal(size=d)))
    mean, log_std = (jnp.asarray(np.stack(x)) for x in zip(*cases, strict=True))
    value = gap(mean, log_std)
    nodes = tilting._nodes
    monkeypatch.setattr(tilting, '_nodes', lambda n: nodes(4 * n))
    converged = tilting.gap(mean, log_std)
    np.testing.assert_allclose(value, converged, 1e-10)


def test_where_kummer_functions_fail():
  # The reference that others use is infinite from (2, 15) on in float32 and at
  # tau = 50 in SciPy's float64; asymptotically, in d = 2,
  # Z = 1 + tau sqrt(2 pi) exp(tau^2 / 2) Phi(tau).
  for tau in (15.0, 50.0, 1000.0):
    expected = math.log(tau * math.sqrt(2 * math.pi))
    value = tilting.log_z_centred(2, jnp.float32(tau))
    assert float(value) == pytest.approx(expected, rel=1e-6)
  # Where d is large: by quadrature of the radius, in NumPy's float64.
  r = np.linspace(0, 120, 400_001)[1:]
  for d, tau in [(350, 50.0), (512, 0.0), (512, 1.0), (512, 50.0)]:
    log = (d - 1) * np.log(r) - 0.5 * (r - tau) ** 2
    top = log.max()
    weight = np.exp(log - top)
    integral = math.log(weight.sum() * (r[1] - r[0])) + top
    expected = integral - (d / 2 - 1) * math.log(2) - math.lgamma(d / 2)
    tau32 = jnp.float32(tau)
    assert float(tilting.log_z_centred(d, tau32)) == pytest.approx(
      expected, rel=1e-5, abs=1e-4
    )
    mean = (weight * r).sum() / weight.sum()
    assert float(tilting.mean_radius(d, tau32)) == pytest.approx(mean, rel=1e-5)
    spread = (weight * (r - mean) ** 2).sum() / weight.sum()
    variance = float(tilting.variance_radius(d, tau32))
    assert variance == pytest.approx(spread, rel=1e-4)


@pytest.mark.parametrize('d', [1, 2, 7, 100])
def test_no_tilt_is_a_standard_normal(d):
  with jax.enable_x64(True):
    rng = np.random.default_rng(d)
    mean, log_std = rng.normal(size=(2, 20, d))
    zero = jnp.asarray(0.0)
    value = kl(jnp.asarray(mean), jnp.asarray(log_std), zero)
    # [Kingma and Welling 2014, appendix B]
    each = 0.5 * (mean**2 + np.exp(2 * log_std) - 1) - log_std
    np.testing.assert_allclose(value, each.sum(-1), 1e-12)
    assert float(tilting.log_z_centred(d, zero)) == pytest.approx(0, abs=1e-13)
    density = stats.norm.logpdf(mean).sum(-1)
    np.testing.assert_allclose(
      tilting.log_prob(jnp.asarray(mean), zero), density, 1e-12
    )


@pytest.mark.parametrize('d', [1, 2, 10])
def test_mean_radius_is_the_slope_of_log_z(d):
  for tau in (0.1, 1.0, 5.0, 30.0):

    def log_z(t):
      return tilting.log_z_centred(d, t) + 0.5 * t**2

    slope = jax.grad(log_z)(jnp.float32(tau))
    assert float(slope) == pytest.approx(
      float(tilting.mean_radius(d, jnp.float32(tau))), rel=1e-5
    )


def test_gradients_against_differences():
  with jax.enable_x64(True):
    rng = np.random.default_rng(0)
    for d in (1, 3):
      mean, log_std = (jnp.asarray(x) for x in rng.normal(size=(2, d)))

      def total(x, d=d):
        return tilting.kl(x[:d], x[d : 2 * d], x[-1])

      x = jnp.concatenate([mean, log_std, jnp.array([3.0])])
      check_grads(total, (x,), order=1, modes=['fwd', 'rev'])


def test_gradients_are_finite():
  gradient = jax.jit(jax.grad(tilting.kl, argnums=(0, 1, 2)))
  for d in (1, 3):
    for mean in (0.0, 1e-20, 1e-3, 1e3, 1e6):
      for std in (1e-30, 1e-3, 1.0, 10.0, 1e9):
        for tau in (0.0, 3.0, 50.0):
          log_std = jnp.full(d, math.log(std), jnp.float32)
          parts = gradient(jnp.full(d, mean), log_std, jnp.float32(tau))
          for part in parts:
            assert jnp.isfinite(part).all(), (d, mean, std, tau)
  # By symmetry nothing pulls a mean of 0 anywhere.
  parts = gradient(jnp.zeros(2), jnp.zeros(2), jnp.float32(3.0))
  np.testing.assert_array_equal(parts[0], 0)


# d, tau: mu*, KL at mu*; 45 digits.
MINIMA = [
  (2, 1.7, 0.72311559, 0.76627729),
  (2, 3.0, 2.77554506, 1.47906750),
  (2, 5.0, 4.89182147, 2.01743983),
  (2, 10.0, 9.94909417, 2.71897185),
  (10, 20.0, 19.77285939, 17.51259413),
  (50, 10.0, 7.08846780, 26.16956992),
  (100, 30.0, 28.29901803, 114.47211898),
]


@pytest.mark.parametrize(('d', 'tau', 'best', 'least'), MINIMA)
def test_minimiser(d, tau, best, least):
  found = tilting.minimiser(d, jnp.float32(tau))
  assert float(found) == pytest.approx(best, rel=1e-5)
  mean = jnp.zeros(d).at[0].set(found)
  value = kl(mean, jnp.zeros(d), jnp.float32(tau))
  assert float(value) == pytest.approx(least, rel=1e-6)


@precisions
def test_all_oracles_of_the_minimiser(dtype, rtol):
  with jax.enable_x64(dtype == 'float64'):
    for entry in oracles.entries('tilted_mu_star'):
      d, (tau,) = entry['inputs']['d'], _in(dtype, entry['inputs']['tau'])
      best, least = entry['value'][:2]
      found = tilting.minimiser(d, tau)
      _close(found, best, rtol)
      mean = jnp.zeros(d, dtype).at[0].set(found)
      _close(kl(mean, jnp.zeros_like(mean), tau), least, rtol)
    for entry in oracles.entries('tau_crit'):
      d = entry['inputs']['d']
      below, above = _in(dtype, 0.999 * entry['value'], 1.001 * entry['value'])
      assert float(tilting.minimiser(d, below)) == 0
      assert float(tilting.minimiser(d, above)) > 0


@pytest.mark.parametrize(
  ('d', 'critical'),
  # sqrt(2) Gamma(d / 2 + 1) / Gamma((d + 1) / 2), 45 digits.
  [(1, 1.2533141373155), (2, 1.59576912160573), (100, 10.0250308583984)],
)
def test_below_the_critical_tilt_there_is_no_ring(d, critical):
  assert float(tilting.minimiser(d, jnp.float32(0.999 * critical))) == 0
  assert float(tilting.minimiser(d, jnp.float32(1.001 * critical))) > 0.01
  assert float(tilting.minimiser(d, jnp.float32(0.0))) == 0


def test_unit_variance_against_laguerre():
  # The paper's own formula, in float64 where SciPy's function has digits.
  for d, tau, mu in [(2, 3.0, 2.5), (5, 6.0, 1.0), (10, 8.0, 9.0)]:
    radius = math.sqrt(math.pi / 2) * special.eval_genlaguerre(
      0.5, d / 2 - 1, -(mu**2) / 2
    )
    kummer = special.hyp1f1(d / 2, 0.5, tau**2 / 2) + (
      tau
      * math.sqrt(2)
      * math.exp(math.lgamma((d + 1) / 2) - math.lgamma(d / 2))
      * special.hyp1f1((d + 1) / 2, 1.5, tau**2 / 2)
    )
    expected = math.log(kummer) + mu**2 / 2 - tau * radius
    mean = jnp.zeros(d).at[1].set(mu)
    value = kl(mean, jnp.zeros(d), jnp.float32(tau))
    assert float(value) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
  ('d', 'tau'),
  [(1, 0.0), (1, 2.0), (2, 0.0), (2, 10.0), (512, 30.0)],
)
def test_draws_have_the_radius_of_the_prior(d, tau):
  n = 20_000
  tau32 = jnp.float32(tau)
  z = np.asarray(tilting.sample(jax.random.key(1), (n,), d, tau32), np.float64)
  assert z.shape == (n, d) and np.isfinite(z).all()
  radius = np.linalg.norm(z, axis=-1)
  r = np.linspace(0, tau + math.sqrt(d) + 12, 200_001)[1:]
  log = (d - 1) * np.log(r) - 0.5 * (r - tau) ** 2
  weight = np.exp(log - log.max())
  weight /= weight.sum()
  mean = (weight * r).sum()
  variance = (weight * (r - mean) ** 2).sum()
  fourth = (weight * (r - mean) ** 4).sum()
  assert abs(radius.mean() - mean) < 5 * math.sqrt(variance / n)
  assert abs(radius.var() - variance) < 5 * math.sqrt(
    (fourth - variance**2) / n
  )
  # Kolmogorov and Smirnov: above this once in 8000 times.
  cdf = np.interp(np.sort(radius), r, np.cumsum(weight))
  assert np.abs(cdf - (np.arange(n) + 0.5) / n).max() < 2.2 / math.sqrt(n)
  # Of a uniform direction each coordinate has mean 0 and mean square 1 / d.
  unit = z / radius[:, None]
  assert np.abs(unit.mean(0)).max() < 5.5 / math.sqrt(n * d)
  assert abs((unit[:, 0] ** 2).mean() * d - 1) < 5 * math.sqrt(2 / n)


def test_under_vmap_and_jit():
  tau = jnp.array([0.0, 2.0, 10.0])
  mean, log_std = jnp.ones((3, 4, 2)), jnp.zeros((3, 4, 2))
  run = jax.jit(jax.vmap(tilting.kl))
  for i, value in enumerate(run(mean, log_std, tau)):
    alone = kl(mean[i], log_std[i], tau[i])
    np.testing.assert_allclose(value, alone, 1e-5)
  keys = jax.random.split(jax.random.key(0), 3)
  draw = jax.vmap(lambda k, t: tilting.sample(k, (5,), 2, t))
  for i, z in enumerate(draw(keys, tau)):
    alone = tilting.sample(keys[i], (5,), 2, tau[i])
    np.testing.assert_allclose(z, alone, 1e-5)
  best = jax.vmap(lambda t: tilting.minimiser(2, t))(tau)
  np.testing.assert_allclose(best, [0, 1.43034791, 9.94909417], rtol=1e-5)
