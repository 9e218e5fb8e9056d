"""A class as a latent: q(y | x), what networks are given, draws."""

import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from latent import properties

from jaxvae.latent.concrete import Posterior
from jaxvae.latent.label import label


@pytest.mark.parametrize(
  'slot',
  [label(4), label(5, 'segment'), label(6, 'loop'), label(3, film=True)],
  ids=lambda slot: slot.name,
)
def test_the_slot_holds_the_contract(slot):
  properties.check_contract(slot)
  z = slot.move(
    slot.sample_prior(properties.KEY, (2,), None), 0, jnp.array([2.0, 0.4])
  )
  np.testing.assert_array_equal(slot.chart(z), [[2.0], [0.0]])


def test_divergences_are_those_of_a_categorical_variable():
  # ln 2 - H(1/4, 3/4) = 0.13081203594113694, by hand in nats.
  logits = jnp.log(jnp.array([[0.25, 0.75]]))
  slot = label(2)
  q = slot.posterior(logits)
  np.testing.assert_allclose(
    slot.kl(q, None), [[0.13081203594113694]], rtol=1e-5
  )
  # A class that is known costs -log p(y), whatever the classifier says.
  told = slot.label_kl(q, jnp.array([1.0]), None)
  np.testing.assert_allclose(told, [[math.log(2)]], rtol=1e-6)
  # Equal scores are the prior.
  even = slot.kl(slot.posterior(jnp.zeros((1, 2))), None)
  np.testing.assert_allclose(even, [[0.0]], atol=1e-7)
  assert float(slot.log_prob(jnp.eye(2))[0]) == pytest.approx(-math.log(2))


def test_what_the_networks_are_given():
  one_hot = jnp.eye(4)
  np.testing.assert_array_equal(label(4).given(one_hot), np.eye(4))
  line = label(5, 'segment')
  np.testing.assert_allclose(
    line.given(jnp.eye(5))[:, 0], [-1, -0.5, 0, 0.5, 1]
  )
  ring = label(4, 'loop').given(one_hot)
  np.testing.assert_allclose(
    ring, [[1, 0], [0, 1], [-1, 0], [0, -1]], atol=1e-6
  )
  # Half way between two classes is half of both.
  middle = label(4).code(jnp.array([0.5, 0, 0, 0.5]))
  np.testing.assert_array_equal(middle, [0.5, 0, 0, 0.5])
  # With film the decoder is given it another way.
  modulating = label(4, film=True)
  assert modulating.code(one_hot).shape == (4, 0) and modulating.film


def test_samples_are_drawn_from_the_classes():
  slot, n = label(3), 30_000
  p = np.array([0.2, 0.5, 0.3])
  q = Posterior(jnp.broadcast_to(jnp.log(jnp.asarray(p, float)), (n, 3)))
  for z, expected in (
    (slot.sample(jax.random.key(0), q), p),
    (slot.sample_prior(jax.random.key(1), (n,), None), np.full(3, 1 / 3)),
  ):
    assert set(np.unique(z)) == {0.0, 1.0}
    spread = np.sqrt(expected * (1 - expected) / n)
    assert (np.abs(np.mean(z, axis=0) - expected) < 5 * spread).all()
  told = slot.draw_told(jax.random.key(2), jnp.array([2.0, 0.0]), None)
  np.testing.assert_array_equal(told, [[0, 0, 1], [1, 0, 0]])
  # The class that stands for an image is the likeliest.
  mean = slot.mean(Posterior(jnp.array([[0.0, 2.0, 1.0]])))
  np.testing.assert_array_equal(slot.chart(mean), [[1.0]])


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ((1,), 'k=1; allowed: a whole number from 2'),
    ((2.0,), 'k=2.0; allowed'),
    ((3, 'ring'), "kind='ring'; allowed: points, segment, loop"),
    ((3, 'points', 1), 'film=1; allowed: True or False'),
  ],
)
def test_what_is_refused(arguments, message):
  with pytest.raises(ValueError, match=re.escape(message)):
    label(*arguments)
