"""Where rays meet upright solids that stand at the origin: exact geometry.

Conventions: z points up and the floor is z = 0; points and directions are
arrays `[3, n]`, directions have length 1; a solid of size 1 is about 2 wide or
high. All solids are convex, so a ray enters once.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Solid(NamedTuple):
  """One solid of size 1.

  Attributes:
    enter: (origins `[3, n]`, directions `[3, n]`) -> where rays from outside
      enter: distances `[n]`, infinite if they miss, and normals `[3, n]`.
    height: of its top above the floor.
    reach: radius of the ball around its middle, at half its height, in which it
      lies.
    round: it looks the same however it turns about the vertical.
  """

  enter: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
  height: float
  reach: float
  round: bool


def turned(vectors: np.ndarray, angle: float) -> np.ndarray:
  """Vectors `[3, n]` turned about the vertical, as seen from above."""
  cos, sin = np.cos(angle), np.sin(angle)
  x, y, z = vectors
  return np.stack([cos * x - sin * y, sin * x + cos * y, z])


def _slab(origin, direction, low, high):
  """Where rays are between two parallel planes: from and to which distance."""
  # A ray along the planes is between them always or never.
  safe = np.where(np.abs(direction) < 1e-12, 1e-12, direction)
  one, other = (low - origin) / safe, (high - origin) / safe
  return np.minimum(one, other), np.maximum(one, other)


def _entered(start: np.ndarray, hits: np.ndarray) -> np.ndarray:
  return np.where(hits & (start > 1e-9), start, np.inf)


def _box(half: float):
  def enter(origin, direction):
    spans = [
      _slab(origin[k], direction[k], low, low + 2 * half)
      for k, low in enumerate((-half, -half, 0.0))
    ]
    near, far = (np.stack(each) for each in zip(*spans, strict=True))
    side = near.argmax(axis=0)
    start = near.max(axis=0)
    normal = np.where(np.arange(3)[:, None] == side, -np.sign(direction), 0)
    return _entered(start, start < far.min(axis=0)), normal

  return enter


def _ball(radius: float, middle: float):
  def enter(origin, direction):
    away = origin - np.array([[0], [0], [middle]])
    along = (away * direction).sum(axis=0)
    inside = along**2 - (away**2).sum(axis=0) + radius**2
    start = -along - np.sqrt(np.maximum(inside, 0))
    normal = (away + start * direction) / radius
    return _entered(start, inside > 0), normal

  return enter


def _tube(origin, direction, radius):
  """Where rays are in an endless upright cylinder, and whether they ever."""
  flat = (direction[:2] ** 2).sum(axis=0)
  along = (origin[:2] * direction[:2]).sum(axis=0)
  inside = along**2 - flat * ((origin[:2] ** 2).sum(axis=0) - radius**2)
  root = np.sqrt(np.maximum(inside, 0))
  flat = np.maximum(flat, 1e-12)
  return (-along - root) / flat, (-along + root) / flat, inside > 0


def _cylinder(radius: float, height: float):
  def enter(origin, direction):
    near, far, hits = _tube(origin, direction, radius)
    low, high = _slab(origin[2], direction[2], 0.0, height)
    start = np.maximum(near, low)
    normal = (origin + start * direction) / radius
    normal[2] = 0
    lid = np.zeros_like(normal)
    lid[2] = -np.sign(direction[2])
    hits &= start < np.minimum(far, high)
    return _entered(start, hits), np.where(near > low, normal, lid)

  return enter


def _capsule(radius: float, height: float):
  balls = _ball(radius, radius), _ball(radius, height - radius)

  def enter(origin, direction):
    start, _, hits = _tube(origin, direction, radius)
    level = origin[2] + start * direction[2]
    hits &= (level > radius) & (level < height - radius)
    normal = (origin + start * direction) / radius
    normal[2] = 0
    start = _entered(start, hits)
    for ball in balls:
      other, slope = ball(origin, direction)
      normal = np.where(other < start, slope, normal)
      start = np.minimum(start, other)
    return start, normal

  return enter


# By name, in the order of 3D Shapes.
SOLIDS = {
  'cube': Solid(_box(0.9), 1.8, 0.9 * 3**0.5, round=False),
  'cylinder': Solid(
    _cylinder(0.95, 2.0), 2.0, float(np.hypot(0.95, 1.0)), round=True
  ),
  'sphere': Solid(_ball(1.1, 1.1), 2.2, 1.1, round=True),
  'capsule': Solid(_capsule(0.78, 2.8), 2.8, 1.4, round=True),
}
