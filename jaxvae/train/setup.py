"""From configs to everything that training needs, before it writes anything.

One config is one run. Several that differ in nothing but their seeds, their
hyper-parameters and the numbers of their schedules are an ensemble: the same
functions with one more axis in front, the members.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np

from jaxvae import config as schema
from jaxvae import data, measure, objectives, schedules
from jaxvae.errors import UserError
from jaxvae.model import Model, build, parts
from jaxvae.schedules import Course
from jaxvae.structs import TrainState
from jaxvae.train import cost, ensemble, sharding, state, step


class Setup(NamedTuple):
  """One run or an ensemble, ready to start.

  Attributes:
    configs: validated, one for each member.
    sources: the training data, one for each different seed.
    orders: for each lane, which of the sources it reads.
    model: of the data's image shape.
    layout: which devices hold what.
    course: where the hyper-parameters are going: scalars, `[lanes]` in an
      ensemble.
    resident: the data that live on the devices, on every one of them.
    many: (state, fetched, resident, course) -> (state, metrics), jitted, the
      state donated.
    initial: seed, `[lanes]` in an ensemble -> TrainState, placed.
    abstract_state: of one member: shapes, dtypes, placement, for restoring.
    rules: by which the data are read, see `data.store.RULES`.
  """

  configs: tuple[ml_collections.ConfigDict, ...]
  sources: tuple[data.Source, ...]
  orders: tuple[int, ...]
  model: Model
  layout: sharding.Layout
  course: Course
  resident: Any
  many: Callable[[TrainState, Any, Any, Course], tuple[TrainState, Any]]
  initial: Callable[[Any], TrainState]
  abstract_state: TrainState
  rules: int

  @property
  def config(self) -> ml_collections.ConfigDict:
    """What all members share: the first one's config."""
    return self.configs[0]

  @property
  def source(self) -> data.Source:
    """The data, in the order of the first member."""
    return self.sources[0]


def set_up(
  configs: Sequence[ml_collections.ConfigDict], rules: int = data.RULES
) -> Setup:
  """Opens the data, builds the model, and refuses what does not fit.

  Args:
    configs: one, or the members of an ensemble, see `ensemble.program`.
    rules: those that they were begun with, see `data.store.RULES`.

  Raises:
    UserError: a value, a name or the data do not fit; one line says which.
    ResourceError: it needs more memory than there is.
  """
  for config in configs:
    schema.validate(config)
  config = configs[0]
  if len({ensemble.program(each) for each in configs}) > 1:
    raise UserError('the members of an ensemble differ in more than numbers')
  sharding.check_backend()
  # Data can take long to prepare: first what can be wrong without them.
  parts(config)
  measure.check(config.eval.metrics)
  layout = sharding.layout(
    len(configs), config.batch_size, config.shard, config.lanes
  )
  objective = objectives.objective(config.objective)
  tx = state.optimizer(config.optimizer)
  courses = [schedules.course(each.hyper, each.schedule) for each in configs]
  moving, course = courses[0]
  # Before anything is as large as the config says.
  cost.check(config, len(configs))
  seeds = list(dict.fromkeys(each.seed for each in configs))
  sources = []
  for seed in seeds:
    source = data.open_source(
      config.data,
      split='train',
      batch_size=config.batch_size,
      seed=seed,
      part=layout.part,
      labels=config.labels,
      rules=rules,
    )
    # What lives on the devices is the same for all, and there once.
    sources.append(source._replace(resident=()) if sources else source)
  source = sources[0]
  count = min(config.steps_per_call, config.num_steps)
  rows = jax.tree.leaves(source.fetch(0, 1))
  cost.refuse_more(
    count * len(configs) * sum(leaf.nbytes for leaf in rows),
    f'reading {count} steps of {config.batch_size} images at a time',
    'lower config.steps_per_call',
  )
  model = build(config, source.spec.image_shape, source.spec.factors)
  many = step.train_many(
    step.make_step(model, objective, tx, moving), source.decode
  )

  def initial(seed):
    return state.initial(model, tx, seed)

  orders = [seeds.index(each.seed) for each in configs]
  abstract = jax.eval_shape(initial, np.uint32(config.seed))
  if layout.lanes:
    many = ensemble.over_members(many, layout)
    initial = jax.vmap(initial)
    course = ensemble.stack([each for _, each in courses], layout.lanes)
    orders = ensemble.filled(orders, layout.lanes)
  return Setup(
    configs=tuple(configs),
    sources=tuple(sources),
    orders=tuple(orders),
    model=model,
    layout=layout,
    course=sharding.put(course, layout.members),
    resident=sharding.put(source.resident, layout.everywhere),
    many=jax.jit(
      many,
      donate_argnums=0,
      out_shardings=(layout.members, layout.members),
    ),
    initial=jax.jit(initial, out_shardings=layout.members),
    abstract_state=jax.tree.map(
      lambda leaf: jax.ShapeDtypeStruct(
        leaf.shape, leaf.dtype, sharding=layout.alone
      ),
      abstract,
    ),
    rules=rules,
  )


def begin(
  setup: Setup, initial_params: Callable[[Any], Any] | None = None
) -> TrainState:
  """The state before the first step, of the run or of all lanes.

  Args:
    setup: the runs.
    initial_params: the parameters of a fresh model, on the host -> those to
      begin with, of the same names, shapes and types. Of a run alone.
  """
  seeds = np.array([config.seed for config in setup.configs], np.uint32)
  if not setup.layout.lanes:
    state = setup.initial(seeds[0])
    if initial_params is None:
      return state
    changed = initial_params(jax.device_get(state.params))
    placed = jax.tree.map(
      lambda new, old: jax.device_put(new, old.sharding), changed, state.params
    )
    return state.replace(params=placed)
  return setup.initial(np.array(ensemble.filled(seeds, setup.layout.lanes)))


def fetch(setup: Setup, first: int, count: int) -> Any:
  """The batches of `count` steps from step `first` on, on the devices."""
  parts = [source.fetch(first, count) for source in setup.sources]
  if not setup.layout.lanes:
    return sharding.put_batches(parts[0], setup.layout)
  stacked = jax.tree.map(
    lambda *each: np.stack([each[at] for at in setup.orders], axis=1), *parts
  )
  return sharding.put_batches(stacked, setup.layout)
