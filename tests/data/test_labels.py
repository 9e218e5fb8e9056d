"""Labels are counted: a published code asked for 1 % and labelled 37 %."""

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from jaxvae import data
from jaxvae.data import batches, labels
from jaxvae.errors import UserError

SIZE = 10_000


@pytest.mark.parametrize('pick', ['random', 'even'])
@pytest.mark.parametrize('fraction', [0.0001, 0.01, 0.37, 1.0])
def test_so_many_images_are_labelled(pick, fraction):
  known = labels.chosen(3, SIZE, fraction, pick)
  assert len(np.unique(known)) == len(known) == round(fraction * SIZE)
  assert known.min() >= 0 and known.max() < SIZE
  assert (np.diff(known) > 0).all()


def test_even_labels_are_evenly_spaced():
  np.testing.assert_array_equal(
    labels.chosen(0, 360, 4 / 360, 'even'), [0, 90, 180, 270]
  )


def test_the_seed_decides_which():
  one, two = (labels.chosen(seed, SIZE, 0.01, 'random') for seed in (0, 1))
  assert len(np.intersect1d(one, two)) < 10


def test_balanced_labels_are_as_many_of_each_class():
  rng = np.random.default_rng(0)
  classes = rng.choice(4, (SIZE, 1), p=[0.7, 0.2, 0.09, 0.01])
  known = labels.balanced(1, classes, 0.02)
  assert (np.diff(known) > 0).all()
  np.testing.assert_array_equal(np.bincount(classes[known, 0]), [50] * 4)
  # What does not divide goes to some of them.
  odd = np.bincount(classes[labels.balanced(1, classes, 0.0202), 0])
  assert sorted(odd) == [50, 50, 51, 51]
  # A class that has too few has all of its images.
  few = np.bincount(classes[labels.balanced(1, classes, 0.2), 0])
  np.testing.assert_array_equal(few[:3], [500] * 3)
  assert few[3] == np.sum(classes == 3)
  other = labels.balanced(2, classes, 0.02)
  assert len(np.intersect1d(known, other)) < 150
  with pytest.raises(UserError, match='3 images, fewer than the 4 classes'):
    labels.balanced(1, classes, 0.0003)


def _positions(first, count, part=(0, 1), share=0.25, seed=5):
  known = labels.chosen(seed, SIZE, 0.01, 'random')
  return known, labels.positions(
    seed, 64, SIZE, part, known, share, first, count
  )


def test_a_part_of_each_batch_is_labelled():
  known, where = _positions(0, 400)
  assert where.shape == (400, 64)
  told = labels.is_known(known, where)
  np.testing.assert_array_equal(told, np.isin(where, known))
  assert told[:, 48:].all()
  # Among the others there is one in a hundred; five standard errors.
  error = 5 * np.sqrt(0.01 * 0.99 / told[:, :48].size)
  assert abs(told[:, :48].mean() - 0.01) < error
  # 400 steps of 16 are 64 rounds through the 100 of them.
  counts = np.bincount(np.searchsorted(known, where[:, 48:].ravel()))
  np.testing.assert_array_equal(counts, np.full(100, 64))
  # The first 48 of each go through all images, as without labels.
  free = batches.positions(5, 48, SIZE, (0, 1), 0, 400)
  np.testing.assert_array_equal(where[:, :48], free)


def test_steps_and_parts_are_those_of_the_whole():
  _, whole = _positions(0, 50)
  _, later = _positions(30, 20)
  np.testing.assert_array_equal(whole[30:], later)
  parts = [_positions(0, 50, part=(i, 4))[1] for i in range(4)]
  np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)


def test_all_images_may_be_labelled_and_seen_in_two_orders():
  known = labels.chosen(0, 256, 1.0, 'random')
  where = labels.positions(0, 64, 256, (0, 1), known, 0.5, 0, 8)
  assert labels.is_known(known, where).all()
  assert (where[:, :32] != where[:, 32:]).mean() > 0.9


def test_a_share_too_small_is_one_row_and_too_large_leaves_one():
  for share, told in ((0.001, 1), (0.999, 63)):
    known, where = _positions(0, 5, share=share)
    assert np.isin(where[:, 64 - told :], known).all()
    assert not np.isin(where[:, 64 - told - 1], known).all()


def test_less_than_one_image_is_refused():
  with pytest.raises(UserError, match=r'labels\.fraction=1e-05 of 10,000'):
    labels.chosen(0, SIZE, 1e-5, 'random')


def test_a_source_says_which_images_are_labelled(config):
  weak = ConfigDict({'fraction': 0.1, 'share': 0.5, 'pick': 'random'})
  source = data.open_source(
    config('digits'), split='train', batch_size=16, seed=0, labels=weak
  )
  fetched = jax.tree.map(lambda x: x[0], source.fetch(3, 1))
  batch = jax.jit(source.decode)(source.resident, fetched)
  assert batch.labelled.shape == (16,) and batch.labelled.dtype == bool
  assert batch.labelled[8:].all()
  without = data.open_source(
    config('digits'), split='train', batch_size=16, seed=0
  )
  fetched = jax.tree.map(lambda x: x[0], without.fetch(3, 1))
  assert jax.jit(without.decode)((), fetched).labelled is None


def test_labels_and_pairs_are_not_for_one_run(config):
  weak = ConfigDict({'fraction': 0.1, 'share': 0.5, 'pick': 'random'})
  with pytest.raises(UserError, match=r'pairs=1 and labels\.fraction above 0'):
    data.open_source(
      config('digits', pairs=1),
      split='train',
      batch_size=16,
      seed=0,
      labels=weak,
    )


def test_a_source_labels_as_many_of_each_class(tmp_path):
  config = ConfigDict(
    {
      'name': 'digits',
      'data_dir': str(tmp_path),
      **dict.fromkeys(('variant', 'manual_dir', 'path'), ''),
      **dict.fromkeys(('image_size', 'channels', 'pairs', 'holdout'), 0),
      'placement': 'host',
      'binarize': False,
    }
  )
  told = ConfigDict({'fraction': 100 / 1617, 'share': 0.5, 'pick': 'balanced'})
  source = data.open_source(
    config, split='train', batch_size=32, seed=0, labels=told
  )
  size = source.spec.size
  told.fraction = 100 / size
  source = data.open_source(
    config, split='train', batch_size=32, seed=0, labels=told
  )
  # 160 steps of 16 labelled rows are many rounds through 100 images.
  digits = []
  for at in range(160):
    block = jax.tree.map(lambda x: x[0], source.fetch(at, 1))
    batch = source.decode(source.resident, block)
    digits.append(np.asarray(batch.factors[16:, 0]))
    assert np.asarray(batch.labelled)[16:].all()
  counts = np.bincount(np.concatenate(digits), minlength=10)
  assert counts.min() > 230 and counts.max() < 282
