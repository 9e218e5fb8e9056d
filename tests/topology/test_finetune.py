"""Which parameters a run with another latent space goes on with."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest
import tiny

from jaxvae.data.factors import Factor
from jaxvae.errors import UserError
from jaxvae.latent.slots import latent_space
from jaxvae.model import build
from jaxvae.topology import finetune


def found(*slots, latent='x'):
  """What `discover` says of loops, '' for one that is unused."""
  rows = [
    SimpleNamespace(
      verdict=None if slot is None else SimpleNamespace(slot=slot)
    )
    for slot in slots
  ]
  return SimpleNamespace(rows=rows, latent=latent, step=3)


def test_slots_that_stay_are_found_past_those_that_are_left_out():
  before = latent_space('loop + loop + gaussian(2) + loop')
  after = latent_space('segment + gaussian(2) + loop')
  said = found('segment', '', None, None, 'loop')
  assert finetune.kept(before, after, said) == [(2, 1), (3, 2)]


def test_everything_but_the_new_slots_is_carried_over():
  old_text, new_text = 'loop + loop + loop', 'segment + loop'
  before, after = latent_space(old_text), latent_space(new_text)
  old = tiny.params(tiny.model(latent=old_text), seed=1)
  fresh = tiny.params(tiny.model(latent=new_text), seed=2)
  # The third loop was unused.
  carried = finetune.carry(old, fresh, before, after, [(1, 1)])
  assert jax.tree.map(np.shape, carried) == jax.tree.map(np.shape, fresh)
  for part, layer in (('encoder', 'dense0'), ('decoder', 'head')):
    for name, value in old[part][layer].items():
      np.testing.assert_array_equal(carried[part][layer][name], value)
  # A loop has 3 numbers and a code of 2, a segment 2 and 1.
  head, was = carried['encoder']['head'], old['encoder']['head']
  np.testing.assert_array_equal(head['kernel'][:, 2:5], was['kernel'][:, 3:6])
  np.testing.assert_array_equal(head['bias'][2:5], was['bias'][3:6])
  new = fresh['encoder']['head']['kernel']
  np.testing.assert_array_equal(head['kernel'][:, :2], new[:, :2])
  first = carried['decoder']['dense0']
  was = old['decoder']['dense0']
  np.testing.assert_array_equal(first['kernel'][1:3], was['kernel'][2:4])
  np.testing.assert_array_equal(first['bias'], was['bias'])


def test_labels_take_no_part_of_the_encoders_numbers():
  factors = (Factor('row', 3, 'points'),)
  texts = [
    f"label(3, factor='row') + {rest}"
    for rest in ('loop', 'gaussian(1) + loop')
  ]
  before, after = map(latent_space, texts)
  old, fresh = (
    tiny.params(
      build(tiny.config(latent=text, labels=1.0), (8, 8, 1), factors), seed
    )
    for seed, text in enumerate(texts)
  )
  carried = finetune.carry(old, fresh, before, after, [(0, 0), (1, 2)])
  assert jax.tree.map(np.shape, carried) == jax.tree.map(np.shape, fresh)
  jax.tree.map(
    np.testing.assert_array_equal, carried['classifier'], old['classifier']
  )
  head, was = carried['encoder']['head'], old['encoder']['head']
  np.testing.assert_array_equal(head['bias'][2:5], was['bias'])
  first, was = (p['decoder']['dense0']['kernel'] for p in (carried, old))
  np.testing.assert_array_equal(first[:3], was[:3])
  np.testing.assert_array_equal(first[4:6], was[3:5])


def test_other_networks_are_refused():
  old = tiny.params(tiny.model(latent='loop'))
  wide = tiny.model(net='mlp(encoder=(20,), decoder=(12,))', latent='loop')
  space = latent_space('loop')
  with pytest.raises(UserError, match='parameter encoder/dense0'):
    finetune.carry(old, tiny.params(wide), space, space, [(0, 0)])


def test_refusals(tmp_path):
  with pytest.raises(UserError, match='no latent of the run is used'):
    finetune.finetune(found('', latent=''), 'a', 'b', {})
  with pytest.raises(UserError, match='is the run itself'):
    finetune.finetune(found('loop'), str(tmp_path), f'{tmp_path}/', {})
