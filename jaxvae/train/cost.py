"""What a training step takes, read off its program before it is compiled.

Bytes are an estimate, rather too high: every intermediate array of the jaxpr
lives from where it is made to its last use. The compiler fuses many of them
away, but it lays some out twice and keeps some longer, most in convolutions,
hence SLACK; `tests/train/test_cost.py` compares with what it says of the
compiled program. Operations are those of the matrix products and convolutions,
two for each multiplication and addition.
"""

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from jax.extend import core

from jaxvae import data, objectives, schedules
from jaxvae.errors import ResourceError
from jaxvae.model import build
from jaxvae.structs import Batch
from jaxvae.train import sharding, state, step

# Without it the estimate is down to 0.64 of what the compiler of a CPU says.
SLACK = 1.5
# It is no more than so many times what the compiler says.
EXCESS = 4


class Cost(NamedTuple):
  """Of one run.

  Attributes:
    state: bytes of parameters and optimiser.
    temporary: bytes that a step needs beside the state, at its worst moment.
    operations: of a step.
  """

  state: int
  temporary: int
  operations: int


def of_step(config: ml_collections.ConfigDict) -> Cost:
  """The cost of a run that the config describes; traces, compiles nothing.

  Raises:
    UserError: the config or the data do not fit.
  """
  prepared = data.ensure_prepared(config.data)
  shape = prepared.image_shape
  model = build(config, shape, prepared.factors)
  tx = state.optimizer(config.optimizer)
  moving, course = schedules.course(config.hyper, config.schedule)
  one = step.make_step(
    model, objectives.objective(config.objective), tx, moving
  )
  begin = jax.eval_shape(
    lambda seed: state.initial(model, tx, seed), np.uint32(0)
  )
  batch = Batch(
    jax.ShapeDtypeStruct((config.batch_size, *shape), jnp.float32),
    jax.ShapeDtypeStruct(
      (config.batch_size, len(prepared.factors)),
      data.dtype_of(prepared.factors),
    ),
    jax.ShapeDtypeStruct((config.batch_size,), bool)
    if config.labels.fraction
    else None,
  )
  jaxpr = jax.make_jaxpr(one)(begin, batch, course).jaxpr
  held = sum(math.prod(leaf.shape) * 4 for leaf in jax.tree.leaves(begin))
  temporary = int(SLACK * (_peak(jaxpr) - held))
  return Cost(held, temporary, _operations(jaxpr))


def check(config: ml_collections.ConfigDict, members: int = 1) -> None:
  """Refuses a run that this machine surely has no memory for.

  Args:
    config: of the run, or of the first member of an ensemble.
    members: whose states are kept; of one at least a step is computed.

  Raises:
    ResourceError: how much it takes and how much there is.
    UserError: the config or the data do not fit.
  """
  cost = of_step(config)
  refuse_more(
    members * cost.state + cost.temporary // EXCESS,
    f'a step on {config.batch_size} images',
    'lower config.batch_size, the latents, or the sizes in config.net',
  )


def refuse_more(needed: int, what: str, hint: str) -> None:
  """Refuses what takes more bytes than this machine has.

  Raises:
    ResourceError: with both numbers.
  """
  there = sharding.memory()
  if there and needed > there:  # 0: the backend does not say.
    raise ResourceError(
      f'{what} takes at least {needed / 1e9:,.1f} GB of memory, and'
      f' {there / 1e9:,.1f} GB are there',
      hint=hint,
    )


@contextlib.contextmanager
def enough_memory() -> Iterator[None]:
  """Turns what NumPy and JAX raise where memory ends into one line.

  Raises:
    ResourceError: in place of it.
  """
  try:
    yield
  except (MemoryError, jax.errors.JaxRuntimeError) as error:
    found = no_memory(error)
    if found is None:
      raise
    raise found from error


def no_memory(error: Exception) -> ResourceError | None:
  """That memory ended, if that is what NumPy or JAX say; None if it is not."""
  said = ' '.join(str(error).split())
  if not isinstance(error, MemoryError) and 'RESOURCE_EXHAUSTED' not in said:
    return None
  return ResourceError(
    f'no memory is left: {said[:200]}'.removesuffix(': '),
    hint='lower config.batch_size, config.steps_per_call, or the model',
  )


def ensemble_bytes(cost: Cost, members: int, at_once: int) -> int:
  """Bytes of an ensemble of which so many lanes are computed at a time."""
  return members * cost.state + at_once * (cost.state + cost.temporary)


def _peak(jaxpr: core.Jaxpr, nested: bool = False) -> int:
  """Bytes that live at the worst moment, the arguments included.

  Those of a nested program live on: what is around it may need them.
  """
  last: dict[Any, int] = {}
  for at, equation in enumerate(jaxpr.eqns):
    for variable in _variables(equation.invars):
      last[variable] = at
  arguments = _variables([*jaxpr.invars, *jaxpr.constvars])
  for variable in _variables(jaxpr.outvars) + (arguments if nested else []):
    last[variable] = len(jaxpr.eqns)
  live = sum(map(_bytes, arguments))
  peak = live
  for at, equation in enumerate(jaxpr.eqns):
    made = sum(map(_bytes, equation.outvars))
    # What a nested program needs beside its own arguments and results.
    inner = max(
      (
        _peak(each, nested=True) - sum(map(_bytes, _variables(each.invars)))
        for each in _nested(equation)
      ),
      default=0,
    )
    peak = max(peak, live + max(made, inner))
    live += made
    for variable in set(_variables([*equation.invars, *equation.outvars])):
      if last.get(variable, at) <= at:
        live -= _bytes(variable)
  return peak


def _operations(jaxpr: core.Jaxpr) -> int:
  total = 0
  for equation in jaxpr.eqns:
    times = equation.params.get('length', 1)
    total += times * sum(map(_operations, _nested(equation)))
    shapes = [variable.aval.shape for variable in equation.invars]
    made = math.prod(equation.outvars[0].aval.shape) if equation.outvars else 0
    if equation.primitive.name == 'dot_general':
      (over, _), _ = equation.params['dimension_numbers']
      total += 2 * made * math.prod(shapes[0][axis] for axis in over)
    elif equation.primitive.name == 'conv_general_dilated':
      outputs = equation.params['dimension_numbers'].rhs_spec[0]
      kernel = math.prod(shapes[1]) // shapes[1][outputs]
      # Of a dilated input, as in transposed ones, most pixels are zeros.
      total += 2 * made * kernel // math.prod(equation.params['lhs_dilation'])
  return total


def _nested(equation: core.JaxprEqn) -> list[core.Jaxpr]:
  found = []
  for value in equation.params.values():
    for each in value if isinstance(value, tuple | list) else [value]:
      if isinstance(each, core.ClosedJaxpr):
        found.append(each.jaxpr)
      elif isinstance(each, core.Jaxpr):
        found.append(each)
  return found


def _variables(atoms: Sequence[Any]) -> list[Any]:
  return [atom for atom in atoms if not isinstance(atom, core.Literal)]


def _bytes(variable: Any) -> int:
  aval = variable.aval
  size = getattr(aval.dtype, 'itemsize', 4)
  return math.prod(aval.shape) * size
