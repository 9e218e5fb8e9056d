"""Faults that need root, small disks or minutes: `make faults`.

  python -m tests.faults [NAME...]     all cases, or those whose module::case
                                       holds one of the names
  --list                               names them, runs none
  --keep                               leaves the directory of each case

Every module of this folder may have a table CASES = {'what happens': function}.
A function gets a fresh directory, which is also the current one, and returns
None if the fault was handled well, else what went wrong. A case that this
machine cannot run raises `machine.Skipped`. Each is a process of its own, which
is killed with all that it started after the SECONDS of its module.
"""

import argparse
import importlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

from tests.faults import machine

FOLDER = pathlib.Path(__file__).parent
SECONDS = 300  # of a case, where its module does not say
RUNNER = {'__main__', 'machine', 'runs'}


def main() -> int:
  """Runs what was asked for; 0 when all of it was handled well."""
  parser = argparse.ArgumentParser(prog='python -m tests.faults')
  parser.add_argument('names', nargs='*')
  parser.add_argument('--list', action='store_true')
  parser.add_argument('--keep', action='store_true')
  parser.add_argument('--one', nargs=3, help=argparse.SUPPRESS)
  asked = parser.parse_args()
  if asked.one:
    return _one(*asked.one)
  chosen = {
    f'{module.__name__.rpartition(".")[2]}::{name}': module
    for module in _modules()
    for name in module.CASES
  }
  chosen = {
    name: module
    for name, module in chosen.items()
    if not asked.names or any(_path(part) in name for part in asked.names)
  }
  if asked.list or not chosen:
    print('\n'.join(chosen) or 'there is no such case')
    return 0 if chosen else 2
  wrong = skipped = 0
  width = max(map(len, chosen))
  with tempfile.TemporaryDirectory(prefix='jaxvae-faults-') as shared:
    for name, module in chosen.items():
      begun = time.monotonic()
      limit = getattr(module, 'SECONDS', SECONDS)
      verdict = _apart(name, limit, _shared(shared), asked.keep)
      wrong += verdict.startswith('MISHANDLED')
      skipped += verdict.startswith('skipped')
      seconds = time.monotonic() - begun
      print(f'{name:{width}}  {seconds:6.1f} s  {verdict}', flush=True)
  ran = len(chosen) - skipped
  said = f', {skipped} skipped' if skipped else ''
  print(f'{wrong} of {ran} mishandled{said}')
  return min(wrong, 1)


def _modules() -> list:
  names = sorted(path.stem for path in FOLDER.glob('*.py'))
  modules = [
    importlib.import_module(f'tests.faults.{name}')
    for name in names
    if name not in RUNNER
  ]
  return [module for module in modules if hasattr(module, 'CASES')]


def _path(name: str) -> str:
  """tests/faults/disk.py -> disk::, which all of its cases begin with."""
  return f'{pathlib.Path(name).stem}::' if name.endswith('.py') else name


def _apart(name: str, seconds: float, env: dict[str, str], keep: bool) -> str:
  """Runs one case in a process and a directory of its own."""
  place = pathlib.Path(tempfile.mkdtemp(prefix='jaxvae-fault-'))
  answer = place / 'answer.json'
  fresh = place / 'case'
  fresh.mkdir()
  module, _, case = name.partition('::')
  with (place / 'output.txt').open('w') as output:
    process = subprocess.Popen(
      [
        *(sys.executable, '-m', 'tests.faults'),
        *('--one', module, case, str(answer)),
      ],
      cwd=fresh,
      env=os.environ | env | {'PYTHONPATH': str(machine.ROOT)},
      stdin=subprocess.DEVNULL,
      stdout=output,
      stderr=subprocess.STDOUT,
      start_new_session=True,
    )
    try:
      process.wait(seconds)
    except subprocess.TimeoutExpired:
      os.killpg(process.pid, signal.SIGKILL)
      process.wait()
      machine.unmount_below(place)
      return f'MISHANDLED: not done after {seconds:g} s ({place})'
  if not answer.exists():
    return f'MISHANDLED: no answer; see {output.name}'
  verdict = json.loads(answer.read_text())
  if keep or verdict.startswith('MISHANDLED'):
    return f'{verdict} ({place})'
  shutil.rmtree(place, ignore_errors=True)
  return verdict


def _shared(place: str) -> dict[str, str]:
  """What one case has compiled or prepared, another need not."""
  return {
    'JAX_COMPILATION_CACHE_DIR': f'{place}/compiled',
    'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
    'JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES': '-1',
    'TFDS_DATA_DIR': f'{place}/data',
  }


def _one(module: str, case: str, answer: str) -> int:
  """In the process of a case: runs it, and writes down what came of it."""
  function = importlib.import_module(f'tests.faults.{module}').CASES[case]
  try:
    said = function(pathlib.Path.cwd())
    verdict = f'MISHANDLED: {said}' if said else 'ok'
  except machine.Skipped as reason:
    verdict = f'skipped: {reason}'
  except BaseException as error:
    traceback.print_exc()
    verdict = f'MISHANDLED: {type(error).__name__}: {error}'
  pathlib.Path(answer).write_text(json.dumps(verdict))
  return 0


if __name__ == '__main__':
  sys.exit(main())
