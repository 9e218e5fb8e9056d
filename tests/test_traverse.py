"""Traversals, decoded by a function that shows the latents themselves."""

import numpy as np
import pytest

from jaxvae.latent.slots import latent_space
from jaxvae.traverse import plane, traverse

SPACE = latent_space('gaussian(2) + gaussian(1)')
Z = np.array([[0.5, -1.0, 2.0], [0.1, 0.2, 0.3]], np.float32)


def as_pixels(z):
  return z[:, None, :, None]  # an image of one row, a pixel for each latent


def test_one_latent_moves_and_the_others_are_held():
  images, values = traverse(SPACE, as_pixels, Z, [2, 0], 5)
  assert images.shape == (2, 2, 5, 1, 3, 1)
  np.testing.assert_allclose(values, [[-3, -1.5, 0, 1.5, 3]] * 2)
  for row, latent in enumerate([2, 0]):
    for n, start in enumerate(Z):
      wanted = np.repeat(start[None], 5, axis=0)
      wanted[:, latent] = [-3, -1.5, 0, 1.5, 3]
      np.testing.assert_array_equal(images[row, n, :, 0, :, 0], wanted)


def test_a_span_replaces_the_slots_own():
  images, values = traverse(SPACE, as_pixels, Z[:1], [1], 3, (-1, 2))
  np.testing.assert_allclose(values, [[-1, 0.5, 2]])
  np.testing.assert_allclose(images[0, 0, :, 0, 1, 0], [-1, 0.5, 2])


def test_a_loop_is_gone_round_without_a_repeated_end():
  space = latent_space('loop + segment + points(4)')
  z = np.zeros((1, space.sample_dim), np.float32)
  _, values = traverse(space, as_pixels, z, [0, 1, 2], 4)
  turn = np.array([-np.pi, -np.pi / 2, 0, np.pi / 2])
  np.testing.assert_allclose(values[0], turn, atol=1e-6)
  np.testing.assert_allclose(values[1], [-1, -1 / 3, 1 / 3, 1], atol=1e-6)
  np.testing.assert_array_equal(values[2], [0, 1, 2, 3])


def test_points_are_visited_at_their_places_whatever_the_steps():
  space = latent_space('points(3)')
  z = np.zeros((1, 1), np.float32)
  images, values = traverse(space, as_pixels, z, [0], 7)
  np.testing.assert_array_equal(values[0], [0, 0, 1, 1, 1, 2, 2])
  # The default spacing is 6, centred.
  wanted = [-6, -6, 0, 0, 0, 6, 6]
  np.testing.assert_allclose(images[0, 0, :, 0, 0, 0], wanted)


def test_a_span_of_ones_own_has_both_ends_on_a_loop_too():
  space = latent_space('loop')
  z = np.zeros((1, 1), np.float32)
  _, values = traverse(space, as_pixels, z, [0], 3, (0.0, 1.0))
  np.testing.assert_allclose(values[0], [0, 0.5, 1])


def test_a_plane_lies_at_quantiles_of_the_prior():
  space = latent_space('gaussian(2)')
  images, quantiles = plane(
    space, lambda z: np.repeat(z[:, None, None], 2, axis=1), 3
  )
  np.testing.assert_allclose(quantiles, [0.05, 0.5, 0.95])
  # The normal distribution has 5 % below -1.6449 (any table).
  edge = 1.644854
  first, second = images[..., 0, 0, 0], images[..., 0, 0, 1]
  np.testing.assert_allclose(first[0], [-edge, 0, edge], atol=1e-5)
  np.testing.assert_allclose(second[:, 0], [edge, 0, -edge], atol=1e-5)
  with pytest.raises(ValueError, match='two latents on lines'):
    plane(latent_space('gaussian(3)'), None, 3)
