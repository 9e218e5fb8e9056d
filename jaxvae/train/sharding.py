"""Where arrays live: the one place that names devices.

The mathematics is written for the global batch. One mesh of all devices has one
axis. In a run it is 'data': the batch is cut along it and everything else is on
every device. In an ensemble it is 'run', and each device has its members with
their batches, or 'data' again, by config. The axis is of type Auto, under which
the compiler keeps the global meaning of batch statistics, on one device as on
many. Several processes, on one or on many hosts, share one mesh.
"""

import contextlib
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from jaxvae.errors import ResourceError, UserError


class Layout(NamedTuple):
  """How a run or an ensemble lies on the devices.

  Attributes:
    mesh: all devices.
    lanes: of an ensemble, a multiple of the devices that share them; 0 in a
      run, whose arrays have no such axis.
    at_once: a device computes its lanes at once, not one after another.
    everywhere: the whole array on every device.
    members: placement of what begins with `[lanes]`; in a run, everywhere.
    batches: placement of what the host fetched.
    alone: placement of one member's state, as it is restored.
    part: (which, of how many) equal parts of a global batch this process reads.
  """

  mesh: jax.sharding.Mesh
  lanes: int
  at_once: bool
  everywhere: NamedSharding
  members: NamedSharding
  batches: NamedSharding
  alone: jax.sharding.Sharding
  part: tuple[int, int]


def cores() -> int:
  """Cores that this process may use: as NPROC says, or the system can tell."""
  said = os.environ.get('NPROC', '')
  if said.isdecimal() and int(said):
    return int(said)
  if hasattr(os, 'sched_getaffinity'):
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1


def check_backend() -> None:
  """Starts the devices, or says which of those asked for are not here.

  Raises:
    UserError: JAX_PLATFORMS names others than there are.
    ResourceError: there are some, and they do not start.
  """
  try:
    jax.devices()
  except (RuntimeError, AssertionError) as error:
    # Where the plugin of a GPU is not installed, JAX says nothing at all.
    reason = ' '.join(str(error).split()) or 'no plugin for it is installed'
    asked = jax.config.jax_platforms
    if not asked:
      raise ResourceError(f'no device can be used: {reason}') from error
    raise UserError(
      f'JAX_PLATFORMS={asked} cannot be used: {reason}',
      hint='JAX_PLATFORMS=cpu always can; for a GPU, pip install '
      '"jax[cuda13]"; for a TPU, "jax[tpu]"',
    ) from error


def layout(members: int, batch_size: int, shard: str, lanes: str) -> Layout:
  """Decides what the devices share, and refuses what they cannot.

  Args:
    members: of the ensemble; 1 is a run.
    batch_size: over all devices.
    shard: 'run', 'batch', or 'auto': the members of an ensemble.
    lanes: 'vmap', 'map', or 'auto': one after another on a CPU.

  Raises:
    UserError: the batch cannot be shared, or an ensemble has several hosts.
  """
  by_run = members > 1 and shard != 'batch'
  if members > 1 and jax.process_count() > 1:
    raise UserError(
      f'an ensemble of {members} members in {jax.process_count()} processes; '
      'allowed: one process',
      hint='let each process train its own members, or one run at a time',
    )
  mesh = devices_mesh('run' if by_run else 'data')
  everywhere = NamedSharding(mesh, PartitionSpec())
  part = jax.process_index(), jax.process_count()
  here = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
  if members == 1:
    check_batch_size(batch_size, mesh)
    cut = NamedSharding(mesh, PartitionSpec(None, 'data'))
    # Of several processes, each restores for itself, and then they join.
    alone = here if jax.process_count() > 1 else everywhere
    return Layout(mesh, 0, True, everywhere, everywhere, cut, alone, part)
  at_once = not one_by_one(lanes)
  if by_run:
    count = mesh.devices.size
    by_lane = NamedSharding(mesh, PartitionSpec('run'))
    cut = NamedSharding(mesh, PartitionSpec(None, 'run'))
    filled = -(-members // count) * count
    return Layout(mesh, filled, at_once, everywhere, by_lane, cut, here, part)
  check_batch_size(batch_size, mesh)
  cut = NamedSharding(mesh, PartitionSpec(None, None, 'data'))
  return Layout(mesh, members, at_once, everywhere, everywhere, cut, here, part)


def one_by_one(lanes: str) -> bool:
  """Whether a device computes its members one after another: on a CPU."""
  return lanes == 'map' or (lanes == 'auto' and jax.default_backend() == 'cpu')


def devices_mesh(axis: str = 'data') -> jax.sharding.Mesh:
  """A mesh of all devices, with one axis."""
  return jax.make_mesh(
    (jax.device_count(),), (axis,), axis_types=(AxisType.Auto,)
  )


def each_device_its_lanes(function: Callable, layout: Layout) -> Callable:
  """`function` of the lanes that a device holds, on every device.

  Without it the compiler would gather lanes that run one after another.

  Args:
    function: (state, fetched, resident, course) -> (state, metrics).
    layout: of an ensemble.
  """
  if 'run' not in layout.mesh.axis_names:
    return function
  by_lane = PartitionSpec('run')
  return jax.shard_map(
    function,
    mesh=layout.mesh,
    in_specs=(by_lane, PartitionSpec(None, 'run'), PartitionSpec(), by_lane),
    out_specs=(by_lane, by_lane),
    # It would ask each scan to say that its carry differs between devices.
    check_vma=False,
  )


def put(tree: Any, placement: jax.sharding.Sharding) -> Any:
  """Arrays, the same in every process, onto the devices."""
  if jax.process_count() == 1:
    return jax.device_put(tree, placement)
  return jax.tree.map(
    lambda leaf: jax.make_array_from_process_local_data(
      placement, np.asarray(leaf)
    ),
    tree,
  )


def put_batches(fetched: Any, layout: Layout) -> Any:
  """What this process fetched, as its part of the global arrays."""
  return jax.tree.map(
    lambda part: jax.make_array_from_process_local_data(layout.batches, part),
    fetched,
  )


def one_device_per_core(cores: int) -> None:
  """Lets the cores of a CPU share the members of an ensemble.

  Does nothing where somebody has said how many devices there are, or where
  they are in use already, as in a notebook.
  """
  if jax.config.jax_num_cpu_devices == -1:
    with contextlib.suppress(RuntimeError):
      jax.config.update('jax_num_cpu_devices', cores)


def look_only() -> None:
  """Finds the devices and leaves their memory to other processes."""
  key = 'XLA_PYTHON_CLIENT_PREALLOCATE'
  if key not in os.environ:
    os.environ[key] = 'false'
    check_backend()
    del os.environ[key]  # The others may take it all.


def memory() -> int:
  """Bytes that the devices have for arrays; on a CPU, the machine's memory."""
  if jax.default_backend() == 'cpu':
    return os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
  stats = [device.memory_stats() or {} for device in jax.local_devices()]
  return sum(each.get('bytes_limit', 0) for each in stats)


def check_batch_size(batch_size: int, mesh: jax.sharding.Mesh) -> None:
  """Refuses a global batch that the devices cannot share equally.

  Raises:
    UserError: with the nearest sizes that fit.
  """
  count = mesh.devices.size
  if batch_size % count:
    below, above = batch_size // count * count, -(-batch_size // count) * count
    fit = [str(n) for n in (below, above) if n]
    raise UserError(
      f'batch_size={batch_size} is not divisible by {count} devices',
      hint=f'the nearest sizes that are: {", ".join(fit)}',
    )
