"""Which images are measured."""

import numpy as np
import pytest

from jaxvae import config as schema
from jaxvae import data, measured


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
