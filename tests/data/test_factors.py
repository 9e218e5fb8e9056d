"""Grid arithmetic against NumPy's own ravelling."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxvae import data
from jaxvae.data import (
  Factor,
  FactorGrid,
  checks,
  factors_from_json,
  factors_to_json,
)
from jaxvae.errors import UserError

SIZES = st.lists(st.integers(1, 7), min_size=1, max_size=5)


def _grid(sizes):
  return FactorGrid(
    tuple(Factor(f'f{k}', size, 'points') for k, size in enumerate(sizes))
  )


@given(SIZES)
def test_index_and_factors_are_those_of_ravelling(sizes):
  grid = _grid(sizes)
  index = np.arange(grid.size)
  factors = grid.factors_of(index)
  np.testing.assert_array_equal(
    factors, np.stack(np.unravel_index(index, sizes), axis=-1)
  )
  assert factors.dtype == np.int32
  np.testing.assert_array_equal(grid.index(factors), index)
  assert grid.index(factors).dtype == np.int64


def test_any_leading_shape():
  grid = _grid([2, 3, 4])
  index = np.arange(24).reshape(2, 3, 4)
  assert grid.factors_of(index).shape == (2, 3, 4, 3)
  np.testing.assert_array_equal(grid.index(grid.factors_of(index)), index)
  assert grid.factors_of(23).tolist() == [1, 2, 3]


def test_samples_are_uniform_and_independent():
  grid = _grid([3, 4])
  factors = grid.sample(np.random.default_rng(0), 12_000)
  counts = np.bincount(grid.index(factors), minlength=12)
  # 1,000 are expected in each cell, with a standard deviation of 30.
  assert counts.min() > 850 and counts.max() < 1150


@pytest.mark.parametrize('k', [0, 1, 2])
def test_fixed_batches_share_one_factor(k):
  grid = _grid([5, 6, 7])
  batch = grid.fixed_batch(np.random.default_rng(k), 64, k)
  distinct = [len(set(column)) for column in batch.T.tolist()]
  assert distinct[k] == 1
  assert all(n > 1 for other, n in enumerate(distinct) if other != k)


def test_classes_have_names_or_numbers():
  shape = Factor('shape', 2, 'points', ('square', 'heart'))
  hue = Factor('hue', 3, 'loop')
  assert [shape.called(1), hue.called(1)] == ['heart', 'hue 1']
  turn = Factor('turn', 40, 'loop', period=39)
  seen = turn._replace(folds=('shape', (4, 1)))
  every = (shape, hue, turn, seen, seen._replace(period=None))
  form = json.loads(json.dumps(factors_to_json(every)))
  assert factors_from_json(form) == every
  # Prepared before classes had names.
  assert form[1] == ['hue', 3, 'loop']


@pytest.mark.parametrize('names', [('square',), ('heart', 'heart')])
def test_each_class_has_its_own_name(names):
  with pytest.raises(UserError, match='shape has 2 classes and the names'):
    checks.declared((Factor('shape', 2, 'points', names),), 'here')


def test_a_loop_may_say_its_period():
  assert Factor('turn', 40, 'loop').turn == 40
  assert Factor('turn', 40, 'loop', period=39).turn == 39
  for topology, period in (('loop', 0.0), ('loop', np.nan), ('segment', 39.0)):
    bad = Factor('turn', 40, topology, period=period)
    with pytest.raises(UserError, match=r'turn .* has the period'):
      checks.declared((bad,), 'here')


def test_continuous_factors_and_unknown_labels_as_json():
  factors = (
    Factor('angle', 0, 'loop', period=360.0, span=(0.0, 360.0)),
    Factor('size', 0, 'segment', span=(-1.5, 2.0), unknown=True),
    Factor('kind', 3, 'points', unknown=True),
  )
  form = json.loads(json.dumps(factors_to_json(factors)))
  assert factors_from_json(form) == factors
  assert [factor.about for factor in factors] == [
    '0 to 360 (loop)',
    '-1.5 to 2 (segment), some unknown',
    '3 (points), some unknown',
  ]
  assert data.dtype_of(factors[:1]) is data.dtype_of(factors[2:]) is np.float32
  assert data.dtype_of((Factor('kind', 3, 'points'),)) is np.int32


def test_values_are_checked_against_their_span():
  size = Factor('size', 0, 'segment', span=(-1.5, 2.0))
  kind = Factor('kind', 3, 'points', unknown=True)
  given = np.array([[0.25, 2.0], [-1.5, np.nan]])
  found = checks.factors(given, (size, kind), 'here')
  assert found.dtype == np.float32
  np.testing.assert_array_equal(found, given)
  for value, label, message in (
    (np.nan, 0, r'size of record 1 is nan, it must be from -1\.5 to 2'),
    (2.5, 0, r'size of record 1 is 2\.5, it must be from'),
    (0.0, 1.5, r'kind of record 1 is 1\.5, it must be a whole number'),
    (0.0, 3, r'kind of record 1 is 3\.0, it must be in 0 \.\.\. 2'),
  ):
    given[1] = value, label
    with pytest.raises(UserError, match=message):
      checks.factors(given, (size, kind), 'here')
  huge = Factor('kind', 10**9, 'points')
  with pytest.raises(UserError, match='allowed: 1 to 1,048,576'):
    checks.declared((huge,), 'here')
