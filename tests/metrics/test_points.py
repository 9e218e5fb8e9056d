"""What can be scored of continuous, constant and unknown factors.

Numbers are NumPy's (histograms, correlations) and scikit-learn's (mutual
information of labels, in nats), on points made here.
"""

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from jaxvae import metrics
from jaxvae.metrics import Points, in_steps
from jaxvae.metrics.points import returning, seen

SPANS = {1: (-180.0, 180.0), 2: (0.0, 2.0)}


def made(count: int = 600, seed: int = 0):
  """A class, an angle in degrees, a size; codes that tell two of them."""
  random = np.random.default_rng(seed)
  kind = random.integers(0, 3, count)
  angle, size = random.uniform(-180, 180, count), random.uniform(0, 2, count)
  turn = np.radians(angle)
  codes = np.stack([np.cos(turn), np.sin(turn), size, kind], axis=1)
  codes += 0.05 * random.normal(size=codes.shape)
  factors = np.stack([kind, angle, size], axis=1)
  return codes, factors


def points(**changes):
  codes, factors = made()
  test_codes, test_factors = made(300, 1)
  return Points(
    *(codes, factors, test_codes, test_factors),
    groups=((0, 1), (2,), (3,)),
    circular={1: 360.0},
    spans=SPANS,
  )._replace(**changes)


def score(p, name: str) -> metrics.Score:
  [found] = metrics.run(p, name).scores
  return found


def entropy(classes) -> float:
  share = np.unique(classes, return_counts=True)[1] / len(classes)
  return float(-(share * np.log(share)).sum())


def test_bins_are_those_of_a_histogram():
  _, factors = made()
  binned = in_steps(factors, SPANS, 20)
  assert binned.dtype == np.int64
  np.testing.assert_array_equal(binned[:, 0], factors[:, 0])
  for column, span in SPANS.items():
    counts = np.histogram(factors[:, column], 20, span)[0]
    np.testing.assert_array_equal(np.bincount(binned[:, column]), counts)
  ends = in_steps([[-180.0], [180.0], [np.nan]], {0: (-180.0, 180.0)}, 20)
  np.testing.assert_array_equal(ends[:, 0], [0, 19, np.nan])


def test_information_is_of_bins_and_says_so():
  found = score(points(), 'mig')
  codes, factors = made()
  places = np.linspace(codes[:, 2].min(), codes[:, 2].max(), 21)[:-1]
  code = np.digitize(codes[:, 2], places)
  size = np.digitize(factors[:, 2], np.linspace(0, 2, 21)[:-1])
  told = found.details['mutual_information'][1, 2]
  assert told == pytest.approx(mutual_info_score(code, size), abs=1e-12)
  assert found.parameters['factor_bins'] == 20
  assert (found.per_factor > 0.4).all()
  assert 'factor_bins' not in score(points(), 'sap_continuous').parameters


def test_scores_of_numbers_are_of_the_values():
  codes, factors = made()
  matrix = score(points(), 'sap_continuous').details['score_matrix']
  # The squared correlation; with three latents, row 1 is column 2.
  expected = np.corrcoef(codes[:, 2], factors[:, 2])[0, 1] ** 2
  assert matrix[1, 2] == pytest.approx(expected, abs=1e-7)
  # Of a circle, the variance of (cos, sin) that a linear fit explains.
  turn = np.radians(factors[:, 1])
  target = np.stack([np.cos(turn), np.sin(turn)], axis=1)
  target -= target.mean(axis=0)
  basis = np.c_[np.ones(len(codes)), codes[:, :2]]
  rest = target - basis @ np.linalg.lstsq(basis, target, rcond=None)[0]
  expected = 1 - np.square(rest).sum() / np.square(target).sum()
  assert matrix[0, 1] == pytest.approx(expected, abs=1e-6)
  circle = score(points(), 'circle')
  assert circle.value > 0.95 and len(circle.per_factor) == 1


def test_one_value_or_no_label_is_left_out_and_the_rest_is_scored():
  codes, factors = made()
  test_factors = made(300, 1)[1]
  extra = np.zeros((600, 4))
  extra[:, 1], extra[:, 2] = np.nan, np.arange(600)
  extra[:, 3] = 1.0 + 1e-9 * factors[:, 2]  # in one bin of its span
  whole = points(
    factors=np.hstack([extra, factors]),
    test_factors=np.hstack([extra[:300], test_factors]),
    circular={5: 360.0},
    spans={at + 4: span for at, span in SPANS.items()} | {3: (0.0, 2.0)},
  )
  found = metrics.run(whole, 'quick')
  assert found.left_out == {
    0: 'one value only on 600 points',
    1: 'no label on 600 points',
    2: '600 values on 600 points: too few of each',
    3: 'values in one of 20 bins only on 600 points',
  }
  alone = metrics.run(points(), 'quick')
  assert [one.value for one in found.scores] == [
    one.value for one in alone.scores
  ]
  nothing = metrics.run(Points(codes, np.zeros((600, 2), int)), 'mig, irs')
  assert nothing.skipped == dict.fromkeys(
    ('mig', 'irs'), 'no factor can be scored on these points'
  )


def test_points_without_a_label_have_no_part_in_that_factor():
  codes, factors = made()
  factors[::3, 1], factors[1::5, 2] = np.nan, np.nan
  holes = points(factors=factors)
  for name in ('mig', 'sap', 'sap_continuous'):
    found = score(holes, name)
    for column in range(3):
      told = ~np.isnan(factors[:, column])
      # The others are classes that matter to nothing but the shape.
      some = np.where(np.arange(3) == column, factors[told], made()[1][told])
      single = points(codes=codes[told], factors=some)
      expected = score(single, name).per_factor[column]
      assert found.per_factor[column] == pytest.approx(expected, rel=1e-12)
    assert found.value == pytest.approx(np.mean(found.per_factor), rel=1e-12)
    assert '400 to 600 points have a label' in found.note
    # Where the parts differ, a parameter is not of them all.
    assert found.parameters['points'] == 400
    assert 'circular' not in found.parameters
  told = ~np.isnan(factors).any(axis=1)
  joint = points(codes=codes[told], factors=factors[told])
  for name in ('mig_sup', 'irs', 'factor_vae'):
    assert score(holes, name).value == score(joint, name).value
  factors[::2, 0], factors[1::2, 2] = np.nan, np.nan
  split = metrics.run(points(factors=factors), 'mig, mig_sup')
  assert split.scores[0].name == 'mig'
  assert split.skipped == {'mig_sup': 'no point has a label of each factor'}


def test_information_of_known_labels():
  codes, factors = made()
  labels = factors[:, :1].copy()
  labels[:100] = np.nan
  found = metrics.normalised_mutual_information(codes, labels, 20)
  code = codes[100:, 3]
  edges = np.linspace(code.min(), code.max(), 21)[:-1]
  told = mutual_info_score(np.digitize(code, edges), labels[100:, 0])
  expected = told / entropy(labels[100:, 0])
  assert found[3, 0] == pytest.approx(expected, rel=1e-12)
  rows = metrics.latent_table(np.ones(4), np.ones(4), codes, labels, ['kind'])
  assert rows[3].nmi == pytest.approx(expected, rel=1e-12)


def test_points_alone_with_a_value_are_not_drawn():
  factors = np.array([[0, 0], [0, 0], [1, 1], [1, 1], [2, 0], [0, 3], [0, 3]])
  some, notes = returning(Points(np.arange(7.0)[:, None], factors))
  assert some.codes[:, 0].tolist() == [0, 1, 2, 3, 5, 6]
  assert notes == ['1 points are alone with a value: left out']
  with pytest.raises(ValueError, match='no two points share a value'):
    returning(Points(np.zeros((3, 1)), np.arange(6).reshape(3, 2)))
  # What is left when one goes may be alone.
  chain = np.array([[0, 0], [0, 1], [1, 1]])
  with pytest.raises(ValueError, match='no two points share a value'):
    returning(Points(np.zeros((3, 1)), chain))


def test_explicitness_is_of_the_values_that_were_seen():
  train, test = np.array([[0, 0], [1, 1]]), np.array([[0, 0], [1, 0], [2, 0]])
  given = Points(np.zeros((2, 1)), train, np.arange(3.0)[:, None], test)
  some, notes = seen(given)
  assert some.test_codes[:, 0].tolist() == [0, 1]
  assert some.factors.tolist() == [[0], [1]]
  assert notes == [
    '1 test points have an unseen value: left out',
    'factor 1: one value in the test points, left out',
  ]
  # A class that training lacks, as in a held-out part: the rest is scored.
  codes, factors = made()
  kept = factors[:, 0] < 2
  found = metrics.run(
    points(codes=codes[kept], factors=factors[kept]), 'explicitness'
  )
  assert 'unseen value' in found.scores[0].note


@pytest.mark.parametrize('count', [1, 2, 3, 5])
@pytest.mark.parametrize('dead', [False, True])
def test_few_points_and_dead_codes_never_fail(count, dead):
  codes, factors = made(count)
  test_codes, test_factors = made(max(1, count // 2), 1)
  factors[0, 1] = np.nan
  few = points(
    codes=codes * (not dead),
    factors=factors,
    test_codes=test_codes if count > 2 else None,
    test_factors=test_factors if count > 2 else None,
  )
  names = 'quick' if count > 2 else 'fast'
  found = metrics.run(few, names)
  assert {one.name for one in found.scores} >= {'active_units'}
  assert all(found.skipped.values())


def fisher_lee(a, b) -> float:
  """The coefficient by its double sums over pairs of points."""
  one, other = (np.sin(np.subtract.outer(x, x)) for x in (a, b))
  return (one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum())


def turned(count: int = 400):
  """A dead factor, a shape, a continuous angle; a code that goes m times."""
  random = np.random.default_rng(3)
  shape = random.integers(0, 3, count)
  angle = random.uniform(0, 360, count)
  code = np.array([4, 2, 1])[shape] * np.radians(angle)
  code += 0.3 * random.normal(size=count)
  codes = np.stack([np.cos(code), np.sin(code), random.normal(size=count)], 1)
  factors = np.stack([np.zeros(count), shape, angle], axis=1)
  given = Points(
    *(codes, factors),
    groups=((0, 1), (2,)),
    circular={2: 360.0},
    folds={2: (1, (4, 2, 1))},
    spans={2: (0.0, 360.0)},
  )
  return given, code, shape, np.radians(angle)


@pytest.mark.parametrize('known', ['all', 'most', 'one', 'one of most', 'none'])
def test_how_often_a_circle_comes_back_is_of_the_shapes_that_are_known(known):
  given, code, shape, angle = turned()
  factors = given.factors.copy()
  kept, m = np.ones(400, bool), np.array([4, 2, 1])[shape]
  if known.startswith('one'):
    kept, m = shape == 1, np.full(400, 2)
  if 'most' in known:
    factors[::5, 1] = np.nan
  if known == 'most':  # of the others nobody knows
    kept = ~np.isnan(factors[:, 1])
  if known == 'none':  # nobody knows, so it is taken for once
    factors[:, 1], m = np.nan, np.ones(400)
  if known == 'one':
    kept = shape == 1
  rows = kept if known.startswith('one') else slice(None)
  some = given._replace(codes=given.codes[rows], factors=factors[rows])
  found = score(some, 'circle')
  expected = fisher_lee(code[kept], (m * angle)[kept])
  assert found.value == pytest.approx(abs(expected), abs=1e-6)
  if known == 'one of most':
    assert found.parameters['folds'] == '0:2'
    plain = some._replace(folds={2: 2})
    assert score(plain, 'circle').value == found.value


def test_a_span_may_be_a_part_of_a_turn():
  given, code, shape, angle = turned()
  half = (shape == 2) & (angle < np.pi)
  some = Points(
    *(given.codes[half], np.degrees(angle[half, None])),
    groups=((0, 1), (2,)),
    circular={0: 360.0},
    spans={0: (0.0, 180.0)},
  )
  expected = fisher_lee(code[half], angle[half])
  assert score(some, 'circle').value == pytest.approx(expected, abs=1e-6)


CODES, FACTORS = np.eye(6), np.indices((2, 3)).reshape(2, -1).T


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    ({'factors': FACTORS + 0.5}, 'factor 0 in factors is 0.5; allowed: class'),
    ({'factors': FACTORS * 1e30}, r'is 1e\+30; allowed: class numbers'),
    ({'factors': FACTORS[:4]}, '6 codes but 4 factors'),
    ({'factors': FACTORS[:, 0]}, r'factors must be .points, factors.*\[6\]'),
    ({'factors': FACTORS.astype(str)}, 'factors must be real numbers'),
    ({'test_codes': CODES[:, :2]}, '6 codes a point but 2 test_codes'),
    ({'test_factors': FACTORS[:, :1]}, '2 factors a point but 1 test_factors'),
    ({'test_factors': FACTORS + np.inf}, 'factor 0 in test_factors is inf'),
    ({'test_factors': None}, 'are given together, or not'),
    ({'test_codes': None}, 'are given together, or not'),
    ({'spans': {1: (0, 1.5)}}, 'factor 1 in factors is 2; .* 0 to 1.5, its'),
    ({'spans': {1: (2, 0)}}, r'span of factor 1 is \(2, 0\); allowed: two'),
    ({'spans': {2: (0, 1)}}, 'a column of spans must be at most 1'),
    ({'spans': 'a'}, "spans='a'; allowed: .low, high. by column"),
    ({'circular': {2: 3}}, 'a circular column must be at most 1'),
    ({'circular': {1: 'a'}}, "the size of factor 1='a'; allowed"),
    ({'folds': {1: 'a'}}, "how often must be a whole number, not 'a'"),
    ({'turns': CODES}, 'turns=array.*; allowed: .codes, factors'),
  ],
)
def test_points_that_do_not_fit_each_other(changes, message):
  given = Points(CODES, FACTORS, CODES, FACTORS)._replace(**changes)
  with pytest.raises(ValueError, match=message):
    metrics.run(given, 'mig')


def test_lists_and_whole_numbers_of_a_span_are_points_too():
  codes, factors = made()
  whole = np.floor(factors).astype(int)
  spans = {1: (-180, 180), 2: (0, 2)}
  given = Points(codes, whole, spans=spans)
  found = score(given, 'mig')
  bins = in_steps(whole.astype(float), spans, 20)
  assert bins[:, 1].max() == 19
  expected = metrics.mig(codes, bins).per_factor
  np.testing.assert_array_equal(found.per_factor, expected)
  plain = Points(codes.tolist(), whole.tolist(), spans=spans)
  assert score(plain, 'mig').value == found.value


def test_a_mask_beside_unknown_labels_is_refused():
  codes, factors = made()
  factors[::3, 0] = np.nan
  masked = np.ma.masked_array(factors, factors == 1)
  for call in (
    lambda: metrics.normalised_mutual_information(codes, masked, 20),
    lambda: metrics.in_steps(masked, SPANS, 20),
  ):
    with pytest.raises(ValueError, match='factors are masked'):
      call()
  with pytest.raises(ValueError, match='600 codes but 9 factors'):
    metrics.normalised_mutual_information(codes, factors[:9], 20)
