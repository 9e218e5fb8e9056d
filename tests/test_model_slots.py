"""Models of all slots: gradients, labels, pairs, and what priors learn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from jaxvae.data.factors import Factor
from jaxvae.latent.slots import SLOTS
from jaxvae.model import build
from jaxvae.structs import Batch

TEXTS = {
  'gaussian': 'gaussian(2)',
  'tilted': 'tilted(2, tau=3.)',
  'loop': 'loop + loop(tau=8.)',
  'points': "points(3) + points(3, kind='concrete')",
  'segment': "segment + segment('smooth') + segment('kumaraswamy')",
  'mixture': "mixture(3, 2, kind='learned')",
  'vamp': 'vamp(3, 2)',
  'quantized': "quantized(2, 4) + quantized(2, 4, kind='latent')",
  'ksparse': 'ksparse(4, 2)',
  'label': "gaussian(2) + label(3, factor='row')",
  'head': "head(3, factor='row') + gaussian(2)",
}
FACTORS = (Factor('row', 3, 'points'),)


def _build(latent, factors=FACTORS, pairs=0, shape=(8, 8, 1), labels=0.5):
  config = tiny.config(latent=latent, labels=labels, pairs=pairs)
  return build(config, shape, factors)


def test_every_slot_is_here():
  assert TEXTS.keys() == SLOTS.keys()


@pytest.mark.parametrize('latent', TEXTS.values(), ids=TEXTS.keys())
def test_a_loss_is_finite_and_teaches_everything(latent):
  built = _build(latent)
  batch, hyper, key = tiny.batch(6), tiny.hyper(), jax.random.key(0)
  told = jnp.arange(6) % 2 == 0
  batch = batch._replace(factors=batch.factors % 3, labelled=told)

  def loss(params):
    outputs = built.outputs(params, batch, hyper, key, training=True)
    assert outputs.kl.shape == (6, built.space.latents)
    assert all(term.shape == (6,) for term in outputs.penalties.values())
    extra = sum(outputs.penalties.values())
    return jnp.mean(-outputs.log_likelihood + outputs.kl.sum(-1) + extra)

  params = jax.jit(built.init)(jax.random.key(1))
  value, gradient = jax.jit(jax.value_and_grad(loss))(params)
  assert np.isfinite(value)
  for path, leaf in jax.tree_util.tree_leaves_with_path(gradient):
    name = jax.tree_util.keystr(path)
    assert np.isfinite(leaf).all(), name
    assert leaf.any(), name


@pytest.mark.parametrize('latent', TEXTS.values(), ids=TEXTS.keys())
def test_the_prior_is_drawn_from_and_decoded(latent):
  built = _build(latent)
  params = jax.jit(built.init)(jax.random.key(1))

  @jax.jit
  def draw(params):
    known = built.prior(params)
    key, hyper = jax.random.key(2), tiny.hyper()
    z = built.space.sample_prior(key, (5,), hyper, known)
    density = built.space.log_prob(z, hyper, known)
    return z, density, built.space.chart(z), built.decode(params, z)

  z, density, chart, images = draw(params)
  assert z.shape == (5, built.space.sample_dim)
  assert (density.shape, chart.shape) == ((5,), (5, built.space.latents))
  assert images.shape == (5, 8, 8, 1)
  for array in (z, density, chart, images):
    assert np.isfinite(array).all()


def test_what_a_prior_learns_is_a_parameter():
  built = _build("gaussian(1) + mixture(3, 2, kind='learned') + vamp(4, 2)")
  params = jax.jit(built.init)(jax.random.key(0))
  assert params.keys() == {'encoder', 'decoder', 'prior_1', 'prior_2'}
  assert params['prior_2'].shape == (4, 8, 8, 1)
  none, arrays, posteriors = built.prior(params)
  assert none is None
  assert arrays is params['prior_1']
  # The posteriors of the pseudo-inputs, from the slot's own numbers.
  direct = built.posterior(params, params['prior_2'])[2]
  jax.tree.map(np.testing.assert_array_equal, posteriors, direct)


def test_a_label_stands_in_for_the_prior():
  factors = (Factor('shape', 3, 'points'), Factor('turn', 8, 'loop'))
  built = _build("loop(factor='turn') + points(3, factor='shape')", factors)
  params = tiny.params(built)
  image = tiny.batch(4).image
  classes = jnp.array([[0, 1], [2, 7], [1, 4], [0, 0]])
  told = jnp.array([True, False, True, False])
  args = tiny.hyper(), jax.random.key(0)
  run = jax.jit(built.outputs)
  free = run(params, Batch(image, classes), *args)
  known = run(params, Batch(image, classes, told), *args)
  np.testing.assert_array_equal(free.z, known.z)
  changed = np.asarray(free.kl != known.kl)
  np.testing.assert_array_equal(changed, np.repeat(told[:, None], 2, axis=1))


def test_pairs_share_what_differs_least_and_only_in_training():
  built = _build('gaussian(2) + loop', pairs=1)
  params = tiny.params(built)
  rng = np.random.default_rng(0)
  image = jnp.asarray(rng.random((8, 8, 8, 1)), jnp.float32)
  batch = Batch(image, jnp.zeros((8, 0), jnp.int32))
  alone = built.outputs(params, batch, tiny.hyper(), jax.random.key(0))
  paired = built.outputs(
    params, batch, tiny.hyper(), jax.random.key(0), training=True
  )
  mean = np.asarray(built.space.mean(paired.posterior))
  same = np.abs(mean[:4] - mean[4:]) < 1e-5
  # Some latent is the least changed of each pair, some the most.
  assert same.any(axis=1).all() and not same.all(axis=1).any()
  before = np.asarray(built.space.mean(alone.posterior))
  np.testing.assert_allclose(mean[:4][~same], before[:4][~same], rtol=1e-6)
  middle = 0.5 * (before[:4] + before[4:])
  lines = same & np.array([True, True, False])
  np.testing.assert_allclose(mean[:4][lines], middle[lines], rtol=1e-5)
