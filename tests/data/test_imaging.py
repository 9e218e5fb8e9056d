"""Pictures that look alike become the same pixels."""

import struct

import numpy as np
import pytest
from PIL import Image

from jaxvae.data import imaging

NOISE = np.random.default_rng(0).integers(0, 256, (6, 8, 4), np.uint8)


def _saved(tmp_path, image, name='x.png', **options):
  image.save(tmp_path / name, **options)
  return tmp_path / name


def test_what_is_clear_is_white_whatever_colour_it_hides(tmp_path):
  noise = NOISE.copy()
  noise[..., 3] = 255
  noise[:, :4, 3] = 0
  noise[2, 6] = 200, 100, 0, 51
  path = _saved(tmp_path, Image.fromarray(noise))
  assert imaging.kind(path) == imaging.Kind(
    grey=False, deep=False, clear=True, square=False
  )
  pixels = imaging.read(path)
  assert (pixels[:, :4] == 255).all()
  # A fifth of the colour on four fifths of white, by hand.
  np.testing.assert_array_equal(pixels[2, 6], [244, 224, 204])
  opaque = noise[..., 3] == 255
  np.testing.assert_array_equal(pixels[opaque], noise[opaque][:, :3])
  # The same as an array.
  np.testing.assert_array_equal(imaging.fit(noise, (6, 8, 3)), pixels)


@pytest.mark.parametrize('mode', ['LA', 'P', 'L'])
def test_other_ways_to_be_clear(tmp_path, mode):
  options = {}
  if mode == 'LA':
    image = Image.merge('LA', [Image.new('L', (8, 6), v) for v in (7, 0)])
  else:
    image = Image.new(mode, (8, 6), 7)
    if mode == 'P':
      image.putpalette(range(24))
    options = {'transparency': 7}
  path = _saved(tmp_path, image, **options)
  assert imaging.kind(path).clear
  assert (imaging.read(path) == 255).all()


def test_16_bits_keep_their_range(tmp_path):
  deep = np.linspace(0, 65535, 48).astype(np.uint16).reshape(6, 8)
  path = _saved(tmp_path, Image.fromarray(deep))
  assert imaging.kind(path) == imaging.Kind(
    grey=True, deep=True, clear=False, square=False
  )
  np.testing.assert_array_equal(imaging.read(path), deep)
  # The third of them is clear.
  path = _saved(tmp_path, Image.fromarray(deep), transparency=int(deep[0, 2]))
  assert imaging.kind(path) == imaging.Kind(
    grey=True, deep=True, clear=True, square=False
  )
  deep[0, 2] = 65535
  np.testing.assert_array_equal(imaging.read(path), deep)


def _exif(*entries):
  """Tags as (number, type, value); types 3 and 8 are shorts. [TIFF 6.0]"""
  parts = [b'Exif\0\0II*\0', struct.pack('<IH', 8, len(entries))]
  for number, kind, value in entries:
    said = struct.pack('<H' if kind == 3 else '<h', value)
    parts.append(struct.pack('<HHI', number, kind, 1) + said + b'\0\0')
  return b''.join([*parts, bytes(4)])


@pytest.mark.parametrize('odd', [False, True])
def test_a_noted_turn_is_done_whatever_other_tags_say(tmp_path, odd):
  ramp = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
  # Orientation 6: the picture is to be turned a quarter clockwise.
  tags = [(0x0112, 3, 6)]
  if odd:  # A unit of resolution below 0, which Pillow cannot write again.
    tags.append((0x0128, 8, -2))
  path = _saved(tmp_path, Image.fromarray(ramp), exif=_exif(*tags))
  np.testing.assert_array_equal(imaging.read(path), np.rot90(ramp, -1))


def test_damaged_notes_turn_nothing(tmp_path):
  path = _saved(tmp_path, Image.fromarray(NOISE[..., 0]), exif=b'Exif\0\0II*')
  np.testing.assert_array_equal(imaging.read(path), NOISE[..., 0])


def test_pixels_take_another_shape():
  grey, colour = NOISE[..., :1], NOISE[..., :3]
  np.testing.assert_array_equal(imaging.fit(colour, (6, 8, 3)), colour)
  found = imaging.fit(grey, (6, 8, 3))
  np.testing.assert_array_equal(found, np.repeat(grey, 3, axis=2))
  flat = np.full((6, 8, 3), (10, 20, 30), np.uint8)
  # The middle of one colour is that colour; its grey is 18 by ITU-R 601-2.
  assert (imaging.fit(flat, (3, 3, 1)) == 18).all()
