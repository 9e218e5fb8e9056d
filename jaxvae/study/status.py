"""How far a study is, read from the files that its runs leave.

Only run.json, config.json and the last line of metrics.jsonl of each index are
read, so it can be asked at any time and from any machine that sees the
directory. An index whose files are damaged does not keep it from the others.
"""

import math
import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

from jaxvae.errors import IntegrityError, JaxvaeError, ResourceError
from jaxvae.study import grid
from jaxvae.study.grid import Study
from jaxvae.train import workdir
from jaxvae.train.progress import format_duration
from jaxvae.train.writer import METRICS, record

WAITING = 'not started'
# What must be put right by hand before an index can go on: its exit code.
BROKEN = {
  'damaged': IntegrityError.exit_code,
  'unreadable': ResourceError.exit_code,
}
_ORDER = (
  *('completed', 'running', 'stopped', 'preempted', 'diverged', 'failed'),
  *BROKEN,
  'created',
)
_TAIL = 1 << 16  # bytes of metrics.jsonl that surely hold its last line


class Standing(NamedTuple):
  """Where one index stands.

  Attributes:
    index: of the study.
    status: of run.json, 'not started' where there is none; 'stopped' for a run
      that says it is running while nobody holds its directory; 'damaged' or
      'unreadable' where its files are.
    step: the last one that was logged or saved.
    saved: the last one that was saved.
    seconds: this run's share of the time to there, evaluation included.
    error: what ended it or is wrong with its files, or ''.
  """

  index: int
  status: str
  step: int
  saved: int
  seconds: float
  error: str


def look(home: pathlib.Path, indices: Sequence[int]) -> list[Standing]:
  """Where each index stands; a damaged one too."""
  return [_look(grid.directory(home, index), index) for index in indices]


def finished(standing: Standing) -> bool:
  """Whether nothing is left to do: it is trained, or it has diverged."""
  return standing.status in ('completed', 'diverged')


def broken(error: JaxvaeError) -> tuple[str, str]:
  """'damaged' or 'unreadable', and what is wrong and what to do in one line."""
  status = 'damaged' if isinstance(error, IntegrityError) else 'unreadable'
  return status, '; '.join(filter(None, (str(error), error.hint)))


def text(study: Study, standings: Sequence[Standing], workers: int) -> str:
  """What `--status` prints.

  Args:
    study: the study.
    standings: of the indices that are asked for.
    workers: processes that work on it.
  """
  counts: dict[str, list[int]] = {}
  for one in standings:
    counts.setdefault(one.status, []).append(one.index)
  lines = [f'{study.name}: {len(standings)} indices']
  for status in (*_ORDER, WAITING):
    if found := counts.get(status):
      lines.append(f'  {status:11} {len(found):5}  {grid.ranges(found)}')
  lines += [
    f'  {grid.called(study, one.index)} {one.status}: {one.error}'
    for one in standings
    if one.error
  ]
  return '\n'.join([*lines, line(study, standings, workers)])


def line(study: Study, standings: Sequence[Standing], workers: int) -> str:
  """'9 of 25 runs, 41 % of the steps, 12m left in one process'.

  Args:
    study: the study.
    standings: of the indices that are asked for.
    workers: processes that work on it.
  """
  steps = [
    study.sets[one.index].get('num_steps', study.base.num_steps)
    for one in standings
  ]
  pairs = list(zip(standings, steps, strict=True))
  ended = sum(map(finished, standings))
  done = sum(n if finished(one) else min(one.step, n) for one, n in pairs)
  share = math.floor(100 * done / sum(steps))
  said = f'{ended} of {len(standings)} runs, {share} % of the steps'
  left = sum(max(n - one.step, 0) for one, n in pairs if not finished(one))
  # Of those whose time is known; what a run took is written when it saves.
  spent = sum(one.seconds for one in standings)
  paid = sum(one.saved for one in standings if one.seconds)
  if left and paid:
    time = format_duration(left * spent / paid / workers)
    where = f'{workers} processes' if workers > 1 else 'one process'
    said += f', {time} left in {where}'
  return said


def exit_code(standings: Sequence[Standing], codes: Sequence[int]) -> int:
  """Of the study: 0 all completed, 3 some diverged, or what kept it from that.

  Args:
    standings: of the indices that were asked for.
    codes: of the jobs.
  """
  if 2 in codes:
    return 2  # something else is in a directory, however well it ended
  stopped = next((code for code in codes if code in (130, 143)), 0)
  wrong = damage(standings)
  if not stopped and wrong:
    return wrong
  if not all(map(finished, standings)):
    code = next((code for code in codes if code not in (0, 3)), 1)
    code = stopped or code
    return code if code > 0 else 128 - code  # as a shell says: killed by 9
  return 3 if any(one.status == 'diverged' for one in standings) else 0


def damage(standings: Sequence[Standing]) -> int:
  """The exit code that broken files ask for: 4 or 5; 0 where none are."""
  codes = [BROKEN[one.status] for one in standings if one.status in BROKEN]
  return min(codes, default=0)


def _look(home: pathlib.Path, index: int) -> Standing:
  try:
    run = workdir.read_run(home)
    workdir.read_config(home)  # Without which it cannot go on.
    if run is None:
      return Standing(index, WAITING, 0, 0, 0.0, '')
    status, step = run['status'], run['step']
    if status == 'running':
      step = max(step, _last_step(home / METRICS))
      status = 'running' if workdir.is_held(home) else 'stopped'
  except JaxvaeError as error:
    status, why = broken(error)
    return Standing(index, status, 0, 0, 0.0, why)
  seconds = run.get('seconds', {})
  spent = sum(value for key, value in seconds.items() if key != 'host')
  share = spent / run.get('lanes', 1)
  error = run.get('error', '')
  return Standing(index, status, step, run['step'], share, error)


def _last_step(path: pathlib.Path) -> int:
  """The step of the last whole line, 0 where there is none."""
  try:
    with path.open('rb') as lines:
      lines.seek(0, os.SEEK_END)
      lines.seek(max(0, lines.tell() - _TAIL))
      last = lines.read().rpartition(b'\n')[0].rpartition(b'\n')[2]
  except OSError:  # What was saved is known without it.
    return 0
  said = record(last)
  return said['step'] if said else 0
