"""What metrics are given: its type must not matter, its unit is said."""

import jax.numpy as jnp
import numpy as np
import pytest
from ml_dtypes import bfloat16
from scipy import optimize
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score, roc_auc_score

from jaxvae import metrics
from jaxvae.metrics import logistic, units


def halves(points: int = 300, seed: int = 0):
  """Codes that half precision holds exactly, too many to be summed in it."""
  random = np.random.default_rng(seed)
  factors = random.integers(0, [3, 4], size=(points, 2))
  codes = random.normal(size=(points, 3))
  codes[:, :2] += factors
  codes = np.round(8 * codes) / 8 + 100
  return codes, factors


TYPES = (
  *(np.float16, bfloat16, np.float32, np.longdouble, '>f4', np.int64, object),
)


def as_type(codes: np.ndarray, kind) -> np.ndarray:
  """The same numbers; whole ones where the type asks for it."""
  return codes.tolist() if kind is object else codes.astype(kind)


@pytest.mark.parametrize('kind', TYPES)
def test_the_type_of_the_numbers_does_not_matter(kind):
  codes, factors = halves()
  if kind in (bfloat16, np.int64):
    codes = np.round(codes)  # 8 bits and no more
  given, half = as_type(codes, kind), as_type(codes[::2], kind)
  tests = (factors, half, factors[::2])
  plain = (factors, codes[::2], factors[::2])
  for metric in (
    lambda z, *rest: metrics.explicitness(z, *rest),
    lambda z, *rest: metrics.sap(z, *rest),
    lambda z, f, *_: metrics.beta_vae(z, f, train=200, test=100),
    lambda z, f, *_: metrics.factor_vae(z, f, train=200, test=100),
    lambda z, f, *_: metrics.irs(z, f),
    lambda z, *_: metrics.gaussian_total_correlation(z),
    lambda z, *_: metrics.active_units_score(z),
  ):
    assert metric(given, *tests).value == metric(codes, *plain).value


def test_half_precision_is_summed_in_double():
  # scikit-learn on float64, one value against the rest, mean over values.
  codes, factors = halves(2000)
  level = (codes - codes.mean(axis=0)) / codes.std(axis=0)
  areas = []
  for column in factors.T:
    model = LogisticRegression().fit(level, column)
    chance = model.predict_proba(level)
    areas.append(
      np.mean([roc_auc_score(column == k, chance[:, k]) for k in set(column)])
    )
  half = codes.astype(np.float16)
  found = metrics.explicitness(half, factors, half, factors)
  np.testing.assert_allclose(found.per_factor, areas, rtol=1e-9)
  # NumPy's variance of float16, over 2,000 numbers near 100, is infinite.
  variances = metrics.active_units_score(half).details['variance']
  np.testing.assert_allclose(variances, np.var(codes, axis=0), rtol=1e-12)


def test_views_and_read_only_arrays_are_fine():
  codes, factors = halves()
  wide = np.zeros((600, 6))
  view = wide[::2, ::2]
  view[:] = codes
  view.flags.writeable = False
  value = metrics.mig(codes, factors).value
  for given in (view, np.asfortranarray(codes), jnp.asarray(codes)):
    assert metrics.mig(given, factors).value == value
  before = wide.copy()
  metrics.beta_vae(view, factors, train=50, test=50)
  metrics.factor_vae(view, factors, train=50, test=50)
  np.testing.assert_array_equal(wide, before)


def test_single_precision_is_cut_where_numpy_cuts_it():
  # Codes on the edges of bins: numpy.histogram's edges are float32 for them.
  codes = (np.arange(200)[:, None] % 11 / 10).astype(np.float32)
  factors = np.arange(200)[:, None] % 11 // 3
  both = np.hstack([codes, codes[::-1]])
  edges = np.histogram(codes[:, 0], 20)[1][:-1]
  cut = np.digitize(codes[:, 0], edges)
  found = metrics.mig(both, factors).details['mutual_information'][0, 0]
  expected = mutual_info_score(cut, factors[:, 0])
  assert found == pytest.approx(expected, rel=1e-9)


CODES, FACTORS = halves(40)
POINTS = metrics.Points(CODES, FACTORS, CODES, FACTORS)
TESTED = (CODES, FACTORS, CODES, FACTORS)
MASKED = np.ma.masked_array(CODES, CODES > 101)


@pytest.mark.parametrize(
  ('call', 'said'),
  [
    (lambda: metrics.mig(MASKED, FACTORS), 'codes are masked'),
    (lambda: metrics.mig(CODES, MASKED > 100), 'factors are masked'),
    (lambda: metrics.sap(CODES, FACTORS, MASKED, FACTORS), 'test_codes are m'),
    (lambda: metrics.gaussian_wasserstein(list(MASKED)), 'codes are masked'),
    (lambda: metrics.run(POINTS._replace(codes=MASKED)), 'codes are masked'),
    (lambda: metrics.run(POINTS._replace(test_codes=MASKED)), 'test_codes are'),
    (lambda: metrics.run(POINTS, bins='a'), "bins must be a whole .* 'a'"),
    (lambda: metrics.run(POINTS, seed=1.5), 'seed must be a whole .* 1.5'),
    (lambda: metrics.run(POINTS, names=['mig']), r"names=\['mig'\]; allowed"),
    (lambda: metrics.run(CODES), 'points=array.*; allowed: Points'),
    (lambda: metrics.run(POINTS._replace(groups=((0,),))), 'groups .* do not'),
    (lambda: metrics.mig(CODES, FACTORS, bins=True), 'bins .* not True'),
    (lambda: metrics.mig(CODES, FACTORS, bins=2.0), 'bins .* not 2.0'),
    (lambda: metrics.mig(CODES, FACTORS, bins=10**9), 'bins must be at most'),
    (lambda: metrics.mig(CODES, FACTORS, bins=10**5000), 'too long to show'),
    (
      lambda: metrics.active_units(CODES, -(10**5000)),
      r'threshold=... .int, too long',
    ),
    (lambda: metrics.mig(CODES, FACTORS, groups=5), 'groups=5; allowed'),
    (lambda: metrics.mig(CODES, FACTORS, groups='ab'), "groups='ab'; allowed"),
    (lambda: metrics.mig(CODES, FACTORS, variant=[]), r'variant \[\] is none'),
    (lambda: metrics.mig(CODES, FACTORS * 1e30), r'from -2\^53 to 2\^53'),
    (lambda: metrics.mig(CODES * 1e60, FACTORS), r'at most 1\.\S+ in l'),
    (lambda: metrics.mig([[1], [1, 2]], FACTORS), 'codes cannot be read'),
    (lambda: metrics.mig(object(), FACTORS), 'codes must be real .* object'),
    (lambda: metrics.active_units(CODES, np.nan), 'threshold=nan; allowed'),
    (lambda: metrics.active_units(CODES, 'a'), "threshold='a'; allowed"),
    (lambda: metrics.irs(CODES, FACTORS, 1j), 'quantile=1j; allowed'),
    (lambda: metrics.dci(*TESTED, seed=None), 'seed .* not None'),
    (lambda: metrics.dci(*TESTED, estimator={}), r'estimator \{\} is none'),
    (lambda: metrics.sap(*TESTED, kind=3), 'kind 3 is neither'),
    (lambda: metrics.sap(*TESTED, circular_factors=3), 'circular_factors=3'),
    (lambda: metrics.downstream(*TESTED, sizes=5), 'sizes=5; allowed'),
    (lambda: metrics.downstream(*TESTED, sizes=['a']), "a size .* 'a'"),
    (lambda: metrics.infomec(CODES, FACTORS, 1), 'discrete=1; allowed: True'),
    (
      lambda: metrics.beta_vae(CODES, FACTORS, train=10**12),
      'train must be at',
    ),
    (lambda: metrics.factor_vae(CODES, FACTORS, train=10**7), 'points in all'),
    (lambda: metrics.sample_pairs([10, 'a'], 5), "a size .* 'a'"),
    (lambda: metrics.draw_pairs(FACTORS, 5, seed=[1, -1]), 'seed must be at l'),
    (lambda: metrics.udr([CODES, CODES], None), 'kls=None; allowed'),
    (lambda: metrics.latent_table(['a'], [1.0]), 'mean_variance must be real'),
    (lambda: metrics.best_latent_per_factor(CODES, 'abc'), 'factor_names='),
    (lambda: metrics.table([1]), r'scores=\[1\]; allowed'),
    (lambda: metrics.d_lsbd(CODES, 'a'), 'frequencies must be'),
  ],
)
def test_a_bad_argument_is_named_in_a_line(call, said):
  with pytest.raises(ValueError, match=said) as raised:
    call()
  assert '\n' not in str(raised.value) and len(str(raised.value)) < 200


def optimum(codes, classes, test_codes, scale: float) -> np.ndarray:
  """SAP's machine on codes * scale, minimised by SciPy in standardised codes.

  Half the squared slope and intercept, and 0.01 times the balanced squared
  hinge, one class against the rest.
  """
  mean, deviation = codes.mean(), codes.std()
  lines = []
  for value in np.unique(classes):
    inside = classes == value
    sign = np.where(inside, 1, -1)
    share = inside.mean() * (classes.max() + 1)
    cost = 0.01 * np.where(inside, 1 / share, 1)
    level = (codes - mean) / deviation

    def objective(at, sign=sign, cost=cost, level=level):
      unit = deviation * scale
      slope = at[0] / unit
      middle = at[1] - at[0] * mean / deviation
      slack = np.maximum(1 - sign * (at[0] * level + at[1]), 0)
      pull = -2 * cost * slack * sign
      steep = slope / unit - middle * mean / deviation + pull @ level
      value = (slope**2 + middle**2) / 2 + cost @ slack**2
      return value, np.array([steep, middle + pull.sum()])

    lines.append(optimize.minimize(objective, [0, 0], jac=True, tol=1e-12).x)
  slope, at = np.transpose(lines)
  level = (test_codes - mean) / deviation
  return (level[:, None] * slope + at).argmax(axis=1)


def line(points: int = 1000, noise: float = 1.0, seed: int = 0):
  random = np.random.default_rng(seed)
  factors = random.integers(0, [3, 4], size=(points, 2))
  codes = factors + noise * random.normal(size=(points, 2))
  half = points // 2
  return codes[:half], factors[:half], codes[half:], factors[half:]


@pytest.mark.parametrize('scale', [1e3, 1e4, 1e5, 1e6, 1e40])
def test_machines_come_to_the_optimum_on_wide_codes(scale):
  codes, factors, test_codes, test_factors = line()
  expected = np.empty((2, 2))
  for latent, factor in np.ndindex(2, 2):
    told = optimum(
      *(codes[:, latent], factors[:, factor], test_codes[:, latent], scale)
    )
    expected[latent, factor] = (told == test_factors[:, factor]).mean()
  found = metrics.sap(codes * scale, factors, test_codes * scale, test_factors)
  # A point of 500 may be on the other side of a boundary.
  np.testing.assert_allclose(
    found.details['score_matrix'], expected, atol=0.0021
  )
  assert found.note == 'too wide or too far from 0, scaled: latents 0, 1'


def test_machines_are_told_where_they_cannot_see():
  codes, factors, test_codes, test_factors = line()
  plain = metrics.sap(codes, factors, test_codes, test_factors)
  assert plain.note == ''
  far = metrics.sap(codes + 1e6, factors, test_codes + 1e6, test_factors)
  assert far.value == pytest.approx(plain.value, abs=0.03)
  assert 'too far from 0' in far.note
  small = metrics.sap(codes * 1e-6, factors, test_codes * 1e-6, test_factors)
  assert 'outweighed by the penalty' in small.note
  found = metrics.sap(codes * 1e-7, factors, kind='continuous')
  assert found.note.endswith('or less counts 0: latents 0, 1')
  assert metrics.sap(codes, factors, kind='continuous').note == ''


SCALES = [(1e6, 0.0), (1e-6, 0.0), (1.0, 1e6)]


@pytest.mark.parametrize(('scale', 'offset'), SCALES)
def test_units_do_not_matter_or_are_said(scale, offset):
  codes, factors, test_codes, test_factors = line(300, 0.3)
  other, other_test = (z * scale + offset for z in (codes, test_codes))
  plain = (codes, factors, test_codes, test_factors)
  moved = (other, factors, other_test, test_factors)
  for exact in (
    lambda *p: metrics.explicitness(*p),
    lambda *p: metrics.dci(*p, estimator='extra_trees').disentanglement,
    lambda *p: metrics.infomec(*p[:2]).infoe,
    lambda *p: metrics.infomec(*p[:2]).infom,
    lambda *p: metrics.downstream(*p, sizes=[100], estimator='forest')[0],
    lambda z, *_: metrics.udr([z[:, ::-1], z], np.ones((2, 2)))[0],
    lambda z, *_: metrics.gaussian_total_correlation(z),
  ):
    # Trees compare in float32, and a threshold may fall on another side.
    assert exact(*moved).value == pytest.approx(exact(*plain).value, abs=0.02)
  for penalised in (
    lambda *p: metrics.downstream(*p, sizes=[150], estimator='logistic_fast'),
    lambda *p: metrics.fairness(*p, estimator='logistic_fast'),
    lambda *p: [metrics.beta_vae(*p[:2], train=100, test=100)],
  ):
    before, after = penalised(*plain)[0], penalised(*moved)[0]
    same = after.value == pytest.approx(before.value, abs=0.02)
    assert (
      same
      or 'converge' in after.note
      or 'stopped' in after.note
      or ('outweighed' in after.note)
    )
    assert before.note == ''


def test_a_fit_that_only_says_that_it_is_done():
  codes, factors, *_ = line()
  model = logistic.fit(codes * 1e6, factors[:, 0])
  # lbfgs stopped before its last step, half a slope away from the optimum.
  assert model.n_iter_.max() < logistic.STEPS
  assert not logistic.converged(model)
  assert logistic.converged(logistic.fit(codes, factors[:, 0]))


def test_columns_within_reach_keep_every_bit():
  random = np.random.default_rng(0)
  codes = random.normal(size=(50, 4)) * [1, 90, 1e-3, 0] + [0, 900, 3, 7]
  kept = units.within_reach(codes, units.NARROW).of(codes)
  np.testing.assert_array_equal(kept, codes)
  wide = units.within_reach(codes * 1e9 + 1e12).of(codes * 1e9 + 1e12)
  assert np.abs(wide).max() < 1e3
