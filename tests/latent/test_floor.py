"""Oracles: minima that mpmath and SciPy found, and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from latent import oracles
from latent.properties import hyper

from jaxvae.latent.floor import floor
from jaxvae.latent.gaussian import gaussian
from jaxvae.latent.loop import loop
from jaxvae.latent.segment import segment
from jaxvae.latent.tilted import tilted


@pytest.mark.parametrize(
  ('tau', 'expected'),
  # Nelder and Mead's method on the exact divergence, mpmath, 7 digits. Up to 3
  # the best posterior is a blob in the middle, at 5 it lies on the ring.
  [(1.0, 0.02908565), (3.0, 0.49380923), (5.0, 1.29408050)],
)
def test_ring(tau, expected):
  found = floor(loop(tau=tau, radius=tau), hyper())
  assert found.shape == (1,)
  assert float(found[0]) == pytest.approx(expected, abs=2e-5)


def test_all_rings():
  for entry in oracles.entries('tilted_min_kl'):
    tau = entry['inputs']['tau']
    found = float(floor(loop(tau=tau, radius=1.0), hyper())[0])
    assert found == pytest.approx(entry['value'][0], abs=2e-5)


def test_temperature_counts():
  # s = 1 at T = 4: the ring of radius 2 and width 1 / 2, as with tau = 2.
  found = floor(loop(tau=4, radius=2.0), hyper(temperature=4.0))
  assert float(found[0]) == pytest.approx(0.16875770, abs=2e-5)


def test_sphere_shares_it():
  found = np.asarray(floor(tilted(2, 5.0), hyper()))
  np.testing.assert_allclose(found, [1.29408050 / 2] * 2, atol=2e-5)
  # Nelder and Mead, SciPy, the mean radius by 150 x 150 Gauss-Hermite nodes:
  # far from where descent begins.
  for tau, least in ((40.0, 2.48910046), (50.0, 2.60542350)):
    found = float(floor(tilted(2, tau), hyper()).sum())
    assert found == pytest.approx(least, abs=2e-5)
  # Without tilt the prior is a Gaussian, as the posterior.
  assert float(floor(tilted(2, 5.0), hyper(tilt=0.0)).max()) < 2e-5
  # d = 2, tau = 3 and unit variance: the committed rate, 45 digits.
  found = floor(tilted(2, 3.0, kl='quadratic'), hyper())
  assert float(found.sum()) == pytest.approx(1.47906750, rel=1e-5)


@pytest.mark.parametrize('kind', ['wrapped_normal', 'wrapped_cauchy'])
def test_an_angle_costs_nothing(kind):
  assert float(floor(loop(kind), hyper())[0]) < 1e-4


def test_gaussians_cost_nothing():
  np.testing.assert_allclose(floor(gaussian(3), hyper()), [0, 0, 0], atol=1e-5)


def test_segment():
  for entry in oracles.entries('segment_rate_floor'):
    given = entry['inputs']
    slot = segment(length=given['L'], s=given['s'])
    found = float(floor(slot, hyper())[0])
    assert found == pytest.approx(entry['value'][0], abs=2e-5)


def test_learned_and_sampled_priors_have_none():
  slot = gaussian(2)
  learned = slot._replace(learned=lambda key: jnp.zeros(2))
  encoded = slot._replace(pseudo_inputs=5)

  def sampled(q, hyper, z=None, prior=None):
    if z is None:
      raise ValueError('needs a sample')
    return slot.kl(q) + 7

  for changed in (learned, encoded, slot._replace(kl=sampled)):
    np.testing.assert_array_equal(floor(changed, hyper()), [0, 0])
  raised = slot._replace(kl=lambda q, hyper, z=None, prior=None: slot.kl(q) + 7)
  np.testing.assert_allclose(floor(raised, hyper()), [7, 7], atol=1e-5)
  assert len(jax.tree.leaves(hyper())) == 9
