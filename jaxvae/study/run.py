"""Trains indices of a study: in this process, or as jobs of a back end."""

import contextlib
import pathlib
import shlex
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence

from jaxvae import config as schema
from jaxvae.errors import JaxvaeError, UserError
from jaxvae.study import grid, status
from jaxvae.study.grid import Study
from jaxvae.study.jobs import Job, Run
from jaxvae.study.plan import Plan
from jaxvae.train import loop, same, signals, workdir

SECONDS_BETWEEN_LINES = 30


def here(study: Study, plan: Plan, home: pathlib.Path) -> list[int]:
  """Trains the ensembles of a plan one after another in this process.

  What is finished is skipped, what is half done goes on. An ensemble that
  cannot be trained is reported and does not keep the others from it, nor does a
  member whose files are damaged the others of its ensemble.

  Args:
    study: the study.
    plan: of the indices that are asked for.
    home: the directory of the study.

  Returns:
    The exit codes: of each ensemble, up to one that a signal stopped.
  """
  codes = []
  for one in plan.ensembles:
    stands = status.look(home, one.indices)
    try:
      _check_done(study, stands, home)
    except UserError as error:
      print(f'jaxvae: error: {error}', file=sys.stderr)
      codes.append(error.exit_code)
      continue
    for each in stands:
      if each.status in status.BROKEN:
        which = grid.called(study, each.index)
        print(f'jaxvae: error: {which}: {each.error}', file=sys.stderr)
    stands = [each for each in stands if each.status not in status.BROKEN]
    if all(map(status.finished, stands)):
      continue
    # Members that have diverged keep their lanes, see loop.train_members.
    left = [each.index for each in stands if each.status != 'completed']
    configs = [grid.config_at(study, index) for index in left]
    places = [str(grid.directory(home, index)) for index in left]
    try:
      if len(left) == 1:
        code, errors = loop.train(configs[0], places[0]), {}
      else:
        code, errors = loop.train_members(configs, places)
      codes.append(3 if errors and not code else code)
    except JaxvaeError as error:
      which = grid.ranges(left)
      if len(left) == 1:
        which = grid.called(study, left[0])
      print(f'jaxvae: error: {which}: {error}', file=sys.stderr)
      codes.append(error.exit_code)
    if codes[-1] in (130, 143):
      break
  return codes


def _check_done(
  study: Study, stands: Sequence[status.Standing], home: pathlib.Path
) -> None:
  """That what is done already is of this study, not of another one."""
  for each in stands:
    if each.status != 'completed':
      continue
    place = grid.directory(home, each.index)
    saved = workdir.read_config(place)
    now = schema.to_dict(grid.config_at(study, each.index))
    if saved is not None:
      same.check_same(saved, now, schema.free_keys())


def through(
  backend: Run,
  study: Study,
  arguments: Sequence[str],
  plan: Plan,
  home: pathlib.Path,
  workers: int,
) -> list[int]:
  """Trains the ensembles of a plan as jobs of a back end.

  A job is this program again, in a process somewhere, with the indices of one
  ensemble; it sees the same directory.

  Args:
    backend: such as `backends.backend('local(workers=2)')`.
    study: the study.
    arguments: the command line of a job, without its indices.
    plan: of the indices that are asked for.
    home: the directory of the study.
    workers: processes that share the work, for the time left.

  Returns:
    The exit codes of the jobs, as they end.

  Raises:
    UserError: the back end cannot be used.
  """
  jobs = []
  for one in plan.ensembles:
    stands = status.look(home, one.indices)
    # Of those that are broken a job has nothing to do but say so again.
    if all(status.finished(s) or s.status in status.BROKEN for s in stands):
      continue
    indices = grid.ranges(one.indices)
    jobs.append(
      Job(
        name=f'{home.name}-{indices}',
        command=(
          *(sys.executable, '-m', 'jaxvae.study', *arguments),
          *(f'--index={indices}', f'--members={len(one.indices)}'),
          '--backend=here',
        ),
        log=home / 'logs' / f'{indices}.txt',
      )
    )
  asked = [index for one in plan.ensembles for index in one.indices]
  codes = []
  with signals.listen() as stop, _progress(study, home, asked, workers):
    for ended in backend(jobs, home, stop):
      print(_said(ended), flush=True)
      codes.append(ended.code)
    if stop.requested:
      codes.insert(0, signals.exit_code(stop.requested))
  return codes


def command(
  study: str, home: pathlib.Path, overrides: Mapping[str, str]
) -> list[str]:
  """The arguments of every job: `--study=... --workdir=... --config...`."""
  changed = [f'--config.{key}={value}' for key, value in overrides.items()]
  return [f'--study={study}', f'--workdir={home}', *changed]


@contextlib.contextmanager
def _progress(
  study: Study, home: pathlib.Path, asked: Sequence[int], workers: int
) -> Iterator[None]:
  """Says how far the study is, now and then, while jobs run."""
  done = threading.Event()

  def tell():
    before = ''
    # Nobody may be reading any more: that is for the others to notice.
    with contextlib.suppress(OSError):
      while not done.wait(SECONDS_BETWEEN_LINES):
        line = status.line(study, status.look(home, asked), workers)
        if line != before:
          print(line, flush=True)
        before = line

  thread = threading.Thread(target=tell, daemon=True)
  thread.start()
  try:
    yield
  finally:
    done.set()
    thread.join()


def _said(ended) -> str:
  if ended.code == 0:
    return f'{ended.job.name}: done'
  if ended.code == 3:
    return f'{ended.job.name}: done, some diverged; see {ended.job.log}'
  how = 'killed' if ended.code < 0 else f'exit code {ended.code}'
  again = shlex.join(ended.job.command)
  return f'{ended.job.name}: {how}; see {ended.job.log}; again: {again}'
