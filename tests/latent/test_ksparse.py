"""Oracles: the worked vectors of the K-sparse papers' definitions."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from latent import properties

from jaxvae.latent import gaussian
from jaxvae.latent.ksparse import ksparse, soft_topk

# By hand. The largest by value are the second and the fourth; -0.9 is the
# largest in size. G is the gradient from above.
X = jnp.array([0.1, 0.5, -0.9, 0.3, 0.2])
G = jnp.array([1.0, 2.0, 3.0, 4.0, 5.0])
CASES = [
  ({'k': 2}, [0, 0.5, 0, 0.3, 0], [0, 2, 0, 4, 0]),
  ({'k': 2, 'straight_through': True}, [0, 0.5, 0, 0.3, 0], [1, 2, 3, 4, 5]),
  (
    {'k': 1, 'a': 10.0, 'b': 0.25},
    [0.025, 5.0, -0.225, 0.075, 0.05],
    [0.25, 20.0, 0.75, 1.0, 1.25],
  ),
  ({'k': 5}, [0.1, 0.5, -0.9, 0.3, 0.2], [1, 2, 3, 4, 5]),
  ({'k': 0}, [0] * 5, [0] * 5),
]


@pytest.mark.parametrize(('arguments', 'forward', 'gradient'), CASES)
def test_values_and_gradients(arguments, forward, gradient):
  y, pull = jax.vjp(lambda x: soft_topk(x, **arguments), X)
  np.testing.assert_allclose(y, forward, atol=1e-7)
  np.testing.assert_allclose(pull(G)[0], gradient, atol=1e-6)


def test_of_equal_values_the_first_are_kept_and_never_more_than_k():
  x = jnp.array([[0.5, 0.5, 0.5, 0.1], [0.0, 0.0, 0.0, 0.0]])
  y, pull = jax.vjp(lambda x: soft_topk(x, 2, 2.0, 0.0), x)
  np.testing.assert_array_equal(y[0], [1, 1, 0, 0])
  np.testing.assert_array_equal(
    pull(jnp.ones_like(x))[0], [[2, 2, 0, 0], [2, 2, 0, 0]]
  )


def test_the_gradient_is_that_of_differences():
  x = jax.random.normal(jax.random.key(0), (3, 7))

  def total(x):
    return jnp.sum(jnp.sin(soft_topk(x, 3, 1.5, 0.2)))

  found, step = jax.grad(total)(x), 1e-2
  for at in [(0, 0), (1, 4), (2, 6)]:
    unit = jnp.zeros_like(x).at[at].set(step)
    by_hand = (total(x + unit) - total(x - unit)) / (2 * step)
    assert found[at] == pytest.approx(float(by_hand), abs=2e-3)


def test_k_is_annealed_inside_one_program():
  traces = []

  @jax.jit
  def run(x, k):
    traces.append(1)
    return soft_topk(x, k)

  kept = [int((run(X, float(k)) != 0).sum()) for k in (5, 4, 3, 2, 1)]
  assert kept == [5, 4, 3, 2, 1] and len(traces) == 1
  assert int((run(X, 2.5) != 0).sum()) == 3


def test_the_slot_is_a_gaussian_whose_code_is_sparse():
  slot, plain = ksparse(6, 2), gaussian.gaussian(6)
  numbers = properties.numbers(slot, 4)
  q = slot.posterior(numbers)
  np.testing.assert_array_equal(
    slot.kl(q, properties.hyper()), plain.kl(plain.posterior(numbers))
  )
  z = slot.mean(q)
  code = np.asarray(slot.code(z))
  assert ((code != 0).sum(axis=-1) == 2).all()
  # What is kept is kept as it is, and they are the largest.
  kept = np.sort(code[code != 0].reshape(4, 2))
  np.testing.assert_array_equal(kept, np.sort(np.asarray(z))[:, -2:])


def test_of_what_its_lifetime_leaves_the_largest_are_kept():
  # By hand. Half of two images: each unit lives where it is largest; the two
  # numbers that live in an image compete, though both be below 0.
  x = jnp.array([[-1.0, -5.0, -6.0], [-2.0, -1.0, -1.5]])
  settings = properties.hyper()
  slot = ksparse(3, 1, 2.0, 0.5, lifetime=0.5)
  y, pull = jax.vjp(lambda x: slot.training_code(x, settings), x)
  np.testing.assert_array_equal(y, [[-2, 0, 0], [0, -2, -0.75]])
  np.testing.assert_array_equal(
    pull(jnp.ones_like(x))[0], [[2, 0, 0], [0, 2, 0.5]]
  )
  slot = ksparse(3, 1, straight_through=True, lifetime=0.5)
  y, pull = jax.vjp(lambda x: slot.training_code(x, settings), x)
  np.testing.assert_array_equal(y, [[-1, 0, 0], [0, -1, 0]])
  np.testing.assert_array_equal(pull(jnp.ones_like(x))[0], jnp.ones_like(x))


def test_the_slot_holds_the_contract():
  properties.check_contract(ksparse(5, 2))
  assert ksparse(5, 2).name == 'ksparse(5, k=2)'
  assert ksparse(3, 1, 10.0, 0.25).name == 'ksparse(3, k=1, a=10.0, b=0.25)'


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ((5, 0), 'k=0; allowed: a whole number from 1 to 5'),
    ((5, 6), 'k=6; allowed'),
    ((5, 2, 'x'), "a='x'; allowed: a number"),
    ((5, 2, 1.0, 0.0, 1), 'straight_through=1; allowed'),
    ((0, 1), 'latents=0; allowed'),
  ],
)
def test_what_is_refused(arguments, message):
  with pytest.raises(ValueError, match=re.escape(message)):
    ksparse(*arguments)
