"""rooms3d against a plain ray caster, and the file of 3D Shapes in small."""

import itertools

import h5py
import numpy as np
import pytest

from jaxvae import data
from jaxvae.data.builders import rooms3d
from jaxvae.data.render import hues, rooms, solids
from jaxvae.errors import IntegrityError, UserError

TURNS = 2 * np.pi * np.arange(24) / 24
YAWS = np.linspace(-30, 30, 15)


def _smaller(grid, **sizes):
  return data.FactorGrid(
    tuple(f._replace(size=sizes.get(f.name, f.size)) for f in grid.factors)
  )


# Two scales, all shapes, three yaws, four azimuths: 96 geometries.
SMALL = _smaller(
  rooms3d.GRID,
  **{'floor_hue': 3, 'wall_hue': 4, 'object_hue': 5},
  **{'scale': 2, 'orientation': 3, 'azimuth': 4},
)


def _recipe(grid):
  def contents(options):
    return rooms3d.RECIPE.contents(options)._replace(
      factors=grid.factors,
      splits={'train': lambda: rooms3d.rerendered(grid)},
      layers=rooms3d.layers(grid),
    )

  return rooms3d.RECIPE._replace(contents=contents)


@pytest.fixture
def source(config, monkeypatch):
  monkeypatch.setitem(data.DATASETS, 'rooms3d', _recipe(SMALL))
  return data.open_source(
    config('rooms3d'), split='train', batch_size=64, seed=0
  )


def _unit(v):
  return v / np.linalg.norm(v, axis=0)


def _picture(floor, wall, own, size, name, yaw, azimuth, paint):
  """A room `[64, 64, 3]` ray by ray, each ray in its final colour.

  What a ray meets is found by trying everything and taking the nearest; the
  numbers of the scene are those of the module.
  """
  fine = 64 * rooms.RAYS
  at = (np.arange(fine) + 0.5) / fine * 2 - 1
  right, down = np.meshgrid(at, at)
  eye = rooms._DISTANCE * np.array([np.sin(yaw), -np.cos(yaw), 0])
  eye = eye + np.array([0, 0, rooms._HEIGHT])
  ahead = _unit(np.array([0, 0, rooms._AIM]) - eye)
  side = _unit(np.cross(ahead, [0, 0, 1]))
  above = np.cross(side, ahead)
  rays = (
    ahead[:, None]
    + (np.outer(side, right.ravel()) - np.outer(above, down.ravel()))
    / rooms._FOCUS
  )
  rays = _unit(rays)
  eye = np.broadcast_to(eye[:, None], rays.shape)

  # The solid of size 1 at rest, seen from where it is turned and scaled back.
  cos, sin = np.cos(azimuth), np.sin(azimuth)
  back = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])

  def meet(origin, direction):
    t, n = solids.SOLIDS[name].enter(back @ origin / size, back @ direction)
    return size * t, back.T @ n

  to_solid, normal = meet(eye, rays)
  with np.errstate(divide='ignore'):
    to_floor = np.where(rays[2] < 0, -eye[2] / rays[2], np.inf)
    to_walls = np.stack(
      [np.where(rays[k] * s > 0, (s * 5 - eye[k]) / rays[k], np.inf)
       for k in (0, 1) for s in (-1, 1)]
    )  # fmt: skip
  to_wall = to_walls.min(axis=0)
  high = eye[2] + to_wall * rays[2] > 3.7
  nearest = np.argmin([to_solid, to_floor, to_wall], axis=0)
  point = eye + np.minimum(np.minimum(to_solid, to_floor), to_wall) * rays

  lamp = rooms._LIGHT[:, None]
  toward = _unit(lamp - point)

  ambient = rooms._AMBIENT * (0.85 + 0.15 * normal[2])
  facing = np.maximum((normal * toward).sum(axis=0), 0)
  bright = ambient + (1 - rooms._AMBIENT) * facing
  shine = np.maximum((normal * _unit(toward - rays)).sum(axis=0), 0)
  shine = rooms._SHINE * shine**rooms._SHARP
  shine = np.where(facing > 0, np.minimum(shine, 1 - bright), 0)
  third = (
    (np.arctan2(point[1], point[0]) - azimuth) % (2 * np.pi) // (2 * np.pi / 3)
  )
  hue = np.choose(third.astype(int), [1, 0.3, 0.38]) if paint else 1
  white = np.choose(third.astype(int), [0, 0.65, 0]) if paint else 0
  solid = np.outer(own, hue * bright) + white * bright + shine

  # Each ray of a pixel has its own point of the light.
  which = np.arange(fine) % rooms.RAYS
  number = (which[:, None] * rooms.RAYS + which[None]).ravel()
  lamps = rooms._lamps()[:, number]
  shadow = np.isfinite(meet(point, _unit(lamps - point))[0])
  lit = rooms._AMBIENT + (1 - rooms._AMBIENT) * _unit(lamps - point)[2]
  ground = np.outer(floor, np.where(shadow, rooms._SHADOW, 1) * lit)

  inward = np.array([[1, -1, 0, 0], [0, 0, 1, -1], [0, 0, 0, 0]])
  facing = (inward[:, to_walls.argmin(axis=0)] * toward).sum(axis=0)
  ambient = rooms._WALL_AMBIENT
  lit = ambient + (1 - ambient) * np.maximum(facing, 0)
  sky = np.array([[153], [226], [249]]) / 255
  behind = np.where(high, sky, np.outer(wall, lit))

  image = np.choose(nearest, [solid, ground, behind])
  return image.reshape(3, 64, rooms.RAYS, 64, rooms.RAYS).mean((2, 4))


def test_composed_images_are_those_drawn_in_colour(source):
  assert source.spec.size == 3 * 4 * 5 * 2 * 4 * 3 * 4
  images, factors = source.examples(
    np.random.default_rng(0).integers(0, source.spec.size, 8)
  )
  names = list(solids.SOLIDS)
  factors[:, 4] = [0, 0, 1, 1, 2, 2, 3, 3]  # Every shape twice.
  images, factors = source.examples(SMALL.index(factors))
  for image, (f, w, o, scale, shape, yaw, azimuth) in zip(
    images, factors, strict=True
  ):
    drawn = _picture(
      *(np.array(hues.table(n)[k]) / 255 for n, k in ((3, f), (4, w), (5, o))),
      (0.75, 1.25)[scale],
      names[shape],
      np.radians((-30, 0, 30)[yaw]),
      np.pi / 2 * azimuth,
      paint=True,
    )
    # Each of up to four maps is rounded by up to half a grey level.
    worst = abs(image - np.moveaxis(drawn, 0, -1)).max()
    assert worst < 2.01 / 255


def test_without_azimuth_there_is_no_paint():
  rows = rooms.block('capsule', 1.0, 0.2, np.zeros(1), False)
  maps = rows.reshape(6, 64, 64) / 255
  rgb = np.eye(3)  # Floor red, walls green, the capsule blue.
  drawn = _picture(*rgb, 1.0, 'capsule', 0.2, 0.0, paint=False)
  assert abs(maps[:3] + maps[3:] - drawn).max() < 1.01 / 255


def _distances(name, size, yaw):
  """Between all pairs of azimuths; a red object alone, in units of white."""
  rows = rooms.block(name, size, np.radians(yaw), TURNS, True)
  maps = rows.reshape(24, 6, 4096).astype(float) / 255
  red = maps[:, 3:] + maps[:, 2:3] * np.array([[[1], [0], [0]]])
  pairs = np.array(list(itertools.combinations(range(24), 2)))
  change = (red[pairs[:, 0]] - red[pairs[:, 1]]).reshape(len(pairs), -1)
  lag = pairs[:, 1] - pairs[:, 0]
  return np.minimum(lag, 24 - lag), change


@pytest.mark.parametrize('name', list(solids.SOLIDS))
def test_no_two_azimuths_look_alike(name):
  for size, yaw in itertools.product((0.75, 1.25), YAWS[[0, 4, 7, 11, 14]]):
    lag, change = _distances(name, size, yaw)
    distance = np.sqrt((change**2).sum(axis=1))
    # One white pixel that turns black is a distance of 1.7.
    assert distance.min() > 1.2
    assert abs(change).max(axis=1).min() > 60 / 255
    # The way round is long: nothing far away is nearer than a neighbour.
    assert distance[lag >= 4].min() > distance[lag == 1].mean()
    # The last step, from 345 degrees to 0, is a step like the others.
    steps = distance[lag == 1]
    assert steps.max() < 4 * steps.min()


def test_nothing_is_cut_off():
  for name, yaw in itertools.product(solids.SOLIDS, YAWS[[0, 7, 14]]):
    rows = rooms.block(name, 1.25, np.radians(yaw), TURNS[:3], False)
    solid = rows.reshape(-1, 6, 64, 64)[:, 2]
    y, x = np.nonzero(solid.max(axis=0))
    assert min(y.min(), x.min()) >= 3 and max(y.max(), x.max()) <= 60
    # And there is something of floor, wall and sky in every picture.
    assert (rows.reshape(-1, 6, 4096).max(axis=2) > 100).all()


def test_the_grids():
  assert rooms3d.STILL.size == 480_000 and rooms3d.GRID.size == 11_520_000
  # The order, the sizes and the names of DeepMind's 3D Shapes.
  assert [(f.name, f.size) for f in rooms3d.STILL.factors] == [
    ('floor_hue', 10),
    ('wall_hue', 10),
    ('object_hue', 10),
    ('scale', 8),
    ('shape', 4),
    ('orientation', 15),
  ]
  assert rooms3d.GRID.factors[:6] == rooms3d.STILL.factors
  assert rooms3d.GRID.factors[6] == data.Factor('azimuth', 24, 'loop')
  loops = [f.name for f in rooms3d.STILL.factors if f.topology == 'loop']
  assert loops == ['floor_hue', 'wall_hue', 'object_hue']


def test_titles_never_claim_the_original(config):
  options = data.store._options
  for variant in ('', 'still'):
    contents = rooms3d.RECIPE.contents(
      options(config('rooms3d', variant=variant))
    )
    assert contents.title.startswith('rooms3d') and contents.row_bytes == 24_576


def test_a_smaller_still_grid_is_prepared_and_read_back(config, monkeypatch):
  grid = _smaller(rooms3d.STILL, scale=2, orientation=2)
  monkeypatch.setitem(data.DATASETS, 'rooms3d', _recipe(grid))
  prepared = data.ensure_prepared(config('rooms3d', variant='still'))
  rows = data.prepared.load(prepared, 'train').rows
  blocks = [block.rows for block in rooms3d.rerendered(grid)]
  np.testing.assert_array_equal(rows, np.concatenate(blocks))
  assert len(rows) == 2 * 4 * 2
  assert prepared.splits['train'].size == 1000 * 16


# DeepMind's file in small: labels are values in the units of the original.
TINY = _smaller(
  rooms3d.STILL,
  **{'floor_hue': 2, 'wall_hue': 2, 'object_hue': 2, 'scale': 2, 'shape': 2},
  orientation=2,
)
VALUES = ((0, 0.1), (0, 0.1), (0, 0.1), (0.75, 1.25), (0, 1), (-30, 30))


def _write(path, **changes):
  classes = TINY.factors_of(np.arange(TINY.size))
  labels = np.stack(
    [np.array(v)[c] for v, c in zip(VALUES, classes.T, strict=True)], axis=1
  )
  images = np.random.default_rng(0).integers(
    0, 256, (TINY.size, 64, 64, 3), np.uint8
  )
  arrays = {'images': images, 'labels': labels} | {
    name: change(images if name == 'images' else labels)
    for name, change in changes.items()
  }
  with h5py.File(path, 'w') as file:
    for name, array in arrays.items():
      file[name] = array
  return images


def test_the_original_file_is_read_in_pieces(tmp_path):
  images = _write(tmp_path / 'x.h5')
  blocks = list(rooms3d.original(tmp_path / 'x.h5', TINY, at_once=10))
  assert [len(block.rows) for block in blocks] == [10] * 6 + [4]
  rows = np.concatenate([block.rows for block in blocks])
  np.testing.assert_array_equal(rows.reshape(images.shape), images)


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    ({'images': lambda x: x[1:]}, r'images have shape \(63, 64, 64, 3\)'),
    ({'images': lambda x: x / 255}, 'dtype float64, expected .* uint8'),
    ({'labels': lambda x: x[:, :5]}, r'labels have shape \(64, 5\)'),
    ({'labels': lambda x: x.astype('f4')}, 'float32, expected .* float64'),
    ({'labels': lambda x: x[::-1]}, 'not in the order of the grid'),
    ({'labels': lambda x: x[:, ::-1]}, 'not in the order of the grid'),
  ],
)
def test_other_arrays_are_refused(tmp_path, changes, message):
  _write(tmp_path / 'x.h5', **changes)
  with pytest.raises(IntegrityError, match=message):
    list(rooms3d.original(tmp_path / 'x.h5', TINY))


@pytest.mark.parametrize('damage', ['truncated', 'labels'])
def test_a_file_that_cannot_be_read_is_refused(tmp_path, damage):
  path = tmp_path / 'x.h5'
  _write(path)
  if damage == 'labels':
    with h5py.File(path, 'a') as file:
      del file['labels']
  else:
    path.write_bytes(path.read_bytes()[:5000])
  with pytest.raises(IntegrityError, match='not the file of 3D Shapes'):
    list(rooms3d.original(path, TINY))


def test_the_original_needs_the_file_with_its_hash(tmp_path, config):
  original = config('rooms3d', variant='original', manual_dir=str(tmp_path))
  with pytest.raises(UserError, match=r'does not have 3dshapes\.h5'):
    data.ensure_prepared(original)
  _write(tmp_path / '3dshapes.h5')
  with pytest.raises(IntegrityError, match=rooms3d.SHA256):
    data.ensure_prepared(original)
