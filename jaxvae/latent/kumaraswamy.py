"""A posterior with two ends: the Kumaraswamy distribution on a segment.

On [0, 1] its distribution function is 1 - (1 - x^a)^b [Kumaraswamy 1980; as a
posterior Nalisnick and Smyth 2017, "Stick-breaking variational autoencoders"].
a = b = 1 is uniform, so an unused latent can reach a KL of 0.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import digamma, log_ndtr

from jaxvae.latent.numerics import along, log1mexp
from jaxvae.latent.slot import Slot

EULER = 0.5772156649015329
LOG_LOG_2 = math.log(math.log(2))

# a is from exp(-_FLATTEST), almost all at the two ends, to exp(_STEEPEST): a
# posterior of 1/3000 of the segment.
_FLATTEST, _STEEPEST = 3.0, 8.0
# Nodes v of integrals over a standard exponential number E = exp(v): its
# density in v is exp(v - e^v), and the trapezium rule converges like
# exp(-constant / step): to 1e-10 at the least a, to 1e-12 from a = 0.4.
_NODES = np.arange(-30.0, 4.0, 0.2)
_WEIGHTS = np.exp(_NODES - np.exp(_NODES))
_WEIGHTS /= _WEIGHTS.sum()


class Posterior(NamedTuple):
  """A Kumaraswamy distribution of x in [0, 1], z = L (2 x - 1).

  Attributes:
    log_a: `[..., 1]`.
    log_b: `[..., 1]`; up to millions, so b itself is never computed.
  """

  log_a: Array
  log_b: Array


def kumaraswamy(length: float, anchor: float) -> Slot:
  """One latent on [-length, length], the prior uniform.

  Args:
    length: L.
    anchor: standard deviation of the prior of a labelled image, in units of L.
  """

  def place(x):
    return length * (2 * x - 1)

  def log_prob(z, hyper, prior=None):
    del hyper, prior
    inside = jnp.abs(z[..., 0]) <= length
    level = jnp.full_like(z[..., 0], -math.log(2 * length))
    return jnp.where(inside, level, -jnp.inf)

  def sample_prior(key, shape, hyper, prior=None):
    del hyper, prior
    flat = jax.random.uniform(key, (*shape, 1), minval=-1.0)
    return length * flat

  def told(q, label, hyper=None, prior=None):
    del hyper, prior
    return label_kl(q, label, anchor)

  return Slot(
    name='segment(kumaraswamy)',
    topology='segment',
    params_dim=2,
    sample_dim=1,
    code_dim=1,
    latents=1,
    posterior=posterior,
    sample=lambda key, q: place(sample(key, q)),
    mean=lambda q: place(moments(q)[0]),
    variance=lambda q: 4 * moments(q)[1],
    kl=kl,
    log_prob=log_prob,
    sample_prior=sample_prior,
    code=lambda z: z / length,
    chart=lambda z: z / length,
    move=lambda z, column, value: z.at[..., column].set(length * value),
    span=(-1.0, 1.0),
    divergence=divergence,
    average=average,
    label_kl=told,
  )


def posterior(params: Array) -> Posterior:
  """`[..., 2]` -> Posterior: the logit of the median, and how steep.

  The median and a, not a and b: to be narrow at a place both must grow, b like
  exp(a), in a ratio that is the place. At (0, 0) it is uniform.
  """
  logit, steep = params[..., :1], params[..., 1:]
  bound = jnp.where(steep < 0, _FLATTEST, _STEEPEST)
  log_a = bound * jnp.tanh(steep / bound)
  # log(-log median) = log softplus(-logit).
  tiny = logit > 15.0
  soft = jax.nn.softplus(-jnp.where(tiny, 0.0, logit))
  return _with_median(log_a, jnp.where(tiny, -logit, jnp.log(soft)))


def sample(key: Array, q: Posterior) -> Array:
  """x in [0, 1], `[..., 1]`; differentiable in q."""
  noise = jax.random.exponential(key, q.log_a.shape, q.log_a.dtype)
  tiny = jnp.finfo(noise.dtype).tiny
  return jnp.exp(_log_quantile(q, jnp.log(jnp.maximum(noise, tiny))))


def quantile(q: Posterior, u: Array) -> Array:
  """(1 - (1 - u)^(1/b))^(1/a), x `[..., 1]` below which a part u of q lies."""
  return jnp.exp(_log_quantile(q, jnp.log(-jnp.log1p(-u))))


def kl(q: Posterior, hyper=None, z=None, prior=None) -> Array:
  """KL(q || uniform), exact. Returns `[..., 1]` nats; L does not matter.

  log(a b) - 1 + 1 / b - (1 - 1 / a) (Euler's constant + digamma(b + 1))
  [Nalisnick and Smyth 2017, equation 9, with digamma(b) + 1/b contracted].
  """
  del hyper, z, prior
  # digamma(b + 1) is log b + 1 / (2 b) where b would be out of range.
  huge = q.log_b > 30.0
  b = jnp.exp(jnp.where(huge, 0.0, q.log_b))
  harmonic = EULER + jnp.where(huge, q.log_b, digamma(b + 1))
  return (
    (q.log_a + q.log_b) + jnp.expm1(-q.log_b) + jnp.expm1(-q.log_a) * harmonic
  )


def moments(q: Posterior) -> tuple[Array, Array]:
  """Mean and variance of x, `[..., 1]` each, to 1e-10 by quadrature.

  Not by Beta functions, whose difference is no variance in float32.
  """
  x = jnp.exp(_at_nodes(q)[1])
  weight = along(_WEIGHTS, x)
  mean = jnp.sum(weight * x, axis=-1, keepdims=True)
  return mean, jnp.sum(weight * (x - mean) ** 2, axis=-1, keepdims=True)


def divergence(q: Posterior, other: Posterior) -> Array:
  """KL(q || other), by quadrature, `[..., 1]` nats."""
  exponential, log_x = _at_nodes(q)
  ratio = jnp.exp(-q.log_b) * exponential
  log_density = q.log_a + q.log_b + jnp.expm1(q.log_a) * log_x
  # (b - 1) log(1 - x^a), and log(1 - x^a) = -E / b.
  log_density += ratio - exponential
  # 0 only by rounding, where x is next to 1.
  power = jnp.minimum(jnp.exp(other.log_a) * log_x, -1e-30)
  log_other = other.log_a + other.log_b + jnp.expm1(other.log_a) * log_x
  log_other += jnp.expm1(other.log_b) * log1mexp(power)
  weight = along(_WEIGHTS, log_x)
  return jnp.sum(weight * (log_density - log_other), axis=-1, keepdims=True)


def average(q: Posterior, other: Posterior, shared: Array) -> Posterior:
  """q with the mean of both medians, and of both log a, where `shared`."""
  middle = [
    _log_quantile(p, jnp.full_like(p.log_a, LOG_LOG_2)) for p in (q, other)
  ]
  log_median = jnp.logaddexp(*middle) - math.log(2)
  log_a = 0.5 * (q.log_a + other.log_a)
  both = _with_median(log_a, jnp.log(jnp.maximum(-log_median, 1e-12)))
  return Posterior(
    jnp.where(shared, both.log_a, q.log_a),
    jnp.where(shared, both.log_b, q.log_b),
  )


def label_kl(q: Posterior, label: Array, anchor: float) -> Array:
  """KL(q || N(label, anchor^2) cut to [-1, 1]), exact. `[..., 1]` nats.

  Args:
    q: the posterior.
    label: `[...]` from -1 to 1.
    anchor: standard deviation in units of L, where the segment is [-1, 1].
  """
  mean, variance = moments(q)
  label = label[..., None]
  square = 4 * variance + (2 * mean - 1 - label) ** 2
  # Of the Gaussian's mass the part on the segment; more than half of it.
  right = log_ndtr((1 - label) / anchor)
  mass = right + log1mexp(log_ndtr((-1 - label) / anchor) - right)
  log_scale = 0.5 * math.log(2 * math.pi) + math.log(anchor) + mass
  return kl(q) - math.log(2) + 0.5 * square / anchor**2 + log_scale


def _with_median(log_a, log_rate):
  """Of that a, and of the median m with log(-log m) = log_rate."""
  # 1/2 = (1 - m^a)^b, so b = log 2 / -log(1 - m^a).
  return Posterior(log_a, LOG_LOG_2 - _flip(log_a + log_rate))


def _log_quantile(q, log_exponential):
  """log x where -log(1 - u) is exp(log_exponential)."""
  y = log_exponential - q.log_b
  # log(1 - exp(-u)), u = e^y, which is y - u / 2 + u^2 / 24 for small u.
  small = y < -7.0
  clear = jnp.exp(jnp.minimum(jnp.where(small, 0.0, y), 80.0))
  u = jnp.exp(jnp.where(small, y, -7.0))
  short = y - u / 2 + u**2 / 24
  return jnp.where(small, short, log1mexp(-clear)) * jnp.exp(-q.log_a)


def _at_nodes(q):
  """E, and log x of that quantile, at the nodes `[..., n]`."""
  nodes = along(_NODES, q.log_a)
  return jnp.exp(nodes), _log_quantile(q, nodes)


def _flip(w):
  """log(-log(1 - exp(-e^w))), its own inverse."""
  low, high = w < -7.0, w > 3.0
  # As in `_log_quantile` to the left; log(x + x^2 / 2) to the right, of x =
  # exp(-e^w).
  tiny = jnp.exp(jnp.where(low, w, -7.0))
  left = jnp.log(-jnp.where(low, w, -7.0) + tiny / 2 - tiny**2 / 24)
  big = jnp.exp(jnp.where(high, w, 3.0))
  right = -big + 0.5 * jnp.exp(-big)
  middle = jnp.exp(jnp.where(low | high, 0.0, w))
  centre = jnp.log(-log1mexp(-middle))
  return jnp.where(low, left, jnp.where(high, right, centre))
