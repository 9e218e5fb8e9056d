"""The least divergence that a slot's posterior can have from its prior.

It is what an unused latent costs. No Gaussian is a ring or a segment, so that
there it is above 0, and only what a divergence has above it tells anything.
"""

import functools

import jax
import jax.numpy as jnp
from jax import Array

from jaxvae.latent.slot import Slot
from jaxvae.structs import Hyper

STARTS, STEPS = 48, 1500


def floor(slot: Slot, hyper: Hyper) -> Array:
  """Least divergence of each column, `[l]` nats.

  By descent over the encoder's numbers from 48 starts, to about 1e-6 nats,
  within the family of posteriors that the slot has. 0 where the prior is
  learned, and for slots whose divergence needs a sample (`kl` without one
  raises ValueError): a prior can then be what a posterior is.

  Args:
    slot: one of a latent space.
    hyper: of the prior, whose temperature and tilt count.
  """
  if slot.learned is not None or slot.pseudo_inputs:
    return jnp.zeros(slot.latents)
  starts = jax.random.normal(jax.random.key(0), (STARTS, slot.params_dim))
  # On a large sphere the best posterior lies far out, and the next in the
  # middle: some starts are between them.
  starts *= jnp.repeat(jnp.array([2.0, 10.0, 30.0]), STARTS // 3)[:, None]
  try:
    jax.eval_shape(lambda p: slot.kl(slot.posterior(p), hyper), starts)
  except ValueError:
    return jnp.zeros(slot.latents)
  # Columns share nothing or, as a sphere's, everything: the least of each.
  return jnp.maximum(jnp.nanmin(_descend(slot, starts, hyper), axis=0), 0.0)


@functools.partial(jax.jit, static_argnums=0)
def _descend(slot: Slot, starts: Array, hyper: Hyper) -> Array:
  """Divergences `[starts, l]` where Adam [Kingma and Ba 2015] ends."""

  def divergence(params):
    return slot.kl(slot.posterior(params), hyper)

  def step(carry, i):
    params, mean, square = carry
    gradient = jax.grad(lambda p: jnp.sum(divergence(p)))(params)
    mean = 0.9 * mean + 0.1 * gradient
    square = 0.99 * square + 0.01 * gradient**2
    rate = 0.1 * 0.5 * (1 + jnp.cos(jnp.pi * i / STEPS))
    move = rate * mean / (jnp.sqrt(square) + 1e-8)
    return (params - move, mean, square), None

  carry = starts, jnp.zeros_like(starts), jnp.zeros_like(starts)
  times = jnp.arange(STEPS, dtype=starts.dtype)
  (params, _, _), _ = jax.lax.scan(step, carry, times)
  return divergence(params)
