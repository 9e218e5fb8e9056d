"""Runs that get mixed up, stopped early, or asked for what is not there."""

import pathlib
import shutil
import signal
import socket
import subprocess
import time

from jaxvae.train import workdir
from tests.faults import machine, runs

SECONDS = 600
NAMES = ('beta[4]', 'a\\b', '*?', 'end ', 'two\nlines', 'a:b')
MOMENTS = (0.3, 0.7, 1.1, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)


def odd_names(place: pathlib.Path) -> str | None:
  """Each is trained, gone on with, and evaluated again."""
  for name in NAMES:
    home = f'--workdir={place / name}'
    for more in (
      '--config.num_steps=20',
      '--config.num_steps=40',
      '--mode=eval',
    ):
      done = runs.run(place, home, more)
      if said := machine.mishandled(done, 0):
        return f'{name!r} {more}: {said}'
    if runs.saved(place / name) != 40:
      return f'{name!r}: no checkpoint 40'
  return None


def two_runs_merged(place: pathlib.Path) -> str | None:
  """One directory copied onto another, and that is nobody's loss."""
  for name, seed in (('run', 0), ('other', 1)):
    more = (f'--workdir={place / name}', f'--config.seed={seed}')
    done = runs.run(place, *more, '--config.num_steps=40')
    if said := machine.mishandled(done, 0):
      return said
  shutil.rmtree(place / 'other' / 'checkpoints' / '20')
  shutil.copytree(place / 'other', place / 'run', dirs_exist_ok=True)
  before = sorted((place / 'run' / 'checkpoints').iterdir())
  for seed in (0, 1):
    done = runs.run(place, f'--config.seed={seed}')
    # The error, a table with a row for the seed, the hint.
    if said := machine.mishandled(done, 2, 'seed', lines=4):
      return f'seed {seed}: {said}'
  if sorted((place / 'run' / 'checkpoints').iterdir()) != before:
    return 'checkpoints were removed or renamed'
  return None


def other_process_without_its_lock(place: pathlib.Path) -> str | None:
  """.lock is deleted while a run trains; a second one starts."""
  long = ('--config.num_steps=1000000', '--config.save_every=200000')
  first = runs.start(place, *long)
  try:
    while not _is_running(place / 'run') and first.poll() is None:
      time.sleep(0.05)
    (place / 'run' / '.lock').unlink()
    second = runs.run(place, *long)
    if said := machine.mishandled(second, 5, 'is in use by'):
      return f'the second: {said}'
    first.send_signal(signal.SIGTERM)
    if said := machine.mishandled(machine.finish(first), 143):
      return said
    return None if runs.saved(place / 'run') else 'nothing was saved'
  finally:
    first.kill()


def _is_running(home: pathlib.Path) -> bool:
  return (workdir.read_run(home) or {}).get('status') == 'running'


def early_ctrl_c(place: pathlib.Path) -> str | None:
  """While modules are imported, data are prepared, a step is compiled."""
  for seconds in MOMENTS:
    shutil.rmtree(place / 'run', ignore_errors=True)
    data = f'--config.data.data_dir={place / "data" / str(seconds)}'
    process = runs.start(
      *(place, data, '--config.num_steps=1000000'),
      # What a shell starts in its background is deaf to Ctrl-C.
      preexec_fn=lambda: signal.signal(
        signal.SIGINT, signal.default_int_handler
      ),
    )
    try:
      process.wait(seconds)
      return f'it ended by itself: {machine.tail(machine.finish(process))}'
    except subprocess.TimeoutExpired:
      process.send_signal(signal.SIGINT)
    done = machine.finish(process)
    if done.code != 130 or 'Traceback' in done.err:
      return f'after {seconds} s: {done.code} {machine.tail(done)}'
  return None


def no_such_platform(place: pathlib.Path) -> str | None:
  """JAX_PLATFORMS names devices that no machine has, or not this one."""
  for name in ('nowhere', 'cpu,nowhere', 'CPU'):
    (place / 'config.py').write_text(runs.CONFIG)
    for command in (
      ('jaxvae.main', f'--config={place / "config.py"}'),
      ('jaxvae.main', '--mode=eval'),
    ):
      done = machine.run(
        *('-m', *command, f'--workdir={place / "run"}'),
        cwd=place,
        env={'JAX_PLATFORMS': name},
      )
      if said := machine.mishandled(done, 2):
        return f'{name} {command}: {said}'
  return None


def ctrl_c_while_waiting_for_others(place: pathlib.Path) -> str | None:
  """Process 0 of two, alone."""
  with socket.socket() as free:
    free.bind(('127.0.0.1', 0))
    port = free.getsockname()[1]
  more = (f'--coordinator=127.0.0.1:{port}', '--num_processes=2')
  process = runs.start(
    *(place, *more),
    preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
  )
  said = process.stdout.readline()
  if said != f'process 0 of 2 joins 127.0.0.1:{port}, for at most 300 s\n':
    return f'it said {said!r}'
  process.send_signal(signal.SIGINT)
  done = machine.finish(process)
  if done.code != 130 or done.err != 'jaxvae: stopped by Ctrl-C\n':
    return f'{done.code} {machine.tail(done)}'
  return None


CASES = {
  'work directories with odd names': odd_names,
  'two runs merged into one directory': two_runs_merged,
  'the lock is deleted under a run': other_process_without_its_lock,
  'Ctrl-C at eleven early moments': early_ctrl_c,
  'platforms that are not here': no_such_platform,
  'Ctrl-C while nobody joins': ctrl_c_while_waiting_for_others,
}
