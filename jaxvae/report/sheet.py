"""A sheet of small images with labels, exact to the pixel.

Images are enlarged by whole numbers, nearest neighbour, so that a pixel of the
model is a square on the sheet. White gaps part them; a grey hairline shows
where an image with a white background ends.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from jaxvae.report import style


class Look(NamedTuple):
  """Sizes of a sheet, in its pixels.

  Attributes:
    tile: about how long the longer side of an image is after enlargement.
    text: height of the text.
    gap: white between images, hairlines not counted.
  """

  tile: int
  text: int
  gap: int


PRINT = Look(tile=128, text=24, gap=4)
SCREEN = Look(tile=72, text=14, gap=3)


class Layout(NamedTuple):
  """Where things are: `left + column * pitch` is the first pixel of an image.

  Attributes:
    scale: enlargement of an image.
    left: of the first image.
    tops: of each row of images.
    pitch: from one column of images to the next.
    size: (width, height) of the sheet.
  """

  scale: int
  left: int
  tops: tuple[int, ...]
  pitch: int
  size: tuple[int, int]


def to_rgb(images, name: str, shape: str) -> np.ndarray:
  """Images as uint8 RGB, whatever they came as.

  Args:
    images: [..., h, w, 1 or 3], uint8, or real numbers in [0, 1]; what lies
      outside is clipped.
    name: what to call them in an error.
    shape: the axes they must have, as text: 'n h w c'.
  """
  images = np.asarray(images)
  axes = shape.split()
  fits = images.ndim == len(axes) and images.shape[-1] in (1, 3)
  if not fits or 0 in images.shape:
    raise ValueError(
      f'{name} must be [{", ".join(axes)}] with 1 or 3 channels; '
      f'the shape is {list(images.shape)}'
    )
  if images.dtype == bool:
    images = images.astype(np.uint8) * np.uint8(255)
  if images.dtype != np.uint8:
    images = images.astype(np.float32)
    if not np.isfinite(images).all():
      raise ValueError(f'{name} hold NaN or infinity')
    images = np.round(np.clip(images, 0, 1) * 255).astype(np.uint8)
  return np.broadcast_to(images, (*images.shape[:-1], 3))


def enlargement(height: int, width: int, target: int) -> int:
  """The whole number that brings the longer side nearest to `target`."""
  return max(1, round(target / max(height, width)))


def enlarge(image: np.ndarray, scale: int) -> np.ndarray:
  """[h, w, ...] -> [scale * h, scale * w, ...], nearest neighbour."""
  return image.repeat(scale, axis=0).repeat(scale, axis=1)


def draw(
  tiles: Sequence[Sequence[np.ndarray | None]],
  *,
  title: str = '',
  row_labels: Sequence[str] = (),
  column_labels: Sequence[str] = (),
  captions: Sequence[Sequence[str]] = (),
  axis_label: str = '',
  dimmed: Sequence[bool] = (),
  rows_per_group: int = 0,
  look: Look = PRINT,
) -> tuple[Image.Image, Layout]:
  """Draws the sheet.

  Args:
    tiles: rows of uint8 images [h, w, 3] of one size; None leaves white.
    title: over everything.
    row_labels: left of each row; the first line stands out, the others explain.
    column_labels: under each column.
    captions: under each image, as `tiles` has them.
    axis_label: what the column labels count.
    dimmed: rows or, with captions alone, images in reading order, whose label
      is grey.
    rows_per_group: a wider gap after as many rows; 0 for none.
    look: sizes.

  Returns:
    The image and where its parts lie.
  """
  layout = _layout(
    tiles, title, row_labels, column_labels, captions, axis_label,
    rows_per_group, look,
  )  # fmt: skip
  image = Image.new('RGB', layout.size, style.PAPER)
  pen = ImageDraw.Draw(image)
  margin = look.text
  if title:
    font = style.font(round(1.1 * look.text), bold=True)
    pen.text((margin, margin), title, style.INK, font)
  for row, (top, line) in enumerate(zip(layout.tops, tiles, strict=True)):
    for column, tile in enumerate(line):
      if tile is None:
        continue
      left = layout.left + column * layout.pitch
      big = enlarge(tile, layout.scale)
      high, wide = big.shape[:2]
      box = (left - 1, top - 1, left + wide, top + high)
      pen.rectangle(box, outline=style.HAIRLINE)
      image.paste(Image.fromarray(big), (left, top))
      if captions:
        which = row if row_labels else row * len(tiles[0]) + column
        dim = bool(dimmed) and dimmed[which]
        middle = (left + wide / 2, top + high + look.text // 3)
        _label(pen, middle, captions[row][column], look, dim, 'center')
    if row_labels:
      dim = bool(dimmed) and dimmed[row]
      block = _block_height(row_labels[row], look)
      high = layout.scale * _first(tiles).shape[0]
      place = (margin, top + (high - block) / 2)
      _label(pen, place, row_labels[row], look, dim, 'left')
  below = _below(captions, look)
  _columns(pen, layout, tiles, column_labels, axis_label, below, look)
  return image, layout


def _layout(
  tiles, title, row_labels, column_labels, captions, axis_label,
  rows_per_group, look,
) -> Layout:  # fmt: skip
  high, wide = _first(tiles).shape[:2]
  scale = enlargement(high, wide, look.tile)
  high, wide = scale * high, scale * wide
  margin, frame = look.text, look.gap + 2
  labels = max((_width(label, look) for label in row_labels), default=0)
  left = 1 + margin + (labels + look.text if labels else 0)
  top = 1 + margin + (round(2.1 * look.text) if title else 0)
  below, widest = _below(captions, look), 0
  under = [text for line in captions for text in line] + list(column_labels)
  if under:
    widest = max(_width(text, look) for text in under)
    frame = max(frame, widest + look.text - wide)
    left += max(0, (widest - wide) // 2)
  label_room = max(
    (_block_height(text, look) for text in row_labels), default=0
  )
  row_pitch = max(high + look.gap + 2 + below, label_room + look.gap)
  tops = []
  for row in range(len(tiles)):
    if rows_per_group and row and row % rows_per_group == 0:
      top += look.text
    tops.append(top)
    top += row_pitch
  bottom = tops[-1] + high + below + 1
  bottom += round(1.6 * look.text) if column_labels else 0
  bottom += round(1.5 * look.text) if axis_label else 0
  right = left + len(tiles[0]) * (wide + frame) - frame + 1
  title_font = style.font(round(1.1 * look.text), bold=True)
  right += max(0, (widest - wide) // 2)
  right = max(right, margin + round(title_font.getlength(title)))
  return Layout(
    scale, left, tuple(tops), wide + frame, (right + margin, bottom + margin)
  )


def _below(captions, look) -> int:
  """Room under each row of images."""
  blocks = [_block_height(text, look) for line in captions for text in line]
  return max(blocks) + look.text if blocks else 0


def _columns(pen, layout, tiles, labels, axis_label, below, look) -> None:
  high, wide = (layout.scale * side for side in _first(tiles).shape[:2])
  line = layout.tops[-1] + high + below + look.text // 2
  if labels:
    font = style.font(look.text)
    for column, text in enumerate(labels):
      middle = layout.left + column * layout.pitch + wide / 2
      pen.text((middle, line), text, style.INK, font, anchor='ma')
    line += round(1.5 * look.text)
  if axis_label:
    middle = layout.left + (len(tiles[0]) * layout.pitch - look.gap) / 2
    font = style.font(round(0.9 * look.text))
    pen.text((middle, line), axis_label, style.MUTED, font, anchor='ma')


def _label(pen, place, text, look, dim, align) -> None:
  """Writes a headline and the lines that explain it, from the top down."""
  horizontal, line = place
  anchor = {'left': 'la', 'center': 'ma'}[align]
  head, *rest = text.split('\n')
  colour = style.DEAD if dim else style.INK
  pen.text((horizontal, line), head, colour, style.font(look.text), anchor)
  colour = style.DEAD if dim else style.MUTED
  for index, text in enumerate(rest):
    down = round(1.35 * look.text) + index * look.text * 1.1
    font = style.font(_small(look))
    pen.text((horizontal, line + down), text, colour, font, anchor)


def _width(text: str, look: Look) -> int:
  head, *rest = text.split('\n')
  widths = [style.font(look.text).getlength(head)]
  widths += [style.font(_small(look)).getlength(line) for line in rest]
  return round(max(widths))


def _block_height(text: str, look: Look) -> int:
  rest = text.count('\n')
  return round(look.text * (1.2 + (0.15 + 1.1 * rest if rest else 0)))


def _small(look: Look) -> int:
  return round(0.82 * look.text)


def _first(tiles) -> np.ndarray:
  return next(tile for line in tiles for tile in line if tile is not None)
