"""Disentanglement metrics on plain arrays: codes and factors in, numbers out.

Needs NumPy and nothing else of jaxvae, so that it serves any model. Points
are rows: codes are [points, latents] (posterior means, as a rule), factors are
[points, factors] class numbers. Information is in nats. What cannot be scored
raises a `ValueError` that says why.
"""

from jaxvae.metrics.groups import Groups, chart, discretize
from jaxvae.metrics.information import (
  discrete_entropy,
  discrete_mutual_info,
  histogram_discretize,
  normalised_mutual_information,
)
from jaxvae.metrics.latents import (
  BestLatent,
  Latent,
  active_units,
  best_latent_per_factor,
  latent_table,
)
from jaxvae.metrics.mig import mig
from jaxvae.metrics.score import Score, table

__all__ = [
  'BestLatent',
  'Groups',
  'Latent',
  'Score',
  'active_units',
  'best_latent_per_factor',
  'chart',
  'discrete_entropy',
  'discrete_mutual_info',
  'discretize',
  'histogram_discretize',
  'latent_table',
  'mig',
  'normalised_mutual_information',
  'table',
]
