"""Codes of which some columns belong together: the two of a circle.

A latent that is a circle reaches the decoder as (cos, sin). Taken for two
latents, no factor is told by one of them; taken as an angle, the cut at +-pi
tears what is next to each other apart. A group of two columns is therefore one
latent on a circle: what is counted is its angle, what is fitted is the pair.
A group of one column is a latent on a line.
"""

from collections.abc import Sequence

import numpy as np

from jaxvae.metrics import arrays
from jaxvae.metrics.information import histogram_discretize

Groups = Sequence[Sequence[int]]


def as_groups(
  groups: Groups | None, columns: int
) -> tuple[tuple[int, ...], ...]:
  """Groups that are checked: each column is in one, alone or as a pair.

  Args:
    groups: columns of each latent, (cos, sin) of a circle; None: each alone.
    columns: how many there are.

  Raises:
    ValueError: a column is missing, double or unknown, or a group is larger.
  """
  if groups is None:
    return tuple((column,) for column in range(columns))
  groups = tuple(
    tuple(
      arrays.whole('a column in groups', column, 0)
      for column in arrays.sequence('a latent in groups', group, 'columns')
    )
    for group in arrays.sequence('groups', groups, 'columns of each latent')
  )
  if sorted(sum(groups, ())) != list(range(columns)):
    raise ValueError(
      f'groups {arrays.shown(groups)} do not hold each of {columns} columns '
      'once'
    )
  if not all(1 <= len(group) <= 2 for group in groups):
    raise ValueError(
      f'groups {arrays.shown(groups)}: a latent has one column, or two, its '
      '(cos, sin)'
    )
  return groups


def chart(codes, groups: Groups | None = None) -> np.ndarray:
  """One number per latent: the column, or the angle of a pair in [-pi, pi].

  Args:
    codes: [points, columns].
    groups: columns of each latent.

  Returns:
    [points, latents].
  """
  precision = arrays.precision(codes)
  codes = arrays.as_codes(codes)
  groups = as_groups(groups, codes.shape[1])
  return np.stack(
    [
      np.arctan2(codes[:, group[1]], codes[:, group[0]])
      if len(group) == 2
      else codes[:, group[0]]
      for group in groups
    ],
    axis=1,
    dtype=precision,
    casting='same_kind',
  )


def discretize(
  codes, bins: int = 20, groups: Groups | None = None
) -> np.ndarray:
  """Equal-width bins of every latent: on its range, or round its circle.

  Args:
    codes: [points, columns].
    bins: how many each latent gets.
    groups: columns of each latent; see `histogram_discretize` for columns.

  Returns:
    [points, latents] int64 in 1..bins.
  """
  places = chart(codes, groups)
  binned = histogram_discretize(places, bins)
  for latent, group in enumerate(as_groups(groups, np.shape(codes)[1])):
    if len(group) == 2:
      turn = (places[:, latent].astype(np.float64) + np.pi) / (2 * np.pi)
      binned[:, latent] = 1 + np.floor(turn * bins).astype(np.int64) % bins
  return binned


def total(parts: np.ndarray, groups: Groups | None) -> np.ndarray:
  """Sums over the columns of each latent: [columns, ...] to [latents, ...]."""
  groups = as_groups(groups, len(parts))
  return np.stack([parts[list(group)].sum(axis=0) for group in groups])
