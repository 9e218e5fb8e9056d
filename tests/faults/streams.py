"""Nobody takes the output, or the work directory goes, while a run goes on."""

import pathlib
import shutil
import subprocess
import time

from tests.faults import machine, runs

SECONDS = 600


def reader_leaves(place: pathlib.Path) -> str | None:
  """As `| head` does: what was trained until then is saved."""
  process = runs.start(place)
  while not process.stdout.readline().startswith('step '):
    pass
  process.stdout.close()
  process.stdout = None
  done = machine.finish(process)
  if said := machine.mishandled(done, 5, 'standard output: Broken pipe'):
    return said
  if not runs.saved(place / 'run'):
    return 'nothing was saved'
  return runs.recovers(place)


def full_log(place: pathlib.Path) -> str | None:
  """Standard output goes to a disk that is full."""
  with pathlib.Path('/dev/full').open('w') as full:
    done = machine.finish(runs.start(place, stdout=full))
  said = machine.mishandled(done, 5, 'standard output: No space left on device')
  return said or runs.recovers(place)


def nobody_at_all(place: pathlib.Path) -> str | None:
  """Standard output and error are one pipe, and nobody reads it."""
  process = runs.start(place, stderr=subprocess.STDOUT)
  process.stdout.readline()
  process.stdout.close()
  process.stdout = None
  done = machine.finish(process)
  if done.code != 5:
    return f'exit code {done.code}, not 5'
  return runs.recovers(place)


def closed(place: pathlib.Path) -> str | None:
  """The caller closed all three: there is nothing to say, and it is done."""
  (place / 'config.py').write_text(runs.CONFIG)
  argv = ['--config=config.py', '--workdir=run']
  command = ['sh', '-c', 'exec "$@" <&- >&- 2>&-', 'sh']
  done = machine.run(
    '-c',
    'import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)',
    *(*command, machine.PYTHON, '-m', 'jaxvae.main', *argv),
    cwd=place,
    env=runs.DEVICES,
  )
  if said := machine.mishandled(done, 0):
    return said
  same = runs.result(place / 'run') == runs.unharmed()
  return None if same else 'the results are others'


def help_into_head(place: pathlib.Path) -> str | None:
  """`--help | true`."""
  process = machine.start('-m', 'jaxvae.main', '--help', cwd=place)
  process.stdout.close()
  process.stdout = None
  return machine.mishandled(machine.finish(process), 5, 'Broken pipe')


def gone(how, place: pathlib.Path) -> str | None:
  """The work directory is deleted, moved, or made anew by somebody else."""
  home = place / 'run'
  process = runs.start(place, '--config.num_steps=1000000')
  while runs.saved(home) < 40 and process.poll() is None:
    time.sleep(0.01)
  how(home)
  done = machine.finish(process, 60)
  said = machine.mishandled(done, 5, f'{home / ".lock"} is gone', lines=3)
  if said is None and home.exists():
    left = {path.name for path in home.iterdir()} - {'checkpoints'}
    said = f'it has written {left}' if left else None
  return said


def _delete(home: pathlib.Path) -> None:
  """With what the run writes there meanwhile."""
  while home.exists():
    shutil.rmtree(home, ignore_errors=True)


def checkpoints_gone(place: pathlib.Path) -> str | None:
  """The checkpoints are deleted again and again: an error or the right end."""
  home = place / 'run'
  process = runs.start(place)
  while process.poll() is None:
    shutil.rmtree(home / 'checkpoints', ignore_errors=True)
    time.sleep(0.2)
  done = machine.finish(process)
  if done.code == 0:
    return machine.mishandled(done, 0, lines=9)
  said = machine.mishandled(done, done.code, 'jaxvae: error: ', lines=9)
  if done.code not in (4, 5):
    return said or f'exit code {done.code}'
  return said


CASES = {
  'nobody reads the output any more': reader_leaves,
  'the output goes to a full disk': full_log,
  'nobody reads output and errors any more': nobody_at_all,
  'output, errors and input are closed': closed,
  'nobody reads the help': help_into_head,
  'the work directory is deleted': lambda place: gone(_delete, place),
  'the work directory is moved': lambda place: gone(
    lambda home: home.rename(place / 'moved'), place
  ),
  'the checkpoints are deleted': checkpoints_gone,
}
