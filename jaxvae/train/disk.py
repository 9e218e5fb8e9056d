"""Writing into a work directory, and what is said when the disk refuses."""

import contextlib
import os
import pathlib
from collections.abc import Iterator
from typing import BinaryIO

from jaxvae import errors


def write_whole(path: pathlib.Path, data: bytes) -> None:
  """Writes a file so that a reader sees all of the old or all of the new.

  Raises:
    ResourceError: it cannot be written; the old one is there still.
  """
  beside = path.with_name(f'.{path.name}.tmp')
  with writing(path):
    try:
      beside.write_bytes(data)
      beside.replace(path)
    except OSError:
      with contextlib.suppress(OSError):
        beside.unlink()  # Half of it would take the room of something whole.
      raise


def append(file: BinaryIO, data: bytes) -> None:
  """Writes `data` at the end of a file that is open without a buffer.

  Raises:
    ResourceError: not all of it could be written.
  """
  with writing(file.name):
    while data:  # A disk takes what there is room for, and then says why.
      data = data[file.write(data) :]


@contextlib.contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
  """What the system refuses within, as a ResourceError that names `path`."""
  try:
    yield
  except OSError as error:
    raise unwritable(path, error) from error


def unwritable(
  path: str | os.PathLike[str], error: OSError
) -> errors.ResourceError:
  """The error of a path that the system would not let be written."""
  return errors.ResourceError(
    f'cannot write {path}: {error.strerror or error}',
    hint='use a workdir that exists on a writable disk with space',
  )
