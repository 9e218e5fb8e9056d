"""Oracles: scikit-learn, the reference's loop, closed forms of angles."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics import examples
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from jaxvae.bench import metric_loops
from jaxvae.metrics.beta_vae import beta_vae, beta_vae_score, pair_differences

GRID = np.indices((3, 4, 5)).reshape(3, -1).T
SMALL = {'train': 400, 'test': 200, 'batch': 8}


def noisy(seed: int = 0, width: int = 4) -> np.ndarray:
  random = np.random.default_rng(seed)
  mixing = random.normal(size=(3, width)) / 3
  return GRID @ mixing + 0.3 * random.normal(size=(60, width))


def clusters(seed: int, classes: int, columns: int, spread: float):
  """Features and labels that a classifier half knows."""
  random = np.random.default_rng(seed)
  labels = np.append(np.arange(classes), random.integers(classes, size=900))
  centres = random.normal(size=(classes, columns))
  features = centres[labels] + spread * random.normal(size=(len(labels), 1))
  return np.abs(features + random.normal(size=features.shape)), labels


def by_scikit(x, y, test, test_y) -> tuple[float, float]:
  with warnings.catch_warnings():
    warnings.simplefilter('ignore', ConvergenceWarning)
    model = LogisticRegression().fit(x, y)
  return model.score(x, y), model.score(test, test_y)


@pytest.mark.parametrize('classes', [2, 3, 5, 10])
@pytest.mark.parametrize('scale', [0.01, 1.0, 3.0])
def test_the_classifier_is_that_of_scikit_learn(classes, scale):
  for seed in range(4):
    x, y = clusters(seed, classes, 1 + 3 * seed, 0.5)
    test, test_y = clusters(seed + 50, classes, 1 + 3 * seed, 0.5)
    score = beta_vae_score(x * scale, y, test * scale, test_y)
    expected = by_scikit(x * scale, y, test * scale, test_y)
    assert (score.details['train_accuracy'], score.value) == expected


def test_a_fit_that_does_not_converge_is_scikit_learns_and_is_said():
  x, y = clusters(1, 5, 4, 0.5)
  x = x * [1, 1e2, 1e-2, 3e3]
  score = beta_vae_score(x[:600], y[:600], x[600:], y[600:])
  assert score.note == 'the fit stopped at 100 iterations'
  assert score.value == by_scikit(x[:600], y[:600], x[600:], y[600:])[1]


def test_identity_data():
  # disentanglement_lib: 1.0 and 1.0, RandomState(0), batch 5, 2,000 and 2,000.
  factors = examples.identity()
  score = beta_vae(factors, factors, train=2000, test=2000, batch=5)
  assert (score.value, score.details['train_accuracy']) == (1.0, 1.0)
  assert score.variant == 'locatello2019'
  assert score.parameters == {
    **{'train': 2000, 'test': 2000, 'C': 1.0},
    **{'batch': 5, 'seed': 0, 'points': 3000},
  }
  np.testing.assert_array_equal(score.per_factor, np.ones(10))


def replayed(draw, encode, count, batch, state):
  """The loop's draws as one table of codes, rows of it and labels."""
  codes, labels = [], []
  for _ in range(count):
    shared = state.randint(3)
    first, second = draw(state, batch), draw(state, batch)
    second[:, shared] = first[:, shared]
    codes.append(np.stack([encode(first), encode(second)], axis=1))
    labels.append(shared)
  codes = np.array(codes)
  points = np.arange(count * batch * 2).reshape(count, batch, 2)
  return codes.reshape(-1, codes.shape[-1]), points, np.array(labels)


def test_the_references_loop_on_the_same_draws_to_the_last_digit():
  draw, encode = metric_loops.grid((3, 4, 5), noisy())
  state = np.random.RandomState(7)
  codes, points, labels = replayed(draw, encode, 500, 8, state)
  differences = pair_differences(codes, points)
  pairs = codes[points]
  np.testing.assert_array_equal(
    differences, np.abs(pairs[:, :, 0] - pairs[:, :, 1]).mean(axis=1)
  )
  codes, points, test_labels = replayed(draw, encode, 300, 8, state)
  score = beta_vae_score(
    differences, labels, pair_differences(codes, points), test_labels
  )
  expected = metric_loops.beta_vae(draw, encode, 500, 300, 8, 7)
  assert (score.details['train_accuracy'], score.value) == expected
  assert 0.4 < score.value < 0.99


def test_the_references_loop_on_draws_of_its_own():
  draw, encode = metric_loops.grid((3, 4, 5), noisy())
  loops = [
    metric_loops.beta_vae(draw, encode, 1000, 1000, 8, seed)[1]
    for seed in range(3)
  ]
  ours = [
    beta_vae(noisy(), GRID, train=1000, test=1000, batch=8, seed=seed).value
    for seed in range(3)
  ]
  # An accuracy of 0.7 on 1,000 has a standard error of 0.0145.
  assert np.mean(ours) == pytest.approx(np.mean(loops), abs=0.04)


def test_noise_is_at_chance():
  codes = np.random.default_rng(3).normal(size=(60_000, 5))
  factors = np.tile(GRID, (1000, 1))
  value = beta_vae(codes, factors, train=2000, test=2000).value
  assert value == pytest.approx(1 / 3, abs=0.05)


def test_other_points_for_the_test():
  score = beta_vae(noisy(0), GRID, noisy(0), GRID, **SMALL)
  assert score.value == beta_vae(noisy(0), GRID, **SMALL).value
  # Here the test has codes that say nothing.
  blind = beta_vae(GRID, GRID, np.zeros((60, 3)), GRID, **SMALL)
  assert blind.value < 0.5
  assert blind.details['train_accuracy'] == 1


@settings(max_examples=8, deadline=None)
@given(st.permutations(range(4)), st.integers(0, 15), st.integers(0, 2))
def test_what_must_not_matter(order, signs, dead):
  codes = noisy(1)
  value = beta_vae(codes, GRID, **SMALL).value
  flips = 1 - 2 * (signs >> np.arange(4) & 1)
  changed = np.hstack([codes[:, order] * flips, np.full((60, dead), 0.3)])
  assert beta_vae(changed, GRID, **SMALL).value == pytest.approx(
    value, abs=0.01
  )


def test_scale_matters_because_of_the_penalty():
  codes = noisy(1)
  value = beta_vae(codes, GRID, **SMALL).value
  assert beta_vae(codes / 100, GRID, **SMALL).value < value - 0.1


def circle(size: int = 12, other: int = 6):
  turn, step = np.indices((size, other)).reshape(2, -1)
  angle = 2 * np.pi * turn / size
  codes = np.stack([np.cos(angle), np.sin(angle), step / other], axis=1)
  return codes, np.stack([turn, step], axis=1), angle


def test_the_difference_on_a_circle_is_the_shorter_way():
  # Mean of |angle| between two of 12 places: (0 + 2 (1 + ... + 5) + 6) / 12
  # steps of 30 degrees, 3 steps: pi / 2.
  places = np.arange(12) * np.pi / 6 - np.pi
  pairs = np.indices((12, 12)).reshape(2, -1).T[None]
  straight, round_ = (
    places[:, None],
    pair_differences(places[:, None], pairs, [0]),
  )
  assert round_[0, 0] == pytest.approx(np.pi / 2, rel=1e-12)
  # Straight on: mean |i - j| = (n^2 - 1) / (3 n) steps.
  assert pair_differences(straight, pairs)[0, 0] == pytest.approx(
    143 / 36 * np.pi / 6, rel=1e-12
  )


def test_groups():
  codes, factors, _ = circle()
  score = beta_vae(codes, factors, groups=((0, 1), (2,)), **SMALL)
  assert score.value == 1
  assert score.ungrouped == beta_vae(codes, factors, **SMALL).value
  # Where the circle begins, and its radius, are nobody's choice.
  turn = np.array([[0.6, 0.8, 0], [-0.8, 0.6, 0], [0, 0, 1]])
  again = beta_vae(
    3 * codes @ turn / [1, 1, 3], factors, groups=((0, 1), (2,)), **SMALL
  )
  assert again.value == 1


def test_bad_input_is_named():
  x, y = clusters(0, 3, 2, 0.5)
  with pytest.raises(ValueError, match='one factor only was shared: 1'):
    beta_vae_score(x, np.ones(len(x)), x, y)
  with pytest.raises(ValueError, match='factor 2 is in the test and not in'):
    beta_vae_score(x[y < 2], y[y < 2], x, y)
  with pytest.raises(ValueError, match='2 differences a batch in training, 1'):
    beta_vae_score(x, y, x[:, :1], y)
  with pytest.raises(ValueError, match='NaN or infinite in latent 0'):
    beta_vae_score(x * [np.nan, 1], y, x, y)
  with pytest.raises(ValueError, match='903 codes but 902 factors'):
    beta_vae_score(x, y[1:], x, y)
  with pytest.raises(ValueError, match='60 codes but 59 factors'):
    beta_vae(noisy(), GRID[1:])
  with pytest.raises(ValueError, match='factor 2 has one value only'):
    beta_vae(noisy(), GRID * [1, 1, 0])


def test_constant_codes_are_at_chance_without_a_warning():
  score = beta_vae(np.zeros((60, 3)), GRID, **SMALL)
  assert score.value < 0.45
