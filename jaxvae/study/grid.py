"""A study: from an index to a config, as a pure function.

A study is a Python file with `CONFIG`, the name of a config, and `sweep()`,
which yields for each index the keys that it changes:

  CONFIG = 'dsprites_beta:plain'
  SHARED = {'num_steps': 2_000}  # changed for all of them; may be left out

  def sweep():
    for beta in (1.0, 4.0):
      for seed in range(5):
        yield {'hyper.beta': beta, 'seed': seed}

A set may also have a 'name', which tables and figures then show in place of
what it changes: {'name': 'all at once', 'schedule.capacity': 'constant'}.

The ensemble of a config, `{'seed': range(5), 'beta': (1., 4.)}`, is the product
of its values: a small study of its own.
"""

import itertools
import pathlib
import re
import runpy
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import ml_collections

from jaxvae import cli
from jaxvae import config as schema
from jaxvae.errors import UserError
from jaxvae.report import study_table
from jaxvae.train import ensemble

_NAME = re.compile(r'[A-Za-z0-9_-]{1,100}')


class Study(NamedTuple):
  """Runs that are compared with each other.

  Attributes:
    name: of its file, and of results/NAME.json.
    about: its docstring.
    base: the config that all start from.
    sets: for each index, the keys that it changes, as text or numbers.
    names: for each index, how people call its setting, or ''; or none at all.
  """

  name: str
  about: str
  base: ml_collections.ConfigDict
  sets: tuple[dict[str, Any], ...]
  names: tuple[str, ...] = ()


def load(text: str, overrides: Mapping[str, str]) -> Study:
  """The study that `--study=text` and the overrides describe.

  Args:
    text: a file in studies/, or its name.
    overrides: `--config.KEY=VALUE`, of every index.

  Raises:
    UserError: no such file, a mistake in it, or a key that may not be there.
  """
  path, variant = cli.find(text, 'studies')
  if variant:
    raise UserError(f'--study={text}; a study has no variants')
  if not _NAME.fullmatch(path.stem):
    raise UserError(
      f'{path.stem!r} names no study; allowed: letters, digits, _'
    )
  with cli.mistakes_in(path):
    found = runpy.run_path(str(path))
    if missing := {'CONFIG', 'sweep'} - found.keys():
      raise UserError(f'{path} has no {", ".join(sorted(missing))}')
    if not isinstance(found['CONFIG'], str):
      raise UserError(f'{path}: CONFIG is not the name of a config')
    most = schema.MOST_SETTINGS
    some = itertools.islice(found['sweep'](), most + 1)
    sets = tuple(dict(each) for each in some)
    if len(sets) > most:
      raise UserError(f'{path}: sweep() yields more than {most:,} settings')
    names = tuple(str(each.pop('name', '')) for each in sets)
  base = cli.load_config(found['CONFIG'], {})
  with cli.mistakes_in(path):
    base.update_from_flattened_dict(found.get('SHARED', {}))
  schema.override(base, overrides)
  schema.validate(base)
  if base.ensemble:
    raise UserError(f'{path}: its config has an ensemble; allowed: none')
  if not sets:
    raise UserError(f'{path}: sweep() yields nothing')
  for index, each in enumerate(sets):
    if clash := sorted(each.keys() & overrides.keys()):
      raise UserError(
        f'--config.{clash[0]} is set by the study as well, at index {index}'
      )
  study = Study(path.stem, found.get('__doc__') or '', base, sets, names)
  _check_different(study)
  return study


def of_ensemble(config: ml_collections.ConfigDict, name: str) -> Study:
  """The product of the values in `config.ensemble`.

  Keys in the order of the alphabet, the last one fastest: beta, then seed.

  Args:
    config: validated.
    name: of the study.

  Raises:
    UserError: a key in which members may not differ.
  """
  columns: dict[str, Sequence[Any]] = {}
  given = {
    (short if short in schema.KEYS else f'hyper.{short}', short): values
    for short, values in schema.flatten(config.ensemble).items()
  }
  for (key, short), values in sorted(given.items()):
    if key not in schema.KEYS:
      raise UserError(f'config.ensemble.{short}; {schema.did_you_mean(short)}')
    if not ensemble.traced(key):
      raise UserError(
        f'config.ensemble.{short}; allowed: seed, hyper.* and schedule.*',
        hint='runs that differ in their structure are a study, see studies/',
      )
    if key in columns:
      raise UserError(f'config.ensemble.{short} is given twice')
    columns[key] = values
  sets = tuple(
    dict(zip(columns, each, strict=True))
    for each in itertools.product(*columns.values())
  )
  base = config.copy_and_resolve_references().unlock()
  base.ensemble = ml_collections.ConfigDict()
  study = Study(name, '', base.lock(), sets, ('',) * len(sets))
  _check_different(study)
  return study


def config_at(study: Study, index: int) -> ml_collections.ConfigDict:
  """The validated config of an index; pure.

  Raises:
    UserError: an unknown key or a value that is not allowed; names the index.
  """
  config = ml_collections.ConfigDict(study.base.to_dict()).lock()
  for key, value in study.sets[index].items():
    if key not in schema.KEYS:
      near = schema.did_you_mean(f'{key}')
      raise UserError(f'index {index}: unknown key config.{key}; {near}')
    try:
      config.update_from_flattened_dict({key: _meant(key, value)})
    except (TypeError, ValueError) as error:
      raise UserError(
        f'index {index}: config.{key}={value!r}; '
        f'allowed: {schema.KEYS[key].allowed[0]}'
      ) from error
  try:
    schema.validate(config)
  except UserError as error:
    raise UserError(f'index {index}: {error}') from error
  return config


def called(study: Study, index: int) -> str:
  """'3 (beta=4, seed=1)': an index, and what it is."""
  values = study_table.label(study.sets[index])
  name = study.names[index] if study.names else ''
  return f'{index} ({"; ".join(filter(None, (name, values)))})'


def directory(home: pathlib.Path, index: int) -> pathlib.Path:
  """The work directory of an index."""
  return home / f'{index:04d}'


def indices(text: str, count: int) -> list[int]:
  """'0-5,8' -> 0 ... 5 and 8; '' -> all.

  Raises:
    UserError: not of this form, or not below `count`.
  """
  if not text:
    return list(range(count))
  found: list[int] = []
  for part in text.split(','):
    ends = re.fullmatch(r'\s*(\d+)(?:-(\d+))?\s*', part)
    if not ends:
      raise UserError(f'--index={text}; allowed: 3, or 0-5, or 0-5,8')
    first, last = int(ends[1]), int(ends[2] or ends[1])
    if not first <= last < count:
      raise UserError(f'--index={text}; allowed: 0 to {count - 1}')
    found += range(first, last + 1)
  return sorted(set(found))


def ranges(numbers: Sequence[int]) -> str:
  """The inverse of `indices`: [0, 1, 2, 8] -> '0-2,8'."""
  parts = []
  # Of consecutive numbers, the distance to their place is the same.
  for _, run in itertools.groupby(
    enumerate(numbers), lambda pair: pair[1] - pair[0]
  ):
    each = [number for _, number in run]
    parts.append(f'{each[0]}-{each[-1]}' if len(each) > 1 else f'{each[0]}')
  return ','.join(parts)


def _meant(key: str, value: Any) -> Any:
  """A whole number is meant for a key that holds floats, not the reverse."""
  known = schema.KEYS.get(key)
  holds_floats = known is not None and isinstance(known.default, float)
  return float(value) if holds_floats and type(value) is int else value


def _check_different(study: Study) -> None:
  seen: dict[str, int] = {}
  base = schema.flatten(study.base)
  for index, each in enumerate(study.sets):
    # Where it stands in the base, so that the order of the keys is the same.
    text = repr(base | {key: _meant(key, each[key]) for key in each})
    if text in seen:
      raise UserError(f'index {index} is the same as index {seen[text]}')
    seen[text] = index
