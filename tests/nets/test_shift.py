"""Every move is made, as often as the others, and nothing wraps round."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxvae.nets.shift import shifted


def test_images_move_by_every_number_of_pixels_alike():
  image = np.zeros((4_000, 5, 5, 1), np.float32)
  image[:, 2, 2] = 1.0
  moved = np.asarray(shifted(jax.random.key(0), jnp.asarray(image), 1))
  where = moved.reshape(4_000, 25).argmax(axis=1)
  counts = np.bincount(where, minlength=25).reshape(5, 5)
  assert counts[1:4, 1:4].sum() == 4_000
  spread = np.sqrt(4_000 * (1 / 9) * (8 / 9))
  assert (np.abs(counts[1:4, 1:4] - 4_000 / 9) < 5 * spread).all()


def test_what_leaves_the_image_is_gone():
  image = jnp.ones((200, 3, 3, 2))
  moved = np.asarray(shifted(jax.random.key(1), image, 2))
  kept = moved[..., 0].sum(axis=(1, 2))
  assert set(kept) <= {1.0, 2.0, 3.0, 4.0, 6.0, 9.0}
  np.testing.assert_array_equal(moved[..., 0], moved[..., 1])
  np.testing.assert_array_equal(
    shifted(jax.random.key(1), image, 0), np.ones((200, 3, 3, 2))
  )
