"""Oracles: mpmath with 45 digits, quadrature on grids, Monte Carlo."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from latent import oracles, properties
from latent.compiled import compiled
from latent.properties import hyper

from jaxvae.data.factors import Factor
from jaxvae.errors import UserError
from jaxvae.latent import labels
from jaxvae.latent import mixture as module
from jaxvae.latent.gaussian import Posterior
from jaxvae.latent.mixture import Components, mixture, vamp
from jaxvae.latent.slots import latent_space

RING = compiled(mixture(5, 2))
LEARNED = compiled(mixture(3, 2, 'learned', radius=2.0))
CLASSES = compiled(mixture(4, 3, 'classes'))
KEY = jax.random.key(0)


@pytest.fixture(params=[False, True], ids=['float32', 'float64'])
def rtol(request):
  """What may be lost; in the second half numbers have 64 bits."""
  with jax.enable_x64(request.param):
    yield 1e-10 if request.param else 1e-5


def _array(x):
  return jnp.asarray(x, float)


def _two():
  """The mixture of the group mixture_2d."""
  std = _array([[0.5, 1.0], [1.0, 0.3]])
  weight = _array([0.3, 0.7])
  mean = _array([[-1.0, 0.0], [2.0, 1.0]])
  return Components(mean, jnp.log(std), jnp.log(weight))


def _grid(mean, std, half=8.0, n=401):
  """Points of a grid about a Gaussian, and its density times their area."""
  t = np.linspace(-half, half, n)
  t = np.stack(np.meshgrid(t, t, indexing='ij'), -1).reshape(-1, 2)
  area = (2 * half / (n - 1)) ** 2
  return np.asarray(mean) + np.asarray(std) * t, area * np.exp(
    -0.5 * (t**2).sum(-1)
  ) / math.tau


def _on_grid(q_mean, q_std, log_p):
  """KL(q || p): entropy in closed form, the rest by the trapezium rule."""
  z, density = _grid(q_mean, q_std)
  entropy = 1 + math.log(math.tau) + np.log(q_std).sum()
  return -entropy - density @ np.asarray(log_p(_array(z)), np.float64)


def test_oracles_of_the_mixture(rtol):
  for entry in oracles.entries('mixture_2d'):
    mean, std = entry['inputs']['mu'], entry['inputs']['sigma']
    kl, bound = entry['value']
    q = Posterior(_array(mean), jnp.log(_array(std)))
    assert float(module.upper_bound(q, _two())) == pytest.approx(
      bound, rel=rtol
    )
    value = _on_grid(mean, std, lambda z: module.log_density(z, _two()))
    assert value == pytest.approx(kl, rel=max(rtol, 1e-9))


def test_bound(rtol):
  # 45 digits, mpmath: the first of those, above its KL of 2.17207.
  q = Posterior(jnp.zeros(2), jnp.zeros(2))
  bound = float(module.upper_bound(q, _two()))
  assert bound == pytest.approx(4.010396258393474, rel=rtol)


def test_bound_of_points_on_a_line(rtol):
  for entry in oracles.entries('points_mixture'):
    inputs = entry['inputs']
    if inputs['kind'] == 'kl':
      k, s = inputs['k'], inputs['s']
      mean = inputs['spacing'] * (np.arange(k) - (k - 1) / 2)
      log_std = jnp.full((k, 1), math.log(s))
      prior = Components(
        _array(mean[:, None]), log_std, -jnp.log(jnp.full(k, k * 1.0))
      )
      q = Posterior(_array([inputs['m']]), jnp.log(_array([inputs['sigma']])))
      bound = float(module.upper_bound(q, prior))
      assert bound == pytest.approx(entry['value'][1], rel=rtol)


def test_vamp(rtol):
  # 45 digits, mpmath (group vamp): two pseudo-inputs.
  means = _array([[0, 1], [-1, -1]])
  log_std = 0.5 * _array([[0, -1], [-0.5, 0.3]])
  slot, prior = vamp(2, 2), Posterior(means, log_std)
  value = float(slot.log_prob(_array([0.2, -0.1]), hyper(), prior))
  assert value == pytest.approx(-3.107534327816504, rel=rtol)
  assert slot.pseudo_inputs == 2
  assert slot.learned is None


def test_vamp_draws_are_from_all_of_its_posteriors():
  slot, n = vamp(2, 2), 20_000
  prior = Posterior(
    _array([[-3, 0], [3, 1]]), jnp.log(_array([[1, 2], [0.5, 1]]))
  )
  z = np.asarray(slot.sample_prior(KEY, (n,), hyper(), prior), np.float64)
  right = z[:, 0] > 0.5
  assert abs(right.mean() - 0.5) < 5 * 0.5 / math.sqrt(n)
  np.testing.assert_allclose(z[right].mean(0), [3, 1], atol=0.05)
  np.testing.assert_allclose(z[~right].std(0), [1, 2], atol=0.07)


def test_contract():
  properties.check_contract(RING)
  properties.check_moves(RING)
  raw = 2 * np.log([1e-6, 1e-3, 1.0, 10.0, 1e3])
  corners = [(m, -m, x, 0.0) for m in (0.0, 1e4) for x in raw]
  properties.check_gradients(RING, hyper(), corners)


def test_prior_in_a_plane():
  properties.check_prior_in_a_plane(RING, hyper(), 7.0)


def test_divergence_is_unbiased():
  n, params = 40_000, jnp.array([3.0, 0.5, 0.5, -1.0])
  q = RING.posterior(jnp.broadcast_to(params, (n, 4)))
  z = RING.sample(KEY, q)
  kl = np.asarray(RING.kl(q, hyper(), z), np.float64)
  # Two columns, of equal parts.
  np.testing.assert_array_equal(kl[:, 0], kl[:, 1])
  total = kl.sum(1)
  expected = _on_grid(
    [3.0, 0.5], np.exp([0.25, -0.5]), lambda z: RING.log_prob(z, hyper())
  )
  error = total.std() / math.sqrt(n)
  assert abs(total.mean() - expected) < 5 * error
  assert error < 0.02 * expected


def test_bound_is_above_and_no_divergence_is_negative():
  # At random means and deviations of q, with the divergence on a grid.
  rng = np.random.default_rng(0)
  for _ in range(10):
    mean, std = 2 * rng.normal(size=2), np.exp(0.7 * rng.normal(size=2))
    q = Posterior(_array(mean), jnp.log(_array(std)))
    kl = _on_grid(mean, std, lambda z: module.log_density(z, _two()))
    assert -1e-6 < kl <= float(module.upper_bound(q, _two())) + 1e-4


def test_arrangements():
  np.testing.assert_allclose(
    module.arrangement(3, 1, 2.0), [[-2], [0], [2]], atol=1e-12
  )
  ring = module.arrangement(6, 2, 3.0)
  np.testing.assert_allclose(np.linalg.norm(ring, axis=-1), 3)
  apart = np.linalg.norm(ring - np.roll(ring, 1, 0), axis=-1)
  np.testing.assert_allclose(apart, 3)
  far = module.arrangement(10, 8, 4.0)
  np.testing.assert_allclose(np.linalg.norm(far, axis=-1), 4)
  np.testing.assert_array_equal(far, module.arrangement(10, 8, 4.0))
  pairs = np.linalg.norm(far[:, None] - far, axis=-1)[np.triu_indices(10, 1)]
  # Four standard deviations of a component, at the default of 0.5.
  assert pairs.min() > 2


@pytest.mark.parametrize('slot', [LEARNED, CLASSES], ids=lambda slot: slot.name)
def test_learned_components_begin_at_the_arrangement(slot):
  start = slot.learned(KEY)
  k, d = start['mean'].shape
  found = module.of_learned(start)
  radius = 2.0 if slot is LEARNED else 4.0
  centres = module.arrangement(k, d, radius)
  assert np.abs(found.mean - centres).max() < 0.25
  np.testing.assert_allclose(jnp.exp(found.log_std), 0.5, rtol=1e-5)
  np.testing.assert_allclose(jnp.exp(found.log_weight), 1 / k, rtol=1e-6)
  other = slot.learned(jax.random.key(1))
  assert (other['mean'] != start['mean']).all()
  # No narrower than 0.05, whatever is learned, and never stuck there.
  narrow = start | {'log_std': jnp.full((k, d), -20.0)}
  floor = jnp.exp(module.of_learned(narrow).log_std)
  np.testing.assert_allclose(floor, 0.05, rtol=1e-5)


def test_a_learned_prior_is_a_density_with_gradients():
  prior = LEARNED.learned(KEY) | {'logits': jnp.array([0.5, -1.0, 0.0])}
  z, density = _grid([0, 0], [1.0, 1.0])
  del density
  p = np.exp(
    np.asarray(LEARNED.log_prob(_array(z), hyper(), prior), np.float64)
  )
  assert p.sum() * 0.04**2 == pytest.approx(1, rel=1e-4)
  n = 20_000
  draws = np.asarray(
    LEARNED.sample_prior(KEY, (n,), hyper(), prior), np.float64
  )
  mean = p @ z / p.sum()
  error = np.sqrt(p @ (z - mean) ** 2 / p.sum() / n)
  assert (np.abs(draws.mean(0) - mean) < 5 * error).all()

  q = LEARNED.posterior(jnp.zeros((6, 4)))
  drawn = LEARNED.sample(KEY, q)
  slope = jax.grad(lambda prior: LEARNED.kl(q, hyper(), drawn, prior).sum())(
    prior
  )
  for name, array in slope.items():
    assert jnp.isfinite(array).all() and (array != 0).any(), name


def test_a_label_chooses_a_component():
  prior = CLASSES.learned(KEY)
  parts = module.of_learned(prior)
  q = CLASSES.posterior(properties.numbers(CLASSES, 4))
  told = CLASSES.label_kl(q, jnp.array([0.0, 3.0, 1.0, 2.0]), hyper(), prior)
  assert told.shape == (4, 3)
  for row, j in enumerate((0, 3, 1, 2)):
    m, s = (
      np.asarray(x, np.float64)[row] for x in (q.mean, jnp.exp(q.log_std))
    )
    n, r = (
      np.asarray(x, np.float64)[j] for x in (parts.mean, jnp.exp(parts.log_std))
    )
    # KL between two Gaussians [Kingma and Welling 2014, appendix B].
    expected = np.log(r / s) + (s**2 + (m - n) ** 2) / (2 * r**2) - 0.5
    np.testing.assert_allclose(told[row], expected, rtol=1e-4)
  assert RING.label_kl is None and LEARNED.label_kl is None


def test_classes_are_the_labels_of_a_product():
  factors = (Factor('digit', 4, 'points'), Factor('slant', 7, 'segment'))
  space = latent_space(
    "gaussian(2) + mixture(4, 3, kind='classes', factor='digit')"
  )
  columns = labels.columns(space, factors)
  classes = jnp.array([[2, 0], [3, 1]])
  told = labels.of_slots(classes, jnp.array([True, False]), columns)
  np.testing.assert_array_equal(told, [[np.nan, 2], [np.nan, np.nan]])
  prior = (None, space.slots[1].learned(KEY))
  q = space.posterior(jnp.zeros((2, space.params_dim)))
  z = space.sample(KEY, q)
  free = space.kl(q, hyper(), z, prior)
  kl = space.label_kl(q, told, free, hyper(), prior)
  np.testing.assert_array_equal(kl[1], free[1])
  assert (kl[0, 2:] != free[0, 2:]).all()

  wrong = latent_space("mixture(3, 2, kind='classes', factor='digit')")
  with pytest.raises(UserError, match=r'of 3 classes, its factor .* has 4'):
    labels.columns(wrong, factors)
  with pytest.raises(UserError, match='cannot be told a factor'):
    latent_space("mixture(4, 2, factor='digit')")


def test_what_is_needed_is_asked_for():
  q = RING.posterior(jnp.zeros(4))
  with pytest.raises(ValueError, match='needs a sample'):
    RING.kl(q, hyper())
  for slot in (LEARNED, vamp(3, 2)):
    with pytest.raises(ValueError, match='this needs prior='):
      slot.log_prob(jnp.zeros(2), hyper())


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ({'k': 1}, 'k=1; allowed: a whole number from 2'),
    ({'latents': 0}, 'latents=0; allowed: a whole number from 1'),
    ({'kind': 'vamp'}, 'allowed: classes, fixed, learned'),
    ({'std': 0.0}, r'std=0.0; allowed: a number from 1e-06'),
    ({'std': 0.05, 'kind': 'learned'}, 'allowed: a number from 0.05'),
    ({'radius': -1.0}, 'radius=-1.0; allowed'),
  ],
)
def test_refusals(arguments, message):
  with pytest.raises(ValueError, match=message):
    mixture(**{'k': 3, 'latents': 2, **arguments})
  with pytest.raises(ValueError, match='k=0; allowed: a whole number from 1'):
    vamp(0, 2)


def test_names():
  assert RING.name == 'mixture(5, 2)'
  assert LEARNED.name == "mixture(3, 2, kind='learned', radius=2.0)"
  assert vamp(9, 2).name == 'vamp(9, 2)'
