"""Reads a checkpoint and believes nothing of it that its manifest does not say.

Orbax notices neither flipped bits in an array nor a changed dtype: every leaf
is hashed again. What is damaged is said, and the checkpoint before it is used.
"""

import contextlib
import logging
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flax.traverse_util
import jax
import numpy as np
import orbax.checkpoint as ocp

from jaxvae import errors
from jaxvae.train import manifest as manifests
from jaxvae.train import steps

_log = logging.getLogger('jaxvae')


def newest(
  directory: pathlib.Path,
  step: int | None,
  abstract: Any = None,
  prefix: Sequence[str] = (),
  check: Callable[[Mapping[str, Any]], None] = lambda manifest: None,
) -> tuple[dict[str, Any], dict[str, np.ndarray], list[int]]:
  """Manifest and leaves of the newest valid step, and the damaged newer.

  Args:
    directory: of checkpoints.
    step: exactly this one, in place of the newest.
    abstract: names, shapes and dtypes must equal those of this pytree.
    prefix: read only the leaves below this path.
    check: raises a UserError on the manifest of another run.

  Raises:
    UserError: there is none, or it was saved by another model or run.
    IntegrityError: the one asked for, or all of them, are damaged.
    ResourceError: one cannot be read, which says nothing of what it holds.
  """
  there = steps.finished(directory)
  if not there:
    raise errors.UserError(f'there is no checkpoint in {directory}')
  if step is not None and step not in there:
    raise errors.UserError(
      f'there is no checkpoint {step} in {directory}',
      hint=f'it holds {", ".join(map(str, there))}',
    )
  damaged = {}
  for candidate in reversed(there) if step is None else [step]:
    path = directory / str(candidate)
    try:
      manifest = _read_manifest(path)
      check(manifest)
      if abstract is not None:
        manifests.check_fits(manifest, abstract)
      leaves = _read_leaves(path, manifests.below(prefix, manifest['leaves']))
    except errors.IntegrityError as error:
      damaged[candidate] = error
      continue
    for newer, why in damaged.items():
      _log.warning(
        'checkpoint %d is damaged (%s); using %d', newer, why, candidate
      )
    return manifest, leaves, list(damaged)
  each = '; '.join(f'{number} ({why})' for number, why in damaged.items())
  raise errors.IntegrityError(
    f'no valid checkpoint in {directory}: damaged are {each}',
    hint='copy them back from a backup, or start again in a new workdir',
  )


def intact_manifests(directory: pathlib.Path) -> dict[int, dict[str, Any]]:
  """What the steps say of themselves, ascending, without those that cannot.

  Raises:
    UserError: one was saved in another format.
    ResourceError: one cannot be read.
  """
  found = {}
  for step in steps.finished(directory):
    with contextlib.suppress(errors.IntegrityError):
      found[step] = _read_manifest(directory / str(step))
  return found


def alone() -> ocp.options.MultiprocessingOptions:
  """What this process saves or reads by itself, without asking the others.

  Leaves are host arrays; of several processes one saves, and each reads.
  """
  if jax.process_count() == 1:
    return ocp.options.MultiprocessingOptions()
  this = jax.process_index()
  return ocp.options.MultiprocessingOptions(
    primary_host=this,
    active_processes={this},
    barrier_sync_key_prefix=f'process{this}',
  )


def _reader(handler: ocp.CheckpointHandler) -> ocp.Checkpointer:
  return ocp.Checkpointer(handler, multiprocessing_options=alone())


def _read_manifest(path: pathlib.Path) -> dict[str, Any]:
  try:
    handler = ocp.JsonCheckpointHandler(multiprocessing_options=alone())
    with _reader(handler) as checkpointer, steps.plainly_named(path) as plain:
      manifest = dict(checkpointer.restore(plain / 'manifest'))
  except steps.UNREADABLE as error:
    why = 'manifest: cannot be read'
    raise steps.unreadable(path, error, why) from error
  manifests.check(manifest, int(path.name))
  return manifest


def _read_leaves(
  path: pathlib.Path, described: Mapping[str, Mapping[str, Any]]
) -> dict[str, np.ndarray]:
  empty = {
    name: np.zeros(about['shape'], about['dtype'])
    for name, about in described.items()
    if 0 in about['shape']
  }
  stored = manifests.nest(dict.fromkeys(described.keys() - empty.keys(), 0))
  as_numpy = jax.tree.map(
    lambda _: ocp.RestoreArgs(restore_type=np.ndarray), stored
  )
  args = ocp.args.PyTreeRestore(
    stored, restore_args=as_numpy, partial_restore=True
  )
  try:
    handler = ocp.PyTreeCheckpointHandler(multiprocessing_options=alone())
    with _reader(handler) as checkpointer, steps.plainly_named(path) as plain:
      nested = checkpointer.restore(plain / 'state', args=args)
    found = flax.traverse_util.flatten_dict(nested, sep='/') | empty
  except steps.UNREADABLE as error:
    why = 'state: cannot be read'
    raise steps.unreadable(path, error, why) from error
  return {
    name: manifests.check_leaf(name, about, found.get(name))
    for name, about in described.items()
  }
