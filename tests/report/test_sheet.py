import numpy as np
import pytest

from jaxvae.report import sheet, style


def test_images_become_uint8_rgb():
  grey = np.array([0.0, 0.5, 1.0, 1.7, -3.0]).reshape(1, 1, 5, 1)
  rgb = sheet.to_rgb(grey, 'images', 'n h w c')
  assert rgb.dtype == np.uint8 and rgb.shape == (1, 1, 5, 3)
  assert rgb[0, 0, :, 1].tolist() == [0, 128, 255, 255, 0]
  same = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
  assert (sheet.to_rgb(same, 'images', 'n h w c') == same).all()
  binary = sheet.to_rgb(grey > 0, 'images', 'n h w c')
  assert binary[0, 0, :, 0].tolist() == [0, 255, 255, 255, 0]


@pytest.mark.parametrize(
  ('images', 'message'),
  [
    (np.zeros((2, 8, 8)), r'images must be \[n, h, w, c\].*\[2, 8, 8\]'),
    (np.zeros((2, 8, 8, 2)), 'with 1 or 3 channels'),
    (np.zeros((0, 8, 8, 1)), r'the shape is \[0, 8, 8, 1\]'),
    (np.full((1, 2, 2, 1), np.nan), 'images hold NaN or infinity'),
  ],
)
def test_wrong_images_are_named_in_one_line(images, message):
  with pytest.raises(ValueError, match=message) as error:
    sheet.to_rgb(images, 'images', 'n h w c')
  assert '\n' not in str(error.value)


@pytest.mark.parametrize(
  ('side', 'scale'), [(8, 16), (28, 5), (64, 2), (128, 1), (300, 1)]
)
def test_enlargement_is_whole(side, scale):
  assert sheet.enlargement(side, side // 2, 128) == scale


def test_every_pixel_is_a_square_at_its_place():
  random = np.random.default_rng(0)
  tiles = random.integers(0, 255, size=(3, 4, 28, 20, 3), dtype=np.uint8)
  image, layout = sheet.draw(
    [list(row) for row in tiles],
    title='Title',
    row_labels=['z0\nKL 1', 'z1', 'z2'],
    column_labels=['a', 'b', 'c', 'd'],
    axis_label='axis',
    rows_per_group=2,
  )
  pixels = np.asarray(image)
  assert layout.scale == 5 and image.size == layout.size
  for row, top in enumerate(layout.tops):
    for column in range(4):
      left = layout.left + column * layout.pitch
      for y, x in ((0, 0), (27, 19), (13, 7)):
        square = pixels[top + 5 * y :, left + 5 * x :][:5, :5]
        assert (square == tiles[row, column, y, x]).all()
      # The hairline, then white.
      below = pixels[top + 140 : top + 142, left : left + 100]
      assert (below[0] == 0xC9).all() and (below[1] == 255).all()
  first, second, third = layout.tops
  assert third - second > second - first == 28 * 5 + 6


def test_missing_tiles_stay_white_and_captions_lie_inside():
  black = np.zeros((8, 8, 3), np.uint8)
  image, layout = sheet.draw(
    [[black, black], [black, None]],
    captions=[['a caption wider than its image', 'b'], ['c', '']],
  )
  pixels = np.asarray(image)
  top, left = layout.tops[1], layout.left + layout.pitch
  assert (pixels[top : top + 128, left : left + 128] == 255).all()
  border = [pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]
  assert all((edge == 255).all() for edge in border)


def test_labels_are_taken_as_they_are():
  black = np.zeros((8, 8, 3), np.uint8)
  image, _ = sheet.draw(
    [[black]], title='$\\frac{', row_labels=['<b> $x$ 形 \\ %s {}']
  )
  assert image.size[0] > 300


def test_inactive_labels_are_grey():
  black = np.zeros((8, 8, 3), np.uint8)
  darkest = []
  for dimmed in ([False], [True]):
    image, layout = sheet.draw(
      [[black]], row_labels=['z0\nKL 0'], dimmed=dimmed
    )
    darkest.append(np.asarray(image)[:, : layout.left - 2].min())
  assert darkest == [0x22, 0xA6]


def test_column_labels_that_are_wider_than_tiles_lie_apart():
  tile = np.zeros((4, 4, 3), np.uint8)
  look = sheet.PRINT
  names = ['as ankle boot', 'as pullover', 'as squares wit…']
  image, layout = sheet.draw([[tile] * 3], column_labels=names, look=look)
  widths = [style.font(look.text).getlength(name) for name in names]
  assert layout.pitch > max(widths)
  wide = 4 * layout.scale
  middles = [layout.left + wide / 2 + at * layout.pitch for at in range(3)]
  assert middles[0] - widths[0] / 2 > 0
  assert middles[2] + widths[2] / 2 < image.width
