"""Your own images: a folder, or a file of arrays, named by `data.path`.

A folder holds pictures (`imaging.SUFFIXES`). Sub-folders are classes;
sub-folders called train, test or validation, in small or capital letters, are
splits, which may have classes inside. What is hidden and what systems leave is
passed over. Links that lead out of the folder are refused. `array_file.py` says
what an .npz, .npy or .h5 file holds.

Images are grey if all of them are stored without colour. `image_size` crops the
middle square and resizes it, `channels` converts to grey or colour. The
prepared copy is kept under a key made of the path, these two, and the size and
time of every file: changed files are prepared anew. What does not fit in memory
is streamed from there.
"""

import errno
import functools
import hashlib
import os
import pathlib
import re
import stat
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from jaxvae.data import arrays, checks, files, imaging
from jaxvae.data.blocks import Block
from jaxvae.data.builders import array_file
from jaxvae.data.factors import Factor
from jaxvae.data.recipe import Contents, Options, Recipe
from jaxvae.errors import UserError

SPLITS = {
  'train': ('train', 'training'),
  'test': ('test', 'testing'),
  'validation': ('validation', 'valid', 'val', 'dev'),
}
# What file managers, archives and servers leave; so is what begins with a dot.
LEFT_OUT = (
  *('__MACOSX', '@eaDir', '#recycle', '$RECYCLE.BIN', 'lost+found'),
  *('System Volume Information', '__pycache__', 'Thumbs.db', 'desktop.ini'),
)


class Picture(NamedTuple):
  """Attributes: path: of the file. label: name of its class, or ''."""

  path: pathlib.Path
  label: str


def pictures(root: pathlib.Path) -> dict[str, list[Picture]]:
  """The images below a folder by split, in the order of their names.

  Raises:
    UserError: there are none, a link leads elsewhere, some images have a class
      folder and others have not, or some folders are splits and others not.
  """
  listed = _listed(root)
  inside = [path for path in listed if path.is_dir()]
  found = {
    split: [path for path in inside if path.name.lower() in names]
    for split, names in SPLITS.items()
  }
  found = {split: folders for split, folders in found.items() if folders}
  likely = {split for path in inside for split in _words(path.name)}
  if not found and not {'train'} < likely:
    return {'train': _labelled(root, root)}
  beside = [path for path in listed if path.is_dir() or _is_image(path)]
  if len(beside) > len(found) or 'train' not in found:
    names = ', '.join(path.name for path in beside[:8])
    raise UserError(
      f'{root} has {names}: are these splits or classes?',
      hint='splits are called train, test and validation, once each and nothing'
      ' beside them; classes of such names go into a folder train',
    )
  return {split: _labelled(folder, root) for split, (folder,) in found.items()}


def _words(name: str) -> set[str]:
  """The splits that a name may mean: 'train2017', 'training_set'."""
  words = set(re.split('[^a-z]+', name.lower()))
  return {split for split, names in SPLITS.items() if words & set(names)}


def _labelled(folder: pathlib.Path, root: pathlib.Path) -> list[Picture]:
  found = []
  for path in _below(folder, (root.resolve(),)):
    parts = path.relative_to(folder).parts
    label = files.text(os.fsencode(parts[0])) if len(parts) > 1 else ''
    found.append(Picture(path, label))
  if not found:
    raise UserError(
      f'{folder} has 0 images', hint=f'looked for {", ".join(imaging.SUFFIXES)}'
    )
  bare = [picture for picture in found if not picture.label]
  if bare and len(bare) != len(found):
    raise UserError(
      f'{folder} has images inside class folders and others beside them,'
      f' such as {bare[0].path.name}'
    )
  return found


def _listed(folder: pathlib.Path) -> list[pathlib.Path]:
  return [
    path
    for path in sorted(folder.iterdir())
    if not path.name.startswith('.') and path.name not in LEFT_OUT
  ]


def _is_image(path: pathlib.Path) -> bool:
  return path.suffix.lower() in imaging.SUFFIXES


def _below(
  folder: pathlib.Path, above: tuple[pathlib.Path, ...]
) -> Iterator[pathlib.Path]:
  """Image files below a folder, which is below `above`, the first the root."""
  for path in _listed(folder):
    if path.is_symlink():
      _check_link(path, above)
    if path.is_dir():
      yield from _below(path, (*above, path.resolve()))
    elif _is_image(path):
      if not path.is_file():
        raise UserError(f'{path} is neither a file nor a folder')
      yield path


def _check_link(path: pathlib.Path, above: tuple[pathlib.Path, ...]) -> None:
  """Links of files that are no images matter to nobody."""
  if not path.exists():
    raise UserError(f'{path} is a link that leads nowhere')
  if not (path.is_dir() or _is_image(path)):
    return
  target = path.resolve()
  if not target.is_relative_to(above[0]):
    raise UserError(
      f'{path} is a link that leads out of {above[0]}',
      hint='copy what it leads to; data.path itself may be a link',
    )
  if target in above:
    raise UserError(f'{path} is a link to a folder that it is in')


def _folder(root: pathlib.Path, options: Options) -> Contents:
  by_split = pictures(root)
  everything = [picture for part in by_split.values() for picture in part]
  kinds = [imaging.kind(picture.path) for picture in everything]
  binary = checks.binary(
    (imaging.read(picture.path) for picture in everything),
    np.dtype(np.uint8),
    str(root),
  )
  channels = options.channels or (1 if all(k.grey for k in kinds) else 3)
  size = (options.image_size,) * 2

  def read(path: pathlib.Path) -> np.ndarray:
    pixels = checks.pixels(imaging.read(path), str(path), binary=binary)
    height, width = size if options.image_size else pixels.shape[:2]
    return imaging.fit(pixels, (height, width, channels))

  first = everything[0].path
  shape = read(first).shape
  classes = sorted({picture.label for picture in everything})
  factors = ()
  if classes != ['']:
    if '' in classes:
      raise UserError(f'{root}: one split has class folders, another has none')
    factors = (Factor('class', len(classes), 'points', tuple(classes)),)
  checks.declared(factors, str(root))

  def blocks(part: list[Picture]) -> Iterator[Block]:
    for path, label in part:
      image = read(path)
      if image.shape != shape:
        raise UserError(
          f'{path} has shape {image.shape}, {first.name} has {shape}',
          hint='set data.image_size, for example 64',
        )
      labels = [classes.index(label)] if factors else []
      yield Block(image.reshape(1, -1), np.array([labels], np.int32))

  return Contents(
    title=files.text(os.fsencode(root.resolve().name)),
    image_shape=shape,
    bits=False,
    grid=False,
    factors=factors,
    splits={
      name: functools.partial(blocks, part) for name, part in by_split.items()
    },
    notes=_notes(kinds, binary, channels, bool(options.image_size)),
  )


def _notes(
  kinds: Iterable[imaging.Kind], binary: bool, channels: int, resized: bool
) -> tuple[str, ...]:
  """What is done to the pixels that is not plain."""
  number = len(kinds)
  clear = sum(kind.clear for kind in kinds)
  deep = sum(kind.deep for kind in kinds)
  grey = sum(kind.grey for kind in kinds)
  oblong = sum(not kind.square for kind in kinds)
  notes = {
    f'{clear:,} of {number:,} images have transparency: laid on white': clear,
    f'{deep:,} of {number:,} images have 16 bits a pixel: 65535 is stored as'
    ' 255': deep and not binary,
    'pixels are 0 and 1 in all files: 1 is stored as 255': binary,
    f'{grey:,} of {number:,} images are grey: stored in colour as the others': (
      channels == 3 and 0 < grey < number
    ),
    f'{oblong:,} of {number:,} images are not square: the middle square is cut'
    ' out': resized and oblong,
  }
  return tuple(note for note, holds in notes.items() if holds)


def _path(options: Options) -> pathlib.Path:
  if not options.path:
    raise UserError(
      'image_folder needs data.path',
      hint='a folder of images, or an .npz, .npy or .h5 file with images',
    )
  path = pathlib.Path(os.path.expanduser(options.path))
  said = f'data.path={options.path}'
  try:
    mode = path.stat().st_mode
  except (FileNotFoundError, NotADirectoryError, ValueError) as error:
    raise UserError(f'{said} does not exist') from error
  except OSError as error:
    if error.errno not in (errno.ELOOP, errno.ENAMETOOLONG):
      raise
    raise UserError(f'{said}: {error.strerror}') from error
  suffixes = ' or '.join(arrays.SUFFIXES)
  if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
    raise UserError(
      f'{said} is a pipe, a socket or a device, not a folder or a file'
    )
  if stat.S_ISREG(mode) and path.suffix.lower() not in arrays.SUFFIXES:
    raise UserError(
      f'{said} is neither a folder nor a file ending in {suffixes}',
      hint='unpack an archive first and name the folder'
      if path.suffix.lower() in ('.zip', '.tar', '.gz', '.tgz', '.7z', '.rar')
      else 'save arrays with numpy.savez(FILE, images=..., labels=...)',
    )
  if options.channels not in (0, 1, 3):
    raise UserError(f'data.channels={options.channels}; allowed: 0, 1, 3')
  if options.image_size < 0:
    raise UserError(f'data.image_size={options.image_size} is negative')
  size = options.image_size
  checks.area(size, size, f'data.image_size={size}')
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
    about = file.stat()
    line = (str(file.relative_to(path)), about.st_size, about.st_mtime_ns)
    digest.update(repr(line).encode())
  return digest.hexdigest()[:12]


def _contents(options: Options) -> Contents:
  path = _path(options)
  if path.is_dir():
    found = _folder(path, options)
  else:
    found = array_file.contents(path, options.image_size, options.channels)
  if list(found.splits) == ['train']:
    alone = (
      'there is one split: scores are of images that were trained on, unless'
      ' data.holdout keeps some back'
    )
    found = found._replace(notes=(*found.notes, alone))
  return found


RECIPE = Recipe(
  about='your own: --path to a folder of images, an .npz, .npy or .h5 file',
  version='1.2.0',
  key=_key,
  contents=_contents,
)
