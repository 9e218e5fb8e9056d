"""Classes of a model that has some: which slots hold them, points at them."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxvae.latent.product import LatentSpace


def slots(space: LatentSpace) -> dict[str, tuple[int, int]]:
  """By factor: which slot is its label or head, and how many classes it has."""
  return {
    str(factor): (i, slot.classes)
    for i, (slot, factor) in enumerate(
      zip(space.slots, space.factors, strict=True)
    )
    if slot.classifier
  }


def labels(space: LatentSpace, told: Mapping[str, Any], n: int) -> np.ndarray:
  """`[n, slots]` numbers of classes, NaN where nothing is told.

  Args:
    space: a latent space.
    told: by factor, one class or `[n]` of them.
    n: how many.
  """
  found = np.full((n, len(space.slots)), np.nan, np.float32)
  for factor, label in told.items():
    found[:, slots(space)[factor][0]] = label
  return found


def at(space: LatentSpace, z: Array, told: Mapping[str, Any]) -> Array:
  """Points `z` `[n, d]` at other classes, all else held.

  Args:
    space: that z are points of.
    z: points.
    told: by factor, one class or `[n]` of them.
  """
  parts = space.samples(jnp.asarray(z))
  for factor, label in told.items():
    slot, _ = slots(space)[factor]
    value = jnp.broadcast_to(jnp.asarray(label, jnp.float32), (len(z),))
    parts[slot] = space.slots[slot].move(parts[slot], 0, value)
  return jnp.concatenate(parts, axis=-1)
