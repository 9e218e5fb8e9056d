"""Latents with the tilted prior, whose density is greatest on a sphere.

[Floto et al. 2023, "The tilted variational autoencoder: improving
out-of-distribution detection"]; mathematics in `jaxvae.latent.tilting`.
"""

import math

import jax
import jax.numpy as jnp
from jax import Array

from jaxvae import ranges
from jaxvae.latent import gaussian, tilting
from jaxvae.latent.gaussian import Posterior
from jaxvae.latent.slot import Slot

KINDS = ('exact', 'quadratic')


def tilted(latents: int, tau: float, kl: str = 'exact') -> Slot:
  """`latents` coordinates with p(z) = exp(tau |z|) N(z; 0, I) / Z.

  That is exp(-(|z| - tau)^2 / 2) and a constant. A temperature T divides the
  exponent, so that z = sqrt(T) y with y tilted by tau / sqrt(T); a tilt
  multiplies tau. The prior has no coordinates of its own: there is one
  divergence, of which each column gets an equal part.

  Args:
    latents: how many, d.
    tau: radius of the sphere, 0 or more; the mean radius is close to
      sqrt(tau^2 + d - 1) + 1 / (2 tau) where tau is large.
    kl: 'exact', for a posterior with a standard deviation per coordinate, or
      the paper's 'quadratic', where it is 1 and the encoder gives means only:
      (|mean| - mu*)^2 / 2 and, for the comparison of bounds, the divergence at
      mu*, which is constant.

  Raises:
    ValueError: an argument is not allowed.
  """
  ranges.whole('latents', latents, 1, ranges.LATENTS)
  ranges.real('tau', tau, 0, ranges.HIGH)
  ranges.one_of('kl', kl, KINDS)
  exact = kl == 'exact'

  def settings(hyper, dtype):
    """The root of T, and the tau of z over that."""
    scale = jnp.sqrt(jnp.asarray(hyper.temperature, dtype))
    return scale, tau * jnp.asarray(hyper.tilt, dtype) / scale

  def posterior(params: Array) -> Posterior:
    if not exact:
      return Posterior(params, jnp.zeros_like(params))
    mean, log_variance = jnp.split(params, 2, axis=-1)
    return Posterior(mean, 0.5 * log_variance)

  def divergence_from_prior(q, hyper, z=None, prior=None):
    """Exact if kl='exact', see `tilted`. Returns `[..., l]` nats, all equal."""
    del z, prior
    scale, tilt = settings(hyper, q.mean.dtype)
    if exact:
      total = tilting.kl(q.mean / scale, q.log_std - jnp.log(scale), tilt)
    else:
      total = _quadratic(q.mean, scale, tilt)
    return jnp.broadcast_to(total[..., None] / latents, q.mean.shape)

  def log_prob(z, hyper, prior=None):
    del prior
    scale, tilt = settings(hyper, z.dtype)
    return tilting.log_prob(z / scale, tilt) - latents * jnp.log(scale)

  def sample_prior(key, shape, hyper, prior=None):
    del prior
    scale, tilt = settings(hyper, float)
    return scale * tilting.sample(key, shape, latents, tilt)

  # Where most of the prior is, as a Gaussian's -3 to 3 if there is no tilt.
  mode = 0.5 * (tau + math.sqrt(tau**2 + 4 * (latents - 1)))
  reach = max(3.0, mode)
  suffix = '' if exact else f', kl={kl!r}'
  return Slot(
    name=f'tilted({latents}, tau={tau:g}{suffix})',
    topology='sphere',
    params_dim=2 * latents if exact else latents,
    sample_dim=latents,
    code_dim=latents,
    latents=latents,
    posterior=posterior,
    sample=gaussian.sample,
    mean=lambda q: q.mean,
    variance=lambda q: jnp.exp(2 * q.log_std),
    kl=divergence_from_prior,
    log_prob=log_prob,
    sample_prior=sample_prior,
    code=lambda z: z,
    chart=lambda z: z,
    move=lambda z, column, value: z.at[..., column].set(value),
    span=(-reach, reach),
    divergence=gaussian.divergence,
    average=gaussian.average,
  )


def _quadratic(mean: Array, scale: Array, tilt: Array) -> Array:
  """The paper's approximation for unit variance, `[...]` nats.

  The best radius does not depend on the temperature, the curvature does.
  """
  d = mean.shape[-1]
  best = tilting.minimiser(d, tilt * scale)
  ring = jnp.zeros(d, mean.dtype).at[0].set(best / scale)
  committed = tilting.kl(ring, jnp.full_like(ring, -jnp.log(scale)), tilt)
  away = (tilting.norm(mean) - best) / scale
  return 0.5 * away**2 + jax.lax.stop_gradient(committed)
