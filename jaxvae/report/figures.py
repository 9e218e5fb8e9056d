"""Sheets of images: reconstructions, traversals, samples.

Images are uint8 or real numbers in [0, 1], [..., h, w, c] with 1 or 3
channels; each becomes an enlargement by a whole number on a PNG.
"""

from collections.abc import Sequence

import numpy as np

from jaxvae.report import files, sheet, style


def reconstructions(
  path, originals, reconstructions, title: str = 'Reconstructions'
) -> None:
  """Originals [n, h, w, c] with their reconstructions right below them."""
  above = sheet.to_rgb(originals, 'originals', 'n h w c')
  below = sheet.to_rgb(reconstructions, 'reconstructions', 'n h w c')
  if above.shape != below.shape:
    raise ValueError(
      f'originals are {list(above.shape[:3])} and reconstructions '
      f'{list(below.shape[:3])}: they must be pairs'
    )
  columns = min(10, len(above))
  tiles = []
  for upper, lower in zip(
    _rows(above, columns), _rows(below, columns), strict=True
  ):
    tiles += [upper, lower]
  labels = ['original', 'reconstruction'] * (len(tiles) // 2)
  image, _ = sheet.draw(tiles, title=title, row_labels=labels, rows_per_group=2)
  _save_image(path, image)


def traversals(
  path,
  images,
  row_labels: Sequence[str],
  values,
  title: str = 'Traversals',
  *,
  kinds: Sequence[str] = (),
  active: Sequence[bool] = (),
  axis_label: str = 'value of the latent, the others held',
) -> None:
  """One row for each latent, moved from left to right.

  Args:
    path: a .png.
    images: [rows, steps, h, w, c].
    row_labels: one for each row (`table.label`); lines after the first are
      small.
    values: [steps] of all latents or [rows, steps], written under the columns
      if all rows have the same, else under each image.
    title: of the figure.
    kinds: what each row runs along, a slot's topology: angles of a 'loop' are
      written in degrees; 'line' by default.
    active: rows whose label is not grey; all by default.
    axis_label: what the values are.
  """
  images = sheet.to_rgb(images, 'images', 'rows steps h w c')
  _count(row_labels, len(images), 'row labels', 'rows')
  values = np.asarray(values)
  _count(values.T, images.shape[1], 'values', 'steps')
  values = np.broadcast_to(values, images.shape[:2])
  kinds = kinds or ['line'] * len(images)
  _count(kinds, len(images), 'kinds', 'rows')
  texts = [
    [style.coordinate(value, kind) for value in row]
    for row, kind in zip(values, kinds, strict=True)
  ]
  alike = all(row == texts[0] for row in texts)
  if active:
    _count(active, len(images), 'active flags', 'rows')
  image, _ = sheet.draw(
    [list(row) for row in images],
    title=title,
    row_labels=row_labels,
    column_labels=texts[0] if alike else (),
    captions=() if alike else texts,
    axis_label=axis_label,
    dimmed=[not alive for alive in active],
  )
  _save_image(path, image)


def grid(
  path,
  images,
  row_labels: Sequence[str],
  column_labels: Sequence[str],
  title: str,
  axis_label: str = '',
) -> None:
  """Images [rows, columns, h, w, c] with a name for each row and column."""
  images = sheet.to_rgb(images, 'images', 'rows columns h w c')
  _count(row_labels, len(images), 'row labels', 'rows')
  _count(column_labels, images.shape[1], 'column labels', 'columns')
  image, _ = sheet.draw(
    [list(row) for row in images],
    title=title,
    row_labels=row_labels,
    column_labels=column_labels,
    axis_label=axis_label,
  )
  _save_image(path, image)


def samples(
  path, images, title: str = 'Samples', labels: Sequence[str] = ()
) -> None:
  """Images [n, h, w, c] in a near square, each over its label if given."""
  images = sheet.to_rgb(images, 'images', 'n h w c')
  columns = min(16, int(np.ceil(np.sqrt(len(images)))))
  captions = ()
  if labels:
    _count(labels, len(images), 'labels', 'images')
    padded = [*labels, *[''] * (-len(images) % columns)]
    captions = [
      padded[at : at + columns] for at in range(0, len(padded), columns)
    ]
  image, _ = sheet.draw(_rows(images, columns), title=title, captions=captions)
  _save_image(path, image)


def _rows(images: np.ndarray, columns: int) -> list[list]:
  padded = [*images, *[None] * (-len(images) % columns)]
  return [padded[at : at + columns] for at in range(0, len(padded), columns)]


def _count(given, wanted: int, name: str, of: str) -> None:
  if len(given) != wanted:
    raise ValueError(f'{len(given)} {name} for {wanted} {of}')


def _save_image(path, image) -> None:
  with files.replacing(path) as unfinished:
    image.save(unfinished, optimize=True)
