"""Which run a work directory holds, and that all files in it are of that run.

The config in a checkpoint, which its manifest verifies, is what the run is;
config.json and run.json say the same to people and to studies. Whoever trains,
measures or loads a run asks here, so that files of two runs that came to lie in
one directory are refused, and a run whose checkpoints are gone is not silently
begun again.
"""

import logging
import os
import pathlib
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from jaxvae import config as schema
from jaxvae import errors
from jaxvae.train import restore, same, steps, workdir

_log = logging.getLogger('jaxvae')


class Held(NamedTuple):
  """What a work directory says of its run.

  Attributes:
    home: the directory.
    config: what config.json holds; None where there is none.
    run: what run.json holds; None where there is none.
    saved: the finished checkpoints, ascending.
  """

  home: pathlib.Path
  config: dict[str, Any] | None
  run: dict[str, Any] | None
  saved: tuple[int, ...]

  @property
  def stands(self) -> str:
    """In a word or two: 'new' only where nothing is."""
    if self.saved:
      return 'found'
    there = self.config is not None or self.run is not None
    return 'found, without a checkpoint: from step 0' if there else 'new'


def read(home: str | os.PathLike[str]) -> Held:
  """What is there, and that none of it is obviously of another run.

  Raises:
    IntegrityError: checkpoints that run.json tells of are gone, or one of the
      files is damaged.
    UserError: run.json is of another run than config.json.
    ResourceError: something cannot be read.
  """
  home = pathlib.Path(home).absolute()
  try:
    if not home.is_dir():
      return Held(home, None, None, ())
  except OSError as error:
    raise errors.ResourceError(
      f'{home} cannot be read: {error.strerror}'
    ) from error
  directory = home / 'checkpoints'
  if directory.is_symlink() and not directory.exists():
    raise errors.ResourceError(
      f'{directory} is a link to {directory.readlink()}, which is not there',
      hint='mount the disk that it is on, or make it anew',
    )
  run, config = workdir.read_run(home), workdir.read_config(home)
  held = Held(home, config, run, tuple(steps.finished(directory)))
  if run is None:
    return held
  # Earlier versions noted what was asked to be saved, and not what was.
  over = run['step'] if run['status'] in ('completed', 'preempted') else 0
  known = run.get('saved', over)
  if known and not held.saved:
    raise errors.IntegrityError(
      f'{home} is {run["status"]}, and checkpoint {known}, which run.json tells'
      ' of, is gone, and so are all others',
      hint='bring checkpoints/ back; to train it again from step 0, use a new'
      ' workdir, or remove run.json',
    )
  if known > max(held.saved, default=known):
    _log.warning(
      'checkpoint %d, which run.json tells of, is gone; the newest is %d',
      *(known, max(held.saved)),
    )
  if config is not None and 'config_hash' in run:
    said, own = run['config_hash'], workdir.config_hash(config)
    # Of a run that was killed between writing the two, a checkpoint knows.
    if said != own and not any(
      said == workdir.config_hash(manifest['config'])
      for manifest in restore.intact_manifests(directory).values()
    ):
      raise errors.UserError(
        f'{home}/run.json is of another run: the hash of its config is {said},'
        f' that of config.json is {own}',
        hint='bring back the file that belongs here, or remove the one that '
        'does not: the same command writes it again from the checkpoint',
      )
  return held


def check_checkpoint(
  held: Held, manifest: Mapping[str, Any], allowed: Collection[str] = ()
) -> None:
  """That a checkpoint is of the run that config.json describes, if it is there.

  Args:
    held: what the directory says.
    manifest: of the checkpoint.
    allowed: keys that may differ, besides those that ever were allowed to.

  Raises:
    UserError: it is of another one; a table of the keys that differ.
  """
  if held.config is not None:
    same.check_same(
      manifest['config'],
      held.config,
      free(held.run, allowed),
      f'in {held.home} checkpoint {manifest["step"]} and config.json are of'
      ' different runs:',
      ('checkpoint', 'config.json'),
      'move away what does not belong there',
    )


def check_asked(
  held: Held, now: Mapping[str, Any], allowed: Collection[str] = ()
) -> str:
  """That the run in a directory is the one that is asked for.

  Args:
    held: what the directory says.
    now: the config asked for.
    allowed: keys that may differ.

  Returns:
    A line about files that were lost and will be written again; or ''.

  Raises:
    UserError: another run is there, or two are; a table of what differs.
  """
  intact = restore.intact_manifests(held.home / 'checkpoints')
  newest = max(intact, default=0)
  sessions = (held.run or {}).get('sessions', ())
  begun = [one['step'] for one in sessions if 'step' in one]
  for step, manifest in intact.items():
    # Earlier versions did not note which keys were allowed to change.
    if step == newest or step > min(begun, default=newest):
      check_checkpoint(held, manifest, allowed)
  if held.config is not None:
    same.check_same(held.config, now, [*schema.free_keys(), *allowed])
  if not intact:
    return ''
  same.check_same(intact[newest]['config'], now, free(held.run, allowed))
  files = {'config.json': held.config, 'run.json': held.run}
  lost = [name for name, content in files.items() if content is None]
  if not lost:
    return ''
  return f'{" and ".join(lost)} lost; written again from checkpoint {newest}'


def free(
  run: Mapping[str, Any] | None, allowed: Collection[str] = ()
) -> list[str]:
  """Keys in which the checkpoints of a run may differ from each other."""
  ever = (run or {}).get('allowed_changes', ())
  return [*schema.free_keys(), *allowed, *ever]


def other_versions(was: Mapping[str, str], now: Mapping[str, str]) -> str:
  """'jax 0.10.1 -> 0.10.2', of what has changed; '' where nothing has."""
  return ', '.join(
    f'{name} {was[name]} -> {now[name]}'
    for name in now
    if was.get(name, now[name]) != now[name]
  )
