"""Mutual information score: what codes tell of each other, on average.

The mean of I(code i; code j) over i != j [Locatello et al. 2019,
arXiv:1811.12359].
"""

import numpy as np

from jaxvae.metrics import arrays
from jaxvae.metrics.groups import Groups, as_groups, discretize
from jaxvae.metrics.information import discrete_mutual_info
from jaxvae.metrics.score import Score


def mutual_information_score(
  codes, bins: int = 20, groups: Groups | None = None
) -> Score:
  """The score by the protocol of disentanglement_lib, 'locatello2019'.

  Codes are posterior means cut into equal-width bins on the range of these
  points; the reference draws 10,000. Less is better. A constant code tells
  nothing and counts: it lowers the mean.

  Args:
    codes: [points, columns] real numbers, two latents or more.
    bins: equal-width bins of each latent.
    groups: columns of each latent; a pair is cut by its angle.

  Returns:
    The score, in nats; details: mutual_information [latents, latents], with
    the entropies of the latents on its diagonal.

  Raises:
    ValueError: NaN, or one latent only.
  """
  points, columns = arrays.as_codes(codes).shape
  bins = arrays.bins_of(bins)
  latents = len(as_groups(groups, columns))
  if latents < 2:
    raise ValueError('1 latent has no other to tell of; allowed: two or more')
  places = discretize(codes, bins, groups)
  information = discrete_mutual_info(places, places)
  others = information[~np.eye(latents, dtype=bool)]
  ungrouped = None
  if groups is not None:
    ungrouped = mutual_information_score(codes, bins).value
  return Score(
    name='mutual_information_score',
    value=float(others.sum() / (latents**2 - latents)),
    variant='locatello2019',
    parameters={'bins': bins, 'points': points},
    details={'mutual_information': information},
    ungrouped=ungrouped,
  )
