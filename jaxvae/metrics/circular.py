"""Angles against factors that are circles.

The coefficient is that of Fisher and Lee [1983, Biometrika 70, 327-332]:

  r = sum sin(a_i - a_j) sin(b_i - b_j)
      / sqrt(sum sin^2(a_i - a_j) * sum sin^2(b_i - b_j)),   over i < j.

It is 1 where one angle is the other, turned, and -1 where it runs backwards. It
needs no mean direction, which angles all around do not have, and is near 0 for
an angle that goes round twice or that folds.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from jaxvae.metrics import arrays
from jaxvae.metrics.groups import Groups, as_groups, chart
from jaxvae.metrics.score import Score

# How often the images come back in a turn of a circular factor, by its column:
# {2: 4}, or for each class of another factor, {2: (0, (4, 2, 1))}.
Folds = Mapping[int, int | tuple[int, Sequence[int]]]


def circular_correlation(angles, classes, size: float) -> float:
  """Fisher-Lee correlation of angles with the classes of a circular factor.

  Args:
    angles: [points] radians.
    classes: [points] class numbers; the last is next to the first.
    size: how many classes make a turn, at least 3; the class that comes after
      a turn is the first again, and may be there.

  Returns:
    From -1 to 1; 0 where the angles are all the same, or a half turn apart.

  Raises:
    ValueError: NaN, unequal lengths, classes that do not fit the size.
  """
  angles = arrays.as_numbers(angles, 'angles')
  columns = arrays.as_codes(angles.reshape(-1, 1), 'angles')
  labels = arrays.as_labels(classes, 'classes')
  for name, given in (('angles', angles), ('classes', classes)):
    if np.ndim(given) != 1:
      raise ValueError(f'{name} must be [points], not {list(np.shape(given))}')
  truth = _turns(labels[:, None], {0: size}, {})
  if len(columns) != len(labels):
    raise ValueError(f'{len(columns)} angles but {len(labels)} classes')
  return float(_fisher_lee(columns, truth)[0, 0])


def circle_score(
  codes,
  factors,
  groups: Groups,
  circular: Mapping[int, float],
  folds: Folds | None = None,
) -> Score:
  """Whether each circular factor is the angle of one latent; variant 'jaxvae'.

  For each circular factor the |Fisher-Lee correlation| of the best latent minus
  that of the second best; their mean. Ours, made like MIG: 1 where every such
  factor is the angle of one latent and of no other, whatever its origin and
  sense; about 0 for noise. A latent of one column is no angle and has a
  correlation of 0, so that the ungrouped value is 0.

  With `folds` the factor's angle is the one that can be seen: a square that has
  turned by 90 degrees looks as before, and counts as turned by 4 x 90.

  Args:
    codes: [points, columns] real numbers.
    factors: [points, factors] class numbers.
    groups: columns of each latent; a pair is the (cos, sin) of an angle.
    circular: for each column of the factors that is a circle, how many classes
      make a turn, at least 3: {2: 40}; see `circular_correlation`.
    folds: how often images come back in a turn; None: once.

  Returns:
    The score; per_factor: the gaps, in the order of `circular`; details:
    correlation [latents, circular factors], signed, best and second
    [circular factors].

  Raises:
    ValueError: NaN, unequal lengths, no circular factor, a factor that is fixed
      or does not fit its size.
  """
  codes = arrays.as_codes(codes)
  factors = arrays.as_classes(factors)
  arrays.same_length(codes, factors)
  groups = as_groups(groups, codes.shape[1])
  folds = as_folds(folds, factors.shape[1])
  truth = _turns(factors, circular, folds)
  correlation = _fisher_lee(chart(codes, groups), truth)
  pairs = np.array([len(group) == 2 for group in groups])
  correlation *= pairs[:, None]
  # With one latent only there is none to come second.
  ranked = np.sort(np.vstack([np.abs(correlation), 0 * correlation[:1]]), 0)
  second, best = ranked[-2:]
  return Score(
    name='circle_score',
    value=float((best - second).mean()),
    variant='jaxvae',
    parameters={
      'points': len(codes),
      'circular': ','.join(f'{at}:{size:g}' for at, size in circular.items()),
      **said(folds),
    },
    per_factor=best - second,
    details={'correlation': correlation, 'best': best, 'second': second},
    ungrouped=0.0 if pairs.any() else None,
    note='' if pairs.any() else 'no latent is a circle',
  )


def as_folds(folds: Folds | None, columns: int) -> Folds:
  """Folds that fit factors [points, columns], as plain whole numbers.

  Raises:
    ValueError: they are something else.
  """
  folds = {} if folds is None else folds
  if not isinstance(folds, Mapping):
    raise ValueError(
      f'folds={arrays.shown(folds)}; allowed: {{2: 4}} or {{2: (0, (4, 2, 1))}}'
    )
  found = {}
  for at, given in folds.items():
    arrays.whole('a column of folds', at, 0, columns - 1)
    often = f'folds of factor {at}: how often'
    if not isinstance(given, list | tuple):
      found[at] = arrays.whole(often, given)
      continue
    if len(given) != 2:
      raise ValueError(
        f'folds of factor {at}: {arrays.shown(given)}; allowed: a whole number,'
        ' or the column of another factor and a number for each of its classes'
      )
    other = arrays.whole(f'folds of factor {at}: a column', given[0], -(2**31))
    if not 0 <= other < columns or other == at:
      raise ValueError(
        f'folds of factor {at}: factor {other} is no other of the {columns}'
      )
    counts = arrays.sequence(often, given[1], 'whole numbers')
    found[at] = other, tuple(arrays.whole(often, each) for each in counts)
  return found


def times(factors: np.ndarray, at: int, folds: Folds) -> np.ndarray:
  """How often each image comes back in a turn of factor `at`, [points].

  Raises:
    ValueError: classes that `as_folds` has no number for.
  """
  if at not in folds:
    return np.ones(len(factors), np.int64)
  if isinstance(folds[at], int):
    return np.full(len(factors), folds[at])
  other, counts = folds[at]
  classes = factors[:, other]
  if classes.min() < 0 or classes.max() >= len(counts):
    raise ValueError(
      f'folds of factor {at} are for {len(counts)} classes of factor {other}, '
      f'which has {classes.min()} to {classes.max()}'
    )
  return np.array(counts, np.int64)[classes]


def said(folds: Folds) -> dict[str, str]:
  """Folds as a parameter of a score; none where there are none."""
  parts = [
    f'{at}:{given}'
    if isinstance(given, int)
    else f'{at}:{"/".join(map(str, given[1]))} by {given[0]}'
    for at, given in folds.items()
  ]
  return {'folds': ','.join(parts)} if parts else {}


def _turns(
  factors: np.ndarray, circular: Mapping[int, float], folds: Folds
) -> np.ndarray:
  """Circular columns of checked factors as radians, [points, circles]."""
  if not isinstance(circular, Mapping):
    raise ValueError(
      f'circular={arrays.shown(circular)}; allowed: sizes by column, {{2: 40}}'
    )
  if not circular:
    raise ValueError('no factor is circular: allowed: one or more')
  columns = []
  for at, size in circular.items():
    at = arrays.whole('a circular column', at, -(2**31))
    size = arrays.number(f'the size of factor {at}', size)
    if not 0 <= at < factors.shape[1]:
      raise ValueError(f'no factor {at}; allowed: 0 to {factors.shape[1] - 1}')
    if size < 3:
      raise ValueError(f'factor {at} of size {size}; a circle has 3 or more')
    column = factors[:, at]
    span = int(column.max()) - int(column.min()) + 1
    if span == 1:
      raise ValueError(f'factor {at} has one value only in these points')
    if span > size + 1:
      raise ValueError(
        f'factor {at} has classes from {column.min()} to {column.max()}, '
        f'more than its size of {size}'
      )
    columns.append(times(factors, at, folds) * column * (2 * np.pi / size))
  return np.stack(columns, axis=1)


def _fisher_lee(a: np.ndarray, b: np.ndarray) -> np.ndarray:
  """[a, b] of angles [n, a] and [n, b].

  With R(x) = |mean exp(i x)|, which makes the double sums single ones:
  (R(a - b)^2 - R(a + b)^2) / sqrt((1 - R(2 a)^2) (1 - R(2 b)^2)).
  """
  points = len(a)
  a, b = (np.exp(1j * np.asarray(x, np.float64)) for x in (a, b))
  along, against = np.abs(a.conj().T @ b), np.abs(a.T @ b)
  above = (along**2 - against**2) / points**2
  spread = [1 - np.abs((x**2).mean(axis=0)) ** 2 for x in (a, b)]
  # What is a rounding error of 1 is an angle that stands still.
  spread = [np.where(each > 1e-12, each, 0) for each in spread]
  below = np.sqrt(np.outer(*spread))
  found = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
  return np.clip(found, -1.0, 1.0)
