"""Mutual information gap [Chen et al. 2018, arXiv:1802.04942, section 4.1].

MIG = mean over factors of (I_1 - I_2) / H(factor), where I_1 and I_2 are the
largest and second largest mutual information of any code with the factor.
Here the information is that of codes in bins; `mig_chen` integrates over the
posterior, as the authors do.
"""

from typing import NamedTuple

import numpy as np

from jaxvae.metrics import arrays
from jaxvae.metrics.groups import Groups, as_groups, discretize, total
from jaxvae.metrics.held_out import listed
from jaxvae.metrics.information import information_and_entropy
from jaxvae.metrics.score import Score


class _Parts(NamedTuple):
  value: float
  per_factor: np.ndarray | tuple[()]
  details: dict[str, np.ndarray]
  parameters: dict[str, float]
  note: str


def mig(
  codes,
  factors,
  bins: int | None = 20,
  groups: Groups | None = None,
  variant: str = 'locatello2019',
) -> Score:
  """MIG of codes in bins, or one of its relatives.

  'locatello2019', the protocol of disentanglement_lib: codes are posterior
  means cut into equal-width bins on the range of these points, entropies are
  empirical, and every code counts, active or not. The reference draws 10,000
  points with every factor uniform and independent.

  'li2020', MIG-sup [Li et al. 2020, arXiv:2002.10549]: the gap seen from
  the latent, mean over active latents of its largest I / H(factor) minus its
  second largest, which punishes a latent of two factors as MIG punishes a
  factor of two latents. Active is a variance above 0.01. The authors take
  their information from the density of the posterior (`mig_chen` has that
  value, too).

  'hsu2023', what latent_quantization logs [Hsu et al. 2023,
  arXiv:2305.18378; the paper's InfoC has another estimator]: mean over factors
  of (share - 1/A) / (1 - 1/A), the share being the largest I over the sum of
  all, among the A active latents. Active is a range above an eighth of the
  largest range.

  Args:
    codes: [points, columns] real numbers, two latents or more.
    factors: [points, factors] class numbers, each factor with two or more.
    bins: equal-width bins per code; None takes integer codes as they are.
    groups: columns of each latent; a pair is cut by its angle.
    variant: one of the above.

  Returns:
    The score; details: mutual_information [latents, factors] and entropy
    [factors], in nats; of 'li2020' per_latent [latents] and active.

  Raises:
    ValueError: NaN, unequal lengths, one latent only, a factor that is fixed,
      an unknown variant, one factor only where factors are compared.
  """
  checked = arrays.as_codes(codes)
  latents = as_groups(groups, checked.shape[1])
  bins = arrays.bins_of(bins, none=True)
  if not arrays.among(variant, VARIANTS):
    raise ValueError(
      f'variant {arrays.shown(variant)} is none of {", ".join(VARIANTS)}; '
      'mig_chen is that of Chen et al.'
    )
  if len(latents) < 2:
    raise ValueError('MIG compares two codes: one latent has no gap')
  if groups is not None and bins is None:
    raise ValueError('groups are cut into bins: say how many')
  places = codes if bins is None else discretize(codes, bins, groups)
  information, entropy = information_and_entropy(places, factors, None)
  parts = VARIANTS[variant](information, entropy, checked, latents)
  ungrouped = None
  if groups is not None:
    ungrouped = mig(codes, factors, bins, variant=variant).value
  return Score(
    name='mig',
    value=parts.value,
    variant=variant,
    parameters={'bins': bins, 'points': len(codes)} | parts.parameters,
    per_factor=parts.per_factor,
    details={'mutual_information': information, 'entropy': entropy}
    | parts.details,
    ungrouped=ungrouped,
    note=parts.note,
  )


def factor_gap(information: np.ndarray, entropy: np.ndarray) -> np.ndarray:
  """(I_1 - I_2) / H of each factor, from [latents, factors]: [factors]."""
  second, first = np.sort(information, axis=0)[-2:]
  return (first - second) / entropy


def latent_gap(information: np.ndarray, entropy: np.ndarray) -> np.ndarray:
  """Largest minus second largest I / H of each latent: [latents]."""
  if information.shape[1] < 2:
    raise ValueError('MIG-sup compares factors: there is one only')
  second, first = np.sort(information / entropy, axis=1)[:, -2:].T
  return first - second


def _gap(information, entropy, codes, latents) -> _Parts:
  gap = factor_gap(information, entropy)
  return _Parts(float(gap.mean()), gap, {}, {}, '')


def _sup(information, entropy, codes, latents) -> _Parts:
  gap = latent_gap(information, entropy)
  variance = codes.var(axis=0, ddof=1)
  active = total(variance, latents) > 0.01
  details = {'per_latent': gap, 'active': active}
  parameters = {'active_variance': 0.01}
  if not active.any():
    return _Parts(0.0, (), details, parameters, 'no latent is active')
  return _Parts(float(gap[active].mean()), (), details, parameters, '')


def _ratio(information, entropy, codes, latents) -> _Parts:
  spans = np.ptp(codes, axis=0)
  span = np.array([spans[list(group)].max() for group in latents])
  active = span > span.max() / 8
  parameters = {'active_range': 0.125, 'active': int(active.sum())}
  details = {'active': active}
  if active.sum() < 2:
    note = 'fewer than two latents are active: no ratio'
    return _Parts(float('nan'), (), details, parameters, note)
  told = information[active]
  everything = told.sum(axis=0)
  chance = 1 / len(told)
  share = np.divide(
    told.max(axis=0),
    everything,
    out=np.full(len(entropy), chance),
    where=everything > 0,
  )
  ratio = (share - chance) / (1 - chance)
  untold = np.flatnonzero(everything == 0)
  note = f'no code tells {listed(untold)}: 0' if untold.size else ''
  return _Parts(float(ratio.mean()), ratio, details, parameters, note)


VARIANTS = {
  'locatello2019': _gap,
  'li2020': _sup,
  'hsu2023': _ratio,
}
