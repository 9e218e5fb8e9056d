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

import errno
import os
import sys
from collections.abc import Callable, Collection

# What a system says when a file may be sound and cannot be had all the same.
LACKS = (
  *(errno.EACCES, errno.EPERM, errno.EROFS),
  *(errno.EAGAIN, errno.EBUSY, errno.EMFILE, errno.ENFILE, errno.ENOMEM),
  *(errno.EDQUOT, errno.EFBIG, errno.ENOSPC),
  *(errno.EIO, errno.ENODEV, errno.ESTALE, errno.ETIMEDOUT),
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


def lacking(error: BaseException | None, codes: Collection[int] = LACKS) -> str:
  """What the system did not grant: 'Permission denied'; '' for other reasons.

  Whoever reads or writes a file asks this before calling the file damaged.
  Libraries in C++ give the system's reason as text alone, and wrap it.

  Args:
    error: what was raised; what caused it is looked at too.
    codes: of errno, those that are looked for.
  """
  while error is not None:
    for code in codes:
      said = os.strerror(code)
      if getattr(error, 'errno', None) == code or said in str(error):
        return said
    error = error.__cause__ or error.__context__
  return ''


def exit_code(action: Callable[[], int | None]) -> int:
  """Runs a command; returns the status that it ends with.

  A JaxvaeError becomes `jaxvae: error: ...` and `hint: ...` on standard error,
  and so does what the system refuses; any other exception is a bug and keeps
  its traceback.
  """
  try:
    return action() or 0
  except JaxvaeError as error:
    return _say(error)
  except OSError as error:
    reason = lacking(error)
    if not reason:
      raise
    return _say(ResourceError(f'{error.filename or "the system"}: {reason}'))
  except KeyboardInterrupt:
    print('jaxvae: stopped by Ctrl-C', file=sys.stderr)
    return 130


def _say(error: JaxvaeError) -> int:
  print(f'jaxvae: error: {error}', file=sys.stderr)
  if error.hint:
    print(f'hint: {error.hint}', file=sys.stderr)
  return error.exit_code
