"""Many metrics on the same codes: `run`, what they need and what they said.

`run(points, 'quick')` is what a config's `eval.metrics` does; a user with the
arrays of another model makes the `Points` and calls the same function.
"""

import time
import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jaxvae.metrics import arrays
from jaxvae.metrics import points as of_points
from jaxvae.metrics.points import Points
from jaxvae.metrics.score import Score
from jaxvae.metrics.steps import FINE
from jaxvae.metrics.suite import METRICS, Metric, chosen


class Found(NamedTuple):
  """What a set of metrics said.

  Attributes:
    scores: in the order of the table.
    skipped: why a metric has no score on these points, by its name.
    seconds: that each metric took, by its name.
    left_out: why a factor has no part in any score, by its column; scores
      number those that are left.
  """

  scores: list[Score]
  skipped: dict[str, str]
  seconds: dict[str, float]
  left_out: Mapping[int, str] = {}


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
    score, a single factor no DCI. Where labels are not known, a metric that is
    `alone` has for each factor the points with its label, others have the
    points with all.

  Raises:
    ValueError: an unknown name, bins or a seed that are none, points that do
      not fit each other, see `points.checked`.
  """
  bins, seed = arrays.bins_of(bins), arrays.seed(seed)
  points = of_points.checked(points)
  scores: list[Score] = []
  skipped, seconds = {}, {}
  reasons, kept = {}, []
  if points.factors is not None:
    reasons = of_points.left_out(points, bins)
    kept = [k for k in range(points.factors.shape[1]) if k not in reasons]
  for name in chosen(names):
    one = METRICS[name]
    if one.supervised and points.factors is None:
      skipped[name] = 'the data declare no factors'
      continue
    start = time.perf_counter()
    try:
      with warnings.catch_warnings():
        # scikit-learn guesses that many classes are no classification.
        warnings.filterwarnings('ignore', 'The number of unique classes')
        said = _scores(one, points, kept, bins, seed)
    except ValueError as error:
      skipped[name] = str(error)
      continue
    seconds[name] = time.perf_counter() - start
    scores += [each._replace(name=each.name + one.suffix) for each in said]
  return Found(scores, skipped, seconds, reasons)


def _scores(
  one: Metric, points: Points, kept: list[int], bins: int, seed: int
) -> list[Score]:
  """Of one metric, on what it can take of the points."""
  if not one.supervised or one.whole:
    return _listed(one.run(points, bins, seed))
  if not kept:
    raise ValueError('no factor can be scored on these points')
  groups = of_points.labelled_alike(points, kept) if one.alone else [kept]
  steps = FINE if one.values else bins
  parts = [of_points.part(points, columns, steps) for columns in groups]
  said = [one.run(part, bins, seed) for part in parts]
  found = [of_points.joined(said, groups)] if len(said) > 1 else _listed(*said)
  name = 'factor_steps' if one.values else 'factor_bins'
  more = {name: steps} if points.spans.keys() & kept else {}
  return [x._replace(parameters={**x.parameters, **more}) for x in found]


def _listed(said: Score | Sequence[Score]) -> list[Score]:
  return [said] if isinstance(said, Score) else list(said)
