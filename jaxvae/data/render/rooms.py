"""A solid in a coloured room, by ray casting: maps that colours are put into.

The scene is that of DeepMind's 3D Shapes, built anew: a floor, walls, a sky
above them, one solid, one light. Nothing was measured on the original, whose
generator was never published; pictures look alike and no pixel is the same.

What a colour adds to a picture is linear in it, so a geometry is three maps,
how bright floor, walls and solid are in each pixel, and a constant picture of
what has no hue of its own: sky, white paint, shine. `composed = floor * rgb +
wall * rgb + solid * rgb + constant`.

Conventions: z is up, the solid stands at the origin, the camera goes round it
by `yaw` (radians, to the right) and looks at it; the solid turns by `azimuth`
(radians, counter-clockwise from above), the light stays. A pixel is the mean of
`RAYS` x `RAYS` rays, each with its own point of the light, so edges are smooth
and the shadow is a little soft. All in float64: every machine gives the same
bytes.

The paint shows the azimuth from every side: a third of the solid is in full
colour, a third white with some colour, a third dark. The camera sees nearly
half of the sides and the whole of the top, so at least one border between two
thirds is always in front, and no two borders are alike.

[Burgess, Kim, "3D Shapes", 2018]
"""

import functools
from typing import NamedTuple

import numpy as np

from jaxvae.data.render import solids
from jaxvae.data.render.solids import SOLIDS

SIDE = 64
RAYS = 4
SIZES = (0.75, 1.25)  # as in 3D Shapes
YAW = np.pi / 6
SKY = (153, 226, 249)  # of 3D Shapes

_DISTANCE, _HEIGHT, _AIM, _FOCUS = 6.4, 3.3, 0.95, 2.05
_WALL, _WALL_HEIGHT = 5.0, 3.7
_LIGHT, _LIGHT_RADIUS = np.array([-2.2, -5.0, 8.0]), 0.35
_AMBIENT, _WALL_AMBIENT, _SHADOW = 0.45, 0.5, 0.55
_SHINE, _SHARP = 0.16, 24

# What becomes of the brightness in each third of a turn: how much of it takes
# the hue, and how much is white.
_PAINT = np.array([[1.0, 0.0], [0.3, 0.65], [0.38, 0.0]])


class _View(NamedTuple):
  """The empty room from one side, for `n` rays, those of a pixel together.

  Attributes:
    eye: `[3, 1]`.
    rays: directions `[3, n]`.
    floor, wall: `[n]` how bright they are where they are seen, otherwise 0.
    sky: `[n]` 1 where it is seen, otherwise 0.
    ground: `[m]` which rays end on the floor.
    points: `[3, m]` where they end.
    light: `[3, m]` directions from there to the light.
  """

  eye: np.ndarray
  rays: np.ndarray
  floor: np.ndarray
  wall: np.ndarray
  sky: np.ndarray
  ground: np.ndarray
  points: np.ndarray
  light: np.ndarray


class _Seen(NamedTuple):
  """The rays that meet the solid: `[k]` each.

  Attributes:
    at: which rays.
    bright: how bright it is there.
    shine: the white that is added.
    angle: about the vertical, in the room.
  """

  at: np.ndarray
  bright: np.ndarray
  shine: np.ndarray
  angle: np.ndarray


def block(
  shape: str, size: float, yaw: float, azimuths: np.ndarray, paint: bool
) -> np.ndarray:
  """The maps of a solid that turns.

  Args:
    shape: a name in `SOLIDS`.
    size: 1 is the middle of `SIZES`.
    yaw: of the camera.
    azimuths: `[a]` of the solid.
    paint: the solid has its three thirds; otherwise it is of one colour.

  Returns:
    `[a, 6 * 4096]` uint8: maps `[64, 64]` of floor, wall and solid, and of the
    constant's red, green and blue.
  """
  solid, view = SOLIDS[shape], _view(float(yaw))
  found = []
  for number, azimuth in enumerate(azimuths):
    if number == 0 or not solid.round:
      seen = _seen(solid, size, azimuth, view)
      room = _room(solid, size, azimuth, view, seen)
    floor, wall, sky = room
    turn = (seen.angle - azimuth) / (2 * np.pi) % 1
    sector = (turn * len(_PAINT)).astype(int) if paint else 0 * seen.at
    hue, white = _PAINT[sector % len(_PAINT)].T
    own, plain = np.zeros_like(view.floor), np.zeros_like(view.floor)
    own[seen.at] = hue * seen.bright
    plain[seen.at] = white * seen.bright + seen.shine
    constant = _mean(plain) + sky * np.array(SKY)[:, None] / 255
    parts = floor, wall, _mean(own), constant.ravel()
    found.append(_bytes(np.concatenate(parts)))
  return np.stack(found)


@functools.lru_cache(maxsize=16)
def _view(yaw: float) -> _View:
  pixel = np.arange(SIDE * RAYS).reshape(SIDE, RAYS)
  place = (pixel + 0.5) / (SIDE * RAYS) * 2 - 1
  down, right = (
    np.broadcast_to(each, (SIDE, SIDE, RAYS, RAYS)).ravel()
    for each in (place[:, None, :, None], place[None, :, None, :])
  )
  sideways = np.array([np.cos(yaw), np.sin(yaw), 0])
  ahead = np.array([-np.sin(yaw), np.cos(yaw), 0])
  eye = np.array([0, 0, _HEIGHT]) - _DISTANCE * ahead
  forward = np.array([0, 0, _AIM]) - eye
  forward = forward / np.linalg.norm(forward)
  upward = np.cross(sideways, forward)
  across = np.outer(sideways, right) - np.outer(upward, down)
  rays = _unit(forward[:, None] + across / _FOCUS)
  eye = eye[:, None]

  # The walls are left where a ray comes out of the room, through the nearer of
  # two: the camera may stand behind the others.
  reach = np.sign(rays[:2]) * _WALL - eye[:2]
  distance = reach / np.where(rays[:2] == 0, 1e-12, rays[:2])
  which = distance.argmin(axis=0)
  end = eye + distance.min(axis=0) * rays
  below, above = end[2] < 0, end[2] > _WALL_HEIGHT
  to_wall = np.zeros_like(rays)
  to_wall[which, np.arange(len(which))] = -np.sign(
    rays[which, np.arange(len(which))]
  )
  toward = _unit(_LIGHT[:, None] - end)
  facing = np.maximum((to_wall * toward).sum(axis=0), 0)
  wall = _WALL_AMBIENT + (1 - _WALL_AMBIENT) * facing
  (ground,) = np.nonzero(below)
  points = eye - eye[2] / rays[2, ground] * rays[:, ground]
  points[2] = 0
  lamps = _lamps()[:, np.tile(np.arange(RAYS**2), SIDE**2)[ground]]
  light = _unit(lamps - points)
  floor = np.zeros(rays.shape[1])
  floor[ground] = _AMBIENT + (1 - _AMBIENT) * light[2]
  return _View(
    eye=eye,
    rays=rays,
    floor=floor,
    wall=np.where(below | above, 0, wall),
    sky=np.where(above, 1.0, 0.0),
    ground=ground,
    points=points,
    light=light,
  )


def _seen(solid, size: float, azimuth: float, view: _View) -> _Seen:
  (near,) = np.nonzero(_passes(solid, size, view.eye, view.rays))
  rays = view.rays[:, near]
  distance, normal = _enter(solid, size, azimuth, view.eye, rays)
  hit = np.isfinite(distance)
  rays, normal = rays[:, hit], normal[:, hit]
  point = view.eye + distance[hit] * rays
  light = _unit(_LIGHT[:, None] - point)
  facing = np.maximum((light * normal).sum(axis=0), 0)
  # The floor throws light back onto what faces down.
  ambient = _AMBIENT * (0.85 + 0.15 * normal[2])
  bright = ambient + (1 - _AMBIENT) * facing
  half = _unit(light - rays)
  shine = _SHINE * np.maximum((half * normal).sum(axis=0), 0) ** _SHARP
  shine = np.where(facing > 0, np.minimum(shine, 1 - bright), 0)
  return _Seen(near[hit], bright, shine, np.arctan2(point[1], point[0]))


def _room(
  solid, size: float, azimuth: float, view: _View, seen: _Seen
) -> list[np.ndarray]:
  """Floor with the shadow, wall and sky behind the solid, `[4096]` each."""
  (near,) = np.nonzero(_passes(solid, size, view.points, view.light))
  distance, _ = _enter(
    solid, size, azimuth, view.points[:, near], view.light[:, near]
  )
  floor = view.floor.copy()
  floor[view.ground[near[np.isfinite(distance)]]] *= _SHADOW
  found = []
  for part in (floor, view.wall, view.sky):
    part = part.copy()
    part[seen.at] = 0
    found.append(_mean(part))
  return found


def _enter(solid, size, azimuth, origin, rays):
  """Where rays enter a solid: distances `[n]` and normals `[3, n]`."""
  if not solid.round:
    origin, rays = (solids.turned(x, -azimuth) for x in (origin, rays))
  distance, normal = solid.enter(origin / size, rays)
  if not solid.round:
    normal = solids.turned(normal, azimuth)
  return size * distance, normal


def _passes(solid, size: float, origin, rays) -> np.ndarray:
  """Whether lines come near enough to a solid to meet it, `[n]` bool."""
  away = origin - np.array([[0], [0], [size * solid.height / 2]])
  along = np.einsum('kn,kn->n', np.broadcast_to(away, rays.shape), rays)
  return (away**2).sum(axis=0) - along**2 < (size * solid.reach) ** 2


def _lamps() -> np.ndarray:
  """Points of a round light, one for each ray of a pixel, `[3, RAYS**2]`."""
  count = RAYS**2
  # [Vogel, "A better way to construct the sunflower head", 1979]
  number = np.arange(count)
  radius = _LIGHT_RADIUS * np.sqrt((number + 0.5) / count)
  angle = np.pi * (3 - 5**0.5) * number
  flat = radius * np.stack([np.cos(angle), np.sin(angle), 0 * angle])
  return _LIGHT[:, None] + flat


def _unit(vectors: np.ndarray) -> np.ndarray:
  return vectors / np.sqrt((vectors**2).sum(axis=0))


def _mean(rays: np.ndarray) -> np.ndarray:
  """The mean over the rays of each pixel, `[4096]`."""
  return rays.reshape(-1, RAYS**2).mean(axis=1)


def _bytes(values: np.ndarray) -> np.ndarray:
  # A half is rounded up whatever the last bit of the mean is.
  return np.floor(255 * np.clip(values, 0, 1) + (0.5 + 1e-6)).astype(np.uint8)
