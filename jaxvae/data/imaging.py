"""Picture files as arrays of pixels.

Pictures that look alike become the same pixels: what is transparent is laid on
white, a turn that the camera noted is done, and the first of several pictures
in a file is the one that counts.
"""

import contextlib
import pathlib
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from jaxvae.data import checks, files
from jaxvae.errors import UserError

SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.gif', '.tif', '.tiff', '.webp')
# Whatever a file is called. Others of Pillow's formats start programs.
_FORMATS = ('PNG', 'JPEG', 'BMP', 'DIB', 'GIF', 'TIFF', 'WEBP')
_ORIENTATION = 0x0112
# What undoes a turn. [Exif 2.32, tag Orientation]
_TURNS = {
  2: Image.Transpose.FLIP_LEFT_RIGHT,
  3: Image.Transpose.ROTATE_180,
  4: Image.Transpose.FLIP_TOP_BOTTOM,
  5: Image.Transpose.TRANSPOSE,
  6: Image.Transpose.ROTATE_270,
  7: Image.Transpose.TRANSVERSE,
  8: Image.Transpose.ROTATE_90,
}


class Kind(NamedTuple):
  """What a file's header says of its pixels.

  Attributes:
    grey: stored without colour.
    deep: has 16 bits a pixel.
    clear: has transparency.
    square: is as high as it is wide.
  """

  grey: bool
  deep: bool
  clear: bool
  square: bool


def kind(path: pathlib.Path) -> Kind:
  """Reads the header of a file.

  Raises:
    UserError: the picture is too large, or has floats or 32 bits a pixel.
    IntegrityError: it is no picture of a known format.
  """
  with _opened(path) as image:
    deep = image.mode.startswith('I;16')
    return Kind(
      grey=deep or image.mode in ('1', 'L', 'LA'),
      deep=deep,
      clear=image.has_transparency_data,
      square=image.height == image.width,
    )


def read(path: pathlib.Path) -> np.ndarray:
  """The pixels `[h, w]`, grey uint8 or uint16, or colour `[h, w, 3]` uint8.

  Raises:
    UserError, IntegrityError: as `kind`, or the file is damaged.
  """
  with _opened(path) as image:
    image.load()
    turn = _TURNS.get(_noted_turn(image))
    if turn is not None:
      image = image.transpose(turn)
    if image.mode.startswith('I;16'):
      pixels = np.asarray(image).astype(np.uint16)
      # A PNG may say which grey is clear.
      clear = pixels == image.info.get('transparency', -1)
      return np.where(clear, np.uint16(65535), pixels)
    return np.asarray(_flat(image))


def fit(pixels: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
  """Pixels `[h, w]` or `[h, w, c]` uint8, c 1, 3 or 4, in another shape.

  The middle is cut out with the new proportions and resized; four channels are
  a colour and its opacity, laid on white.
  """
  if pixels.shape == shape:
    return pixels
  if pixels.ndim == 3 and pixels.shape[2] == 1:
    pixels = pixels[..., 0]
  height, width, channels = shape
  picture = _flat(Image.fromarray(pixels), 'L' if channels == 1 else 'RGB')
  if picture.size != (width, height):
    picture = ImageOps.fit(picture, (width, height))
  return np.asarray(picture).reshape(shape)


def _flat(image: Image.Image, mode: str = '') -> Image.Image:
  """In grey or colour (`mode`, or as it is), and what is clear is white."""
  if not mode:
    mode = 'L' if image.mode in ('1', 'L', 'LA') else 'RGB'
  if image.has_transparency_data:
    image = image.convert('RGBA')
    white = Image.new('RGBA', image.size, 'white')
    image = Image.alpha_composite(white, image)
  return image.convert(mode)


def _noted_turn(image: Image.Image) -> int | None:
  """Not `ImageOps.exif_transpose`, which rewrites all tags and fails on odd."""
  try:
    return image.getexif().get(_ORIENTATION)
  except files.UNREADABLE:
    return None


@contextlib.contextmanager
def _opened(path: pathlib.Path) -> Iterator[Image.Image]:
  try:
    with warnings.catch_warnings():
      warnings.simplefilter('ignore')  # of Pillow, about odd tags
      with Image.open(path, formats=_FORMATS) as image:
        checks.area(image.height, image.width, str(path))
        if image.mode in ('I', 'F'):
          raise UserError(
            f'{path} has pixels of more than 16 bits (mode {image.mode})',
            hint='convert it to 8 or 16 bits, or give an .npz of floats in'
            ' [0, 1]',
          )
        yield image
  except Image.DecompressionBombError as error:
    raise UserError(
      f'{path}: too many pixels; allowed: {checks.MAX_PIXELS:,}'
    ) from error
  except files.UNREADABLE as error:
    what = 'not an image that can be read'
    raise files.unreadable(path, what, error) from error
