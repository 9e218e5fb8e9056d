"""Wasserstein correlation of codes, as if they were Gaussian.

The squared 2-Wasserstein distance of N(0, C) from N(0, D), D = diag C, is
tr C + tr D - 2 tr (C D)^(1/2) = 2 tr C - 2 tr (C D)^(1/2) [Olkin and Pukelsheim
1982; as a score of codes Locatello et al. 2019, arXiv:1811.12359].
"""

from typing import NamedTuple

import numpy as np

from jaxvae.metrics import arrays
from jaxvae.metrics.score import Score
from jaxvae.metrics.total_correlation import as_covariance, covariance_of


class Wasserstein(NamedTuple):
  """The distance, and its share of all variance.

  Attributes:
    plain: in the unit of the codes, squared.
    normalised: plain / tr C, without a unit.
  """

  plain: Score
  normalised: Score


def gaussian_wasserstein(codes) -> Wasserstein:
  """Both scores by disentanglement_lib's protocol, variant 'locatello2019'.

  Codes are posterior means, their covariance is the unbiased one of these
  points; the reference draws 10,000. Constant codes add nothing to either.
  Less is better; scaling all codes scales the plain score alone.

  Args:
    codes: [points, latents] real numbers, two points or more.

  Returns:
    The scores; details: covariance [latents, latents]. Normalised is NaN, and
    says so, where every code is constant.

  Raises:
    ValueError: NaN, or one point only.
  """
  codes = arrays.as_codes(codes)
  covariance = covariance_of(codes)
  value = wasserstein_of_covariance(covariance)
  variance = float(np.trace(covariance))
  plain = Score(
    name='gaussian_wasserstein_correlation',
    value=value,
    variant='locatello2019',
    parameters={'points': len(codes)},
    details={'covariance': covariance},
  )
  normalised = plain._replace(
    name='gaussian_wasserstein_correlation_norm',
    value=value / variance if variance else float('nan'),
    note='' if variance else 'no value: every code is constant',
  )
  return Wasserstein(plain, normalised)


def wasserstein_of_covariance(covariance) -> float:
  """2 tr C - 2 tr (C D)^(1/2) of a covariance matrix [d, d], D its diagonal.

  C D has the eigenvalues of the symmetric D^(1/2) C D^(1/2), whose roots are
  summed: no root of a matrix, which need not exist where C is singular.

  Raises:
    ValueError: NaN, or what is no covariance.
  """
  covariance = as_covariance(covariance)
  scale = np.sqrt(np.diag(covariance))
  spectrum = np.linalg.eigvalsh(covariance * np.outer(scale, scale))
  roots = np.sqrt(np.maximum(spectrum, 0)).sum()
  return max(0.0, float(2 * np.trace(covariance) - 2 * roots))
