"""The classifier's probabilities, K-sparse, as a latent."""

import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from latent import properties

from jaxvae.latent.head import head
from jaxvae.latent.ksparse import lifetime_sparse

P = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]], np.float32)


def _z(slot):
  return slot.mean(slot.posterior(jnp.log(jnp.asarray(P))))


@pytest.mark.parametrize(
  'slot',
  [head(4), head(4, 2, 3.0, 0.5, 'add'), head(5, k=5, lifetime=0.5)],
  ids=lambda slot: slot.name,
)
def test_the_slot_holds_the_contract(slot):
  properties.check_contract(slot)
  z = slot.move(
    slot.sample_prior(properties.KEY, (2,), None), 0, jnp.array([2.0, 0.4])
  )
  np.testing.assert_array_equal(slot.chart(z), [[2.0], [0.0]])


def test_the_decoder_is_given_what_the_layer_leaves():
  # K-sparse, the 'separation factor' layer, and no layer at all, by hand.
  for slot, expected in (
    (head(3), [[0.5, 0, 0], [0, 0, 0.8]]),
    (
      head(3, 1, 10.0, 0.25),
      [[5, 0.075, 0.05], [0.025, 0.025, 8]],
    ),
    (head(3, 3), P),
  ):
    z = _z(slot)
    np.testing.assert_allclose(z, P, rtol=1e-6)
    np.testing.assert_allclose(slot.code(z), expected, rtol=1e-6)
    hyper = properties.hyper()
    np.testing.assert_allclose(slot.training_code(z, hyper), expected, 1e-6)


def test_k_comes_down_while_the_model_is_trained():
  slot = head(3)
  z = _z(slot)
  kept = [
    int((slot.training_code(z, properties.hyper(keep=keep)) != 0).sum())
    for keep in (3.0, 2.0, 1.0)
  ]
  assert kept == [6, 4, 2]


def test_what_teaches_the_classifier():
  logits = jnp.log(jnp.asarray(P))

  def taught(slot):
    def read(logits):
      code = slot.training_code(
        slot.sample(jax.random.key(0), slot.posterior(logits)),
        properties.hyper(),
      )
      return jnp.sum(code @ jnp.arange(1.0, 4.0))

    return np.asarray(jax.grad(read)(logits))

  # d(p_top c_top) / d logits = c_top p_top (e_top - p), by hand.
  top = np.array([1.0 * 0.5, 3.0 * 0.8])[:, None]
  expected = top * (np.eye(3)[[0, 2]] - P)
  np.testing.assert_allclose(taught(head(3)), expected, rtol=1e-5, atol=1e-7)
  assert not taught(head(3, stop_gradient=True)).any()
  # Straight through: the gradient of all probabilities, as with no layer.
  np.testing.assert_allclose(
    taught(head(3, straight_through=True)), taught(head(3, k=3)), rtol=1e-5
  )


def test_of_each_unit_the_largest_over_the_batch_are_kept():
  x = jnp.array([[1.0, 8.0], [3.0, 5.0], [2.0, 7.0], [4.0, 6.0]])
  kept = lifetime_sparse(x, 0.5)
  np.testing.assert_array_equal(kept, [[0, 8], [3, 0], [0, 7], [4, 0]])
  # At least one, and the rest of the layer follows.
  assert int((lifetime_sparse(x, 0.01) != 0).sum()) == 2
  slot = head(2, k=2, lifetime=0.5)
  np.testing.assert_array_equal(slot.training_code(x, properties.hyper()), kept)
  np.testing.assert_array_equal(slot.code(x), x)


def test_what_it_tells_is_information_between_image_and_class():
  # Certain of two classes, each half of the time: ln 2. The same for all: 0.
  certain = jnp.array([[1.0, 0.0], [0.0, 1.0]])
  np.testing.assert_allclose(head(2).tells(certain), [math.log(2)], rtol=1e-6)
  same = jnp.array([[0.3, 0.7], [0.3, 0.7]])
  np.testing.assert_allclose(head(2).tells(same), [0.0], atol=1e-7)
  assert not np.asarray(head(2).kl(head(2).posterior(certain), None)).any()


def test_names_say_what_differs():
  assert head(10).name == 'head(10, k=1)'
  assert (
    head(10, 1, 10.0, 0.25, 'add', True).name
    == "head(10, k=1, a=10.0, b=0.25, join='add', stop_gradient=True)"
  )


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ((1,), 'classes=1; allowed: a whole number from 2'),
    ((3, 4), 'k=4; allowed: a whole number from 1 to 3'),
    ((3, 1, 1.0, 0.0, 'sum'), "join='sum'; allowed: concat, add"),
    ((3, 1, 1.0, 0.0, 'add', 1), 'stop_gradient=1; allowed'),
    ((3, 1, 1.0, 0.0, 'add', True, False, 1.0), 'lifetime=1.0; allowed'),
  ],
)
def test_what_is_refused(arguments, message):
  with pytest.raises(ValueError, match=re.escape(message)):
    head(*arguments)
