"""Coloured images are found again on the figures, where they belong."""

import numpy as np
import pytest
from PIL import Image

from jaxvae.report import figures

RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 255, 0)


def plain(*colours, side=8):
  """One image of each colour: [n, side, side, 3]."""
  return np.broadcast_to(
    np.array(colours, np.uint8)[:, None, None], (len(colours), side, side, 3)
  )


def find(path, colour):
  """Left, top, right, bottom of a colour on a figure, ends excluded."""
  with Image.open(path) as image:
    y, x = np.nonzero((np.asarray(image) == colour).all(axis=-1))
  return x.min(), y.min(), x.max() + 1, y.max() + 1


def test_a_reconstruction_lies_below_its_original(tmp_path):
  path = tmp_path / 'reconstructions.png'
  figures.reconstructions(path, plain(RED, GREEN), plain(BLUE, (9, 9, 9)))
  red, blue, green = (find(path, colour) for colour in (RED, BLUE, GREEN))
  assert (red[2] - red[0], red[3] - red[1]) == (128, 128)
  assert (red[0], red[2]) == (blue[0], blue[2])
  assert 0 < blue[1] - red[3] < 10
  assert red[1] == green[1] and 0 < green[0] - red[2] < 10


def test_many_reconstructions_are_broken_into_pairs_of_rows(tmp_path):
  path = tmp_path / 'reconstructions.png'
  originals = plain(*[RED] * 10, GREEN)
  figures.reconstructions(path, originals, plain(*[BLUE] * 10, (9, 9, 9)))
  red, blue, green = (find(path, colour) for colour in (RED, BLUE, GREEN))
  assert green[0] == red[0] and green[1] > blue[3] > red[3]


def test_traversals_keep_rows_and_steps(tmp_path):
  path = tmp_path / 'traversals.png'
  images = np.zeros((2, 3, 64, 64, 3), np.uint8)
  images[0, 0], images[1, 0], images[1, 2] = RED, BLUE, GREEN
  figures.traversals(
    path, images, ['z3', 'z1\nKL 0.01'], [-3, 0, 3], active=[True, False]
  )
  red, blue, green = (find(path, colour) for colour in (RED, BLUE, GREEN))
  assert red[0] == blue[0] and red[1] < blue[1] == green[1]
  assert green[0] - blue[0] == 2 * (128 + 6)


@pytest.mark.parametrize('side', [8, 28, 64])
def test_samples_make_a_square(tmp_path, side):
  path = tmp_path / 'samples.png'
  figures.samples(path, plain(RED, *[BLUE] * 7, GREEN, side=side))
  red, green = find(path, RED), find(path, GREEN)
  assert green[0] - red[0] == green[1] - red[1] > 2 * side


def test_samples_stand_over_their_labels(tmp_path):
  path, without = tmp_path / 'labels.png', tmp_path / 'without.png'
  images = plain(*[RED] * 5)
  figures.samples(path, images, labels=['0', '1', '2', '3', '4'])
  figures.samples(without, images)
  with Image.open(path) as image, Image.open(without) as other:
    assert image.height > other.height + 2 * 24


def test_grey_real_numbers_are_exact(tmp_path):
  path = tmp_path / 'samples.png'
  images = np.full((1, 28, 28, 1), 51 / 255, np.float32)
  figures.samples(path, images, title='')
  left, top, right, bottom = find(path, (51, 51, 51))
  with Image.open(path) as image:
    assert (
      image.crop((left, top, right, bottom)).getextrema() == ((51, 51),) * 3
    )
  assert (right - left, bottom - top) == (140, 140)


def test_what_does_not_fit_is_named_in_one_line(tmp_path):
  path = tmp_path / 'a.png'
  images = np.zeros((2, 3, 8, 8, 1))
  with pytest.raises(ValueError, match='they must be pairs'):
    figures.reconstructions(path, images[0], images[0, :2])
  with pytest.raises(ValueError, match='1 row labels for 2 rows'):
    figures.traversals(path, images, ['z0'], [0, 1, 2])
  with pytest.raises(ValueError, match='2 values for 3 steps'):
    figures.traversals(path, images, ['z0', 'z1'], [0, 1])
  with pytest.raises(ValueError, match='3 active flags for 2 rows'):
    figures.traversals(path, images, ['z0', 'z1'], [0, 1, 2], active=[True] * 3)
  with pytest.raises(ValueError, match='1 labels for 3 images'):
    figures.samples(path, images[0], labels=['a'])
  assert not path.exists()


def test_a_grid_has_its_rows_and_columns(tmp_path):
  path = tmp_path / 'grid.png'
  cells = np.stack([plain(RED, (9, 9, 9)), plain((9, 9, 9), BLUE)])
  figures.grid(path, cells, ['a', 'b'], ['x', 'y'], 'Grid', 'letters')
  red, blue = find(path, RED), find(path, BLUE)
  assert red[2] < blue[0] and red[3] < blue[1]
  with pytest.raises(ValueError, match='1 row labels for 2 rows'):
    figures.grid(path, cells, ['a'], ['x', 'y'], 'Grid')
