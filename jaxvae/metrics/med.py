"""MED: DCI's entropy on mutual information [Cao et al. 2022, arXiv:2206.04756].

No classifier: the importance of a latent for a factor is their mutual
information as a part of the factor's sum over latents. What is made of the
importance is DCI's disentanglement. The top-k form keeps a few latents per
factor, for representations of hundreds of columns of which most are mixed.
"""

import numpy as np

from jaxvae.metrics import arrays
from jaxvae.metrics.dci import (
  completeness,
  disentanglement,
  latent_disentanglement,
)
from jaxvae.metrics.groups import Groups, discretize
from jaxvae.metrics.held_out import listed
from jaxvae.metrics.information import information_and_entropy
from jaxvae.metrics.modularity import without_rounding
from jaxvae.metrics.score import Score


def med(
  codes,
  factors,
  bins: int | None = 20,
  top_k: int | None = None,
  groups: Groups | None = None,
) -> Score:
  """MED by the protocol of disentanglement_lib_med, variant 'cao2022'.

  Codes are cut into equal-width bins on the range of these points, importance
  is the mutual information divided by its sum over latents, and the value is
  `dci.disentanglement` of it. The reference draws 10,000 points.

  With `top_k`, variant 'cao2022_top_k', every latent belongs to the factor of
  its largest importance, and the k latents of each factor that have the
  largest disentanglement are kept, with the importance that they had.

  Args:
    codes: [points, columns] real numbers.
    factors: [points, factors] class numbers, two factors or more, each with
      two values or more.
    bins: equal-width bins per code; None takes integer codes as they are.
    top_k: latents that each factor keeps; None keeps all.
    groups: columns of each latent; a pair is cut by its angle.

  Returns:
    The score; details: completeness (None where one latent is kept),
    importance and mutual_information [latents, factors], per_latent [latents],
    kept: the columns of the latents that the value is made of.

  Raises:
    ValueError: NaN, unequal lengths, one factor only, a factor that is fixed,
      top_k below 1.
  """
  if groups is not None and bins is None:
    raise ValueError('groups are cut into bins: say how many')
  if top_k is not None:
    top_k = arrays.whole('top_k', top_k)
  bins = arrays.bins_of(bins, none=True)
  points = len(arrays.as_codes(codes))
  places = codes if bins is None else discretize(codes, bins, groups)
  information, _ = information_and_entropy(places, factors, None)
  information = without_rounding(information)
  importance = importance_of(information)
  per_latent = latent_disentanglement(importance)
  kept = np.arange(len(importance))
  if top_k is not None:
    kept = _top(importance, per_latent, top_k)
  untold = np.flatnonzero(information.sum(axis=0) == 0)
  return Score(
    name='med',
    value=disentanglement(importance[kept]),
    variant='cao2022' if top_k is None else 'cao2022_top_k',
    parameters={'bins': bins, 'points': points}
    | ({} if top_k is None else {'top_k': top_k}),
    details={
      'completeness': completeness(importance[kept]) if kept.size > 1 else None,
      'importance': importance,
      'mutual_information': information,
      'per_latent': per_latent,
      'kept': kept,
    },
    ungrouped=None
    if groups is None
    else med(codes, factors, bins, top_k).value,
    note=f'no code tells {listed(untold)}' if untold.size else '',
  )


def importance_of(mutual_information: np.ndarray) -> np.ndarray:
  """Each factor's information as parts of its sum over latents; 0 if none."""
  everything = mutual_information.sum(axis=0)
  return np.divide(
    mutual_information,
    everything,
    out=np.zeros_like(mutual_information),
    where=everything > 0,
  )


def _top(
  importance: np.ndarray, per_latent: np.ndarray, top_k: int
) -> np.ndarray:
  best_first = np.argsort(-per_latent, kind='stable')
  owner = importance.argmax(axis=1)[best_first]
  kept = [
    best_first[owner == factor][:top_k] for factor in range(importance.shape[1])
  ]
  return np.sort(np.concatenate(kept))
