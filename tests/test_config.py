"""The schema of configs: what is refused, in which words, and what is not."""

import ml_collections
import pytest

from jaxvae import config as schema
from jaxvae.errors import UserError

# Key, text on the command line, and a part of what is allowed.
BAD_TEXTS = [
  ('seed', 'x', 'int, a whole number from 0 to 4294967295'),
  ('seed', '-1', 'a whole number from 0 to 4294967295'),
  ('seed', '4294967296', 'a whole number from 0 to 4294967295'),
  ('num_steps', '0', 'a whole number, at least 1'),
  ('num_steps', '-5', 'a whole number, at least 1'),
  ('num_steps', '1e4', 'int, a whole number'),
  ('num_steps', '', 'int, a whole number'),
  ('batch_size', '0', 'a whole number, at least 1'),
  ('batch_size', '64.5', 'int, a whole number'),
  ('batch_size', 'abc', 'int, a whole number'),
  ('batch_size', 'True', 'int, a whole number'),
  ('steps_per_call', '0', 'a whole number, at least 1'),
  ('log_every', '-1', 'a whole number, at least 1'),
  ('log_every', '150', 'a multiple of config.steps_per_call=100'),
  ('save_every', '2550', 'a multiple of config.steps_per_call=100'),
  ('keep_checkpoints', '0', 'a whole number, at least 1'),
  ('latent', ' ', 'text such as name'),
  ('net', '', 'text such as name'),
  ('objective', '', 'text such as name'),
  ('data.name', '', 'text such as name'),
  ('data.image_size', '-64', 'a whole number, at least 0'),
  ('data.channels', '2', 'one of 0, 1, 3'),
  ('data.placement', 'gpu', "one of 'auto', 'host', 'device', 'stream'"),
  ('data.binarize', 'maybe', 'bool, True or False'),
  ('data.binarize', '1', 'bool, True or False'),
  ('hyper.learning_rate', 'nan', 'a finite number above 0'),
  ('hyper.learning_rate', '0', 'a finite number above 0'),
  ('hyper.learning_rate', '-1e-3', 'a finite number above 0'),
  ('hyper.learning_rate', 'inf', 'a finite number above 0'),
  ('hyper.learning_rate', '5e-4x', 'float, a finite number above 0'),
  ('hyper.beta', '-0.1', 'a finite number, at least 0'),
  ('hyper.beta', 'nan', 'a finite number, at least 0'),
  ('hyper.beta', 'inf', 'a finite number, at least 0'),
  ('hyper.gamma', '-1', 'a finite number, at least 0'),
  ('hyper.capacity', '-inf', 'a finite number, at least 0'),
  ('hyper.noise', '0', 'a finite number above 0'),
  ('schedule.beta', '', 'text such as name'),
  ('eval.examples', '0', 'a whole number, at least 1'),
  ('eval.bins', '-20', 'a whole number, at least 1'),
  ('eval.active_kl', 'nan', 'a finite number, at least 0'),
]

# What people type, and the key that they are told of.
UNKNOWN = [
  ('sed', 'seed'),
  ('betta', 'hyper.beta'),
  ('hyper.betta', 'hyper.beta'),
  ('model.beta', 'hyper.beta'),
  ('schedule.betas', 'schedule.beta'),
  ('learning_rate', 'hyper.learning_rate'),
  ('optimizer.learning_rate', 'hyper.learning_rate'),
  ('batchsize', 'batch_size'),
  ('data.placment', 'data.placement'),
  ('hyper', 'hyper.beta'),
  ('hyper.beta.x', 'hyper.beta'),
]


def changed(key, text):
  config = schema.override(schema.default(), {key: text})
  schema.validate(config)
  return config


@pytest.mark.parametrize(('key', 'text', 'allowed'), BAD_TEXTS)
def test_a_bad_value_is_named_with_what_is_allowed(key, text, allowed):
  with pytest.raises(UserError) as error:
    changed(key, text)
  said = str(error.value)
  assert said.startswith(f'config.{key}=')
  assert f'allowed: {allowed}' in said
  assert '\n' not in said


@pytest.mark.parametrize(('typed', 'meant'), UNKNOWN)
def test_an_unknown_key_is_told_the_nearest(typed, meant):
  with pytest.raises(UserError) as error:
    schema.override(schema.default(), {typed: '1'})
  assert str(error.value) == (
    f'unknown key config.{typed}; did you mean config.{meant}?'
  )


def test_all_violations_come_at_once():
  texts = {'hyper.beta': 'nan', 'seed': '-1', 'data.channels': '2'}
  with pytest.raises(UserError) as error:
    schema.validate(schema.override(schema.default(), texts))
  for key in texts:
    assert f'config.{key}=' in str(error.value)
  with pytest.raises(UserError) as error:
    schema.override(schema.default(), {'sed': '1', 'batch_size': 'x'})
  assert 'config.sed;' in str(error.value)
  assert 'config.batch_size=' in str(error.value)


@pytest.mark.parametrize(
  ('key', 'text', 'value'),
  [
    ('hyper.beta', '4', 4.0),
    ('hyper.learning_rate', '1e-3', 1e-3),
    ('seed', '4294967295', 4294967295),
    ('data.binarize', 'TRUE', True),
    ('data.binarize', 'false', False),
    ('latent', 'gaussian(5) + gaussian(5)', 'gaussian(5) + gaussian(5)'),
    ('data.path', 'a=b c', 'a=b c'),
  ],
)
def test_a_good_value_has_the_type_of_its_default(key, text, value):
  found = schema.flatten(changed(key, text))[key]
  assert found == value
  assert type(found) is type(schema.KEYS[key].default)


def test_every_default_is_allowed_and_of_a_readable_type():
  config = schema.default()
  schema.validate(config)
  for key, value in schema.flatten(config).items():
    assert schema.flatten(changed(key, str(value)))[key] == value


def test_a_file_may_mistype_a_key_only_in_vain():
  config = schema.default()
  with pytest.raises(AttributeError, match='Did you mean "beta"'):
    config.hyper.betta = 4.0


def test_a_config_from_elsewhere_is_held_to_the_schema():
  config = ml_collections.ConfigDict({'seed': 0, 'extra': 1, 'num_steps': 1.0})
  with pytest.raises(UserError) as error:
    schema.validate(config)
  said = str(error.value)
  assert 'unknown key config.extra' in said
  assert 'config.num_steps=1.0; allowed: int' in said
  assert 'config.hyper.beta is missing' in said
  with pytest.raises(UserError, match=r'config\.hyper\.beta is missing'):
    schema.override(config, {'hyper.beta': '1'})


def test_a_variant_changes_what_it_says():
  variants = {'short': {'num_steps': 100, 'hyper.beta': 2.0}}
  config = schema.with_variant(schema.default(), 'short', variants)
  assert (config.num_steps, config.hyper.beta) == (100, 2.0)
  same = schema.with_variant(schema.default(), '', variants)
  assert schema.flatten(same) == schema.flatten(schema.default())
  with pytest.raises(UserError, match="unknown variant 'x'; allowed: short"):
    schema.with_variant(schema.default(), 'x', variants)


def test_json_and_back():
  config = changed('hyper.learning_rate', '0.1')
  again = schema.from_dict(schema.to_dict(config))
  assert schema.flatten(again) == schema.flatten(config)
  with pytest.raises(KeyError):  # It is locked again.
    again['betta'] = 1
  saved = schema.to_dict(config)
  # A checkpoint of before there was a choice of metrics is still evaluated.
  del saved['eval']['metrics']
  assert schema.from_dict(saved).eval.metrics == 'quick'
  del saved['hyper']['beta']
  with pytest.raises(UserError, match=r'config\.hyper\.beta is missing'):
    schema.from_dict(saved)


def test_what_decides_the_result_is_part_of_the_identity():
  free = set(schema.free_keys())
  assert {'num_steps', 'log_every', 'save_every', 'data.data_dir'} <= free
  identity = {'seed', 'batch_size', 'latent', 'net', 'objective', 'optimizer'}
  identity |= {'likelihood', 'data.name', 'data.binarize', 'hyper.beta'}
  assert not identity & free


def test_every_key_says_what_it_does():
  for key in schema.KEYS.values():
    assert key.about
    assert key.allowed[0]
