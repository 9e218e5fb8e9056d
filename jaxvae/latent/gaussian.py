"""Independent Gaussian latents with a standard normal prior.

[Kingma and Welling 2014, appendix B]
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxvae import ranges
from jaxvae.latent.slot import Slot

LOG_2PI = 1.8378770664093453  # log(2 pi)


class Posterior(NamedTuple):
  """A diagonal Gaussian.

  Attributes:
    mean: `[..., d]`.
    log_std: `[..., d]`, the natural logarithm of the standard deviation.
  """

  mean: Array
  log_std: Array


def gaussian(latents: int, scale: str = 'log_variance') -> Slot:
  """`latents` independent coordinates, each with the prior N(0, 1).

  Args:
    latents: how many.
    scale: what the encoder's second half means: 'log_variance', or 'softplus',
      where the standard deviation is softplus of it.

  Raises:
    ValueError: either argument is not allowed.
  """
  ranges.whole('latents', latents, 1, ranges.LATENTS)
  ranges.one_of('scale', scale, SCALES)
  log_std = SCALES[scale]

  def posterior(params: Array) -> Posterior:
    mean, raw = jnp.split(params, 2, axis=-1)
    return Posterior(mean, log_std(raw))

  def sample_prior(key, shape, hyper, prior=None):
    del hyper, prior
    return jax.random.normal(key, (*shape, latents))

  def log_prob(z, hyper, prior=None):
    del hyper, prior
    return -0.5 * jnp.sum(z**2 + LOG_2PI, axis=-1)

  suffix = '' if scale == 'log_variance' else f', scale={scale!r}'
  return Slot(
    name=f'gaussian({latents}{suffix})',
    topology='line',
    params_dim=2 * latents,
    sample_dim=latents,
    code_dim=latents,
    latents=latents,
    posterior=posterior,
    sample=sample,
    mean=lambda q: q.mean,
    variance=lambda q: jnp.exp(2 * q.log_std),
    kl=kl,
    log_prob=log_prob,
    sample_prior=sample_prior,
    code=lambda z: z,
    chart=lambda z: z,
    move=lambda z, column, value: z.at[..., column].set(value),
    span=(-3.0, 3.0),
    divergence=divergence,
    average=average,
    label_kl=label_kl if latents == 1 else None,
  )


def sample(key: Array, q: Posterior) -> Array:
  """mean + std * N(0, 1) noise, `[..., d]`; differentiable in q."""
  noise = jax.random.normal(key, q.mean.shape, q.mean.dtype)
  return q.mean + jnp.exp(q.log_std) * noise


def kl(q: Posterior, hyper=None, z=None, prior=None) -> Array:
  """KL(q || N(0, 1)) of each coordinate, exact. Returns `[..., d]` nats.

  1/2 (mean^2 + std^2 - 1) - log std [Kingma and Welling 2014, appendix B].
  """
  del hyper, z, prior
  # expm1 keeps the digits where q is close to the prior and the KL to zero.
  return 0.5 * (q.mean**2 + jnp.expm1(2 * q.log_std)) - q.log_std


def divergence(q: Posterior, other: Posterior) -> Array:
  """KL(q || other) of each coordinate, exact. Returns `[..., d]` nats."""
  ratio = q.log_std - other.log_std
  distance = (q.mean - other.mean) * jnp.exp(-other.log_std)
  return 0.5 * (distance**2 + jnp.expm1(2 * ratio)) - ratio


def average(q: Posterior, other: Posterior, shared: Array) -> Posterior:
  """q with the mean of both means and variances where `shared` `[..., d]`.

  [Locatello et al. 2020, "Weakly-supervised disentanglement without
  compromises", Ada-GVAE]
  """
  mean = 0.5 * (q.mean + other.mean)
  # log of the mean of two variances, from their logarithms.
  log_variance = jnp.logaddexp(2 * q.log_std, 2 * other.log_std) - jnp.log(2.0)
  return Posterior(
    jnp.where(shared, mean, q.mean),
    jnp.where(shared, 0.5 * log_variance, q.log_std),
  )


def label_kl(q: Posterior, label: Array, hyper=None, prior=None) -> Array:
  """KL(q || N(sqrt(3) label, 0.1^2)), exact. Returns `[..., 1]` nats.

  Labels from -1 to 1, uniform, so have the prior's mean and variance.
  """
  del hyper, prior
  mean = math.sqrt(3.0) * label[..., None]
  log_std = jnp.full_like(mean, math.log(0.1))
  return divergence(q, Posterior(mean, log_std))


def _log_softplus(raw: Array) -> Array:
  # softplus(x) -> e^x for very negative x, where its logarithm is x itself.
  tiny = raw < -15.0
  # Zero where it is not used, for a gradient without NaN.
  safe = jnp.where(tiny, 0.0, raw)
  return jnp.where(tiny, raw, jnp.log(jax.nn.softplus(safe)))


SCALES = {
  'log_variance': lambda raw: 0.5 * raw,
  'softplus': _log_softplus,
}
