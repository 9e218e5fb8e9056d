"""What each latent learned: variance, KL, activity and the factor it tells.

The table is that of the beta-VAE replications, which list the posterior
variance of every latent and the factor that a person sees it move. Here the
factor is the one of which the latent tells the largest part.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxvae.metrics import arrays
from jaxvae.metrics.information import normalised_mutual_information


class Latent(NamedTuple):
  """One row of the latent table.

  Attributes:
    index: its column in the codes.
    name: 'z3', or what the caller calls it.
    variance: posterior variance, mean over the points.
    kl: KL(posterior || prior) in nats, mean over the points.
    active: whether the KL exceeds the threshold.
    factor: the factor with the largest `nmi`; None without factors.
    nmi: I(latent; factor) / H(factor) of that factor; None without factors.
    nmi_per_factor: the same for each factor, in their order; may be empty.
  """

  index: int
  name: str
  variance: float
  kl: float
  active: bool
  factor: str | None
  nmi: float | None
  nmi_per_factor: tuple[float, ...]


class BestLatent(NamedTuple):
  """The latent that tells most of a factor, and how far ahead it is.

  Attributes:
    factor: the name of the factor.
    index: the latent's column in the codes.
    latent: the latent's name.
    nmi: I(latent; factor) / H(factor).
    second_nmi: the same for the runner-up; 0 if there is no other latent.
  """

  factor: str
  index: int
  latent: str
  nmi: float
  second_nmi: float


def latent_table(
  mean_variance,
  kl,
  codes=None,
  factors=None,
  factor_names: Sequence[str] = (),
  *,
  names: Sequence[str] = (),
  active_threshold: float = 0.1,
  bins: int = 20,
) -> list[Latent]:
  """One row for each latent, largest KL first.

  A latent is active when its mean KL exceeds 0.1 nats, the KL of a posterior
  at the prior's mean with half of its variance. The replications have no
  threshold: their authors call latents informative by eye, from variances of
  0.004 and less beside 0.9 and more, and any threshold from 0.1 to 1 nat
  splits those alike. UDR keeps what exceeds 0.01 nats [Duan et al. 2020].

  Args:
    mean_variance: [d] posterior variance, mean over points.
    kl: [d] nats, mean over points.
    codes: [n, d] posterior means; needed with factors only.
    factors: [n, f] class numbers, or None where the data declare none.
    factor_names: the f names.
    names: the d names; z0, z1, ... by default.
    active_threshold: nats.
    bins: equal-width bins for the mutual information.

  Raises:
    ValueError: NaN, lengths that differ, factors without codes.
  """
  variance = arrays.as_numbers(mean_variance, 'mean_variance')
  kl = arrays.as_numbers(kl, 'kl')
  if kl.ndim != 1 or variance.shape != kl.shape:
    raise ValueError(
      'mean_variance and kl must both be [latents]; '
      f'the shapes are {list(variance.shape)} and {list(kl.shape)}'
    )
  if not np.isfinite(kl).all():
    raise ValueError(f'kl is not finite: {arrays.shown(kl.tolist())}')
  if not np.isfinite(variance).all():
    raise ValueError(
      f'mean_variance is not finite: {arrays.shown(variance.tolist())}'
    )
  active_threshold = arrays.number('active_threshold', active_threshold)
  names = _names('names', names, len(kl), 'latent', 'z')
  arrays.bins_of(bins)
  nmi = np.zeros((len(kl), 0))
  if factors is not None:
    columns = arrays.as_codes(codes).shape[1]
    if columns != len(kl):
      raise ValueError(f'{columns} codes a point but {len(kl)} KLs')
    nmi = normalised_mutual_information(codes, factors, bins)
    factor_names = _names(
      'factor_names', factor_names, nmi.shape[1], 'factor', 'factor '
    )
  rows = []
  for index in np.argsort(-kl, kind='stable'):
    row = nmi[index]
    best = int(row.argmax()) if row.size else None
    rows.append(
      Latent(
        index=int(index),
        name=names[index],
        variance=float(variance[index]),
        kl=float(kl[index]),
        active=bool(kl[index] > active_threshold),
        factor=None if best is None else factor_names[best],
        nmi=None if best is None else float(row[best]),
        nmi_per_factor=tuple(row.tolist()),
      )
    )
  return rows


def best_latent_per_factor(
  nmi, factor_names: Sequence[str] = (), names: Sequence[str] = ()
) -> list[BestLatent]:
  """For each factor the latent that tells most of it.

  Args:
    nmi: [d, f] from `normalised_mutual_information`.
    factor_names: the f names.
    names: the d names; z0, z1, ... by default.

  Raises:
    ValueError: NaN, or as many names as there are not.
  """
  nmi = arrays.as_codes(nmi, 'nmi')
  factor_names = _names(
    'factor_names', factor_names, nmi.shape[1], 'factor', 'factor '
  )
  names = _names('names', names, nmi.shape[0], 'latent', 'z')
  ranked = np.argsort(-nmi, axis=0, kind='stable')
  return [
    BestLatent(
      factor=factor,
      index=int(order[0]),
      latent=names[order[0]],
      nmi=float(column[order[0]]),
      second_nmi=float(column[order[1]]) if len(order) > 1 else 0.0,
    )
    for factor, order, column in zip(factor_names, ranked.T, nmi.T, strict=True)
  ]


def active_units(codes, threshold: float = 0.01) -> np.ndarray:
  """Latents whose posterior mean moves with the data: [d] bool.

  Var_x(E[z | x]) > 0.01 [Burda et al. 2016, arXiv:1509.00519, section 5.2].

  Raises:
    ValueError: NaN, or a threshold below 0.
  """
  threshold = arrays.number('threshold', threshold, 0)
  return arrays.as_codes(codes).var(axis=0) > threshold


def _names(
  argument: str, names: Sequence[str], count: int, kind: str, prefix: str
) -> tuple[str, ...]:
  names = arrays.texts(argument, names)
  if not names:
    return tuple(f'{prefix}{index}' for index in range(count))
  if len(names) != count:
    raise ValueError(f'{len(names)} {kind} names for {count} {kind}s')
  return names
