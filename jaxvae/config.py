"""What a config may say: every key, its default, what is allowed, what it does.

A config file is a page: it takes `default()`, sets what the run is about, and
returns it. The dict is locked, so a mistyped key is refused with the nearest
one; `validate` refuses values, all at once, before anything is written.
"""

import difflib
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import ml_collections

from jaxvae import spec
from jaxvae.errors import UserError
from jaxvae.structs import Hyper


class Key(NamedTuple):
  """One key of a config.

  Attributes:
    default: also gives the type.
    allowed: (text for people, test of a value).
    about: what it does.
    free: whether a run may be resumed with another value.
  """

  default: Any
  allowed: tuple[str, Callable[[Any], bool]]
  about: str
  free: bool = False


def _at_least(low: float) -> tuple[str, Callable[[Any], bool]]:
  return f'a finite number, at least {low}', lambda v: low <= v < math.inf


_TEXT = ('text', lambda v: True)
_SPEC = ('text such as name or name(arguments)', lambda v: bool(v.strip()))
_BOOL = ('True or False', lambda v: True)
_WHOLE = ('a whole number, at least 1', lambda v: v >= 1)
_COUNT = ('a whole number, at least 0', lambda v: v >= 0)
_POSITIVE = ('a finite number above 0', lambda v: 0 < v < math.inf)
_NOT_NEGATIVE = _at_least(0)


_READ: dict[type, Callable[[str], Any]] = {
  bool: lambda text: {'true': True, 'false': False}[text.lower()],
  int: int,
  float: float,
  str: str,
}


def _one_of(*names: Any) -> tuple[str, Callable[[Any], bool]]:
  return f'one of {", ".join(map(repr, names))}', lambda v: v in names


KEYS: dict[str, Key] = {
  'seed': Key(
    0,
    ('a whole number from 0 to 4294967295', lambda v: 0 <= v < 2**32),
    'of parameters, noise and the order of the data',
  ),
  'num_steps': Key(20_000, _WHOLE, 'length of the run', free=True),
  'batch_size': Key(64, _WHOLE, 'images a step, over all devices'),
  'steps_per_call': Key(
    100, _WHOLE, 'steps in one compiled call; the host waits between calls'
  ),
  'log_every': Key(500, _WHOLE, 'steps between lines of progress', free=True),
  'save_every': Key(2_500, _WHOLE, 'steps between checkpoints', free=True),
  'keep_checkpoints': Key(2, _WHOLE, 'newest checkpoints to keep', free=True),
  'shard': Key(
    'auto',
    _one_of('auto', 'run', 'batch'),
    'what devices share: the runs of an ensemble (auto), or each batch',
    free=True,
  ),
  'lanes': Key(
    'auto',
    _one_of('auto', 'vmap', 'map'),
    'the runs of a device: at once, or one after another (auto on a CPU)',
    free=True,
  ),
  'latent': Key('gaussian(10)', _SPEC, 'the latent space: slots joined by +'),
  'net': Key('mlp', _SPEC, 'locatello, burgess or mlp'),
  'likelihood': Key('bernoulli', _SPEC, 'bernoulli, gaussian or laplace'),
  'objective': Key('beta_vae', _SPEC, 'beta_vae or annealed_vae'),
  'optimizer': Key('adam', _SPEC, 'adam, momentum or sgd'),
  'data.name': Key('dsprites', _SPEC, 'the data set'),
  'data.variant': Key('', _TEXT, "'original': the published file"),
  'data.data_dir': Key(
    '',
    _TEXT,
    'prepared data; empty: $TFDS_DATA_DIR or ~/tensorflow_datasets',
    free=True,
  ),
  'data.manual_dir': Key('', _TEXT, 'files that you downloaded', free=True),
  'data.path': Key('', _TEXT, 'images of your own: folder, npz or h5'),
  'data.image_size': Key(0, _COUNT, 'resize to a square; 0: as they are'),
  'data.channels': Key(0, _one_of(0, 1, 3), 'of the images; 0: as they are'),
  'data.placement': Key(
    'auto',
    _one_of('auto', 'host', 'device', 'stream'),
    'where the images wait',
    free=True,
  ),
  'data.binarize': Key(False, _BOOL, 'pixels above 0.5 are 1, others 0'),
  'hyper.learning_rate': Key(5e-4, _POSITIVE, 'step size of the optimiser'),
  'hyper.beta': Key(1.0, _NOT_NEGATIVE, 'weight of the KL (beta_vae)'),
  'hyper.gamma': Key(100.0, _NOT_NEGATIVE, 'weight of |KL - C| (annealed_vae)'),
  'hyper.capacity': Key(0.0, _NOT_NEGATIVE, 'C in nats (annealed_vae)'),
  'hyper.noise': Key(
    0.1, _POSITIVE, 'scale of the gaussian and laplace likelihoods'
  ),
  **{
    f'schedule.{name}': Key(
      'constant', _SPEC, f'how hyper.{name} gets to its value'
    )
    for name in Hyper.__dataclass_fields__
  },
  'eval.examples': Key(
    10_000, _WHOLE, 'images that the table and MIG are computed from', free=True
  ),
  'eval.bins': Key(20, _WHOLE, 'of the histogram in MIG', free=True),
  'eval.active_kl': Key(
    0.1, _NOT_NEGATIVE, 'nats from which a latent counts as active', free=True
  ),
  'eval.figures': Key(True, _BOOL, 'draw figures and animations', free=True),
}
# Beside these, `ensemble` holds the values that the members of an ensemble
# take, by key: {'seed': range(8), 'beta': (1., 4.)}, of others than hyper.* in
# their group: {'schedule': {'capacity': (...)}}; see study/grid.py.
ENSEMBLE = 'ensemble'


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
          wrong.append(f'unknown key config.{name}; {did_you_mean(short)}')
        changed[short] = spec.values(text)
      except ValueError as error:
        wrong.append(f'config.{name}={text!r}; allowed: {error}')
      continue
    if name not in KEYS:
      wrong.append(f'unknown key config.{name}; {did_you_mean(name)}')
      continue
    kind = type(KEYS[name].default)
    try:
      values[name] = _READ[kind](text)
    except (KeyError, ValueError):
      wrong.append(
        f'config.{name}={text!r}; allowed: {kind.__name__},'
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
  for name in flat.keys() - KEYS.keys():
    wrong.append(f'unknown key config.{name}; {did_you_mean(name)}')
  for name, key in KEYS.items():
    if name not in flat:
      wrong.append(f'config.{name} is missing')
      continue
    value, (text, test) = flat[name], key.allowed
    if type(value) is not type(key.default):
      kind = type(key.default).__name__
      wrong.append(f'config.{name}={value!r}; allowed: {kind}, {text}')
    elif not test(value):
      wrong.append(f'config.{name}={value!r}; allowed: {text}')
  if not wrong:
    for name in ('log_every', 'save_every'):
      if flat[name] % flat['steps_per_call']:
        wrong.append(
          f'config.{name}={flat[name]}; allowed: a multiple of '
          f'config.steps_per_call={flat["steps_per_call"]}'
        )
  if wrong:
    raise UserError('; '.join(sorted(wrong)))


def did_you_mean(name: str) -> str:
  """The end of a sentence about an unknown key: the nearest that exists."""

  def nearness(key):
    # 'betta' and 'model.beta' are both meant for hyper.beta.
    leaves = key.rpartition('.')[2], name.rpartition('.')[2]
    whole = difflib.SequenceMatcher(None, key, name).ratio()
    leaf = difflib.SequenceMatcher(None, *leaves).ratio()
    return max(whole, 0.8 * leaf)

  return f'did you mean config.{max(KEYS, key=nearness)}?'


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

  Raises:
    UserError: it does not have this version's keys or types.
  """
  # Checkpoints of before there were ensembles have no such key.
  config = ml_collections.ConfigDict({ENSEMBLE: {}} | dict(saved)).lock()
  validate(config)
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
