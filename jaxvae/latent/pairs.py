"""Pairs of images that share factors [Locatello et al. 2020, Ada-GVAE].

Which of the latents a pair shares is not told: those whose posteriors differ
by less than half of the largest and the smallest difference. There the two
posteriors are averaged, on the chart, so that an angle between two is on the
shorter arc.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxvae.latent.product import LatentSpace


def share(space: LatentSpace, q: tuple[Any, ...]) -> tuple[Any, ...]:
  """The posteriors of a batch of pairs, averaged where a pair agrees.

  Args:
    space: of the posteriors.
    q: one posterior per slot, `[b, ...]`; rows i and i + b / 2 are a pair.
  """
  other = jax.tree.map(lambda x: jnp.roll(x, x.shape[0] // 2, axis=0), q)
  return space.average(q, other, shared(space, q, other))


def shared(
  space: LatentSpace, q: tuple[Any, ...], other: tuple[Any, ...]
) -> Array:
  """Which latents `[b, latents]` are taken for unchanged; no gradient."""
  apart = space.divergence(q, other) + space.divergence(other, q)
  apart = jax.lax.stop_gradient(apart)
  most = jnp.max(apart, axis=-1, keepdims=True)
  least = jnp.min(apart, axis=-1, keepdims=True)
  return apart < 0.5 * (most + least)
