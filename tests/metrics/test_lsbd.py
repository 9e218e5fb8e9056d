"""Oracles: values of the reference's code, closed forms, its loops."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from jaxvae.metrics.lsbd import d_lsbd, d_lsbd_points


def angles(*sizes):
  """The grid's angles, [n1, ..., nG] for each of G."""
  turns = [2 * np.pi * np.arange(size) / size for size in sizes]
  return np.meshgrid(*turns, indexing='ij')


def torus(*sizes, frequencies=(1, 1, 1)):
  pairs = [
    function(k * angle)
    for k, angle in zip(frequencies, angles(*sizes), strict=False)
    for function in (np.cos, np.sin)
  ]
  return np.stack(pairs, axis=-1)


def loops(codes, frequencies=(-2, -1, 1, 2)):
  """The protocol, written out: D of each factor at each frequency."""
  sizes = codes.shape[:-1]
  parts = []
  for axis, angle in enumerate(angles(*sizes)):
    moved = codes - codes.mean(axis=axis, keepdims=True)
    moved = moved.reshape(-1, codes.shape[-1])
    pca = PCA(2, svd_solver='full').fit(moved)
    deviation = pca.singular_values_ / np.sqrt(len(moved) - 1)
    plane = pca.transform(moved) / (deviation * np.sqrt(2))
    row = []
    for k in frequencies:
      turned = []
      for (x, y), at in zip(plane, -k * angle.ravel(), strict=True):
        turned.append(
          [x * np.cos(at) - y * np.sin(at), x * np.sin(at) + y * np.cos(at)]
        )
      away = np.array(turned) - np.mean(turned, axis=0)
      row.append((away**2).sum(axis=1).mean())
    parts.append(row)
  return min(
    np.mean([row[k] for row, k in zip(parts, ks, strict=True)])
    for ks in itertools.product(range(len(frequencies)), repeat=len(sizes))
  )


# The reference's code (luis-armando-perez-rey/lsbd-vae) run on a grid of 8 x 6
# angles with k in {-2, -1, 1, 2}^2.
def test_perfect_tori():
  rotation = np.linalg.qr(np.random.RandomState(0).randn(4, 4))[0]
  assert d_lsbd(torus(8, 6)).value < 1e-25
  assert d_lsbd(torus(8, 6) @ rotation).value < 1e-25
  twice = d_lsbd(torus(8, 6, frequencies=(2, 1)))
  assert twice.value < 1e-25
  assert twice.details['frequency'].tolist() == [2, 1]
  assert d_lsbd(torus(8, 6).astype(np.float32)).value < 1e-12


def test_values_of_the_reference():
  noise = 0.1 * np.random.RandomState(1).randn(8, 6, 4)
  assert d_lsbd(torus(8, 6) + noise).value == pytest.approx(
    0.011790251092680925, rel=1e-12
  )
  codes = np.random.RandomState(0).randn(8, 6, 4)
  assert d_lsbd(codes).value == pytest.approx(0.8841304653835587, rel=1e-12)
  a, b = angles(8, 6)
  mixed = [np.cos(a + b), np.sin(a + b), np.cos(a - b), np.sin(a - b)]
  # 47/48: the planes of all points have variance (n - 1) / n, none is a turn.
  result = d_lsbd(np.stack(mixed, axis=-1))
  assert result.value == pytest.approx(47 / 48, rel=1e-12)
  assert result.variant == 'tonnaer2022_torus'


@pytest.mark.parametrize('sizes', [(7,), (5, 4), (4, 3, 5)])
def test_the_loops_agree(sizes):
  random = np.random.RandomState(sum(sizes))
  codes = torus(*sizes) @ random.randn(2 * len(sizes), 5)
  codes = codes + 0.4 * random.randn(*sizes, 5)
  assert d_lsbd(codes).value == pytest.approx(loops(codes), rel=1e-9)


@pytest.mark.parametrize('dtype', [np.float32, np.float64])
def test_an_angle_as_a_scalar_counts_as_no_rotation(dtype):
  # The reference gives NaN: its second principal axis has no variance.
  a, b = angles(8, 6)
  codes = np.stack([a, np.cos(b), np.sin(b)], axis=-1).astype(dtype)
  result = d_lsbd(codes)
  np.testing.assert_allclose(result.per_factor, [1, 0], atol=1e-12)
  assert result.note == '1 of 2 circles lie on a line or a point and count 1'
  assert d_lsbd(a[..., None]).value == 1
  assert d_lsbd(np.zeros((8, 6, 3))).value == 1


def test_a_cylinder_is_the_mean_of_its_objects():
  random = np.random.RandomState(3)
  objects = [torus(6, 5) + 0.3 * random.randn(6, 5, 4) for _ in range(3)]
  expected = np.mean([d_lsbd(codes).value for codes in objects])
  # Factors: the second angle, the object, the first angle; in random order.
  grid = np.indices((3, 6, 5)).reshape(3, -1).T
  order = random.permutation(len(grid))
  codes = np.stack(objects).reshape(-1, 4)[order]
  factors = grid[order][:, [2, 0, 1]]
  result = d_lsbd_points(codes, factors, cyclic=(2, 0))
  assert result.value == pytest.approx(expected, rel=1e-12)
  assert result.variant == 'tonnaer2022_cylinder'
  assert result.parameters['objects'] == 3
  whole = d_lsbd_points(
    codes[factors[:, 1] == 1],
    np.delete(factors[factors[:, 1] == 1], 1, axis=1),
    cyclic=(1, 0),
  )
  assert whole.value == pytest.approx(d_lsbd(objects[1]).value, rel=1e-12)
  assert whole.variant == 'tonnaer2022_torus'


def test_objects_may_turn_either_way():
  # The order of principal axes has no meaning, and so no orientation.
  left, right = torus(6, 5), torus(6, 5, frequencies=(-1, 1))
  grid = np.indices((2, 6, 5)).reshape(3, -1).T
  codes = np.stack([left, right]).reshape(-1, 4)
  assert d_lsbd_points(codes, grid, cyclic=(1, 2)).value < 1e-25


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(0.01, 100))
def test_what_must_not_matter(seed, scale):
  random = np.random.RandomState(seed)
  codes = torus(6, 5) + 0.3 * random.randn(6, 5, 4)
  value = d_lsbd(codes).value
  rotation = np.linalg.qr(random.randn(4, 4))[0]
  sign = random.choice([-1, 1], size=4)
  for changed in (
    codes[..., random.permutation(4)],
    sign * codes,
    scale * codes,
    codes @ rotation,
    codes + random.randn(4),
    np.concatenate([codes, np.full((6, 5, 2), 0.7)], axis=-1),
    np.roll(codes, 2, axis=0),
    codes[::-1],
  ):
    assert d_lsbd(changed).value == pytest.approx(value, rel=1e-7)
  assert d_lsbd(codes, (1, 2)).value == value


def test_bad_input_is_named():
  codes = torus(6, 5)
  with pytest.raises(ValueError, match=r'the shape is \[6\]'):
    d_lsbd(np.zeros(6))
  with pytest.raises(ValueError, match='NaN or infinite in latent 1'):
    d_lsbd(codes + np.array([0, np.nan, 0, 0]))
  with pytest.raises(ValueError, match=r'angles \[2, 5\]: a circle has three'):
    d_lsbd(codes[:2])
  with pytest.raises(ValueError, match='whole numbers'):
    d_lsbd(codes, (0.5,))
  with pytest.raises(ValueError, match='whole numbers'):
    d_lsbd(codes, ())
  factors = np.indices((6, 5)).reshape(2, -1).T
  points = codes.reshape(-1, 4)
  with pytest.raises(ValueError, match='29 points are not each of 30'):
    d_lsbd_points(points[1:], factors[1:], (0, 1))
  with pytest.raises(ValueError, match=r'cyclic \[2\] must name'):
    d_lsbd_points(points, factors, (2,))
  with pytest.raises(ValueError, match=r'cyclic \[\] must name'):
    d_lsbd_points(points, factors, ())


def orientation(m, steps=39):
  """The circle of what an object of m-fold symmetry shows of its turn."""
  seen = np.array([Fraction(m * step, steps) % 1 for step in range(steps)])
  angle = 2 * np.pi * seen.astype(float)
  return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def test_an_encoder_that_tells_all_that_images_tell():
  # dSprites' shapes: codes of a square, an ellipse and a heart come back after
  # 39/4, 39/2 and 39 steps, as their images do. Codes that go round m k times
  # where k' is looked for are at mean square distance (n - 1) / n from their
  # mean, 0: roots of unity sum to 0.
  codes = np.concatenate([orientation(m) for m in (4, 2, 1)])
  factors = np.indices((3, 39)).reshape(2, -1).T
  folds = {1: (0, (4, 2, 1))}
  found = d_lsbd_points(codes, factors, (1,), folds=folds)
  assert found.value < 1e-25 and found.details['frequency'].tolist() == [1]
  assert found.parameters['folds'] == '1:4/2/1 by 0'
  plain = d_lsbd_points(codes, factors, (1,))
  assert plain.value == pytest.approx(2 / 3 * 38 / 39, rel=1e-12)
  assert 'folds' not in plain.parameters
  # What was measured before: two shapes, and 0 and 39 as two of 40 angles.
  two = np.concatenate([orientation(m, 40) for m in (4, 1)])
  factors = np.indices((2, 40)).reshape(2, -1).T
  before = d_lsbd_points(two, factors, (1,))
  assert before.value == pytest.approx(1 / 2 * 39 / 40, rel=1e-12)
  # Of a model that turns a square by its angle, which no image tells.
  told = np.concatenate([orientation(1), orientation(1)])
  factors = np.indices((2, 39)).reshape(2, -1).T
  found = d_lsbd_points(told, factors, (1,), folds={1: (0, (4, 1))})
  assert found.value == pytest.approx(1 / 2 * 38 / 39, rel=1e-12)


def test_folds_in_any_order_of_points():
  random = np.random.RandomState(4)
  grid = np.indices((2, 3, 5, 7)).reshape(4, -1).T  # m, object, turns
  m = np.array([2, 1])[grid[:, 0]]
  a, b = 2 * np.pi * grid[:, 2] / 5, 2 * np.pi * m * grid[:, 3] / 7
  codes = np.stack([np.cos(a), np.sin(a), np.cos(b), np.sin(b)], axis=1)
  order = random.permutation(len(grid))
  factors, codes = grid[order][:, [3, 1, 0, 2]], codes[order]
  found = d_lsbd_points(codes, factors, (0, 3), folds={0: (2, (2, 1))})
  assert found.value < 1e-25
  assert d_lsbd_points(codes, factors, (0, 3)).value > 0.2


@pytest.mark.parametrize(
  ('folds', 'message'),
  [
    ({1: (2, (1,))}, 'factor 2 is no other of the 2'),
    ({1: (1, (1, 1))}, 'factor 1 is no other of the 2'),
    ({1: (0, (1, 2))}, 'are for 2 classes of factor 0, which has 0 to 2'),
    ({1: (0, (1, 2, 0))}, 'factor 1: how often must be at least 1, not 0'),
    ({1: (0, (1, 2, 0.5))}, 'how often must be a whole number, not 0.5'),
    ({1: (4,)}, r'folds of factor 1: \(4,\); allowed: a whole number, or'),
    ('a', "folds='a'; allowed: {2: 4} or"),
  ],
)
def test_folds_that_do_not_fit(folds, message):
  factors = np.indices((3, 5)).reshape(2, -1).T
  with pytest.raises(ValueError, match=message):
    d_lsbd_points(np.zeros((15, 2)), factors, (1,), folds=folds)
  with pytest.raises(ValueError, match='by factor 0, which turns itself'):
    d_lsbd_points(np.zeros((15, 2)), factors, (0, 1), folds={1: (0, (1, 1, 1))})
