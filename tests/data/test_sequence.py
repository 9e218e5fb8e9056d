"""What is held out is never trained on."""

import numpy as np
import pytest
from ml_collections import ConfigDict

from jaxvae import data
from jaxvae.data import sequence
from jaxvae.errors import UserError


def test_held_out_and_trained_on_are_all():
  held = sequence.held_out(1_000, 0.1)
  seen = sequence.trained_on(1_000, 0.1)
  assert len(held) == 100
  both = np.sort(np.concatenate([held, seen]))
  np.testing.assert_array_equal(both, np.arange(1_000))
  assert sequence.held_out(1_000, 0.0) is None


@pytest.mark.parametrize('fraction', [0.0, 0.2])
def test_training_sees_the_rest_and_labels_are_of_it(config, fraction):
  settings = config('digits', holdout=0.25, placement='device')
  weak = ConfigDict({'fraction': fraction, 'share': 0.5, 'pick': 'random'})
  source = data.open_source(
    settings, split='train', batch_size=64, seed=0, labels=weak
  )
  fetched = source.fetch(0, 60)
  where = fetched[0] if fraction else fetched
  held = data.held_out(source.spec.size, 0.25)
  assert not np.isin(where, held).any()
  seen = np.unique(where)
  assert len(seen) == source.spec.size - len(held)
  if fraction:
    told = np.unique(where[fetched[1]])
    assert len(told) == round(fraction * len(seen))


def test_less_than_one_image_is_refused():
  with pytest.raises(UserError, match=r'data.holdout=0.001 of 100 images'):
    sequence.held_out(100, 0.001)
