"""Files that are there in full or not at all."""

import contextlib
import os
import pathlib
import shlex
from collections.abc import Iterator

from jaxvae.errors import ResourceError, UndrawnError


@contextlib.contextmanager
def replacing(path) -> Iterator[pathlib.Path]:
  """Yields a neighbour of `path` to write; renames it when the block is done.

  The folder is made if need be. A block that raises leaves `path` as it was.

  Raises:
    OSError: it cannot be written; its `filename` says which.
  """
  path = pathlib.Path(path)
  unfinished = path.with_name(f'.{path.stem}.{os.getpid()}.tmp{path.suffix}')
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    yield unfinished
    unfinished.replace(path)
  except OSError as error:
    error.filename = str(path)  # The system does not say which file is full.
    raise
  finally:
    with contextlib.suppress(OSError):
      unfinished.unlink()


def write_text(path, text: str) -> None:
  """Writes UTF-8 text that ends with a newline.

  Raises:
    ResourceError: it cannot be written.
  """
  try:
    with replacing(path) as unfinished:
      unfinished.write_text(text.rstrip('\n') + '\n', encoding='utf-8')
  except OSError as error:
    raise ResourceError(
      f'cannot write {path}: {error.strerror}',
      hint='name a place that is writable and has space',
    ) from error


@contextlib.contextmanager
def drawing(home: pathlib.Path) -> Iterator[None]:
  """Where the figures of the run in `home` are drawn.

  Raises:
    UndrawnError: says which could not be written, and how to draw it again.
  """
  try:
    yield
  except OSError as error:
    what = error.filename or home / 'figures'
    raise UndrawnError(
      f'cannot draw {what}: {error.strerror or error}',
      hint='to draw again once that is put right: '
      f'python -m jaxvae.main --mode=eval --workdir={shlex.quote(str(home))}',
    ) from error
