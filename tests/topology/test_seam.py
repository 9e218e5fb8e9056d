import numpy as np
import pytest
from topology.toys import Toy, ring

from jaxvae.topology import seam

RNG = np.random.default_rng(0)


def test_the_nearest_image_by_search():
  decoded, images = RNG.uniform(size=(3, 7, 12)), RNG.uniform(size=(50, 12))
  wanted = np.linalg.norm(decoded[:, :, None] - images, axis=-1).min(axis=-1)
  np.testing.assert_allclose(seam.off_data(decoded, images), wanted, rtol=1e-5)
  np.testing.assert_allclose(seam.off_data(images, images), 0, atol=1e-6)


def test_small_distances_of_large_images_keep_their_digits():
  images = RNG.uniform(size=(20, 12_288)).astype(np.float32) + 100
  near = images + np.float32(1e-3)
  wanted = 1e-3 * np.sqrt(12_288)
  np.testing.assert_allclose(seam.off_data(near, images), wanted, rtol=0.02)


def test_distances_within_a_sweep():
  sweep = RNG.uniform(size=(2, 5, 9))
  wanted = np.linalg.norm(sweep[:, :, None] - sweep[:, None], axis=-1)
  np.testing.assert_allclose(seam.apart(sweep), wanted, atol=1e-3)


def test_the_cycle_sees_a_seam_without_the_data():
  toy = Toy('segment', share=0.8)
  angles = 2 * np.pi * np.arange(180) / 180

  def again(images):
    nearest = ((images[:, None] - toy.images) ** 2).sum(-1).argmin(axis=1)
    return toy.images[nearest]

  off = seam.off_cycle(toy.decode(angles), again)
  assert angles[off.argmax()] == pytest.approx(2 * np.pi * 0.9, abs=0.3)
  wanted = seam.off_data(toy.decode(angles), toy.images)
  np.testing.assert_allclose(off, wanted, atol=1e-6)


def test_the_ratio_of_a_perfect_circle_is_one():
  angles = 2 * np.pi * np.arange(36) / 36
  off = seam.off_data(ring(angles) + 0.01, ring(angles))
  assert seam.ratio(off) == pytest.approx(1, rel=0.05)
  assert seam.ratio(np.zeros(5)) == 1
  assert seam.ratio([0, 0, 0, 1]) == np.inf


@pytest.mark.parametrize(
  ('decoded', 'images', 'words'),
  [
    (np.zeros((2, 3)), np.zeros((4, 5)), '3 pixels and the data 5'),
    (np.zeros((2, 3)), np.zeros((0, 3)), 'at least 1'),
  ],
)
def test_refusals(decoded, images, words):
  with pytest.raises(ValueError, match=words):
    seam.off_data(decoded, images)
