"""Which part of the circle an aggregate posterior lives on.

The angles of encoded images fall into bins. A uniform distribution of n angles
leaves a bin of b empty with probability exp(-n / b), so b is at most n / 10
(one bin in 22,000 by chance), and a bin counts as empty when it holds less
than a twentieth of its share.
"""

import math
from typing import NamedTuple

import numpy as np

BINS = 240  # a bin is 1.5 degrees
EACH = 10  # angles a bin, at least, if they lay all around
EMPTY = 0.05  # of the angles that a uniform distribution would have there
GAP = math.radians(15.0)  # an empty stretch that parts two arcs


class Occupancy(NamedTuple):
  """Where there are codes.

  Attributes:
    share: of the circle, in bins that are not empty.
    arcs: stretches that empty ones of 15 degrees and more part; 1 where there
      is at most one such gap.
    centres: `[arcs]` radians, the circular mean of the angles in each.
    weights: `[arcs]` share of the angles in each.
    widths: `[arcs]` radians, from the first to the last bin.
    gap: the longest empty stretch, radians.
    middle: of that stretch, radians; 0 without one.
  """

  share: float
  arcs: int
  centres: np.ndarray
  weights: np.ndarray
  widths: np.ndarray
  gap: float
  middle: float


def occupancy(angles, bins: int = BINS) -> Occupancy:
  """Occupied arcs of the angles `[n]`.

  Args:
    angles: radians, of encoded images.
    bins: fewer where there are less than ten angles for each.

  Raises:
    ValueError: no angles, one that is not finite, or less than 8 bins.
  """
  angles = np.asarray(angles, np.float64)
  if angles.ndim != 1 or not len(angles) or not np.isfinite(angles).all():
    raise ValueError(
      f'angles have shape {list(angles.shape)}; allowed: finite, [n]'
    )
  if bins < 8:
    raise ValueError(f'bins={bins}; allowed: 8 and more')
  bins = int(min(bins, max(24, len(angles) // EACH)))
  width = 2 * math.pi / bins
  at = (np.mod(angles, 2 * math.pi) / width).astype(int) % bins
  counts = np.bincount(at, minlength=bins)
  full = counts > EMPTY * len(angles) / bins
  starts, lengths = _runs(~full)
  longest = int(lengths.argmax()) if len(lengths) else None
  gap = 0.0 if longest is None else float(lengths[longest] * width)
  middle = 0.0
  if longest is not None:
    middle = float((starts[longest] + lengths[longest] / 2) * width)
  # Arcs lie between the gaps that count.
  wide = lengths * width >= GAP - 1e-9
  edges = starts[wide]
  if len(edges) <= 1:
    mean = float(np.angle(np.exp(1j * angles).mean()))
    return Occupancy(
      float(full.mean()), 1, np.array([mean]), np.ones(1),
      np.array([2 * math.pi - (gap if len(edges) else 0.0)]), gap, middle,
    )  # fmt: skip
  # The arc of a bin: how many gaps begin up to it, the last being the first.
  arc = np.searchsorted(edges, np.arange(bins), side='right') % len(edges)
  member = arc[at]
  centres, weights, widths = [], [], []
  for which in range(len(edges)):
    inside = angles[member == which]
    centres.append(np.angle(np.exp(1j * inside).mean()))
    weights.append(len(inside) / len(angles))
    own = np.roll(full & (arc == which), -int(edges[which - 1]))
    places = np.flatnonzero(own)
    widths.append((places[-1] - places[0] + 1) * width)
  return Occupancy(
    float(full.mean()),
    len(edges),
    np.array(centres),
    np.array(weights),
    np.array(widths),
    gap,
    middle,
  )


def _runs(flags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Starts and lengths of the runs of True around a circle of bins."""
  if flags.all() or not flags.any():
    return np.zeros(int(flags.all()), int), np.array(
      [len(flags)] * int(flags.all()), int
    )
  starts = np.flatnonzero(flags & ~np.roll(flags, 1))
  ends = np.flatnonzero(flags & ~np.roll(flags, -1))
  if ends[0] < starts[0]:
    ends = np.roll(ends, -1)
  return starts, (ends - starts) % len(flags) + 1
