"""Where rays enter solids, against walking along them in small steps."""

import numpy as np
import pytest

from jaxvae.data.render import solids

STEP = 1e-3


def _cube(x, y, z):
  return (abs(x) < 0.9) & (abs(y) < 0.9) & (z > 0) & (z < 1.8)


def _cylinder(x, y, z):
  return (np.hypot(x, y) < 0.95) & (z > 0) & (z < 2)


def _sphere(x, y, z):
  return x**2 + y**2 + (z - 1.1) ** 2 < 1.1**2


def _capsule(x, y, z):
  # All points near the middle line.
  return x**2 + y**2 + (z - np.clip(z, 0.78, 2.02)) ** 2 < 0.78**2


INSIDE = {
  'cube': _cube,
  'cylinder': _cylinder,
  'sphere': _sphere,
  'capsule': _capsule,
}


def _rays(n=300):
  """Rays from all round, some of which pass by."""
  rng = np.random.default_rng(0)
  start = rng.normal(size=(3, n))
  middle = np.array([[0], [0], [1.1]])
  start = 5 * start / np.linalg.norm(start, axis=0) + middle
  aim = rng.uniform(-1.3, 1.3, (3, n)) + middle
  return start, (aim - start) / np.linalg.norm(aim - start, axis=0)


@pytest.mark.parametrize('name', list(solids.SOLIDS))
def test_rays_enter_where_a_walk_finds_the_inside(name):
  origin, rays = _rays()
  distance, normal = solids.SOLIDS[name].enter(origin, rays)
  walk = np.arange(0, 10, STEP)
  points = origin[:, :, None] + rays[:, :, None] * walk
  inside = INSIDE[name](*points)
  met = inside.any(axis=1)
  assert 100 < met.sum() < 290
  # A ray that only grazes may slip between two steps.
  hit = np.isfinite(distance)
  assert not (met & ~hit).any() and (hit & ~met).sum() <= 3
  both = met & hit
  found = walk[inside.argmax(axis=1)]
  assert abs(distance - found)[both].max() < STEP
  # The normal is a unit vector out of the solid.
  normal, end = normal[:, both], (origin + distance * rays)[:, both]
  np.testing.assert_allclose((normal**2).sum(axis=0), 1, atol=1e-9)
  assert ((normal * rays[:, both]).sum(axis=0) < 0).all()
  assert not INSIDE[name](*(end + 1e-3 * normal)).any()
  assert INSIDE[name](*(end - 1e-3 * normal)).mean() > 0.98


@pytest.mark.parametrize('name', list(solids.SOLIDS))
def test_the_ball_around_a_solid_holds_it(name):
  solid = solids.SOLIDS[name]
  x, y, z = np.random.default_rng(0).uniform(-3, 3, (3, 200_000))
  here = INSIDE[name](x, y, z)
  away = np.sqrt(x**2 + y**2 + (z - solid.height / 2) ** 2)[here]
  assert 0.9 * solid.reach < away.max() <= solid.reach
  assert 0.95 * solid.height < z[here].max() <= solid.height
  assert 0 <= z[here].min() < 0.05
