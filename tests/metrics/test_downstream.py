"""Oracles: scikit-learn's estimators, closed forms, the protocol's loops."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from jaxvae.metrics import estimators
from jaxvae.metrics.downstream import downstream

SIZES = (3, 4)


def linear(points=600, seed=1):
  """Codes that tell the factors in part, by one mixing for all seeds."""
  random = np.random.RandomState(seed)
  factors = np.stack([random.randint(v, size=points) for v in SIZES], axis=1)
  mixing = np.array([[1.0, -0.5, 0.2], [0.3, 0.8, -0.6]])
  return factors @ mixing + 0.4 * random.randn(points, 3), factors


def test_the_factors_themselves_are_learned():
  _, factors = linear()
  scores = downstream(factors, factors, factors, factors, (10, 500), 'boosting')
  assert [score.name for score in scores] == ['downstream_10', 'downstream_500']
  assert scores[1].value == 1
  assert scores[1].per_factor.tolist() == [1, 1]
  assert scores[0].value > 0.7
  assert scores[0].parameters['train'] == 10


def test_noise_is_answered_by_chance():
  _, factors = linear(2000)
  noise = np.random.RandomState(7).randn(2000, 3)
  (score,) = downstream(
    noise[:1000],
    factors[:1000],
    noise[1000:],
    factors[1000:],
    (1000,),
    'logistic_fast',
  )
  # A fixed answer is right in one of 3, and of 4; three standard errors.
  np.testing.assert_allclose(score.per_factor, [1 / 3, 1 / 4], atol=0.045)


@pytest.mark.parametrize('name', ['logistic_fast', 'forest', 'boosting'])
def test_accuracy_is_counted_as_in_the_protocol(name):
  codes, factors = linear(300)
  test_codes, test_factors = linear(200, seed=2)
  scores = downstream(
    codes, factors, test_codes, test_factors, (20, 100), name, seed=3
  )
  order = np.random.RandomState(3).permutation(300)
  for score, size in zip(scores, (20, 100), strict=True):
    some = order[:size]
    for factor in range(2):
      predict = estimators.fit(name, codes[some], factors[some, factor], 3)
      right = sum(
        answer == truth
        for answer, truth in zip(
          predict(test_codes), test_factors[:, factor], strict=True
        )
      )
      assert score.per_factor[factor] == pytest.approx(right / 200, rel=1e-12)
    assert score.value == pytest.approx(np.mean(score.per_factor), rel=1e-12)
    assert score.details['min'] == min(score.per_factor)
  assert scores[1].variant == f'locatello2019_{name}'


def test_one_class_is_answered_with_it_and_said():
  codes, factors = linear(50)
  single = factors * [0, 1] + [2, 0]
  (score,) = downstream(codes, single, codes, factors, (50,), 'logistic_fast')
  assert score.per_factor[0] == pytest.approx((factors[:, 0] == 2).mean())
  assert score.note == 'one class of factor 0 was seen'


@pytest.mark.parametrize('name', estimators.ESTIMATORS)
def test_ten_labels_lack_classes_and_test_points_have_them(name):
  codes, factors = linear(400)
  many = 4 * factors[:, :1] + factors[:, 1:]
  if name == 'logistic':
    many = many // 3  # the folds lack a class each, as they are few
  (score,) = downstream(codes, many, codes, many, (10,), name)
  assert 1 / 12 < score.value < 1


def test_logistic_chooses_its_penalty_on_five_folds():
  codes, factors = linear(90)
  codes = np.hstack([codes, np.random.RandomState(5).randn(90, 6)])
  labels = factors[:, 0]
  # LogisticRegressionCV(Cs=10, cv=KFold(5)), written out.
  folds = np.array_split(np.arange(90), 5)
  accuracy = []
  for penalty in np.logspace(-4, 4, 10):
    parts = []
    for held in folds:
      seen = np.setdiff1d(np.arange(90), held)
      model = LogisticRegression(C=penalty, max_iter=300)
      model.fit(codes[seen], labels[seen])
      parts.append(model.score(codes[held], labels[held]))
    accuracy.append(np.mean(parts))
  best = np.logspace(-4, 4, 10)[np.argmax(accuracy)]
  assert 1e-4 < best < 1e4
  expected = LogisticRegression(C=best, max_iter=300).fit(codes, labels)
  predict = estimators.fit('logistic', codes, labels, 0)
  new = np.hstack(
    [linear(400, seed=9)[0], np.random.RandomState(6).randn(400, 6)]
  )
  assert (predict(new) == expected.predict(new)).mean() > 0.99


def test_settings_that_once_changed_are_pinned():
  # Forests had 10 trees before scikit-learn 0.22 and took all columns before
  # 1.1; boosting is as disentanglement_lib left it in 2019.
  forest = estimators.forest(4).get_params()
  assert (forest['n_estimators'], forest['max_features']) == (100, 'sqrt')
  assert (forest['criterion'], forest['max_depth']) == ('gini', None)
  assert (forest['bootstrap'], forest['random_state']) == (True, 4)
  boosting = estimators.boosting(4).get_params()
  assert (boosting['n_estimators'], boosting['max_depth']) == (100, 3)
  assert (boosting['learning_rate'], boosting['subsample']) == (0.1, 1.0)
  assert (boosting['loss'], boosting['max_features']) == ('log_loss', None)
  assert boosting['random_state'] == 4
  np.testing.assert_allclose(
    estimators.PENALTIES[[0, 1, -1]], [1e-4, 7.742636826811278e-4, 1e4]
  )


def test_the_global_generator_is_left_alone():
  codes, factors = linear(60)
  np.random.seed(0)
  before = np.random.get_state()[1].tolist()
  first = downstream(codes, factors, codes, factors, (20,), 'forest')
  assert np.random.get_state()[1].tolist() == before
  again = downstream(codes, factors, codes, factors, (20,), 'forest')
  assert first[0].value == again[0].value


def test_bad_input_is_named():
  codes, factors = linear(50)

  def score(codes=codes, factors=factors, sizes=(10,), name='logistic_fast'):
    test_codes, test_factors = linear(20)
    return downstream(codes, factors, test_codes, test_factors, sizes, name)

  with pytest.raises(ValueError, match='from 1 to the 50 points there are'):
    score(sizes=(10, 100))
  with pytest.raises(ValueError, match='from 1 to the 50 points'):
    score(sizes=())
  with pytest.raises(ValueError, match="estimator 'svm' is none of boosting"):
    score(name='svm')
  with pytest.raises(ValueError, match='logistic cuts the points into 5 folds'):
    score(sizes=(4,), name='logistic')
  with pytest.raises(ValueError, match='49 codes but 50 factors'):
    score(codes=codes[1:])
  with pytest.raises(
    ValueError, match='codes have 2 columns in training and 3'
  ):
    score(codes=codes[:, :2])
  with pytest.raises(ValueError, match='factors have 1 columns in training'):
    score(factors=factors[:, :1])
  with pytest.raises(ValueError, match='NaN or infinite in latent 0'):
    score(codes=codes * [np.nan, 1, 1])
