"""The command line's manners: configs by name, one-line errors, exit codes.

`--config=FILE.py[:VARIANT]` names a Python file with `get_config(variant)`,
which is run; `--config.KEY=VALUE` changes one of the keys of `jaxvae.config`.
"""

import contextlib
import difflib
import logging
import os
import pathlib
import re
import runpy
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence

import ml_collections
from absl import flags

from jaxvae import config as schema
from jaxvae.errors import UserError, exit_code


def run(main: Callable[[Mapping[str, str]], int], argv: Sequence[str]) -> int:
  """Parses flags, calls `main` with the overrides; returns the exit code.

  What goes wrong is said as `errors.exit_code` says it.

  Args:
    main: gets what `parse` returns; its module's docstring is the help.
    argv: the command line, with the program first.
  """
  _open_closed()
  logging.basicConfig(format='%(message)s', level=logging.WARNING)
  if {'-h', '--help'} & set(argv[1:]):
    text = f'{sys.modules[main.__module__].__doc__}\n{keys_table()}'
    return exit_code(lambda: print(text))
  return exit_code(lambda: main(parse(argv)))


def parse(argv: Sequence[str]) -> dict[str, str]:
  """Reads the absl flags; returns the `--config.KEY=VALUE` by key.

  Raises:
    UserError: an unknown flag, a flag without its value or with a wrong one.
  """
  try:
    rest = flags.FLAGS(list(argv), known_only=True)[1:]
  except flags.Error as error:
    raise UserError(_one_line(error)) from error
  overrides = {}
  while rest:
    name, equals, value = rest.pop(0).partition('=')
    if not name.startswith('-'):
      raise UserError(
        f'unexpected argument {name!r}; flags look like --config=FILE'
      )
    group, _, key = name.lstrip('-').partition('.')
    if group != 'config' or not key:
      near = difflib.get_close_matches(group, flags.FLAGS, n=1)
      asked = name.lstrip('-')
      keys = [k for k in schema.KEYS if f'.{k}'.endswith(f'.{asked}')]
      near = [f'config.{k}' for k in keys] or near
      raise UserError(
        f'unknown flag {name}',
        hint=f'did you mean --{near[0]}?' if near else '--help lists them',
      )
    if not equals:
      known = schema.KEYS.get(key)
      if known is not None and isinstance(known.default, bool):
        value = 'true'
      elif rest and not rest[0].startswith('--'):
        value = rest.pop(0)
      else:
        raise UserError(f'{name} has no value; flags look like {name}=VALUE')
    overrides[key] = value
  return overrides


def load_config(
  text: str, overrides: Mapping[str, str]
) -> ml_collections.ConfigDict:
  """The config that `--config=text` and the overrides describe, validated.

  Raises:
    UserError: no such file or variant, a mistake in the file, a key or a value
      that is not allowed. Nothing has been written then.
  """
  path, variant = find(text, 'configs')
  with mistakes_in(path):
    get_config = runpy.run_path(str(path)).get('get_config')
    if get_config is None:
      raise UserError(f'{path} has no function get_config')
    config = get_config(variant) if variant else get_config()
    if isinstance(config, ml_collections.ConfigDict):
      config.to_dict()  # References of the file's own are computed when read.
  if not isinstance(config, ml_collections.ConfigDict):
    raise UserError(
      f'get_config in {path} returns {type(config).__name__}, not a ConfigDict'
    )
  schema.override(config, overrides)
  schema.validate(config)
  return config


@contextlib.contextmanager
def mistakes_in(path: pathlib.Path) -> Iterator[None]:
  """Turns whatever is raised in a file of the user's into one line.

  Raises:
    UserError: names the file and the line.
  """
  try:
    yield
  except (UserError, KeyboardInterrupt):
    raise
  except BaseException as error:
    raise UserError(_in_file(path, error)) from error


def find(text: str, kind: str) -> tuple[pathlib.Path, str]:
  """'dsprites_beta:smoke' -> (.../configs/dsprites_beta.py, 'smoke').

  A path is taken as it is. A name is looked for in the folder of that kind in
  the current directory, and then in the one that came with the installation.

  Args:
    text: a path or a name, with a variant after a colon.
    kind: 'configs' or 'studies'.

  Raises:
    UserError: there is no such file; names the nearest that there is.
  """
  name, variant = split(text)
  folders = [pathlib.Path(kind)]
  if name.endswith('.py') or os.sep in name:
    path = pathlib.Path(name)
    folders.insert(0, path.parent)
    if path.is_file():
      return path, variant
  else:
    shared = pathlib.Path(sysconfig.get_path('data'), 'share', 'jaxvae')
    folders.append(shared / kind)
  found = {}
  for folder in reversed(folders):
    found |= {path.stem: path for path in sorted(folder.glob('*.py'))}
  stem = pathlib.Path(name).stem
  if stem in found and not name.endswith('.py') and os.sep not in name:
    return found[stem], variant
  if near := difflib.get_close_matches(stem, found, n=1):
    hint = f'did you mean {found[near[0]]}?'
  elif found:
    hint = f'there are: {", ".join(sorted(found))}'
  else:
    hint = f'give the path of a file, {kind}/NAME.py'
  what = {'configs': 'config', 'studies': 'study'}[kind]
  raise UserError(f'there is no {what} {name!r}', hint=hint)


def _open_closed() -> None:
  """Gives the standard streams that the caller closed a place to go.

  The next file to be opened would take their numbers, and what is printed.
  """
  for number, name in enumerate(('stdin', 'stdout', 'stderr')):
    try:
      os.fstat(number)
    except OSError:
      os.open(os.devnull, os.O_RDWR)  # It gets the lowest number that is free.
      setattr(sys, name, os.fdopen(number, 'r' if number == 0 else 'w'))


def split(text: str) -> tuple[str, str]:
  """'a.py:variant' -> ('a.py', 'variant'); a colon may be of a path that is."""
  colons = [match.start() for match in re.finditer(':', text)]
  for at in [len(text), *reversed(colons)]:
    if pathlib.Path(text[:at]).is_file():
      return text[:at], text[at + 1 :]
  name, ending, variant = text.partition('.py:')
  if ending:
    return f'{name}.py', variant
  name, _, variant = text.partition(':')
  return name, variant


def keys_table() -> str:
  """A line per key of a config: its default, what it does, what is allowed."""
  lines = ['config keys:']
  for name, key in schema.KEYS.items():
    lines.append(f'  {name}={key.default}')
    lines.append(f'      {key.about}; allowed: {key.allowed[0]}')
  return '\n'.join(lines)


def _in_file(path: pathlib.Path, error: BaseException) -> str:
  """Where in the config file something went wrong, and what."""
  lines = [
    frame.lineno
    for frame in traceback.extract_tb(error.__traceback__)
    if frame.filename == str(path)
  ]
  said = f'{type(error).__name__}: {_one_line(error)}'.removesuffix(': ')
  if isinstance(error, SyntaxError) and error.filename == str(path):
    lines, said = [error.lineno], f'{error.msg}'
  if unknown := re.search(r'Key "([^"]+)" does not exist', said):
    key = unknown.group(1)
    said = f'unknown key {key}; {schema.did_you_mean(key)}'
  where = f'{path}:{lines[-1]}' if lines else f'{path}'
  return f'{where}: {said}'


def _one_line(error: BaseException) -> str:
  # A class of the user's may fail at saying what it is.
  said = traceback.TracebackException(type(error), error, None)
  return ' '.join(str(said).split())
