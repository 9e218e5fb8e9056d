"""Oracles: disentanglement_lib run on the same data; definitions by hand."""

import numpy as np
import pytest
from metrics import examples

from jaxvae.metrics import mig


def test_the_grid():
  # disentanglement_lib, 20 bins, on the grid without randomness.
  result = mig(*examples.grid())
  assert result.value == pytest.approx(0.33688553778183183, rel=1e-12)
  # By hand from its mutual information: (ln 3 - ln 3 / 2) / ln 3, and so on.
  np.testing.assert_allclose(
    result.per_factor,
    [
      0.5,
      (1.178350207 - 0.6495431686) / np.log(4),
      (np.log(5) - 1.4014937583) / np.log(5),
    ],
    rtol=1e-8,
  )
  assert result.details['mutual_information'].shape == (5, 3)
  assert (result.parameters['bins'], result.variant) == (20, 'locatello2019')


def test_identity_data_at_the_references_seed():
  factors = examples.identity()
  # The first row that disentanglement_lib's RandomState(0) draws.
  assert factors[0].tolist() == [6, 1, 4, 4, 8, 10, 4, 6, 3, 5]
  for bins in (20, None):
    value = mig(factors, factors, bins).value
    assert value == pytest.approx(0.9921594901376567, rel=1e-12)


def test_zeros_and_duplicates_score_nothing():
  factors = examples.identity()
  assert mig(np.zeros((3000, 10)), factors).value == 0
  assert mig(np.hstack([factors, factors]), factors).value == 0


def test_true_factors_beside_a_dead_code_score_one():
  factors = np.indices((3, 6, 10)).reshape(3, -1).T
  codes = np.hstack([factors, np.zeros((180, 1))])
  assert mig(codes, factors).value == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize('seed', range(5))
def test_what_must_not_matter(seed):
  random = np.random.default_rng(seed)
  factors = random.integers(0, [3, 6, 32], size=(4000, 3))
  mixing = random.normal(size=(3, 4))
  codes = factors @ mixing + random.normal(size=(4000, 4))
  value = mig(codes, factors).value
  assert 0 < value < 1

  def same(changed_codes, changed_factors=factors):
    return mig(changed_codes, changed_factors).value == pytest.approx(
      value, rel=1e-9
    )

  assert same(codes[:, random.permutation(4)])
  assert same(codes, factors[:, random.permutation(3)])
  assert same(codes, 100 - 7 * factors)
  order = random.permutation(4000)
  assert same(codes[order], factors[order])
  # Powers of two keep every code on its side of every edge.
  assert same(codes * [0.25, 2, 64, 1024])
  assert same(np.hstack([codes, np.full((4000, 2), 0.3)]))
  # A bin includes its lower edge, so a flip may move what lies on an edge:
  # here nothing does.
  assert same(codes * [-1, 1, -1, 1])


def test_precision_of_the_codes_moves_nothing():
  random = np.random.default_rng(9)
  factors = random.integers(0, 8, size=(5000, 2))
  codes = (factors + random.normal(size=(5000, 2))).astype(np.float32)
  assert mig(codes, factors).value == pytest.approx(
    mig(codes.astype(np.float64), factors).value, abs=1e-4
  )


def test_bad_input_is_named():
  codes, factors = examples.grid()
  with pytest.raises(ValueError, match='one latent has no gap'):
    mig(codes[:, :1], factors)
  with pytest.raises(ValueError, match='119 codes but 120 factors'):
    mig(codes[1:], factors)
  with pytest.raises(ValueError, match='factor 2 has one value only'):
    mig(codes, factors * [1, 1, 0])
  with pytest.raises(ValueError, match='NaN or infinite in latents 0, 3'):
    mig(codes + np.array([np.nan, 0, 0, np.nan, 0]), factors)


def sprites():
  """Codes and factors on a grid, and the reference's mutual information."""
  information = np.array(
    [
      [1.0986122887, 0, 0],
      [0, 1.178350207, 1.4014937583],
      [0, 0, 1.6094379124],
      [0.5493061443, 0.6495431686, 0],
      [0, 0, 0],
    ]
  )
  return *examples.grid(), information


def test_mig_sup_of_the_grid():
  codes, factors, information = sprites()
  normed = np.sort(information / np.log([3, 4, 5]), axis=1)
  gap = normed[:, -1] - normed[:, -2]
  result = mig(codes, factors, variant='li2020')
  np.testing.assert_allclose(result.details['per_latent'], gap, rtol=1e-8)
  # All but the constant code have a variance above 0.01.
  assert result.details['active'].tolist() == [True] * 4 + [False]
  assert result.value == pytest.approx(gap[:4].mean(), rel=1e-8)
  assert result.variant == 'li2020'
  # Their rule is about the codes' unit: a small code does not count.
  small = codes * [1, 1, 1, 0.01, 1]
  result = mig(small, factors, variant='li2020')
  assert result.value == pytest.approx(gap[:3].mean(), rel=1e-8)
  none = mig(0 * codes, factors, variant='li2020')
  assert none.value == 0 and none.note == 'no latent is active'


def test_the_gap_and_its_supplement_are_two_questions():
  factors = np.indices((4, 4)).reshape(2, -1).T
  both = (factors @ [[4], [1]]).astype(float)
  noise = np.tile([0.0, 1], 8)[:, None]
  # One latent tells both factors, another neither: MIG sees nothing wrong.
  codes = np.hstack([both, 0 * noise])
  assert mig(codes, factors).value == pytest.approx(1)
  assert mig(codes, factors, variant='li2020').value == pytest.approx(0)
  # Two latents for one factor: the supplement sees nothing wrong.
  codes = np.hstack([factors, factors])
  assert mig(codes, factors).value == pytest.approx(0)
  assert mig(codes, factors, variant='li2020').value == pytest.approx(1)


def test_the_ratio_of_the_grid():
  codes, factors, information = sprites()
  # Ranges 2, 4, 1.9, 6, 0: four are above 6 / 8.
  share = information[:4].max(axis=0) / information[:4].sum(axis=0)
  expected = (share - 1 / 4) / (1 - 1 / 4)
  result = mig(codes, factors, variant='hsu2023')
  np.testing.assert_allclose(result.per_factor, expected, rtol=1e-8)
  assert result.value == pytest.approx(expected.mean(), rel=1e-8)
  assert result.parameters['active'] == 4
  # One more that is large leaves those of the grid at a range too small.
  large = np.hstack([codes, 100 * codes[:, :1]])
  result = mig(large, factors, variant='hsu2023')
  assert np.isnan(result.value) and 'fewer than two' in result.note
  pair = mig(large[:, [4, 5, 5]], factors, variant='hsu2023')
  assert pair.per_factor == pytest.approx([0, 0, 0])
  assert pair.note == 'no code tells factors 1, 2: 0'


def test_variants_of_a_circle():
  turn, step = (grid.ravel() for grid in np.indices((20, 3)))
  angle = 2 * np.pi * (turn + 0.5) / 20 - np.pi
  codes = np.stack([np.cos(angle), np.sin(angle), step], axis=1)
  factors = np.stack([turn, step], axis=1)
  for variant in ('li2020', 'hsu2023'):
    result = mig(codes, factors, groups=((0, 1), (2,)), variant=variant)
    assert result.value == pytest.approx(1)
    assert result.ungrouped == mig(codes, factors, variant=variant).value


def test_unknown_variants_are_named():
  codes, factors = examples.grid()
  with pytest.raises(ValueError, match="'chen2018' is none of locatello2019"):
    mig(codes, factors, variant='chen2018')
  with pytest.raises(ValueError, match='MIG-sup compares factors'):
    mig(codes, factors[:, :1], variant='li2020')
