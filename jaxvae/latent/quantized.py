"""Coordinates with a few values each: a deterministic posterior on a grid.

The rate is constant, log(levels) nats for each latent: what training presses
on is which level, never how much is told. Gradients pass the rounding as if it
were not there (straight-through). A pair's divergence is the squared distance
in steps: a KL between two levels would be infinite.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxvae import ranges
from jaxvae.latent.slot import Slot

KINDS = ('fsq', 'latent')


class Posterior(NamedTuple):
  """All mass at one value.

  Attributes:
    place: `[..., d]` before it is rounded, on the chart, where the values begin
      as linspace(-1, 1, levels).
    value: `[..., d]` the nearest value, with the gradient of `place`.
  """

  place: Array
  value: Array


def quantized(
  latents: int,
  levels: int,
  kind: str = 'fsq',
  commitment: float | None = None,
) -> Slot:
  """`latents` coordinates of `levels` values each, all equally likely.

  Args:
    latents: how many coordinates.
    levels: how many values each can take, from 2.
    kind: 'fsq', where the encoder's numbers are bounded by tanh and rounded
      [Mentzer et al. 2024, "Finite scalar quantization"], or 'latent', where
      the nearest of `levels` learned values is taken, of each latent's own,
      that begin as linspace(-1/2, 1/2, levels) [Hsu et al. 2023,
      "Disentanglement via latent quantization"].
    commitment: weight, in nats, of the squared distance between the encoder's
      number and the nearest value, which pulls the number, and once more the
      value; summed over latents; of 'latent' only, 4 by default. Their 0.01
      multiplies a mean over latents beside a mean over pixels, which is 0.01
      pixels / latents here: 4.1 nats for ten latents of images of 64 x 64. They
      also decay weights, by 0.1: optimizer='adamw(weight_decay=0.1)'.

  Raises:
    ValueError: an argument is not allowed.
  """
  ranges.whole('latents', latents, 1, ranges.LATENTS)
  ranges.whole('levels', levels, 2, ranges.CLASSES)
  ranges.one_of('kind', kind, KINDS)
  if commitment is not None:
    if kind != 'latent':
      raise ValueError(f'kind={kind!r} has no commitment')
    ranges.real('commitment', commitment, 0, ranges.WEIGHT)
  last = (levels - 1) / 2
  rate = math.log(levels)

  def posterior(params, prior=None):
    if kind == 'fsq':
      place = bounded(params, levels)
      return Posterior(place / last, straight_through(place, levels) / last)
    place = 2 * params
    near = _of_values(place, prior, levels)
    return Posterior(place, place + jax.lax.stop_gradient(near - place))

  def constant(q, hyper=None, z=None, prior=None):
    """log(levels) nats for each latent, whatever q is."""
    del hyper, z, prior
    return jnp.full_like(q.place, rate)

  def log_prob(z, hyper, prior=None):
    """Logarithm of a probability: z is one of levels^latents points."""
    del hyper, prior
    return jnp.full_like(z[..., 0], -latents * rate)

  def sample_prior(key, shape, hyper, prior=None):
    del hyper
    index = jax.random.randint(key, (*shape, latents), 0, levels)
    if prior is None:
      return index.astype(float) / last - 1.0
    return jnp.take_along_axis(
      jnp.broadcast_to(2 * prior['values'], (*shape, latents, levels)),
      index[..., None],
      axis=-1,
    )[..., 0]

  def penalty(params, prior=None):
    """Weighted squared distances to the values, `[...]` nats."""
    near = 0.5 * _of_values(2 * params, prior, levels)
    to_value = params - jax.lax.stop_gradient(near)
    to_number = jax.lax.stop_gradient(params) - near
    weight = 4.0 if commitment is None else commitment
    return weight * jnp.sum(to_value**2 + to_number**2, axis=-1)

  def start(key):
    del key
    values = jnp.linspace(-0.5, 0.5, levels)
    return {'values': jnp.broadcast_to(values, (latents, levels))}

  words = '' if kind == 'fsq' else f', kind={kind!r}'
  words += '' if commitment is None else f', commitment={commitment!r}'
  return Slot(
    name=f'quantized({latents}, {levels}{words})',
    topology='segment',
    params_dim=latents,
    sample_dim=latents,
    code_dim=latents,
    latents=latents,
    posterior=posterior,
    sample=lambda key, q: q.value,
    mean=lambda q: q.value,
    variance=lambda q: jnp.zeros_like(q.place),
    kl=constant,
    log_prob=log_prob,
    sample_prior=sample_prior,
    code=lambda z: z,
    chart=lambda z: z,
    move=lambda z, column, value: z.at[..., column].set(value),
    span=(-1.0, 1.0),
    divergence=lambda q, other: ((q.place - other.place) * last) ** 2,
    average=average,
    learned=start if kind == 'latent' else None,
    penalty=penalty if kind == 'latent' else None,
  )


def bounded(params: Array, levels: int) -> Array:
  """Any numbers -> places strictly between -levels / 2 and levels / 2.

  The end levels are as wide as the others, and 0 is in the middle for odd and
  even numbers of levels. (Mentzer et al. shift even ones by an atanh that does
  not exist for two levels.)
  """
  return (0.5 * levels * (1 - 1e-3)) * jnp.tanh(params)


def nearest(place: Array, levels: int) -> Array:
  """The level that is nearest, in steps from the middle; no gradient."""
  last = (levels - 1) / 2
  return jnp.clip(jnp.round(place + last), 0, levels - 1) - last


def straight_through(place: Array, levels: int) -> Array:
  """`nearest` with the gradient of `place` [Bengio et al. 2013]."""
  return place + jax.lax.stop_gradient(nearest(place, levels) - place)


def average(q: Posterior, other: Posterior, shared: Array) -> Posterior:
  """q with the middle of both places and values where `shared`.

  Between two levels where a pair is at different ones.
  """
  return Posterior(
    jnp.where(shared, 0.5 * (q.place + other.place), q.place),
    jnp.where(shared, 0.5 * (q.value + other.value), q.value),
  )


def _of_values(place, prior, levels):
  """The value nearest to places `[..., d]`, on the chart.

  Args:
    place: on the chart.
    prior: {'values': `[d, levels]`}, in units of half the chart; None for those
      that training begins with.
    levels: how many.
  """
  if prior is None:
    last = (levels - 1) / 2
    return nearest(place * last, levels) / last
  values = 2 * prior['values'].reshape(
    (1,) * (place.ndim - 1) + prior['values'].shape
  )
  away = jnp.abs(place[..., None] - values)
  chosen = jnp.argmin(away, axis=-1, keepdims=True)
  values = jnp.broadcast_to(values, away.shape)
  return jnp.take_along_axis(values, chosen, axis=-1)[..., 0]
