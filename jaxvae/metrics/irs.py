"""Interventional robustness score [Suter et al. 2019, arXiv:1811.00007].

Fix one factor and let the others vary: a latent that belongs to it does not
move. IRS = 1 - how far a latent moves, as a part of how far it ever moves, for
its best factor; mean over latents, each weighing what it ever moves.
"""

import numpy as np

from jaxvae.metrics import arrays
from jaxvae.metrics.held_out import listed, varied
from jaxvae.metrics.information import histogram_discretize
from jaxvae.metrics.score import Score


def irs(codes, factors, quantile: float = 0.99, bins: int | None = 20) -> Score:
  """IRS by the protocol of disentanglement_lib, variant 'locatello2019'.

  The points are cut into groups of one value of a factor. In each, how far a
  latent moves is the quantile of its distances to its mean in the group; then
  the mean over groups. How far it ever moves is the largest distance to its
  mean. Constant codes are left out. The reference cuts the factors, too, into
  20 bins of equal width, so that the 40 orientations of dSprites are 20
  groups, and draws 10,000 points.

  Args:
    codes: [points, latents] real numbers.
    factors: [points, factors] class numbers, each factor with two or more.
    quantile: of the distances in a group, above 0; 1 is the paper's maximum.
    bins: equal-width bins per factor; None takes each value for a group.

  Returns:
    The score; details: matrix [latents, factors], per_latent [latents] its
    largest, parents [latents] the factor of it, max_deviations [latents],
    active [latents]; constant codes have 0 in all of them.

  Raises:
    ValueError: NaN, unequal lengths, a factor that is fixed, a quantile that
      is none.
  """
  codes = arrays.as_codes(codes)
  factors = arrays.as_classes(factors)
  arrays.same_length(codes, factors)
  varied(factors)
  quantile = arrays.number('quantile', quantile)
  bins = arrays.bins_of(bins, none=True)
  if not 0 < quantile <= 1:
    raise ValueError(f'quantile must be above 0 and at most 1, not {quantile}')
  groups = factors if bins is None else histogram_discretize(factors, bins)
  active = codes.min(axis=0) < codes.max(axis=0)
  deviations = np.abs(codes - codes.mean(axis=0)).max(axis=0) * active
  matrix = np.zeros((codes.shape[1], factors.shape[1]))
  if active.any():
    moved = np.stack(
      [_moved(codes[:, active], group, quantile) for group in groups.T], axis=1
    )
    matrix[active] = 1.0 - moved / deviations[active, None]
  per_latent = matrix.max(axis=1)
  dead = np.flatnonzero(~active)
  note = f'constant, left out: {listed(dead, "latent")}' if dead.size else ''
  return Score(
    name='irs',
    value=(
      float(np.average(per_latent, weights=deviations)) if active.any() else 0.0
    ),
    variant='locatello2019',
    parameters={'quantile': quantile, 'bins': bins, 'points': len(codes)},
    details={
      'matrix': matrix,
      'per_latent': per_latent,
      'parents': matrix.argmax(axis=1),
      'max_deviations': deviations,
      'active': active,
    },
    note=note if active.any() else 'all codes are constant',
  )


def _moved(codes: np.ndarray, group: np.ndarray, quantile: float) -> np.ndarray:
  """How far each latent moves within a group: the mean over groups."""
  order = np.argsort(group, kind='stable')
  cuts = np.flatnonzero(np.diff(group[order])) + 1
  return np.mean(
    [
      np.percentile(np.abs(part - part.mean(axis=0)), quantile * 100, axis=0)
      for part in np.split(codes[order], cuts)
    ],
    axis=0,
  )
