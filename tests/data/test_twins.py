"""Images that are the same pixel for pixel, and what training makes of them."""

import numpy as np
import pytest
from ml_collections import ConfigDict

from jaxvae import data
from jaxvae.data import prepared, sequence, store, twins
from jaxvae.data.blocks import Block
from jaxvae.data.builders import dsprites
from jaxvae.data.layers import Colour, Layers, Shift
from jaxvae.data.recipe import Contents, Recipe, variant_key
from jaxvae.data.render import sprites
from jaxvae.errors import UserError

RNG = np.random.default_rng(0)


def _toy(monkeypatch, factors, rows, shape=(2, 4, 1), layers=None, grid=True):
  """A data set of these rows; None for classes that are not a grid."""

  def contents(options):
    classes = None if grid else np.zeros((len(rows), 1), np.int32)
    split = {'train': lambda: iter([Block(rows, classes)])}
    return Contents('Toy', shape, False, grid, factors, split, layers)

  recipe = Recipe('a toy', '1.0.0', variant_key, contents)
  monkeypatch.setitem(data.DATASETS, 'toy', recipe)


def _images(config, binarize=False):
  found = store.ensure_prepared(config)
  sha256 = found.splits['train'].sha256
  return twins.Images(found.directory, 'train', sha256, binarize)


def _first_of_equal(images):
  """Each against all before it, byte by byte."""
  flat = [image.tobytes() for image in images]
  return [flat.index(each) for each in flat]


def test_copies_are_found_by_their_pixels(config, monkeypatch):
  rows = RNG.integers(0, 256, (40, 8)).astype(np.uint8)
  rows[[7, 30]], rows[39] = rows[2], rows[38]
  rows[11] = np.where(rows[5] > 127, 255, 3)
  _toy(monkeypatch, (data.Factor('a', 1, 'points'),), rows, grid=False)
  settings = config('toy')
  assert twins.first(_images(settings)).tolist() == _first_of_equal(rows)
  same = twins.first(_images(settings, binarize=True)).tolist()
  assert same == _first_of_equal(rows > 127) and same[11] == 5


def test_all_different_is_none(config):
  # scikit-learn's digits, of which no two are the same.
  assert twins.first(_images(config('digits'))) is None


def test_composed_images_are_the_same_by_row_colour_and_shift(
  config, monkeypatch
):
  factors = (
    data.Factor('tint', 4, 'loop'),
    data.Factor('form', 5, 'points'),
    data.Factor('right', 5, 'loop', period=4.0),
  )
  rows = RNG.integers(0, 256, (5, 8)).astype(np.uint8)
  rows[4] = rows[1]
  red, blue = (255, 0, 0), (0, 0, 255)
  layers = Layers(
    colours=(Colour('tint', (red, blue, red, (9, 9, 9))),),
    shifts=(Shift('right', 1, 1, 1),),
  )
  _toy(monkeypatch, factors, rows, (2, 4, 3), layers)
  settings = config('toy')
  source = data.open_source(settings, split='train', batch_size=2, seed=0)
  images, _ = source.examples(np.arange(100))
  found = twins.first(_images(settings))
  assert found.tolist() == _first_of_equal(images)
  assert len(np.unique(found)) == 3 * 4 * 4


def test_training_sees_no_twin_of_what_is_held_out(config, monkeypatch):
  # Each picture twice, as dSprites' orientations 0 and 39.
  factors = (data.Factor('turn', 20, 'loop'), data.Factor('x', 5, 'segment'))
  rows = RNG.integers(0, 256, (100, 8)).astype(np.uint8)
  rows[95:] = rows[:5]
  _toy(monkeypatch, factors, rows)
  settings = config('toy', holdout=0.3)
  opened = {
    rules: data.open_source(
      settings, split='train', batch_size=10, seed=0, rules=rules
    )
    for rules in (1, 2)
  }
  held = data.held_out(100, 0.3)
  # As it has always been drawn: runs from before evaluate the same images.
  drawn = np.random.default_rng([100, 30]).choice(100, 30, replace=False)
  assert held.tolist() == sorted(drawn)
  rest = sorted(set(range(100)) - set(held.tolist()))
  divided = [at for at in rest if rows[at].tobytes() in
             {rows[other].tobytes() for other in held}]  # fmt: skip
  assert divided
  left = [at for at in rest if at not in divided]
  images = _images(settings)
  assert sequence.trained_on(100, 0.3, images).tolist() == left
  assert sequence.trained_on(100, 0.3).tolist() == rest
  grid = data.FactorGrid(factors)
  for rules, seen in ((1, rest), (2, left)):
    fetched = opened[rules].fetch(0, 70)  # Whole epochs of either.
    at = grid.index(fetched.factors.reshape(-1, 2))
    assert np.unique(at).tolist() == seen


def test_nothing_left_to_train_on_is_refused(config, monkeypatch):
  rows = np.zeros((10, 8), np.uint8)
  _toy(monkeypatch, (data.Factor('a', 10, 'points'),), rows)
  with pytest.raises(UserError, match='each of the 10 images is the same as'):
    data.open_source(
      config('toy', holdout=0.1), split='train', batch_size=2, seed=0
    )


def test_runs_from_before_have_the_labels_that_they_had(config, monkeypatch):
  factors = (data.Factor('turn', 5, 'loop', period=4.0),)
  rows = RNG.integers(0, 256, (5, 8)).astype(np.uint8)
  _toy(monkeypatch, factors, rows)
  weak = ConfigDict({'fraction': 0.5, 'share': 0.5, 'pick': 'random'})
  for rules, turn in ((1, 5), (2, 4)):
    source = data.open_source(
      config('toy'), split='train', batch_size=4, seed=0, labels=weak,
      rules=rules,
    )  # fmt: skip
    assert source.spec.factors[0].turn == turn


def test_a_recipe_says_anew_what_old_data_do_not_say(config, monkeypatch):
  plain = (data.Factor('turn', 5, 'loop'),)
  _toy(monkeypatch, plain, np.zeros((5, 8), np.uint8))
  settings = config('toy')
  before = store.ensure_prepared(settings)
  told = (plain[0]._replace(period=4.0),)
  recipe = data.DATASETS['toy']._replace(factors=told)
  monkeypatch.setitem(data.DATASETS, 'toy', recipe)
  after = store.ensure_prepared(settings)
  assert (before.factors, after.factors) == (plain, told)
  assert after.splits == before.splits
  assert prepared.describe(before.directory).factors == plain


def test_the_orientations_of_dsprites_that_are_one_picture():
  turn = dsprites.GRID.factors[2]
  assert (turn.size, turn.turn, turn.once) == (40, 39, 39)
  assert data.DATASETS['dsprites'].factors == dsprites.GRID.factors
  # One sprite of each shape at all 1,024 positions.
  for shape, scale in ((0, 0), (1, 3), (2, 5)):
    pair = [sprites.packed_block(shape, scale, at) for at in (0, 39)]
    np.testing.assert_array_equal(*pair)
    assert (pair[0] != sprites.packed_block(shape, scale, 38)).any()
  # DeepMind's own frames show it too, and that a square of orientation 5 is one
  # of 34: 29 steps are 267.7 degrees.
  same = [sprites.render([[0, 5, at, 0, 0]]) for at in (5, 34)]
  np.testing.assert_array_equal(*same)
