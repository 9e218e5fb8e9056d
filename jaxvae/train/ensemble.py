"""Many runs as one program: the same functions, with members in front.

What may differ between members is what is an array in the compiled step: the
seed, the hyper-parameters, and the numbers of their schedules. The rest of a
config is structure, `program` says it as text, and members share it.

An ensemble has lanes: its members, and copies of the last one that fill the
devices evenly. On an accelerator the lanes are computed at once, `jax.vmap`. A
CPU goes through them one after another, all steps of a call at a time, because
one member's parameters stay in its cache and those of eight do not; there the
cores share the lanes instead of each matrix product, see docs/ensembles.md.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxvae import config as schema
from jaxvae import schedules
from jaxvae.train import manifest, sharding


def traced(key: str) -> bool:
  """Whether members may differ in a config's key."""
  return key == 'seed' or key.startswith(('hyper.', 'schedule.'))


def program(config: Any) -> str:
  """What has to be equal in two configs for one program to train both.

  Of a schedule it holds the name and how many numbers it has.
  """
  flat = schema.flatten(config)
  shared = {key: value for key, value in flat.items() if not traced(key)}
  for name, text in config.schedule.items():
    numbers = schedules.schedule(text).numbers
    kind = text.partition('(')[0].strip()
    if kind != 'constant':
      shared[f'schedule.{name}'] = f'{kind} of {len(numbers)}'
  return json.dumps(shared, sort_keys=True)


def over_members(many: Callable, layout: sharding.Layout) -> Callable:
  """`train_many` of every lane: state, course and metrics begin with `[lanes]`.

  Args:
    many: of one member.
    layout: how many lanes, and where and how they run.

  Returns:
    (state, fetched `[steps, lanes, batch, ...]`, resident, course) -> (state,
    metrics `[lanes, steps, ...]`).
  """
  if layout.at_once:
    all_lanes = jax.vmap(many, in_axes=(0, 1, None, 0))
  else:

    def all_lanes(state, fetched, resident, course):
      def one(lane):
        return many(lane[0], lane[1], resident, lane[2])

      by_lane = jax.tree.map(lambda x: jnp.moveaxis(x, 1, 0), fetched)
      return jax.lax.map(one, (state, by_lane, course))

  return sharding.each_device_its_lanes(all_lanes, layout)


def filled(values: Sequence[Any], lanes: int) -> list[Any]:
  """One value for each lane; the last is repeated where members are fewer."""
  return [*values, *[values[-1]] * (lanes - len(values))]


def stack(trees: Sequence[Any], lanes: int) -> Any:
  """Members' trees of host arrays as one, `[lanes, ...]`."""
  return jax.tree.map(lambda *x: np.stack(x), *filled(trees, lanes))


def join(states: Sequence[Any], layout: sharding.Layout) -> Any:
  """Members' states, one after another, as the state of all lanes, placed."""
  filled_up = filled(states, layout.lanes)

  def together(*leaves):
    host = np.stack([manifest.to_host(leaf) for leaf in leaves])
    placed = sharding.put(host, layout.members)
    if manifest.is_key(leaves[0]):
      kind = jax.random.key_impl(leaves[0])
      return jax.random.wrap_key_data(placed, impl=kind)
    return placed

  # Copied, because device_put may borrow memory, which cannot be donated.
  copy = jax.jit(
    lambda tree: jax.tree.map(jnp.copy, tree), out_shardings=layout.members
  )
  return copy(jax.tree.map(together, *filled_up))


def split(state: Any, wanted: Sequence[int]) -> list[Any]:
  """The states of some lanes on the host, each as that of a single run."""

  def rows(leaf):
    if not manifest.is_key(leaf):
      return jax.device_get(leaf)
    data, kind = manifest.to_host(leaf), jax.random.key_impl(leaf)
    return [jax.random.wrap_key_data(row, impl=kind) for row in data]

  leaves, form = jax.tree.flatten(state)
  by_leaf = [rows(leaf) for leaf in leaves]
  return [
    jax.tree.unflatten(form, [leaf[at] for leaf in by_leaf]) for at in wanted
  ]


def apart(results: Mapping[str, Any], members: int) -> list[dict[str, Any]]:
  """The metrics of a call, `[lanes, steps, ...]`, of each member."""
  return [
    {name: value[at] for name, value in results.items()}
    for at in range(members)
  ]
