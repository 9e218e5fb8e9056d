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
from collections.abc import Iterator, Mapping
from typing import Any

import jax

import jaxvae
from jaxvae import errors
from jaxvae.train import disk, reading, sharding, steps

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
  with handle, contextlib.ExitStack() as stack:
    try:
      _lock(handle)
      _lock_directories(workdir, stack)
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


def _process() -> tuple[int, str]:
  return os.getpid(), socket.gethostname()


def _holder() -> str:
  return 'pid {} on host {}'.format(*_process())


def _lock(handle: Any) -> None:
  """Takes the lock; `is_held` may have it for a moment, to look."""
  for _ in range(4):
    try:
      fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
      return
    except BlockingIOError:
      time.sleep(0.05)
  fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _lock_directories(workdir: pathlib.Path, stack: Any) -> None:
  """For the case that .lock is deleted, or that runs share their checkpoints.

  On file systems that lock nothing but files, it does nothing.
  """
  linked = workdir / 'checkpoints'
  for directory in (workdir, linked) if linked.is_symlink() else (workdir,):
    with contextlib.suppress(FileNotFoundError):
      held = os.open(directory, os.O_RDONLY)
      stack.callback(os.close, held)
      try:
        _lock(held)
      except BlockingIOError:
        raise
      except OSError:
        continue


def is_held(workdir: pathlib.Path) -> bool:
  """Whether a process on this machine, or on its file system, has a lock.

  Raises:
    ResourceError: .lock cannot be read.
  """
  return _is_locked(workdir / '.lock') or _is_locked(workdir)


def _is_locked(path: pathlib.Path) -> bool:
  try:
    number = os.open(path, os.O_RDONLY)
    try:
      fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)
    finally:
      os.close(number)
  except BlockingIOError:
    return True
  except FileNotFoundError:
    return False
  except OSError as error:
    if path.is_dir():  # Some file systems lock nothing but files.
      return False
    raise errors.ResourceError(
      f'cannot read {path}: {error.strerror}'
    ) from error
  return False


def check_there(workdir: pathlib.Path) -> None:
  """That a directory which this process has claimed is there still.

  Raises:
    ResourceError: it was deleted or moved, and perhaps made anew by another.
  """
  lock = workdir / '.lock'
  try:
    holder = lock.read_text()
  except (FileNotFoundError, NotADirectoryError):
    holder = ''
  except OSError:
    return  # Such as too many open files: what that ends says so itself.
  # Without .lock the lock of the directory holds, and run.json says whose.
  run = None if holder else read_run(workdir)
  if run and (run.get('pid'), run.get('host')) == _process():
    return
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
  versions, and `sessions` keeps those of all. `started` stays that of the
  first, `resumed` is that of the last; `saved` is the newest checkpoint there.

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
  new_process = run.get('ended') or (
    (run.get('pid'), run.get('host')) != _process()
  )
  if new_process and status not in FINISHED:
    sessions = run.get('sessions', _first_session(run))
    run |= _surroundings()
    run |= {'resumed' if 'started' in run else 'started': _now()}
    now = {'since': _now(), 'step': int(step)} | _surroundings()
    run['sessions'] = [*sessions, now]
    for key in ('error', 'params_sha256'):  # how the last process ended
      run.pop(key, None)
  run |= {'status': status, 'step': int(step)}
  run['ended'] = _now() if status in FINISHED else None
  run['saved'] = max(steps.finished(workdir / 'checkpoints'), default=0)
  run |= details
  write_json(workdir / 'run.json', run)
  return run


def read_run(workdir: pathlib.Path) -> dict[str, Any] | None:
  """What run.json says, or None where there is none.

  Raises:
    IntegrityError: it is no JSON, or not what `record` writes.
    ResourceError: it may not be read.
  """
  path = workdir / 'run.json'
  run = reading.read_json(path)
  if run is not None and not reading.is_run(run):
    raise errors.IntegrityError(
      f'{path} is not what a run writes', hint=reading.AGAIN
    )
  return run


def write_config(workdir: pathlib.Path, config: Mapping[str, Any]) -> None:
  """Writes config.json."""
  write_json(workdir / 'config.json', config)


def read_config(workdir: pathlib.Path) -> dict[str, Any] | None:
  """What config.json says, or None where there is none; see `read_run`."""
  return reading.read_json(workdir / 'config.json')


def config_hash(config: Mapping[str, Any]) -> str:
  """Twelve hex digits of the SHA-256 of a config's JSON, in key order."""
  text = json.dumps(config, sort_keys=True, allow_nan=False)
  return hashlib.sha256(text.encode()).hexdigest()[:12]


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


def versions() -> dict[str, str]:
  """Of what decides the bits of a run on given devices: {'jax': '0.10.2'}."""
  return _surroundings()['versions']


def _first_session(run: Mapping[str, Any]) -> list[dict[str, Any]]:
  """The one that run.json of earlier versions tells of."""
  if 'started' not in run:
    return []
  kept = ('versions', 'devices', 'host', 'pid')
  kept = {key: run[key] for key in kept if key in run}
  return [{'since': run.get('resumed', run['started'])} | kept]


def _surroundings() -> dict[str, Any]:
  devices = jax.devices()
  # Whatever the number of its devices, a CPU is so many cores.
  cores = {'cores': sharding.cores()} if devices[0].platform == 'cpu' else {}
  return {
    'versions': {
      'jaxvae': jaxvae.__version__,
      'jax': jax.__version__,
      'jaxlib': importlib.metadata.version('jaxlib'),
      'python': platform.python_version(),
    },
    'devices': {
      'kind': devices[0].device_kind,
      'count': len(devices),
      **cores,
    },
    'host': socket.gethostname(),
    'pid': os.getpid(),
  }


def _now() -> str:
  return datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds')
