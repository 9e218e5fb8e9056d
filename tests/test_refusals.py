"""What cannot be meant is refused in one line, whichever way it is said."""

import inspect
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxvae import config as schema
from jaxvae import spec
from jaxvae.errors import UserError
from jaxvae.latent.slots import SLOTS, latent_space
from jaxvae.likelihoods import LIKELIHOODS
from jaxvae.nets import NETS
from jaxvae.objectives import OBJECTIVES
from jaxvae.schedules import SCHEDULES
from jaxvae.train.state import OPTIMIZERS
from tests.faults import sizes

TABLES = (SLOTS, NETS, LIKELIHOODS, OBJECTIVES, OPTIMIZERS, SCHEDULES)
# Arguments that each needs, and those of a kind that an argument belongs to.
NEEDED = {
  'gaussian': {'latents': 2},
  'tilted': {'latents': 2, 'tau': 3.0},
  'points': {'k': 3},
  'mixture': {'k': 3, 'latents': 2},
  'vamp': {'k': 3, 'latents': 2},
  'quantized': {'latents': 2, 'levels': 3},
  'ksparse': {'latents': 3, 'k': 1},
  'label': {'k': 3},
  'head': {'classes': 3},
  **{
    name: {'start': 1.0, 'steps': 10}
    for name in ('linear', 'geometric', 'cosine')
  },
  'piecewise': {'points': ((0, 1.0),), 'steps': 10},
}
KIND = {
  ('points', 'relaxation'): {'kind': 'concrete'},
  ('quantized', 'commitment'): {'kind': 'latent'},
  ('loop', 'radius'): {'tau': 8.0},
}
# No argument of anything can be one of them.
NEVER = (float('inf'), float('nan'), -(10**400), [1], {}, 1j, b'1', ..., 'x\n')


@pytest.fixture(scope='module')
def place(tmp_path_factory):
  return tmp_path_factory.mktemp('refusals')


@pytest.mark.parametrize(
  ('name', 'run'),
  sizes.chosen(60),
  ids=lambda each: each[:60] if isinstance(each, str) else '',
)
def test_a_part_of_500_bad_configs(name, run, place):
  good, _, said = sizes.verdict(run, place)
  assert good, f'{name}: {said}'


def test_the_cases_are_the_same_each_time():
  names = [name for name, _ in sizes.chosen()]
  assert names == [name for name, _ in sizes.chosen()]
  assert len(set(names)) > 450


@pytest.mark.parametrize(
  ('table', 'name', 'argument'),
  [
    (table, name, argument)
    for table in TABLES
    for name, entry in table.items()
    for argument in inspect.signature(entry).parameters
  ],
  ids=lambda each: each if isinstance(each, str) else '',
)
def test_every_argument_of_every_choice_is_checked(table, name, argument):
  needed = {} if table is LIKELIHOODS else NEEDED.get(name, {})
  usual = needed | KIND.get((name, argument), {})
  spec.build(spec.Call(name, (), tuple(usual.items())), table, 'choice')
  for never in NEVER:
    call = spec.Call(name, (), tuple((usual | {argument: never}).items()))
    with pytest.raises(UserError) as caught:
      spec.build(call, table, 'choice')
    said = str(caught.value)
    assert 'allowed' in said and len(said.splitlines()) == 1
    # Not a mistake that Python found further on.
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize(
  'values',
  [
    {'seed': range(10**9)},
    {'seed': range(10**30)},
    {'seed': range(1000), 'beta': [float(i) for i in range(101)]},
    {'seed': itertools.count()},
    {'seed': (number for number in (1, 2))},
    {'seed': {1, 2}},
  ],
)
def test_an_ensemble_is_counted_before_it_is_listed(values):
  config = schema.default().unlock()
  config.ensemble = values
  with pytest.raises(UserError, match=r'config\.ensemble.*; allowed: '):
    schema.validate(config)


def test_an_ensemble_may_be_as_large_as_studies_are():
  config = schema.default().unlock()
  config.ensemble = {'seed': range(12_600)}  # Locatello et al. 2019
  schema.validate(config)


TEXT = st.text(max_size=60) | st.text(
  st.sampled_from('gaussianloop()+-*/=,.0123456789e[]{}"\'\\ _\n\0:#'),
  max_size=60,
)


@given(TEXT)
def test_any_text_is_read_or_refused(text):
  for read in (spec.parse, latent_space):
    try:
      read(text)
    except UserError as error:
      assert len(str(error).splitlines()) == 1
  try:
    spec.values(text)
  except ValueError as error:
    assert str(error) == 'range(8), or values such as 1.,4.,8.'


@given(st.sampled_from(sorted(schema.KEYS)), TEXT)
def test_any_text_of_a_key_is_taken_or_refused(key, text):
  try:
    config = schema.override(schema.default(), {key: text})
    schema.validate(config)
  except UserError as error:
    assert len(str(error).splitlines()) == 1
    assert f'config.{key}' in str(error)


LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(
  LEAF,
  lambda inner: (
    st.lists(inner, max_size=3)
    | st.dictionaries(
      st.sampled_from(['seed', 'hyper', 'beta', 'data', 'ensemble'])
      | st.text(max_size=3),
      inner,
      max_size=3,
    )
  ),
)


@given(JSON, st.sampled_from([*schema.KEYS, 'data', 'hyper', 'ensemble', '']))
def test_any_json_is_a_saved_config_or_refused(value, key):
  """Alone, and in the place of a key or of a group."""
  saved = schema.to_dict(schema.default())
  group, _, leaf = key.rpartition('.')
  (saved[group] if group else saved)[leaf] = value
  for each in (value, saved):
    try:
      # As a file holds it: NaN and Infinity are numbers there.
      schema.from_dict(json.loads(json.dumps(each)))
    except UserError as error:
      assert len(str(error).splitlines()) == 1


def test_json_without_end():
  deep = {'seed': 0}
  for _ in range(100_000):
    deep = {'a': deep}
  with pytest.raises(UserError, match='is no saved config'):
    schema.from_dict(deep)
