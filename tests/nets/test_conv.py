"""Oracles: the definition of both layers as loops in float64 NumPy, and Flax's.

A layer is linear in its input and in its kernel, so the definition also gives
both gradients: they are its adjoints.
"""

import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxvae.nets.conv import Conv, ConvTranspose, conv, conv_transpose

LOWERINGS = ['matmul', 'xla']
SIDES = (7, 10)  # one odd, one even


def _same_conv(x, kernel, stride):
  """y[u] = sum_i x[s u + i - low] kernel[i], as TensorFlow defines 'SAME'."""
  (b, h, w, _), (k, _, _, o) = x.shape, kernel.shape
  sides = [-(-n // stride) for n in (h, w)]
  lows = [
    max((m - 1) * stride + k - n, 0) // 2
    for m, n in zip(sides, (h, w), strict=True)
  ]
  y = np.zeros((b, *sides, o))
  for u, v in itertools.product(*map(range, sides)):
    for i, j in itertools.product(range(k), repeat=2):
      row, column = u * stride + i - lows[0], v * stride + j - lows[1]
      if 0 <= row < h and 0 <= column < w:
        y[:, u, v] += x[:, row, column] @ kernel[i, j]
  return y


def _same_conv_transpose(x, kernel, stride):
  """Correlates the input, zeros between its pixels, with the kernel."""
  (b, h, w, c), (k, _, _, o) = x.shape, kernel.shape
  # Flax's (and lax's) choice of where the image begins.
  front = k - 1 if stride > k - 1 else -(-(k + stride - 2) // 2)
  wide = np.zeros((b, h * stride + 2 * k, w * stride + 2 * k, c))
  rows, columns = front + stride * np.arange(h), front + stride * np.arange(w)
  wide[:, rows[:, None], columns] = x
  y = np.zeros((b, h * stride, w * stride, o))
  for i, j in itertools.product(range(k), repeat=2):
    y += wide[:, i : i + h * stride, j : j + w * stride] @ kernel[i, j]
  return y


LAYERS = {
  'conv': (conv, _same_conv),
  'conv_transpose': (conv_transpose, _same_conv_transpose),
}


def _adjoint(function, like, g):
  """The gradient of sum(g * function(like)), by unit vectors."""
  gradient = np.zeros(like.size)
  for n in range(like.size):
    unit = np.zeros(like.size)
    unit[n] = 1
    gradient[n] = np.sum(g * function(unit.reshape(like.shape)))
  return gradient.reshape(like.shape)


def _close(value, exact, tolerance):
  """Within the tolerance of the largest entry, where it is not all zero."""
  value, exact = np.asarray(value), np.asarray(exact)
  assert (value.shape, value.dtype.kind) == (exact.shape, 'f')
  largest = np.abs(exact).max()
  assert np.abs(value - exact).max() <= tolerance * largest


@pytest.mark.parametrize('layer', LAYERS)
@pytest.mark.parametrize('stride', [1, 2, 3])
@pytest.mark.parametrize('k', [1, 2, 3, 4, 5])
def test_values_and_gradients_of_both_lowerings(layer, k, stride):
  function, definition = LAYERS[layer]
  rng = np.random.default_rng(10 * k + stride)
  # Few to many channels and back: the matrix products take another way where
  # the inputs of a block of pixels are fewer than its outputs.
  few, many = 1, stride**2 + 1
  cases = [
    (rng.normal(size=(2, *SIDES, i)), rng.normal(size=(k, k, i, o)))
    for i, o in ((few, many), (many, few))
  ]
  exact = [definition(x, kernel, stride) for x, kernel in cases]
  weights = [rng.normal(size=y.shape) for y in exact]

  def everything(cases, weights, lowering):
    return [
      _value_and_gradients(function, x, kernel, stride, lowering, g)
      for (x, kernel), g in zip(cases, weights, strict=True)
    ]

  with jax.enable_x64(True):
    compiled = jax.jit(everything, static_argnums=2)
    matmul, xla = (compiled(cases, weights, low) for low in LOWERINGS)
  for n, y in enumerate(exact):
    _close(matmul[n][0], y, 1e-13)
    for ours, theirs in zip(matmul[n], xla[n], strict=True):
      assert ours.dtype == theirs.dtype == np.float64
      _close(ours, theirs, 1e-12)


def _value_and_gradients(function, x, kernel, stride, lowering, g):
  y, pull = jax.vjp(lambda *a: function(*a, stride, lowering), x, kernel)
  return (y, *pull(g))


@pytest.mark.parametrize('layer', LAYERS)
@pytest.mark.parametrize('lowering', LOWERINGS)
@pytest.mark.parametrize(('inputs', 'outputs'), [(1, 2), (2, 1)])
def test_gradients_are_the_adjoints(layer, lowering, inputs, outputs):
  function, definition = LAYERS[layer]
  rng = np.random.default_rng(0)
  x = rng.normal(size=(1, 3, 4, inputs))
  kernel = rng.normal(size=(3, 3, inputs, outputs))
  g = rng.normal(size=definition(x, kernel, 2).shape)
  with jax.enable_x64(True):
    _, dx, dkernel = jax.jit(
      lambda *a: _value_and_gradients(function, *a[:2], 2, lowering, a[2])
    )(x, kernel, g)
  _close(dx, _adjoint(lambda unit: definition(unit, kernel, 2), x, g), 1e-13)
  _close(
    dkernel, _adjoint(lambda unit: definition(x, unit, 2), kernel, g), 1e-13
  )


@pytest.mark.parametrize(('k', 'stride'), [(4, 2), (2, 2), (3, 1)])
@pytest.mark.parametrize(
  ('layer', 'flax'), [(Conv, nn.Conv), (ConvTranspose, nn.ConvTranspose)]
)
def test_flaxs_layers_with_the_same_parameters(layer, flax, k, stride):
  theirs = flax(5, (k, k), (stride, stride), padding='SAME')
  ours = [layer(5, k, stride, lowering=lowering) for lowering in LOWERINGS]
  x = jax.random.normal(jax.random.key(0), (2, 9, 6, 3))
  params = jax.jit(ours[0].init)(jax.random.key(1), x)
  shapes = jax.eval_shape(theirs.init, jax.random.key(1), x)
  described = jax.tree.map(lambda p: (p.shape, p.dtype), (params, shapes))
  assert described[0] == described[1]
  params = jax.tree.map(lambda p: p + 0.1, params)

  def loss(params, x, module):
    y = module.apply(params, x)
    return jnp.sum(jnp.sin(y)), y

  @jax.jit
  def everything(params, x):
    gradients = jax.value_and_grad(loss, (0, 1), has_aux=True)
    return [gradients(params, x, module) for module in (theirs, *ours)]

  wanted, *found = everything(params, x)
  for one in found:
    jax.tree.map(lambda a, b: _close(a, b, 1e-5), one, wanted)


@pytest.mark.parametrize('layer', LAYERS)
def test_under_vmap_and_scan(layer):
  function, _ = LAYERS[layer]
  rng = np.random.default_rng(5)
  x = np.float32(rng.normal(size=(3, 2, 6, 5, 2)))
  kernel = np.float32(rng.normal(size=(3, 4, 4, 2, 3)))

  def loss(x, kernel, lowering):
    return jnp.sum(function(x, kernel, 2, lowering) ** 2)

  def gradient(lowering):
    return jax.grad(lambda x, kernel: loss(x, kernel, lowering), argnums=(0, 1))

  @jax.jit
  def everything(x, kernel):
    one = gradient('matmul')
    _, scanned = jax.lax.scan(
      lambda _, both: (None, one(*both)), None, (x, kernel)
    )
    return {
      'alone': jax.tree.map(
        lambda *leaves: jnp.stack(leaves),
        *[gradient('xla')(x[n], kernel[n]) for n in range(3)],
      ),
      'members': jax.vmap(one)(x, kernel),
      'kernels': jax.vmap(one, (None, 0))(x[0], kernel),
      'kernels_xla': jax.vmap(gradient('xla'), (None, 0))(x[0], kernel),
      'images': jax.vmap(one, (0, None))(x, kernel[0]),
      'images_xla': jax.vmap(gradient('xla'), (0, None))(x, kernel[0]),
      'scanned': scanned,
    }

  found = everything(x, kernel)
  for name, reference in {
    'members': 'alone',
    'scanned': 'alone',
    'kernels': 'kernels_xla',
    'images': 'images_xla',
  }.items():
    for ours, xla in zip(found[name], found[reference], strict=True):
      _close(ours, xla, 1e-5)


def test_a_gradient_of_a_gradient():
  # Gradient penalties differentiate the written-out gradients once more.
  rng = np.random.default_rng(6)
  x, kernel = rng.normal(size=(1, 4, 4, 1)), rng.normal(size=(3, 3, 1, 2))

  def penalty(x, kernel, function, lowering):
    inner = jax.grad(
      lambda x: jnp.sum(jnp.tanh(function(x, kernel, 2, lowering)))
    )
    return jnp.sum(inner(x) ** 2)

  for function, _ in LAYERS.values():
    with jax.enable_x64(True):
      ours, xla = (
        jax.jit(jax.grad(penalty, argnums=1), static_argnums=(2, 3))(
          x, kernel, function, lowering
        )
        for lowering in LOWERINGS
      )
    _close(ours, xla, 1e-12)


def test_auto_is_the_matrix_product_but_on_a_tpu(monkeypatch):
  x, kernel = np.ones((1, 4, 4, 1), 'f'), np.ones((2, 2, 1, 1), 'f')

  def program(function, lowering):
    return str(
      jax.make_jaxpr(lambda x, k: function(x, k, 2, lowering))(x, kernel)
    )

  for function, _ in LAYERS.values():
    for backend, chosen in (
      ('cpu', 'matmul'),
      ('gpu', 'matmul'),
      ('tpu', 'xla'),
    ):
      monkeypatch.setattr(jax, 'default_backend', lambda name=backend: name)
      auto = program(function, 'auto')
      assert ('conv_general_dilated' in auto) == (chosen == 'xla')
      assert ('dot_general' in auto) == (chosen == 'matmul')


@pytest.mark.parametrize('layer', LAYERS)
def test_an_unknown_lowering_is_refused(layer):
  x, kernel = np.ones((1, 4, 4, 1), 'f'), np.ones((2, 2, 1, 1), 'f')
  with pytest.raises(ValueError, match="lowering='fft'; allowed: auto, matmul"):
    LAYERS[layer][0](x, kernel, 2, 'fft')
