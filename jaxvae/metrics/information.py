"""Entropy and mutual information of discrete variables, in nats.

The estimator is the plug-in one: counts over points, no correction. Codes that
are real numbers are cut into equal-width bins first. This is the protocol of
disentanglement_lib [Locatello et al. 2019, evaluation/metrics/utils.py], with
points as rows where the reference has them as columns.
"""

import numpy as np

from jaxvae.metrics import arrays


def histogram_discretize(codes, bins: int = 20) -> np.ndarray:
  """The bin of every code, 1..bins, of equal width on [min, max] per latent.

  The edges are `numpy.histogram`'s, in float32 for float32 codes, and each bin
  includes its lower edge. A constant code falls into one bin.

  Args:
    codes: [points, latents] real numbers.
    bins: how many bins each latent gets.

  Returns:
    [points, latents] int64.
  """
  precision = arrays.precision(codes)
  codes = arrays.as_codes(codes)
  bins = arrays.bins_of(bins)
  low, high = (
    edge.astype(precision) for edge in (codes.min(axis=0), codes.max(axis=0))
  )
  constant = low == high
  low, high = low - 0.5 * constant, high + 0.5 * constant
  edges = np.linspace(low, high, bins + 1, dtype=precision)[:-1]
  columns = zip(codes.T, edges.T, strict=True)
  return np.stack([np.digitize(z, edge) for z, edge in columns], axis=1)


def discrete_entropy(factors) -> np.ndarray:
  """Entropy of each column of class numbers [points, f]: [f] nats."""
  classes, sizes = _ranked(arrays.as_classes(factors))
  return np.array(
    [
      _entropy(np.bincount(column, minlength=size) / len(column))
      for column, size in zip(classes.T, sizes, strict=True)
    ]
  )


def discrete_mutual_info(codes, factors) -> np.ndarray:
  """Mutual information of every code with every factor.

  Args:
    codes: [points, latents] class numbers (see `histogram_discretize`).
    factors: [points, factors] class numbers.

  Returns:
    [latents, factors] nats, never negative.
  """
  codes = arrays.as_classes(codes, 'codes')
  factors = arrays.as_classes(factors)
  arrays.same_length(codes, factors)
  codes, code_sizes = _ranked(codes)
  factors, factor_sizes = _ranked(factors)
  latents, bins = codes.shape[1], max(code_sizes)
  cells = np.arange(latents) * bins + codes
  information = np.empty((latents, factors.shape[1]))
  for index, size in enumerate(factor_sizes):
    # One count gives the joint table of this factor with all the codes.
    joint = np.bincount(
      (cells * size + factors[:, index, None]).ravel(),
      minlength=latents * bins * size,
    )
    joint = joint.reshape(latents, bins, size) / len(codes)
    information[:, index] = _mutual_information(joint)
  return information


def normalised_mutual_information(
  codes, factors, bins: int | None = 20
) -> np.ndarray:
  """I(code; factor) / H(factor): the part of a factor that a code tells.

  Args:
    codes: [points, latents] real numbers, or class numbers if bins is None.
    factors: [points, factors] class numbers, each factor with two or more; a
      point whose class is NaN is left out of that factor's column.
    bins: equal-width bins for the codes; None takes them as they are.

  Returns:
    [latents, factors], from 0 (nothing) to 1 (the factor is known).
  """
  told = arrays.as_rows(factors, 'factors', 'factors')
  if np.isnan(told).any():
    arrays.same_length(arrays.as_codes(codes), told)
    codes, parts = np.asarray(codes), []
    for column in told.T:
      known = ~np.isnan(column)
      parts.append(
        normalised_mutual_information(codes[known], column[known, None], bins)
      )
    return np.concatenate(parts, axis=1)
  information, entropy = information_and_entropy(codes, factors, bins)
  return information / entropy


def information_and_entropy(
  codes, factors, bins: int | None
) -> tuple[np.ndarray, np.ndarray]:
  """Mutual information [latents, factors] and factor entropy [factors].

  Raises:
    ValueError: a factor has one value only, so that nothing can be told of it.
  """
  entropy = discrete_entropy(factors)
  fixed = np.flatnonzero(entropy == 0)
  if fixed.size:
    raise ValueError(
      f'factor {fixed[0]} has one value only in these points: leave it out'
    )
  if arrays.bins_of(bins, none=True) is not None:
    codes = histogram_discretize(codes, bins)
  return discrete_mutual_info(codes, factors), entropy


def _ranked(classes: np.ndarray) -> tuple[np.ndarray, list[int]]:
  """Class numbers renamed to 0..size-1 per column, and the sizes."""
  columns, sizes = [], []
  for column in classes.T:
    values, ranks = np.unique(column, return_inverse=True)
    columns.append(ranks)
    sizes.append(len(values))
  return np.stack(columns, axis=1), sizes


def _entropy(probability: np.ndarray) -> float:
  probability = probability[probability > 0]
  return max(0.0, float(-(probability * np.log(probability)).sum()))


def _mutual_information(joint: np.ndarray) -> np.ndarray:
  """Of joint tables [..., a, b]: [...] nats."""
  independent = joint.sum(-1, keepdims=True) * joint.sum(-2, keepdims=True)
  log_ratio = np.zeros_like(joint)
  np.divide(joint, independent, out=log_ratio, where=joint > 0)
  np.log(log_ratio, out=log_ratio, where=joint > 0)
  return np.maximum((joint * log_ratio).sum((-2, -1)), 0.0)
