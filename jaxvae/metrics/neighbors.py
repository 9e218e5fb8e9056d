"""Mutual information of continuous codes with classes, by nearest neighbours.

The estimator of Ross [2014, Mutual Information between Discrete and Continuous
Data Sets, PLoS ONE 9(2): e87357], for one-dimensional codes only and therefore
by sorting, on a line or round a circle. scikit-learn's `mutual_info_classif`
computes the same formula with a tree.
"""

import numpy as np
from scipy.special import digamma

TURN = 2 * np.pi


def nearest_neighbor_information(
  codes: np.ndarray, classes: np.ndarray, neighbors: int, turn: float = 0.0
) -> np.ndarray:
  """Mutual information of continuous codes with classes [Ross 2014, eq. 2].

  psi(N) + <psi(k)> - <psi(N of the class)> - <psi(m)>: r is the distance to
  the k-th neighbour within the class, m counts the points nearer than r, the
  point itself among them. A class of fewer points has a smaller k, a point
  alone in its class is left out. One-dimensional codes are sorted, so that
  neighbours are next to each other.

  Args:
    codes: [points, columns], each column on its own, without ties.
    classes: [points].
    neighbors: k.
    turn: the length of the circle on which codes in [0, turn) lie; 0: a line.

  Returns:
    [columns] nats, never negative.
  """
  _, ranks, counts = np.unique(classes, return_inverse=True, return_counts=True)
  keep = counts[ranks] > 1
  if not keep.any():
    raise ValueError('each class has one point only: no neighbours in it')
  codes, ranks = codes[keep], ranks[keep]
  radius = np.empty_like(codes)
  for rank in np.flatnonzero(counts > 1):
    members = np.flatnonzero(ranks == rank)
    nearest = min(neighbors, len(members) - 1)
    radius[members] = _radii(codes[members], nearest, turn)
  within = np.stack(
    [_within(*pair, turn) for pair in zip(codes.T, radius.T, strict=True)],
    axis=1,
  )
  sizes = counts[ranks]
  known = digamma(len(ranks)) - digamma(sizes).mean()
  known += digamma(np.minimum(neighbors, sizes - 1)).mean()
  return np.maximum(known - digamma(within).mean(axis=0), 0.0)


def _radii(codes: np.ndarray, nearest: int, turn: float) -> np.ndarray:
  """Distance of each code to its k-th nearest: the least window of k + 1."""
  order = np.argsort(codes, axis=0)
  line = np.take_along_axis(codes, order, axis=0)
  if turn:
    before, after = line[-nearest:] - turn, line[:nearest] + turn
  else:
    edge = np.full((nearest, codes.shape[1]), np.inf)
    before, after = -edge, edge
  wide = np.concatenate([before, line, after])
  best = np.full_like(line, np.inf)
  for left in range(nearest + 1):
    low = wide[nearest - left :][: len(line)]
    high = wide[2 * nearest - left :][: len(line)]
    np.minimum(best, np.maximum(line - low, high - line), out=best)
  radius = np.empty_like(codes)
  np.put_along_axis(radius, order, best, axis=0)
  return radius


def _within(code: np.ndarray, radius: np.ndarray, turn: float) -> np.ndarray:
  """How many codes are strictly nearer to each code than its radius."""
  line = np.sort(code)
  if turn:
    line = np.concatenate([line - turn, line, line + turn])
  first = np.searchsorted(line, code - radius, side='right')
  end = np.searchsorted(line, code + radius, side='left')
  # code +- radius is rounded and may land on the wrong side of a neighbour;
  # the difference of two codes, of which the radius is one, decides.
  wide = np.concatenate([[-np.inf], line, [np.inf]])
  for _ in range(len(line)):
    out = (code - wide[first + 1] >= radius) & (first < end)
    more = code - wide[first] < radius
    past = (wide[end] - code >= radius) & (first < end)
    less = wide[end + 1] - code < radius
    if not (out | more | past | less).any():
      break
    first += out.astype(int) - (more & ~out)
    end += (less & ~past).astype(int) - past
  return np.maximum(end - first, 1)
