"""Labels of slots: classes and values of factors, scaled to what they can hold.

A labelled image keeps its ELBO: in the slots that are told a factor the prior
p(z) becomes p(z | label), see `LatentSpace.label_kl`.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from jaxvae.errors import UserError
from jaxvae.latent.product import LatentSpace

# The ends of a segment are not neighbours: on a circle its labels run from
# -OPEN to OPEN, and leave a quarter of it open.
OPEN = 0.75 * math.pi


class Column(NamedTuple):
  """Where a slot's label comes from: label = class * scale + offset.

  Attributes:
    factor: column of the factors; None where the slot is told nothing.
    scale: from one class (a continuous factor's value) to the next, in the
      slot's unit.
    offset: the label of class (or value) 0.
  """

  factor: int | None
  scale: float = 0.0
  offset: float = 0.0


def columns(
  space: LatentSpace, factors: Sequence[Any] | None
) -> tuple[Column, ...]:
  """For each slot, how its label follows from the factors.

  Args:
    space: whose slots name factors.
    factors: of the data, each a `data.Factor`; None if they are not known,
      which is as if no slot named one.

  Raises:
    UserError: a slot names a factor that the data do not have, or one whose
      classes do not fit it.
  """
  names = [factor.name for factor in factors or ()]

  def column(slot, name):
    if name is None or factors is None:
      return Column(None)
    if name not in names:
      raise UserError(
        f'latent slot {slot.name}: factor={name!r}; the data have:'
        f' {", ".join(names) or "no factors"}'
      )
    factor = factors[names.index(name)]
    size, kind = factor.size, factor.topology
    if slot.classes:
      if factor.span:
        raise UserError(
          f'latent slot {slot.name} is of classes, its factor {name!r} has'
          f' values, {factor.about}',
          hint='a loop, a segment or a gaussian(1) can be told them',
        )
      if slot.classes != size:
        raise UserError(
          f'latent slot {slot.name} is of {slot.classes} classes, its factor'
          f' {name!r} has {size}',
          hint=f'write {slot.name.partition("(")[0]}({size}, ...)',
        )
      return Column(names.index(name), 1.0, 0.0)
    if slot.topology == 'loop' and kind != 'segment':
      return Column(names.index(name), 2 * math.pi / factor.turn, 0.0)
    half = OPEN if slot.topology == 'loop' else 1.0
    low, high = factor.ends
    scale = 2 * half / ((high - low) or 1.0)
    return Column(names.index(name), scale, -half - low * scale)

  return tuple(
    column(slot, name)
    for slot, name in zip(space.slots, space.factors, strict=True)
  )


def of_slots(
  factors: Array, labelled: Array, columns: Sequence[Column]
) -> Array:
  """Labels `[b, slots]` in the slots' units, NaN where they are not known.

  Args:
    factors: `[b, f]` int32, or float32 with NaN for what is not known.
    labelled: `[b]` bool.
    columns: from `columns`.
  """
  nan = jnp.full(factors.shape[:1], jnp.nan)

  def one(column):
    if column.factor is None:
      return nan
    classes = factors[:, column.factor].astype(nan.dtype)
    return jnp.where(labelled, classes * column.scale + column.offset, nan)

  return jnp.stack([one(column) for column in columns], axis=-1)
