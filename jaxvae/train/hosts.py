"""Several processes, on one or on many hosts, that train one run together.

All run the same loop in step: each reads its part of every batch, and all hold
the same state. Process 0 leads: it alone claims the work directory, writes and
evaluates. The others read checkpoints from the same directory, so it has to be
on a disk that all of them see.
"""

import atexit
import os
import socket
import sys
import threading
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from jaxvae.errors import ResourceError, UserError
from jaxvae.train import manifest, sharding

SECONDS_TO_JOIN = 300
# Process 0 evaluates and draws while the others wait for it at the end.
_SECONDS_AT_THE_END = 3600


def connect(
  coordinator: str, count: int, number: int, seconds: float = SECONDS_TO_JOIN
) -> None:
  """Joins the processes of a run; before any device is used.

  Says what it waits for before it does.

  Args:
    coordinator: HOST:PORT of process 0; 'auto': the cluster's environment
      (SLURM, Cloud TPU, Kubernetes) says all three.
    count: of the processes.
    number: of this one, from 0 on.
    seconds: for which the others are waited for.

  Raises:
    UserError: the numbers do not fit, or no cluster says them.
    ResourceError: the others did not come.
  """
  known = {}
  if coordinator != 'auto':
    host, _, port = coordinator.rpartition(':')
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
      raise UserError(f'--coordinator={coordinator}; allowed: HOST:PORT, auto')
    if not 0 <= number < count:
      raise UserError(
        f'--process_id={number}; allowed: 0 to {count - 1}, below '
        f'--num_processes={count}'
      )
    known = {
      'coordinator_address': coordinator,
      'num_processes': count,
      'process_id': number,
    }
    if host in ('localhost', '127.0.0.1', '::1'):
      # By default it would listen on all of the machine's addresses.
      known['coordinator_bind_address'] = coordinator
  who = f'process {number} of {count}' if known else 'this process'
  print(f'{who} joins {coordinator}, for at most {seconds:g} s', flush=True)
  failed: list[BaseException] = []
  joined: list[bool] = []

  def join():
    try:
      jax.distributed.initialize(
        **known,
        # When this is over it would end the process on the spot.
        initialization_timeout=int(seconds) + 3600,
        shutdown_timeout_seconds=_SECONDS_AT_THE_END,
      )
      joined.append(True)
    except (ValueError, RuntimeError) as error:
      failed.append(error)

  # In a thread of its own, since it heeds no signal while it waits.
  thread = threading.Thread(target=join, daemon=True)
  try:
    thread.start()
    thread.join(seconds)
  except KeyboardInterrupt:
    _end_quietly(130)
    raise
  if thread.is_alive():
    _end_quietly(ResourceError.exit_code)
    raise ResourceError(
      f'{who} could not join {coordinator} within {seconds:g} s: '
      f'{_missing(coordinator, number)}',
      hint='start all processes, with the same --coordinator and '
      '--num_processes, and a --process_id each',
    )
  for error in failed:
    if isinstance(error, ValueError):
      raise UserError(
        'no cluster says how many processes there are',
        hint='give --coordinator=HOST:PORT --num_processes=N --process_id=K',
      ) from error
    raise ResourceError(
      f'{who} could not join {coordinator}: {str(error).splitlines()[0]}'
    ) from error
  if not joined:  # The thread has said why, and ended.
    raise ResourceError(f'{who} could not join {coordinator}')


def _end_quietly(code: int) -> None:
  """Ends this process without JAX's long account of who did not come."""
  atexit.register(os._exit, code)
  atexit.register(sys.stdout.flush)


def _missing(coordinator: str, number: int) -> str:
  """Who has not come, as far as one can tell from here."""
  host, _, port = coordinator.rpartition(':')
  if number and host:
    try:
      socket.create_connection((host.strip('[]'), int(port)), 5).close()
    except OSError as error:
      return f'nobody answers there ({error.strerror or error})'
  return 'not all of the others came'


def leads() -> bool:
  """Whether this process writes and evaluates."""
  return jax.process_index() == 0


def agree(number: int) -> int:
  """The largest number that any of the processes gives; all wait for it."""
  if jax.process_count() == 1:
    return number
  every = multihost_utils.process_allgather(np.int32(number))
  return int(np.max(every))


def to_local(state: Any) -> Any:
  """The state as arrays that this process has for itself.

  What one process computes of an array of all of them would wait for the
  others for ever.
  """
  if jax.process_count() == 1:
    return state
  return jax.tree.map(lambda leaf: leaf.addressable_data(0), state)


def to_global(state: Any, placement: jax.sharding.Sharding) -> Any:
  """The state that every process has for itself, as arrays of all of them.

  All processes call it in step; fresh buffers, which may be donated.
  """
  if jax.process_count() == 1:
    return state

  def placed(leaf):
    spread = sharding.put(manifest.to_host(leaf), placement)
    if manifest.is_key(leaf):
      kind = jax.random.key_impl(leaf)
      return jax.random.wrap_key_data(spread, impl=kind)
    return spread

  copy = jax.jit(lambda tree: jax.tree.map(jnp.copy, tree))
  return copy(jax.tree.map(placed, state))
