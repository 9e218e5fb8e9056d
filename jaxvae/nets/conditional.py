"""Networks that are told something beside what they read."""

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

WIDTH = 256
glorot = nn.initializers.glorot_uniform()


class ConditionalEncoder(nn.Module):
  """An encoder's features, what it is told, one more layer, a linear head.

  The features do not depend on what is told, so that they are computed once
  where an image is looked at under several labels.

  Attributes:
    features: an encoder with `WIDTH` outputs.
    outputs: numbers that the latent space asks for.
    film: what is told scales and shifts the features, else it is put beside.
  """

  features: nn.Module
  outputs: int
  film: bool

  @nn.compact
  def __call__(self, image: Array, given: Array) -> Array:
    """`[b, h, w, c]` and `[b, g]` -> `[b, outputs]`."""
    x = nn.relu(self.features(image))
    x = modulated(x, given) if self.film else jnp.concatenate([x, given], -1)
    x = nn.relu(nn.Dense(WIDTH, kernel_init=glorot, name='dense')(x))
    return nn.Dense(self.outputs, kernel_init=glorot, name='head')(x)


class ConditionalDecoder(nn.Module):
  """A layer that is scaled and shifted by what is told, then a decoder.

  Attributes:
    decoder: of `WIDTH` numbers.
  """

  decoder: nn.Module

  @nn.compact
  def __call__(self, code: Array, given: Array) -> Array:
    """`[b, d]` and `[b, g]` -> `[b, h, w, c]`."""
    x = nn.Dense(WIDTH, kernel_init=glorot, name='dense')(code)
    return self.decoder(nn.relu(modulated(x, given)))


def modulated(x: Array, given: Array) -> Array:
  """(1 + scale) * x + shift, both linear in what is told.

  [Perez et al. 2018, "FiLM: visual reasoning with a general conditioning
  layer", equation 2]

  Args:
    x: `[b, width]`.
    given: `[b, g]`.
  """
  layer = nn.Dense(2 * x.shape[-1], kernel_init=glorot, name='film')
  scale, shift = jnp.split(layer(given), 2, axis=-1)
  return (1 + scale) * x + shift
