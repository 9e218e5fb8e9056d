"""Many metrics on the same codes: sets of them by name, and what they need.

`run(points, 'quick')` is what a config's `eval.metrics` does; a user with the
arrays of another model makes the `Points` and calls the same function.
"""

import difflib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jaxvae.metrics import arrays
from jaxvae.metrics.active import active_units_score
from jaxvae.metrics.beta_vae import beta_vae
from jaxvae.metrics.circular import circle_score
from jaxvae.metrics.dci import dci
from jaxvae.metrics.downstream import SIZES, downstream
from jaxvae.metrics.explicitness import explicitness
from jaxvae.metrics.factor_vae import factor_vae
from jaxvae.metrics.fairness import fairness
from jaxvae.metrics.groups import Groups, as_groups
from jaxvae.metrics.infomec import infomec
from jaxvae.metrics.irs import irs
from jaxvae.metrics.lsbd import d_lsbd_points
from jaxvae.metrics.med import med
from jaxvae.metrics.mig import mig
from jaxvae.metrics.modularity import modularity
from jaxvae.metrics.mutual_information_score import mutual_information_score
from jaxvae.metrics.sap import sap
from jaxvae.metrics.score import Score
from jaxvae.metrics.total_correlation import gaussian_total_correlation
from jaxvae.metrics.wasserstein import gaussian_wasserstein


class Points(NamedTuple):
  """Encoded images and the factors that made them.

  Attributes:
    codes: [n, columns] means of posteriors.
    factors: [n, f] class numbers; None where the data declare none.
    test_codes: [m, columns] of other points, for what is fitted.
    test_factors: [m, f].
    groups: columns of each latent, (cos, sin) of a circle; None: each alone.
    circular: the number of classes of each factor that is a circle, by column.
    turns: (codes, factors) of a full grid in which the circular factors turn,
      at some values of the others; D_LSBD alone needs it.
  """

  codes: np.ndarray
  factors: np.ndarray | None = None
  test_codes: np.ndarray | None = None
  test_factors: np.ndarray | None = None
  groups: Groups | None = None
  circular: Mapping[int, int] = {}
  turns: tuple[np.ndarray, np.ndarray] | None = None


class Metric(NamedTuple):
  """A line of the table of metrics.

  Attributes:
    run: (points, bins, seed) -> one score, or several.
    sets: the sets that it belongs to, of `SETS`.
    suffix: added to the names of its scores, to tell variants apart.
    supervised: it reads factors.
  """

  run: Callable[[Points, int, int], Score | Sequence[Score]]
  sets: str
  suffix: str = ''
  supervised: bool = True


class Found(NamedTuple):
  """What a set of metrics said.

  Attributes:
    scores: in the order of the table.
    skipped: why a metric has no score on these points, by its name.
    seconds: that each metric took, by its name.
  """

  scores: list[Score]
  skipped: dict[str, str]
  seconds: dict[str, float]


# 'quick' takes a second on 10,000 points; 'fast' has every metric, by a fast
# estimator, in some ten seconds; 'paper' is what disentanglement_lib's study
# computed and 'all' is everything: minutes, for their boosted trees.
SETS = ('quick', 'fast', 'paper', 'all')


def _tested(metric: Callable, grouped: bool = False, **settings) -> Callable:
  """A metric that fits on some points and is tested on others."""

  def run(p, bins, seed):
    del bins
    known = {'seed': seed, **settings} | (
      {'groups': p.groups} if grouped else {}
    )
    return metric(p.codes, p.factors, p.test_codes, p.test_factors, **known)

  return run


def _counted(metric: Callable, **settings) -> Callable:
  """A metric of mutual information between bins and classes."""
  return lambda p, bins, seed: metric(
    p.codes, p.factors, bins=bins, groups=p.groups, **settings
  )


def _downstream(estimator: str) -> Callable:
  """Accuracy at those of the reference's training sizes that there are."""

  def run(p, bins, seed):
    del bins
    sizes = [size for size in SIZES if size <= len(p.codes)]
    return downstream(
      p.codes, p.factors, p.test_codes, p.test_factors, sizes, estimator, seed
    )

  return run


def _linear_sap(p: Points, bins: int, seed: int) -> Score:
  del bins
  return sap(
    p.codes, p.factors, kind='continuous', seed=seed, groups=p.groups,
    circular_factors=p.circular,
  )  # fmt: skip


def _lsbd(p: Points, bins: int, seed: int) -> Score:
  del bins, seed
  if p.turns is None:
    raise ValueError('no grid is given in which the circular factors turn')
  return d_lsbd_points(*p.turns, sorted(p.circular))


METRICS: dict[str, Metric] = {
  'mig': Metric(_counted(mig), 'quick fast paper all'),
  'mig_sup': Metric(_counted(mig, variant='li2020'), 'quick fast all', '_sup'),
  'modularity': Metric(_counted(modularity), 'quick fast paper all'),
  'med': Metric(_counted(med), 'quick fast all'),
  'sap': Metric(_tested(sap, True), 'fast paper all'),
  'sap_continuous': Metric(_linear_sap, 'quick fast all', '_continuous'),
  'irs': Metric(
    lambda p, bins, seed: irs(p.codes, p.factors), 'quick fast all'
  ),
  'beta_vae': Metric(_tested(beta_vae, True), 'fast paper all'),
  'factor_vae': Metric(_tested(factor_vae, True), 'quick fast paper all'),
  'dci': Metric(_tested(dci, True), 'paper all'),
  'dci_forest': Metric(
    _tested(dci, True, estimator='forest'), 'all', '_forest'
  ),
  'dci_extra_trees': Metric(
    _tested(dci, True, estimator='extra_trees'), 'fast all', '_extra_trees'
  ),
  'dci_lightgbm': Metric(
    _tested(dci, True, estimator='lightgbm'), '', '_lightgbm'
  ),
  'explicitness': Metric(
    lambda p, bins, seed: explicitness(
      p.codes, p.factors, p.test_codes, p.test_factors
    ),
    'fast paper all',
  ),
  'infomec': Metric(
    lambda p, bins, seed: infomec(
      p.codes, p.factors, seed=seed, groups=p.groups
    ),
    'fast all',
  ),
  'downstream': Metric(_downstream('boosting'), 'paper all'),
  'downstream_logistic': Metric(
    _downstream('logistic'), 'paper all', '_logistic'
  ),
  'downstream_fast': Metric(_downstream('logistic_fast'), 'fast all', '_fast'),
  'fairness': Metric(_tested(fairness), 'all'),
  'fairness_fast': Metric(
    _tested(fairness, estimator='logistic_fast'), 'fast all', '_fast'
  ),
  'circle': Metric(
    lambda p, bins, seed: circle_score(
      p.codes, p.factors, p.groups, p.circular
    ),
    'quick fast all',
  ),
  'lsbd': Metric(_lsbd, 'fast all'),
  'active_units': Metric(
    lambda p, bins, seed: active_units_score(p.codes, groups=p.groups),
    'quick fast all',
    supervised=False,
  ),
  'total_correlation': Metric(
    lambda p, bins, seed: gaussian_total_correlation(p.codes),
    'quick fast paper all',
    supervised=False,
  ),
  'wasserstein': Metric(
    lambda p, bins, seed: gaussian_wasserstein(p.codes),
    'quick fast paper all',
    supervised=False,
  ),
  'mutual_information': Metric(
    lambda p, bins, seed: mutual_information_score(p.codes, bins, p.groups),
    'quick fast paper all',
    supervised=False,
  ),
}


def chosen(text: str) -> list[str]:
  """The metrics that a text names: a set, or names with commas between.

  Raises:
    ValueError: it names something else.
  """
  if not isinstance(text, str):
    raise ValueError(
      f'names={arrays.shown(text)}; allowed: a set ({", ".join(SETS)}), or '
      "names with commas between, 'mig,sap'"
    )
  if text in SETS:
    return [name for name, one in METRICS.items() if text in one.sets.split()]
  names = [name.strip() for name in text.split(',')]
  for name in names:
    if name not in METRICS:
      near = difflib.get_close_matches(name, [*SETS, *METRICS], 1, 0.0)[0]
      raise ValueError(
        f'{name!r} is no metric and no set of them ({", ".join(SETS)}); '
        f'did you mean {near}?'
      )
  return names


def _check(points: Points) -> None:
  if not isinstance(points, Points):
    raise ValueError(f'points={arrays.shown(points)}; allowed: Points(...)')
  as_groups(points.groups, arrays.as_rows(points.codes).shape[1])
  for name in ('factors', 'test_codes', 'test_factors'):
    arrays.unmasked(getattr(points, name), name)
  if not isinstance(points.circular, Mapping):
    raise ValueError(
      f'circular={arrays.shown(points.circular)}; allowed: sizes by column'
    )


def run(
  points: Points, names: str = 'quick', bins: int = 20, seed: int = 0
) -> Found:
  """The metrics that `names` names, on these points.

  Args:
    points: codes and factors.
    names: a set, see `SETS`, or names of `METRICS` with commas between.
    bins: equal-width bins of histograms.
    seed: of everything that is drawn.

  Returns:
    Scores, and why a metric has none: data without factors have no supervised
    score, a single factor no DCI.

  Raises:
    ValueError: an unknown name, bins or a seed that are none, groups that do
      not fit the codes, arrays with a mask.
  """
  bins, seed = arrays.bins_of(bins), arrays.seed(seed)
  _check(points)
  scores: list[Score] = []
  skipped, seconds = {}, {}
  for name in chosen(names):
    one = METRICS[name]
    if one.supervised and points.factors is None:
      skipped[name] = 'the data declare no factors'
      continue
    start = time.perf_counter()
    try:
      said = one.run(points, bins, seed)
    except ValueError as error:
      skipped[name] = str(error)
      continue
    seconds[name] = time.perf_counter() - start
    said = [said] if isinstance(said, Score) else said
    scores += [
      one._replace(name=one.name + METRICS[name].suffix) for one in said
    ]
  return Found(scores, skipped, seconds)
