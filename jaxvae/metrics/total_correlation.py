"""Total correlation of codes, as if they were Gaussian.

TC = KL(N(0, C) || N(0, diag C)) = (sum_i log C_ii - log det C) / 2, C the
covariance of the codes [Watanabe 1960; as a score of codes Locatello et al.
2019, arXiv:1811.12359]. 0 where no two codes correlate; infinite where one is a
linear function of the others.
"""

import numpy as np

from jaxvae.metrics import arrays
from jaxvae.metrics.score import Score


def gaussian_total_correlation(codes) -> Score:
  """TC by the protocol of disentanglement_lib, variant 'locatello2019'.

  Codes are posterior means, their covariance is the unbiased one of these
  points; the reference draws 10,000. Constant codes, of which the reference
  makes NaN or infinity, are independent of everything and are left out; the
  note counts them. Less is better, and scale does not matter.

  Args:
    codes: [points, latents] real numbers, two points or more.

  Returns:
    The score, in nats; details: covariance [latents, latents].

  Raises:
    ValueError: NaN, or one point only.
  """
  codes = arrays.as_codes(codes)
  covariance = covariance_of(codes)
  value = total_correlation_of_covariance(covariance)
  dead = int((np.diag(covariance) == 0).sum())
  notes = [f'{dead} constant codes left out'] if dead else []
  if np.isinf(value):
    notes.append(
      'infinite: some codes are linear functions of the others'
      if len(codes) > codes.shape[1] - dead
      else f'infinite: {len(codes)} points for {codes.shape[1] - dead} codes'
    )
  return Score(
    name='gaussian_total_correlation',
    value=value,
    variant='locatello2019',
    parameters={'points': len(codes)},
    details={'covariance': covariance},
    note='; '.join(notes),
  )


def total_correlation_of_covariance(covariance) -> float:
  """(sum log C_ii - log det C) / 2 of a covariance matrix [d, d], in nats.

  Rows and columns whose variance is 0 are left out; of none that is left the
  value is 0. It is infinite where the rest is singular to rounding.

  Raises:
    ValueError: NaN, or what is no covariance.
  """
  covariance = as_covariance(covariance)
  live = np.diag(covariance) > 0
  covariance = covariance[np.ix_(live, live)]
  scale = np.sqrt(np.diag(covariance))
  spectrum = np.linalg.eigvalsh(covariance / np.outer(scale, scale))
  if len(scale) and spectrum[0] <= len(scale) * np.finfo(float).eps:
    return float('inf')
  own = np.log(np.diag(covariance)).sum()
  return max(0.0, float(own - np.linalg.slogdet(covariance)[1]) / 2)


def covariance_of(codes: np.ndarray) -> np.ndarray:
  """Unbiased covariance [d, d] of checked codes, exactly 0 of constant ones."""
  if len(codes) < 2:
    raise ValueError('1 point has no covariance; allowed: two or more')
  covariance = np.atleast_2d(np.cov(codes.T))
  constant = codes.min(axis=0) == codes.max(axis=0)
  covariance[constant] = 0
  covariance[:, constant] = 0
  return covariance


def as_covariance(covariance) -> np.ndarray:
  """A symmetric matrix [d, d] of finite numbers, no variance below 0."""
  covariance = arrays.as_numbers(covariance, 'covariance')
  if covariance.ndim != 2 or not 0 < len(covariance) == covariance.shape[1]:
    raise ValueError(
      f'a covariance must be [d, d]; the shape is {list(covariance.shape)}'
    )
  if not np.isfinite(covariance).all():
    raise ValueError('the covariance is NaN or infinite; allowed: finite')
  if np.abs(covariance).max() > arrays.LARGEST**2:
    raise ValueError(f'the covariance is above {arrays.LARGEST**2:g}')
  if not np.allclose(covariance, covariance.T):
    raise ValueError('the covariance is not symmetric')
  if (np.diag(covariance) < 0).any():
    raise ValueError('the covariance has a variance below 0')
  return covariance
