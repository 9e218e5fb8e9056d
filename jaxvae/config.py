"""What a config may say: every key, its default, what is allowed, what it does.

A config file is a page: it takes `default()`, sets what the run is about, and
returns it. The dict is locked, so a mistyped key is refused with the nearest
one; `validate` refuses values, all at once, before anything is written.
"""

import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ml_collections

from jaxvae import spec
from jaxvae.errors import UserError
from jaxvae.options import KEYS
from jaxvae.ranges import SHOWN, shown

_READ: dict[type, Callable[[str], Any]] = {
  bool: lambda text: {'true': True, 'false': False}[text.lower()],
  int: int,
  float: float,
  str: str,
}
# Beside these, `ensemble` holds the values that the members of an ensemble
# take, by key: {'seed': range(8), 'beta': (1., 4.)}, of others than hyper.* in
# their group: {'schedule': {'capacity': (...)}}; see study/grid.py.
ENSEMBLE = 'ensemble'
MOST_SETTINGS = 100_000  # of an ensemble or a study: each has its directory
UNKNOWN = 10  # keys that a message names


def default() -> ml_collections.ConfigDict:
  """A locked config with every key at its default."""
  config = ml_collections.ConfigDict()
  for name, key in KEYS.items():
    _put(config, name, key.default)
  config[ENSEMBLE] = ml_collections.ConfigDict()
  return config.lock()


def with_variant(
  config: ml_collections.ConfigDict,
  variant: str,
  variants: Mapping[str, Mapping[str, Any]],
) -> ml_collections.ConfigDict:
  """`config` changed as `--config=FILE.py:VARIANT` asks.

  Args:
    config: is changed in place.
    variant: what stands after the colon; empty for none.
    variants: by name, the keys that it sets: {'num_steps': 100}.

  Raises:
    UserError: no such variant.
  """
  if variant and variant not in variants:
    raise UserError(
      f'unknown variant {variant!r}; allowed: {", ".join(variants) or "none"}'
    )
  if variant:
    config.update_from_flattened_dict(variants[variant])
  return config


def override(
  config: ml_collections.ConfigDict, texts: Mapping[str, str]
) -> ml_collections.ConfigDict:
  """`config` with keys set from text, as the command line gives them.

  Args:
    config: is changed in place.
    texts: by key, without the leading `config.`: {'hyper.beta': '4'}.

  Raises:
    UserError: unknown keys, or texts that are not of the key's type; all of
      them in one message.
  """
  wrong = []
  values = {}
  changed = {}
  for name, text in texts.items():
    if name.startswith(f'{ENSEMBLE}.'):
      short = name.partition('.')[2]
      try:
        if not {short, f'hyper.{short}'} & KEYS.keys():
          near = did_you_mean(short).replace('config.', 'config.ensemble.')
          wrong.append(f'unknown key config.{_cut(name)}; {near}')
        changed[short] = spec.values(text)
      except ValueError as error:
        wrong.append(f'config.{name}={shown(text)}; allowed: {error}')
      continue
    if name not in KEYS:
      wrong.append(f'unknown key config.{_cut(name)}; {did_you_mean(name)}')
      continue
    kind = type(KEYS[name].default)
    try:
      values[name] = _READ[kind](text)
    except (KeyError, ValueError):
      wrong.append(
        f'config.{name}={shown(text)}; allowed: {kind.__name__},'
        f' {KEYS[name].allowed[0]}'
      )
  # A file may build its config without `default`; `validate` says so then.
  missing = values.keys() - flatten(config).keys()
  if changed and ENSEMBLE not in config:
    missing.add(ENSEMBLE)
  wrong += [f'config.{name} is missing' for name in missing]
  if wrong:
    raise UserError('; '.join(sorted(wrong)))
  config.update_from_flattened_dict(values)
  if changed:
    fresh = ml_collections.ConfigDict()
    for name, each in (flatten(config[ENSEMBLE]) | changed).items():
      _put(fresh, name, each)
    config[ENSEMBLE] = fresh
  return config


def validate(config: ml_collections.ConfigDict) -> None:
  """Refuses values that mean nothing, all of them in one message.

  Raises:
    UserError: with key, value and what is allowed.
  """
  wrong = []
  flat = flatten(config)
  if not isinstance(config.get(ENSEMBLE), ml_collections.ConfigDict):
    wrong.append(f'config.{ENSEMBLE} is missing')
  else:
    wrong += _wrong_in(config[ENSEMBLE])
  unknown = sorted(flat.keys() - KEYS.keys())
  for name in unknown[:UNKNOWN]:
    wrong.append(f'unknown key config.{_cut(name)}; {did_you_mean(name)}')
  if len(unknown) > UNKNOWN:
    wrong.append(f'unknown keys: {len(unknown)} in all')
  for name, key in KEYS.items():
    if name not in flat:
      wrong.append(f'config.{name} is missing')
      continue
    value, (text, test) = flat[name], key.allowed
    if type(value) is not type(key.default):
      kind = type(key.default).__name__
      wrong.append(f'config.{name}={shown(value)}; allowed: {kind}, {text}')
    elif not test(value):
      wrong.append(f'config.{name}={shown(value)}; allowed: {text}')
  if not wrong:
    for name in ('log_every', 'save_every'):
      if flat[name] % flat['steps_per_call']:
        wrong.append(
          f'config.{name}={flat[name]}; allowed: a multiple of '
          f'config.steps_per_call={flat["steps_per_call"]}, which you may set'
        )
  if wrong:
    raise UserError('; '.join(sorted(wrong)))


def _wrong_in(ensemble: ml_collections.ConfigDict) -> list[str]:
  """What of an ensemble is no values, or too many, before they are listed."""
  wrong, settings = [], 1
  for name, values in flatten(ensemble).items():
    try:
      several = isinstance(values, Sequence) and not isinstance(values, str)
      count = len(values) if several else 0
    except OverflowError:  # range(10**30)
      count = MOST_SETTINGS + 1
    settings *= max(count, 1)
    if not count:
      wrong.append(
        f'config.{ENSEMBLE}.{name}={shown(values)}; allowed: range(8), or'
        ' (1., 4., 8.)'
      )
  if settings > MOST_SETTINGS:
    wrong.append(
      f'config.{ENSEMBLE} has more than {MOST_SETTINGS:,} settings; allowed:'
      f' {MOST_SETTINGS:,}'
    )
  return wrong


def did_you_mean(name: str) -> str:
  """The end of a sentence about an unknown key: the nearest that exists."""
  name = _cut(name)

  def nearness(key):
    # 'betta' and 'model.beta' are both meant for hyper.beta.
    leaves = key.rpartition('.')[2], name.rpartition('.')[2]
    whole = difflib.SequenceMatcher(None, key, name).ratio()
    leaf = difflib.SequenceMatcher(None, *leaves).ratio()
    return max(whole, 0.8 * leaf)

  return f'did you mean config.{max(KEYS, key=nearness)}?'


def _cut(name: str) -> str:
  """A name that is no key, in one line that people read."""
  return ' '.join(name[:SHOWN].split())


def flatten(config: ml_collections.ConfigDict) -> dict[str, Any]:
  """{'data.name': 'dsprites', ...}; of a run, so without its ensemble."""
  flat: dict[str, Any] = {}

  def visit(prefix, mapping):
    for name, value in mapping.items():
      if isinstance(value, Mapping | ml_collections.ConfigDict):
        visit(f'{prefix}{name}.', value)
      else:
        flat[f'{prefix}{name}'] = value

  visit('', {name: config[name] for name in config if name != ENSEMBLE})
  return flat


def to_dict(config: ml_collections.ConfigDict) -> dict[str, Any]:
  """Nested plain dicts, as config.json holds them."""
  return json.loads(json.dumps(config.to_dict(), default=list))


def from_dict(saved: Mapping[str, Any]) -> ml_collections.ConfigDict:
  """The config that `to_dict` gave; data only, nothing is executed.

  A free key that is newer than the checkpoint takes its default.

  Raises:
    UserError: it does not have this version's keys or types.
  """
  try:
    if not isinstance(saved, Mapping):
      raise TypeError(f'a {type(saved).__name__}')
    config = ml_collections.ConfigDict({ENSEMBLE: {}} | dict(saved))
    have = flatten(config)
    for name, key in KEYS.items():
      if key.free and name not in have:
        _put(config, name, key.default)
  except (RecursionError, TypeError, ValueError) as error:
    raise UserError(f'{shown(saved)} is no saved config') from error
  validate(config.lock())
  return config


def free_keys() -> list[str]:
  """Keys with which a run may be resumed at another value."""
  return [name for name, key in KEYS.items() if key.free]


def _put(config: ml_collections.ConfigDict, name: str, value: Any) -> None:
  *groups, leaf = name.split('.')
  for group in groups:
    if group not in config:
      config[group] = ml_collections.ConfigDict()
    config = config[group]
  config[leaf] = value
