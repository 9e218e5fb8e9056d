"""A latent that is an angle: a closed loop with a uniform prior.

Intrinsic loops have posteriors on the circle itself, whose mathematics is in
`jaxvae.latent.circle`. The ambient one is a Gaussian in the plane, and its
prior a ring; that mathematics is in `jaxvae.latent.tilting`.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxvae import ranges
from jaxvae.latent import circle, gaussian, tilting
from jaxvae.latent.slot import Slot

KINDS = (*circle.FAMILIES, 'ambient')

# A fresh network begins near this standard deviation (of the angle, or of the
# ambient coordinates over the radius).
_START = 0.5
# No angle's is above this one. There 2e-5 nats are left (3e-7 of a wrapped
# Cauchy), nothing, and yet a mean resultant of 0.004, a gradient: a posterior
# that gave up early, while the likelihood was coarse, can come back. With 32
# most of a product of loops stayed lost.
_MOST = {'wrapped_normal': 3.3, 'power_spherical': 20.0, 'wrapped_cauchy': 7.5}


class Posterior(NamedTuple):
  """An angle that is known more or less well.

  Attributes:
    angle: `[..., 1]` radians, from -pi to pi.
    log_std: `[..., 1]`, logarithm of the scale, in radians.
  """

  angle: Array
  log_std: Array


def loop(
  kind: str | None = None,
  tau: float | None = None,
  radius: float = 1.0,
  anchor: float = 0.1,
) -> Slot:
  """One angle, from -pi to pi.

  Args:
    kind: of posterior: 'wrapped_normal' (as if none is given),
      'power_spherical' or 'wrapped_cauchy', where a sample is the angle, the
      decoder reads (cos, sin) and an unused latent costs nothing; or 'ambient'
      (as if `tau` is given), where a sample is a point of the plane, the prior
      is exp(-(|z| - radius)^2 / (2 s^2)), normalised, with s = radius / tau,
      and the decoder reads z / radius.
    tau: radius over width of the ambient ring. Below about 4 the cheapest
      posterior is a blob in its middle.
    radius: of the ambient ring.
    anchor: standard deviation, in radians, of the prior of an intrinsic loop
      that is told its angle; it is a von Mises distribution. That of the
      ambient one is N(radius (cos, sin), s^2).

  Raises:
    ValueError: an argument is not allowed, or does not fit the kind.
  """
  if kind is None:
    kind = 'wrapped_normal' if tau is None else 'ambient'
  ranges.one_of('kind', kind, KINDS)
  for name, value in (('radius', radius), ('anchor', anchor)):
    ranges.real(name, value, ranges.LOW, ranges.HIGH)
  if kind == 'ambient':
    ranges.real('tau', tau, ranges.LOW, ranges.HIGH)
    return _ambient(tau, radius)
  if tau is not None or radius != 1:
    raise ValueError(
      f'kind={kind!r} with tau={ranges.shown(tau)}, radius={radius!r};'
      ' allowed: neither'
    )
  return _intrinsic(kind, anchor)


def _intrinsic(kind: str, anchor: float) -> Slot:
  family, most = circle.FAMILIES[kind], _MOST[kind]

  def posterior(params: Array) -> Posterior:
    x, y, raw = jnp.split(params, 3, axis=-1)
    # A smooth minimum of both.
    short = math.log(most / _START) - 0.5 * raw
    log_std = math.log(most) - jax.nn.softplus(short)
    return Posterior(circle.angle(x, y), log_std)

  def sample(key, q):
    return circle.wrap(q.angle + family.sample(key, q.log_std))

  def kl(q, hyper=None, z=None, prior=None):
    """KL(q || uniform), exact, at any temperature. Returns `[..., 1]` nats."""
    del hyper, z, prior
    return family.kl(q.log_std)

  def log_prob(z, hyper=None, prior=None):
    del hyper, prior
    return jnp.full_like(z[..., 0], -circle.LOG_2PI)

  def sample_prior(key, shape, hyper=None, prior=None):
    del hyper, prior
    return jax.random.uniform(key, (*shape, 1), minval=-jnp.pi, maxval=jnp.pi)

  def divergence(q, other):
    """KL(q || other), `[..., 1]` nats; exact for the wrapped Cauchy.

    Otherwise the other one is taken for the von Mises distribution that has its
    mean resultant; q against itself gives at most 0.04.
    """
    away = q.angle - other.angle
    if kind == 'wrapped_cauchy':
      return circle.wrapped_cauchy_divergence(q.log_std, other.log_std, away)
    kappa = circle.concentration(family.shortfall(other.log_std))
    shortfall = family.shortfall(q.log_std)
    return circle.von_mises_kl(kl(q), shortfall, away, kappa)

  def label_kl(q, label, hyper=None, prior=None):
    """KL(q || von Mises about the label), exact. Returns `[..., 1]` nats."""
    del hyper, prior
    away = q.angle - label[..., None]
    kappa = jnp.asarray(anchor**-2, away.dtype)
    return circle.von_mises_kl(kl(q), family.shortfall(q.log_std), away, kappa)

  name = '' if kind == 'wrapped_normal' else f'kind={kind!r}'
  if anchor != 0.1:
    name = f'{name}, anchor={anchor:g}' if name else f'anchor={anchor:g}'
  return Slot(
    name=f'loop({name})' if name else 'loop',
    topology='loop',
    params_dim=3,
    sample_dim=1,
    code_dim=2,
    latents=1,
    posterior=posterior,
    sample=sample,
    mean=lambda q: q.angle,
    variance=lambda q: family.variance(q.log_std),
    kl=kl,
    log_prob=log_prob,
    sample_prior=sample_prior,
    code=lambda z: jnp.concatenate([jnp.cos(z), jnp.sin(z)], axis=-1),
    chart=circle.wrap,
    move=lambda z, column, value: jnp.broadcast_to(value[..., None], z.shape),
    span=(-math.pi, math.pi),
    divergence=divergence,
    average=_average_angles,
    label_kl=label_kl,
  )


def _ambient(tau: float, radius: float) -> Slot:
  def ring(hyper, dtype):
    """Width s, and radius over width, both at this temperature."""
    root = jnp.sqrt(jnp.asarray(hyper.temperature, dtype))
    return radius / tau * root, tau / root

  def posterior(params: Array) -> gaussian.Posterior:
    mean, raw = jnp.split(params, 2, axis=-1)
    log_std = 0.5 * raw + math.log(_START * radius)
    return gaussian.Posterior(radius * mean, log_std)

  def kl(q, hyper, z=None, prior=None):
    """KL(q || ring), exact. Returns `[..., 1]` nats."""
    del z, prior
    width, tilt = ring(hyper, q.mean.dtype)
    log_std = q.log_std - jnp.log(width)
    return tilting.kl(q.mean / width, log_std, tilt)[..., None]

  def log_prob(z, hyper, prior=None):
    del prior
    width, tilt = ring(hyper, z.dtype)
    return tilting.log_prob(z / width, tilt) - 2 * jnp.log(width)

  def sample_prior(key, shape, hyper, prior=None):
    del prior
    width, tilt = ring(hyper, float)
    return width * tilting.sample(key, shape, 2, tilt)

  def variance(q):
    """Of the mean's step along the ring, in units of the radius: rad^2."""
    x, y = _split(_direction(q.mean))
    of_x, of_y = _split(jnp.exp(2 * q.log_std))
    return (of_x * y**2 + of_y * x**2) / radius**2

  def label_kl(q, label, hyper, prior=None):
    """KL(q || N(radius (cos, sin) of the label, s^2)), exact, `[..., 1]`."""
    del prior
    width, _ = ring(hyper, q.mean.dtype)
    mean = radius * _point(label[..., None])
    target = gaussian.Posterior(mean, jnp.full_like(mean, jnp.log(width)))
    return divergence(q, target)

  def divergence(q, other):
    """KL(q || other) of both Gaussians, exact. Returns `[..., 1]` nats."""
    each = gaussian.divergence(q, other)
    return jnp.sum(each, axis=-1, keepdims=True)

  radius_text = '' if radius == 1 else f', radius={radius:g}'
  return Slot(
    name=f'loop(tau={tau:g}{radius_text})',
    topology='loop',
    params_dim=4,
    sample_dim=2,
    code_dim=2,
    latents=1,
    posterior=posterior,
    sample=gaussian.sample,
    mean=lambda q: q.mean,
    variance=variance,
    kl=kl,
    log_prob=log_prob,
    sample_prior=sample_prior,
    code=lambda z: z / radius,
    chart=lambda z: circle.angle(*_split(z)),
    move=lambda z, column, value: jnp.broadcast_to(
      radius * _point(value[..., None]), z.shape
    ),
    span=(-math.pi, math.pi),
    divergence=divergence,
    average=_average_points,
    label_kl=label_kl,
  )


def _average_angles(q: Posterior, other: Posterior, shared: Array) -> Posterior:
  """The angle halfway along the shorter arc, and the mean of both s^2.

  Where `shared` `[..., 1]`; elsewhere q.
  """
  x, y = _split(_point(q.angle) + _point(other.angle))
  log_std = _log_average(q.log_std, other.log_std)
  return Posterior(
    jnp.where(shared, circle.angle(x, y), q.angle),
    jnp.where(shared, log_std, q.log_std),
  )


def _average_points(
  q: gaussian.Posterior, other: gaussian.Posterior, shared: Array
) -> gaussian.Posterior:
  """Angle and radius halfway, along the ring, and the mean of both variances.

  Where `shared` `[..., 1]`; elsewhere q.
  """
  middle = _direction(_direction(q.mean) + _direction(other.mean))
  length = 0.5 * (tilting.norm(q.mean) + tilting.norm(other.mean))
  log_std = _log_average(q.log_std, other.log_std)
  return gaussian.Posterior(
    jnp.where(shared, length[..., None] * middle, q.mean),
    jnp.where(shared, log_std, q.log_std),
  )


def _log_average(log_std: Array, other: Array) -> Array:
  """Logarithm of the root of the mean of two variances."""
  return 0.5 * (jnp.logaddexp(2 * log_std, 2 * other) - math.log(2.0))


def _direction(z: Array) -> Array:
  """z `[..., 2]` over its length, of which a tiny bit more is taken."""
  square = jnp.sum(z**2, axis=-1, keepdims=True)
  return z * jax.lax.rsqrt(square + 1e-12)


def _point(angle: Array) -> Array:
  """Angles `[..., 1]` -> points of the unit circle `[..., 2]`."""
  return jnp.concatenate([jnp.cos(angle), jnp.sin(angle)], axis=-1)


def _split(z: Array) -> tuple[Array, Array]:
  """`[..., 2]` -> x and y, both `[..., 1]`."""
  return z[..., :1], z[..., 1:]
