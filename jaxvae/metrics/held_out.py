"""Points that teach a classifier and points that test it, checked together."""

from typing import NamedTuple

import numpy as np

from jaxvae.metrics import arrays


class HeldOut(NamedTuple):
  """Points to learn from and points to be tested on.

  Attributes:
    codes: [points, columns] real numbers.
    factors: [points, factors] int64, each factor with two values or more.
    test_codes: [test points, columns].
    test_factors: [test points, factors].
    unseen: factors of which a test point has a value that no training point
      has.
  """

  codes: np.ndarray
  factors: np.ndarray
  test_codes: np.ndarray
  test_factors: np.ndarray
  unseen: tuple[int, ...]


def as_held_out(codes, factors, test_codes, test_factors) -> HeldOut:
  """Checks both sets.

  Raises:
    ValueError: NaN, unequal lengths or columns, a factor that is fixed.
  """
  codes = arrays.as_codes(codes)
  test_codes = arrays.as_codes(test_codes, 'test_codes')
  factors = arrays.as_classes(factors)
  test_factors = arrays.as_classes(test_factors, 'test_factors')
  arrays.same_length(codes, factors)
  arrays.same_length(test_codes, test_factors)
  for name, train, test in (
    ('codes', codes, test_codes),
    ('factors', factors, test_factors),
  ):
    if train.shape[1] != test.shape[1]:
      raise ValueError(
        f'{train.shape[1]} {name} a training point '
        f'but {test.shape[1]} a test point'
      )
  varied(factors)
  unseen = tuple(
    index
    for index, (train, test) in enumerate(
      zip(factors.T, test_factors.T, strict=True)
    )
    if not np.isin(test, train).all()
  )
  return HeldOut(codes, factors, test_codes, test_factors, unseen)


def varied(factors: np.ndarray) -> None:
  """Refuses a factor of which nothing can be told."""
  fixed = np.flatnonzero((factors == factors[0]).all(axis=0))
  if fixed.size:
    raise ValueError(
      f'factor {fixed[0]} has one value only in these points: leave it out'
    )


def listed(indices, name: str = 'factor') -> str:
  """'factors 0, 3': the columns that a note is about."""
  return f'{name}{"s" if len(indices) > 1 else ""} ' + ', '.join(
    map(str, indices)
  )


def unseen_note(unseen: tuple[int, ...]) -> str:
  """What an accuracy says of values that the training points do not have."""
  if not unseen:
    return ''
  return (
    f'{listed(unseen)}: test values without a training point count as errors'
  )
