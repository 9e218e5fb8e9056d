"""What every metric returns."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxvae.metrics import arrays


class Score(NamedTuple):
  """A value, and all that it depends on and was made of.

  Attributes:
    name: of the metric: 'mig', 'dci_disentanglement'.
    value: as published; NaN only where the definition has no value, and then
      `note` says why.
    variant: the protocol, by name: 'locatello2019'.
    parameters: what else decides the value: bins, seeds, numbers of points.
    per_factor: [factors] the parts of which the value is made, in the order of
      the factors; empty where the metric has none.
    details: arrays and numbers on the way to the value, by name.
    ungrouped: the value when each column of the codes counts as a latent of its
      own; None where the latents are the columns.
    note: what a reader has to know about this value, or nothing.
  """

  name: str
  value: float
  variant: str
  parameters: Mapping[str, int | float | str | None] = {}
  per_factor: Sequence[float] | np.ndarray = ()
  details: Mapping[str, Any] = {}
  ungrouped: float | None = None
  note: str = ''


def digits(points: int) -> int:
  """Decimals that a score of so many points deserves.

  The sampling error of a share is up to 1 / (2 sqrt(points)): 0.005 of 10,000
  points, to which four decimals are printed as the published scores are, and
  0.05 of 100.
  """
  return 4 if points >= 1_000 else 2 if points >= 100 else 1


def table(scores: Sequence[Score], factor_names: Sequence[str] = ()) -> str:
  """All scores as text, a line each; of few points with fewer digits.

  Args:
    scores: in the order of the lines.
    factor_names: named in a line of their own under scores that have parts.

  Raises:
    ValueError: what is no score, or no name.
  """
  scores = arrays.sequence('scores', scores, 'scores')
  if not all(isinstance(score, Score) for score in scores):
    raise ValueError(f'scores={arrays.shown(scores)}; allowed: scores only')
  factor_names = arrays.texts('factor_names', factor_names)
  rows = [('metric', 'value', 'ungrouped', 'variant', 'parameters')]
  for score in scores:
    form = f'.{_decimals(score)}f'
    alone = '' if score.ungrouped is None else f'{score.ungrouped:{form}}'
    rows.append(
      (score.name, f'{score.value:{form}}', alone, score.variant, _said(score))
    )
    if factor_names and len(score.per_factor) == len(factor_names):
      pairs = zip(factor_names, score.per_factor, strict=True)
      parts = ', '.join(f'{name} {value:{form}}' for name, value in pairs)
      rows.append(('', '', '', '', parts))
  widths = [max(len(row[at]) for row in rows) for at in range(4)]
  if not any(score.ungrouped is not None for score in scores):
    widths[2] = 0
    rows = [(*row[:2], '', *row[3:]) for row in rows]
  return '\n'.join(_line(row, widths) for row in rows)


def _decimals(score: Score) -> int:
  """By the points that the score says it is of; 4 where it says nothing."""
  said = score.parameters
  names = ('points', 'test_points') if 'points' in said else ('test',)
  counts = [said[name] for name in names if name in said]
  return digits(min(counts)) if counts else 4


def _said(score: Score) -> str:
  said = [f'{key}={value}' for key, value in score.parameters.items()]
  return ' '.join(said) + (f' ({score.note})' if score.note else '')


def _line(row: tuple[str, ...], widths: Sequence[int]) -> str:
  name, value, alone, variant, rest = row
  cells = [name.ljust(widths[0]), value.rjust(widths[1])]
  if widths[2]:
    cells.append(alone.rjust(widths[2]))
  return '  '.join([*cells, variant.ljust(widths[3]), rest]).rstrip()
