"""The JSON that a run leaves, read: what is damaged is told from what is not.

A file may be missing, half written by something else, of another shape, or not
readable for this user; each is said in a line that names it.
"""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

from jaxvae import errors

AGAIN = 'remove it and give the same command again, or use a new workdir'
STATUSES = (
  *('created', 'running', 'completed', 'preempted', 'diverged', 'failed'),
)


def read_json(
  path: pathlib.Path, hint: str = AGAIN, nan: bool = False
) -> dict[str, Any] | None:
  """The JSON object in a file, or None where there is no file.

  Args:
    path: of the file.
    hint: what to do if it is damaged.
    nan: it may hold NaN and infinities, which are no JSON but Python's.

  Raises:
    IntegrityError: it holds something else.
    ResourceError: it may not be read.
  """
  try:
    found = json.loads(path.read_text())
    json.dumps(found, allow_nan=nan)
  except FileNotFoundError:
    return None
  except (IsADirectoryError, NotADirectoryError) as error:
    raise errors.IntegrityError(f'{path} is no file', hint=hint) from error
  except OSError as error:
    raise errors.ResourceError(
      f'cannot read {path}: {error.strerror}', hint='make it readable'
    ) from error
  except (ValueError, RecursionError) as error:
    said = ' '.join(str(error).split())[:200]
    raise errors.IntegrityError(
      f'{path} is not JSON: {said}', hint=hint
    ) from error
  if not isinstance(found, dict) or not found:
    raise errors.IntegrityError(
      f'{path} holds no JSON object, or an empty one', hint=hint
    )
  return found


def read_metrics(workdir: pathlib.Path, *keys: str) -> dict[str, Any]:
  """What metrics.json says of a run that is evaluated.

  Args:
    workdir: of the run.
    *keys: that are asked for.

  Raises:
    IntegrityError: there is none, it is no JSON object, or lacks a key.
    ResourceError: it may not be read.
  """
  path = workdir / 'metrics.json'
  hint = f'python -m jaxvae.main --mode=eval --workdir={workdir}'
  found = read_json(path, hint, nan=True)
  if found is None:
    raise errors.IntegrityError(f'there is no {path}', hint=hint)
  if lost := [key for key in keys if key not in found]:
    raise errors.IntegrityError(f'{path} does not say {lost[0]}', hint=hint)
  return found


def is_run(run: Mapping[str, Any]) -> bool:
  """Whether it is what `workdir.record` writes, as far as others read it."""
  step, lanes, saved = run.get('step'), run.get('lanes', 1), run.get('saved', 0)
  seconds, sessions = run.get('seconds', {}), run.get('sessions', [])
  allowed = run.get('allowed_changes', [])
  return (
    run.get('status') in STATUSES
    and type(step) is type(lanes) is type(saved) is int
    and min(step, lanes - 1, saved) >= 0
    and isinstance(seconds, dict)
    and all(type(each) in (int, float) for each in seconds.values())
    and isinstance(sessions, list)
    and all(isinstance(each, dict) for each in sessions)
    and all(type(each.get('step', 0)) is int for each in sessions)
    and isinstance(allowed, list)
    and all(isinstance(key, str) for key in allowed)
    and isinstance(run.get('versions', {}), dict)
    and isinstance(run.get('devices', {}), dict)
    and isinstance(run.get('error', ''), str)
  )
