"""Signals at awkward moments, and one of two processes that is lost."""

import json
import pathlib
import signal
import socket
import time

import numpy as np

from jaxvae.train import workdir
from tests.faults import machine, runs

SECONDS = 900


def compiling(place: pathlib.Path) -> str | None:
  """SIGTERM before there is a step: it ends soon, and nothing is saved."""
  process = runs.start(place)
  while 'parameters' not in (line := process.stdout.readline()) and line:
    pass
  process.send_signal(signal.SIGTERM)
  done = machine.finish(process, 60)
  if done.code not in (143, -signal.SIGTERM):
    return f'exit code {done.code}: {machine.tail(done)}'
  if 'Traceback' in done.err:
    return f'a traceback: {machine.tail(done)}'
  return runs.recovers(place)


def twice(place: pathlib.Path) -> str | None:
  """Two signals within 50 ms end it on the spot; the last save is good."""
  process = runs.start(place)
  while not runs.saved(place / 'run') and process.poll() is None:
    time.sleep(0.01)
  process.send_signal(signal.SIGTERM)
  time.sleep(0.05)
  process.send_signal(signal.SIGTERM)
  done = machine.finish(process, 60)
  return machine.mishandled(done, 143) or runs.recovers(place)


def one_of_two(place: pathlib.Path, lost: int) -> str | None:
  """SIGKILL to one of two processes: the other ends, and two go on."""
  home = place / 'run'
  both = _two(place, '--config.num_steps=1000000')
  until = time.monotonic() + 300
  while not runs.saved(home):
    if time.monotonic() > until or any(p.poll() is not None for p in both):
      return f'no checkpoint: {[machine.finish(p, 1) for p in both]}'
    time.sleep(0.01)
  both[lost].send_signal(signal.SIGKILL)
  done = machine.finish(both[1 - lost], 200)
  machine.finish(both[lost])
  if not done.code:
    return f'the other one: exit code {done.code}'
  print(f'after {done.seconds:.0f} s, {done.code}: {machine.tail(done)}')
  step = runs.saved(home)
  ends = [machine.finish(p, 300) for p in _two(place, _until(step + 40))]
  if [one.code for one in ends] != [0, 0]:
    return f'afterwards: {[machine.tail(one) for one in ends]}'
  run = workdir.read_run(home) or {}
  if (run.get('status'), run.get('step')) != ('completed', step + 40):
    return f'afterwards: {run}'
  lines = (home / 'metrics.jsonl').read_text().splitlines()
  logged = np.diff([json.loads(line)['step'] for line in lines])
  return None if (logged == 10).all() else 'a step is there twice, or missing'


def _until(step: int) -> str:
  return f'--config.num_steps={step}'


def _two(place: pathlib.Path, *more: str) -> list:
  with socket.socket() as free:
    free.bind(('127.0.0.1', 0))
    port = free.getsockname()[1]
  join = (f'--coordinator=127.0.0.1:{port}', '--num_processes=2')
  return [
    runs.start(place, *more, *join, f'--process_id={at}') for at in (0, 1)
  ]


CASES = {
  'stopped while it compiles': compiling,
  'stopped twice within 50 ms': twice,
  'the second of two processes is killed': lambda place: one_of_two(place, 1),
  'the first of two processes is killed': lambda place: one_of_two(place, 0),
}
