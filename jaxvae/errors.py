"""Errors that speak to the user, and the exit codes a script can read.

| code | meaning                                                        |
| ---- | -------------------------------------------------------------- |
| 0    | done                                                           |
| 1    | a bug in jaxvae: a traceback                                   |
| 2    | the user's flags, config, data or checkpoint do not fit        |
| 3    | training diverged: a loss or a gradient was not finite; of an  |
|      | ensemble or a study: some runs did, the others are completed   |
| 4    | a checkpoint or a data file is damaged                         |
| 5    | a resource is missing: disk, permission, busy work directory   |
| 130  | stopped by Ctrl-C; a run that trains has saved                 |
| 143  | stopped by SIGTERM, after saving                               |
"""

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Collection
from typing import TextIO

# What a system says where it is short of something or says no: a file may be
# sound and cannot be had all the same, and nobody's mistake in this program.
LACKS = (
  *(errno.EACCES, errno.EPERM, errno.EROFS),
  *(errno.EAGAIN, errno.EBUSY, errno.EMFILE, errno.ENFILE, errno.ENOMEM),
  *(errno.EDQUOT, errno.EFBIG, errno.ENOSPC, errno.EPIPE, errno.ENAMETOOLONG),
  *(errno.EIO, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ETIMEDOUT),
  *(errno.ENOTCONN, errno.EHOSTDOWN, errno.ENOLCK),  # disks of the network
)
# And what it says besides where a directory went away while it was written to.
GONE = (errno.ENOENT, errno.ENOTDIR)
# Of a file without a name, which is a standard stream.
_WHEN_WRITING = (
  *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EPIPE, errno.EIO),
)


class JaxvaeError(Exception):
  """An expected failure: one line of what happened, one line of what to do.

  Attributes:
    hint: what to do about it; printed on a line of its own when not empty.
    exit_code: the status with which the command ends.
  """

  exit_code = 1

  def __init__(self, message: str, hint: str = ''):
    super().__init__(message)
    self.hint = hint
    if hint:
      self.add_note(f'hint: {hint}')  # Tracebacks and notebooks show notes.


class UserError(JaxvaeError):
  """What was asked for cannot be done: names what was given and allowed."""

  exit_code = 2


class DivergedError(JaxvaeError):
  """A loss or a gradient stopped being a finite number."""

  exit_code = 3


class IntegrityError(JaxvaeError):
  """A file does not hold what was once written to it."""

  exit_code = 4


class ResourceError(JaxvaeError):
  """The machine lacks something: space, permission, a free directory."""

  exit_code = 5


class UndrawnError(ResourceError):
  """A figure could not be written; the numbers of the evaluation are."""


def lacking(error: BaseException | None, codes: Collection[int] = LACKS) -> str:
  """What the system did not grant: 'Permission denied'; '' for other reasons.

  Whoever reads or writes a file asks this before calling the file damaged. How
  large it is was looked at before, so that memory that ends is a lack as well.
  Libraries in C++ give the system's reason as text alone, and wrap it.

  Args:
    error: what was raised; what caused it is looked at too.
    codes: of errno, those that are looked for.
  """
  while error is not None:
    if isinstance(error, MemoryError):
      return os.strerror(errno.ENOMEM)
    if "can't start new thread" in str(error):  # Python's own words for EAGAIN
      return os.strerror(errno.EAGAIN)
    for code in codes:
      said = os.strerror(code)
      if getattr(error, 'errno', None) == code or said in str(error):
        return said
    error = error.__cause__ or error.__context__
  return ''


def lack(error: BaseException) -> ResourceError | None:
  """What the machine lacks, if that is what `error` says; None if it is not."""
  if isinstance(error, ResourceError):
    return error
  if isinstance(error, MemoryError):
    return ResourceError(f'no memory is left: {error}'.removesuffix(': '))
  if not isinstance(error, OSError) or error.errno not in LACKS:
    return None
  where = error.filename
  if where is None and error.errno in _WHEN_WRITING:
    where = 'standard output'  # Everything else that is written has a name.
  return ResourceError(f'{where}: {error.strerror}' if where else f'{error}')


def exit_code(action: Callable[[], int | None]) -> int:
  """Runs a command; returns the status that it ends with.

  A JaxvaeError becomes `jaxvae: error: ...` and `hint: ...` on standard error;
  so does what the machine lacks, such as somebody who reads standard output.
  Any other exception is a bug and keeps its traceback.
  """
  _take_all(sys.stdout)
  try:
    code = action() or 0
    if sys.stdout is not None:
      sys.stdout.flush()
    return code
  except (JaxvaeError, OSError, MemoryError) as error:
    known = error if isinstance(error, JaxvaeError) else lack(error)
    if known is None:
      raise
    said = f'jaxvae: error: {known}'
    if known.hint:
      said += f'\nhint: {known.hint}'
    with contextlib.suppress(OSError):
      print(said, file=sys.stderr, flush=True)
    return known.exit_code
  except KeyboardInterrupt:
    with contextlib.suppress(OSError):
      print('jaxvae: stopped by Ctrl-C', file=sys.stderr, flush=True)
    return 130
  finally:
    _let_go(sys.stdout)
    _let_go(sys.stderr)


def _take_all(stream: TextIO | None) -> None:
  """Lets a stream escape what its encoding lacks, as standard error does.

  Paths need not be UTF-8, and names of classes need not be of the terminal's.
  """
  if getattr(stream, 'errors', '') == 'strict':
    with contextlib.suppress(AttributeError):  # A notebook's takes everything.
      stream.reconfigure(errors='backslashreplace')


def _let_go(stream: TextIO | None) -> None:
  """Drops what nobody takes: Python would stumble over it at its end."""
  try:
    if stream is not None:
      stream.flush()
  except OSError:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
