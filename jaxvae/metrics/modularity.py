"""Modularity [Ridgeway and Mozer 2018, arXiv:1802.05312, section 3].

A latent is modular if it has information about one factor. Its deviation from
that is the sum of its squared mutual information with all other factors, as a
part of what it would be if they all had as much as the largest.
"""

import numpy as np

from jaxvae.metrics import arrays
from jaxvae.metrics.groups import Groups, discretize
from jaxvae.metrics.held_out import listed
from jaxvae.metrics.information import information_and_entropy
from jaxvae.metrics.score import Score


def modularity_of(mutual_information) -> float:
  """Mean over latents of 1 - (sum I^2 - max I^2) / (max I^2 (factors - 1)).

  A latent without information counts as 0.

  Args:
    mutual_information: [latents, factors] nats, two factors or more.

  Raises:
    ValueError: NaN, or one factor only.
  """
  return float(latent_modularity(mutual_information).mean())


def latent_modularity(mutual_information) -> np.ndarray:
  """The modularity of each latent: [latents]."""
  squared = np.square(arrays.as_codes(mutual_information, 'mutual_information'))
  others = squared.shape[1] - 1
  if others < 1:
    raise ValueError('modularity compares factors: there is one only')
  largest = squared.max(axis=1)
  deviation = np.divide(
    squared.sum(axis=1) - largest,
    largest * others,
    out=np.ones_like(largest),
    where=largest > 0,
  )
  return 1.0 - deviation


def without_rounding(information: np.ndarray) -> np.ndarray:
  """0 where information is that of rounding: below 1e-12 nats.

  A dead code would else be modular by chance; scikit-learn's function, which
  the reference calls, drops what is below the precision, too.
  """
  return np.where(information < 1e-12, 0.0, information)


def modularity(
  codes, factors, bins: int | None = 20, groups: Groups | None = None
) -> Score:
  """Modularity by the protocol of disentanglement_lib, 'locatello2019'.

  Codes are posterior means in equal-width bins on the range of these points;
  the mean is over all codes, the dead ones included, which count as 0. The
  reference draws 10,000 points with every factor uniform and independent.

  Args:
    codes: [points, columns] real numbers.
    factors: [points, factors] class numbers, two factors or more, each with
      two values or more.
    bins: equal-width bins per code; None takes integer codes as they are.
    groups: columns of each latent; a pair is cut by its angle.

  Returns:
    The score; details: per_latent [latents] and mutual_information
    [latents, factors] in nats.

  Raises:
    ValueError: NaN, unequal lengths, one factor only, a factor that is fixed.
  """
  if groups is not None and bins is None:
    raise ValueError('groups are cut into bins: say how many')
  bins = arrays.bins_of(bins, none=True)
  points = len(arrays.as_codes(codes))
  places = codes if bins is None else discretize(codes, bins, groups)
  information, _ = information_and_entropy(places, factors, None)
  information = without_rounding(information)
  dead = np.flatnonzero(information.max(axis=1) == 0)
  return Score(
    name='modularity',
    value=modularity_of(information),
    variant='locatello2019',
    parameters={'bins': bins, 'points': points},
    details={
      'per_latent': latent_modularity(information),
      'mutual_information': information,
    },
    ungrouped=(
      None if groups is None else modularity(codes, factors, bins).value
    ),
    note=f'{listed(dead, "latent")} without information: 0'
    if dead.size
    else '',
  )
