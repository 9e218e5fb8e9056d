"""Disentanglement metrics on plain arrays: codes and factors in, numbers out.

Needs NumPy, SciPy and scikit-learn and nothing else of jaxvae, so that it
serves any model. Points are rows: codes are [points, latents] (posterior means,
as a rule), factors are [points, factors] class numbers. Information is in nats.
A metric returns a `Score`; `table` prints many, `run` computes a set of them.
What cannot be scored raises a `ValueError` that says why. docs/metrics.md has a
page for each.
"""

from jaxvae.metrics.active import active_units_score
from jaxvae.metrics.beta_vae import beta_vae, beta_vae_score
from jaxvae.metrics.circular import circle_score, circular_correlation
from jaxvae.metrics.dci import Dci, completeness, dci, disentanglement
from jaxvae.metrics.downstream import downstream
from jaxvae.metrics.explicitness import explicitness
from jaxvae.metrics.factor_vae import factor_vae, factor_vae_score
from jaxvae.metrics.fairness import (
  Unfairness,
  fairness,
  fairness_by_setting,
  inter_group_unfairness,
)
from jaxvae.metrics.groups import Groups, chart, discretize
from jaxvae.metrics.infomec import InfoMec, infomec
from jaxvae.metrics.information import (
  discrete_entropy,
  discrete_mutual_info,
  histogram_discretize,
  normalised_mutual_information,
)
from jaxvae.metrics.irs import irs
from jaxvae.metrics.latents import (
  BestLatent,
  Latent,
  active_units,
  best_latent_per_factor,
  latent_table,
)
from jaxvae.metrics.lsbd import d_lsbd, d_lsbd_points
from jaxvae.metrics.med import med
from jaxvae.metrics.mig import mig
from jaxvae.metrics.mig_chen import mig_chen
from jaxvae.metrics.modularity import modularity, modularity_of
from jaxvae.metrics.mutual_information_score import mutual_information_score
from jaxvae.metrics.points import Points, left_out
from jaxvae.metrics.sampling import (
  Draws,
  draw_fixed,
  draw_pairs,
  sample_fixed,
  sample_pairs,
)
from jaxvae.metrics.sap import sap
from jaxvae.metrics.score import Score, digits, table
from jaxvae.metrics.scoring import Found, run
from jaxvae.metrics.steps import in_steps
from jaxvae.metrics.suite import METRICS, SETS, Metric, chosen
from jaxvae.metrics.total_correlation import (
  gaussian_total_correlation,
  total_correlation_of_covariance,
)
from jaxvae.metrics.udr import relative_strength, udr
from jaxvae.metrics.wasserstein import (
  Wasserstein,
  gaussian_wasserstein,
  wasserstein_of_covariance,
)

__all__ = [
  'METRICS',
  'SETS',
  'BestLatent',
  'Dci',
  'Draws',
  'Found',
  'Groups',
  'InfoMec',
  'Latent',
  'Metric',
  'Points',
  'Score',
  'Unfairness',
  'Wasserstein',
  'active_units',
  'active_units_score',
  'best_latent_per_factor',
  'beta_vae',
  'beta_vae_score',
  'chart',
  'chosen',
  'circle_score',
  'circular_correlation',
  'completeness',
  'd_lsbd',
  'd_lsbd_points',
  'dci',
  'digits',
  'discrete_entropy',
  'discrete_mutual_info',
  'discretize',
  'disentanglement',
  'downstream',
  'draw_fixed',
  'draw_pairs',
  'explicitness',
  'factor_vae',
  'factor_vae_score',
  'fairness',
  'fairness_by_setting',
  'gaussian_total_correlation',
  'gaussian_wasserstein',
  'histogram_discretize',
  'in_steps',
  'infomec',
  'inter_group_unfairness',
  'irs',
  'latent_table',
  'left_out',
  'med',
  'mig',
  'mig_chen',
  'modularity',
  'modularity_of',
  'mutual_information_score',
  'normalised_mutual_information',
  'relative_strength',
  'run',
  'sample_fixed',
  'sample_pairs',
  'sap',
  'table',
  'total_correlation_of_covariance',
  'udr',
  'wasserstein_of_covariance',
]
