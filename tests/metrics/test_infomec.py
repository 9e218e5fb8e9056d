"""Oracles: the authors' code, closed forms, scikit-learn, plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics import examples
from scipy.special import digamma
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression

from jaxvae.metrics import discrete_entropy
from jaxvae.metrics.infomec import infomec
from jaxvae.metrics.neighbors import TURN, nearest_neighbor_information


def values(result):
  return [score.value for score in result]


def counted_codes():
  factors = examples.grid()[1]
  a, b, c = factors.T
  return np.stack([a, (b + c) // 2, c, 0 * a], axis=1), factors


def loops(codes, classes, neighbors, distance):
  """Ross's estimator as in his paper, point by point."""
  sizes, least, near = [], [], []
  for code, own in zip(codes, classes, strict=True):
    within = np.sort([distance(code, z) for z in codes[classes == own]])
    sizes.append(len(within))
    least.append(min(neighbors, len(within) - 1))
    radius = within[least[-1]]
    near.append(sum(distance(code, z) < radius for z in codes))
  terms = [digamma(least), -digamma(sizes), -digamma(near)]
  return digamma(len(codes)) + sum(term.mean() for term in terms)


# The authors' code (kylehkhsu/latent_quantization) run on the grid, with the
# keyword arguments that scikit-learn removed deleted.
def test_discrete_values_of_the_reference():
  codes, factors = counted_codes()
  result = infomec(codes, factors, discrete=True)
  assert result.infom.value == pytest.approx(0.8101010553742153, rel=1e-9)
  assert result.infoc.value == pytest.approx(0.886573223503675, rel=1e-9)
  assert result.infoe.value == pytest.approx(0.8665505277, rel=1e-6)
  np.testing.assert_allclose(
    result.infom.details['nmi'],
    [[1, 0, 0], [0, 0.1796814022, 0.2934160195], [0, 0, 1], [0, 0, 0]],
    rtol=1e-8,
    atol=1e-12,
  )
  assert result.infom.details['active'].tolist() == [True, True, True, False]
  np.testing.assert_allclose(
    result.infoe.details['null'], np.log([3, 4, 5]), rtol=1e-12
  )
  assert result.infoe.details['converged'].all()
  without = infomec(codes[:, :3], factors, discrete=True)
  assert without.infoe.value == pytest.approx(0.8665181882, rel=1e-6)
  assert result.infom.variant == 'hsu2023'
  assert result.infom.parameters['active'] == 3


def test_the_factors_and_their_doubles():
  factors = examples.grid()[1]
  same = values(infomec(factors, factors, discrete=True))
  assert same == pytest.approx([1, 0.99974, 1], abs=1e-5)
  double = infomec(np.hstack([factors, factors]), factors, discrete=True)
  assert double.infom.value == pytest.approx(1, rel=1e-12)
  # Each factor is told by two of six alike: (1/2 - 1/6) / (1 - 1/6).
  assert double.infoc.value == pytest.approx(0.4, rel=1e-12)


def test_continuous_values_of_the_reference():
  # At np.random.seed(0); ties are broken by its generator, here by ours.
  result = infomec(*examples.grid())
  assert result.infom.value == pytest.approx(0.86399905, abs=1e-2)
  assert result.infoc.value == pytest.approx(0.81143095, abs=1e-2)
  assert result.infoe.value == pytest.approx(0.99980888, abs=1e-6)
  assert result.infom.details['active'].tolist() == [True] * 4 + [False]


def noisy(points=1500, seed=0):
  random = np.random.RandomState(seed)
  factors = np.stack([random.randint(v, size=points) for v in (3, 8)], axis=1)
  codes = factors @ random.randn(2, 4) + random.randn(points, 4)
  return codes, factors


def test_information_is_scikit_learns():
  codes, factors = noisy()
  result = infomec(codes, factors, seed=4)
  level = (codes - codes.mean(axis=0)) / codes.std(axis=0)
  expected = [
    mutual_info_classif(
      level, factor, discrete_features=False, n_neighbors=10, random_state=4
    )
    for factor in factors.T
  ]
  np.testing.assert_allclose(
    result.infom.details['nmi'],
    np.transpose(expected) / discrete_entropy(factors),
    rtol=1e-9,
    atol=1e-12,
  )


@pytest.mark.parametrize('neighbors', [1, 3, 10])
def test_small_and_single_classes_are_those_of_the_loops(neighbors):
  random = np.random.RandomState(neighbors)
  classes = random.permutation(np.repeat([0, 1, 2, 3], [2, 5, 13, 40]))
  codes = random.randn(60) + classes
  found = nearest_neighbor_information(codes[:, None], classes, neighbors)
  expected = loops(codes, classes, neighbors, lambda a, b: abs(a - b))
  assert found[0] == pytest.approx(expected, rel=1e-9)
  # A point alone in its class is left out.
  more = nearest_neighbor_information(
    np.append(codes, 0.1)[:, None], np.append(classes, 9), neighbors
  )
  assert more[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize('neighbors', [1, 4, 10])
def test_neighbours_round_the_circle_are_those_of_the_loops(neighbors):
  random = np.random.RandomState(neighbors)
  classes = random.randint(4, size=80)
  angles = (classes * TURN / 4 + 0.6 * random.randn(80)) % TURN

  def arc(a, b):
    return min(abs(a - b), TURN - abs(a - b))

  found = nearest_neighbor_information(
    angles[:, None], classes, neighbors, TURN
  )
  assert found[0] == pytest.approx(
    loops(angles, classes, neighbors, arc), rel=1e-9
  )


def test_a_circle_is_one_latent_wherever_it_is_cut():
  random = np.random.RandomState(0)
  factors = np.stack([random.randint(12, size=2000) for _ in range(2)], axis=1)
  angle = TURN * factors[:, 0] / 12 + 0.02 * random.randn(2000)
  other = factors[:, 1] + 0.05 * random.randn(2000)
  pairs = ((0, 1), (2,))

  def scored(turn, **settings):
    codes = [np.cos(angle + turn), np.sin(angle + turn), other]
    return infomec(np.stack(codes, axis=1), factors, groups=pairs, **settings)

  result = scored(0)
  # Twelve even places with little noise: each latent knows its factor.
  assert result.infom.details['nmi'].shape == (2, 2)
  assert result.infom.value == pytest.approx(1, abs=0.01)
  assert result.infoc.value == pytest.approx(1, abs=0.01)
  assert result.infoe.value == result.infoe.ungrouped > 0.9
  # cos and sin tell the same factor: of three latents one is even with another.
  assert result.infoc.ungrouped < 0.7
  codes = np.stack([np.cos(angle), np.sin(angle), other], axis=1)
  alone = [score.ungrouped for score in result]
  assert alone == values(infomec(codes, factors))
  for turn in (1, 3, 5):
    assert scored(turn).infom.value == pytest.approx(
      result.infom.value, abs=1e-6
    )
  assert infomec(other[:, None], factors).infom.ungrouped is None


def test_pruning_rules_by_name():
  random = np.random.RandomState(1)
  factors = np.stack([random.randint(4, size=800) for _ in range(2)], axis=1)
  width = np.array([1, 0.1, 0.04, 0.0])
  codes = random.uniform(-1, 1, size=(800, 4)) * width
  codes[:, 2] *= 0.999
  codes[0, 3] = 1.0  # one outlier: a range without a spread

  def active(prune, discrete=False):
    result = infomec(codes, factors, discrete, prune)
    return result.infom.details['active'].tolist(), result.infom.variant

  assert active('range') == ([True, True, False, True], 'hsu2023')
  assert active('range8') == ([True, False, False, True], 'hsu2023_training')
  assert active('none')[0] == [True] * 4
  codes[:, 1] *= 1.2
  assert active('iqr') == ([True, True, False, False], 'hsu2024')
  codes = np.round(codes, 1)
  assert active('range', True)[0] == [True, True, False, True]
  # Of codes in [-1, 1]; 0.1 is Tripod's.
  assert active('iqr', True)[0] == [True, True, False, False]


def test_no_active_latent_scores_nothing_and_says_so():
  factors = examples.grid()[1]
  for discrete in (False, True):
    result = infomec(np.full((120, 2), 0.3), factors, discrete)
    assert values(result) == [0, 0, 0]
    assert {score.note for score in result} == {'no latent is active'}


def test_where_the_formula_has_no_value():
  factors = examples.grid()[1]
  codes, silent = factors[:, :1], factors[:, 1:2]
  # One active latent: of three factors it tells one.
  one = infomec(codes, factors, True)
  assert one.infom.value == pytest.approx(1, rel=1e-12)
  assert one.infoc.per_factor.tolist() == [1, 0, 0]
  assert one.infoc.note == (
    'one active latent only: what is told counts 1; '
    '2 of 3 rows tell nothing and count 0'
  )
  # One factor: a latent that tells it, and one that does not.
  single = infomec(np.hstack([codes, silent]), factors[:, :1], True)
  assert single.infom.value == 0.5
  assert 'one factor only' in single.infom.note
  assert '1 of 2 rows tell nothing' in single.infom.note
  assert single.infoc.value == pytest.approx(1, rel=1e-12)


def test_noise_tells_little():
  random = np.random.RandomState(3)
  factors = np.stack([random.randint(4, size=3000) for _ in range(3)], axis=1)
  result = infomec(random.randn(3000, 5), factors)
  assert result.infom.details['nmi'].max() < 0.03
  # d (K - 1) / 2n nats of overfitting, as likelihood ratios have it.
  assert result.infoe.value == pytest.approx(
    5 * 3 / (2 * 3000) / np.log(4), rel=0.7
  )


def test_explicitness_is_scikit_learns():
  codes, factors = noisy()
  level = (codes - codes.mean(axis=0)) / codes.std(axis=0)
  result = infomec(codes, factors).infoe
  for index, labels in enumerate(factors.T):
    model = LogisticRegression(
      C=np.inf, class_weight='balanced', solver='lbfgs', tol=1e-4, max_iter=100
    ).fit(level, labels)
    chance = model.predict_proba(level)[np.arange(len(labels)), labels]
    classes = len(np.unique(labels))
    assert result.per_factor[index] == pytest.approx(
      1 + np.log(chance).mean() / np.log(classes), rel=1e-6
    )


def test_steps_that_do_not_converge_are_said_without_a_warning():
  random = np.random.RandomState(0)
  factors = (np.arange(60) % 20)[:, None] // [1, 10]
  codes = factors[:, :1] + random.randn(60, 4)
  # Twenty classes of three points in four dimensions come apart slowly.
  ended = infomec(codes, factors).infoe.details['converged']
  assert ended.tolist() == [False, True]
  infomec(np.round(codes), factors, True)


def close(changed, result):
  """Modularity and compactness to rounding; explicitness as its solver stops.

  A gradient of at most 1e-4 in each of n coefficients that are within r of the
  optimum leaves a loss within 1e-4 n r of it: n = 40 of eight classes, r below
  1 where the classes overlap, in units of log(3).
  """
  difference = np.abs(np.subtract(values(changed), values(result)))
  np.testing.assert_array_less(difference, [1e-9, 4e-3, 1e-9])


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_what_must_not_matter(seed):
  random = np.random.RandomState(seed)
  codes, factors = noisy(200, seed)
  result = infomec(codes, factors)
  for changed in (
    codes[:, random.permutation(4)],
    codes * random.choice([-1, 1], size=4),
    4 * codes,
    codes + random.randn(4),
    np.hstack([codes, np.full((200, 2), 0.3)]),
  ):
    close(infomec(changed, factors), result)
  bins = np.round(codes / 2)
  whole = infomec(bins, factors, True)
  for changed in (bins[:, ::-1], 2 - 7 * bins):
    close(infomec(changed, factors, True), whole)


def test_bad_input_is_named():
  codes, factors = examples.grid()
  with pytest.raises(ValueError, match="prune 'gap' is none of range, range8"):
    infomec(codes, factors, prune='gap')
  with pytest.raises(ValueError, match='neighbors must be at least 1, not 0'):
    infomec(codes, factors, neighbors=0)
  with pytest.raises(ValueError, match='119 codes but 120 factors'):
    infomec(codes[1:], factors)
  with pytest.raises(ValueError, match='NaN or infinite in latent 0'):
    infomec(codes * [np.nan, 1, 1, 1, 1], factors)
  for discrete in (False, True):
    with pytest.raises(ValueError, match='factor 2 has one value only'):
      infomec(codes, factors * [1, 1, 0], discrete)
  with pytest.raises(ValueError, match='each class has one point only'):
    infomec([[0.0], [1.0]], [[0], [1]])
