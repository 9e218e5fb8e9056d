"""Metrics on disk: metrics.jsonl, and TensorBoard events when there is a way.

One JSON object a line: `step`, then the terms; vectors are lists, and what is
not finite is null. After a crash the file may know of steps that the restored
checkpoint does not: they go to metrics.jsonl.orphan, and are trained again.
So write a step's metrics before its checkpoint is saved.
"""

import contextlib
import importlib.util
import json
import math
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from jaxvae.train import disk

METRICS = 'metrics.jsonl'


class Writer:
  """Where the loop's numbers go; `open_writer` makes one."""

  def __init__(self, lines: Any, events: Any | None):
    self._lines = lines
    self._events = events

  def write(self, step: int, terms: Mapping[str, Any]) -> None:
    """Writes numbers, or vectors of them, by name; arrays of any kind do.

    The line is with the operating system when it returns: it survives the end
    of the process, though not that of the machine. TensorBoard's events wait
    for `flush`, so that a lack of room for them costs no line.

    Raises:
      ResourceError: the disk is full.
    """
    values = {name: _plain(value) for name, value in terms.items()}
    text = json.dumps({'step': int(step)} | values, allow_nan=False)
    disk.append(self._lines, f'{text}\n'.encode())
    if self._events is not None:
      self._events.add(step, _scalars(values))

  def flush(self) -> None:
    """Writes the events of what was written.

    Raises:
      ResourceError: the disk is full.
    """
    if self._events is not None:
      self._events.flush()


@contextlib.contextmanager
def open_writer(
  home: str | os.PathLike[str], resume_step: int | None = None
) -> Iterator[Writer]:
  """Opens metrics.jsonl and TensorBoard's events at the step to go on from.

  Args:
    home: the run's directory, which exists.
    resume_step: the restored step; later ones go to the orphans. None: from
      the start, and every line there is goes to the orphans.

  Raises:
    ResourceError: the files cannot be written.
  """
  home = pathlib.Path(home)
  path = home / METRICS
  with contextlib.ExitStack() as stack:
    with disk.writing(path):
      _truncate(path, resume_step)
      lines = stack.enter_context(path.open('ab', buffering=0))
    writer = Writer(lines, _open_events(home, resume_step, stack))
    yield writer
    writer.flush()


def record(line: bytes) -> dict[str, Any] | None:
  """What a whole line of metrics.jsonl says; None of anything else.

  A full disk or a kill may leave half of one at the end, until the run goes on.
  """
  try:
    found = json.loads(line)
    return found if type(found['step']) is int else None
  except (ValueError, LookupError, TypeError, RecursionError):
    return None


def _open_events(
  home: pathlib.Path,
  resume_step: int | None,
  stack: contextlib.ExitStack,
) -> Any | None:
  if importlib.util.find_spec('tensorboardX') is None:  # of the extra `tb`
    return None
  from jaxvae.train import events

  purge_step = 0 if resume_step is None else resume_step + 1
  return stack.enter_context(events.open_events(home, purge_step))


def _truncate(path: pathlib.Path, resume_step: int | None) -> None:
  if not path.exists():
    return
  kept, orphans = [], []
  before = path.read_bytes()
  for line in before.splitlines(keepends=True):
    said = record(line)
    if said and resume_step is not None and said['step'] <= resume_step:
      kept.append(line.rstrip(b'\n') + b'\n')
    elif line.endswith(b'\n'):
      orphans.append(line)
  after = b''.join(kept)
  if after == before:
    return  # A full disk need not have room for what does not change.
  beside = path.with_name(f'{path.name}.orphan')
  if orphans:
    earlier = beside.read_bytes() if beside.exists() else b''
    disk.write_whole(beside, earlier + b''.join(orphans))
  disk.write_whole(path, after)


def _plain(value: Any) -> Any:
  value = np.asarray(value)
  if value.ndim:
    return [_plain(item) for item in value]
  if np.issubdtype(value.dtype, np.integer):
    return int(value)
  number = float(value)
  return number if math.isfinite(number) else None


def _scalars(values: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
  for name, value in values.items():
    if isinstance(value, list):
      yield from _scalars({f'{name}/{i}': v for i, v in enumerate(value)})
    elif value is not None:
      yield name, value
