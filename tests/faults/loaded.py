"""Bad calls of what `jaxvae.load` gives, made as those of the metrics are.

Each must raise a UserError of one line that names the argument, without a
warning, within 10 seconds and 2 GB.
"""

import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np

import jaxvae
from jaxvae import config as schema
from jaxvae import data
from jaxvae.errors import UserError
from jaxvae.model import build
from jaxvae.ranges import shown
from jaxvae.train import checkpoint
from tests.faults.metrics import NOTHINGS, ONES, judged, room

SECONDS = 600
SHAPE = (8, 8, 1)
_IMAGES = np.full((3, *SHAPE), 0.5)
_BAD_IMAGES: tuple[Any, ...] = (
  *(None, *ONES, _IMAGES[0], _IMAGES[..., 0], _IMAGES[:0], _IMAGES * 3),
  *(_IMAGES - 1, _IMAGES * np.nan, np.ones((3, *SHAPE), int), _IMAGES[None]),
  *(_IMAGES.astype(str), _IMAGES.astype(object), _IMAGES[:, :7], _IMAGES * 1j),
  *(np.ones((3, *SHAPE), np.uint8), _IMAGES.astype('M8[s]')),
  *(np.ma.masked_array(_IMAGES, _IMAGES > 0), _IMAGES * np.inf),
)
_LABELS: tuple[Any, ...] = (
  *(*ONES, {'digit': 10}, {'digit': -1}, {'digit': 'one'}, {'digit': None}),
  *({'digit': [0]}, {'digit': [0, 1, 2, 3]}, {'digit': 1.0}, {'shape': 1}),
  *({'digit': True}, {'digit': [[0, 1, 2]]}, {1: 1}, {'digit': 10**30}),
  *({'digit': np.ma.masked_array([1, 2, 3], [0, 1, 0])}, {'digit': {}}),
  *({'digit': np.array([0, 'a', None], object)}, {'digit': object()}),
)
_WHOLE = (None, True, False, -1, 0, 1.5, 10**12, 10**30, [2], '2', 2.0)

# Of each function: what is right, and what each argument is not.
METHODS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
  'encode': (
    {'images': _IMAGES, 'labels': {'digit': 1}},
    {'images': _BAD_IMAGES, 'labels': _LABELS},
  ),
  'decode': (
    {'z': 'z'},
    {
      'z': (
        *(None, *ONES, np.zeros(3), np.zeros((2, 3, 1)), np.zeros((2, 99))),
        *(np.zeros((0, 3)), [[1e300] * 3], [[np.nan] * 3], [['1'] * 3]),
      )
    },
  ),
  'sample': (
    {'n': 3, 'seed': 0, 'labels': {'digit': 1}},
    {
      'n': _WHOLE,
      'seed': (None, True, -1, 1.5, 2**32, 10**30, [1], '1', 1.0),
      'labels': _LABELS,
    },
  ),
  'transform': (
    {'images': _IMAGES, 'labels': {'digit': 1}, 'steps': 2},
    {'images': _BAD_IMAGES, 'labels': _LABELS, 'steps': (*_WHOLE, 1)},
  ),
  'traverse': (
    {'image': _IMAGES[0], 'latent': 0, 'steps': 2, 'span': (-1, 1)},
    {
      'image': (*_BAD_IMAGES[:3], _IMAGES, _IMAGES[0] * 3, _IMAGES[0] * 1j),
      'latent': (True, False, -1, 99, 1.5, 10**12, 'z99', ['z0'], ('z0',)),
      'steps': (*_WHOLE, 1),
      'span': (
        *(*ONES, (1, 1), (1, 0), (0,), (0, 1, 2), (0, np.nan), (-np.inf, 0)),
        *(('0', '1'), '01', {0: 1, 1: 2}, (0, 1e300), (0, 10**400), (0, 1j)),
        *(np.ma.masked_array([0.0, 1.0], [True, False]), {0, 1}),
      ),
    },
  ),
}
LOADS = {
  'workdir': (None, *ONES, '', b'', 'no/such', [], {}, object(), 1j, np.nan),
  'step': (True, False, -1, 1.5, 7, 10**12, 'a', [1], object(), 1j, np.nan),
}
# What a message may call an argument.
CALLED = {'labels': 'label|digit', 'image': 'image', 'workdir': '.'}
CALLED['step'] = 'step|checkpoint'


def saved(place: pathlib.Path) -> pathlib.Path:
  """A run with a checkpoint of a model that nobody has trained."""
  config = schema.default()
  config.latent = "gaussian(2) + label(10, factor='digit')"
  config.net = 'mlp(encoder=(8,), decoder=(8,))'
  config.labels.fraction = 1.0
  model = build(config, SHAPE)
  factors = (data.Factor('digit', 10, 'points'),)
  about = {
    'name': 'digits',
    'title': 'digits',
    'image_shape': list(SHAPE),
    'factors': data.factors_to_json(factors),
  }
  with checkpoint.open(place / 'run' / 'checkpoints') as checkpoints:
    state = {'params': model.init(jax.random.key(0))}
    checkpoints.save(1, state, schema.to_dict(config), {'data': about})
  return place / 'run'


def calls() -> Iterator[tuple[str, str, Any]]:
  """Function, argument and what it is not, in a fixed order."""
  empty = ('labels', 'span', 'latent')
  for function, (_, arguments) in METHODS.items():
    for argument, wrong in arguments.items():
      for given in (*wrong, *NOTHINGS):
        if not (argument in empty and isinstance(given, dict) and not given):
          yield function, argument, given
  for argument, wrong in LOADS.items():
    for given in wrong:
      yield 'load', argument, given


def every_call(place: pathlib.Path) -> str | None:
  """All of `calls`, in this process."""
  run = saved(place)
  vae = jaxvae.load(run)
  methods = {name: getattr(vae, name) for name in METHODS}
  rights = {name: dict(right) for name, (right, _) in METHODS.items()}
  rights['decode'] = {'z': vae.encode(_IMAGES).mean}
  for name, method in methods.items():  # what is right is taken
    method(**rights[name])
  methods['load'], rights['load'] = jaxvae.load, {'workdir': run}
  room()
  count, wrong = 0, []
  for function, argument, given in calls():
    count += 1
    said = judged(
      lambda f=methods[function], a=rights[function] | {argument: given}: f(
        **a
      ),
      UserError,
      CALLED.get(argument, argument),
    )
    if said:
      wrong.append(f'{function}({argument}={shown(given):.60}): {said}')
  print(f'{count} bad calls of {len(methods)} functions')
  return '\n'.join(wrong) or None


CASES = {'bad calls of a loaded model': every_call}
