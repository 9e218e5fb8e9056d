"""What a run says of itself: on the screen, and in its checkpoints."""

import os
import pathlib
import shutil
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

import jaxvae
from jaxvae import config as schema
from jaxvae import measured
from jaxvae.data import factors_to_json
from jaxvae.model import parameters
from jaxvae.train import progress
from jaxvae.train.identity import Held
from jaxvae.train.setup import Setup


def describe(setup: Setup) -> dict[str, Any]:
  """What a checkpoint remembers of its data, to be used without them."""
  spec = setup.source.spec
  return {
    'name': spec.name,
    'title': spec.title,
    'image_shape': list(spec.image_shape),
    'factors': factors_to_json(spec.factors),
    'fingerprint': spec.fingerprint,
    'rules': setup.rules,
  }


def introduce(setup: Setup, held: Sequence[Held], seconds: float) -> None:
  """Prints versions, devices, config, data and parameters.

  Args:
    setup: the run.
    held: what the work directory of each member holds.
    seconds: what opening the data took.
  """
  config, spec = setup.config, setup.source.spec
  device = jax.devices()[0]
  place = f'{held[0].home}'
  if len(held) > 1:
    place += f' and {len(held) - 1} more'
  stands = next((one.stands for one in held if one.stands != 'new'), 'new')
  print(
    f'jaxvae {jaxvae.__version__} | jax {jax.__version__} | '
    f'{jax.device_count()} x {device.device_kind} | seed {config.seed} | '
    f'workdir {place} ({stands})'
  )
  if device.platform == 'cpu' and gpu_is_unused():
    print(
      'a GPU is here and jax does not use it: pip install "jax[cuda13]"; '
      'JAX_PLATFORMS=cpu if that is meant'
    )
  flat = schema.flatten(config)
  each = [schema.flatten(member) for member in setup.configs]
  changed, varied = [], []
  for name, key in schema.KEYS.items():
    values = [member[name] for member in each]
    if any(value != values[0] for value in values):
      varied.append(f'{name}={", ".join(map(str, values))}')
    elif flat[name] != key.default:
      changed.append(f'{name}={flat[name]}')
  print(f'config {"  ".join(changed)}')
  if varied:
    how = 'at once' if setup.layout.at_once else 'one after another'
    print(f'{len(held)} members, on each device {how}')
    for line in varied:
      print(f'  {line}')
  shape = ' x '.join(map(str, spec.image_shape))
  print(
    f'data   {spec.title}: {spec.size:,} images of {shape} ({seconds:.1f} s)'
  )
  for note in measured.foreseen(config):
    print(f'note: {note}')
  rows = parameters(setup.abstract_state.params)
  width = max(len(name) for name, _, _ in rows)
  for name, shape, size in rows:
    print(f'  {name:{width}}  {size:>12,}  {" x ".join(map(str, shape))}')
  total = sum(size for _, _, size in rows)
  print(f'  {"parameters":{width}}  {total:>12,}', flush=True)


def line(
  setup: Setup,
  step: int,
  shown: Sequence[dict[str, Any]],
  diverged: int,
  timer: progress.Timer,
  saved: int | None,
) -> str:
  """The line of progress; of an ensemble, medians over the members that go on.

  Args:
    setup: the runs.
    step: steps done.
    shown: the metrics of the last call, of each member that goes on.
    diverged: how many members do not.
    timer: of all of them.
    saved: the last step that is safe on disk.
  """
  total = setup.config.num_steps
  kls = [np.mean(each['kl'], axis=0) for each in shown]
  terms = {
    'loss': [np.mean(each['loss']) for each in shown],
    'reconstruction': [np.mean(each['reconstruction']) for each in shown],
    'kl': [np.sum(kl) for kl in kls],
  }
  rated = list(setup.model.space.rated)
  active = [np.sum(kl[rated] > setup.config.eval.active_kl) for kl in kls]
  said = progress.format_line(
    step,
    total,
    {name: float(np.median(values)) for name, values in terms.items()},
    (int(np.median(active)), len(rated)),
    timer.rate(),
    timer.eta(total - step),
    saved,
  )
  if not setup.layout.lanes:
    return said
  gone = f', {diverged} diverged' if diverged else ''
  return f'{len(shown)} runs{gone}  {said}'


def gpu_is_unused() -> bool:
  """Whether NVIDIA's driver is here, and nobody has said to do without."""
  return not os.environ.get('JAX_PLATFORMS') and (
    shutil.which('nvidia-smi') is not None
    or pathlib.Path('/dev/nvidia0').exists()
  )
