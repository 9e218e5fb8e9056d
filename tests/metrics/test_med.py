"""Oracles: the grid by hand, the loops of disentanglement_lib_med."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics import examples
from scipy import stats
from sklearn.metrics import mutual_info_score

from jaxvae.metrics.med import med


def test_the_grid():
  # From disentanglement_lib's mutual information of the grid, by hand.
  information = np.array(
    [
      [1.0986122887, 0, 0],
      [0, 1.178350207, 1.4014937583],
      [0, 0, 1.6094379124],
      [0.5493061443, 0.6495431686, 0],
      [0, 0, 0],
    ]
  )
  importance = information / information.sum(axis=0)
  weights = importance.sum(axis=1) / 3
  spread = [stats.entropy(row) / np.log(3) for row in importance[:4]]
  result = med(*examples.grid())
  np.testing.assert_allclose(
    result.details['importance'], importance, rtol=1e-8, atol=1e-12
  )
  assert result.value == pytest.approx(
    weights[:4] @ (1 - np.array(spread)), rel=1e-8
  )
  spread = [stats.entropy(column) / np.log(5) for column in importance.T]
  assert result.details['completeness'] == pytest.approx(
    1 - np.mean(spread), rel=1e-8
  )
  assert result.variant == 'cao2022'


def reference(codes, factors, top_k):
  """The protocol of disentanglement_lib_med."""
  latents, count = codes.shape[1], factors.shape[1]
  information = np.zeros((latents, count))
  for i in range(latents):
    edges = np.histogram(codes[:, i], 20)[1][:-1]
    binned = np.digitize(codes[:, i], edges)
    for j in range(count):
      information[i, j] = mutual_info_score(factors[:, j], binned)
  importance = information / information.sum(axis=0)

  def value(matrix):
    per_code = 1 - stats.entropy(matrix.T + 1e-11, base=count)
    return np.sum(per_code * matrix.sum(axis=1) / matrix.sum())

  per_code = 1 - stats.entropy(importance.T + 1e-11, base=count)
  chosen = {factor: [] for factor in range(count)}
  for latent in np.argsort(-per_code):
    factor = np.argmax(importance[latent])
    if len(chosen[factor]) < top_k:
      chosen[factor].append(latent)
  kept = sorted(latent for rows in chosen.values() for latent in rows)
  return value(importance), value(importance[kept]), kept


@pytest.mark.parametrize('top_k', [1, 3])
def test_the_loops_of_the_reference(top_k):
  random = np.random.default_rng(0)
  factors = random.integers(0, [3, 6, 30], size=(1000, 3))
  codes = factors @ random.normal(size=(3, 12)) + random.normal(size=(1000, 12))
  everything, top, kept = reference(codes, factors, top_k)
  assert med(codes, factors).value == pytest.approx(everything, rel=1e-9)
  result = med(codes, factors, top_k=top_k)
  assert result.value == pytest.approx(top, rel=1e-9)
  assert result.details['kept'].tolist() == kept
  assert result.variant == 'cao2022_top_k'
  assert result.parameters['top_k'] == top_k


def test_true_codes_score_one_and_noise_little():
  grid = np.indices((3, 4, 5)).reshape(3, -1).T
  assert med(grid, grid).value == pytest.approx(1, abs=1e-8)
  # The floor of the information is one for all latents: nothing is singled
  # out but by the noise of the floor itself.
  random = np.random.default_rng(0)
  factors = random.integers(0, [3, 6, 40], size=(10_000, 3))
  codes = random.normal(size=(10_000, 10))
  assert med(codes, factors).value < 0.1


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000))
def test_what_must_not_matter(seed):
  random = np.random.default_rng(seed)
  factors = random.integers(0, [3, 6, 4], size=(500, 3))
  codes = factors @ random.normal(size=(3, 5)) + random.normal(size=(500, 5))
  for top_k in (None, 1):
    value = med(codes, factors, top_k=top_k).value
    for changed in (
      codes[:, random.permutation(5)],
      codes * [-1, 1, -1, 1, 1],
      codes * [0.25, 2, 64, 1024, 1],
      np.hstack([codes, np.ones((500, 2))]),
    ):
      assert med(changed, factors, top_k=top_k).value == pytest.approx(
        value, rel=1e-8
      )


def test_dead_codes_and_factors_that_no_code_tells():
  codes, factors = examples.grid()
  result = med(codes[:, [0, 4]], factors)
  # The live code tells the first factor only, and only by itself.
  assert result.value == pytest.approx(1, abs=1e-8)
  assert result.note == 'no code tells factors 1, 2'
  top = med(codes[:, [0, 4]], factors, top_k=1)
  assert top.details['kept'].tolist() == [0]
  assert top.details['completeness'] is None
  assert med(0 * codes, factors).value == pytest.approx(0, abs=1e-8)


def test_a_circle_is_one_latent():
  turn, step = (grid.ravel() for grid in np.indices((20, 3)))
  angle = 2 * np.pi * (turn + 0.5) / 20 - np.pi
  codes = np.stack([np.cos(angle), np.sin(angle), step], axis=1)
  factors = np.stack([turn, step], axis=1)
  result = med(codes, factors, groups=((0, 1), (2,)))
  assert result.value == pytest.approx(1, abs=1e-8)
  assert result.details['completeness'] == pytest.approx(1, abs=1e-8)
  assert result.ungrouped == med(codes, factors).value


def test_bad_input_is_named():
  codes, factors = examples.grid()
  with pytest.raises(ValueError, match='top_k must be at least 1, not 0'):
    med(codes, factors, top_k=0)
  with pytest.raises(ValueError, match='compares factors'):
    med(codes, factors[:, :1])
  with pytest.raises(ValueError, match='factor 2 has one value only'):
    med(codes, factors * [1, 1, 0])
  with pytest.raises(ValueError, match='say how many'):
    med(codes, factors, None, groups=((0, 1), (2,), (3,), (4,)))
  with pytest.raises(ValueError, match='NaN or infinite'):
    med(codes * np.nan, factors)
