"""Mutual information gap [Chen et al. 2018, arXiv:1802.04942, section 4.1].

MIG = mean over factors of (I_1 - I_2) / H(factor), where I_1 and I_2 are the
largest and second largest mutual information of any code with the factor.
"""

import numpy as np

from jaxvae.metrics import arrays
from jaxvae.metrics.groups import Groups, as_groups, discretize
from jaxvae.metrics.information import information_and_entropy
from jaxvae.metrics.score import Score


def mig(
  codes, factors, bins: int | None = 20, groups: Groups | None = None
) -> Score:
  """MIG by the protocol of disentanglement_lib, variant 'locatello2019'.

  Codes are posterior means cut into equal-width bins on the range of these
  points, entropies are empirical, and every code counts, active or not. The
  reference draws 10,000 points with every factor uniform and independent.
  Chen et al. instead integrate over samples of the posterior.

  Args:
    codes: [points, columns] real numbers, two latents or more.
    factors: [points, factors] class numbers, each factor with two or more.
    bins: equal-width bins per code; None takes integer codes as they are.
    groups: columns of each latent; a pair is cut by its angle.

  Returns:
    The score; details: mutual_information [latents, factors] and entropy
    [factors], in nats.

  Raises:
    ValueError: NaN, unequal lengths, one latent only, a factor that is fixed.
  """
  codes = arrays.as_codes(codes)
  if len(as_groups(groups, codes.shape[1])) < 2:
    raise ValueError('MIG compares two codes: one latent has no gap')
  if groups is not None and bins is None:
    raise ValueError('groups are cut into bins: say how many')
  places = codes if bins is None else discretize(codes, bins, groups)
  information, entropy = information_and_entropy(places, factors, None)
  second, first = np.sort(information, axis=0)[-2:]
  gap = (first - second) / entropy
  return Score(
    name='mig',
    value=float(gap.mean()),
    variant='locatello2019',
    parameters={'bins': bins, 'points': len(codes)},
    per_factor=gap,
    details={'mutual_information': information, 'entropy': entropy},
    ungrouped=None if groups is None else mig(codes, factors, bins).value,
  )
