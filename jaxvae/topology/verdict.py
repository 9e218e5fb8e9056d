"""What a circle that was trained is: a loop, a segment, points, or unused.

Any one-dimensional thing embeds in a circle, so every latent is trained as one
and then looked at. The thresholds, and where they come from:

UNUSED  0.1 nats of KL, the same as for active units elsewhere.
PEAK    a break is where decoded images leave the data by more than 0.25 of how
        far the latent moves them. Half way between two unrelated images that is
        0.5 and more; on a circle of n levels, each at most half a step from
        one, it is below sin(pi / n) / sqrt(2), so 0.25 from 9 levels on.
TIMES   and by more than 2.5 times what they are off where there are codes; toy
        loops reach 1.5 of the median, sprites trained on circles of hue 2.
FLOOR   a decoder that is 0.3 of that off the data where there are codes has not
        learned them, and nothing is said; of trained ones 0.02 to 0.1 were
        measured, of folded and unfinished ones 0.4 and more.
STILL   points are places where nothing moves: inside a cluster less than 0.35
        of the whole.
ORDERED clusters whose neighbours on the circle are closer, by 0.75 and less,
        than any two of them are levels of something that has an order.
"""

from typing import NamedTuple

import numpy as np

from jaxvae.topology import occupancy as occupied
from jaxvae.topology import seam

UNUSED = 0.1  # nats
PEAK = 0.25
TIMES = 2.5
FLOOR = 0.3
STILL = 0.35
ORDERED = 0.75
PART = 0.02  # of the codes: fewer are no cluster
KINDS = ('loop', 'segment', 'points', 'unused', 'unclear')


class Verdict(NamedTuple):
  """What a latent circle is, and why.

  Attributes:
    kind: 'loop', 'segment', 'points', 'unused', or 'unclear': decoded images
      are nowhere on the data, or the circle is in several pieces with something
      moving in each; other seeds or a softer start are likely to help.
    points: how many, 0 for the other kinds.
    slot: the latent to train next: 'loop', 'segment', 'points(4)'; empty for a
      latent that is unused. An unclear one stays a loop.
    kl: nats.
    ratio: largest over median distance from the data along the circle.
    height: of the highest break, in units of how far the latent moves images;
      0 for a latent that moves nothing.
    reach: how far it moves them: root mean square distance of two codes' images
      along the circle. The unit of `height`, `floor` and `level`.
    level: distance from the data from which a place is a break.
    floor: distance from the data where there are codes, in the same unit.
    breaks: places where the decoder leaves the data, with codes between them.
    share: of the circle that is occupied by codes.
    arcs: how many stretches of it.
    gap: radians, the longest without codes.
    still: how far images move inside a cluster, over all; nan for under two.
    order: distance of neighbouring clusters over that of any two; nan likewise.
    places: `[breaks]` radians, where the decoder leaves the data.
  """

  kind: str
  points: int
  slot: str
  kl: float
  ratio: float
  height: float
  reach: float
  level: float
  floor: float
  breaks: int
  share: float
  arcs: int
  gap: float
  still: float
  order: float
  places: tuple[float, ...]


def verdict(kl, codes, off, apart, *, unused: float = UNUSED) -> Verdict:
  """Judges one latent.

  Args:
    kl: nats, mean over images.
    codes: `[n]` radians, the means of encoded images.
    off: `[a]` distances from the data of images decoded at the angles 2 pi i /
      a; where other latents were held at several places, their median.
    apart: `[a, a]` distances between the images of the sweep, likewise.
    unused: nats of KL below which the latent is not used.

  Raises:
    ValueError: shapes do not fit, or a number is not finite.
  """
  off, apart = np.asarray(off, np.float64), np.asarray(apart, np.float64)
  angles = len(off) if off.ndim == 1 else 0
  if angles < 16 or apart.shape != (angles, angles):
    raise ValueError(
      f'off {list(off.shape)} and apart {list(apart.shape)}; allowed: [a] and '
      '[a, a] with a at least 16'
    )
  if not (np.isfinite(off).all() and np.isfinite(apart).all()):
    raise ValueError('a distance is NaN or infinite; allowed: finite numbers')
  found = occupied.occupancy(codes)
  at = np.rint(np.mod(codes, 2 * np.pi) * angles / (2 * np.pi)).astype(int)
  at %= angles
  crowd = np.bincount(at, minlength=angles) / len(at)
  # How far the latent moves images: root mean square, over pairs of codes.
  reach = float(np.sqrt(crowd @ apart**2 @ crowd))
  floor = float(np.median(off[at]))
  # What the model leaves out of every image adds to a break as a square.
  still_life = reach < 1e-6 * max(off.max(), 1e-12)
  height = np.sqrt(np.maximum(off**2 - floor**2, 0.0))
  height = np.zeros(angles) if still_life else height / reach
  level = max(float(np.hypot(floor, PEAK * reach)), TIMES * floor)
  high = off > level
  pieces = _pieces(high, crowd)
  still, order, jump = _clusters(pieces, crowd, apart, reach)
  kind = 'unclear'
  if kl < unused or still_life:
    kind = 'unused'
  elif floor > FLOOR * reach:
    kind = 'unclear'
  elif not high.any():
    kind = 'loop'
  elif len(pieces) < 2:
    kind = 'segment'
  elif still < STILL and (len(pieces) < 4 or order > ORDERED):
    kind = 'points'
  elif still < STILL:
    kind = 'segment' if jump else 'loop'
  points = len(pieces) if kind == 'points' else 0
  slot = f'points({points})' if points else kind
  return Verdict(
    kind=kind,
    points=points,
    slot={'unused': '', 'unclear': 'loop'}.get(kind, slot),
    kl=float(kl),
    ratio=seam.ratio(off),
    height=float(height.max()),
    reach=reach,
    level=0.0 if still_life else level / reach,
    floor=0.0 if still_life else floor / reach,
    breaks=max(len(pieces), 1) if high.any() else 0,
    share=found.share,
    arcs=found.arcs,
    gap=found.gap,
    still=still,
    order=order,
    places=_places(pieces, height, high),
  )


def _pieces(high: np.ndarray, crowd: np.ndarray) -> list[np.ndarray]:
  """What lies between breaks, if there are codes: masks `[a]`, in order."""
  if not high.any():
    return []
  turned = np.roll(np.arange(len(high)), -int(np.flatnonzero(high)[0]))
  pieces, piece = [], []
  for place in [*turned, turned[0]]:
    if not high[place]:
      piece.append(place)
    elif piece:
      mask = np.zeros(len(high), bool)
      mask[piece] = True
      if crowd[mask].sum() >= PART:
        pieces.append(mask)
      piece = []
  return pieces


def _clusters(pieces, crowd, apart, reach) -> tuple[float, float, bool]:
  """Motion inside pieces, that of neighbours, and if one step is a jump."""
  if len(pieces) < 2:
    return np.nan, np.nan, False
  weights = np.array([crowd * piece for piece in pieces])
  mass = weights.sum(axis=1, keepdims=True)
  weights = weights / mass
  between = np.sqrt(np.maximum(weights @ apart**2 @ weights.T, 0.0))
  within = np.sqrt((mass[:, 0] * np.diagonal(between) ** 2).sum() / mass.sum())
  k = len(pieces)
  steps = between[np.arange(k), (np.arange(k) + 1) % k]
  pairs = between[np.triu_indices(k, 1)]
  order = float(np.median(steps) / max(np.median(pairs), 1e-12))
  # Of levels in an order, the step that closes the circle.
  jump = bool(steps.max() > 2 * np.median(steps))
  return float(within / max(reach, 1e-12)), order, jump


def _places(pieces, height, high) -> tuple[float, ...]:
  """Radians of the highest place of each break."""
  if not high.any():
    return ()
  angles = len(height)
  if len(pieces) < 2:
    return (float(2 * np.pi * height.argmax() / angles),)
  owner = np.full(angles, -1)
  for which, piece in enumerate(pieces):
    owner[piece] = which
  # A break belongs to the piece that it follows.
  start = int(np.flatnonzero(pieces[0])[0])
  last, places = 0, {}
  for place in np.roll(np.arange(angles), -start):
    if owner[place] >= 0:
      last = owner[place]
    elif high[place] and height[place] >= height[places.get(last, place)]:
      places[last] = place
  return tuple(float(2 * np.pi * places[w] / angles) for w in sorted(places))
