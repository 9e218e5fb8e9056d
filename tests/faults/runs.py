"""The small runs and studies that cases of faults are done to.

A state is some 14 kB, a checkpoint on a disk of pages some 100 kB, a step takes
a fraction of a millisecond. Bits are compared between processes, so that the
devices are always the same.
"""

import json
import os
import pathlib
import shutil
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
STUDY = """
CONFIG = {config!r}
SHARED = {{'num_steps': 200}}

def sweep():
  for latent in ('gaussian(2)', 'gaussian(3)', 'gaussian(4)'):
    for seed in range({seeds}):
      yield {{'latent': latent, 'seed': seed}}
"""
DEVICES = {'JAX_NUM_CPU_DEVICES': '1', 'NPROC': '1'}


def start(place: pathlib.Path, *more: str, **popen) -> subprocess.Popen:
  """Starts the run place/run, on whose directory a disk may be mounted."""
  config = place / 'config.py'
  config.write_text(CONFIG)
  argv = ('-m', 'jaxvae.main', f'--config={config}')
  here = f'--workdir={place / "run"}'
  return machine.start(*argv, here, *more, cwd=place, env=DEVICES, **popen)


def run(place: pathlib.Path, *more: str, seconds: float = 200) -> machine.Done:
  """Runs it to its end."""
  return machine.finish(start(place, *more), seconds)


def saved(home: pathlib.Path) -> int:
  """The newest checkpoint, 0 where there is none."""
  return max(steps.finished(home / 'checkpoints'), default=0)


def result(home: pathlib.Path) -> list:
  """What two equal runs have in common, as JSON."""
  run = workdir.read_run(home) or {}
  files = (home / 'metrics.jsonl', home / 'metrics.json')
  return [
    *(run.get('status'), run.get('step'), run.get('params_sha256')),
    *(path.read_text() if path.exists() else '' for path in files),
  ]


def unharmed() -> list:
  """The result of the run that nothing happens to, trained once for all."""
  place = pathlib.Path(os.environ['TFDS_DATA_DIR']).parent / 'unharmed'
  found = place / 'result.json'
  if not found.exists():
    place.mkdir(parents=True, exist_ok=True)
    done = run(place)
    if done.code:
      raise RuntimeError(f'the unharmed run failed: {machine.tail(done)}')
    found.write_text(json.dumps(result(place / 'run')))
  return json.loads(found.read_text())


def recovers(place: pathlib.Path) -> str | None:
  """That the same command now ends as if nothing had happened."""
  done = run(place)
  if said := machine.mishandled(done, 0):
    return f'afterwards: {said}'
  if result(place / 'run') != unharmed():
    return 'afterwards the results are not those of an unharmed run'
  return None


def start_study(
  place: pathlib.Path, seeds: int, *more: str, **popen
) -> subprocess.Popen:
  """Starts the study place/study, of three latent spaces and some seeds."""
  (place / 'config.py').write_text(CONFIG)
  text = STUDY.format(config=str(place / 'config.py'), seeds=seeds)
  (place / 'small.py').write_text(text)
  return machine.start(
    *('-m', 'jaxvae.study', f'--study={place / "small.py"}'),
    *(f'--workdir={place / "study"}', '--members=2', *more),
    cwd=place,
    env=DEVICES,
    **popen,
  )


def results(place: pathlib.Path) -> dict[str, list]:
  """The result of each run of the study."""
  homes = sorted((place / 'study').glob('[0-9]*'))
  return {home.name: result(home) for home in homes}


def workers(driver: subprocess.Popen) -> list[int]:
  """The processes that a driver has started and that live, on Linux."""
  listed = pathlib.Path(f'/proc/{driver.pid}/task/{driver.pid}/children')
  if shutil.which('mount') is None or not listed.parent.exists():
    return []
  return [int(pid) for pid in listed.read_text().split()]


def alive(pid: int) -> bool:
  """Whether a process runs; one that is dead and not yet buried does not."""
  try:
    status = pathlib.Path(f'/proc/{pid}/stat').read_text()
  except OSError:
    return False
  return status.rpartition(')')[2].split()[0] != 'Z'
