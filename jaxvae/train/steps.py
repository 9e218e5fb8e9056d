"""A directory of checkpoints as files: finished, unfinished, set aside.

`200` is a finished step: Orbax renames it when it is complete. What a save
that was interrupted leaves is called `200.orbax-checkpoint-tmp`; what was
found damaged is renamed to `200.damaged`.
"""

import contextlib
import functools
import logging
import os
import pathlib
import re
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterator

from jaxvae import errors

# What parsers make of damaged bytes: they promise no particular exception.
UNREADABLE = (
  ArithmeticError,
  AssertionError,
  AttributeError,
  LookupError,
  MemoryError,
  OSError,
  RuntimeError,
  TypeError,
  ValueError,
)
# Patterns of glob, and what Python makes of bytes that are not UTF-8.
_ODD = re.compile('[*?[\\\\\udc80-\udcff]')


def finished(directory: pathlib.Path) -> list[int]:
  """The finished steps, ascending; none where there is no directory.

  Raises:
    ResourceError: the directory cannot be read.
  """
  try:
    if not directory.is_dir():
      return []
    names = [path.name for path in directory.iterdir() if path.is_dir()]
  except OSError as error:
    raise errors.ResourceError(
      f'{directory} cannot be read: {error.strerror}', hint='make it readable'
    ) from error
  numbers = (int(name) for name in names if name.isdecimal())
  return sorted(number for number in numbers if str(number) in names)


def unfinished(directory: pathlib.Path) -> dict[pathlib.Path, int]:
  """What interrupted saves have left, and the step that each was to be."""
  found = directory.glob('[0-9]*.orbax-checkpoint-tmp*')
  return {path: int(path.name.split('.')[0]) for path in found}


def remove_unfinished(directory: pathlib.Path) -> list[int]:
  """Removes what interrupted saves have left; returns their steps."""
  found = unfinished(directory)
  for path in found:
    shutil.rmtree(path, ignore_errors=True)
  return sorted(found.values())


def say_unfinished(steps: Collection[int]) -> str:
  """'2 unfinished checkpoints (step 40, 60)'."""
  plural = '' if len(steps) == 1 else 's'
  numbers = ', '.join(map(str, sorted(steps)))
  return f'{len(steps)} unfinished checkpoint{plural} (step {numbers})'


@contextlib.contextmanager
def plainly_named(directory: pathlib.Path) -> Iterator[pathlib.Path]:
  """`directory`, by a name that Orbax and TensorStore take as it is.

  They read `*`, `?`, `[` and backslashes in it as a pattern, and want UTF-8; so
  `runs/beta[4]` is a link in the temporary directory meanwhile.
  """
  if not _ODD.search(str(directory)):
    yield directory
    return
  with tempfile.TemporaryDirectory(prefix='jaxvae-') as beside:
    link = pathlib.Path(beside, 'link')
    link.symlink_to(directory, target_is_directory=True)
    yield link


def set_aside(directory: pathlib.Path, step: int) -> None:
  """Renames a damaged step, in place of an older one of that name."""
  aside = directory / f'{step}.damaged'
  if aside.exists():
    shutil.rmtree(aside)
  (directory / str(step)).rename(aside)


def missing(workdir: pathlib.Path) -> errors.UserError:
  """The error of a run without checkpoints; names those beside it."""
  siblings = sorted(
    path.parent.name
    for path in workdir.parent.glob('*/checkpoints')
    if finished(path)
  )
  return errors.UserError(
    f'there is no checkpoint in {workdir}',
    hint=f'beside it, these have some: {", ".join(siblings)}'
    if siblings
    else 'give the workdir of a run that has saved',
  )


def unreadable(
  step: pathlib.Path, error: BaseException, what: str
) -> errors.IntegrityError | errors.ResourceError:
  """That a step is damaged, or that this process may not see whether it is."""
  reason = errors.lacking(error) or _closed(step)
  if not reason:
    return errors.IntegrityError(what)
  return errors.ResourceError(
    f'checkpoint {step} cannot be read: {reason}',
    hint='it may be intact and is left as it is; mend that, and give the same'
    ' command again',
  )


def _closed(step: pathlib.Path) -> str:
  """Why a file or a folder of a step cannot be opened; '' if all can be.

  Libraries take what they may not see for what is not there.
  """
  refused: list[OSError] = []
  for folder, _, names in os.walk(step, onerror=refused.append):
    for name in names:
      try:
        pathlib.Path(folder, name).open('rb').close()
      except OSError as error:
        refused.append(error)
  return next(filter(None, map(errors.lacking, refused)), '')


def full(
  directory: pathlib.Path, step: int, needed: int, reason: str
) -> errors.ResourceError:
  """The error of a step of `needed` bytes that the system did not take."""
  try:
    free = f'{shutil.disk_usage(directory).free:,} bytes free'
  except OSError:
    free = 'the disk cannot be looked at'
  return errors.ResourceError(
    f'checkpoint {step} could not be written to {directory} ({reason}):'
    f' {free}, about {needed:,} needed for its arrays alone',
    hint='make room and run the same command again; the last good checkpoint'
    f' is {max(finished(directory), default="none")}',
  )


@functools.cache
def quiet_orbax() -> None:
  """Keeps quiet what Orbax logs, and what its failed reads leave behind.

  What goes wrong is raised as well, and shown once is enough. When one of many
  reads fails, Orbax closes the event loop of the others, and each of these
  complains on standard error when it comes to its end.
  """
  logging.getLogger('absl').addFilter(
    lambda record: '/orbax/checkpoint/' not in record.pathname
  )
  # So does each of the other writes, when one of many has found the disk full.
  logging.getLogger('asyncio').addFilter(
    lambda record: (
      not any(
        word in record.getMessage()
        for word in ('tensorstore_spec', '/orbax/checkpoint/', 'OCDBT')
      )
    )
  )
  hook = sys.unraisablehook

  def without_leftovers(unraisable):
    if str(unraisable.exc_value) != 'Event loop is closed':
      hook(unraisable)

  sys.unraisablehook = without_leftovers
