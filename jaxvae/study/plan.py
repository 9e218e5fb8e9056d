"""How a study is computed: programs, ensembles that fit, memory and time.

Indices whose configs differ only in numbers share a program. They are cut into
ensembles, as equal as possible, each a job of its own: the unit that is trained
in one process, killed, and begun again. The cut depends on the study and on the
size of the machine, not on what is done already, so that a member ends with the
same bits whatever happened on the way.
"""

import time
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxvae.study import grid
from jaxvae.study.grid import Study
from jaxvae.train import cost, ensemble, sharding
from jaxvae.train.progress import format_duration

# Of the memory that is there: estimates are rough, and evaluation needs some.
SHARE = 0.6
# A CPU gains nothing from more lanes than keep its cores busy; a short job is
# finished, or lost, sooner.
LANES_PER_CORE = 4
SHOWN = 8  # ensembles of a program that are listed


class Ensemble(NamedTuple):
  """One job: indices that are trained as one program.

  Attributes:
    indices: of the study.
    program: number of the program, in order of first appearance.
    bytes: estimated memory while it trains.
  """

  indices: tuple[int, ...]
  program: int
  bytes: int


class Plan(NamedTuple):
  """All jobs of a study.

  Attributes:
    ensembles: in the order of their first index.
    costs: of one run of each program.
    steps: of a run of each program.
    memory: bytes that an ensemble may take.
  """

  ensembles: tuple[Ensemble, ...]
  costs: tuple[cost.Cost, ...]
  steps: tuple[int, ...]
  memory: int


def make(
  study: Study,
  indices: Sequence[int],
  members: int = 0,
  memory: int = 0,
  workers: int = 1,
) -> Plan:
  """Cuts indices into ensembles; traces each program, compiles nothing.

  Args:
    study: the study.
    indices: those that are asked for.
    members: at most so many in an ensemble; 0 for what fits.
    memory: bytes for an ensemble; 0 for a share of what this machine has. A
      run that does not fit is an ensemble of one, and the compiler decides.
    workers: processes that share this machine.

  Raises:
    UserError: a config that cannot be trained.
  """
  sharding.check_backend()
  memory = memory or int(SHARE * sharding.memory() / workers)
  programs: dict[str, list[int]] = {}
  configs = {index: grid.config_at(study, index) for index in indices}
  for index, config in configs.items():
    programs.setdefault(ensemble.program(config), []).append(index)
  ensembles, costs, steps = [], [], []
  for number, group in enumerate(programs.values()):
    config = configs[group[0]]
    each = cost.of_step(config)
    costs.append(each)
    steps.append(config.num_steps)
    one_by_one = sharding.one_by_one(config.lanes)
    at_once = jax.device_count() if one_by_one else 0
    most = members or (LANES_PER_CORE * at_once if one_by_one else len(group))
    most = min(most, len(group))
    while most > 1 and _bytes(each, most, at_once) > memory:
      most -= 1
    for part in _equal_parts(group, most):
      size = _bytes(each, len(part), at_once)
      ensembles.append(Ensemble(tuple(part), number, size))
  ensembles.sort(key=lambda one: one.indices)
  return Plan(tuple(ensembles), tuple(costs), tuple(steps), memory)


def summary(plan: Plan) -> str:
  """'25 runs, 1 program, 4 ensembles of at most 7'."""
  runs = sum(len(one.indices) for one in plan.ensembles)
  largest = max(len(one.indices) for one in plan.ensembles)
  return (
    f'{_count(runs, "run")}, {_count(len(plan.costs), "program")}, '
    f'{_count(len(plan.ensembles), "ensemble")} of at most {largest}'
  )


def text(study: Study, plan: Plan, workers: int) -> str:
  """What `--dry_run` prints: programs, ensembles, memory, time.

  Args:
    study: the study.
    plan: of it.
    workers: processes that share the machine.
  """
  lines = [f'{study.name}: {summary(plan)}']
  rate = speed()
  total = 0.0
  for number, each in enumerate(plan.costs):
    mine = [one for one in plan.ensembles if one.program == number]
    runs = sum(len(one.indices) for one in mine)
    time = sum(seconds(plan, one, rate) for one in mine)
    total += time
    lines.append(
      f'program {number}: {_count(runs, "run")} in '
      f'{_count(len(mine), "ensemble")}, {plan.steps[number]:,} steps of '
      f'{each.operations / 1e9:.2f} GFLOP, '
      f'at most {max(one.bytes for one in mine) / 1e9:.2f} GB, '
      f'about {format_duration(time)}'
    )
    shown = mine if len(mine) <= SHOWN else mine[: SHOWN - 1]
    for one in shown:
      lines.append(
        f'  {grid.ranges(one.indices)}: {_count(len(one.indices), "member")}, '
        f'{one.bytes / 1e9:.2f} GB, '
        f'{format_duration(seconds(plan, one, rate))}'
      )
    if len(shown) < len(mine):
      lines.append(f'  and {len(mine) - len(shown)} ensembles more')
  lines.append(f'memory for an ensemble: {plan.memory / 1e9:.1f} GB')
  lines.append(
    f'about {format_duration(total)} on this machine, from the operations and '
    f'{rate / 1e9:.0f} GFLOP/s of a matrix product, halved; evaluations come '
    f'on top'
  )
  return '\n'.join(lines)


def speed() -> float:
  """Operations a second of a large matrix product on one device, measured."""
  side = 1024
  product = jax.jit(lambda a: a @ a)
  matrix = jnp.ones((side, side))
  product(matrix).block_until_ready()
  begun = time.perf_counter()
  count = 8
  for _ in range(count):
    product(matrix).block_until_ready()
  return 2 * side**3 * count / (time.perf_counter() - begun)


def seconds(plan: Plan, one: Ensemble, rate: float) -> float:
  """A guess at how long an ensemble trains, from its operations alone.

  Half the speed of a large product is what training steps here reach.
  """
  each = plan.costs[one.program].operations * plan.steps[one.program]
  return len(one.indices) * each / (rate / 2)


def _bytes(each: cost.Cost, members: int, at_once: int) -> int:
  return cost.ensemble_bytes(each, members, min(at_once or members, members))


def _equal_parts(group: Sequence[int], most: int) -> list[Sequence[int]]:
  count = -(-len(group) // most)
  small, larger = divmod(len(group), count)
  parts, at = [], 0
  for number in range(count):
    size = small + (number < larger)
    parts.append(group[at : at + size])
    at += size
  return parts


def _count(number: int, what: str) -> str:
  return f'{number:,} {what}{"" if number == 1 else "s"}'
