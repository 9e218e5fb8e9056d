"""Disks that are full: of a run, of a part of it, of a study, of the data.

Each ends in one line and exit code 5, and with room given goes on to what an
unharmed run has.
"""

import functools
import pathlib
import shutil
import signal
import time

from jaxvae.train import workdir
from tests.faults import machine, runs

FULL = 'No space left on device'
SECONDS = 600


def training(size: str, place: pathlib.Path) -> str | None:
  """The disk of the work directory is full after a while."""
  home = place / 'run'
  with machine.disk(home, size):
    done = runs.run(place)
    if said := machine.mishandled(done, 5, FULL, 'run the same command again'):
      return said
    run, saved = workdir.read_run(home), runs.saved(home)
    if saved and run['step'] > saved + 20:
      return f'run.json is at step {run["step"]}, the checkpoint at {saved}'
    machine.resize(home, '8m')
    return runs.recovers(place)


def tensorboard(place: pathlib.Path) -> str | None:
  """Its directory alone is full: what was trained until then is saved."""
  home = place / 'run'
  with machine.disk(home / 'tensorboard', '8k'):
    done = runs.run(place)
    if said := machine.mishandled(done, 5, FULL, 'tfevents'):
      return said
    logged = (home / 'metrics.jsonl').read_text().splitlines()
    if runs.saved(home) != 10 * len(logged):
      return f'{len(logged)} lines, but checkpoint {runs.saved(home)}'
    machine.resize(home / 'tensorboard', '8m')
    return runs.recovers(place)


def stopping(place: pathlib.Path) -> str | None:
  """A signal comes, and there is no room to save what is asked for."""
  home = place / 'run'
  with machine.disk(home, '8m'):
    process = runs.start(place, '--config.num_steps=1000000')
    _until(lambda: runs.saved(home) >= 40, process)
    _fill(home)
    process.send_signal(signal.SIGTERM)
    done = machine.finish(process, 60)
    if done.code == 143:
      return machine.mishandled(done, 143)
    return machine.mishandled(done, 5, FULL)


def figures(place: pathlib.Path) -> str | None:
  """The directory of the figures is full: the run is completed all the same."""
  home, drawn = place / 'run', '--config.eval.figures=true'
  with machine.disk(home / 'figures', '24k'):
    done = runs.run(place, drawn)
    again = f'--mode=eval --workdir={home}'
    if said := machine.mishandled(done, 0, 'cannot draw', FULL, again):
      return said
    if runs.result(home) != runs.unharmed():
      return 'the run is not what one is whose figures are drawn'
    done = runs.run(place, '--mode=eval', drawn)
    if said := machine.mishandled(done, 5, 'cannot draw', FULL):
      return f'drawn again: {said}'
    machine.resize(home / 'figures', '64m')
    done = runs.run(place, '--mode=eval', drawn)
    return machine.mishandled(done, 0)


def drawing(place: pathlib.Path) -> str | None:
  """There is room to train, and then for a part of the figures."""
  home, drawn = place / 'run', '--config.eval.figures=true'
  with machine.disk(home, '560k'):
    done = runs.run(place, drawn)
    if done.code == 0:
      said = machine.mishandled(done, 0, 'cannot draw', FULL)
    else:
      said = machine.mishandled(done, 5, FULL)
    machine.resize(home, '64m')
    return said or runs.recovers(place)


def data(place: pathlib.Path) -> str | None:
  """The data cannot be prepared."""
  with machine.disk(place / 'data', '16k') as full:
    done = runs.run(place, f'--config.data.data_dir={full}')
    return machine.mishandled(done, 5, FULL)


def read_only(place: pathlib.Path) -> str | None:
  """Nothing may be written at all: said before anything is trained."""
  with machine.disk(place / 'run', '1m,ro'):
    done = runs.run(place)
    return machine.mishandled(done, 5, 'Read-only file system')


def study(place: pathlib.Path) -> str | None:
  """Both workers of a study run into it, and its driver says so."""
  home = place / 'study'
  local = '--backend=local(workers=2)'
  with machine.disk(home, '400k'):
    done = machine.finish(runs.start_study(place, 2, local), 300)
    if done.code != 5 or 'Traceback' in done.err + done.out:
      return f'exit code {done.code}: {machine.tail(done)}'
    logs = [path.read_text() for path in (home / 'logs').glob('*')]
    if any('Traceback' in log for log in logs):
      return f'a traceback in a log of {home}'
    machine.resize(home, '64m')
    done = machine.finish(runs.start_study(place, 2, local), 300)
    return machine.mishandled(done, 0)


def study_stopped(place: pathlib.Path) -> str | None:
  """Its driver is stopped, or killed, while the disk is full."""
  home = place / 'study'
  for number in (signal.SIGTERM, signal.SIGKILL):
    with machine.disk(home, '8m'):
      process = runs.start_study(place, 2, '--config.num_steps=1000000')
      _until(lambda: runs.saved(home / '0000') >= 40, process)
      pids = runs.workers(process)
      _fill(home)
      process.send_signal(number)
      done = machine.finish(process, 60)
      if done.code is None or not pids:
        return f'{number.name}: the driver did not end; workers {pids}'
      until = time.monotonic() + 30
      while any(map(runs.alive, pids)):
        if time.monotonic() > until:
          return f'{number.name}: a worker outlives its driver'
        time.sleep(0.1)
      if 'Traceback' in done.err:
        return f'{number.name}: {machine.tail(done)}'
    shutil.rmtree(home)
  return None


def _fill(home: pathlib.Path) -> None:
  """Takes what room is left, and whatever is freed meanwhile."""
  with (home / 'filling').open('ab', buffering=0) as file:
    try:
      while True:
        file.write(bytes(4096))
    except OSError:
      return


def _until(condition, process) -> None:
  until = time.monotonic() + 200
  while not condition() and process.poll() is None:
    if time.monotonic() > until:
      process.kill()
      raise RuntimeError(f'waited in vain: {process.communicate()}')
    time.sleep(0.01)


SIZES = ('48k', '56k', '64k', '80k', '96k', '112k', '160k', '280k')
CASES = {
  f'training on a disk of {size}': functools.partial(training, size)
  for size in SIZES
} | {
  'the directory of TensorBoard is full': tensorboard,
  'stopped when the disk is full': stopping,
  'the directory of figures is full': figures,
  'the disk is full while figures are drawn': drawing,
  'the disk of the data is full': data,
  'a disk that is read-only': read_only,
  'a study on a full disk': study,
  'a study on a full disk is stopped': study_stopped,
}
