"""The ensemble of a config is a study: the product of its values."""

import json

import ml_collections
import pytest

from jaxvae import config as schema
from jaxvae.errors import UserError
from jaxvae.study import grid


def refused(call, *args, **kwargs):
  """The one line of the UserError, and its hint."""
  with pytest.raises(UserError) as error:
    call(*args, **kwargs)
  said = str(error.value)
  assert said and '\n' not in said
  return said, error.value.hint


def ensemble(**values):
  config = schema.default().unlock()
  config.ensemble = values
  return config.lock()


def test_the_product_of_an_ensemble():
  config = ensemble(seed=range(3), beta=(1.0, 4.0))
  study = grid.of_ensemble(config, 'mine')
  # Beta comes before the seed in the alphabet; the last turns fastest.
  assert study.sets == (
    {'hyper.beta': 1.0, 'seed': 0},
    {'hyper.beta': 1.0, 'seed': 1},
    {'hyper.beta': 1.0, 'seed': 2},
    {'hyper.beta': 4.0, 'seed': 0},
    {'hyper.beta': 4.0, 'seed': 1},
    {'hyper.beta': 4.0, 'seed': 2},
  )
  assert (study.name, study.about) == ('mine', '')
  # The base is an ordinary config, and the one that was given is as it was.
  schema.validate(study.base)
  assert not study.base.ensemble and study.base.is_locked
  assert list(config.ensemble.seed) == [0, 1, 2]
  assert not grid.config_at(study, 5).ensemble


def test_names_short_and_full_are_the_same_study():
  capacity = ('linear(0., 100)', 'linear(1., 100)')
  short = ensemble(beta=(1.0, 4.0), noise=[0.1], schedule={'beta': capacity})
  full = ensemble(
    schedule={'beta': capacity}, hyper={'noise': [0.1], 'beta': (1.0, 4.0)}
  )
  mixed = ensemble(
    noise=[0.1], hyper={'beta': (1, 4)}, schedule={'beta': capacity}
  )
  sets = grid.of_ensemble(short, '').sets
  keys = ['hyper.beta', 'hyper.noise', 'schedule.beta']
  assert [list(each) for each in sets] == [keys] * 4
  assert sets[1] == dict(zip(keys, (1.0, 0.1, capacity[1]), strict=True))
  assert grid.of_ensemble(full, '').sets == sets
  assert grid.of_ensemble(mixed, '').sets == sets
  twice = ensemble(beta=(1.0,), hyper={'beta': (4.0,)})
  said, _ = refused(grid.of_ensemble, twice, '')
  assert said == 'config.ensemble.hyper.beta is given twice'


def test_an_ensemble_survives_json():
  config = ensemble(
    seed=range(3), beta=(1.0, 4.0), schedule={'gamma': ('constant',)}
  )
  text = json.dumps(schema.to_dict(config))
  again = schema.from_dict(json.loads(text))
  before, after = (grid.of_ensemble(each, 'a') for each in (config, again))
  assert after.sets == before.sets and len(after.sets) == 6
  assert schema.flatten(after.base) == schema.flatten(before.base)


@pytest.mark.parametrize(
  ('values', 'said', 'hint'),
  [
    ({'net': ('mlp',)}, 'config.ensemble.net; allowed: seed, hyper.*', 'study'),
    ({'num_steps': (1, 2)}, 'config.ensemble.num_steps; allowed', 'studies/'),
    ({'data': {'name': ('digits',)}}, 'config.ensemble.data.name; al', 'study'),
    (
      {'betta': (1.0,)},
      'config.ensemble.betta; did you mean config.hyper.be',
      '',
    ),
    ({'sed': (1,)}, 'config.ensemble.sed; did you mean config.seed?', ''),
    (
      {'seed': ()},
      'config.ensemble.seed=(); allowed: range(8), or (1., 4.',
      '',
    ),
    (
      {'seed': range(0)},
      'config.ensemble.seed=range(0, 0); allowed: range',
      '',
    ),
    ({'seed': '012'}, "config.ensemble.seed='012'; allowed: range(8), or", ''),
    ({'seed': 3}, 'config.ensemble.seed=3; allowed: range(8), or (1., 4.', ''),
    ({'seed': (1, 2, 1)}, 'index 2 is the same as index 0', ''),
    ({'beta': (1.0, 1)}, 'index 1 is the same as index 0', ''),
  ],
)
def test_what_is_no_ensemble(values, said, hint):
  config = ensemble(**values)

  def read():
    schema.validate(config)
    return grid.of_ensemble(config, 'mine')

  found = refused(read)
  assert found[0].startswith(said)
  assert hint in found[1]


@pytest.mark.parametrize(
  ('key', 'text', 'values'),
  [
    ('seed', 'range(3)', (0, 1, 2)),
    ('seed', ' range(1, 7, 3) ', (1, 4)),
    ('seed', '5', (5,)),
    ('beta', '1.,4.', (1.0, 4.0)),
    ('beta', '(1., 4.)', (1.0, 4.0)),
    ('hyper.beta', '1e-3, 2', (1e-3, 2)),
    (
      'schedule.beta',
      "'constant', 'cosine(1., 9)'",
      ('constant', 'cosine(1., 9)'),
    ),
  ],
)
def test_values_on_the_command_line(key, text, values):
  config = schema.override(schema.default(), {f'ensemble.{key}': text})
  schema.validate(config)
  full = key if '.' in key or key == 'seed' else f'hyper.{key}'
  study = grid.of_ensemble(config, '')
  assert study.sets == tuple({full: value} for value in values)
  grid.config_at(study, len(values) - 1)


def test_values_on_the_command_line_beside_those_of_the_file():
  config = ensemble(seed=range(3), beta=(1.0, 4.0))
  texts = {'ensemble.seed': '7,8', 'ensemble.schedule.beta': "'cosine(1., 9)'"}
  schema.override(config, texts)
  assert config.ensemble.to_dict() == {
    'seed': (7, 8),
    'beta': (1.0, 4.0),
    'schedule': {'beta': ('cosine(1., 9)',)},
  }
  # Not every config comes from `default`.
  bare = ml_collections.ConfigDict({'seed': 0})
  said, _ = refused(schema.override, bare, {'ensemble.seed': '1,2'})
  assert said == 'config.ensemble is missing'
  said, _ = refused(schema.validate, bare)
  assert 'config.ensemble is missing' in said


@pytest.mark.parametrize(
  'text',
  [
    *('', 'x', '1 2', '1.,,4.', 'range(x)', 'range(1, 2, 3, 4)', '1)+(2'),
    *('range(0, 3, 0)', '__import__("os")', '[' * 10_000, 'range()'),
  ],
)
def test_bad_values_on_the_command_line(text):
  said, _ = refused(schema.override, schema.default(), {'ensemble.seed': text})
  shown = repr(text) if len(text) < 100 else f'{repr(text)[:100]}...'
  assert said == (
    f'config.ensemble.seed={shown}; '
    f'allowed: range(8), or values such as 1.,4.,8.'
  )


@pytest.mark.parametrize('text', ['()', '[1, 2]', "'a'", '(1,),(2,)'])
def test_values_that_no_seed_can_be(text):
  config = schema.override(schema.default(), {'ensemble.seed': text})

  def first():
    schema.validate(config)
    return grid.config_at(grid.of_ensemble(config, ''), 0)

  assert 'seed=' in refused(first)[0]


def test_an_unknown_key_of_an_ensemble_is_told_the_nearest():
  for name in ('betta', 'seed.x', 'schedule', 'hyper.seed'):
    said, _ = refused(
      schema.override, schema.default(), {f'ensemble.{name}': '1,2'}
    )
    assert said.startswith(f'unknown key config.ensemble.{name}; did you mean')
