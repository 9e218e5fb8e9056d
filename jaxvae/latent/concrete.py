"""The Concrete distribution: a relaxed choice among k points without order.

[Maddison et al. 2017, "The Concrete distribution"; Jang et al. 2017,
"Categorical reparameterization with Gumbel-softmax"] A sample is the logarithm
of a place on the simplex, which float32 can hold however small an entry is
[Maddison et al., appendix C.3]; the decoder reads the place.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import gammaln

from jaxvae.latent.slot import Slot

# A label leaves this probability to the other points.
SPREAD = 0.01
# The logarithm of an entry that is 0, of which exp is 0.
_ABSENT = -1e4


class Posterior(NamedTuple):
  """A categorical distribution, of which samples are relaxed.

  Attributes:
    logits: `[..., k]`, natural logarithms of the probabilities, up to one
      constant.
  """

  logits: Array


def concrete(k: int, relaxation: float) -> Slot:
  """One latent that is one of k points; a sample lies on the simplex.

  Args:
    k: how many points.
    relaxation: temperature of the Concrete distribution, of posterior and
      prior; towards 0 samples are one-hot.
  """

  def draw(key, logits):
    noise = jax.random.gumbel(key, logits.shape, logits.dtype)
    return jax.nn.log_softmax((logits + noise) / relaxation, axis=-1)

  def kl(q, hyper, z=None, prior=None):
    """log q(z) - log p(z) at the sample z, both Concrete. `[..., 1]` nats."""
    del hyper, prior
    if z is None:
      raise ValueError('the KL of a Concrete posterior needs a sample z')
    return log_ratio(q, z, relaxation)[..., None]

  def log_prob(z, hyper, prior=None):
    del hyper, prior
    return log_density(z, jnp.zeros_like(z), relaxation)

  def sample_prior(key, shape, hyper, prior=None):
    del hyper, prior
    return draw(key, jnp.zeros((*shape, k)))

  return Slot(
    name=f'concrete({k})',
    topology='points',
    params_dim=k,
    sample_dim=k,
    code_dim=k,
    latents=1,
    posterior=Posterior,
    sample=lambda key, q: draw(key, q.logits),
    mean=lambda q: _corner(most_likely(q)),
    variance=variance,
    kl=kl,
    log_prob=log_prob,
    sample_prior=sample_prior,
    code=jnp.exp,
    chart=chart,
    move=lambda z, column, value: _corner(move(z, column, value)),
    span=(0.0, k - 1.0),
    divergence=divergence,
    average=average,
    label_kl=label_kl,
    classes=k,
  )


def log_density(log_z: Array, logits: Array, relaxation: float) -> Array:
  """Log-density on the simplex, of z, not of its logarithm, `[...]` nats.

  log Gamma(k) + (k - 1) log T + sum_j [logit_j - (T + 1) log z_j]
  - k log sum_j exp(logit_j) z_j^-T [Maddison et al. 2017, equation 10].

  Args:
    log_z: `[..., k]`, logarithms of positive numbers of sum 1.
    logits: `[..., k]`, up to one constant.
    relaxation: T.
  """
  k = log_z.shape[-1]
  scores = logits - relaxation * log_z
  return (
    jnp.sum(scores - log_z, axis=-1)
    - k * jax.nn.logsumexp(scores, axis=-1)
    + gammaln(float(k)).astype(log_z.dtype)
    + (k - 1) * math.log(relaxation)
  )


def log_ratio(q: Posterior, log_z: Array, relaxation: float) -> Array:
  """log q(z) - log p(z), p with equal logits, `[...]` nats.

  Its mean over samples z of q is the KL of the relaxed variables, which bounds
  the relaxed likelihood; that of the categorical variables does not.
  """
  log_p = jax.nn.log_softmax(q.logits, axis=-1)
  scores = -relaxation * log_z
  apart = jax.nn.logsumexp(scores, -1) - jax.nn.logsumexp(scores + log_p, -1)
  return jnp.sum(log_p, axis=-1) + log_z.shape[-1] * apart


def categorical_kl(q: Posterior) -> Array:
  """KL(categorical || uniform) = log k - H, exact. Returns `[...]` nats."""
  k = q.logits.shape[-1]
  return _kl(q, jnp.full_like(q.logits, -math.log(k)))


def divergence(q: Posterior, other: Posterior) -> Array:
  """KL(q || other) of the categorical variables, exact. `[..., 1]` nats."""
  return _kl(q, jax.nn.log_softmax(other.logits, axis=-1))[..., None]


def average(q: Posterior, other: Posterior, shared: Array) -> Posterior:
  """q with the mean of both probabilities where `shared` `[..., 1]`."""
  log_p = jax.nn.log_softmax(q.logits, axis=-1)
  log_r = jax.nn.log_softmax(other.logits, axis=-1)
  middle = jnp.logaddexp(log_p, log_r) - math.log(2)
  return Posterior(jnp.where(shared, middle, q.logits))


def label_kl(q: Posterior, label: Array, hyper=None, prior=None) -> Array:
  """KL(categorical || p_label), exact. Returns `[..., 1]` nats.

  p_label has 0.99 at the point `label` `[...]` and the rest on all others.
  """
  del hyper, prior
  k = q.logits.shape[-1]
  there = one_hot(label, q.logits) > 0
  rest = math.log(SPREAD / (k - 1))
  log_p = jnp.where(there, math.log1p(-SPREAD), rest).astype(q.logits.dtype)
  return _kl(q, log_p)[..., None]


def variance(q: Posterior) -> Array:
  """Variance of the number of the point, `[..., 1]`."""
  p = jax.nn.softmax(q.logits, axis=-1)
  number = _numbers(p)
  mean = jnp.sum(p * number, axis=-1, keepdims=True)
  return jnp.sum(p * (number - mean) ** 2, axis=-1, keepdims=True)


def move(z: Array, column: int, value: Array) -> Array:
  """The point whose number is nearest to `value`, one-hot."""
  del column
  value = jnp.clip(jnp.round(jnp.asarray(value, z.dtype)), 0, z.shape[-1] - 1)
  return one_hot(jnp.broadcast_to(value, z.shape[:-1]), z)


def most_likely(q: Posterior) -> Array:
  """The likeliest point, one-hot `[..., k]`."""
  return one_hot(jnp.argmax(q.logits, axis=-1), q.logits)


def chart(z: Array) -> Array:
  """The number of the largest entry, `[..., 1]`."""
  return jnp.argmax(z, axis=-1, keepdims=True).astype(z.dtype)


def one_hot(number: Array, like: Array) -> Array:
  """`[..., k]` of the type and size of `like` `[..., k]`; numbers `[...]`."""
  numbers = _numbers(like)
  return (numbers == number[..., None].astype(like.dtype)).astype(like.dtype)


def _kl(q, log_p):
  """KL from the categorical q to log-probabilities `[..., k]`; `[...]`."""
  log_q = jax.nn.log_softmax(q.logits, axis=-1)
  return jnp.sum(jnp.exp(log_q) * (log_q - log_p), axis=-1)


def _corner(point):
  """Logarithm of a one-hot place `[..., k]`, of finite numbers."""
  return jnp.where(point > 0, 0.0, _ABSENT).astype(point.dtype)


def _numbers(like):
  numbers = jnp.arange(like.shape[-1], dtype=like.dtype)
  return numbers.reshape((1,) * (like.ndim - 1) + (-1,))
