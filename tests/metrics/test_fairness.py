"""Oracles: disentanglement_lib's test, closed forms, the protocol's loops."""

import numpy as np
import pytest

from jaxvae.metrics.estimators import fit
from jaxvae.metrics.fairness import (
  fairness,
  fairness_by_setting,
  inter_group_unfairness,
)

VALUES = (3, 4, 5)


def drawn(points, seed=0):
  random = np.random.RandomState(seed)
  return np.stack([random.randint(v, size=points) for v in VALUES], axis=1)


def entangled(factors):
  a, b, c = factors.T
  return np.stack([a + 0.9 * b, b - 0.5 * c + 0.3 * a], axis=1)


def test_counts_of_the_reference_test():
  # disentanglement_lib, evaluation/metrics/fairness_test.py.
  mean, largest = inter_group_unfairness([[0, 100], [100, 100]])
  assert mean == pytest.approx(2 / 9, rel=1e-12)
  assert largest == pytest.approx(1 / 3, rel=1e-12)


def test_counts_by_hand():
  assert inter_group_unfairness([[5, 10], [5, 10]]) == (0, 0)
  # Each group is told by its prediction: 1 - 1/3 from the whole.
  both = inter_group_unfairness(7 * np.eye(3, dtype=int))
  assert both == pytest.approx((2 / 3, 2 / 3), rel=1e-12)
  # A group without points is no group.
  assert inter_group_unfairness([[0, 100, 0], [100, 100, 0]]) == pytest.approx(
    (2 / 9, 1 / 3)
  )


def test_the_factors_themselves_are_fair():
  factors = drawn(600)
  result = fairness_by_setting(
    factors, factors, lambda rows: rows, VALUES, estimator='forest'
  )
  assert result.mean.value == result.max.value == 0
  assert result.mean.details['unfairness'].shape == (3, 3)


def test_setting_is_the_protocol_written_out():
  factors = drawn(400)
  codes = entangled(factors)
  result = fairness_by_setting(
    codes, factors, entangled, VALUES, 20, 'logistic_fast', seed=5
  )
  random = np.random.RandomState(5)
  mean, largest = np.zeros((3, 3)), np.zeros((3, 3))
  for i in range(3):
    predict = fit('logistic_fast', codes, factors[:, i], 5)
    for j in range(3):
      if i == j:
        continue
      rows = np.stack([random.randint(v, size=20) for v in VALUES], axis=1)
      counts = np.zeros((VALUES[i], VALUES[j]))
      for c in range(VALUES[j]):
        rows[:, j] = c
        for answer in predict(entangled(rows)):
          counts[answer, c] += 1
      whole = counts.sum(axis=1) / counts.sum()
      distances = [
        0.5 * sum(abs(counts[:, c] / counts[:, c].sum() - whole))
        for c in range(VALUES[j])
      ]
      mean[i, j], largest[i, j] = np.mean(distances), max(distances)
  np.testing.assert_allclose(
    result.mean.details['unfairness'], mean, atol=1e-12
  )
  np.testing.assert_allclose(
    result.max.details['unfairness'], largest, atol=1e-12
  )
  # The means over what is off the diagonal, as the reference's score.
  assert result.mean.value == pytest.approx(mean.sum() / 6, rel=1e-12)
  assert result.max.value == pytest.approx(largest.sum() / 6, rel=1e-12)
  np.testing.assert_allclose(
    result.mean.per_factor, mean.sum(axis=1) / 2, rtol=1e-12
  )
  assert 0 < result.mean.value < result.max.value
  assert result.mean.variant == 'locatello2019_logistic_fast'


def test_points_of_a_full_grid_are_the_setting():
  # On each combination once, to choose a value and to set it are the same.
  factors = drawn(400)
  grid = np.indices(VALUES).reshape(3, -1).T
  result = fairness(
    entangled(factors), factors, entangled(grid), grid, 'logistic_fast'
  )
  wide = fairness_by_setting(
    entangled(factors), factors, entangled, VALUES, 4000, 'logistic_fast'
  )
  np.testing.assert_allclose(
    result.mean.details['unfairness'],
    wide.mean.details['unfairness'],
    atol=0.03,
  )
  assert result.mean.variant == 'groups_logistic_fast'


def test_a_seed_is_a_value():
  factors = drawn(300)
  codes = entangled(factors)
  values = [
    fairness_by_setting(
      codes, factors, entangled, VALUES, 10, 'logistic_fast', seed
    ).mean.value
    for seed in (0, 0, 1)
  ]
  assert values[0] == values[1] != values[2]


def test_bad_input_is_named():
  factors = drawn(50)
  codes = entangled(factors)

  def setting(values=VALUES, encode=entangled, points=5, factors=factors):
    return fairness_by_setting(
      codes, factors, encode, values, points, 'logistic_fast'
    )

  with pytest.raises(ValueError, match='0 or more, with one point'):
    inter_group_unfairness([[0, 0]])
  with pytest.raises(ValueError, match='0 or more'):
    inter_group_unfairness([[-1, 3]])
  with pytest.raises(ValueError, match='a target and a sensitive factor'):
    fairness(codes, factors[:, :1], codes, factors[:, :1])
  with pytest.raises(ValueError, match='factor 1 has one value only'):
    fairness(codes, factors * [1, 0, 1], codes, factors)
  with pytest.raises(ValueError, match="estimator 'tree' is none of boosting"):
    fairness(codes, factors, codes, factors, 'tree')
  with pytest.raises(ValueError, match='codes have 2 columns in training'):
    fairness(codes, factors, codes[:, :1], factors)
  with pytest.raises(ValueError, match='50 test codes but 49 test factors'):
    fairness(codes, factors, codes, factors[1:])
  with pytest.raises(ValueError, match='two or more for each of 3'):
    setting(values=(3, 4))
  with pytest.raises(ValueError, match='below their values'):
    setting(values=(3, 4, 4))
  with pytest.raises(ValueError, match='points must be at least 1'):
    setting(points=0)
  with pytest.raises(ValueError, match=r'encode gave \[20, 1\] for 20 rows'):
    setting(encode=lambda rows: entangled(rows)[:, :1])
