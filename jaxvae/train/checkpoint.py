"""Checkpoints that are complete, verified and loadable, or not used.

A step directory holds two Orbax items: `state`, the leaves as plain arrays
under their paths, and `manifest`, JSON with the config, the run's info and
the SHA-256, dtype and shape of every leaf, itself hashed (see manifest.py).
Leaves are saved from host copies, so a checkpoint knows nothing of devices
and restores on any number of them, bit for bit.

The directory belongs to one process at a time: hold `workdir.claim`. `read`
only reads and needs no lock. This and restore.py are the importers of Orbax.
"""

import contextlib
import functools
import logging
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orbax.checkpoint as ocp

from jaxvae import errors
from jaxvae.train import identity, restore, sharding, steps
from jaxvae.train import manifest as manifests

_log = logging.getLogger('jaxvae')

params_digest = manifests.digest
_REMEMBERED = ('step', 'config', 'info')


class Restored(NamedTuple):
  """What a checkpoint held, verified against its manifest.

  Attributes:
    state: a pytree of arrays.
    step: the step after which it was saved, which is the data position.
    config: the run's config as JSON gives it back: tuples are lists.
    info: what the trainer wanted to remember, such as timers.
  """

  state: Any
  step: int
  config: dict[str, Any]
  info: dict[str, Any]


@contextlib.contextmanager
def open(  # as in gzip.open: the module is the namespace
  directory: str | os.PathLike[str], keep: int = 2, writes: bool = True
) -> Iterator['Checkpoints']:
  """Opens `directory` for saving and resuming, and makes it where missing.

  Leaving waits for the last save. When it is left by an exception, that one
  is raised, and a save that failed becomes a warning line.

  Args:
    directory: usually workdir/checkpoints; the caller holds the lock.
    keep: how many finished steps stay; 2 leaves one to fall back on.
    writes: of several processes, one saves and tidies; the others only restore.

  Raises:
    ResourceError: it cannot be made, or the last save could not be written.
  """
  steps.quiet_orbax()
  directory = pathlib.Path(directory).resolve()
  if not writes:
    yield Checkpoints(directory, None)
    return
  try:
    directory.mkdir(parents=True, exist_ok=True)  # Orbax then leaves it to us.
  except OSError as error:
    raise errors.ResourceError(
      f'{directory} cannot be made: {error.strerror}',
      hint='use a workdir on a writable disk with space',
    ) from error
  with steps.plainly_named(directory) as plain:
    manager = ocp.CheckpointManager(
      plain,
      options=ocp.CheckpointManagerOptions(
        max_to_keep=keep,
        create=False,
        multiprocessing_options=restore.alone(),
      ),
    )
    checkpoints = Checkpoints(directory, manager)
    try:
      yield checkpoints
      checkpoints.wait()
    except BaseException as first:
      try:
        checkpoints.wait()
      except errors.JaxvaeError as error:
        if not isinstance(first, errors.ResourceError):  # It says as much.
          _log.warning('%s', error)
      raise
    finally:
      # The error of a failed save came out of wait, and would come again.
      with contextlib.suppress(OSError, ValueError, RuntimeError):
        manager.close()


class Checkpoints:
  """The checkpoints of one run; `open` makes one."""

  def __init__(self, directory: pathlib.Path, manager: ocp.CheckpointManager):
    self.directory = directory
    self._manager = manager
    self._pending: tuple[int, int] | None = None  # step, bytes

  def steps(self) -> list[int]:
    """The finished steps on disk, ascending; `restore` verifies them."""
    return steps.finished(self.directory)

  def latest(self) -> int | None:
    """The newest finished step on disk, or None."""
    return max(self.steps(), default=None)

  def save(
    self,
    step: int,
    state: Any,
    config: Mapping[str, Any],
    info: Mapping[str, Any],
  ) -> None:
    """Copies `state` to the host and writes it in the background.

    When it returns, `state` may be donated. An earlier save is waited for.

    Args:
      step: the number of steps done, which is the data position as well.
      state: a pytree of arrays, typed PRNG keys included.
      config: what JSON can hold, without NaN and infinities.
      info: the same; anything else that a resumed run wants back.

    Raises:
      UserError: this step or a newer one is there already.
      ResourceError: this save, or the one before it, found no space.
    """
    self.wait()
    newest = self.latest()
    if newest is not None and step <= newest:
      raise errors.UserError(
        f'checkpoint {step} is not saved: {self.directory} already holds'
        f' checkpoint {newest}',
        hint='to go on from an older step, use a new workdir',
      )
    leaves = manifests.host_copies(state)
    manifest = manifests.make(step, state, leaves, config, info)
    # Orbax refuses arrays without elements; the manifest says all of them.
    stored = {path: leaf for path, leaf in leaves.items() if leaf.size}
    self._pending = step, sum(leaf.nbytes for leaf in stored.values())
    with self._writing():
      saved = self._manager.save(
        step,
        args=ocp.args.Composite(
          state=ocp.args.PyTreeSave(manifests.nest(stored)),
          manifest=ocp.args.JsonSave(manifest),
        ),
      )
    if not saved:
      raise errors.IntegrityError(f'Orbax skipped checkpoint {step}')

  def wait(self) -> None:
    """Waits until the last save is finished and on disk.

    Raises:
      ResourceError: it could not be written; names path, free and needed
        bytes. Earlier checkpoints are as they were.
    """
    if self._pending is None:
      return
    with self._writing():
      self._manager.wait_until_finished()
    (step, _), self._pending = self._pending, None
    if step not in self.steps():
      raise errors.IntegrityError(
        f'checkpoint {step} is not in {self.directory} after its save'
      )

  def restore(
    self,
    abstract_state: Any,
    step: int | None = None,
    check: Callable[[Mapping[str, Any]], None] = lambda manifest: None,
  ) -> Restored:
    """The newest valid checkpoint, placed as `abstract_state` says.

    Its buffers are fresh: they may be donated. Newer damaged ones are renamed
    to `<step>.damaged`, with a warning line each, so that their steps can be
    saved again.

    Args:
      abstract_state: a pytree of jax.ShapeDtypeStruct with shardings (or of
        arrays); names, shapes and dtypes must equal the saved ones.
      step: exactly this one, in place of the newest.
      check: raises a UserError on the manifest of another run.

    Raises:
      UserError: there is none, or it was saved by another model or run.
      IntegrityError: the one asked for, or all of them, are damaged.
      ResourceError: it cannot be read, which says nothing of what it holds.
    """
    unfinished = steps.unfinished(self.directory).values()
    if unfinished:
      _log.warning('ignored %s', steps.say_unfinished(unfinished))
    manifest, leaves, damaged = restore.newest(
      self.directory, step, abstract_state, check=check
    )
    for newer in damaged:
      steps.set_aside(self.directory, newer)
    if damaged:
      self._manager.reload()
    state = manifests.place(leaves, manifest, abstract_state)
    return Restored(state, *map(manifest.get, _REMEMBERED))

  def clean_unfinished(self) -> list[int]:
    """Removes, before the first save, what interrupted ones left: by step."""
    removed = steps.remove_unfinished(self.directory)
    if removed:
      _log.warning('removed %s', steps.say_unfinished(removed))
    return removed

  def go_back(self, step: int) -> None:
    """Removes the checkpoints after `step`, which will be made again."""
    self.wait()
    newer = [there for there in self.steps() if there > step]
    for there in newer:
      shutil.rmtree(self.directory / str(there))
    if newer:
      self._manager.reload()

  @contextlib.contextmanager
  def _writing(self) -> Iterator[None]:
    try:
      yield
    except (OSError, ValueError, RuntimeError) as error:
      reason = errors.lacking(error, (*errors.LACKS, *errors.GONE))
      if not reason:
        raise
      (step, needed), self._pending = self._pending, None
      steps.remove_unfinished(self.directory)
      raise steps.full(self.directory, step, needed, reason) from error


def read(
  workdir: str | os.PathLike[str],
  step: int | None = None,
  prefix: Sequence[str] = (),
  abstract_state: Any = None,
) -> Restored:
  """Reads a run's checkpoint as NumPy arrays, on any machine.

  Needs no model and writes nothing: the state comes back as nested dicts by
  path, tuples and NamedTuples included; PRNG keys as their uint32 data.

  Args:
    workdir: the run's directory, which has checkpoints/ in it.
    step: exactly this one, in place of the newest valid one.
    prefix: read only the leaves below this path, such as ('params',); the
      state keeps the full path: state['params'].
    abstract_state: names, shapes and dtypes must equal those of this pytree.

  Raises:
    UserError: no such checkpoint, nothing below prefix, or another model's or
      another run's, see `identity`.
    IntegrityError: the one asked for, or all of them, are damaged or gone.
    ResourceError: something cannot be read, which may be intact.
  """
  sharding.check_backend()
  steps.quiet_orbax()
  held = identity.read(workdir)
  if not held.saved:
    raise steps.missing(held.home)
  manifest, leaves, _ = restore.newest(
    held.home / 'checkpoints',
    step,
    abstract_state,
    prefix,
    functools.partial(identity.check_checkpoint, held),
  )
  return Restored(manifests.nest(leaves), *map(manifest.get, _REMEMBERED))
