"""Active units: how many latents the data move.

A latent is active where Var_x(E[z | x]) > 0.01 [Burda et al. 2016,
arXiv:1509.00519, section 5.2].
"""

from jaxvae.metrics import arrays
from jaxvae.metrics.groups import Groups, total
from jaxvae.metrics.score import Score


def active_units_score(
  codes, threshold: float = 0.01, groups: Groups | None = None
) -> Score:
  """How many latents are active, variant 'burda2016'.

  Args:
    codes: [points, columns] posterior means.
    threshold: of the variance, in squared units of the codes.
    groups: columns of each latent; a pair is active by the sum of its two
      variances, 1 - R^2 for angles whose mean direction has length R.

  Returns:
    The score; details: variance [latents] and active [latents] bool.

  Raises:
    ValueError: NaN, or a threshold below 0.
  """
  codes = arrays.as_codes(codes)
  threshold = arrays.number('threshold', threshold, 0)
  variance = total(codes.var(axis=0), groups)
  active = variance > threshold
  ungrouped = None
  if groups is not None:
    ungrouped = active_units_score(codes, threshold).value
  return Score(
    name='active_units',
    value=float(active.sum()),
    variant='burda2016',
    parameters={'threshold': threshold, 'points': len(codes)},
    details={'variance': variance, 'active': active},
    ungrouped=ungrouped,
  )
