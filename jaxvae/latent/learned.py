"""What priors learn: arrays of their own, or images to be encoded.

Both are parameters of the model, 'prior_0' for the first slot, and so on.
"""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxvae.latent.product import LatentSpace


def starts(
  space: LatentSpace, image_shape: tuple[int, ...]
) -> Iterator[tuple[str, Callable[[Array], Any]]]:
  """(name, key -> arrays) of every slot whose prior learns something."""
  for i, slot in enumerate(space.slots):
    if slot.pseudo_inputs:
      shape = (slot.pseudo_inputs, *image_shape)
      # Dark and noisy, all different.
      yield f'prior_{i}', lambda key, s=shape: 0.2 * jax.random.uniform(key, s)
    elif slot.learned is not None:
      yield f'prior_{i}', slot.learned


def priors(
  space: LatentSpace, params: Any, encode: Callable[[Array], Array]
) -> tuple[Any, ...]:
  """What each slot's prior has learned, None where it is given.

  Args:
    space: the slots.
    params: of the model.
    encode: images `[k, h, w, c]` -> the numbers of all posteriors.
  """

  def one(i, slot):
    if slot.pseudo_inputs:
      numbers = encode(jnp.clip(params[f'prior_{i}'], 0.0, 1.0))
      return slot.posterior(space.numbers(numbers, None)[i])
    return params[f'prior_{i}'] if slot.learned is not None else None

  return tuple(one(i, slot) for i, slot in enumerate(space.slots))
