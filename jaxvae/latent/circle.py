"""Distributions of an angle: densities, divergences, exact sampling.

All are symmetric about a mean angle and have one `log_std`, the logarithm of a
scale s that is their standard deviation in radians as long as that is small
(and the half width of a wrapped Cauchy). As s grows they become uniform.
Divergences are in nats, angles in radians; densities are per radian.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import i0e

LOG_2PI = math.log(2 * math.pi)

# Up to here the normal distribution's own formula is the wrapped one's: 4e-14
# of it are farther than pi from the mean.
_NARROW = 0.4
# Beyond this one Fourier series is shorter than the sum over turns.
_BROAD = 1.8
# A power spherical distribution this narrow is as good as a point.
_LEAST = math.log(1e-5)


class Family(NamedTuple):
  """What a kind of distribution brings, as functions of `log_std` `[...]`.

  Attributes:
    sample: (key, log_std) -> angles from 0, reparameterised, exact.
    log_prob: (angle from the mean, log_std) -> nats per radian.
    kl: log_std -> divergence from the uniform distribution, exact.
    shortfall: log_std -> 1 - R, where R = E cos(angle from the mean).
    variance: log_std -> -2 log R, which is s^2 for small s.
  """

  sample: Callable[[Array, Array], Array]
  log_prob: Callable[[Array, Array], Array]
  kl: Callable[[Array], Array]
  shortfall: Callable[[Array], Array]
  variance: Callable[[Array], Array]


@jax.custom_jvp
def angle(x: Array, y: Array) -> Array:
  """The angle of the point (x, y), from -pi to pi, with a gradient everywhere.

  The true gradient is one over the distance from the origin; within 0.01 of the
  origin, where an angle means nothing, it falls to 0 instead.
  """
  return jnp.arctan2(y, x)


@angle.defjvp
def _angle_jvp(primals, tangents):
  (x, y), (dx, dy) = primals, tangents
  square = x**2 + y**2 + 1e-4
  return angle(x, y), x / square * dy - y / square * dx


def wrap(x: Array) -> Array:
  """The same angle from -pi to pi."""
  return x - 2 * jnp.pi * jax.lax.stop_gradient(jnp.round(x / (2 * jnp.pi)))


def wrapped_normal_log_prob(x: Array, log_std: Array) -> Array:
  """log density at an angle x from the mean, `[...]` nats per radian."""
  x, log_std = jnp.broadcast_arrays(wrap(x), log_std)
  broad = log_std > math.log(_BROAD)
  narrow_std = jnp.where(broad, 0.0, log_std)
  turns = 2 * np.pi * np.arange(-3, 4).reshape((-1,) + (1,) * x.ndim)
  turned = x[None] + jnp.asarray(turns, x.dtype)
  distance = turned * jnp.exp(-narrow_std)[None]
  total = jax.nn.logsumexp(-0.5 * distance**2, axis=0)
  near = total - narrow_std - 0.5 * LOG_2PI
  n = np.arange(1, 6).reshape((-1,) + (1,) * x.ndim)
  n = jnp.asarray(n, x.dtype)
  variance = _variance(jnp.where(broad, log_std, 1.0))
  waves = jnp.exp(-0.5 * n**2 * variance[None]) * jnp.cos(n * x[None])
  return jnp.where(broad, jnp.log1p(2 * jnp.sum(waves, 0)) - LOG_2PI, near)


def wrapped_normal_kl(log_std: Array) -> Array:
  """Divergence from uniform, exact, `[...]` nats, with its relative digits.

  Up to 0.4 rad the normal distribution's; above, with q = exp(-s^2), the sum of
  log(1 - q^n) over n and 2 (-1)^(k+1) / k q^(k (k+1) / 2) / (1 - q^k) over k,
  from the logarithm of Jacobi's triple product.
  """
  narrow = log_std < math.log(_NARROW)
  gaussian = 0.5 * LOG_2PI - 0.5 - log_std
  t = _variance(jnp.where(narrow, 0.0, log_std))
  count = 22 if t.dtype == jnp.float64 else 16
  k = np.arange(1, count + 1).reshape((-1,) + (1,) * t.ndim)
  sign = jnp.asarray(2 * (-1.0) ** (k + 1) / k, t.dtype)
  power = jnp.asarray(0.5 * k * (k + 1), t.dtype)
  k = jnp.asarray(k, t.dtype)
  terms = sign * jnp.exp(-power * t[None]) / -jnp.expm1(-k * t[None])
  return jnp.where(narrow, gaussian, _log_euler(t) + jnp.sum(terms, axis=0))


def power_spherical_log_prob(x: Array, log_std: Array) -> Array:
  """log density at an angle x from the mean, `[...]` nats per radian.

  Proportional to (1 + cos x)^kappa with kappa = 2 / s^2, which for small s is
  normal [De Cao and Aziz 2020, "The power spherical distribution", eq. 7].
  """
  kappa = _kappa(log_std)
  # log((1 + cos x) / 2), to all digits near 0, where kappa is large.
  below = jnp.sin(0.5 * x) ** 2
  away = jnp.maximum(jnp.cos(0.5 * x) ** 2, jnp.finfo(x.dtype).tiny)
  height = jnp.where(
    below < 0.5, jnp.log1p(-jnp.minimum(below, 0.5)), jnp.log(away)
  )
  return kappa * height + _log_gamma_ratio(kappa) - math.log(2 * math.pi**0.5)


def power_spherical_kl(log_std: Array) -> Array:
  """Divergence from uniform, exact, `[...]` nats [eq. 12, in other terms].

  1/2 log pi + D - kappa D', D = log Gamma(kappa + 1) / Gamma(kappa + 1/2).
  """
  kappa = _kappa(log_std)
  ones = jnp.ones_like(kappa)
  value, slope = jax.jvp(_log_gamma_ratio, (kappa,), (ones,))
  # Below the least s that `_kappa` knows, a normal distribution's slope.
  beyond = jnp.minimum(log_std - _LEAST, 0.0)
  return 0.5 * math.log(math.pi) + value - kappa * slope - beyond


def power_spherical_sample(key: Array, log_std: Array) -> Array:
  """Angles from the mean, `[...]`, exact and reparameterised.

  (1 + cos x) / 2 is Beta(kappa + 1/2, 1/2), so that tan(x / 2) is a normal
  number over the root of twice a Gamma(kappa + 1/2) one.
  """
  key_normal, key_gamma = jax.random.split(key)
  normal = jax.random.normal(key_normal, log_std.shape, log_std.dtype)
  gamma = jax.random.gamma(
    key_gamma, _kappa(log_std) + 0.5, dtype=log_std.dtype
  )
  # Never 0, for a gradient without NaN.
  gamma = gamma + jnp.finfo(gamma.dtype).eps
  return 2 * jnp.arctan(normal * jax.lax.rsqrt(2 * gamma))


def wrapped_cauchy_log_prob(x: Array, log_std: Array) -> Array:
  """log density at an angle x from the mean, `[...]` nats per radian.

  (1 - r^2) / (2 pi (1 + r^2 - 2 r cos x)) with r = exp(-s) [Mardia and Jupp
  1999, "Directional statistics", section 3.5.7].
  """
  shape = _cauchy_distance(jnp.exp(log_std), x)
  return -wrapped_cauchy_kl(log_std) - jnp.log(shape) - LOG_2PI


def wrapped_cauchy_kl(log_std: Array) -> Array:
  """Divergence from uniform, exact: -log(1 - r^2), `[...]` nats."""
  tiny = log_std < -18.0
  s = jnp.exp(jnp.where(tiny, 0.0, log_std))
  # Where s may be 0, log 2 s.
  near = -math.log(2.0) - log_std
  return jnp.where(tiny, near, -jnp.log(-jnp.expm1(-2 * s)))


def wrapped_cauchy_sample(key: Array, log_std: Array) -> Array:
  """Angles from the mean, `[...]`, exact and reparameterised."""
  noise = jax.random.cauchy(key, log_std.shape, log_std.dtype)
  return 2 * jnp.arctan(jnp.tanh(0.5 * jnp.exp(log_std)) * noise)


def wrapped_cauchy_divergence(
  log_std: Array, other: Array, away: Array
) -> Array:
  """KL(q || other), exact, `[...]` nats; `away` is between their means.

  log |1 - r r' exp(i away)|^2 / ((1 - r^2) (1 - r'^2)): the logarithm of the
  other's density is harmonic in the disc, so that its mean under q is its value
  at the point that q stands for.
  """
  apart = _cauchy_distance(jnp.exp(log_std) + jnp.exp(other), away)
  return jnp.log(apart) + wrapped_cauchy_kl(log_std) + wrapped_cauchy_kl(other)


def von_mises_kl(
  kl: Array, shortfall: Array, away: Array, kappa: Array
) -> Array:
  """KL(q || von Mises), exact, `[...]` nats.

  The density of the other is exp(kappa cos x) / (2 pi I0(kappa)).

  Args:
    kl: `[...]`, of q from the uniform distribution.
    shortfall: `[...]`, 1 - R of q.
    away: `[...]`, the angle between the two means.
    kappa: `[...]`, or a number.
  """
  # 1 - R cos(away), without taking close numbers from each other.
  less = shortfall + 2 * (1 - shortfall) * jnp.sin(0.5 * away) ** 2
  return kl + kappa * less + jnp.log(i0e(kappa))


def concentration(shortfall: Array) -> Array:
  """kappa of the von Mises with this 1 - R, to 8 % [Banerjee et al. 2005]."""
  r = 1 - shortfall
  return r * (2 - r**2) / (shortfall * (2 - shortfall))


def _cauchy_distance(s: Array, away: Array) -> Array:
  """|1 - exp(-s + i away)|^2, but never 0."""
  apart = jnp.expm1(-s) ** 2 + 4 * jnp.exp(-s) * jnp.sin(0.5 * away) ** 2
  return apart + jnp.finfo(apart.dtype).tiny


def _variance(log_std: Array) -> Array:
  """s^2, but at most 1000, where all is uniform; for a gradient of 0 there."""
  return jnp.exp(2 * jnp.minimum(log_std, 0.5 * math.log(1000.0)))


def _kappa(log_std: Array) -> Array:
  return 2 * jnp.exp(-2 * jnp.maximum(log_std, _LEAST))


def _log_euler(t: Array) -> Array:
  """Sum of log(1 - exp(-n t)) over n = 1, 2, ..., for t from 0.1 on.

  By the pentagonal number theorem, and for t < 2 by the functional equation of
  Dedekind's eta.
  """
  small = t < 2
  low = jnp.where(small, t, 1.0)
  mirrored = jnp.exp(-4 * math.pi**2 / low)
  near = (
    0.5 * jnp.log(2 * math.pi / low)
    + low / 24
    - math.pi**2 / (6 * low)
    + jnp.log1p(-mirrored)
    + jnp.log1p(-(mirrored**2))
  )
  q = jnp.exp(-jnp.where(small, 2.0, t))
  far = -q - q**2 + q**5 + q**7 - q**12 - q**15 + q**22
  return jnp.where(small, near, jnp.log1p(far))


def _log_gamma_ratio(x: Array) -> Array:
  """log Gamma(x + 1) - log Gamma(x + 1/2) for x from 0 on, with its digits."""
  shift = 8
  j = np.arange(shift).reshape((-1,) + (1,) * x.ndim)
  below = jnp.log1p(-0.5 / (x[None] + jnp.asarray(j + 1.0, x.dtype)))
  n = x + (shift + 0.25)
  u = 1 / n**2
  # Stirling's series of the quotient, even about x = -1/4.
  tail = jnp.zeros_like(n)
  for c in (50521 / 20971520, -1385 / 1048576, 61 / 49152, -5 / 2048, 1 / 64):
    tail = u * (c + tail)
  return 0.5 * jnp.log(n) + tail + jnp.sum(below, axis=0)


FAMILIES = {
  'wrapped_normal': Family(
    sample=lambda key, log_std: (
      jnp.exp(log_std) * jax.random.normal(key, log_std.shape, log_std.dtype)
    ),
    log_prob=wrapped_normal_log_prob,
    kl=wrapped_normal_kl,
    shortfall=lambda log_std: -jnp.expm1(-0.5 * _variance(log_std)),
    variance=lambda log_std: jnp.exp(2 * log_std),
  ),
  'power_spherical': Family(
    sample=power_spherical_sample,
    log_prob=power_spherical_log_prob,
    kl=power_spherical_kl,
    shortfall=lambda log_std: 1 / (1 + _kappa(log_std)),
    variance=lambda log_std: 2 * jnp.log1p(1 / _kappa(log_std)),
  ),
  'wrapped_cauchy': Family(
    sample=wrapped_cauchy_sample,
    log_prob=wrapped_cauchy_log_prob,
    kl=wrapped_cauchy_kl,
    shortfall=lambda log_std: -jnp.expm1(-jnp.exp(log_std)),
    variance=lambda log_std: 2 * jnp.exp(log_std),
  ),
}
