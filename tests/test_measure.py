"""Charts as the columns and groups of `jaxvae.metrics`, and JSON of scores."""

import json

import numpy as np
import pytest

from jaxvae import config as schema
from jaxvae import measure, metrics
from jaxvae.data import Factor
from jaxvae.data.builders import dsprites
from jaxvae.errors import UserError
from jaxvae.latent.slots import latent_space
from jaxvae.train import setup

FACTORS = (
  Factor('shape', 3, 'points'),
  Factor('turn', 12, 'loop'),
  Factor('scale', 5, 'segment'),
)


def charts(points: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
  """A line that tells the scale, a loop that tells the turn, and factors."""
  sizes = [factor.size for factor in FACTORS]
  factors = np.random.default_rng(seed).integers(0, sizes, (points, 3))
  angle = 2 * np.pi * factors[:, 1] / 12 - np.pi
  return np.stack([factors[:, 2] / 5.0, angle], axis=1), factors


def test_a_loop_becomes_the_cosine_and_sine_of_its_angle():
  space = latent_space('gaussian(1) + loop')
  train, test = charts(300), charts(90, 1)
  points = measure.points(space, FACTORS, train, test)
  assert points.groups == ((0,), (1, 2))
  assert points.circular == {1: 12}
  np.testing.assert_array_equal(points.codes[:, 0], train[0][:, 0])
  np.testing.assert_allclose(
    np.arctan2(points.codes[:, 2], points.codes[:, 1])[5], train[0][5, 1]
  )
  assert len(points.test_codes) == 90 and len(points.codes) == 300
  flat = measure.points(latent_space('gaussian(2)'), FACTORS, train, test)
  assert flat.groups is None


def test_without_test_points_the_last_third_is_kept_back():
  space, train = latent_space('gaussian(2)'), charts(300)
  points = measure.points(space, FACTORS, train, None)
  assert (len(points.codes), len(points.test_codes)) == (200, 100)
  np.testing.assert_array_equal(points.test_factors, train[1][200:])


def test_the_turns_are_a_full_grid_of_the_circles():
  grid = measure.turning(FACTORS, np.random.default_rng(0))
  assert len(np.unique(grid, axis=0)) == len(grid) == 2 * 12 * 2
  assert np.unique(grid[:, 1]).tolist() == list(range(12))
  assert measure.turning(FACTORS[:1], np.random.default_rng(0)) is None
  huge = [Factor(name, 200, 'loop') for name in 'ab']
  assert measure.turning(huge, np.random.default_rng(0)) is None


def test_the_last_orientation_of_dsprites_is_its_first():
  described = dsprites.GRID.factors
  grid = measure.turning(described, np.random.default_rng(0))
  assert np.unique(grid[:, 2]).tolist() == list(range(39))
  assert measure.circles(described) == {2: 39}
  assert measure.folds(described) == {2: (0, (4, 2, 1))}
  assert measure.folds(FACTORS) == {}
  # No equal steps that make a turn.
  broken = (Factor('turn', 12, 'loop', period=10.5),)
  assert measure.turning(broken, np.random.default_rng(0)) is None


def test_scores_as_json():
  space = latent_space('gaussian(1) + loop')
  grid = measure.turning(FACTORS, np.random.default_rng(0))
  angle = 2 * np.pi * grid[:, 1] / 12 - np.pi
  turns = np.stack([grid[:, 2] / 5.0, angle], axis=1), grid
  points = measure.points(space, FACTORS, charts(400), None, turns)
  found = metrics.run(points, 'mig, circle, lsbd')
  plain = json.loads(json.dumps(measure.as_json(found)))
  assert list(plain['scores']) == ['mig', 'circle_score', 'd_lsbd']
  assert plain['scores']['circle_score']['value'] == pytest.approx(1, abs=0.01)
  # The angle turns once in its plane, whatever the others are.
  assert plain['scores']['d_lsbd']['value'] == pytest.approx(0, abs=1e-12)
  assert plain['scores']['mig']['parameters']['bins'] == 20
  assert plain['scores']['mig']['ungrouped'] < plain['scores']['mig']['value']
  assert plain['skipped'] == {}


def test_of_fewer_than_three_points_none_are_kept_back():
  space = latent_space('gaussian(2)')
  for count in (1, 2):
    points = measure.points(space, FACTORS, charts(count), None)
    assert len(points.codes) == count and points.test_codes is None


def test_values_keep_their_span_and_once_round():
  described = (
    Factor('angle', 0, 'loop', period=360.0, span=(0.0, 360.0)),
    Factor('size', 0, 'segment', span=(-1.0, 2.0)),
    Factor('kind', 3, 'points'),
  )
  values = np.random.default_rng(0).uniform(0, 1, (30, 3)).astype(np.float32)
  space = latent_space('gaussian(2)')
  points = measure.points(space, described, (values[:, :2], values), None)
  assert points.spans == {0: (0.0, 360.0), 1: (-1.0, 2.0)}
  assert points.circular == {0: 360.0}


def test_remarks_say_what_a_reader_cannot_see():
  factors = np.zeros((16, 3))
  factors[:8, 1] = 1
  factors[:5, 1] = np.nan
  left = measure.left_out(factors, FACTORS, 20)
  assert left == {at: 'one value only on 16 points' for at in (0, 2)}
  few, *rest = measure.remarks(factors, FACTORS, left, 'test')
  assert few.startswith('16 images are few')
  assert rest == [
    'factor shape is left out: one value only on 16 points',
    'factor turn is not known of 5 of 16 images: its scores are of the others',
    'factor scale is left out: one value only on 16 points',
  ]
  assert measure.remarks(np.zeros((1000, 0)), (), {}, 'held out') == []
  [trained] = measure.remarks(np.zeros((1000, 0)), (), {}, 'train')
  assert 'were trained on' in trained


def test_data_without_factors_have_the_unsupervised_scores():
  space = latent_space('gaussian(2)')
  codes, _ = charts(300)
  none = np.zeros((300, 0), np.int32)
  found = metrics.run(measure.points(space, (), (codes, none), None))
  assert {score.name for score in found.scores} >= {'active_units'}
  assert found.skipped['mig'] == 'the data declare no factors'


def test_a_name_that_is_none_is_refused_with_the_nearest():
  measure.check('quick')
  measure.check('mig, sap')
  with pytest.raises(UserError, match='did you mean beta_vae'):
    measure.check('betavae')


def test_a_run_with_such_a_name_is_refused_before_its_data_are_opened():
  config = schema.default()
  config.data.data_dir = '/nowhere'
  config.eval.metrics = 'mig,spa'
  with pytest.raises(UserError, match=r"'spa' is no metric .* mean sap"):
    setup.set_up([config])
