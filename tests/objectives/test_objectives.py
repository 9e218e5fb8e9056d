"""Oracles: values by hand, from numbers that tell the usual mistakes apart."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from jaxvae.errors import UserError
from jaxvae.objectives import OBJECTIVES, objective
from jaxvae.structs import Outputs

# Sums over latents: 3 and 9, whose mean is 6.
KL = np.float32([[1, 2, 0], [3, 6, 0]])
LOG_LIKELIHOOD = np.float32([-10, -20])


def _outputs(kl=KL, log_likelihood=LOG_LIKELIHOOD):
  return Outputs(
    jnp.asarray(kl), jnp.asarray(log_likelihood), {}, (), jnp.zeros_like(kl)
  )


def _terms(text, outputs=None, **hyper):
  found = objective(text)(
    outputs or _outputs(), tiny.batch(2), tiny.hyper(**hyper)
  )
  np.testing.assert_array_equal(found.reconstruction, [10, 20])
  np.testing.assert_array_equal(found.kl, KL)
  return found


@pytest.mark.parametrize(
  ('beta', 'loss'),
  [(0.0, [10, 20]), (1.0, [13, 29]), (4.0, [22, 56]), (0.5, [11.5, 24.5])],
)
def test_beta_vae(beta, loss):
  found = _terms('beta_vae', beta=beta)
  np.testing.assert_array_equal(found.loss, loss)
  np.testing.assert_array_equal(
    found.regularisers['beta_kl'], [3 * beta, 9 * beta]
  )


@pytest.mark.parametrize(
  ('capacity', 'gap'),
  # At 6 the batch has what is asked for, though neither example has: the mean
  # of |KL - C| would be 3.
  [(6.0, 0), (4.0, 2), (10.0, 4), (0.0, 6), (5.5, 0.5)],
)
def test_annealed_vae(capacity, gap):
  found = _terms('annealed_vae', gamma=100.0, capacity=capacity)
  np.testing.assert_array_equal(found.loss, [10 + 100 * gap, 20 + 100 * gap])
  np.testing.assert_array_equal(
    found.regularisers['gamma_gap'], [100 * gap, 100 * gap]
  )


@pytest.mark.parametrize(
  ('text', 'hyper', 'slope'),
  [
    ('beta_vae', {'beta': 4.0}, 4),
    # Above the capacity the KL is pushed down, below it up.
    ('annealed_vae', {'gamma': 100.0, 'capacity': 4.0}, 100),
    ('annealed_vae', {'gamma': 100.0, 'capacity': 10.0}, -100),
  ],
)
def test_gradient_of_the_mean_loss(text, hyper, slope):
  def mean_loss(kl, log_likelihood):
    found = objective(text)(
      _outputs(kl, log_likelihood), tiny.batch(2), tiny.hyper(**hyper)
    )
    return jnp.mean(found.loss)

  kl, log_likelihood = jax.grad(mean_loss, (0, 1))(KL, LOG_LIKELIHOOD)
  # Every nat of every example has the same weight: one half of the slope.
  np.testing.assert_array_equal(kl, np.full_like(KL, slope / 2))
  np.testing.assert_array_equal(log_likelihood, [-0.5, -0.5])


@pytest.mark.parametrize('text', OBJECTIVES)
def test_a_loss_is_the_sum_of_its_terms(text):
  rng = np.random.default_rng(0)
  kl = np.float32(rng.uniform(size=(6, 4)))
  found = objective(text)(
    _outputs(kl, np.float32(-rng.uniform(size=6))), tiny.batch(6), tiny.hyper()
  )
  np.testing.assert_allclose(
    found.loss, found.reconstruction + sum(found.regularisers.values())
  )
  for term in (found.loss, found.reconstruction, *found.regularisers.values()):
    assert (term.shape, term.dtype) == ((6,), jnp.float32)


@pytest.mark.parametrize(('text', 'weight'), [('beta_vae', 'beta')])
def test_the_weight_is_the_papers_whatever_the_size(text, weight):
  # Four times the pixels cost four times the reconstruction and the same KL;
  # where losses are averaged beta would change its meaning with the image.
  hyper = tiny.hyper(**{weight: 3.0})
  outputs = _outputs()
  for shape in ((8, 8, 1), (16, 16, 1)):
    found = objective(text)(outputs, tiny.batch(2, shape), hyper)
    np.testing.assert_array_equal(found.loss - found.reconstruction, [9, 27])
  # A latent that says nothing adds nothing.
  wider = _outputs(np.pad(KL, ((0, 0), (0, 7))))
  found = objective(text)(wider, tiny.batch(2), hyper)
  np.testing.assert_array_equal(found.loss, [10 + 9, 20 + 27])


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('beta', "unknown objective 'beta'; allowed: annealed_vae, beta_vae"),
    ('beta_vae(4.)', r'too many positional arguments; allowed: beta_vae\(\)'),
    ('beta_vae + annealed_vae', 'names 2 of: objective'),
  ],
)
def test_refusals(text, message):
  with pytest.raises(UserError, match=message):
    objective(text)
