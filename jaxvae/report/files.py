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
  """
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  unfinished = path.with_name(f'.{path.stem}.{os.getpid()}.tmp{path.suffix}')
  try:
    yield unfinished
    unfinished.replace(path)
  finally:
    unfinished.unlink(missing_ok=True)


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
