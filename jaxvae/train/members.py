"""The runs that a loop trains, each in its own work directory.

A run alone and a member of an ensemble leave the same files, so a member is
taken out of its ensemble by naming its directory.
"""

import contextlib
import pathlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import ml_collections

from jaxvae import config as schema
from jaxvae.errors import (
  DivergedError,
  JaxvaeError,
  ResourceError,
  lack,
)
from jaxvae.report import study_table
from jaxvae.structs import TrainState
from jaxvae.train import (
  banner,
  checkpoint,
  hosts,
  identity,
  progress,
  steps,
  workdir,
  writer,
)
from jaxvae.train.setup import Setup


class Member(NamedTuple):
  """One run.

  Attributes:
    config: of the run, without an ensemble in it.
    home: its work directory, claimed.
    saves: its checkpoints.
  """

  config: ml_collections.ConfigDict
  home: pathlib.Path
  saves: checkpoint.Checkpoints

  @property
  def plain(self) -> dict[str, Any]:
    """The config as config.json holds it."""
    return schema.to_dict(self.config)


@contextlib.contextmanager
def claimed(
  setup: Setup,
  places: Sequence[str],
  allowed: Sequence[str],
  begun: float,
) -> Iterator[list[pathlib.Path]]:
  """Holds the work directories, and refuses what holds another run.

  Args:
    setup: the runs.
    places: a work directory for each member.
    allowed: config keys that may differ from those of a run that is there.
    begun: when opening the data began, on the monotonic clock.

  Raises:
    UserError: a directory holds a run with another config, or two runs.
    IntegrityError: the checkpoints of a run are gone.
    ResourceError: a directory is in use, or cannot be read or written.
  """
  if not hosts.leads():
    yield [pathlib.Path(place).absolute() for place in places]
    return
  with contextlib.ExitStack() as stack:
    homes = [stack.enter_context(workdir.claim(place)) for place in places]
    held = [identity.read(home) for home in homes]
    lost = [
      identity.check_asked(one, schema.to_dict(config), allowed)
      for config, one in zip(setup.configs, held, strict=True)
    ]
    banner.introduce(setup, held, time.monotonic() - begun)
    for line in filter(None, lost):
      print(line, flush=True)
    for one in held:
      if one.run is None:
        workdir.record(one.home, 'created', max(one.saved, default=0))
    yield homes


@contextlib.contextmanager
def opened(
  setup: Setup, homes: Sequence[pathlib.Path]
) -> Iterator[list[Member]]:
  """Opens the checkpoints of all members, and tidies what was cut off.

  Of several processes only the one that leads may write.
  """
  # Members are saved one by one: a step that all have must not be thinned out.
  keep = max(setup.config.keep_checkpoints, 2 if setup.layout.lanes else 1)
  with contextlib.ExitStack() as stack:
    members = []
    for config, home in zip(setup.configs, homes, strict=True):
      saves = stack.enter_context(
        checkpoint.open(home / 'checkpoints', keep, hosts.leads())
      )
      saves.clean_unfinished()
      members.append(Member(config, home, saves))
    yield members


@contextlib.contextmanager
def writers(
  members: Mapping[int, Member], saved: int | None
) -> Iterator[dict[int, writer.Writer]]:
  """A writer of metrics for each member, open at the step to go on from."""
  if not hosts.leads():
    yield {}
    return
  with contextlib.ExitStack() as stack:
    yield {
      at: stack.enter_context(writer.open_writer(member.home, saved))
      for at, member in members.items()
    }


def save(
  setup: Setup,
  member: Member,
  state: TrainState,
  step: int,
  timer: progress.Timer,
) -> None:
  """Writes one member's checkpoint in the background, and notes the step.

  Args:
    setup: the runs.
    member: whose state it is.
    state: of that member alone.
    step: steps done.
    timer: goes on where it was after a restart.
  """
  if not hosts.leads():
    return
  workdir.check_there(member.home)
  info = {
    'timer': timer.state(),
    'data': banner.describe(setup),
    'devices': jax.device_count(),
    'versions': workdir.versions(),
  }
  member.saves.save(step, state, member.plain, info)
  seconds = info['timer']['seconds']
  workdir.record(member.home, 'running', step, seconds=seconds)


def go_back(member: Member, step: int) -> None:
  """Removes a member's checkpoints after `step`, which will be made again."""
  kept = max((at for at in member.saves.steps() if at <= step), default=0)
  # First: a kill in between must not leave a run.json that misses them.
  workdir.record(member.home, 'running', kept, saved=kept)
  member.saves.go_back(step)


def called(setup: Setup, member: Member) -> str:
  """'0003 (beta=4, seed=1)': a member, and what tells it from the others."""
  each = [schema.flatten(config) for config in setup.configs]
  values = {
    key: value
    for key, value in schema.flatten(member.config).items()
    if key == 'seed' or any(other[key] != value for other in each)
  }
  return f'{member.home.name} ({study_table.label(values)})'


@contextlib.contextmanager
def diverging(
  setup: Setup,
  at: int,
  member: Member,
  errors: dict[int, DivergedError],
  display: progress.Display,
) -> Iterator[None]:
  """What diverges within is put into `errors`, recorded and said.

  Args:
    setup: the runs.
    at: the member's place in the setup.
    member: whose numbers are looked at.
    errors: of the members that have diverged, by their place.
    display: where an ensemble says so at once; a run ends with its error.
  """
  try:
    yield
  except DivergedError as error:
    errors[at] = error
    record_end(member.home, error)
    if setup.layout.lanes:
      display.note(f'{called(setup, member)} diverged: {error}')


def lacking(
  error: Exception, homes: Sequence[pathlib.Path]
) -> ResourceError | None:
  """What the machine lacks, if that ended the runs, and where they go on.

  Args:
    error: what ended them.
    homes: their work directories; what could be saved has been.
  """
  found = lack(error)
  try:
    for home in homes if hosts.leads() else ():
      workdir.check_there(home)
    if found is None:
      return None
    saved = min(
      max(steps.finished(home / 'checkpoints'), default=0) for home in homes
    )
  except ResourceError as other:  # It is gone, or cannot be looked at.
    return other
  where = f'goes on from checkpoint {saved}' if saved else 'begins anew'
  return ResourceError(
    str(found),
    hint='make room, or put right what is in the way, and run the same command '
    f'again: it {where}',
  )


def record_end(home: pathlib.Path, error: Exception) -> None:
  """Says in run.json what ended a run: it diverged, it failed, or a bug.

  A run that has ended already stays as it is. Where nothing can be written,
  run.json goes on saying that it runs, which nobody believes without the lock.
  """
  if not hosts.leads():
    return
  with contextlib.suppress(JaxvaeError, OSError):
    run = workdir.read_run(home)
    if run is None or run['status'] in ('completed', 'diverged'):
      return
    status = 'diverged' if isinstance(error, DivergedError) else 'failed'
    expected = isinstance(error, JaxvaeError)
    said = str(error) if expected else repr(error)
    workdir.record(home, status, run['step'], error=said)
    if not expected:
      workdir.write_crash(home, error)
