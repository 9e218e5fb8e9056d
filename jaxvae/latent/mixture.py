"""A mixture of Gaussians as the prior of a diagonal Gaussian posterior.

Its KL is the entropy of the posterior, in closed form, and log p(z) at a
sample z. The components are given, learned, or the posteriors of images that
are learned (the VampPrior).
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxvae import keys, ranges
from jaxvae.latent.gaussian import (
  LOG_2PI,
  Posterior,
  average,
  divergence,
  sample,
)
from jaxvae.latent.slot import Slot

KINDS = ('classes', 'fixed', 'learned')

# A learned component is no narrower: its standard deviation is this plus the
# exponential of what is learned.
LEAST_STD = 0.05
NUMBERS = 10_000_000  # of all components, which are made before a model is


class Components(NamedTuple):
  """Gaussians with weights.

  Attributes:
    mean: `[k, d]`.
    log_std: `[k, d]`.
    log_weight: `[k]`, logarithms of weights whose sum is 1.
  """

  mean: Array
  log_std: Array
  log_weight: Array


def mixture(
  k: int,
  latents: int,
  kind: str = 'fixed',
  radius: float = 4.0,
  std: float = 0.5,
) -> Slot:
  """`latents` coordinates whose prior has k components.

  Args:
    k: how many components, from 2.
    latents: how many coordinates.
    kind: 'fixed', all components equally likely; 'learned', where means,
      deviations and weights start there; 'classes', learned, and component j is
      class j, so that labels choose it.
    radius: of the arrangement, see `arrangement`.
    std: standard deviation of a component, along each coordinate.

  Raises:
    ValueError: an argument is not allowed.
  """
  _check(k, latents, 2)
  ranges.one_of('kind', kind, KINDS)
  least = 0.0 if kind == 'fixed' else LEAST_STD
  ranges.real('radius', radius, ranges.LOW, ranges.HIGH)
  ranges.real('std', std, least + ranges.LOW, ranges.HIGH)
  centres = arrangement(k, latents, radius)

  def fixed(prior):
    del prior
    mean = jnp.asarray(centres, float)
    log_weight = jnp.full((k,), -math.log(k))
    return Components(mean, jnp.full_like(mean, math.log(std)), log_weight)

  def start(key):
    # Not quite the arrangement, so that seeds differ.
    noise = jax.random.normal(key, (k, latents))
    mean = jnp.asarray(centres, noise.dtype) + 0.1 * std * noise
    raw = jnp.full_like(mean, math.log(std - LEAST_STD)) if least else mean
    return {'mean': mean, 'log_std': raw, 'logits': jnp.zeros((k,))}

  words = '' if kind == 'fixed' else f', kind={kind!r}'
  words += '' if radius == 4.0 else f', radius={radius!r}'
  words += '' if std == 0.5 else f', std={std!r}'
  reach = radius + 2 * std
  slot = _slot(
    f'mixture({k}, {latents}{words})',
    latents,
    fixed if kind == 'fixed' else of_learned,
    (-reach, reach),
  )
  if kind == 'fixed':
    return slot
  slot = slot._replace(learned=start)
  if kind == 'learned':
    return slot
  return slot._replace(label_kl=label_kl, draw_told=draw_told, classes=k)


def vamp(k: int, latents: int) -> Slot:
  """`latents` coordinates whose prior is the posteriors of k learned images.

  [Tomczak and Welling 2018, "VAE with a VampPrior", equation 9]; the images are
  equally likely.

  Raises:
    ValueError: an argument is not allowed.
  """
  _check(k, latents, 1)
  slot = _slot(f'vamp({k}, {latents})', latents, of_posteriors, (-3.0, 3.0))
  return slot._replace(pseudo_inputs=k)


def arrangement(k: int, latents: int, radius: float) -> np.ndarray:
  """Where k components begin, `[k, latents]` float64.

  Along a line from -radius to radius; on a ring, from angle 0; in more
  dimensions `radius` away from 0 in directions that are random and always the
  same, far apart since k of them are nearly orthogonal.
  """
  if latents == 1:
    return np.linspace(-radius, radius, k)[:, None]
  if latents == 2:
    angle = 2 * np.pi * np.arange(k) / k
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
  away = np.random.default_rng(0).normal(size=(k, latents))
  return radius * away / np.linalg.norm(away, axis=-1, keepdims=True)


def of_learned(prior: dict[str, Array] | None) -> Components:
  """The components that learned arrays stand for.

  Args:
    prior: 'mean' `[k, d]`, 'log_std' `[k, d]` (of what exceeds `LEAST_STD`) and
      'logits' `[k]`.
  """
  if prior is None:
    raise ValueError('the components are learned: this needs prior=')
  log_std = jnp.logaddexp(prior['log_std'], math.log(LEAST_STD))
  log_weight = jax.nn.log_softmax(prior['logits'])
  return Components(prior['mean'], log_std, log_weight)


def of_posteriors(prior: Posterior | None) -> Components:
  """The components that posteriors `[k, d]` are, equally likely."""
  if prior is None:
    raise ValueError('the components are posteriors: this needs prior=')
  k = prior.mean.shape[0]
  log_weight = jnp.full((k,), -math.log(k), prior.mean.dtype)
  return Components(prior.mean, prior.log_std, log_weight)


def log_density(z: Array, components: Components) -> Array:
  """Log-density `[...]` nats of the mixture at z `[..., d]`."""
  mean, log_std, log_weight = _beside(components, z)
  away = (z[..., None, :] - mean) * jnp.exp(-log_std)
  each = -0.5 * jnp.sum(away**2 + LOG_2PI + 2 * log_std, axis=-1)
  return jax.nn.logsumexp(log_weight + each, axis=-1)


def upper_bound(q: Posterior, components: Components) -> Array:
  """What KL(q || mixture) does not exceed, `[...]` nats; needs no sample.

  -log sum_j weight_j exp(-KL(q || component_j)) [Hershey and Olsen 2007,
  "Approximating the Kullback Leibler divergence between Gaussian mixture
  models", equation 18]. Close where q lies in one component.
  """
  mean, log_std, log_weight = _beside(components, q.mean)
  q = Posterior(q.mean[..., None, :], q.log_std[..., None, :])
  apart = jnp.sum(divergence(q, Posterior(mean, log_std)), axis=-1)
  return -jax.nn.logsumexp(log_weight - apart, axis=-1)


def label_kl(q: Posterior, label: Array, hyper=None, prior=None) -> Array:
  """KL(q || component `label`), exact. Returns `[..., d]` nats.

  Args:
    q: `[..., d]`.
    label: `[...]`, numbers of components.
    hyper: not read.
    prior: the learned arrays.
  """
  del hyper
  components = of_learned(prior)
  index = jnp.round(label).astype(int)
  told = (jnp.take(x, index, axis=0, mode='clip') for x in components[:2])
  return divergence(q, Posterior(*told))


def draw_told(key: Array, label: Array, hyper=None, prior=None) -> Array:
  """A draw `[..., d]` of the component `label` `[...]`."""
  del hyper
  components = of_learned(prior)
  index = jnp.round(label).astype(int)
  mean, log_std = (
    jnp.take(x, index, axis=0, mode='clip') for x in components[:2]
  )
  return sample(key, Posterior(mean, log_std))


def _slot(
  name: str,
  latents: int,
  components: Callable[[Any], Components],
  span: tuple[float, float],
) -> Slot:
  """A slot of a Gaussian posterior; `components` are made of the prior."""

  def posterior(params):
    mean, raw = jnp.split(params, 2, axis=-1)
    return Posterior(mean, 0.5 * raw)

  def kl(q, hyper, z=None, prior=None):
    """-H(q) - log p(z) at the sample z, unbiased. `[..., d]` nats.

    The sum is what has a meaning; each column gets an equal part of it.
    """
    del hyper
    if z is None:
      raise ValueError('the KL of a mixture needs a sample z')
    entropy = jnp.sum(q.log_std + 0.5 * (1 + LOG_2PI), axis=-1)
    total = -entropy - log_density(z, components(prior))
    return jnp.broadcast_to(total[..., None] / latents, q.mean.shape)

  def log_prob(z, hyper, prior=None):
    del hyper
    return log_density(z, components(prior))

  def sample_prior(key, shape, hyper, prior=None):
    del hyper
    mean, log_std, log_weight = components(prior)
    index = jax.random.categorical(
      keys.stream(key, 'component'), log_weight, shape=shape
    )
    noise = keys.stream(key, 'noise')
    noise = jax.random.normal(noise, (*shape, latents), mean.dtype)
    return mean[index] + jnp.exp(log_std[index]) * noise

  return Slot(
    name=name,
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
    span=span,
    divergence=divergence,
    average=average,
  )


def _beside(components, z):
  """The components, of z's type, with axes beside those of z `[..., d]`."""
  ones = (1,) * (z.ndim - 1)
  return Components(
    *(x.reshape(ones + x.shape).astype(z.dtype) for x in components)
  )


def _check(k, latents, least):
  ranges.whole('k', k, least, ranges.CLASSES)
  most = min(ranges.LATENTS, NUMBERS // k)
  ranges.whole('latents', latents, 1, most)
