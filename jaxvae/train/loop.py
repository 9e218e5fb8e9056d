"""Training, top to bottom: claim, resume or start, train, save, evaluate.

One run, or the members of an ensemble: the same loop, a list of one or of many.
"""

import logging
import pathlib
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import ml_collections
import numpy as np

from jaxvae import evaluate
from jaxvae.errors import DivergedError, ResourceError, UndrawnError, UserError
from jaxvae.structs import TrainState
from jaxvae.train import (
  banner,
  checkpoint,
  cost,
  ensemble,
  finite,
  hosts,
  members,
  progress,
  resume,
  signals,
  watchdog,
  workdir,
)
from jaxvae.train.members import Member
from jaxvae.train.resume import Position
from jaxvae.train.setup import Setup, fetch, set_up

_log = logging.getLogger('jaxvae')

Errors = dict[int, DivergedError]  # by the place of the member in the setup


def train(
  config: ml_collections.ConfigDict,
  place: str,
  allowed: Sequence[str] = (),
  initial_params: Callable[[Any], Any] | None = None,
) -> int:
  """Trains to `config.num_steps` in `place`, from wherever it stands there.

  The same call resumes, and ends with the same bits as a run that was never
  stopped.

  Args:
    config: what to train.
    place: the work directory.
    allowed: config keys that may differ from those of the run in `place`.
    initial_params: what a fresh start makes of the parameters that it drew, on
      the host: how a run goes on with those of another. A run that resumes does
      not call it.

  Returns:
    The exit code: 0, or 130 or 143 when a signal stopped it after saving.

  Raises:
    JaxvaeError: with the exit code of its kind.
  """
  code, errors = train_members([config], [place], allowed, initial_params)
  for error in errors.values():
    raise error
  return code


@cost.enough_memory()
def train_members(
  configs: Sequence[ml_collections.ConfigDict],
  places: Sequence[str],
  allowed: Sequence[str] = (),
  initial_params: Callable[[Any], Any] | None = None,
) -> tuple[int, Errors]:
  """Trains runs that differ only in numbers as one program; see `train`.

  Each has a work directory of its own, in which it is an ordinary run. One that
  diverges does not stop the others. One that has diverged before keeps its
  lane, so that the others end with the same bits, and is not trained again.

  Args:
    configs: of the members.
    places: a work directory for each.
    allowed: as for `train`.
    initial_params: as for `train`, for which there must be one run.

  Returns:
    (0, or 130 or 143 when a signal stopped it after saving; the error of each
    member that diverged now).

  Raises:
    JaxvaeError: what ended them all.
  """
  # The order matters: all that can be refused is, before a file is written.
  begun = time.monotonic()
  setup = set_up(configs, resume.rules(configs[0], places))
  with members.claimed(setup, places, allowed, begun) as homes:
    try:
      return _train_claimed(setup, homes, allowed, initial_params)
    except UserError:
      raise  # It does not fit the runs that are there, which stay as they were.
    except Exception as error:
      lacking = cost.no_memory(error) or members.lacking(error, homes)
      for home in homes if hosts.leads() else ():
        members.record_end(home, lacking or error)
      if lacking is not None:
        raise lacking from error
      raise


def _train_claimed(
  setup: Setup,
  homes: Sequence[pathlib.Path],
  allowed: Sequence[str],
  initial_params: Callable[[Any], Any] | None,
) -> tuple[int, Errors]:
  config = setup.config
  with (
    signals.listen() as stop,
    members.opened(setup, homes) as everyone,
  ):
    alive = dict(enumerate(everyone))
    if setup.layout.lanes:
      for at, member in enumerate(everyone):
        if workdir.read_run(member.home)['status'] == 'diverged':
          del alive[at]
    start = resume.start_or_resume(setup, alive, allowed, initial_params)
    # Only now: a run that could not be resumed keeps its own config.
    for member in alive.values() if hosts.leads() else ():
      ever = workdir.read_run(member.home).get('allowed_changes', ())
      workdir.write_config(member.home, member.plain)
      workdir.record(
        member.home,
        'running',
        start.step,
        config_hash=workdir.config_hash(member.plain),
        lanes=len(setup.configs),
        allowed_changes=sorted({*ever, *allowed}),
      )
    with progress.display(config.num_steps, start.step) as display:
      states, step, errors = _steps(setup, alive, start, stop, display)
    if not hosts.leads():
      return signals.exit_code(stop.requested) if stop.requested else 0, errors
    for at in states:
      alive[at].saves.wait()
    try:
      stop.raise_from_now_on()
      for at, state in states.items():
        with members.diverging(setup, at, alive[at], errors, display):
          _finish(setup, alive[at], state, step, start.timer)
    except signals.Stopped as stopped:
      for at in states:
        if workdir.read_run(alive[at].home)['status'] == 'running':
          workdir.record(alive[at].home, 'preempted', step)
      print(
        f'{stopped.signal.name}: stopped at step {step}, which is saved; '
        f'the same command goes on from there'
      )
      return signals.exit_code(stopped.signal), errors
    return 0, errors


def _finish(
  setup: Setup,
  member: Member,
  state: TrainState,
  step: int,
  timer: progress.Timer,
) -> None:
  """Evaluates a trained member, and says that it is completed."""
  digest = checkpoint.params_digest(state.params)
  if setup.layout.lanes:
    print(f'\n{members.called(setup, member)}', flush=True)
  begun = time.monotonic()
  home = member.home
  try:
    evaluate.evaluate(setup.model, member.config, state.params, home, step)
  except UndrawnError as error:  # Nothing that was trained depends on it.
    _log.warning('%s; %s', error, error.hint)
  # The other seconds are those of all members, and are divided by them.
  own = (time.monotonic() - begun) * len(setup.configs)
  workdir.record(
    home,
    'completed',
    step,
    params_sha256=digest,
    seconds=timer.state()['seconds'] | {'evaluate': own},
  )


def _steps(
  setup: Setup,
  alive: Mapping[int, Member],
  start: Position,
  stop: signals.Stop,
  display: progress.Display,
) -> tuple[dict[int, TrainState], int, Errors]:
  """Runs compiled calls until the end or a signal; all is saved then.

  Returns:
    (states of the members that have not diverged, steps done, the others'
    errors).
  """
  config = setup.config
  state, step, saved, timer = start
  call = _compiling(setup, timer, display)
  errors: Errors = {}

  def going():
    return [(at, alive[at]) for at in alive if at not in errors]

  def save():
    with timer.pause('save'):
      for _, member in going():  # So that none is two saves ahead of others.
        member.saves.wait()
      for (at, member), one in zip(
        going(), _split(setup, state, [at for at, _ in going()]), strict=True
      ):
        with members.diverging(setup, at, member, errors, display):
          finite.check_parameters(one.params, step, member.saves.latest())
          members.save(setup, member, one, step, timer)
    return step

  ready = None
  with (
    members.writers(alive, start.saved) as metrics,
    watchdog.watching() as moved,
  ):
    while step < config.num_steps and going() and not _asked(stop):
      moved()
      count = _count(config, step)
      if ready is None:
        ready = fetch(setup, step, count)
      timer.start()
      state, results = call(count, state, ready)
      step += count
      # The host's work of the next call, while the devices do this one's.
      following = _count(config, step)
      ready = fetch(setup, step, following) if following else None
      results = jax.device_get(results)
      if setup.layout.lanes:
        results = ensemble.apart(results, len(setup.configs))
      else:
        results = [results]
      timer.advance(count)
      last = step == config.num_steps
      logged = step % config.log_every == 0 or last
      for at, member in going():
        with members.diverging(setup, at, member, errors, display):
          finite.check_call(results[at], step, member.saves.latest())
          if logged and at in metrics:
            means = {k: np.mean(v, axis=0) for k, v in results[at].items()}
            del means['finite']
            metrics[at].write(step, means)
      if logged and metrics and going():
        shown = [results[at] for at, _ in going()]
        newest = going()[0][1].saves.latest()
        line = banner.line(setup, step, shown, len(errors), timer, newest)
        try:
          for one in metrics.values():
            one.flush()
          display.show(step, line)
        except (ResourceError, OSError):
          save()  # Its metrics are written, so that it may be gone on from.
          raise
      if step % config.save_every == 0 or last:
        saved = save()
    timer.stop()
    if step > (saved or 0):  # A signal came between two saves.
      save()
  left = [at for at, _ in going()]
  return dict(zip(left, _split(setup, state, left), strict=True)), step, errors


def _asked(stop: signals.Stop) -> bool:
  """Whether any of the processes was asked to stop; then all know of it."""
  number = hosts.agree(int(stop.requested or 0))
  if number and not stop.requested:
    stop.requested = signal.Signals(number)
  return bool(number)


def _count(config: ml_collections.ConfigDict, step: int) -> int:
  """Steps of the next call."""
  to_boundary = config.steps_per_call - step % config.steps_per_call
  return min(to_boundary, config.num_steps - step)


def _compiling(
  setup: Setup, timer: progress.Timer, display: progress.Display
) -> Callable:
  """(count, state, fetched) -> what `many` gives, compiled on first use."""
  compiled: dict[int, Any] = {}

  def call(count, state, fetched):
    args = state, fetched, setup.resident, setup.course
    if count not in compiled:
      with timer.pause('compile'):
        begun = time.monotonic()
        compiled[count] = setup.many.lower(*args).compile()
        seconds = time.monotonic() - begun
      display.note(f'compiled {count} steps a call in {seconds:.1f} s')
    return compiled[count](*args)

  return call


def _split(
  setup: Setup, state: TrainState, wanted: Sequence[int]
) -> list[TrainState]:
  """The states of some members; of a run, its own."""
  if not setup.layout.lanes:
    return [hosts.to_local(state)] * len(wanted)
  return ensemble.split(state, wanted)
