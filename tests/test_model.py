"""The model as a whole: what reaches what, and with which randomness."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from jaxvae import model as module

NETS = {
  'mlp': tiny.MLP,
  'locatello': 'locatello',
  'burgess': 'burgess',
}
LIKELIHOODS = [
  'bernoulli',
  'gaussian',
  'gaussian(learned=True)',
  'laplace',
  'laplace(learned=True)',
]


def _gradients(net, likelihood, latent='gaussian(3)'):
  """Of the mean reconstruction and of the mean KL, in one program."""
  built = tiny.model(net, latent, likelihood)
  batch, hyper, key = tiny.batch(), tiny.hyper(), jax.random.key(1)

  def losses(params):
    outputs = built.outputs(params, batch, hyper, key)
    return jnp.stack(
      [-jnp.mean(outputs.log_likelihood), jnp.mean(jnp.sum(outputs.kl, -1))]
    )

  jacobian = jax.jit(jax.jacrev(losses))(tiny.params(built))
  return [
    jax.tree.map(lambda g, n=n: np.asarray(g[n]), jacobian) for n in (0, 1)
  ]


def _named(tree):
  return {
    jax.tree_util.keystr(path): leaf
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
  }


@pytest.mark.parametrize(
  ('net', 'likelihood'),
  [(n, 'bernoulli') for n in NETS]
  + [('mlp', text) for text in LIKELIHOODS[1:]],
)
def test_gradients_reach_every_parameter(net, likelihood):
  # A seed of this project cut its encoder off with a call to NumPy: the
  # reconstruction taught it nothing, and the posterior fell to the prior.
  reconstruction, kl = _gradients(NETS[net], likelihood)
  for name, gradient in _named(reconstruction).items():
    assert np.isfinite(gradient).all(), name
    assert gradient.any(), name
  for name, gradient in _named(kl['encoder']).items():
    assert np.isfinite(gradient).all(), name
    assert gradient.any(), name
  # Every number of the head: the means and the deviations of all latents.
  for tree in (reconstruction, kl):
    assert tree['encoder']['head']['bias'].all()
    assert tree['encoder']['head']['kernel'].any(axis=0).all()
  # The divergence does not see the decoder.
  others = {name: tree for name, tree in kl.items() if name != 'encoder'}
  assert not any(leaf.any() for leaf in jax.tree.leaves(others))


def test_gradients_reach_every_slot():
  latent = "gaussian(2) + gaussian(1, scale='softplus')"
  for tree in _gradients(tiny.MLP, 'bernoulli', latent):
    assert tree['encoder']['head']['bias'].shape == (6,)
    assert tree['encoder']['head']['bias'].all()


def test_a_blank_decoder_costs_ln_2_a_pixel():
  # Logits of zero: one bit a pixel and channel, summed, not averaged.
  for shape in ((8, 8, 1), (16, 8, 3)):
    built = tiny.model(shape=shape)
    params = jax.tree.map(np.zeros_like, tiny.params(built))
    outputs = jax.jit(built.outputs)(
      params, tiny.batch(shape=shape), tiny.hyper(), jax.random.key(1)
    )
    bits = math.prod(shape) * math.log(2)
    np.testing.assert_allclose(outputs.log_likelihood, [-bits] * 4, rtol=5e-6)
    # A head of zeros is the prior itself.
    np.testing.assert_array_equal(outputs.kl, np.zeros((4, 3)))


@pytest.mark.parametrize('name', ['gaussian', 'laplace'])
def test_a_learned_scale_starts_at_the_fixed_one(name):
  fixed = tiny.model(likelihood=name)
  learned = tiny.model(likelihood=f'{name}(learned=True)')
  key = jax.random.key(0)
  params = jax.jit(learned.init)(key)
  log_scale = params.pop('log_scale')
  assert (log_scale.shape, float(log_scale)) == ((), 0.0)
  same_params = jax.jit(fixed.init)(key)
  jax.tree.map(np.testing.assert_array_equal, params, same_params)
  drawn, drawn_learned = jax.jit(fixed.outputs), jax.jit(learned.outputs)
  batch = tiny.batch()
  for noise in (0.1, 1.5):
    hyper = tiny.hyper(noise=noise)
    one = fixed.outputs(params, batch, hyper, key)
    same = learned.outputs(params | {'log_scale': log_scale}, batch, hyper, key)
    np.testing.assert_allclose(
      one.log_likelihood, same.log_likelihood, rtol=1e-6
    )
    # A log-scale of log 3 is a deviation of three times the noise.
    three = drawn_learned(
      params | {'log_scale': jnp.float32(math.log(3))}, batch, hyper, key
    )
    wide = drawn(params, batch, tiny.hyper(noise=3 * noise), key)
    np.testing.assert_allclose(
      three.log_likelihood, wide.log_likelihood, rtol=1e-5
    )


def test_noise_does_not_touch_a_bernoulli():
  built, key = tiny.model(), jax.random.key(0)
  params, batch = tiny.params(built), tiny.batch()
  assert set(params) == {'encoder', 'decoder'}
  drawn = jax.jit(built.outputs)
  one, other = (
    drawn(params, batch, tiny.hyper(noise=noise), key) for noise in (0.1, 7.0)
  )
  np.testing.assert_array_equal(one.log_likelihood, other.log_likelihood)


def test_outputs_fit_together():
  built, key = tiny.model(latent='gaussian(2) + gaussian(1)'), jax.random.key(0)
  params, batch, hyper = tiny.params(built), tiny.batch(), tiny.hyper()
  outputs = jax.jit(built.outputs)(params, batch, hyper, key)
  assert outputs.z.shape == outputs.kl.shape == (4, 3)
  assert outputs.log_likelihood.shape == (4,)
  assert len(outputs.posterior) == 2
  posterior = jax.jit(built.posterior)(params, batch.image)
  for left, right in zip(
    *map(jax.tree.leaves, (posterior, outputs.posterior)), strict=True
  ):
    np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)
  # The likelihood of the sample's own image; images people see are means.
  image = jax.jit(built.decode)(params, outputs.z)
  assert image.shape == batch.image.shape
  assert image.min() > 0 and image.max() < 1
  cross = batch.image * jnp.log(image) + (1 - batch.image) * jnp.log1p(-image)
  np.testing.assert_allclose(
    outputs.log_likelihood, cross.sum((1, 2, 3)), rtol=1e-4
  )


def test_randomness_is_the_keys_alone():
  built = tiny.model()
  init = jax.jit(built.init)
  draw = jax.jit(built.outputs)
  one, same, other = (init(jax.random.key(s)) for s in (0, 0, 1))
  jax.tree.map(np.testing.assert_array_equal, one, same)
  assert not np.array_equal(
    one['encoder']['head']['kernel'], other['encoder']['head']['kernel']
  )
  batch, hyper = tiny.batch(), tiny.hyper()
  z = [draw(one, batch, hyper, jax.random.key(s)).z for s in (0, 0, 1)]
  np.testing.assert_array_equal(z[0], z[1])
  assert not np.array_equal(z[0], z[2])
  # Examples of a batch, and latents of an example, get noise of their own.
  params = jax.tree.map(jnp.zeros_like, one)
  z = draw(params, batch, hyper, jax.random.key(0)).z
  assert len(set(np.asarray(z).ravel().tolist())) == 12


def test_rows_of_the_parameter_table():
  params = tiny.params(tiny.model(likelihood='gaussian(learned=True)'))
  rows = {
    name: (shape, size) for name, shape, size in module.parameters(params)
  }
  assert rows == {
    'encoder/dense0/kernel': ((64, 16), 1024),
    'encoder/dense0/bias': ((16,), 16),
    'encoder/head/kernel': ((16, 6), 96),
    'encoder/head/bias': ((6,), 6),
    'decoder/dense0/kernel': ((3, 12), 36),
    'decoder/dense0/bias': ((12,), 12),
    'decoder/head/kernel': ((12, 64), 768),
    'decoder/head/bias': ((64,), 64),
    'log_scale': ((), 1),
  }
