"""The table of metrics, and sets of them by name."""

import difflib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from jaxvae.metrics import arrays
from jaxvae.metrics import points as of_points
from jaxvae.metrics.active import active_units_score
from jaxvae.metrics.beta_vae import beta_vae
from jaxvae.metrics.circular import circle_score
from jaxvae.metrics.dci import dci
from jaxvae.metrics.downstream import SIZES, downstream
from jaxvae.metrics.explicitness import explicitness
from jaxvae.metrics.factor_vae import factor_vae
from jaxvae.metrics.fairness import fairness
from jaxvae.metrics.infomec import infomec
from jaxvae.metrics.irs import irs
from jaxvae.metrics.lsbd import d_lsbd_points
from jaxvae.metrics.med import med
from jaxvae.metrics.mig import mig
from jaxvae.metrics.modularity import modularity
from jaxvae.metrics.mutual_information_score import mutual_information_score
from jaxvae.metrics.points import Points
from jaxvae.metrics.sap import sap
from jaxvae.metrics.score import Score
from jaxvae.metrics.total_correlation import gaussian_total_correlation
from jaxvae.metrics.wasserstein import gaussian_wasserstein


class Metric(NamedTuple):
  """A line of the table of metrics.

  Attributes:
    run: (points, bins, seed) -> one score, or several.
    sets: the sets that it belongs to, of `SETS`.
    suffix: added to the names of its scores, to tell variants apart.
    supervised: it reads factors.
    values: it takes the values of continuous factors; the others take as many
      bins of theirs as of codes, of equal width on the factor's span.
    alone: its value is the mean over factors of what each has by itself.
    whole: it takes the points as they are, with factors that are left out.
  """

  run: Callable[[Points, int, int], Score | Sequence[Score]]
  sets: str
  suffix: str = ''
  supervised: bool = True
  values: bool = False
  alone: bool = False
  whole: bool = False


# 'quick' takes a second on 10,000 points; 'fast' has every metric, by a fast
# estimator, in some ten seconds; 'paper' is what disentanglement_lib's study
# computed and 'all' is everything: minutes, for their boosted trees.
SETS = ('quick', 'fast', 'paper', 'all')


def _tested(metric: Callable, grouped: bool = False, **settings) -> Callable:
  """A metric that fits on some points and is tested on others."""

  def run(p, bins, seed):
    del bins
    _need_test(p)
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
    _need_test(p)
    sizes = [size for size in SIZES if size <= len(p.codes)]
    return downstream(
      p.codes, p.factors, p.test_codes, p.test_factors, sizes, estimator, seed
    )

  return run


def _drawn(metric: Callable) -> Callable:
  """A metric that draws points which share a value, from those that can."""

  def run(p, bins, seed):
    del bins
    p, notes = of_points.returning(p)
    score = metric(
      *(p.codes, p.factors, p.test_codes, p.test_factors),
      seed=seed,
      groups=p.groups,
    )
    return _noted(score, notes)

  return run


def _explicitness(p: Points, bins: int, seed: int) -> Score:
  del bins, seed
  _need_test(p)
  p, notes = of_points.seen(p)
  score = explicitness(p.codes, p.factors, p.test_codes, p.test_factors)
  return _noted(score, notes)


def _noted(score: Score, notes: Sequence[str]) -> Score:
  notes = [*filter(None, [score.note]), *notes]
  return score._replace(note='; '.join(notes))


def _need_test(p: Points) -> None:
  if p.test_codes is None:
    raise ValueError('there are no points left to test on')


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
  return d_lsbd_points(*p.turns, sorted(p.circular), folds=p.folds)


METRICS: dict[str, Metric] = {
  'mig': Metric(_counted(mig), 'quick fast paper all', alone=True),
  'mig_sup': Metric(_counted(mig, variant='li2020'), 'quick fast all', '_sup'),
  'modularity': Metric(_counted(modularity), 'quick fast paper all'),
  'med': Metric(_counted(med), 'quick fast all'),
  'sap': Metric(_tested(sap, True), 'fast paper all', alone=True),
  'sap_continuous': Metric(
    _linear_sap, 'quick fast all', '_continuous', values=True, alone=True
  ),
  'irs': Metric(
    lambda p, bins, seed: irs(p.codes, p.factors), 'quick fast all', values=True
  ),
  'beta_vae': Metric(_drawn(beta_vae), 'fast paper all'),
  'factor_vae': Metric(_drawn(factor_vae), 'quick fast paper all'),
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
  'explicitness': Metric(_explicitness, 'fast paper all'),
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
      p.codes, p.factors, p.groups, p.circular, p.folds
    ),
    'quick fast all',
    values=True,
  ),
  # D_LSBD looks at the turns, in which all factors are known.
  'lsbd': Metric(_lsbd, 'fast all', whole=True),
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
