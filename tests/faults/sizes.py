"""500 bad configs: each is one line, in time, and takes no memory.

  python -m tests.faults.sizes DIR     prints what is said of each

They are made of the keys of a config and of the arguments of every choice, by
what can be wrong with a value of its kind, of texts that are no calls, of
ensembles and studies without end, and of files and JSON that are no configs.
"""

import functools
import json
import os
import pathlib
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from jaxvae import cli
from jaxvae import config as schema
from jaxvae.errors import JaxvaeError
from jaxvae.study import grid
from jaxvae.train import setup
from tests.faults import bad_configs

SEED, COUNT = 13, 500
SECONDS = 900  # of a case
LIMIT = 10  # seconds of a config
MEMORY = 2 << 30  # bytes beside those of a process that has trained


def cases() -> Iterator[tuple[str, Callable[[pathlib.Path], None]]]:
  """(what is wrong, what the command does with it in a directory): all."""
  for key, texts in bad_configs.KEYS.items():
    for text in texts:
      yield _said({key: text}), functools.partial(_set, {key: text})
  for key, form, kind in bad_configs.ARGUMENTS:
    for text in bad_configs.BAD[kind]:
      if text == 'None' and ('points' in form or 'commitment' in form):
        continue  # Their way to say nothing.
      changes = {key: form.replace('{}', text)}
      if "'digit'" in form or 'factor={}' in form:
        changes['labels.fraction'] = '1.0'
      yield _said(changes), functools.partial(_set, changes)
  for key in bad_configs.TEXTS:
    for text in bad_configs.CALLS:
      yield _said({key: text}), functools.partial(_set, {key: text})
  for text in bad_configs.ENSEMBLES:
    changes = {'ensemble.seed': text}
    yield _said(changes), functools.partial(_set, changes)
  for body in bad_configs.BODIES:
    yield (
      f'config file {body[:60]!r}',
      functools.partial(_file, bad_configs.HEAD + body),
    )
  for key in ('seed', 'hyper.beta', 'latent', 'ensemble', 'data', 'eval'):
    for value in bad_configs.VALUES:
      if (key, value) in (('ensemble', '{}'), ('latent', '"x" * 10**6')):
        continue  # An ensemble of nothing is none; the text is in CALLS.
      group, _, leaf = key.rpartition('.')
      place = f'x[{group!r}][{leaf!r}]' if group else f'x[{leaf!r}]'
      body = 'def get_config():\n  x = c.default().unlock()\n'
      body += f'  with x.ignore_type():\n    {place} = {value}\n  return x\n'
      run = functools.partial(_file, bad_configs.HEAD + body)
      yield f'config file {key} = {value}', run
  for sweep in bad_configs.SWEEPS:
    yield f'study {sweep[:70]!r}', functools.partial(_study, sweep)
  for text in bad_configs.SAVED:
    yield f'saved {text[:60]}', functools.partial(_saved, text)
  for changes in bad_configs.LARGE:
    yield _said(changes), functools.partial(_set, changes)


def chosen(count: int = COUNT) -> list[tuple[str, Callable]]:
  """So many of the cases, the same each time."""
  every = list(cases())
  return random.Random(SEED).sample(every, count)


def verdict(run: Callable, place: pathlib.Path) -> tuple[bool, float, str]:
  """Whether a bad config is refused as it should be, seconds, what is said."""
  begun = time.monotonic()
  signal.signal(signal.SIGALRM, _too_long)
  signal.alarm(LIMIT)
  try:
    run(place)
    said, good = 'accepted', False
  except JaxvaeError as error:
    said = f'{error.exit_code} {error}'
    good = error.exit_code in (2, 5) and len(said.splitlines()) == 1
    good &= len(said) < 8000 and time.monotonic() - begun < LIMIT
  except BaseException as error:
    said, good = f'{type(error).__name__}: {error}'[:300], False
  finally:
    signal.alarm(0)
  return good, time.monotonic() - begun, said


def all_in_this_process(place: pathlib.Path) -> str | None:
  """Tries them all under a limit of memory; what is mishandled, if anything."""
  _set({}, place)  # Everything is imported, and the data are prepared.
  size = int(pathlib.Path('/proc/self/statm').read_text().split()[0])
  most = size * resource.getpagesize() + MEMORY
  resource.setrlimit(resource.RLIMIT_AS, (most, most))
  wrong = []
  for name, run in chosen():
    good, seconds, said = verdict(run, place)
    word = 'ok ' if good else 'BAD'
    print(f'{word} {seconds:5.2f} s  {name}  {said[:300]!r}')
    if not good:
      wrong.append(f'{name}: {said[:200]}')
  return f'{len(wrong)}: {"; ".join(wrong[:3])}' if wrong else None


def on_the_command_line(place: pathlib.Path) -> str | None:
  """Some of them through the command itself."""
  texts = [run.args[0] for _, run in chosen() if run.func is _set]
  for changes in texts[:15]:
    if any('\0' in text or not text.isprintable() for text in changes.values()):
      continue
    flags = [f'--config.{k}={v}' for k, v in changes.items() if len(v) < 9999]
    command = (sys.executable, '-m', 'jaxvae.main', '--config=digits_beta')
    done = subprocess.run(
      [*command, f'--workdir={place / "run"}', *flags, *_data(place)],
      capture_output=True,
      text=True,
      check=False,
      timeout=120,
    )
    lines = done.stderr.splitlines()
    print(flags, done.returncode, *lines, sep='\n  ', flush=True)
    if done.returncode not in (2, 5) or not 1 <= len(lines) <= 2:
      return f'{flags}: exit {done.returncode}, {done.stderr[-300:]!r}'
    if (place / 'run').exists():
      return f'{flags}: a work directory was made'
  return None


CASES = {
  '500 bad configs, each one line': all_in_this_process,
  'bad configs on the command line': on_the_command_line,
}


def _said(changes: dict[str, str]) -> str:
  return ' '.join(f'--config.{k}={v[:60]!r}' for k, v in changes.items())


def _data(place: pathlib.Path) -> list[str]:
  return [f'--config.data.data_dir={place / "data"}']


def _set(changes: dict[str, str], place: pathlib.Path) -> None:
  """What the command does with flags, up to where it writes."""
  base = {'data.name': 'digits', 'data.data_dir': str(place / 'data')}
  config = schema.override(schema.default(), base | changes)
  _begin(config)


def _begin(config: Any) -> None:
  schema.validate(config)
  if config.ensemble:
    study = grid.of_ensemble(config, 'mine')
    for index in (0, len(study.sets) - 1):
      grid.config_at(study, index)
    return
  setup.set_up([config])


def _file(text: str, place: pathlib.Path) -> None:
  path = place / 'mine.py'
  path.write_text(text)
  _begin(cli.load_config(str(path), {'data.data_dir': str(place / 'data')}))


def _study(sweep: str, place: pathlib.Path) -> None:
  path = place / 'mine.py'
  path.write_text(f'CONFIG = {str(_plain(place))!r}\n\n\n{sweep}')
  study = grid.load(str(path), {})
  grid.config_at(study, 0)


def _plain(place: pathlib.Path) -> pathlib.Path:
  path = place / 'plain.py'
  path.write_text(
    bad_configs.HEAD + 'def get_config():\n  return c.default()\n'
  )
  return path


def _saved(text: str, place: pathlib.Path) -> None:
  del place
  schema.from_dict(json.loads(text))


def _too_long(*_: Any) -> None:
  raise TimeoutError(f'more than {LIMIT} s')


if __name__ == '__main__':
  os.makedirs(sys.argv[1], exist_ok=True)
  print(
    all_in_this_process(pathlib.Path(sys.argv[1])) or f'all {COUNT} as wanted'
  )
