"""Classes of a model that has some: where they are, and from one to another."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
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


def labels(space: LatentSpace, told: Mapping[str, Any], n: int) -> Array:
  """`[n, slots]` numbers of classes, NaN where nothing is told.

  Args:
    space: a latent space.
    told: by factor, one class or `[n]` of them.
    n: how many.
  """
  found = jnp.full((n, len(space.slots)), jnp.nan)
  for factor, classes in told.items():
    found = found.at[:, slots(space)[factor][0]].set(jnp.asarray(classes))
  return found


def toward(
  space: LatentSpace, z: Array, told: Mapping[str, Any], steps: int
) -> Array:
  """From points `z` `[n, d]` to the same at other classes, `[n, steps, d]`.

  A class is a corner of a simplex: what changes goes there in a straight line,
  and all else is held. The first step is z itself, the last is at the class.

  Args:
    space: that z are points of.
    z: where to begin.
    told: by factor, one class or `[n]` of them.
    steps: from 2.
  """
  parts = space.samples(jnp.asarray(z))
  share = jnp.linspace(0.0, 1.0, steps)[:, None]
  moved = [jnp.repeat(part[:, None], steps, axis=1) for part in parts]
  for factor, classes in told.items():
    at, _ = slots(space)[factor]
    value = jnp.broadcast_to(jnp.asarray(classes, jnp.float32), (len(z),))
    end = space.slots[at].move(parts[at], 0, value)
    moved[at] = (1 - share) * moved[at] + share * end[:, None]
  return jnp.concatenate(moved, axis=-1)
