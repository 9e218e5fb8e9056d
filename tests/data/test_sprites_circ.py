"""Sprites on circles against pictures drawn where the factors say."""

import numpy as np
import pytest

from jaxvae import data
from jaxvae.data import prepare
from jaxvae.data.builders import sprites_circ
from jaxvae.data.render import glyphs, hues


def _open(config, variant='', batch_size=64):
  return data.open_source(
    config('sprites_circ', variant=variant),
    split='train',
    batch_size=batch_size,
    seed=0,
  )


def _drawn(shape, radius, angle, centre, rgb):
  """One image without layers: a mask in its place, times a colour."""
  mask = glyphs.masks(
    np.array([shape]),
    np.array([radius]),
    np.array([angle]),
    np.array([centre], float),
  )
  return mask[0, :, :, None] / 255 * np.array(rgb) / 255


def test_the_grid_is_drawn_as_its_factors_say(config):
  source = _open(config)
  assert source.spec.size == 4 * 4 * 40 * 12 * 16 * 16
  assert [(f.name, f.size, f.topology) for f in source.spec.factors] == [
    ('shape', 4, 'points'),
    ('scale', 4, 'segment'),
    ('orientation', 40, 'loop'),
    ('hue', 12, 'loop'),
    ('x_position', 16, 'segment'),
    ('y_position', 16, 'segment'),
  ]
  index = np.random.default_rng(0).integers(0, source.spec.size, 40)
  # And the corners, where a shift might come in on the other side.
  largest = [
    [s, 3, o, 0, x, x] for s in range(4) for o in (0, 7) for x in (0, 15)
  ]
  grid = data.FactorGrid(source.spec.factors)
  images, factors = source.examples(np.append(index, grid.index(largest)))
  for image, (s, c, o, h, x, y) in zip(images, factors, strict=True):
    centre = 17 + 2 * x, 17 + 2 * y
    radius = 8 + 8 * c / 3
    rgb = hues.table(12)[h]
    drawn = _drawn(s, radius, 2 * np.pi * o / 40, centre, rgb)
    # Shifts are whole pixels, so only the last bit of a coverage may differ.
    np.testing.assert_allclose(image, drawn, atol=1.001 / 255)
    assert image.any()


def test_positions_of_a_torus_come_in_on_the_other_side(config):
  source = _open(config, 'torus')
  grid = data.FactorGrid(source.spec.factors)
  assert [f.topology for f in grid.factors[4:]] == ['loop', 'loop']
  first = source.examples(grid.index([[1, 3, 5, 4, 0, 0]]))[0][0]
  classes = [[1, 3, 5, 4, x, y] for x in range(16) for y in range(16)]
  images, factors = source.examples(grid.index(classes))
  for image, (*_, x, y) in zip(images, factors, strict=True):
    # Sixteen steps of 4 pixels are the whole picture.
    rolled = np.roll(first, (4 * y, 4 * x), axis=(0, 1))
    np.testing.assert_array_equal(image, rolled)
  middle = source.examples(grid.index([[1, 3, 5, 4, 8, 8]]))[0][0]
  drawn = _drawn(1, 16, 2 * np.pi * 5 / 40, (32, 32), hues.table(12)[4])
  np.testing.assert_allclose(middle, drawn, atol=1e-6)


ALONE = {
  'shape': (4,),
  'scale': (101,),
  'orientation': (360,),
  'hue': (360,),
  'x_position': (129,),
}
PAIRS = {
  'orientation+hue': (72, 72),
  'orientation+scale': (50, 72),
  'orientation+shape': (4, 360),
  'orientation+x_position': (72, 65),
  'hue+scale': (50, 72),
  'hue+shape': (4, 360),
  'scale+x_position': (50, 65),
  'scale+shape': (4, 256),
  'x_position+y_position': (65, 65),
}
TOPOLOGY = {
  **{'shape': 'points', 'orientation': 'loop', 'hue': 'loop'},
  **dict.fromkeys(('scale', 'x_position', 'y_position'), 'segment'),
}


def test_the_variants_are_these():
  assert sprites_circ.RECIPE.variants == ('', 'torus', *ALONE, *PAIRS)


@pytest.mark.parametrize(('variant', 'sizes'), {**ALONE, **PAIRS}.items())
def test_a_variant_has_its_factors_and_nothing_else(variant, sizes):
  found = sprites_circ.factors(variant)
  assert tuple(factor.size for factor in found) == sizes
  assert {factor.name for factor in found} == set(variant.split('+'))
  assert all(factor.topology == TOPOLOGY[factor.name] for factor in found)
  if len(sizes) == 2:
    assert 1_000 <= np.prod(sizes) <= 10_000


# What a variant holds: the drop, half way from 8 to 16 pixels, upright, red,
# in the centre.
def _hand(angle, radius=12, x=32):
  """Of a drop that turns about its foot, a radius below its middle."""
  return {
    'angle': angle,
    'radius': radius,
    'x': x - radius * np.sin(angle),
    'y': 32 - radius * np.cos(angle),
  }


HELD = {
  **{'shape': 2, 'radius': 12, 'angle': 0, 'rgb': (255, 0, 0)},
  **{'x': 32, 'y': 32},
}


@pytest.mark.parametrize(
  ('variant', 'changes'),
  [
    ('shape', lambda k: {'shape': k}),
    ('scale', lambda k: {'radius': 8 + 0.08 * k}),
    ('orientation', lambda k: _hand(np.radians(k))),
    ('hue', lambda k: {'rgb': hues.table(360)[k]}),
    ('x_position', lambda k: {'x': 16 + k / 4}),
    (
      'orientation+hue',
      lambda a, h: _hand(np.radians(5 * a)) | {'rgb': hues.table(72)[h]},
    ),
    (
      'orientation+x_position',
      lambda a, x: _hand(np.radians(5 * a), 8, 16 + x / 2),
    ),
    ('hue+shape', lambda s, h: {'shape': s, 'rgb': hues.table(360)[h]}),
    ('x_position+y_position', lambda x, y: {'x': 16 + x / 2, 'y': 16 + y / 2}),
  ],
)
def test_everything_else_is_held(config, variant, changes):
  source = _open(config, variant)
  rng = np.random.default_rng(0)
  index = np.append(
    rng.integers(0, source.spec.size, 12), [0, source.spec.size - 1]
  )
  images, factors = source.examples(index)
  for image, classes in zip(images, factors.tolist(), strict=True):
    now = HELD | changes(*classes)
    drawn = _drawn(
      now['shape'],
      now['radius'],
      now['angle'],
      (now['x'], now['y']),
      now['rgb'],
    )
    np.testing.assert_allclose(image, drawn, atol=1.001 / 255)


@pytest.mark.parametrize('variant', ALONE)
def test_neighbours_differ_and_loops_close(config, variant):
  source = _open(config, variant)
  size = source.spec.size
  images = source.examples(np.arange(size))[0].reshape(size, -1)
  change = np.sqrt(((images - np.roll(images, -1, axis=0)) ** 2).sum(axis=1))
  # Grey levels of 1/255, over all pixels.
  assert change.min() > 10 / 255
  inner, last = change[:-1], change[-1]
  if source.spec.factors[0].topology == 'loop':
    assert inner.min() * 0.9 < last < inner.max() * 1.1
  else:  # The ends of a segment are far apart.
    assert last > 2 * inner.max() or variant == 'shape'


def test_four_images_fill_a_batch(config):
  source = _open(config, 'shape', batch_size=64)
  seen = source.fetch(0, 3)
  assert seen.shape == (3, 64)
  np.testing.assert_array_equal(
    np.sort(seen.reshape(-1, 4)), [[*range(4)]] * 48
  )


def test_the_command_prepares_a_variant(tmp_path, capsys):
  name = ['sprites_circ', '--variant=hue+shape', f'--data_dir={tmp_path}']
  assert prepare.main(name) == 0
  told = capsys.readouterr().out
  for text in (
    'sprites_circ, hue and shape',
    '1,440 images',
    'shape: 4 (points, arrow, F, drop, heart)',
    'hue: 360 (loop)',
    # The masks of four shapes, a byte for each of 64 x 64 pixels.
    'of 4 rows of 4,096 bytes',
    str(tmp_path / 'jaxvae_sprites_circ_hue_shape'),
  ):
    assert text in told
