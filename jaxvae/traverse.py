"""Traversals: one latent moves along its chart, the others are held."""

from collections.abc import Callable, Iterable

import jax.numpy as jnp
import numpy as np
from scipy.special import ndtri

from jaxvae.latent.product import LatentSpace


def traverse(
  space: LatentSpace,
  decode: Callable[[np.ndarray], np.ndarray],
  z: np.ndarray,
  latents: Iterable[int],
  steps: int,
  span: tuple[float, float] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
  """Moves each of `latents` over its span, from each of the points `z`.

  Args:
    space: that z is a point of.
    decode: z `[n, d]` -> images `[n, h, w, c]`.
    z: `[n, d]` where the traversals start.
    latents: which columns to move; they are the rows of the result.
    steps: values of a latent, evenly spaced, both ends of the span included;
      of a loop the second end is left out, which is the first again, and of
      points the values are rounded.
    span: (low, high) in the unit of the chart, in place of each slot's own,
      both ends included.

  Returns:
    Images `[latents, n, steps, h, w, c]`, and the values `[latents, steps]`.
  """
  held = jnp.asarray(np.repeat(z[:, None], steps, axis=1))
  images, values = [], []
  for latent in latents:
    value = values_of(space, latent, steps, span)
    moved = space.move(held, latent, jnp.broadcast_to(value, held.shape[:2]))
    flat = decode(np.asarray(moved).reshape(-1, z.shape[1]))
    images.append(flat.reshape(*held.shape[:2], *flat.shape[1:]))
    values.append(value)
  return np.stack(images), np.stack(values)


def values_of(
  space: LatentSpace,
  latent: int,
  steps: int,
  span: tuple[float, float] | None = None,
) -> np.ndarray:
  """The values `[steps]` float32 that a traversal gives a latent."""
  low, high = span or space.span(latent)
  kind = space.topology(latent)
  once_round = kind == 'loop' and span is None
  value = np.linspace(low, high, steps, not once_round, dtype=np.float32)
  return np.rint(value) if kind == 'points' else value


def plane(
  space: LatentSpace, decode: Callable[[np.ndarray], np.ndarray], steps: int
) -> tuple[np.ndarray, np.ndarray]:
  """What a space of two numbers holds, at quantiles of the normal prior.

  Args:
    space: of two latents on lines and nothing else.
    decode: z `[n, 2]` -> images `[n, h, w, c]`.
    steps: along each latent.

  Returns:
    Images `[steps, steps, h, w, c]`: the first latent from left to right, the
    second from the last row up; and the quantiles `[steps]`, from 5 % to 95 %.
  """
  if (space.sample_dim, space.latents, space.topology(0)) != (2, 2, 'line'):
    raise ValueError('a plane needs a space of two latents on lines')
  quantiles = np.linspace(0.05, 0.95, steps)
  value = np.asarray(ndtri(quantiles), np.float32)
  rows, columns = np.meshgrid(value[::-1], value, indexing='ij')
  flat = decode(np.stack([columns, rows], axis=-1).reshape(-1, 2))
  return flat.reshape(steps, steps, *flat.shape[1:]), quantiles
