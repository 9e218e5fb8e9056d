"""Two configs that should be one."""

import pytest

from jaxvae import errors
from jaxvae.train import same

SAVED = {'beta': 4.0, 'steps': 10, 'model': {'latent': 'loop', 'sizes': [8]}}


def test_differences_are_by_key_and_sorted():
  now = {'beta': 6.0, 'steps': 20, 'model': {'latent': 'loop', 'act': 'relu'}}
  assert same.differences(SAVED, now, free={'steps'}) == [
    ('beta', '4.0', '6.0'),
    ('model.act', 'absent', '"relu"'),
    ('model.sizes', '[8]', 'absent'),
  ]
  found = same.differences(SAVED, now, free={'model', 'beta', 'step'})
  assert [difference.key for difference in found] == ['steps']
  assert not same.differences(SAVED, SAVED)


def test_tuples_and_lists_are_the_same_config():
  now = SAVED | {'model': {'latent': 'loop', 'sizes': (8,)}}
  assert not same.differences(SAVED, now)


def test_another_config_is_refused_with_a_table():
  now = SAVED | {'beta': 6.0, 'steps': 20}
  with pytest.raises(errors.UserError) as caught:
    same.check_same(SAVED, now)
  assert str(caught.value).splitlines() == [
    'the workdir holds a run with another config:',
    '  key   | saved | now',
    '  beta  | 4.0   | 6.0',
    '  steps | 10    | 20',
  ]
  assert '--allow_config_change=beta,steps' in caught.value.hint
  same.check_same(SAVED, now, free={'beta', 'steps'})
