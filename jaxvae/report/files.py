"""Files that are there in full or not at all."""

import contextlib
import os
import pathlib
from collections.abc import Iterator

from jaxvae.errors import ResourceError


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
