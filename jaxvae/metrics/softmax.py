"""Multinomial logistic regression, as the protocols ask for it.

The objective and the rules to stop are those of scikit-learn's lbfgs (mean log
loss, gradient below 1e-4, at most 100 steps). That estimator changed its solver
(0.22), dropped `multi_class` (1.8) and deprecates `penalty` (1.10); this one
stays, and is several times as fast.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

STEPS = 100
TOLERANCE = 1e-4
BLOCK = 200_000  # multiplications


class Softmax(NamedTuple):
  """Multinomial logistic regression that has been fitted.

  Attributes:
    weights: [columns, classes].
    offset: [classes].
    converged: whether the tolerance was met within the steps.
    steps: of lbfgs.
  """

  weights: np.ndarray
  offset: np.ndarray
  converged: bool
  steps: int


def softmax_regression(
  codes,
  labels: np.ndarray,
  size: int,
  penalty: float = np.inf,
  balanced: bool = False,
  start: Softmax | None = None,
) -> Softmax:
  """Minimises the mean log loss plus |weights|^2 / (2 penalty points).

  Two classes have one vector of weights in scikit-learn and two here, opposite
  and each half of it, so that the same fit asks twice the factor.

  Args:
    codes: [points, columns].
    labels: [points] in 0..size-1.
    size: how many classes there are.
    penalty: scikit-learn's C; infinite: none.
    balanced: whether each class weighs the same, whatever its points.
    start: where to begin; at zero by default.
  """
  points, columns = codes.shape
  counts = np.bincount(labels, minlength=size)
  weight = np.ones(points)
  if balanced:
    weight = points / (np.count_nonzero(counts) * counts[labels])
  weight = weight / weight.sum()
  squeeze = (2 if size == 2 else 1) / (penalty * points)
  # Blocks stay in the cache, and are too small for BLAS to start threads,
  # which on a busy machine cost more than the products.
  length = max(1, BLOCK // (max(columns, 4) * size))
  blocks = [
    (
      codes[at : at + length],
      labels[at : at + length],
      weight[at : at + length],
    )
    for at in range(0, points, length)
  ]

  def loss(parameters):
    table = parameters.reshape(columns + 1, size)
    value = 0.5 * squeeze * (table[:-1] ** 2).sum()
    slope = np.zeros_like(table)
    slope[:-1] = squeeze * table[:-1]
    for z, label, share in blocks:
      rows = np.arange(len(label))
      cells = z @ table[:-1]
      cells += table[-1]
      cells -= cells.max(axis=1, keepdims=True)
      chosen = cells[rows, label]
      np.exp(cells, out=cells)
      total = cells.sum(axis=1)
      value += share @ (np.log(total) - chosen)
      cells *= (share / total)[:, None]
      cells[rows, label] -= share
      slope[:-1] += z.T @ cells
      slope[-1] += cells.sum(axis=0)
    return value, slope.ravel()

  begin = np.zeros((columns + 1, size))
  if start is not None:
    begin = np.vstack([start.weights, start.offset])
  found, steps, converged = _descend(loss, begin.ravel())
  table = found.reshape(columns + 1, size)
  return Softmax(table[:-1], table[-1], converged, steps)


def _descend(loss: Callable, place: np.ndarray) -> tuple[np.ndarray, int, bool]:
  """L-BFGS with ten pairs [Nocedal and Wright 2006, algorithm 7.4].

  SciPy's solves small triangular systems on all BLAS threads, which on a busy
  machine costs fifty times the work. The first step, the conditions on a step
  and the rules to stop are its own, so that the way is the same to rounding.
  """
  pairs = deque(maxlen=10)
  value, slope = loss(place)
  for step in range(STEPS + 1):
    if np.abs(slope).max() <= TOLERANCE:
      return place, step, True
    if step == STEPS:
      break
    way = _direction(slope, pairs)
    length = 1.0 if step else 1 / np.linalg.norm(way)
    found = _step(loss, place, value, slope @ way, way, length)
    if found is None:
      break
    there, lower, new_slope = found
    move, turn = there - place, new_slope - slope
    if move @ turn > np.finfo(float).eps * abs(slope @ move):
      pairs.append((move, turn))
    gain = value - lower
    scale = max(abs(value), abs(lower), 1.0)
    place, value, slope = there, lower, new_slope
    if gain <= 64 * np.finfo(float).eps * scale:
      return place, step + 1, True
  return place, step, False


def _direction(slope: np.ndarray, pairs: deque) -> np.ndarray:
  """Minus the inverse Hessian of the pairs, times the slope."""
  way, parts = -slope, []
  for move, turn in reversed(pairs):
    part = (move @ way) / (move @ turn)
    parts.append(part)
    way = way - part * turn
  if pairs:
    move, turn = pairs[-1]
    way = way * ((move @ turn) / (turn @ turn))
  for (move, turn), part in zip(pairs, reversed(parts), strict=True):
    way = way + (part - (turn @ way) / (move @ turn)) * move
  return way


def _step(loss, place, value, fall, way, length):
  """A step that lowers the loss enough and flattens its slope enough.

  The search of More and Thuente [1994, sections 2 to 4], with 1e-3 and 0.9 in
  the conditions of Wolfe. `best` and `other` are (length, value, slope) at the
  ends of what is searched; until a step is long enough, both are taken of the
  loss above the line of sufficient decrease.
  """
  enough = 1e-3 * fall
  best = other = (0.0, value, fall)
  bracketed, first = False, True
  shortest, longest = 0.0, 5 * length
  width, before = 1e10, 2e10
  for _ in range(50):
    there = place + length * way
    found, slope = loss(there)
    now = (length, found, slope @ way)
    allowed = value + length * enough
    first = first and not (found <= allowed and now[2] >= 0)
    if found <= allowed and abs(now[2]) <= -0.9 * fall:
      return there, found, slope
    tilt = enough if first and allowed < found <= best[1] else 0.0
    ends = [(t, f - t * tilt, g - tilt) for t, f, g in (best, other, now)]
    best, other, length, bracketed = _trial(*ends, bracketed, shortest, longest)
    best, other = ((t, f + t * tilt, g + tilt) for t, f, g in (best, other))
    if bracketed:
      if abs(other[0] - best[0]) >= 0.66 * before:
        length = best[0] + 0.5 * (other[0] - best[0])
      before, width = width, abs(other[0] - best[0])
      shortest, longest = sorted((best[0], other[0]))
    else:
      shortest = length + 1.1 * (length - best[0])
      longest = length + 4 * (length - best[0])
    length = float(np.clip(length, 0, 1e10))
  return None


def _trial(best, other, now, bracketed: bool, shortest: float, longest: float):
  """The next length, by cubics and parabolas, and the ends moved up to now."""
  (a, at_a, slope_a), (t, at_t, slope_t) = best, now
  mean = 3 * (at_a - at_t) / (t - a) + slope_a + slope_t
  root = np.copysign(np.sqrt(max(mean**2 - slope_a * slope_t, 0.0)), t - a)
  secant = t + slope_t / (slope_t - slope_a) * (a - t)
  turned = slope_t * np.sign(slope_a) < 0
  if at_t > at_a:
    cubic = a + (root - slope_a + mean) / (2 * root - slope_a + slope_t) * (
      t - a
    )
    chord = (at_a - at_t) / (t - a) + slope_a
    parabola = a + slope_a / chord / 2 * (t - a)
    near = abs(cubic - a) <= abs(parabola - a)
    length = cubic if near else cubic + (parabola - cubic) / 2
    return best, now, length, True
  if turned:
    cubic = t + (mean - root - slope_t) / (slope_a - slope_t - 2 * root) * (
      a - t
    )
    far = abs(cubic - t) > abs(secant - t)
    return now, best, cubic if far else secant, True
  if abs(slope_t) < abs(slope_a):
    part = (mean - root - slope_t) / (slope_a - slope_t - 2 * root)
    if part < 0 and root != 0:
      cubic = t + part * (a - t)
    else:
      cubic = longest if t > a else shortest
    near = abs(cubic - t) < abs(secant - t)
    if bracketed:
      length = cubic if near else secant
      limit = t + 0.66 * (other[0] - t)
      length = min(limit, length) if t > a else max(limit, length)
    else:
      length = float(np.clip(secant if near else cubic, shortest, longest))
    return now, other, length, bracketed
  if not bracketed:
    return now, other, longest if t > a else shortest, False
  b, at_b, slope_b = other
  mean = 3 * (at_t - at_b) / (b - t) + slope_b + slope_t
  root = np.copysign(np.sqrt(max(mean**2 - slope_b * slope_t, 0.0)), b - t)
  part = (mean - root - slope_t) / (slope_b - slope_t - 2 * root)
  return now, other, t + part * (b - t), True


def logits(model: Softmax, codes) -> np.ndarray:
  """[points, classes], log probabilities up to a constant of each point."""
  return codes @ model.weights + model.offset


def log_loss(model: Softmax, codes, labels: np.ndarray) -> float:
  """Mean over points of -log p(label), in nats."""
  scores = logits(model, codes)
  scores -= scores.max(axis=1, keepdims=True)
  chosen = scores[np.arange(len(labels)), labels]
  return float((np.log(np.exp(scores).sum(axis=1)) - chosen).mean())
