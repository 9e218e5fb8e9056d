"""Oracles: parameter counts of the published networks, Glorot's bound."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxvae.errors import UserError
from jaxvae.nets import net
from jaxvae.nets.convnet import ConvDecoder, ConvEncoder
from jaxvae.nets.mlp import MLPDecoder, MLPEncoder


def _shapes(text, image_shape, outputs=20, code=10):
  built = net(text)
  key = jax.random.key(0)
  encoder, decoder = built.encoder(outputs), built.decoder(image_shape)
  return (
    jax.eval_shape(encoder.init, key, jnp.zeros((1, *image_shape)))['params'],
    jax.eval_shape(decoder.init, key, jnp.zeros((1, code)))['params'],
  )


def _count(params):
  return sum(leaf.size for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize(
  ('text', 'channels', 'encoder', 'decoder', 'total'),
  [
    # disentanglement_lib's architectures with 10 latents, counted by hand.
    ('locatello', 1, 309_204, 381_313, 690_517),
    ('locatello', 3, 310_228, 382_339, 692_567),
    # disentangling-vae's Burgess network.
    ('burgess', 1, 252_052, 249_953, 502_005),
    # Higgins et al. 2017, table 1, first row.
    ('mlp', 1, 6_381_620, 7_814_896, 14_196_516),
  ],
)
def test_parameter_counts(text, channels, encoder, decoder, total):
  halves = _shapes(text, (64, 64, channels))
  assert tuple(map(_count, halves)) == (encoder, decoder)
  assert encoder + decoder == total


def test_locatello_layer_by_layer():
  encoder, decoder = (
    {name: leaves['kernel'].shape for name, leaves in half.items()}
    for half in _shapes('locatello', (64, 64, 3))
  )
  assert encoder == {
    'conv0': (4, 4, 3, 32),
    'conv1': (4, 4, 32, 32),
    'conv2': (2, 2, 32, 64),
    'conv3': (2, 2, 64, 64),
    'dense0': (1024, 256),
    'head': (256, 20),
  }
  assert decoder == {
    'dense0': (10, 256),
    'dense1': (256, 1024),
    'conv0': (4, 4, 64, 64),
    'conv1': (4, 4, 64, 32),
    'conv2': (4, 4, 32, 32),
    'conv3': (4, 4, 32, 3),
  }


def test_sizes_are_arguments():
  encoder, _ = _shapes('locatello(kernels=(4, 4, 4, 4))', (64, 64, 1))
  assert encoder['conv3']['kernel'].shape == (4, 4, 64, 64)
  encoder, decoder = _shapes('mlp(encoder=(5,), decoder=(6, 7))', (4, 4, 1))
  # 16 pixels -> 5 -> 20 outputs; 10 codes -> 6 -> 7 -> 16 pixels.
  assert _count(encoder) == 16 * 5 + 5 + 5 * 20 + 20
  assert _count(decoder) == 10 * 6 + 6 + 6 * 7 + 7 + 7 * 16 + 16


@pytest.mark.parametrize(
  ('encoder', 'decoder'),
  [
    (
      ConvEncoder((8, 16), (4, 2), (32,), 5),
      ConvDecoder((16, 8), (4, 4), (32,), (8, 8, 1)),
    ),
    (
      MLPEncoder((32,), (nn.relu,), 5),
      MLPDecoder((24,), (nn.tanh,), (8, 8, 1)),
    ),
  ],
  ids=['conv', 'mlp'],
)
def test_kernels_are_glorots_and_biases_zero(encoder, decoder):
  key = jax.random.key(0)
  for module, x in (
    (encoder, jnp.zeros((1, 8, 8, 1))),
    (decoder, jnp.zeros((1, 10))),
  ):
    params = jax.jit(module.init)(key, x)['params']
    for path, layer in params.items():
      assert set(layer) == {'kernel', 'bias'}
      assert not layer['bias'].any()
      kernel = np.asarray(layer['kernel'])
      # Glorot and Bengio 2010, eq. 16; a kernel's area counts in both fans.
      area = math.prod(kernel.shape[:-2])
      bound = math.sqrt(6 / (area * (kernel.shape[-2] + kernel.shape[-1])))
      assert np.abs(kernel).max() <= bound, path
      # n uniform numbers come within 20 / n of the bound, but for e^-20.
      assert np.abs(kernel).max() >= bound * (1 - 20 / kernel.size), path
      # Standard errors of the mean and of the mean square.
      n = kernel.size
      assert abs(kernel.mean()) < 5 * bound / math.sqrt(3 * n), path
      error = 5 * bound**2 * math.sqrt(4 / 45 / n)
      assert abs(np.square(kernel).mean() - bound**2 / 3) < error, path


@pytest.mark.parametrize('text', ['locatello', 'burgess', 'mlp(encoder=(9,))'])
@pytest.mark.parametrize(
  'image_shape',
  [(64, 64, 3), (28, 28, 1), (8, 8, 1), (33, 17, 2), (65, 64, 1), (1, 1, 1)],
)
def test_any_image_size(text, image_shape):
  built = net(text)
  encoder, decoder = built.encoder(7), built.decoder(image_shape)
  key = jax.random.key(0)

  def both(image, code):
    return encoder.init_with_output(key, image), decoder.init_with_output(
      key, code
    )

  image, code = jnp.zeros((2, *image_shape)), jnp.zeros((2, 5))
  (outputs, _), (drawn, _) = jax.eval_shape(both, image, code)
  assert (outputs.shape, outputs.dtype) == ((2, 7), jnp.float32)
  assert (drawn.shape, drawn.dtype) == ((2, *image_shape), jnp.float32)


def test_a_crop_is_central():
  # Two doublings make 8 pixels of 2 and of 5 / 4: one is cut off in front and
  # two behind.
  sizes = (3, 3), (4, 4), ()
  code = jax.random.normal(jax.random.key(1), (1, 4))
  whole, cut = (ConvDecoder(*sizes, (side, side, 1)) for side in (8, 5))
  params = jax.jit(whole.init)(jax.random.key(0), code)
  images = [jax.jit(decoder.apply)(params, code) for decoder in (whole, cut)]
  np.testing.assert_allclose(
    images[1], images[0][:, 1:6, 1:6], rtol=1e-5, atol=1e-6
  )


def test_the_mlp_is_matrices_and_activations():
  built = net('mlp(encoder=(6, 5), decoder=(4,))')
  rng = np.random.default_rng(0)
  image, code = rng.uniform(size=(3, 2, 2, 2)), rng.normal(size=(3, 3))
  halves = built.encoder(4), built.decoder((2, 2, 2))
  inputs = [np.float32(image), np.float32(code)]
  params = [
    jax.tree.map(lambda p: p + 0.1, module.init(jax.random.key(0), x)['params'])
    for module, x in zip(halves, inputs, strict=True)
  ]

  def layer(half, name, x):
    return x @ np.float64(half[name]['kernel']) + np.float64(half[name]['bias'])

  x = image.reshape(3, 8)
  for name in ('dense0', 'dense1'):
    x = np.maximum(layer(params[0], name, x), 0)
  mean = layer(params[0], 'head', x)
  drawn = layer(params[1], 'head', np.tanh(layer(params[1], 'dense0', code)))
  exact = mean, drawn.reshape(3, 2, 2, 2)
  for module, half, given, wanted in zip(
    halves, params, inputs, exact, strict=True
  ):
    found = module.apply({'params': half}, given)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_a_conv_net_does_not_depend_on_the_lowering():
  image = jax.random.uniform(jax.random.key(0), (2, 16, 16, 1))
  one, other = (
    net(f'locatello(lowering={lowering!r})').encoder(4)
    for lowering in ('matmul', 'xla')
  )
  params = jax.jit(one.init)(jax.random.key(1), image)
  found = jax.jit(lambda p: (one.apply(p, image), other.apply(p, image)))(
    params
  )
  np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-6)


def test_an_activation_for_each_layer():
  one = net("mlp(decoder=(3, 4), decoder_activation=('tanh', 'relu'))")
  mixed = one.decoder((2, 2, 1)).activations
  x = jnp.float32(-2)
  np.testing.assert_allclose(mixed[0](x), np.tanh(-2.0), rtol=1e-6)
  assert mixed[1](x) == 0
  with pytest.raises(UserError, match='one name, or 2 of them'):
    net("mlp(encoder_activation=('relu',))")


def test_activations_by_name():
  # At -1: 0, tanh, -Phi(-1) by the tanh approximation, -0.2.
  at_minus_one = {
    'relu': 0,
    'tanh': math.tanh(-1),
    'gelu': -0.158808,
    'leaky_relu': -0.2,
  }
  for name, value in at_minus_one.items():
    module = net(f'mlp(encoder_activation={name!r})').encoder(2)
    assert isinstance(module, nn.Module)
    found = module.activations[0](jnp.float32(-1))
    assert float(found) == pytest.approx(value, abs=1e-5)


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('resnet', "unknown network 'resnet'; allowed: burgess, locatello, mlp"),
    (
      "mlp(encoder_activation='swish')",
      "activation='swish'; allowed: relu, tanh, gelu, leaky_relu",
    ),
    ("mlp(decoder_activation='')", "activation=''; allowed: relu"),
    ('mlp(encoder=400)', r'encoder=400; allowed: .*\(400,\)'),
    ('mlp(decoder=(0,))', r'decoder=\(0,\); allowed'),
    ('mlp(decoder=(1.5,))', r'decoder=\(1.5,\); allowed'),
    ('locatello(kernels=(4, 4))', r'kernels=\(4, 4\); allowed: four'),
    ('locatello(kernels=4)', 'kernels=4; allowed: whole numbers'),
    ("locatello(lowering='fft')", "lowering='fft'; allowed: auto, matmul, xla"),
    ("burgess(lowering='fft')", "lowering='fft'; allowed: auto, matmul, xla"),
    ('burgess(kernels=(4,))', 'network burgess: .*unexpected keyword'),
    ('mlp + mlp', 'names 2 of: network'),
  ],
)
def test_refusals(text, message):
  with pytest.raises(UserError, match=message):
    net(text)
