"""The small runs and studies that cases of faults are done to.

Their state is some 30 kB, a step takes a fraction of a millisecond, and a
checkpoint is due every few steps.
"""

import pathlib
import subprocess

from jaxvae.train import steps, workdir
from tests.faults import machine

CONFIG = """
from jaxvae.config import default
def get_config():
  config = default()
  config.data.name = 'digits'
  config.net = 'mlp(encoder=(8,), decoder=(8,))'
  config.latent = 'gaussian(2)'
  config.batch_size = 16
  config.num_steps = 400
  config.steps_per_call = 10
  config.log_every = 10
  config.save_every = 20
  config.eval.examples = 100
  config.eval.figures = False
  return config
"""
# Bits are compared between processes, so the devices are said.
DEVICES = {'JAX_NUM_CPU_DEVICES': '1', 'NPROC': '1'}


def start(place: pathlib.Path, *more: str, **popen) -> subprocess.Popen:
  """Starts the run place/run, whose directory a disk may be mounted on."""
  config = place / 'config.py'
  if not config.exists():
    config.write_text(CONFIG)
  argv = ('-m', 'jaxvae.main', f'--config={config}')
  here = f'--workdir={place / "run"}'
  return machine.start(*argv, here, *more, cwd=place, env=DEVICES, **popen)


def run(place: pathlib.Path, *more: str, seconds: float = 100) -> machine.Done:
  """Runs it to its end."""
  return machine.finish(start(place, *more), seconds)


def saved(home: pathlib.Path) -> int:
  """The newest checkpoint, 0 where there is none."""
  return max(steps.finished(home / 'checkpoints'), default=0)


def result(home: pathlib.Path) -> tuple:
  """What two equal runs have in common."""
  run = workdir.read_run(home) or {}
  return (
    *(run.get('status'), run.get('step'), run.get('params_sha256')),
    (home / 'metrics.jsonl').read_text(),
    (home / 'metrics.json').read_text(),
  )
