"""The metrics as plain loops, the way the references run them.

One step after another, as field notes and papers describe the protocols of
disentanglement_lib: the peers of `jaxvae.bench.metrics` and, where nothing is
drawn or the draws are the same, second oracles of the tests. A data set is two
functions: `draw(state, count)` gives factors `[count, f]`, `encode(factors)`
gives their codes `[count, d]`.
"""

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score

Draw = Callable[[np.random.RandomState, int], np.ndarray]
Encode = Callable[[np.ndarray], np.ndarray]


def grid(sizes: Sequence[int], codes: np.ndarray) -> tuple[Draw, Encode]:
  """Uniform factors of a whole grid, and its codes looked up in a table."""
  strides = np.append(np.cumprod(sizes[::-1])[::-1][1:], 1)

  def draw(state, count):
    factors = np.zeros((count, len(sizes)), np.int64)
    for column, size in enumerate(sizes):
      factors[:, column] = state.randint(size, size=count)
    return factors

  return draw, lambda factors: codes[factors @ strides]


def beta_vae(
  draw: Draw, encode: Encode, train=10_000, test=5_000, batch=64, seed=0
) -> tuple[float, float]:
  """Accuracy in training and on the test."""
  state = np.random.RandomState(seed)
  width = draw(np.random.RandomState(seed), 1).shape[1]

  def features(count):
    labels, rows = np.zeros(count, np.int64), []
    for step in range(count):
      shared = state.randint(width)
      first, second = draw(state, batch), draw(state, batch)
      second[:, shared] = first[:, shared]
      rows.append(np.mean(np.abs(encode(first) - encode(second)), axis=0))
      labels[step] = shared
    return np.array(rows, np.float64), labels

  x, y = features(train)
  model = LogisticRegression(random_state=state).fit(x, y)
  test_x, test_y = features(test)
  return model.score(x, y), model.score(test_x, test_y)


def factor_vae(
  draw: Draw,
  encode: Encode,
  train=10_000,
  test=5_000,
  batch=64,
  variance_points=10_000,
  threshold=0.05,
  seed=0,
) -> tuple[float, float]:
  """Accuracy in training and on the test."""
  state = np.random.RandomState(seed)
  points = draw(state, variance_points)
  width = points.shape[1]
  whole = np.var(encode(points), axis=0, ddof=1)
  active = np.sqrt(whole) >= threshold
  if not active.any():
    return 0.0, 0.0

  def votes(count):
    table = np.zeros((width, active.sum()), np.int64)
    for _ in range(count):
      fixed = state.randint(width)
      factors = draw(state, batch)
      factors[:, fixed] = factors[0, fixed]
      local = np.var(encode(factors), axis=0, ddof=1)
      with np.errstate(invalid='ignore'):
        table[fixed, np.argmin(local[active] / whole[active])] += 1
    return table

  table = votes(train)
  names, columns = np.argmax(table, axis=0), np.arange(active.sum())
  trained = table[names, columns].sum() / train
  return trained, votes(test)[names, columns].sum() / test


def mig(codes: np.ndarray, factors: np.ndarray, bins: int = 20) -> float:
  """A call of scikit-learn for every pair of a code and a factor."""
  cut = np.zeros(codes.shape, np.int64)
  for column in range(codes.shape[1]):
    edges = np.histogram(codes[:, column], bins)[1][:-1]
    cut[:, column] = np.digitize(codes[:, column], edges)
  gaps = []
  for factor in factors.T:
    told = sorted(mutual_info_score(factor, code) for code in cut.T)
    gaps.append((told[-1] - told[-2]) / mutual_info_score(factor, factor))
  return float(np.mean(gaps))


def sap_continuous(codes: np.ndarray, factors: np.ndarray) -> float:
  """Squared correlation of every pair of a code and a factor, one by one."""
  score = np.zeros((codes.shape[1], factors.shape[1]))
  for row, code in enumerate(codes.T):
    for column, factor in enumerate(factors.T):
      covariance = np.cov(code, factor, ddof=1)
      if covariance[0, 0] > 1e-12:
        product = covariance[0, 0] * covariance[1, 1]
        score[row, column] = covariance[0, 1] ** 2 / product
  ordered = np.sort(score, axis=0)
  return float(np.mean(ordered[-1] - ordered[-2]))


def irs(
  codes: np.ndarray,
  factors: np.ndarray,
  bins: int = 20,
  quantile: float = 0.99,
) -> float:
  """One pass over the points for every factor and every group of its values."""
  codes = codes[:, np.var(codes, axis=0) > 0]
  if codes.shape[1] == 0:
    return 0.0
  largest = np.max(np.abs(codes - codes.mean(axis=0)), axis=0)
  score = np.zeros((codes.shape[1], factors.shape[1]))
  for column, factor in enumerate(factors.T):
    edges = np.histogram(factor, bins)[1][:-1]
    groups = np.digitize(factor, edges)
    deviations = []
    for group in np.unique(groups):
      among = codes[groups == group]
      apart = np.abs(among - among.mean(axis=0))
      deviations.append(np.percentile(apart, 100 * quantile, axis=0))
    score[:, column] = 1 - np.mean(deviations, axis=0) / largest
  return float(np.average(score.max(axis=1), weights=largest))
