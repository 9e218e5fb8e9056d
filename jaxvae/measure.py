"""A trained model's codes as `jaxvae.metrics` takes them, and what it says."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxvae import metrics
from jaxvae.errors import UserError

TURNS = 20_000  # images
FEW = 1_000  # images on which scores are rough


def check(names: str) -> None:
  """Refuses a `config.eval.metrics` that names no set and no metric.

  Raises:
    UserError: with what is allowed.
  """
  try:
    metrics.chosen(names)
  except ValueError as error:
    raise UserError(f'config.eval.metrics: {error}') from error


def points(
  space: Any,
  described: Sequence[Any],
  train: tuple[np.ndarray, np.ndarray],
  test: tuple[np.ndarray, np.ndarray] | None,
  turns: tuple[np.ndarray, np.ndarray] | None = None,
) -> metrics.Points:
  """Charts as columns: a loop's angle becomes (cos, sin), one group.

  Args:
    space: a latent space; its columns' topologies are read.
    described: the factors, each a `data.Factor`; may be empty.
    train: charts [n, l] and factors [n, f].
    test: the same of other points; None: the last third of `train`, which then
      is what is left; of fewer than three there are none.
    turns: the same of the grid that `turning` gives.
  """
  if test is None and len(train[0]) > 2:
    cut = len(train[0]) * 2 // 3
    train, test = [a[:cut] for a in train], [a[cut:] for a in train]
  columns, groups = embed(space, train[0])
  return metrics.Points(
    columns,
    train[1] if described else None,
    None if test is None else embed(space, test[0])[0],
    test[1] if described and test is not None else None,
    groups if any(len(group) > 1 for group in groups) else None,
    circles(described),
    None if turns is None else (embed(space, turns[0])[0], turns[1]),
    folds(described),
    spans=spans(described),
  )


def spans(described: Sequence[Any]) -> dict[int, tuple[float, float]]:
  """The spans of the continuous factors, by column."""
  return {at: factor.span for at, factor in enumerate(described) if factor.span}


def left_out(
  factors: np.ndarray, described: Sequence[Any], bins: int
) -> dict[int, str]:
  """Why a factor has no score on the images with these factors, by column."""
  if not described:
    return {}
  points = metrics.Points(factors, factors, spans=spans(described))
  return metrics.left_out(points, bins)


def remarks(
  factors: np.ndarray,
  described: Sequence[Any],
  left_out: Mapping[int, str],
  images: str,
) -> list[str]:
  """What a reader of scores has to know of the images that they are from.

  Args:
    factors: [n, f] of the images.
    described: the factors.
    left_out: from the function of that name.
    images: what they are, as `measured.origin` says.
  """
  count = len(factors)
  said = []
  if count < FEW:
    said.append(
      f'{count:,} images are few: below {FEW:,} scores change with the choice'
      ' of images, and information is overestimated'
    )
  if images == 'train':
    said.append(
      'these images were trained on; data.holdout keeps some from training'
    )
  for at, factor in enumerate(described):
    missing = int(np.isnan(factors[:, at]).sum())
    if at in left_out:
      said.append(f'factor {factor.name} is left out: {left_out[at]}')
    elif missing:
      said.append(
        f'factor {factor.name} is not known of {missing:,} of {count:,} images:'
        ' its scores are of the others'
      )
  return said


def turning(
  described: Sequence[Any], rng: np.random.Generator, bases: int = 8
) -> np.ndarray | None:
  """Factors [n, f] of a grid in which the circular factors turn.

  The others take what they have in common: each combination of up to two values
  of the first factors that vary, `bases` in all. None where no factor is a
  circle, where the classes of one are no whole turn, or where all turns
  together are more than `TURNS` points.

  Args:
    described: the factors, each a `data.Factor`.
    rng: draws the values of the others.
    bases: at most so many combinations of the others.
  """
  round_once = circles(described)
  axes = []
  for at, factor in enumerate(described):
    if at in round_once:
      if factor.once != factor.turn:
        return None
      axes.append(np.arange(factor.once))
      continue
    count = min(factor.size, 2) if bases > 1 else 1
    bases //= count
    axes.append(np.sort(rng.choice(factor.size, count, replace=False)))
  if not round_once or math.prod(map(len, axes)) > TURNS:
    return None
  return np.stack(np.meshgrid(*axes, indexing='ij'), -1).reshape(-1, len(axes))


def circles(described: Sequence[Any]) -> dict[int, float]:
  """How many classes make a turn of each factor that is a loop, by column."""
  return {
    at: factor.turn
    for at, factor in enumerate(described)
    if factor.topology == 'loop'
  }


def folds(described: Sequence[Any]) -> dict[int, tuple[int, tuple[int, ...]]]:
  """How often images come back in a turn, as `metrics.circle_score` asks."""
  names = [factor.name for factor in described]
  return {
    at: (names.index(factor.folds[0]), factor.folds[1])
    for at, factor in enumerate(described)
    if factor.folds is not None
  }


def embed(space: Any, chart: np.ndarray) -> tuple[np.ndarray, metrics.Groups]:
  """Columns [n, columns] of charts [n, l], and which belong to each latent."""
  columns: list[np.ndarray] = []
  groups: list[tuple[int, ...]] = []
  for latent, code in enumerate(chart.T):
    loop = space.topology(latent) == 'loop'
    parts = [np.cos(code), np.sin(code)] if loop else [code]
    groups.append(tuple(range(len(columns), len(columns) + len(parts))))
    columns += parts
  return np.stack(columns, axis=1), tuple(groups)


def as_json(found: metrics.Found) -> dict[str, Any]:
  """What metrics.json holds: all but the arrays on the way to a score."""
  scores = {}
  for score in found.scores:
    plain = {
      # JSON has no infinity; the note says what it was.
      'value': score.value if math.isfinite(score.value) else None,
      'variant': score.variant,
      'parameters': dict(score.parameters),
    }
    if len(score.per_factor):
      plain['per_factor'] = np.asarray(score.per_factor).tolist()
    if score.ungrouped is not None:
      plain['ungrouped'] = score.ungrouped
    if score.note:
      plain['note'] = score.note
    scores[score.name] = plain
  return {'scores': scores, 'skipped': dict(found.skipped)}
