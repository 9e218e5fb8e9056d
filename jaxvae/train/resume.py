"""Where the members of a loop go on from: the last step that all of them have.

Members are saved one after another. A process that was killed in between leaves
some of them ahead, and these go back to where the others are, so that an
ensemble ends with the same bits as one that nobody stopped.
"""

import contextlib
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import ml_collections

from jaxvae import data
from jaxvae.errors import IntegrityError, UserError
from jaxvae.structs import TrainState
from jaxvae.train import (
  banner,
  checkpoint,
  ensemble,
  hosts,
  identity,
  manifest,
  progress,
  same,
  steps,
  workdir,
)
from jaxvae.train import setup as setups
from jaxvae.train.members import Member, go_back
from jaxvae.train.setup import Setup


class Position(NamedTuple):
  """Where the members stand.

  Attributes:
    state: what the next step is computed from, of the run or of all lanes.
    step: steps done.
    saved: the step of the checkpoints that they go on from, None for a start.
    timer: where the time went so far.
  """

  state: TrainState
  step: int
  saved: int | None
  timer: progress.Timer


def start_or_resume(
  setup: Setup,
  members: Mapping[int, Member],
  allowed: Sequence[str],
  initial_params: Callable[[Any], Any] | None = None,
) -> Position:
  """The state of all lanes, from the newest checkpoints that fit together.

  Args:
    setup: the runs.
    members: those that are trained, by their place in the setup.
    allowed: config keys that may differ from those of the runs that are there.
    initial_params: of a fresh start, see `setup.begin`.

  Raises:
    UserError: a run is past the end, or its data or its model changed.
    IntegrityError: checkpoints are there, and all of them are damaged.
  """
  config = setup.config
  found = _restored(setup, members, allowed) if hosts.leads() else {}
  agreed = hosts.agree(max((one.step for one in found.values()), default=0))
  if agreed and not hosts.leads():
    found = {
      at: member.saves.restore(setup.abstract_state, agreed)
      for at, member in members.items()
    }
  if not found:
    return Position(
      setups.begin(setup, initial_params), 0, None, progress.Timer()
    )
  step, info = agreed, next(iter(found.values())).info
  _check_data(setup, step, info, allowed)
  what = f'{len(found)} members' if setup.layout.lanes else ''
  print(f'resume {what} from checkpoint {step}'.replace('  ', ' '), flush=True)
  if info['devices'] != jax.device_count():
    print(
      f'saved on {info["devices"]} devices, now on {jax.device_count()}: the '
      f'same batches and the same mathematics, rounded differently'
    )
  if changed := _other_versions(members, info):
    print(f'{changed} since then: the bits of what follows may differ')
  if step == config.num_steps:
    print('all steps are done already; evaluating', flush=True)
  states = {at: restored.state for at, restored in found.items()}
  if setup.layout.lanes:
    # A lane whose member has diverged goes on with the state of another.
    any_state = next(iter(states.values()))
    places = range(len(setup.configs))
    each = [states.get(at, any_state) for at in places]
    state = ensemble.join(each, setup.layout)
  else:
    (state,) = states.values()
    state = hosts.to_global(state, setup.layout.members)
  return Position(state, step, step, progress.Timer(info['timer']))


def rules(config: ml_collections.ConfigDict, places: Sequence[str]) -> int:
  """By which `data.store.RULES` the runs in `places` were begun.

  Those of a run that is new, and of one that they do not touch, are today's.
  """
  if config.data.holdout or config.labels.fraction:
    for place in places:
      if steps.finished(pathlib.Path(place, 'checkpoints')):
        # What is damaged is said where it is restored.
        with contextlib.suppress(IntegrityError):
          info = checkpoint.read(place, prefix=('step',)).info
          return info['data'].get('rules', 1)
  return data.RULES


def _restored(
  setup: Setup, members: Mapping[int, Member], allowed: Sequence[str]
) -> dict[int, checkpoint.Restored]:
  """The checkpoints of one step of all members, or none for a fresh start."""
  for member in members.values():
    newest = member.saves.latest()
    if newest is not None and newest > setup.config.num_steps:
      raise UserError(
        f'config.num_steps={setup.config.num_steps}; the run is at step '
        f'{newest}',
        hint='give it more steps, or use a new workdir',
      )

  def restored(member, step=None):
    def check(manifest):
      keys = identity.free(workdir.read_run(member.home), allowed)
      same.check_same(manifest['config'], member.plain, keys)

    saves = member.saves
    return _on_host(setup, saves.restore(setup.abstract_state, step, check))

  found = {
    at: restored(member)
    for at, member in members.items()
    if member.saves.steps()
  }
  while True:
    steps = [set(member.saves.steps()) for member in members.values()]
    common = max(set.intersection(*steps), default=None)
    if common is None and max(map(len, steps), default=0) > 1:
      # No kill leaves this: a save begins when all members' last one has ended.
      without = [m.home.name for m in members.values() if not m.saves.steps()]
      raise UserError(
        'the members have no step in common to go on from; without a '
        f'checkpoint: {", ".join(without) or "none"}',
        hint='train those by themselves, or bring their checkpoints back',
      )
    ahead = {
      at: member
      for at, member in members.items()
      if (member.saves.latest() or 0) > (common or 0)
    }
    for member in ahead.values():
      print(
        f'{member.home.name} goes back from step {member.saves.latest()} to '
        f'{common or 0}, where all members are',
        flush=True,
      )
      go_back(member, common or 0)
    if common is None:
      return {}
    try:
      for at, member in ahead.items():
        found[at] = restored(member, common)
    except IntegrityError:
      go_back(member, common - 1)
      continue
    return found


def _on_host(
  setup: Setup, restored: checkpoint.Restored
) -> checkpoint.Restored:
  """Of an ensemble, lest the states of all members meet on one device."""
  if not setup.layout.lanes:
    return restored
  state = jax.tree.map(
    lambda leaf: leaf if manifest.is_key(leaf) else manifest.to_host(leaf),
    restored.state,
  )
  return restored._replace(state=state)


def _other_versions(
  members: Mapping[int, Member], info: Mapping[str, Any]
) -> str:
  run = workdir.read_run(next(iter(members.values())).home) or {}
  # Earlier versions noted theirs in run.json alone; and that may be lost.
  for was in (run.get('versions', {}), info.get('versions', {})):
    if said := identity.other_versions(was, workdir.versions()):
      return said
  return ''


def _check_data(
  setup: Setup, step: int, info: Mapping[str, Any], allowed: Sequence[str]
) -> None:
  was, now = info['data'], banner.describe(setup)
  if was['fingerprint'] != now['fingerprint'] and not any(
    key.startswith('data.') for key in allowed
  ):
    raise UserError(
      f'the data changed since checkpoint {step}: their fingerprint was '
      f'{was["fingerprint"]} and is {now["fingerprint"]}',
      hint='bring the data back, or use a new workdir',
    )
