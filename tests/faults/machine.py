"""What a case of faults needs: a disk of some size, and commands that end."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

PYTHON = sys.executable
ROOT = pathlib.Path(__file__).resolve().parents[2]


class Skipped(Exception):
  """This machine lacks what the case needs; says what."""


class Done(NamedTuple):
  """How a command ended: its exit code, or None if it had to be killed."""

  code: int | None
  out: str
  err: str
  seconds: float


@contextlib.contextmanager
def disk(path: pathlib.Path, size: str) -> Iterator[pathlib.Path]:
  """A disk of its own of `size`, such as '64k', as long as it is wanted.

  Raises:
    Skipped: only root may mount, and not everywhere.
  """
  path.mkdir(parents=True, exist_ok=True)
  mount = shutil.which('mount')
  if sys.platform != 'linux' or mount is None or os.geteuid():
    raise Skipped('only root on Linux can mount a small disk')
  command = [mount, '-t', 'tmpfs', '-o', f'size={size}', 'tmpfs', str(path)]
  mounted = subprocess.run(command, capture_output=True, text=True)
  if mounted.returncode:
    raise Skipped(f'mounting is refused: {mounted.stderr.strip()}')
  try:
    yield path
  finally:
    # Lazily: a process that is being killed may still hold a file.
    subprocess.run(['umount', '--lazy', str(path)], check=True)


def resize(path: pathlib.Path, size: str) -> None:
  """Gives the disk at `path` another size."""
  option = f'remount,size={size}'
  subprocess.run(['mount', '-o', option, str(path)], check=True)


def unmount_below(path: pathlib.Path) -> None:
  """Takes away the disks that a case left behind when it was killed."""
  if pathlib.Path('/proc/mounts').exists():
    for line in pathlib.Path('/proc/mounts').read_text().splitlines():
      if (where := line.split()[1]).startswith(f'{path}/'):
        subprocess.run(['umount', '--lazy', where], check=False)


def start(
  *argv: object, cwd: pathlib.Path, env: Mapping[str, str] | None = None, **more
) -> subprocess.Popen:
  """Starts `python argv...` with this jaxvae; its output is piped, as text."""
  return subprocess.Popen(
    [PYTHON, *map(str, argv)],
    cwd=cwd,
    env=os.environ | {'PYTHONPATH': str(ROOT)} | dict(env or {}),
    text=True,
    **{'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE} | more,
  )


def finish(process: subprocess.Popen, seconds: float = 120) -> Done:
  """Waits for the end of a command; one that does not end is killed."""
  begun = time.monotonic()
  try:
    out, err = process.communicate(timeout=seconds)
    code = process.returncode
  except subprocess.TimeoutExpired:
    process.kill()
    out, err = process.communicate()
    code = None
  return Done(code, out or '', err or '', time.monotonic() - begun)


def run(
  *argv: object,
  cwd: pathlib.Path,
  env: Mapping[str, str] | None = None,
  seconds: float = 120,
) -> Done:
  """`start` and `finish`."""
  return finish(start(*argv, cwd=cwd, env=env), seconds)


def mishandled(
  done: Done, code: int, *said: str, lines: int = 2, where: str = 'err'
) -> str | None:
  """Why a command did not end as it should, None if it did.

  Args:
    done: how it ended.
    code: the exit code that is right.
    *said: what standard error (or `where`) has to say.
    lines: at most so many lines of standard error.
    where: 'err' or 'out'.
  """
  text = getattr(done, where)
  if done.code is None:
    return f'did not end in time: {tail(done)}'
  if 'Traceback' in done.err + done.out:
    return f'a traceback, exit code {done.code}: {tail(done)}'
  if done.code != code:
    return f'exit code {done.code}, not {code}: {tail(done)}'
  if missing := [part for part in said if part not in text]:
    return f'does not say {missing[0]!r}: {tail(done)}'
  errors = [
    line
    for line in done.err.splitlines()
    if not line.startswith('preparing ')  # the data, of whoever comes first
  ]
  if len(errors) > lines:
    return f'{len(errors)} lines of error: {tail(done)}'
  return None


def tail(done: Done) -> str:
  """The last of what a command said, on one line."""
  return ' / '.join((done.err or done.out).strip().splitlines()[-3:])


def kill(pid: int) -> None:
  """Kills a process that may have ended."""
  with contextlib.suppress(ProcessLookupError):
    os.kill(pid, signal.SIGKILL)
