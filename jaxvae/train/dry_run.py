"""Everything a run will do, once and quickly, before it is started.

Checks the config, the data, the shapes, an earlier run in the work directory,
compiling, a few calls, saving and restoring; then says what the run will take.
It neither claims nor writes to the work directory: the checkpoint goes to a
temporary directory on the same disk, which is removed.
"""

import contextlib
import pathlib
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import ml_collections

from jaxvae import config as schema
from jaxvae.errors import IntegrityError, ResourceError
from jaxvae.train import (
  banner,
  checkpoint,
  cost,
  finite,
  identity,
  resume,
  steps,
)
from jaxvae.train.progress import format_duration
from jaxvae.train.setup import Setup, begin, fetch, set_up

STEPS = 5  # of a call: a real one can take a minute
SECONDS = 4.0  # of calls; the first is not counted


class Measured(NamedTuple):
  """What the calls took.

  Attributes:
    calls: how many were timed.
    steps: in each of them.
    compile: seconds.
    step: median seconds of a step, the larger of computing and fetching.
    memory: bytes by what they are for; empty if the backend does not say.
  """

  calls: int
  steps: int
  compile: float
  step: float
  memory: dict[str, int]


class Saved(NamedTuple):
  """What one checkpoint took: seconds to save and to restore, bytes on disk."""

  save: float
  restore: float
  size: int


@cost.enough_memory()
def dry_run(
  config: ml_collections.ConfigDict,
  place: str,
  allowed: Sequence[str] = (),
) -> int:
  """Checks a run and prints what it will take; 0 when all is well.

  Args:
    config: what would be trained.
    place: where; a run that is there must have the same config.
    allowed: config keys that may differ from those of the run in `place`.

  Raises:
    JaxvaeError: what the run would end with.
  """
  begun = time.monotonic()
  home = pathlib.Path(place).absolute()
  held = identity.read(home)
  lost = identity.check_asked(held, schema.to_dict(config), allowed)
  setup = set_up([config], resume.rules(config, [place]))
  banner.introduce(setup, [held], time.monotonic() - begun)
  if lost:
    print(lost)
  done = 0
  if steps.finished(home / 'checkpoints'):
    done = checkpoint.read(home, abstract_state=setup.abstract_state).step
    print(f'resume from checkpoint {done}: it is intact and fits')
  state, measured = _measure(setup)
  with _beside(home) as scratch:
    saved = _check_saves(setup, state, scratch)
    room = shutil.disk_usage(scratch).free
  _report(config, done, measured, saved)
  # A new checkpoint is complete before the oldest one goes.
  needed = (config.keep_checkpoints + 1) * saved.size
  if room < needed:
    raise ResourceError(
      f'{room:,} bytes are free for {home}, and checkpoints need {needed:,}',
      hint='make room, or lower config.keep_checkpoints',
    )
  print(f'dry run: all is well, after {time.monotonic() - begun:.0f} s')
  return 0


def _measure(setup: Setup) -> tuple[Any, Measured]:
  """Compiles, and runs calls of a few steps; returns the last state."""
  config = setup.config
  count = min(STEPS, config.steps_per_call, config.num_steps)
  state = begin(setup)
  begun = time.monotonic()
  batches = fetch(setup, 0, count)
  fetching = time.monotonic() - begun
  begun = time.monotonic()
  compiled = setup.many.lower(
    state, batches, setup.resident, setup.course
  ).compile()
  compiling = time.monotonic() - begun
  memory = _memory(compiled.memory_analysis())
  calls: list[float] = []
  until = time.monotonic() + SECONDS
  while len(calls) < 3 or time.monotonic() < until:
    begun = time.monotonic()
    state, results = compiled(state, batches, setup.resident, setup.course)
    results = jax.device_get(results)
    calls.append(time.monotonic() - begun)
    finite.check_call(results, len(calls) * count, None)
  step = max(statistics.median(calls[1:]), fetching) / count
  return state, Measured(len(calls) - 1, count, compiling, step, memory)


def _memory(stats: Any) -> dict[str, int]:
  if stats is None:
    return {}
  return {
    'arguments': stats.argument_size_in_bytes,
    'temporary': stats.temp_size_in_bytes,
    # Donated arguments are counted once.
    'results': stats.output_size_in_bytes - stats.alias_size_in_bytes,
  }


@contextlib.contextmanager
def _beside(home: pathlib.Path) -> Iterator[pathlib.Path]:
  """A directory on the disk of `home`, removed on leaving."""
  nearest = next(path for path in (home, *home.parents) if path.exists())
  if not nearest.is_dir():
    raise ResourceError(f'{nearest} is not a directory')
  try:
    scratch = tempfile.TemporaryDirectory(
      prefix='.dry_run-', dir=home.parent if nearest == home else nearest
    )
  except OSError as error:
    raise ResourceError(
      f'cannot write below {nearest}: {error.strerror}',
      hint='use a workdir on a writable disk with space',
    ) from error
  with scratch as name:
    yield pathlib.Path(name)


def _check_saves(setup: Setup, state: Any, scratch: pathlib.Path) -> Saved:
  """That a checkpoint comes back to the bit, and what it takes."""
  digest = checkpoint.params_digest(state)
  plain = schema.to_dict(setup.config)
  with checkpoint.open(scratch) as saves:
    begun = time.monotonic()
    saves.save(1, state, plain, {'data': banner.describe(setup)})
    saves.wait()
    saving = time.monotonic() - begun
    begun = time.monotonic()
    restored = saves.restore(setup.abstract_state)
    restoring = time.monotonic() - begun
  if checkpoint.params_digest(restored.state) != digest:
    raise IntegrityError(
      'the state that was restored is not, to the bit, the one that was saved'
    )
  files = [path for path in scratch.rglob('*') if path.is_file()]
  return Saved(saving, restoring, sum(path.stat().st_size for path in files))


def _report(
  config: ml_collections.ConfigDict, done: int, measured: Measured, saved: Saved
) -> None:
  left = max(config.num_steps - done, 0)
  saves = -(-left // config.save_every)
  training = left * measured.step
  total = measured.compile + training + saves * saved.save
  images = config.batch_size / measured.step
  megabytes = {k: f'{k} {v / 1e6:.1f} MB' for k, v in measured.memory.items()}
  print(f'compile     {measured.compile:.1f} s')
  print(
    f'step        {1000 * measured.step:.3g} ms, {images:,.0f} images/s: median'
    f' of {measured.calls} calls of {measured.steps} steps'
  )
  if megabytes:
    print(
      f'memory      {", ".join(megabytes.values())}, as compiled for a call of'
      f' {measured.steps} steps'
    )
  print(
    f'checkpoint  {saved.size / 1e6:.1f} MB on disk, saved in {saved.save:.2f}'
    f' s, restored to the bit in {saved.restore:.2f} s'
  )
  print(
    f'the run     {format_duration(total)}: {left:,} steps at that rate,'
    f' {saves} checkpoints; the evaluation at its end comes on top'
  )
