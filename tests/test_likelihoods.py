"""Oracles: closed forms in float64, `statistics.NormalDist`, quadrature."""

import math
from statistics import NormalDist

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxvae.errors import UserError
from jaxvae.likelihoods import likelihood

ALL = ['bernoulli', 'gaussian', 'laplace']


def _pixels(values):
  """A batch of images of one pixel."""
  return jnp.asarray(values, jnp.float32).reshape(-1, 1, 1, 1)


def _log_prob(text, output, image, scale=1.0):
  log_scale = jnp.float32(math.log(scale))
  return likelihood(text).log_prob(_pixels(output), _pixels(image), log_scale)


@pytest.mark.parametrize('text', ALL)
def test_sums_over_pixels_and_channels_of_each_example(text):
  rng = np.random.default_rng(0)
  output = rng.normal(size=(4, 3, 5, 2))
  image = rng.uniform(size=(4, 3, 5, 2))
  whole = likelihood(text).log_prob(
    jnp.asarray(output, jnp.float32),
    jnp.asarray(image, jnp.float32),
    jnp.float32(-0.3),
  )
  assert (whole.shape, whole.dtype) == ((4,), jnp.float32)
  each = _log_prob(text, output, image, math.exp(-0.3))
  np.testing.assert_allclose(whole, each.reshape(4, -1).sum(1), rtol=1e-5)


def test_bernoulli_at_any_logit():
  logit, image = np.meshgrid(
    [-500.0, -89, -30, -5, -0.1, 0, 0.1, 5, 30, 89, 500], [0.0, 1, 0.5, 0.2]
  )
  # x l - log(1 + e^l), in float64.
  exact = (image * logit - np.logaddexp(0, logit)).ravel()
  value = _log_prob('bernoulli', logit, image)
  np.testing.assert_allclose(value, exact, rtol=1e-6, atol=1e-12)
  # Certain and right costs nothing, certain and wrong costs the logit.
  np.testing.assert_array_equal(
    _log_prob('bernoulli', [500, -500, 500, -500], [1, 0, 0, 1]),
    [0, 0, -500, -500],
  )

  def total(output):
    return jnp.sum(
      likelihood('bernoulli').log_prob(output, _pixels(image), jnp.float32(0))
    )

  gradient = jax.grad(total)(_pixels(logit)).ravel()
  with np.errstate(over='ignore'):
    mean = 1 / (1 + np.exp(-logit))
  np.testing.assert_allclose(gradient, (image - mean).ravel(), atol=1e-6)


def test_bernoulli_of_a_soft_image_has_a_floor():
  # The best that a decoder can do for a pixel x is its entropy, at logit(x).
  x = np.array([0.01, 0.2, 0.5, 0.7, 0.99])
  entropy = -(x * np.log(x) + (1 - x) * np.log1p(-x))
  best = np.log(x / (1 - x))
  np.testing.assert_allclose(
    _log_prob('bernoulli', best, x), -entropy, rtol=1e-5
  )
  for other in (best - 0.5, best + 0.5):
    assert (_log_prob('bernoulli', other, x) < -entropy - 1e-3).all()


@pytest.mark.parametrize('scale', [0.01, 0.1, 1.0, 3.0])
def test_gaussian_is_the_normal_density(scale):
  mean = np.linspace(-1, 1, 9)
  image = mean + scale * np.linspace(-3, 3, 9)
  exact = [
    math.log(NormalDist(m, scale).pdf(x))
    for m, x in zip(mean, image, strict=True)
  ]
  value = _log_prob('gaussian', mean, image, scale)
  # Near 1 float32 holds an error of 0.03 to 6e-8: 2e-6 of it.
  np.testing.assert_allclose(value, exact, rtol=2e-5, atol=2e-5)


def test_gaussian_of_the_reference():
  # disentanglement_lib: log N(1; 0, 1) = -1.419, log N(1; 1, 1) = -0.919.
  np.testing.assert_allclose(
    _log_prob('gaussian', [0, 1], [1, 1]), [-1.419, -0.919], atol=1e-3
  )


@pytest.mark.parametrize('scale', [0.01, 0.1, 1.0, 3.0])
def test_laplace_by_hand(scale):
  median, image = np.array([0, 0.5, -1, 0.25]), np.array([0, 0.25, 1, 0.25])
  exact = -np.abs(image - median) / scale - math.log(2 * scale)
  value = _log_prob('laplace', median, image, scale)
  np.testing.assert_allclose(value, exact, rtol=1e-6)


@pytest.mark.parametrize('text', ['gaussian', 'laplace'])
@pytest.mark.parametrize('scale', [0.1, 2.0])
def test_densities_integrate_to_one(text, scale):
  # 40 scales hold all but e^-40 of a Laplace; the kink is on the grid.
  x = np.linspace(0.3 - 40 * scale, 0.3 + 40 * scale, 20_001)
  density = np.exp(
    np.asarray(_log_prob(text, np.full_like(x, 0.3), x, scale), np.float64)
  )
  assert np.trapezoid(density, x) == pytest.approx(1, abs=1e-4)
  deviation = np.sqrt(np.trapezoid(density * (x - 0.3) ** 2, x))
  absolute = np.trapezoid(density * np.abs(x - 0.3), x)
  # What the scale means: the deviation, the mean absolute error.
  meant = {'gaussian': deviation, 'laplace': absolute}[text]
  assert meant == pytest.approx(scale, rel=1e-3)


def test_bernoulli_sums_to_one():
  logit = np.linspace(-20, 20, 41)
  values = [
    np.exp(np.asarray(_log_prob('bernoulli', logit, np.full_like(logit, x))))
    for x in (0, 1)
  ]
  np.testing.assert_allclose(sum(values), 1, rtol=1e-6)


@pytest.mark.parametrize('text', ['gaussian', 'laplace'])
def test_the_best_scale_is_the_error_made(text):
  rng = np.random.default_rng(1)
  error = rng.normal(size=1000) * 0.2
  best = {
    'gaussian': np.sqrt(np.mean(error**2)),
    'laplace': np.mean(abs(error)),
  }

  def total(log_scale):
    return jnp.sum(
      likelihood(text).log_prob(_pixels(error), _pixels(0 * error), log_scale)
    )

  slope = jax.grad(total)
  at = math.log(best[text])
  assert abs(slope(jnp.float32(at))) < 1e-2
  assert (
    slope(jnp.float32(at - 0.1)) > 10 and slope(jnp.float32(at + 0.1)) < -10
  )


def test_what_people_look_at():
  output = _pixels([-500.0, 0.0, math.log(3), 500.0])
  np.testing.assert_allclose(
    likelihood('bernoulli').mean(output).ravel(), [0, 0.5, 0.75, 1], rtol=1e-6
  )
  for text in ('gaussian', 'laplace'):
    np.testing.assert_array_equal(likelihood(text).mean(output), output)


def test_which_have_a_scale_and_which_learn_it():
  assert not likelihood('bernoulli').scaled
  assert not likelihood('bernoulli').learned_scale
  for name in ('gaussian', 'laplace'):
    assert likelihood(name).scaled and not likelihood(name).learned_scale
    assert likelihood(f'{name}(learned=True)').learned_scale


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('binomial', "unknown likelihood 'binomial'; allowed: bernoulli, gaussian"),
    ('bernoulli(learned=True)', 'likelihood bernoulli: .*unexpected keyword'),
    ('gaussian(learned=0.1)', 'learned=0.1; allowed: True or False'),
    ("laplace('no')", "learned='no'; allowed: True or False"),
    ('gaussian + laplace', 'names 2 of: likelihood'),
  ],
)
def test_refusals(text, message):
  with pytest.raises(UserError, match=message):
    likelihood(text)
