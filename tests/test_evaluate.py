"""Which images are measured, and what is measured of them."""

import json

import jax
import numpy as np
import pytest
import tiny

from jaxvae import config as schema
from jaxvae import data, draw, evaluate, measured
from jaxvae.train import setup


@pytest.fixture
def config(dsprites_dir):
  config = schema.default()
  config.data.data_dir = dsprites_dir
  config.eval.examples = 300
  return config


def test_a_grid_is_measured_on_independent_factors(config):
  source, index, test = measured.points(config)
  assert (len(index), len(test)) == (300, 150)
  factors = data.FactorGrid(source.spec.factors).factors_of(index)
  # Each value of a factor of three has a third, within five deviations.
  share = np.bincount(factors[:, 0], minlength=3) / 300
  np.testing.assert_allclose(share, 1 / 3, atol=5 * np.sqrt(2 / 9 / 300))
  again = measured.points(config)
  np.testing.assert_array_equal(index, again[1])
  np.testing.assert_array_equal(test, again[2])


def test_runs_that_were_trained_on_pairs_are_measured_alike(config):
  _, index, _ = measured.points(config)
  config.data.pairs = 1
  _, paired, _ = measured.points(config)
  np.testing.assert_array_equal(index, paired)


def test_images_that_were_held_out_are_measured_and_no_others(config):
  config.data.holdout = 0.001
  source, index, test = measured.points(config)
  held = data.held_out(source.spec.size, 0.001)
  assert set(index) | set(test) <= set(held)
  assert not set(index) & set(test)
  # Where the rest is less than half as many, metrics split what there is.
  config.eval.examples = len(held) - 10
  assert measured.points(config)[2] is None


@pytest.fixture
def own(tmp_path):
  """Own images of one split: a value that is not always known, one that never
  changes, a class and an angle."""
  rng = np.random.default_rng(0)
  size, angle = rng.uniform(0, 2, 40), rng.uniform(-180, 180, 40)
  size[:4] = np.nan
  kind = np.arange(40) % 3
  np.savez(
    tmp_path / 'own.npz',
    images=rng.integers(0, 256, (40, 8, 8)).astype(np.uint8),
    factors=np.stack([size, np.full(40, 2.0), kind, angle], axis=1),
    factor_names=['size', 'fixed', 'kind', 'angle'],
    factor_topologies=['segment', '', '', 'loop'],
    factor_periods=[0, 0, 0, 360],
  )
  config = schema.default()
  config.data.name = 'image_folder'
  config.data.path = str(tmp_path / 'own.npz')
  config.data.data_dir = str(tmp_path)
  config.latent = "gaussian(1) + loop(factor='angle') + label(3, factor='kind')"
  config.labels.fraction = 0.5
  config.net = 'mlp(encoder=(4,), decoder=(4,))'
  config.eval.metrics = 'mig, sap_continuous, circle, factor_vae, explicitness'
  config.batch_size = 4
  return config


def test_what_cannot_be_measured_is_known_before_training(own):
  *values, few, trained, size, fixed = measured.foreseen(own)
  assert [said.partition(':')[0] for said in values] == [
    'factor size has values',
    'factor angle has values',
  ]
  assert '(segment)' in values[0] and '(loop)' in values[1]
  assert few.startswith('40 images are few')
  assert trained.startswith('these images were trained on')
  assert size == (
    'factor size is not known of 4 of 40 images: its scores are of the others'
  )
  assert fixed == 'factor fixed is left out: one value only on 40 points'
  own.data.holdout = 0.2
  assert measured.origin(own) == 'held out'
  assert measured.foreseen(own)[2].startswith('8 images are few')


@pytest.mark.parametrize('examples', [40, 1])
def test_what_can_be_measured_is(own, tmp_path, capsys, examples):
  own.eval.examples = examples
  own.eval.figures = False
  with jax.numpy_dtype_promotion('standard'):  # optax promotes
    made = setup.set_up([own])
  params = tiny.params(made.model)
  evaluate.evaluate(made.model, own, params, tmp_path, 7)
  found = json.loads((tmp_path / 'metrics.json').read_text())
  assert found['images'] == 'train' and found['examples'] == examples
  said = capsys.readouterr().out
  assert all(f'note: {note}' in said for note in found['notes'])
  assert f'on {examples} images (of those trained on)' in said
  if examples == 1:
    assert set(found['left_out']) == {'size', 'fixed', 'kind', 'angle'}
    assert found['scores'] == {} and 'mig' in found['skipped']
    return
  assert found['left_out'] == {'fixed': 'one value only on 40 points'}
  assert [row['factor'] for row in found['factors']] == [
    *('size', 'kind', 'angle')
  ]
  assert found['scores']['mig']['parameters']['factor_bins'] == 20
  assert len(found['scores']['mig']['per_factor']) == 3
  assert len(found['scores']['circle_score']['per_factor']) == 1
  assert found['topology']['z1']['factor'] == 'angle'


def test_images_to_begin_from_have_a_label():
  found, first = draw._first(np.array([np.nan, 2, 0, 2, np.nan], np.float32))
  assert (found.tolist(), first.tolist()) == ([0, 2], [2, 1])
