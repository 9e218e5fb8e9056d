"""Covered areas against closed forms, and against another rasteriser."""

import itertools

import numpy as np
import pytest
from PIL import Image, ImageDraw

from jaxvae.data.render import glyphs, hues

KINDS = range(len(glyphs.SHAPES))


def _masks(kind, radius=16.0, angle=0.0, centre=(32.0, 32.0)):
  many = np.broadcast_arrays(kind, radius, angle)
  shape, radius, angle = (np.atleast_1d(each) for each in many)
  centre = np.broadcast_to(centre, (len(shape), 2))
  return glyphs.masks(shape, radius, angle, centre) / 255


def _polygon(kind, radius, angle, centre):
  """Corners by complex numbers: a screen's y points down, hence the conj."""
  x, y = glyphs.outline(kind).T
  turned = np.conj((x - 1j * y) * np.exp(1j * angle))
  return radius * np.stack([turned.real, turned.imag], axis=1) + centre


def test_a_rectangle_covers_the_product_of_its_overlaps():
  x0, x1, y0, y1 = 3.25, 9.5, 60.125, 62.75
  box = np.array([[[x0, y0], [x1, y0], [x1, y1], [x0, y1]]])
  k = np.arange(64)
  along = np.clip(np.minimum(k + 1, x1) - np.maximum(k, x0), 0, 1)
  down = np.clip(np.minimum(k + 1, y1) - np.maximum(k, y0), 0, 1)
  np.testing.assert_allclose(
    glyphs.coverage(box)[0], np.outer(down, along), atol=1e-12
  )


def test_a_triangle_is_cut_at_the_diagonal():
  triangle = np.array([[[2.0, 2.0], [6.0, 2.0], [2.0, 6.0]]])
  covered = glyphs.coverage(triangle)[0, 2:6, 2:6]
  # The hypotenuse halves the pixels of the other diagonal.
  expected = np.tri(4)[::-1] - np.eye(4)[::-1] / 2
  np.testing.assert_allclose(covered, expected, atol=1e-12)


@pytest.mark.parametrize('kind', glyphs.SHAPES)
def test_the_sum_is_the_area_of_the_polygon(kind):
  corners = _polygon(kind, 13.3, 0.7, (30.1, 33.3))
  x, y = corners.T
  area = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
  assert abs(glyphs.coverage(corners[None]).sum() - area) < 1e-9


@pytest.mark.parametrize('kind', glyphs.SHAPES)
def test_pil_draws_the_same(kind):
  angle, centre, fine = 2.2, (27.4, 35.8), 32
  corners = _polygon(kind, 12.0, angle, centre)
  big = Image.new('L', (64 * fine, 64 * fine))
  # PIL counts from the centre of the first pixel.
  flat = (corners * fine - 0.5).ravel().tolist()
  ImageDraw.Draw(big).polygon(flat, fill=255)
  drawn = np.asarray(big).reshape(64, fine, 64, fine).mean(axis=(1, 3)) / 255
  mask = _masks(glyphs.SHAPES.index(kind), 12.0, angle, centre)[0]
  # PIL's outline is up to a fine pixel too wide: two fine pixels in 32.
  assert abs(mask - drawn).max() < 2.5 / fine


def test_a_quarter_turn_is_a_quarter_turn_of_the_picture():
  # NumPy turns from the first axis (down) to the second (right): it is
  # counter-clockwise on the screen, as our angles are.
  for kind in KINDS:
    first, turned = _masks(kind, angle=np.array([0, np.pi / 2]))
    np.testing.assert_allclose(np.rot90(first), turned, atol=1 / 255)


def test_the_arrow_points_up_at_first():
  mask = _masks(glyphs.SHAPES.index('arrow'))[0]
  rows = np.flatnonzero(mask.sum(axis=1))
  head = mask[rows[0] + 9].sum()
  assert head > 1.5 * mask[rows[-1] - 5].sum()


@pytest.mark.parametrize('kind', KINDS)
def test_shapes_stay_in_their_circle_and_touch_it(kind):
  outline = glyphs.outline(glyphs.SHAPES[kind])
  reach = np.hypot(*outline.T)
  assert reach.max() == pytest.approx(1)
  # The smallest circle is touched at two opposite points or at three.
  touching = np.angle(outline[reach > 0.998] @ [1, 1j])
  gaps = np.diff(np.sort(np.append(touching, touching.min() + 2 * np.pi)))
  assert gaps.max() < np.pi * 1.02
  masks = _masks(kind, 16.0, np.linspace(0, 2 * np.pi, 24))
  assert masks[:, 16:48, 16:48].any(axis=(1, 2)).all()
  masks[:, 16:48, 16:48] = 0
  assert not masks.any()


@pytest.mark.parametrize('kind', KINDS)
def test_no_two_angles_look_alike(kind):
  """At the smallest radius; also not nearly, as a symmetry would have it."""
  masks = _masks(kind, 8.0, 2 * np.pi * np.arange(40) / 40).reshape(40, -1)
  pairs = np.array(list(itertools.combinations(range(40), 2)))
  apart = np.minimum(pairs[:, 1] - pairs[:, 0], 40 - pairs[:, 1] + pairs[:, 0])
  change = abs(masks[pairs[:, 0]] - masks[pairs[:, 1]]).sum(axis=1)
  # In pixels fully changed, of about 80 that are lit.
  assert change.min() > 4
  # Farther turns change more: nothing comes back before the whole turn.
  assert change[apart >= 5].min() > 1.5 * change[apart == 1].max()


def test_shapes_move_and_grow_by_fractions_of_a_pixel():
  for kind in KINDS:
    small, large = _masks(kind, np.array([11.0, 11.02])).reshape(2, -1)
    assert 0 < (large - small).sum() < 4
    there = _masks(kind, centre=(32.25, 32.0))[0]
    here = _masks(kind)[0]
    x = np.arange(64) + 0.5
    move = (there.sum(0) @ x) / there.sum() - (here.sum(0) @ x) / here.sum()
    assert move == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(
  ('count', 'step'),
  [(6, 255), (10, 153), (12, 127.5), (72, 21.25), (360, 4.25)],
)
def test_hues_are_a_closed_circle(count, step):
  table = np.array(hues.table(count))
  assert table.shape == (count, 3) and len(set(map(tuple, table))) == count
  assert table[0].tolist() == [255, 0, 0]
  assert (table.max(axis=1) == 255).all() and (table.min(axis=1) == 0).all()
  # Along an edge of the colour cube one channel goes by 6 * 255 / count; the
  # last colour is the neighbour of the first.
  change = abs(table - np.roll(table, -1, axis=0)).sum(axis=1)
  assert abs(change - step).max() <= 1.5 or count == 10
  assert change[-1] == change[0] or abs(change[-1] - change[0]) <= 1
