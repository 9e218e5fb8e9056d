"""Labels that are latents: at which class an image is taken.

`labels` below are `[..., slots]` numbers of classes, NaN where nothing is known
or the slot is told nothing. A slot that is a `label` has `given`; another slot
of the same factor, such as a mixture of classes, is told what the label is.
"""

import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxvae.errors import UserError

# Sums over classes: each is a pass through the decoder.
MOST_WAYS = 256


def check(space: Any, written: str) -> None:
  """Refuses a product whose classifier, labels and factors do not fit.

  Args:
    space: a latent space.
    written: as in the config.

  Raises:
    UserError: with what is allowed.
  """
  for slot, factor in zip(space.slots, space.factors, strict=True):
    if slot.classifier and factor is None:
      raise UserError(
        f'latent slot {slot.name} needs a factor whose labels it is told',
        hint=f"write {slot.name[:-1]}, factor='NAME')",
      )
  for i, slot in enumerate(space.slots):
    with_it = [
      other
      for other, factor in zip(space.slots, space.factors, strict=True)
      if slot.classifier and factor == space.factors[i] and other is not slot
    ]
    for other in with_it:
      if other.classifier or not other.draw_told or slot.given is None:
        raise UserError(
          f'latent slots {slot.name} and {other.name} are both told'
          f' {space.factors[i]!r}; allowed beside a label: a mixture of classes'
        )
  if len({slot.film for slot in space.slots if slot.given is not None}) > 1:
    raise UserError(f'latent {written!r}: all labels with film=True, or none')
  if space.scores_dim and not space.params_dim:
    raise UserError(
      f'latent {written!r} has nothing for the encoder',
      hint='add a slot such as gaussian(10)',
    )
  rest = space.code_dim
  for slot in space.slots:
    if slot.added and slot.code_dim != rest:
      raise UserError(
        f"latent slot {slot.name}: join='add' to {rest} numbers of the other"
        f' slots; allowed: {slot.code_dim} of them'
      )


def spread(space: Any, labels: Array) -> Array:
  """`labels` with what a label is told to the other slots of its factor."""
  labels = jnp.asarray(labels)
  for i, slot in enumerate(space.slots):
    for j, name in enumerate(space.factors):
      if slot.given is not None and i != j and name == space.factors[i]:
        labels = labels.at[..., j].set(labels[..., i])
  return labels


def tell(space: Any, z: Array, labels: Array) -> Array:
  """z `[..., d]` with the classes of label slots that `labels` know."""
  parts = space.samples(z)
  for i, slot in enumerate(space.slots):
    if slot.given is not None:
      known = ~jnp.isnan(labels[..., i])
      moved = slot.move(parts[i], 0, jnp.where(known, labels[..., i], 0.0))
      parts[i] = jnp.where(known[..., None], moved, parts[i])
  return jnp.concatenate(parts, axis=-1)


def given(space: Any, labels: Array) -> Array:
  """What the networks are given at `labels` that are all known, `[..., g]`."""
  blank = jnp.zeros((*labels.shape[:-1], space.sample_dim))
  return space.given(tell(space, blank, labels))


def read(space: Any, z: Array) -> Array:
  """The classes at which z `[..., d]` is, `[..., slots]`."""
  labels = jnp.full((*z.shape[:-1], len(space.slots)), jnp.nan, z.dtype)
  for i, (slot, part) in enumerate(
    zip(space.slots, space.samples(z), strict=True)
  ):
    if slot.given is not None:
      labels = labels.at[..., i].set(slot.chart(part)[..., 0])
  return spread(space, labels)


def keep(space: Any, known: Array, labels: Array) -> Array:
  """What each slot is told for its divergence when an image is at `labels`.

  A label's own slot, and slots that are told another factor, only what is
  `known`; a slot that goes with a label, the class that the image is taken at.
  """
  with_label = {
    factor
    for slot, factor in zip(space.slots, space.factors, strict=True)
    if slot.given is not None
  }
  goes_with = [
    factor in with_label and slot.given is None
    for slot, factor in zip(space.slots, space.factors, strict=True)
  ]
  return jnp.where(jnp.array(goes_with), labels, known)


def likely(space: Any, scores: Array, labels: Array) -> Array:
  """`labels`, and the classifier's likeliest class where one is not known.

  Args:
    space: a latent space.
    scores: `[..., scores_dim]` of the classifier.
    labels: `[..., slots]`.
  """
  labels = jnp.asarray(labels)
  for i, (slot, part) in enumerate(
    zip(space.slots, space.numbers(None, scores), strict=True)
  ):
    if slot.given is not None:
      best = jnp.argmax(part, axis=-1).astype(labels.dtype)
      known = ~jnp.isnan(labels[..., i])
      labels = labels.at[..., i].set(jnp.where(known, labels[..., i], best))
  return spread(space, labels)


def every(space: Any) -> np.ndarray:
  """Each combination of the labels' classes, `[ways, slots]`.

  Raises:
    UserError: there are too many to sum over.
  """
  at = [i for i, slot in enumerate(space.slots) if slot.given is not None]
  sizes = [space.slots[i].classes for i in at]
  if math.prod(sizes) > MOST_WAYS:
    raise UserError(
      f'the labels have {math.prod(sizes):,} combinations of classes; allowed'
      f' where some images are not labelled: {MOST_WAYS}',
      hint='label all images with config.labels.fraction=1',
    )
  ways = list(itertools.product(*(range(size) for size in sizes)))
  found = np.full((len(ways), len(space.slots)), np.nan, np.float32)
  found[:, at] = np.array(ways, np.float32).reshape(len(ways), len(at))
  return found


def log_weight(space: Any, scores: Array, labels: Array, way: Array) -> Array:
  """log q(way | x, labels), `[...]`: of a known label 0, or minus infinity.

  Args:
    space: a latent space.
    scores: `[..., scores_dim]`.
    labels: `[..., slots]`, what is known.
    way: `[slots]`, a row of `every`.
  """
  total = jnp.zeros(labels.shape[:-1])
  for i, (slot, part) in enumerate(
    zip(space.slots, space.numbers(None, scores), strict=True)
  ):
    if slot.given is not None:
      chosen = jax.nn.log_softmax(part, axis=-1)
      one = jnp.take(chosen, way[i].astype(int), axis=-1)
      right = jnp.where(labels[..., i] == way[i], 0.0, -jnp.inf)
      total += jnp.where(jnp.isnan(labels[..., i]), one, right)
  return total


def cross_entropy(space: Any, scores: Array, labels: Array) -> Array:
  """-log q(label | x), of all classified slots, `[...]` nats; 0 if unknown."""
  total = jnp.zeros(labels.shape[:-1])
  for i, (slot, part) in enumerate(
    zip(space.slots, space.numbers(None, scores), strict=True)
  ):
    if slot.classifier:
      known = ~jnp.isnan(labels[..., i])
      index = jnp.where(known, labels[..., i], 0.0).astype(int)[..., None]
      log_p = jax.nn.log_softmax(part, axis=-1)
      one = jnp.take_along_axis(log_p, index, axis=-1)[..., 0]
      total -= jnp.where(known, one, 0.0)
  return total
