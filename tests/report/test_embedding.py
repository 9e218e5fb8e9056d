"""Codes by class and manifolds, read back from the figures."""

import numpy as np
import pytest
from PIL import Image, ImageColor

from jaxvae.report import embedding


def pixels(path):
  with Image.open(path) as image:
    return np.asarray(image.convert('RGB')).astype(int)


def places(path, colour):
  """Rows and columns of pixels within a few shades of a colour."""
  away = np.abs(pixels(path) - ImageColor.getrgb(colour)).max(axis=-1)
  return np.nonzero(away < 60)


def test_each_class_has_its_colour_where_its_codes_are(tmp_path):
  path = tmp_path / 'codes.png'
  rng = np.random.default_rng(0)
  labels = np.repeat([0, 6], 200)
  codes = (
    rng.normal(size=(400, 2)) * 0.3 + np.where(labels == 6, 4, -4)[:, None]
  )
  embedding.codes(path, [('', codes)], labels, 'Codes', ('z0', 'z1'))
  low_row, low_column = (np.median(x) for x in places(path, '#332288'))
  high_row, high_column = (np.median(x) for x in places(path, '#cc6677'))
  # The larger coordinates are to the right and above.
  assert high_column > low_column + 100 and high_row < low_row - 100


def test_names_are_in_a_legend_beside_the_codes(tmp_path):
  path = tmp_path / 'codes.png'
  codes = np.random.default_rng(0).normal(size=(300, 2))
  names = ('sandal', 'ankle boot')
  embedding.codes(path, [('', codes)], np.arange(300) % 2, 'x', called=names)
  width = pixels(path).shape[1]
  for colour in ('#332288', '#88ccee'):
    columns = places(path, colour)[1]
    assert columns.min() < 0.4 * width and columns.max() > 0.7 * width


def test_a_manifold_is_in_one_piece_the_right_way_up(tmp_path):
  path = tmp_path / 'manifold.png'
  images = np.zeros((4, 4, 6, 6, 3))
  images[0, 0, ..., 0] = 1.0  # top left: red
  images[3, 3, ..., 2] = 1.0  # bottom right: blue
  quantiles = np.linspace(0.05, 0.95, 4)
  embedding.manifold(path, images, quantiles, 'Manifold')
  red = np.nonzero((pixels(path) == (255, 0, 0)).all(axis=-1))
  blue = np.nonzero((pixels(path) == (0, 0, 255)).all(axis=-1))
  assert red[0].max() < blue[0].min() and red[1].max() < blue[1].min()


def test_shapes_that_do_not_fit_are_refused(tmp_path):
  with pytest.raises(ValueError, match='images must be'):
    embedding.manifold(
      tmp_path / 'x.png', np.zeros((4, 6, 6, 3)), np.ones(4), 'Manifold'
    )
