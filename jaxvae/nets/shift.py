"""Images moved a little: what a classifier is taught not to mind."""

import jax
import jax.numpy as jnp
from jax import Array


def shifted(key: Array, image: Array, pixels: int) -> Array:
  """Images `[b, h, w, c]`, each moved along both axes, 0 outside.

  Args:
    key: of how far.
    image: a batch.
    pixels: at most so many, to either side; all moves are equally likely.
  """
  b, h, w, c = image.shape
  edge = (pixels, pixels)
  padded = jnp.pad(image, ((0, 0), edge, edge, (0, 0)))
  places = jax.random.randint(key, (b, 2), 0, 2 * pixels + 1)

  def one(picture, place):
    start = (place[0], place[1], jnp.zeros_like(place[0]))
    return jax.lax.dynamic_slice(picture, start, (h, w, c))

  return jax.vmap(one)(padded, places)
