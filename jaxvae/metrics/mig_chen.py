"""MIG as its authors compute it [Chen et al. 2018, arXiv:1802.04942].

I(z_j; v_k) = H(z_j) - H(z_j | v_k) with z_j drawn from the posterior, not its
mean: q(z_j) is the mixture of the posteriors of all points, and q(z_j | v_k)
of those that share a value (their section 4.1). The entropies are means of
-log q over samples.
"""

import numpy as np

from jaxvae.metrics import arrays
from jaxvae.metrics.held_out import varied
from jaxvae.metrics.information import discrete_entropy
from jaxvae.metrics.mig import factor_gap, latent_gap
from jaxvae.metrics.score import Score

_CELLS = 2**17  # densities at a time: they stay in the cache


def mig_chen(
  means, variances, factors, samples: int = 10_000, seed: int = 0
) -> Score:
  """MIG from the densities of Gaussian posteriors, variant 'chen2018'.

  The points are the whole data set, each combination of factors once (dSprites
  without shape in the paper, as a factor; its points with all shapes). One
  sample is drawn from each posterior; an entropy is the mean over at most
  `samples` of them, without replacement. Negative information, which the
  samples' noise can give, is cut at 0 as by the authors.

  The time is that of points * samples * latents * (1 + factors) exponentials:
  100 seconds for 1e10 on one core. Memory does not grow with it.

  Args:
    means: [points, latents] of the posteriors.
    variances: [points, latents], above 0.
    factors: [points, factors] class numbers, each factor with two or more. If
      values are not equally frequent, they weigh as they occur.
    samples: of each mixture.
    seed: of the samples and of which are taken.

  Returns:
    The score; details: mutual_information [latents, factors] before the cut,
    entropy [factors], marginal_entropy [latents] (differential), in nats;
    mig_sup, the gap seen from the latents with variance of the mean above
    0.01 [Li et al. 2020, arXiv:2002.10549], None if there are none or only one
    factor.

  Raises:
    ValueError: NaN, shapes that differ, a variance of 0, one latent only, a
      factor that is fixed, no samples.
  """
  means = arrays.as_codes(means, 'means')
  variances = arrays.as_codes(variances, 'variances')
  factors = arrays.as_classes(factors)
  arrays.same_length(means, factors)
  if means.shape != variances.shape:
    raise ValueError(
      f'means {list(means.shape)} and variances {list(variances.shape)} '
      'must have one shape'
    )
  if (variances <= 0).any():
    raise ValueError(f'variances must be above 0, not {variances.min()}')
  if means.shape[1] < 2:
    raise ValueError('MIG compares two codes: one latent has no gap')
  samples = arrays.whole('samples', samples)
  seed = arrays.seed(seed)
  varied(factors)
  random = np.random.RandomState(seed)
  drawn = means + np.sqrt(variances) * random.standard_normal(means.shape)

  def mixture_entropy(rows: np.ndarray) -> np.ndarray:
    taken = random.permutation(rows)[:samples]
    return _entropy(drawn[taken], means[rows], variances[rows])

  marginal = mixture_entropy(np.arange(len(means)))
  information = np.empty((means.shape[1], factors.shape[1]))
  for index, column in enumerate(factors.T):
    values, counts = np.unique(column, return_counts=True)
    conditional = sum(
      count / len(means) * mixture_entropy(np.flatnonzero(column == value))
      for value, count in zip(values, counts, strict=True)
    )
    information[:, index] = marginal - conditional
  entropy = discrete_entropy(factors)
  told = np.maximum(information, 0)
  gap = factor_gap(told, entropy)
  active = means.var(axis=0, ddof=1) > 0.01
  sup = None
  if active.any() and factors.shape[1] > 1:
    sup = float(latent_gap(told, entropy)[active].mean())
  return Score(
    name='mig',
    value=float(gap.mean()),
    variant='chen2018',
    parameters={'points': len(means), 'samples': samples, 'seed': seed},
    per_factor=gap,
    details={
      'mutual_information': information,
      'entropy': entropy,
      'marginal_entropy': marginal,
      'mig_sup': sup,
    },
  )


def _entropy(
  drawn: np.ndarray, means: np.ndarray, variances: np.ndarray
) -> np.ndarray:
  """Mean of -log density of a mixture with equal weights: [latents] nats."""
  rows = max(1, _CELLS // len(means))
  log_scale = -0.5 * np.log(2 * np.pi * variances) - np.log(len(means))
  precision = -0.5 / variances
  total = np.zeros(means.shape[1])
  for latent in range(means.shape[1]):
    for start in range(0, len(drawn), rows):
      cells = drawn[start : start + rows, latent, None] - means[:, latent]
      np.square(cells, out=cells)
      cells *= precision[:, latent]
      cells += log_scale[:, latent]
      highest = cells.max(axis=1)
      cells -= highest[:, None]
      np.exp(cells, out=cells)
      total[latent] -= (highest + np.log(cells.sum(axis=1))).sum()
  return total / len(drawn)
