"""Animations: a latent that goes to and fro, or all of them at once.

Written by Pillow. Grey frames keep their exact values; a colour frame has 256
colours of its own, without dither, so that what stands still does not flicker.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from jaxvae.report import files, sheet, style


def write_gif(
  path, frames, fps: float = 10, scale: int = 1, closed: bool = False
) -> None:
  """Frames played forward, then back, for ever.

  Args:
    path: a .gif.
    frames: [t, h, w, 1 or 3], uint8 or real numbers in [0, 1].
    fps: frames a second, above 0 and up to 50, the most that browsers play;
      GIF counts in hundredths of a second, so that 15 becomes 14.3.
    scale: whole-number enlargement, nearest neighbour.
    closed: the last frame is followed by the first, and nothing goes back.
  """
  frames = sheet.to_rgb(frames, 'frames', 't h w c')
  if scale < 1 or scale != int(scale):
    raise ValueError(f'scale must be a whole number from 1 up, not {scale}')
  frames = [sheet.enlarge(frame, int(scale)) for frame in frames]
  _write(path, frames, fps, closed)


def write_traversals(
  path,
  images,
  labels: Sequence[str],
  values,
  title: str = '',
  *,
  column_labels: Sequence[str] = (),
  active: Sequence[bool] = (),
  fps: float = 10,
) -> None:
  """One animation in which every latent moves at once, from its own place.

  With one start image the latents make a near square, each over its label;
  with several, a latent is a row and a start image a column, as the
  replications show them.

  Args:
    path: a .gif.
    images: [latents, starts, steps, h, w, c].
    labels: one for each latent (`table.label`).
    values: [steps] of all latents or [latents, steps]; the mark at the bottom
      stands at the one that is shown. If all have the same, its line says from
      where to where.
    title: over everything.
    column_labels: one for each start image.
    active: latents whose label is not grey; all by default.
    fps: as for `write_gif`.
  """
  images = sheet.to_rgb(images, 'images', 'latents starts steps h w c')
  latents, starts, steps = images.shape[:3]
  for given, wanted, name in (
    (labels, latents, 'labels for the latents'),
    (np.asarray(values).T, steps, 'values for the steps'),
    (column_labels or range(starts), starts, 'column labels for the starts'),
    (active or range(latents), latents, 'active flags for the latents'),
  ):
    if len(given) != wanted:
      raise ValueError(f'{len(given)} {name}, of which there are {wanted}')
  options = {
    'title': title,
    'dimmed': [not alive for alive in active],
    'look': sheet.SCREEN,
  }
  if starts == 1:
    width = min(latents, max(1, int(np.ceil(np.sqrt(2 * latents)))))
    spare = -latents % width
    padded = [*labels, *[''] * spare]
    options['captions'] = _split(padded, width)
    options['look'] = sheet.SCREEN._replace(tile=128)
  else:
    options |= {'row_labels': labels, 'column_labels': column_labels}
  values = np.broadcast_to(np.asarray(values), (latents, steps))
  alike = (values == values[0]).all()
  ends = (
    [style.number(values[0, end]) for end in (0, -1)] if alike else ['', '']
  )
  frames = []
  for step in range(steps):
    tiles = [list(row) for row in images[:, :, step]]
    if starts == 1:
      tiles = _split([*(row[0] for row in tiles), *[None] * spare], width)
    image, layout = sheet.draw(tiles, **options)
    frames.append(
      np.asarray(_with_slider(image, layout, ends, step / max(1, steps - 1)))
    )
  _write(path, frames, fps)


def _with_slider(image, layout, ends, done) -> Image.Image:
  """Adds a line between two texts, and a mark on it: done from 0 to 1."""
  text = sheet.SCREEN.text
  wide, high = image.size
  taller = Image.new('RGB', (wide, high + 2 * text), style.PAPER)
  taller.paste(image)
  pen = ImageDraw.Draw(taller)
  font = style.font(round(0.9 * text))
  first, last = layout.left + 2 * text, wide - 3 * text
  middle = high + text // 2
  pen.text((first - text, middle), ends[0], style.MUTED, font, anchor='rm')
  pen.text((last + text, middle), ends[1], style.MUTED, font, anchor='lm')
  pen.line((first, middle, last, middle), style.HAIRLINE, 2)
  here = first + (last - first) * done
  radius = text // 3
  box = (here - radius, middle - radius, here + radius, middle + radius)
  pen.ellipse(box, style.INK)
  return taller


def _split(cells: list, width: int) -> list[list]:
  return [cells[at : at + width] for at in range(0, len(cells), width)]


def _write(
  path, frames: Sequence[np.ndarray], fps: float, closed: bool = False
) -> None:
  if not 0 < fps <= 50:
    raise ValueError(f'fps must be above 0 and at most 50, not {fps}')
  frames = _with_palette(frames)
  frames += [] if closed else frames[-2:0:-1]
  with files.replacing(path) as unfinished:
    frames[0].save(
      unfinished,
      save_all=True,
      append_images=frames[1:],
      duration=10 * round(100 / fps),
      loop=0,
      optimize=False,
    )


def _with_palette(frames: Sequence[np.ndarray]) -> list[Image.Image]:
  grey = all((frame == frame[..., :1]).all() for frame in frames)
  if grey:
    return [Image.fromarray(frame[..., 0]) for frame in frames]
  # Median cut: the other ways take ten times as long or show more bands.
  return [
    Image.fromarray(frame).quantize(256, Image.Quantize.MEDIANCUT)
    for frame in frames
  ]
