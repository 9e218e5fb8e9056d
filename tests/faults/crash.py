"""Killed at any moment: what comes out is what comes out of a calm day."""

import pathlib
import random
import shutil
import signal
import time

from jaxvae.train import workdir
from tests.faults import machine, runs

SECONDS = 3600
KILLS = 30


def sweep(place: pathlib.Path) -> str | None:
  """SIGKILL at 30 random moments of studies of six runs in one process.

  When a study is through before that, another is begun.
  """
  rng = random.Random(0)
  wanted, seconds = _calm(place, 2, '--backend=here')
  kills = rounds = 0
  while kills < KILLS:
    shutil.rmtree(place / 'study')
    rounds += 1
    while True:
      process = runs.start_study(place, 2, '--backend=here')
      if kills == KILLS:
        moment = 10 * seconds
      else:  # Half of them after the start, which is the same each time.
        moment = rng.uniform(0, seconds) if rng.random() < 0.5 else seconds / 2
        moment *= rng.uniform(0.5, 1.0)
      time_left = time.monotonic() + moment
      while time.monotonic() < time_left and process.poll() is None:
        time.sleep(0.002)
      killed = process.poll() is None
      process.send_signal(signal.SIGKILL)
      done = machine.finish(process)
      if 'Traceback' in done.err + done.out:
        return f'a traceback after {kills} kills: {machine.tail(done)}'
      if not killed:
        break
      kills += 1
    if done.code:
      return f'exit code {done.code} after {kills} kills: {machine.tail(done)}'
    if said := _differ(runs.results(place), wanted):
      return f'after {kills} kills: {said}'
  print(f'{kills} kills in {rounds} studies of {seconds:.0f} s')
  return None


def small_disk(place: pathlib.Path) -> str | None:
  """Twelve runs, a disk that is full twice, ten kills of driver and workers."""
  rng = random.Random(1)
  local = '--backend=local(workers=2)'
  wanted, seconds = _calm(place, 4, local)
  shutil.rmtree(place / 'study')
  home, ends = place / 'study', {}
  with machine.disk(home, '1m'):
    for size, kills in (('1m', 4), ('2500k', 3), ('64m', 3)):
      machine.resize(home, size)
      while kills:
        process = runs.start_study(place, 4, local)
        time.sleep(rng.uniform(0, seconds / 2))
        pids = runs.workers(process)
        victim = rng.choice([process.pid, *pids])
        if process.poll() is None:
          if victim != process.pid:
            machine.kill(victim)
            kills -= 1
            time.sleep(rng.uniform(0, seconds / 4))
            pids = runs.workers(process)
          if kills and process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills -= 1
            if said := _outlive(pids):
              return said
          else:
            process.send_signal(signal.SIGTERM)
        done = machine.finish(process, 100)
        if done.code is None or 'Traceback' in done.err + done.out:
          return f'exit code {done.code}: {machine.tail(done)}'
        if said := _done_again(home, ends):
          return said
      done = machine.finish(runs.start_study(place, 4, local), 1200)
      full = size != '64m'
      if done.code != (5 if full else 0):
        said = f'{machine.tail(done)} / {_refusals(home)}'
        return f'exit code {done.code} at {size}: {said}'
      if full and 'No space left on device' not in _logs(home):
        return f'at {size} nothing is said of the full disk'
      if said := _done_again(home, ends):
        return said
      print(f'{size}: {len(ends)} runs completed', flush=True)
    if 'Traceback' in _logs(home):
      return f'a traceback in the logs of {home}'
    return _differ(runs.results(place), wanted)


def _calm(place: pathlib.Path, seeds: int, backend: str):
  """The results of a study that nothing happens to, and how long it takes."""
  for _ in range(2):  # The second time nothing is compiled.
    shutil.rmtree(place / 'study', ignore_errors=True)
    begun = time.monotonic()
    done = machine.finish(runs.start_study(place, seeds, backend), 1200)
    if done.code:
      raise RuntimeError(f'the unharmed study failed: {machine.tail(done)}')
  found = runs.results(place)
  assert len(found) == 3 * seeds
  assert all(result[0] == 'completed' for result in found.values())
  return found, time.monotonic() - begun


def _differ(found: dict, wanted: dict) -> str | None:
  """What of the results is not as in the unharmed study."""
  for name, result in wanted.items():
    if (there := found.get(name)) != result:
      what = ('status', 'step', 'params_sha256', 'metrics.jsonl', 'metrics')
      parts = zip(what, there or (), result, strict=False)
      return f'{name}: other {[n for n, a, b in parts if a != b] or "files"}'
  return None


def _done_again(home: pathlib.Path, ends: dict) -> str | None:
  """That what was completed stays as it was then."""
  for place in sorted(home.glob('[0-9]*')):
    run = workdir.read_run(place)
    if run and run['status'] == 'completed':
      before = ends.setdefault(place.name, run)
      if run != before:
        return f'{place.name} was done twice: {before["ended"]}, {run["ended"]}'
    elif place.name in ends:
      return f'{place.name} was completed, and is not any more'
  return None


def _outlive(pids: list[int]) -> str | None:
  until = time.monotonic() + 60
  while any(map(runs.alive, pids)):
    if time.monotonic() > until:
      return 'a worker outlives its driver'
    time.sleep(0.1)
  return None


def _refusals(home: pathlib.Path) -> str:
  """The last errors that jobs wrote of; gone with the disk otherwise."""
  lines = [line for line in _logs(home).splitlines() if 'error:' in line]
  return ' / '.join(lines[-6:])


def _logs(home: pathlib.Path) -> str:
  return '\n'.join(path.read_text() for path in (home / 'logs').glob('*'))


CASES = {
  'killed at 30 random moments of studies': sweep,
  'a study whose disk is full twice, with ten kills': small_disk,
}
