"""One run, one directory, one process: the lock, run.json and config.json.

run.json is what a sweep reads: a state machine
`created -> running -> completed | preempted | diverged | failed`, from any of
which the same command goes back to `running`. Files are written beside their
name and renamed onto it, so that a reader never sees half of one. No
environment variables are recorded.
"""

import contextlib
import datetime
import fcntl
import hashlib
import importlib.metadata
import json
import os
import pathlib
import platform
import socket
import time
import traceback
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

import jax

import jaxvae
from jaxvae import errors
from jaxvae.train import disk

FINISHED = ('completed', 'preempted', 'diverged', 'failed')
_NEXT = {
  None: ('created',),
  'created': ('running', *FINISHED),
  'running': ('running', *FINISHED),
} | dict.fromkeys(FINISHED, ('running', 'failed'))


def default(config_file: str, config: Mapping[str, Any]) -> str:
  """runs/NAME-HASH: another config is another directory."""
  return f'runs/{pathlib.Path(config_file).stem}-{config_hash(config)[:6]}'


@contextlib.contextmanager
def claim(workdir: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
  """Makes `workdir` and holds its lock; yields its absolute path.

  The kernel lets go of the lock when the process ends, however it ends.

  Raises:
    ResourceError: another process holds it, or it cannot be written.
  """
  workdir = pathlib.Path(workdir).absolute()
  lock = workdir / '.lock'
  try:
    workdir.mkdir(parents=True, exist_ok=True)
    # Not truncated on opening: it says who holds it. Without a buffer, which
    # a full disk would keep from being emptied when it is closed.
    number = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    handle = os.fdopen(number, 'rb+', buffering=0)
  except OSError as error:
    raise disk.unwritable(workdir, error) from error
  with handle:
    try:
      _lock(handle)
    except BlockingIOError as error:
      raise errors.ResourceError(
        f'{workdir} is in use by '
        f'{handle.read().decode().strip() or "another process"}',
        hint='wait for it, stop it, or use another workdir',
      ) from error
    except OSError as error:
      raise disk.unwritable(workdir, error) from error
    try:
      handle.truncate(0)
      handle.write(f'{_holder()} since {_now()}\n'.encode())
    except OSError as error:
      raise disk.unwritable(workdir, error) from error
    yield workdir


def _holder() -> str:
  return f'pid {os.getpid()} on host {socket.gethostname()}'


def _lock(handle: Any) -> None:
  """Takes the lock; `is_held` may have it for a moment, to look."""
  for _ in range(4):
    try:
      fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
      return
    except BlockingIOError:
      time.sleep(0.05)
  fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_held(workdir: pathlib.Path) -> bool:
  """Whether a process on this machine, or on its file system, has the lock."""
  try:
    with open(workdir / '.lock') as handle:
      fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
  except BlockingIOError:
    return True
  except FileNotFoundError:
    return False
  return False


def check_there(workdir: pathlib.Path) -> None:
  """That a directory which this process has claimed is there still.

  Raises:
    ResourceError: it was deleted or moved, and perhaps made anew by another.
  """
  lock = workdir / '.lock'
  try:
    holder = lock.read_text()
  except OSError:
    holder = ''
  if not holder.startswith(_holder()):
    raise errors.ResourceError(
      f'{lock} is gone: {workdir.name} was deleted or moved during the run',
      hint='bring it back, or start the run anew',
    )


def record(
  workdir: pathlib.Path, status: str, step: int, **details: Any
) -> dict[str, Any]:
  """Moves run.json to `status`, and returns what it now says.

  A process that starts or resumes the run notes itself, its devices and its
  versions; `started` stays that of the first, `resumed` is that of the last.

  Args:
    workdir: a claimed directory.
    status: created, running, completed, preempted, diverged or failed.
    step: the steps done so far.
    **details: anything else worth reading there, as JSON: config_hash=...

  Raises:
    ValueError: the state machine has no such transition.
  """
  run = read_run(workdir) or {}
  if status not in _NEXT[run.get('status')]:
    raise ValueError(f'a run cannot go from {run.get("status")} to {status}')
  new_process = run.get('pid') != os.getpid() or run['ended'] is not None
  if new_process and status not in FINISHED:
    run |= _surroundings()
    run |= {'resumed' if 'started' in run else 'started': _now()}
    for key in ('error', 'params_sha256'):  # how the last process ended
      run.pop(key, None)
  run |= {'status': status, 'step': int(step)}
  run['ended'] = _now() if status in FINISHED else None
  run |= details
  write_json(workdir / 'run.json', run)
  return run


def read_run(workdir: pathlib.Path) -> dict[str, Any] | None:
  """What run.json says, or None where there is none."""
  return _read_json(workdir / 'run.json')


def write_config(workdir: pathlib.Path, config: Mapping[str, Any]) -> None:
  """Writes config.json."""
  write_json(workdir / 'config.json', config)


def read_config(workdir: pathlib.Path) -> dict[str, Any] | None:
  """What config.json says, or None where there is none."""
  return _read_json(workdir / 'config.json')


def config_hash(config: Mapping[str, Any]) -> str:
  """Twelve hex digits of the SHA-256 of a config's JSON, in key order."""
  text = json.dumps(config, sort_keys=True, allow_nan=False)
  return hashlib.sha256(text.encode()).hexdigest()[:12]


class Difference(NamedTuple):
  """One key of two configs that disagree, its values as JSON.

  A side that lacks the key says 'absent'.
  """

  key: str
  saved: str
  now: str


def differences(
  saved: Mapping[str, Any],
  now: Mapping[str, Any],
  free: Collection[str] = (),
) -> list[Difference]:
  """Where two configs differ, sorted by key: 'model.latent'.

  Args:
    saved: the config of the run that is there.
    now: the config asked for.
    free: keys that may differ; 'data' frees all of 'data.*'.
  """
  before, after = _flatten(saved), _flatten(now)
  return [
    Difference(key, before.get(key, 'absent'), after.get(key, 'absent'))
    for key in sorted(before.keys() | after.keys())
    if before.get(key) != after.get(key)
    and not any(key == name or key.startswith(f'{name}.') for name in free)
  ]


def check_same(
  saved: Mapping[str, Any],
  now: Mapping[str, Any],
  free: Collection[str] = (),
) -> None:
  """That a run goes on with the config that it was started with.

  Raises:
    UserError: it does not; the message is a table of key, saved and now.
  """
  found = differences(saved, now, free)
  if not found:
    return
  rows = [Difference('key', 'saved', 'now'), *found]
  widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
  table = [
    ' | '.join(cell.ljust(w) for cell, w in zip(row, widths, strict=True))
    for row in rows
  ]
  keys = ','.join(difference.key for difference in found)
  raise errors.UserError(
    '\n  '.join(
      ['the workdir holds a run with another config:', *map(str.rstrip, table)]
    ),
    hint=f'use a new workdir, or --allow_config_change={keys}',
  )


def write_crash(workdir: pathlib.Path, error: BaseException) -> pathlib.Path:
  """Writes the traceback of a bug to crash-<time>.txt; returns its path."""
  path = workdir / f'crash-{_now().replace(":", "").replace("-", "")}.txt'
  report = ''.join(traceback.format_exception(error))
  path.write_text(f'{json.dumps(_surroundings(), indent=2)}\n\n{report}')
  return path


def write_json(path: pathlib.Path, value: Any) -> None:
  """Writes JSON so that a reader sees all of the old or all of the new.

  Raises:
    ResourceError: it cannot be written.
  """
  text = json.dumps(value, indent=2, allow_nan=False)
  disk.write_whole(path, f'{text}\n'.encode())


def _read_json(path: pathlib.Path) -> dict[str, Any] | None:
  if not path.exists():
    return None
  try:
    return json.loads(path.read_text())
  except ValueError as error:
    raise errors.IntegrityError(
      f'{path} is not JSON: {error}', hint='remove it or use a new workdir'
    ) from error


def _flatten(config: Mapping[str, Any], prefix: str = '') -> dict[str, str]:
  flat = {}
  for name, value in config.items():
    key = f'{prefix}{name}'
    if isinstance(value, Mapping) and value:
      flat |= _flatten(value, f'{key}.')
    else:
      flat[key] = json.dumps(value)
  return flat


def _surroundings() -> dict[str, Any]:
  devices = jax.devices()
  return {
    'versions': {
      'jaxvae': jaxvae.__version__,
      'jax': jax.__version__,
      'jaxlib': importlib.metadata.version('jaxlib'),
      'python': platform.python_version(),
    },
    'devices': {'kind': devices[0].device_kind, 'count': len(devices)},
    'host': socket.gethostname(),
    'pid': os.getpid(),
  }


def _now() -> str:
  return datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds')
