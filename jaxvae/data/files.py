"""Files from outside: found, downloaded over https, and checked by hash."""

import gzip
import hashlib
import lzma
import os
import pathlib
import struct
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib

from jaxvae import errors
from jaxvae.data.recipe import Options
from jaxvae.errors import IntegrityError, ResourceError, UserError

MAX_DOWNLOAD = 64 << 20
# What libraries raise when they read a file that is not what they expect.
UNREADABLE = (
  *(ArithmeticError, AssertionError, AttributeError, BufferError, EOFError),
  *(LookupError, MemoryError, OSError, RuntimeError, SyntaxError, TypeError),
  *(ValueError, lzma.LZMAError, struct.error, zipfile.BadZipFile, zlib.error),
)


def find(options: Options, what: str, names: list[str]) -> pathlib.Path:
  """The first of some files that lies in the user's `manual_dir`.

  Args:
    options: their `manual_dir` and its sub-folder of the data set's name are
      looked into.
    what: is missing, for the message.
    names: of the file, in order of preference.

  Raises:
    UserError: lists what was looked for.
  """
  if not options.manual_dir:
    raise UserError(
      f'{what} needs a file that has to be there already: {" or ".join(names)}',
      hint='put it in a folder and name that folder with data.manual_dir',
    )
  folder = pathlib.Path(os.path.expanduser(options.manual_dir))
  for place in (folder, folder / options.name):
    for name in names:
      if (place / name).is_file():
        return place / name
  state = 'does not have' if folder.is_dir() else 'does not exist, looked for'
  raise UserError(
    f'{what}: data.manual_dir={options.manual_dir} {state}'
    f' {" or ".join(names)}',
    hint='put the file there, or name the folder that has it',
  )


def read_checked(path: pathlib.Path, sha256: str, size: int) -> bytes:
  """A file's content, decompressed if it ends in .gz.

  Args:
    path: the file.
    sha256: of the decompressed content.
    size: of the decompressed content in bytes; no more than this is unpacked.

  Raises:
    IntegrityError: the content is something else.
  """
  opened = gzip.open if path.suffix == '.gz' else open
  try:
    with opened(path, 'rb') as file:
      content = file.read(size + 1)
  except (gzip.BadGzipFile, EOFError, zlib.error):
    with open(path, 'rb') as file:
      content = file.read(size + 1)
  got = hashlib.sha256(content).hexdigest()
  if got != sha256:
    raise mismatch(path, got, sha256, 'sha256')
  return content


def mismatch(
  path: pathlib.Path, got: str, want: str, kind: str
) -> IntegrityError:
  """What is wrong with a file that does not have its known hash."""
  return damaged(path, f'{kind} is {got}, expected {want}')


def unreadable(
  path: pathlib.Path, what: str, error: BaseException
) -> IntegrityError | ResourceError:
  """What to say when reading a file raised one of `UNREADABLE`."""
  if reason := errors.lacking(error):
    return ResourceError(
      f'{path} cannot be read: {reason}',
      hint='the file may be sound; it was left as it is',
    )
  return damaged(path, what)


def damaged(path: pathlib.Path, what: str) -> IntegrityError:
  """An error that names a file, its size, and what may have happened to it."""
  with open(path, 'rb') as file:
    start = file.read(512).lstrip().lower()
  hint = 'it is damaged or not the right file; get it again'
  if start.startswith((b'<!doctype html', b'<html')):
    hint = 'it is a web page: a download gave a message, not the file'
  size = path.stat().st_size
  return IntegrityError(f'{path} ({size} bytes): {what}', hint=hint)


def text(name: bytes) -> str:
  """A name from a file or a file system: UTF-8, and Latin-1 where it is not."""
  try:
    return name.decode()
  except UnicodeDecodeError:
    return name.decode('latin-1')


def download(url: str, path: pathlib.Path) -> None:
  """Fetches a file of at most 64 MiB over https; it appears whole or not.

  Raises:
    ResourceError: no connection, not found, too big, or sent elsewhere than to
      an https address.
  """
  path.parent.mkdir(parents=True, exist_ok=True)
  number, name = tempfile.mkstemp(dir=path.parent, prefix='.download-')
  try:
    with os.fdopen(number, 'wb') as file, _open(url) as answer:
      while piece := answer.read(1 << 16):
        file.write(piece)
        if file.tell() > MAX_DOWNLOAD:
          raise _no_download(url, f'more than {MAX_DOWNLOAD} bytes')
    os.replace(name, path)
  except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
    reason = str(getattr(error, 'reason', error))
    raise _no_download(url, reason) from error
  finally:
    pathlib.Path(name).unlink(missing_ok=True)


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
  def redirect_request(self, req, fp, code, msg, headers, newurl):
    _require_https(newurl)
    return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(url: str):
  _require_https(url)
  return urllib.request.build_opener(_HttpsOnly).open(url, timeout=60)


def _require_https(url: str) -> None:
  if urllib.parse.urlsplit(url).scheme != 'https':
    raise _no_download(url, 'not an https address')


def _no_download(url: str, reason: str) -> ResourceError:
  return ResourceError(
    f'cannot download {url}: {reason}',
    hint='put the files in a folder and name it with data.manual_dir',
  )
