"""Optimisers by name, against their papers, and the state before step 0."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from jaxvae.errors import UserError
from jaxvae.train import state

GRADIENTS = [np.float64([1.0, -0.01, 3.0]), np.float64([-2.0, 0.5, 3.0])]


def _directions(text):
  tx = tiny.optimizer(text)
  memory = tx.init(jnp.zeros(3))
  found = []
  for gradient in GRADIENTS:
    direction, memory = tx.update(jnp.asarray(gradient, jnp.float32), memory)
    found.append(direction)
  return np.stack(found)


@pytest.mark.parametrize(
  ('text', 'b1', 'b2', 'eps'),
  [
    ('adam', 0.9, 0.999, 1e-8),
    ('adam(b1=0.5, b2=0.9, eps=0.1)', 0.5, 0.9, 0.1),
  ],
)
def test_adam(text, b1, b2, eps):
  # Kingma and Ba 2015, algorithm 1, in float64.
  first = second = 0.0
  exact = []
  for t, g in enumerate(GRADIENTS, 1):
    first, second = b1 * first + (1 - b1) * g, b2 * second + (1 - b2) * g**2
    root = np.sqrt(second / (1 - b2**t))
    exact.append(first / (1 - b1**t) / (root + eps))
  np.testing.assert_allclose(_directions(text), exact, rtol=1e-4)


def test_adamw_decays_weights_beside_the_direction():
  params = jnp.array([1.0, -2.0, 0.5])
  gradient = jnp.asarray(GRADIENTS[0], jnp.float32)
  plain, decayed = tiny.optimizer('adam'), tiny.optimizer('adamw(0.9, 0.99)')
  direction, _ = plain.update(gradient, plain.init(params), params)
  found, _ = decayed.update(gradient, decayed.init(params), params)
  # Loshchilov and Hutter 2019, algorithm 2: not through the moments.
  np.testing.assert_allclose(found, direction + 0.01 * params, rtol=1e-5)


def test_gradient_descent_with_and_without_momentum():
  one, two = GRADIENTS
  np.testing.assert_allclose(_directions('sgd'), [one, two], rtol=1e-6)
  for text, decay in (('momentum', 0.9), ('momentum(0.5)', 0.5)):
    # Heavy ball: v = decay v + g [Sutskever et al. 2013, eq. 1].
    exact = [one, decay * one + two]
    np.testing.assert_allclose(_directions(text), exact, rtol=1e-6)


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('adamax', "unknown optimizer 'adamax'; allowed: adam, adamw, momentum"),
    ('adam(learning_rate=1e-3)', 'optimizer adam: .*learning_rate'),
    ('sgd(0.1)', 'optimizer sgd: '),
  ],
)
def test_refusals(text, message):
  with pytest.raises(UserError, match=message):
    state.optimizer(text)


def test_everything_follows_from_the_seed():
  model, tx = tiny.model(), state.optimizer('adam')
  initial = jax.jit(lambda seed: state.initial(model, tx, seed))
  one, same, other = (initial(np.uint32(seed)) for seed in (7, 7, 8))
  assert (one.step.dtype, int(one.step)) == (jnp.int32, 0)
  np.testing.assert_array_equal(
    jax.random.key_data(one.key), jax.random.key_data(jax.random.key(7))
  )
  jax.tree.map(np.testing.assert_array_equal, one.params, same.params)
  for left, right in zip(
    *(jax.tree.leaves(s.params) for s in (one, other)), strict=True
  ):
    # Biases are zero whatever the seed.
    assert left.ndim == 1 or not np.array_equal(left, right)
  assert not any(leaf.any() for leaf in jax.tree.leaves(one.opt_state))
  # An ensemble: seeds are an axis like any other.
  many = jax.jit(jax.vmap(lambda seed: state.initial(model, tx, seed)))(
    np.uint32([8, 7])
  )
  jax.tree.map(
    lambda alone, of_many: np.testing.assert_array_equal(alone, of_many[1]),
    one.params,
    many.params,
  )
