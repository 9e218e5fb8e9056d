"""Oracles: disentanglement_lib's own tests; its protocol as loops; Lasso's
closed form for orthogonal codes."""

import inspect

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import linear_model, preprocessing

from jaxvae.metrics.udr import relative_strength, udr

METHODS = ('lasso', 'spearman')


def models(count=4, points=300, latents=5, seed=0, dead=0.3):
  """Codes that are different mixtures of the same normals, and KLs."""
  random = np.random.default_rng(seed)
  sources = random.normal(size=(points, latents))
  codes, kls = [], []
  for _ in range(count):
    mixing = np.eye(latents) + 0.4 * random.normal(size=(latents, latents))
    codes.append(3 * sources[:, random.permutation(latents)] @ mixing + 1)
    kls.append(np.where(random.uniform(size=latents) < dead, 0.002, 2.0))
    kls[-1][0] = 2.0
  return codes, kls


def by_loops(codes, kls, method):
  """The protocol of disentanglement_lib, a pair of models at a time."""
  masks = [kl > 0.01 for kl in kls]
  codes = [
    preprocessing.StandardScaler().fit_transform(each) * mask
    for each, mask in zip(codes, masks, strict=True)
  ]
  count = len(codes)
  pairs = np.zeros((count, count))
  for i in range(count):
    for j in range(count):
      if i == j:
        continue
      found = np.zeros((codes[i].shape[1], codes[j].shape[1]))
      if method == 'lasso':
        lasso = linear_model.Lasso(alpha=0.1).fit(codes[i], codes[j])
        found = np.abs(lasso.coef_).T
      else:
        for a in np.flatnonzero(masks[i]):
          for b in np.flatnonzero(masks[j]):
            rank = scipy.stats.spearmanr(codes[i][:, a], codes[j][:, b])
            found[a, b] = abs(rank.statistic)
      found = found[masks[i]][:, masks[j]]
      parts = []
      for axis in (0, 1):
        sums = found.sum(axis)
        ratio = found.max(axis)[sums > 0] ** 2 / sums[sums > 0]
        parts.append(ratio.sum() / len(sums))
      pairs[i, j] = sum(parts) / 2
  scores = [np.median(np.delete(pairs[:, i], i)) for i in range(count)]
  return scores, pairs


def values(*args, **kwargs):
  return [score.value for score in udr(*args, **kwargs)]


@pytest.mark.parametrize(
  ('matrix', 'wanted'),
  # disentanglement_lib's own tests of its relative strength.
  [
    (np.eye(3), 1),
    ([[1, 1, 0], [1, 1, 0], [0, 0, 1]], 2 / 3),
    (np.ones((3, 3)), 1 / 3),
    (np.zeros((3, 3)), 0),
    # By hand: columns (1, 1/4 of 2 halves), rows (1/1.5, 1/2): a mean each.
    ([[1, 0.5], [0, 0.5]], ((1 + 0.25) / 2 + (1 / 1.5 + 0.5) / 2) / 2),
    # Two latents for one: columns 1, 1; the row 1 / 2.
    ([[1, 1]], (1 + 0.5) / 2),
  ],
)
def test_relative_strength(matrix, wanted):
  assert relative_strength(matrix) == pytest.approx(wanted, rel=1e-15)


# scikit-learn 1.5 warns of a target that is 0, whose gap and tolerance are 0.
@pytest.mark.filterwarnings('ignore::sklearn.exceptions.ConvergenceWarning')
@pytest.mark.parametrize('method', METHODS)
def test_the_protocol_written_as_loops(method):
  codes, kls = models()
  codes[1] = np.round(codes[1])  # many ties
  wanted, pairs = by_loops(codes, kls, method)
  found = udr(codes, kls, method)
  np.testing.assert_allclose([s.value for s in found], wanted, rtol=1e-9)
  for score in found:
    np.testing.assert_allclose(score.details['pairs'], pairs, rtol=1e-9)
    assert score.variant == f'duan2020_{method}' and not score.note
    assert score.parameters['models'] == 4
    assert score.parameters['points'] == 300
  # Lasso of b on a is not Lasso of a on b: the median runs down a column.
  assert (method == 'lasso') == (not np.allclose(pairs, pairs.T))


def test_lasso_of_orthogonal_codes_is_soft_thresholding():
  # A Hadamard matrix: columns of mean 0, variance 1, orthogonal.
  hadamard = np.ones((1, 1))
  for _ in range(3):
    hadamard = np.block([[hadamard, hadamard], [hadamard, -hadamard]])
  sources = hadamard[:, 1:5]
  turn = np.array([[0.8, -0.6], [0.6, 0.8]])
  turned = np.hstack([sources[:, :2] @ turn, sources[:, 2:]])
  kl = np.ones(4)
  for alpha in (0.1, 0.3):
    found = udr([sources, turned], [kl, kl], alpha=alpha)
    similar = found[1].details['similarities'][0]
    wanted = np.zeros((4, 4))
    wanted[:2, :2] = np.abs(turn) - alpha
    wanted[2:, 2:] = np.eye(2) * (1 - alpha)
    np.testing.assert_allclose(similar, wanted, atol=1e-12)
    same = values([sources, -sources[:, ::-1]], [kl, kl], alpha=alpha)
    assert same == pytest.approx([1 - alpha] * 2)
  same = values([sources, -sources], [kl, kl], 'spearman')
  assert same == pytest.approx([1, 1])


def test_models_that_agree_stand_above_one_that_does_not():
  random = np.random.default_rng(1)
  sources = random.normal(size=(1000, 4))
  turn = np.linalg.qr(random.normal(size=(4, 4)))[0]
  codes = [sources, -sources[:, ::-1], 2 * sources, sources @ turn]
  for method, least in (('lasso', 0.85), ('spearman', 0.9)):
    found = values(codes, [np.ones(4)] * 4, method)
    assert min(found[:3]) > least > 0.75 > found[3]
  # Noise of one's own: |rank correlations| about 1 / sqrt(1000).
  noise = [random.normal(size=(1000, 4)) for _ in range(4)]
  assert values(noise, [np.ones(4)] * 4) == [0, 0, 0, 0]
  assert max(values(noise, [np.ones(4)] * 4, 'spearman')) < 0.05


@pytest.mark.parametrize('method', METHODS)
def test_what_is_not_informative_is_left_out(method):
  codes, kls = models(dead=0)
  before = values(codes, kls, method)
  noise = np.random.default_rng(2).normal(size=(300, 2))
  more = [np.hstack([each, noise]) for each in codes]
  dead = [np.append(kl, [0.01, 0.0]) for kl in kls]  # at most 0.01 is out
  assert values(more, dead, method) == pytest.approx(before, rel=1e-9)
  assert values(more, dead, method, kl_threshold=-1) != pytest.approx(before)
  # Models may differ in their latents.
  some = [more[0], *codes[1:]], [dead[0], *kls[1:]]
  assert values(*some, method) == pytest.approx(before, rel=1e-9)


@pytest.mark.parametrize('method', METHODS)
def test_a_model_without_latents_scores_nothing(method):
  codes, kls = models(3, dead=0)
  found = udr(codes, [kls[0], kls[1], 0 * kls[2]], method)
  assert found[2].value == 0
  assert found[2].note == 'no latent has a KL above 0.01 nats'
  # The median of the others' two pairs, one of which is 0.
  assert 0 < found[0].value == found[0].details['pairs'][1, 0] / 2
  codes[2] = np.full_like(codes[2], 0.3)
  constant = udr(codes, kls, method)
  assert constant[2].value == 0
  assert constant[2].note == '5 informative codes are constant'


@pytest.mark.parametrize('method', METHODS)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_order_sign_and_scale_do_not_matter(method, seed):
  random = np.random.default_rng(seed)
  codes, kls = models(3, 100, 4, seed)
  before = values(codes, kls, method)
  order = [random.permutation(4) for _ in codes]
  scale = [random.choice([-3, 0.1, 100], 4) for _ in codes]
  changed = [
    z[:, o] * s + 7 for z, o, s in zip(codes, order, scale, strict=True)
  ]
  moved = [kl[o] for kl, o in zip(kls, order, strict=True)]
  # Coordinate descent goes through the latents in order and stops at 1e-4.
  near = 5e-3 if method == 'lasso' else 1e-9
  assert values(changed, moved, method) == pytest.approx(before, abs=near)
  again = values(codes[::-1], kls[::-1], method)[::-1]
  assert again == pytest.approx(before, rel=1e-9)


def test_the_settings_of_scikit_learn_that_decide_the_value():
  known = inspect.signature(linear_model.Lasso).parameters
  wanted = {
    'fit_intercept': True,
    'precompute': False,
    'max_iter': 1000,
    'tol': 1e-4,
    'warm_start': False,
    'positive': False,
    'selection': 'cyclic',
  }
  assert {key: known[key].default for key in wanted} == wanted


def test_fits_that_do_not_converge_are_counted_without_a_warning():
  random = np.random.default_rng(0)
  base = random.normal(size=(60, 1))
  codes = base + 1e-3 * random.normal(size=(60, 40))
  other = random.normal(size=(60, 40)) + base
  found = udr([codes, other], [np.ones(40)] * 2, alpha=1e-7)
  assert 'Lasso fits of all models did not converge' in found[0].note


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    (lambda z, k: ((z[:1], k[:1]), {}), '1 given, allowed: two or more'),
    (lambda z, k: ((z, k[:2]), {}), '4 models but 2 KLs'),
    (lambda z, k: ((z, [*k[:3], k[3][:2]]), {}), 'model 3 has 5 latents'),
    (lambda z, k: (([*z[:3], z[3][:9]], k), {}), 'model 3 has 9 points'),
    (lambda z, k: (([*z[:3], z[3] * np.nan], k), {}), 'NaN or infinite'),
    (lambda z, k: ((z, [*k[:3], k[3] * np.nan]), {}), 'KLs of model 3'),
    (lambda z, k: ((z, k, 'ridge'), {}), "'ridge'; allowed: lasso, spearman"),
    (lambda z, k: ((z, k), {'alpha': 0}), 'alpha=0; allowed'),
    (lambda z, k: (([each[:1] for each in z], k), {}), '1 point'),
  ],
)
def test_bad_input_is_named(change, message):
  args, named = change(*models())
  with pytest.raises(ValueError, match=message):
    udr(*args, **named)


@pytest.mark.parametrize(
  'matrix', [[], [1.0], np.zeros((0, 2)), [[-1.0]], [[np.nan]]]
)
def test_similarities_that_are_none(matrix):
  with pytest.raises(ValueError, match='similarit'):
    relative_strength(matrix)
