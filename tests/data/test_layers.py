"""Composed images against the sum written out, one pixel after the other."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxvae import data
from jaxvae.data import batches, layers
from jaxvae.data.blocks import Block
from jaxvae.data.layers import Colour, Layers, Shift
from jaxvae.data.prepared import about_layers
from jaxvae.data.recipe import Contents, Recipe, variant_key
from jaxvae.errors import IntegrityError, UserError

FACTORS = (
  data.Factor('tint', 5, 'loop'),
  data.Factor('form', 3, 'points'),
  data.Factor('right', 4, 'loop'),
  data.Factor('size', 2, 'segment'),
  data.Factor('down', 6, 'segment'),
)
GRID = data.FactorGrid(FACTORS)
SHAPE = (6, 8, 3)
RNG = np.random.default_rng(0)
# Two coloured maps and a constant: their sum is at most 80 + 80 + 90.
ROWS = np.concatenate(
  [RNG.integers(0, 81, (6, 2 * 48)), RNG.integers(0, 91, (6, 3 * 48))], axis=1
).astype(np.uint8)
LAYERS = Layers(
  colours=(
    Colour('tint', tuple(map(tuple, RNG.integers(0, 256, (5, 3)).tolist()))),
    Colour('', ((10, 250, 128),)),
  ),
  constant=True,
  shifts=(Shift('right', 1, -3, 2), Shift('down', 0, 0, 1)),
)


def _by_hand(classes):
  """One image `[h, w, 3]`, by the sum that the module's docstring gives."""
  tint, form, right, size, down = map(int, classes)
  # Form and size are the geometry; size is the faster of the two.
  maps = ROWS[2 * form + size].reshape(5, 6, 8) / 255
  colour, other = (np.array(c.rgb) / 255 for c in LAYERS.colours)
  image = (
    maps[0, :, :, None] * colour[tint]
    + maps[1, :, :, None] * other[0]
    + np.stack(maps[2:], axis=-1)
  )
  return np.roll(image, (down, 2 * right - 3), axis=(0, 1))


def _recipe(composed=LAYERS, rows=ROWS):
  def contents(options):
    return Contents(
      title='Toy',
      image_shape=SHAPE,
      bits=False,
      grid=True,
      factors=FACTORS,
      splits={
        'train': lambda: iter([Block(rows[:4], None), Block(rows[4:], None)])
      },
      layers=composed,
    )

  return Recipe('a toy', '1.0.0', variant_key, contents)


@pytest.fixture
def toy(config, monkeypatch):
  monkeypatch.setitem(data.DATASETS, 'toy', _recipe())
  return config('toy')


def _open(config, placement='auto', batch_size=32):
  with config.unlocked():
    config.placement = placement
  return data.open_source(config, split='train', batch_size=batch_size, seed=0)


def _batch(source, step):
  fetched = jax.tree.map(lambda x: x[0], source.fetch(step, 1))
  return jax.jit(source.decode)(source.resident, fetched)


def test_images_are_the_sum_of_their_layers(toy):
  source = _open(toy)
  assert source.spec.size == GRID.size == 720 and source.spec.grid
  images, factors = source.examples(np.arange(720))
  np.testing.assert_array_equal(factors, GRID.factors_of(np.arange(720)))
  assert images.dtype == np.float32 and images.shape == (720, *SHAPE)
  expected = np.stack([_by_hand(each) for each in factors])
  np.testing.assert_allclose(images, expected, atol=1e-6)


def test_all_placements_and_numpy_give_the_same_bits(toy):
  sources = [_open(toy, place) for place in ('host', 'device', 'stream')]
  assert _open(toy, 'auto').resident != ()  # Rows are larger than images.
  for step in (0, 22, 500):  # The second crosses the end of an epoch.
    each = [_batch(source, step) for source in sources]
    jax.tree.map(np.testing.assert_array_equal, each[0], each[1])
    jax.tree.map(np.testing.assert_array_equal, each[0], each[2])
    images, factors = sources[0].examples(GRID.index(each[0].factors))
    np.testing.assert_array_equal(images, each[0].image)
    np.testing.assert_array_equal(factors, each[0].factors)
  for index in (np.array([3]), np.arange(6)):
    for source in sources[1:]:
      np.testing.assert_array_equal(
        source.examples(index)[0], sources[0].examples(index)[0]
      )


def test_only_geometries_are_stored(toy):
  prepared = data.ensure_prepared(toy)
  rows = data.prepared.load(prepared, 'train').rows
  np.testing.assert_array_equal(rows, ROWS)
  assert prepared.layers == LAYERS
  assert prepared.splits['train'].size == 720
  assert layers.geometries(LAYERS, FACTORS).sizes == (3, 2)


def test_rows_of_classes():
  # `right` and `down` shift, `tint` colours: form * 2 + size is left.
  classes = GRID.factors_of(np.arange(720)).reshape(20, 36, 5)
  expected = 2 * classes[..., 1] + classes[..., 3]
  for xp in (np, jnp):
    found = layers.row_of(LAYERS, FACTORS, xp.asarray(classes), xp)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.int32


def test_a_sum_above_white_is_white():
  bright = Layers((Colour('', ((255, 255, 255),)),), constant=True)
  rows = np.full((1, 4), 200, np.uint8)
  image = layers.compose(
    rows, np.zeros((1, 0), int), np, layers=bright, factors=(), shape=(1, 1, 3)
  )
  assert image.tolist() == [[[[1.0, 1.0, 1.0]]]]


def test_the_fingerprint_covers_rows_and_layers(config, monkeypatch):
  found = set()
  other = LAYERS._replace(shifts=LAYERS.shifts[::-1])
  darker = np.maximum(ROWS, 1) - 1
  for k, (composed, rows) in enumerate(
    [(LAYERS, ROWS), (other, ROWS), (LAYERS, darker)]
  ):
    monkeypatch.setitem(data.DATASETS, f'toy{k}', _recipe(composed, rows))
    found.add(_open(config(f'toy{k}')).spec.fingerprint)
  assert len(found) == 3


def test_names_of_classes_change_no_fingerprint():
  named = [f._replace(classes=('a', 'b')) for f in FACTORS if f.size == 2]
  plain = tuple(f._replace(classes=()) for f in named)
  assert about_layers(tuple(named), LAYERS) == about_layers(plain, LAYERS)


def _colour(about):
  about['layers']['colours'][0][1][2][0] ^= 1


def _too_few(about):
  about['layers']['colours'][0][1].pop()


def _shift(about):
  about['layers']['shifts'][0][2] += 1


def _unknown(about):
  about['layers']['shifts'][0][0] = 'left'


def _gone(about):
  del about['layers']


def _nonsense(about):
  about['layers']['colours'] = 7


def _smaller(about):
  about['factors'][0][1] = 4


def _topology(about):
  about['factors'][0][2] = 'segment'


@pytest.mark.parametrize(
  'damage',
  [
    *(_colour, _too_few, _shift, _unknown, _gone, _nonsense, _smaller),
    _topology,
  ],
)
def test_damaged_metadata_are_refused(toy, damage):
  path = data.ensure_prepared(toy).directory / 'metadata.json'
  about = json.loads(path.read_text())
  damage(about)
  path.write_text(json.dumps(about))
  with pytest.raises(IntegrityError, match='are damaged'):
    _open(toy)


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    (
      {'shifts': (Shift('left', 1, 0, 1),)},
      'the factors left; there are: tint',
    ),
    ({'shifts': (Shift('down', 2, 0, 1),)}, 'axis 2; it needs'),
    ({'shifts': (Shift('', 1, 0, 1),)}, "factor '' and axis 1"),
    ({'colours': (Colour('tint', ((1, 2, 3),)),)}, 'tint are not 5 triples'),
    ({'colours': (Colour('', ((1, 2, 300),)),)}, 'a map are not 1 triples'),
  ],
)
def test_layers_that_do_not_fit_are_refused(
  config, monkeypatch, changes, message
):
  recipe = _recipe(LAYERS._replace(**changes))
  monkeypatch.setitem(data.DATASETS, 'toy', recipe)
  with pytest.raises(UserError, match=message):
    data.ensure_prepared(config('toy'))


def test_grey_images_have_no_layers():
  with pytest.raises(UserError, match=r'layers make images \[h, w, 3\]'):
    layers.check(LAYERS, FACTORS, (6, 8, 1))


def test_rows_must_fill_the_geometries(config, monkeypatch):
  monkeypatch.setitem(data.DATASETS, 'toy', _recipe(rows=ROWS[:5]))
  with pytest.raises(UserError, match='5 images do not fill the grid'):
    data.ensure_prepared(config('toy'))


def test_json_gives_back_the_layers():
  form = json.loads(json.dumps(layers.to_json(LAYERS)))
  assert layers.from_json(form) == LAYERS


def test_binarized_images_are_0_or_1(toy):
  grey = _open(toy).examples(np.arange(100))[0]
  with toy.unlocked():
    toy.binarize = True
  source = _open(toy)
  np.testing.assert_array_equal(source.examples(np.arange(100))[0], grey > 0.5)


def test_a_batch_may_be_many_epochs_of_a_grid(toy):
  source = _open(toy, 'device', batch_size=3000)
  seen = source.fetch(0, 6).reshape(25, 720)
  for epoch in seen:
    np.testing.assert_array_equal(np.sort(epoch), np.arange(720))
  assert (seen[0] != seen[1]).any()
  # Any cut into steps and parts is a cut of the same sequence.
  halves = [batches.positions(0, 500, 720, (part, 2), 7, 3) for part in (0, 1)]
  np.testing.assert_array_equal(
    np.concatenate(halves, axis=1).ravel(), seen.ravel()[3500:5000]
  )


def test_orders_are_kept_up_to_some_bytes(monkeypatch):
  monkeypatch.setattr(batches, '_orders', batches._orders.copy())
  monkeypatch.setattr(batches, '_ORDER_BYTES', 3 * 4 * 5000)
  batches._orders.clear()
  first = batches.positions(0, 5000, 5000, (0, 1), 0, 1)
  batches.positions(0, 5000, 5000, (0, 1), 1, 9)
  assert [epoch for _, epoch, _ in batches._orders] == [7, 8, 9]
  np.testing.assert_array_equal(
    batches.positions(0, 5000, 5000, (0, 1), 0, 1), first
  )


def test_small_orders_are_not_kept():
  # A grid of four images goes through eight orders in a batch of 32.
  before = len(batches._orders)
  batches.positions(0, 32, 4, (0, 1), 0, 500)
  assert len(batches._orders) == before
