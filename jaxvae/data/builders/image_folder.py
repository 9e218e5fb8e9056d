"""Your own images: a folder, an .npz, or an .h5 file named by `data.path`.

A folder holds images of any kind that PIL reads. Sub-folders are classes;
sub-folders called train, test or validation are splits, which may have classes
inside. Links that lead out of the folder are refused. `array_file.py` says what
an .npz or .h5 file holds.

`image_size` crops the middle square and resizes it, `channels` converts to grey
or colour. The prepared copy is kept under a key made of the path, these two,
and the size and time of every file: changed files are prepared anew. What does
not fit in memory is streamed from there.
"""

import functools
import hashlib
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from jaxvae.data import files
from jaxvae.data.blocks import Block
from jaxvae.data.builders import array_file
from jaxvae.data.factors import Factor
from jaxvae.data.recipe import Contents, Options, Recipe
from jaxvae.errors import UserError

SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.gif', '.tif', '.tiff', '.webp')
SPLITS = ('train', 'test', 'validation')


class Picture(NamedTuple):
  """Attributes: path: of the file. label: name of its class, or ''."""

  path: pathlib.Path
  label: str


def pictures(root: pathlib.Path) -> dict[str, list[Picture]]:
  """The images below a folder by split, in the order of their names.

  Raises:
    UserError: there are none, a link leads elsewhere, or some images have a
      class folder and others have not.
  """
  inside = {path.name for path in root.iterdir() if path.is_dir()}
  names = [name for name in SPLITS if name in inside]
  if 'train' not in names:
    return {'train': _labelled(root, root)}
  return {name: _labelled(root / name, root) for name in names}


def _labelled(folder: pathlib.Path, root: pathlib.Path) -> list[Picture]:
  found = []
  for path in sorted(folder.rglob('*')):
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
      continue
    if not path.resolve().is_relative_to(root.resolve()):
      raise UserError(f'{path} is a link that leads out of {root}')
    parts = path.relative_to(folder).parts
    found.append(Picture(path, parts[0] if len(parts) > 1 else ''))
  if not found:
    raise UserError(
      f'{folder} has 0 images', hint=f'looked for {", ".join(SUFFIXES)}'
    )
  bare = [picture for picture in found if not picture.label]
  if bare and len(bare) != len(found):
    raise UserError(
      f'{folder} has images inside class folders and others beside them,'
      f' such as {bare[0].path.name}'
    )
  return found


def _read(path: pathlib.Path, image_size: int, channels: int) -> np.ndarray:
  """`[h, w, c]` uint8; `channels` 0 keeps grey grey and the rest colour."""
  try:
    with Image.open(path) as image:
      if image.mode.startswith(('I', 'F')):
        raise UserError(
          f'{path} has pixels of more than 8 bits (mode {image.mode})',
          hint='convert it to 8 bits, or give an .npz of floats in [0, 1]',
        )
      grey = image.mode in ('1', 'L', 'LA')
      mode = {0: 'L' if grey else 'RGB', 1: 'L', 3: 'RGB'}[channels]
      image = ImageOps.exif_transpose(image).convert(mode)
  except Image.DecompressionBombError as error:
    raise UserError(f'{path}: {error}') from error
  except (OSError, SyntaxError, ValueError) as error:
    raise files.unreadable(path, 'not an image that can be read') from error
  if image_size:
    image = ImageOps.fit(image, (image_size, image_size))
  array = np.asarray(image)
  return array[..., None] if array.ndim == 2 else array


def _folder(root: pathlib.Path, options: Options) -> Contents:
  by_split = pictures(root)
  first = by_split['train'][0].path
  shape = _read(first, options.image_size, options.channels).shape
  everything = [picture for part in by_split.values() for picture in part]
  classes = sorted({picture.label for picture in everything})
  factors = ()
  if classes != ['']:
    if '' in classes:
      raise UserError(f'{root}: one split has class folders, another has none')
    factors = (Factor('class', len(classes), 'points', tuple(classes)),)

  def blocks(part: list[Picture]) -> Iterator[Block]:
    for path, label in part:
      image = _read(path, options.image_size, shape[2])
      if image.shape != shape:
        raise UserError(
          f'{path} has shape {image.shape}, {first.name} has {shape}',
          hint='set data.image_size, for example 64',
        )
      labels = [classes.index(label)] if factors else []
      yield Block(image.reshape(1, -1), np.array([labels], np.int32))

  return Contents(
    title=root.resolve().name,
    image_shape=shape,
    bits=False,
    grid=False,
    factors=factors,
    splits={
      name: functools.partial(blocks, part) for name, part in by_split.items()
    },
  )


def _path(options: Options) -> pathlib.Path:
  if not options.path:
    raise UserError(
      'image_folder needs data.path',
      hint='a folder of images, or an .npz or .h5 file with images',
    )
  path = pathlib.Path(options.path).expanduser()
  if not path.exists():
    raise UserError(f'data.path={options.path} does not exist')
  if path.is_file() and path.suffix not in array_file.SUFFIXES:
    raise UserError(
      f'data.path={options.path} is neither a folder nor a file ending in'
      f' {" or ".join(array_file.SUFFIXES)}'
    )
  if options.channels not in (0, 1, 3):
    raise UserError(f'data.channels={options.channels}; allowed: 0, 1, 3')
  if options.image_size < 0:
    raise UserError(f'data.image_size={options.image_size} is negative')
  return path


def _key(options: Options) -> str:
  path = _path(options)
  read = [path]
  if path.is_dir():
    read = [p.path for part in pictures(path).values() for p in part]
  digest = hashlib.sha256()
  settings = (str(path.resolve()), options.image_size, options.channels)
  digest.update(repr(settings).encode())
  for file in read:
    stat = file.stat()
    line = (str(file.relative_to(path)), stat.st_size, stat.st_mtime_ns)
    digest.update(repr(line).encode())
  return digest.hexdigest()[:12]


def _contents(options: Options) -> Contents:
  path = _path(options)
  if path.is_dir():
    return _folder(path, options)
  return array_file.contents(path, options.image_size, options.channels)


RECIPE = Recipe(
  about='your own: --path to a folder of images, an .npz or an .h5 file',
  version='1.2.0',
  key=_key,
  contents=_contents,
)
