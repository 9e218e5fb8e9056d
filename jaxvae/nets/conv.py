"""Convolutions whose lowering suits the backend.

On a TPU these are XLA's convolutions. On a CPU XLA's gradients of strided and
transposed convolutions take most of a step, and on a GPU, where those of many
members of an ensemble are grouped convolutions, eight tenths of it
(results/ensemble_gpu.json). There a convolution is a matrix product instead,
and that of many members a batched one:

* A kernel of size k with stride s, read in blocks of s x s pixels
  ("macro-pixels", space to depth), is a kernel of t = ceil(k / s) taps with
  stride 1. A 4x4 kernel with stride 2 has 2x2 taps.
* One matrix product applies the taps. Either the t x t neighbours are gathered
  first and multiplied once (`gather`), or every macro-pixel is multiplied by
  all taps and the products are added where they belong (`scatter`). The first
  writes t*t*inputs numbers a pixel, the second t*t*outputs: the smaller wins.
* A transposed convolution is the same pair, each the other's adjoint. So are
  the gradients, which are written out here: the neighbours are laid out once
  and serve both the gradient of the kernel and that of the input.

Both lowerings hold the same parameters, with the shapes and the meaning of
Flax's own layers, and agree to rounding.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array, lax

from jaxvae import ranges

# Channels last; kernels are height, width, inputs, outputs.
DIMENSIONS = ('NHWC', 'HWIO', 'NHWC')
LOWERINGS = ('auto', 'matmul', 'xla')


def conv(x: Array, kernel: Array, stride: int, lowering: str = 'auto') -> Array:
  """A convolution with 'SAME' padding, as `lax.conv_general_dilated`.

  Args:
    x: `[b, h, w, inputs]`.
    kernel: `[k, k, inputs, outputs]`.
    stride: of both axes.
    lowering: 'matmul', 'xla', or 'auto': xla on a TPU, matmul elsewhere.

  Returns:
    `[b, ceil(h / stride), ceil(w / stride), outputs]`.
  """
  if not _matmul(lowering):
    return lax.conv_general_dilated(
      x, kernel, (stride, stride), 'SAME', dimension_numbers=DIMENSIONS
    )
  k = kernel.shape[0]
  taps = -(-k // stride)
  sides = []
  for size in x.shape[1:3]:
    out = -(-size // stride)
    low = max((out - 1) * stride + k - size, 0) // 2
    # As many whole macro-pixels as the last output reads; the pad is negative
    # where the kernel skips the last pixels.
    sides.append((low, (out + taps - 1) * stride - size - low, 0))
  x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *sides, (0, 0, 0)])
  blocks = _blocked(kernel, stride)
  blocks = blocks.reshape(taps, taps, -1, kernel.shape[3])
  return _correlate(_space_to_depth(x, stride), blocks)


def conv_transpose(
  x: Array, kernel: Array, stride: int, lowering: str = 'auto'
) -> Array:
  """A transposed convolution with 'SAME' padding, as `lax.conv_transpose`.

  Args:
    x: `[b, h, w, inputs]`.
    kernel: `[k, k, inputs, outputs]`, not flipped (Flax's convention).
    stride: of both axes.
    lowering: 'matmul', 'xla', or 'auto': xla on a TPU, matmul elsewhere.

  Returns:
    `[b, h * stride, w * stride, outputs]`.
  """
  if not _matmul(lowering):
    return lax.conv_transpose(
      x, kernel, (stride, stride), 'SAME', dimension_numbers=DIMENSIONS
    )
  k = kernel.shape[0]
  blocks = _blocked(kernel[::-1, ::-1], stride).transpose(0, 1, 4, 2, 3, 5)
  blocks = blocks.reshape(*blocks.shape[:3], -1)
  y = _depth_to_space(_spread(x, blocks), stride)
  # lax pads the dilated input in front by k - 1 if the stride exceeds that,
  # else by half of k + stride - 2, rounded up.
  front = k - 1 if stride > k - 1 else -(-(k + stride - 2) // 2)
  skip = k - 1 - front
  sides = [
    (-skip, size * stride + skip - full, 0)
    for size, full in zip(x.shape[1:3], y.shape[1:3], strict=True)
  ]
  return lax.pad(y, jnp.zeros((), y.dtype), [(0, 0, 0), *sides, (0, 0, 0)])


def check_lowering(lowering: str) -> None:
  """Refuses what is not in LOWERINGS, with a ValueError."""
  ranges.one_of('lowering', lowering, LOWERINGS)


class Conv(nn.Module):
  """A square convolution, 'SAME' padding; `flax.linen.Conv`'s parameters."""

  features: int
  kernel_size: int
  stride: int = 1
  kernel_init: Any = nn.initializers.glorot_uniform()
  lowering: str = 'auto'

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """`[b, h, w, inputs]` -> `[b, ceil(h / s), ceil(w / s), features]`."""
    kernel, bias = _params(self, x)
    return conv(x, kernel, self.stride, self.lowering) + bias


class ConvTranspose(nn.Module):
  """The transposed convolution; `flax.linen.ConvTranspose`'s parameters."""

  features: int
  kernel_size: int
  stride: int = 1
  kernel_init: Any = nn.initializers.glorot_uniform()
  lowering: str = 'auto'

  @nn.compact
  def __call__(self, x: Array) -> Array:
    """`[b, h, w, inputs]` -> `[b, h * s, w * s, features]`."""
    kernel, bias = _params(self, x)
    return conv_transpose(x, kernel, self.stride, self.lowering) + bias


def _params(module: Any, x: Array) -> tuple[Array, Array]:
  k = module.kernel_size
  shape = (k, k, x.shape[-1], module.features)
  kernel = module.param('kernel', module.kernel_init, shape)
  bias = module.param('bias', nn.initializers.zeros_init(), (module.features,))
  return kernel, jnp.reshape(bias, (1, 1, 1, -1))


def _matmul(lowering: str) -> bool:
  check_lowering(lowering)
  if lowering == 'auto':
    return jax.default_backend() != 'tpu'
  return lowering == 'matmul'


def _blocked(kernel: Array, s: int) -> Array:
  """`[k, k, i, o]` -> `[t, t, s, s, i, o]`, zeros behind its last pixels."""
  k, _, i, o = kernel.shape
  rest, t = -k % s, -(-k // s)
  kernel = jnp.pad(kernel, ((0, rest), (0, rest), (0, 0), (0, 0)))
  return kernel.reshape(t, s, t, s, i, o).transpose(0, 2, 1, 3, 4, 5)


def _space_to_depth(x: Array, s: int) -> Array:
  b, h, w, c = x.shape
  x = x.reshape(b, h // s, s, w // s, s, c).transpose(0, 1, 3, 2, 4, 5)
  return x.reshape(b, h // s, w // s, s * s * c)


def _depth_to_space(x: Array, s: int) -> Array:
  b, h, w, c = x.shape
  x = x.reshape(b, h, w, s, s, c // s**2).transpose(0, 1, 3, 2, 4, 5)
  return x.reshape(b, h * s, w * s, c // s**2)


# In what follows: x, y are `[b, h, w, channels]` images of macro-pixels, a
# kernel is `[t, t, inputs, outputs]`, and taps are counted row by row.


def _gather(x: Array, t: int) -> Array:
  """The t x t neighbours of each pixel, `[b, h - t + 1, ..., t * t * c]`."""
  h, w = x.shape[1] - t + 1, x.shape[2] - t + 1
  return jnp.concatenate(
    [x[:, i : i + h, j : j + w] for i in range(t) for j in range(t)], axis=-1
  )


def _gather_adjoint(y: Array, t: int) -> Array:
  """Adds each pixel's t x t parts to the neighbours that they came from."""
  parts, p = jnp.split(y, t * t, axis=-1), t - 1
  return sum(
    jnp.pad(parts[i * t + j], ((0, 0), (i, p - i), (j, p - j), (0, 0)))
    for i in range(t)
    for j in range(t)
  )


def _scatter(z: Array, t: int) -> Array:
  """Adds what t x t neighbours hold for a pixel, `[b, h - t + 1, ...]`."""
  h, w = z.shape[1] - t + 1, z.shape[2] - t + 1
  parts = jnp.split(z, t * t, axis=-1)
  return sum(
    parts[i * t + j][:, i : i + h, j : j + w]
    for i in range(t)
    for j in range(t)
  )


def _scatter_adjoint(y: Array, t: int) -> Array:
  """Copies each pixel to the t x t neighbours that it was added from."""
  p, h, w = t - 1, y.shape[1] + t - 1, y.shape[2] + t - 1
  y = jnp.pad(y, ((0, 0), (p, p), (p, p), (0, 0)))
  return jnp.concatenate(
    [
      y[:, p - i : p - i + h, p - j : p - j + w]
      for i in range(t)
      for j in range(t)
    ],
    axis=-1,
  )


def _rows(x: Array) -> Array:
  return x.reshape(-1, x.shape[-1])


def _product(x: Array, matrix: Array) -> Array:
  return (_rows(x) @ matrix).reshape(*x.shape[:3], matrix.shape[-1])


def _rows_first(kernel: Array) -> Array:
  """Taps beside the inputs, to be gathered: `[t * t * inputs, outputs]`."""
  return kernel.reshape(-1, kernel.shape[-1])


def _columns_last(kernel: Array) -> Array:
  """Taps beside the outputs, to be scattered: `[inputs, t * t * outputs]`."""
  t, _, i, o = kernel.shape
  return kernel.transpose(2, 0, 1, 3).reshape(i, t * t * o)


def _from_columns(matrix: Array, shape: tuple[int, ...]) -> Array:
  t, _, i, o = shape
  return matrix.reshape(i, t, t, o).transpose(1, 2, 0, 3)


def _gathers(kernel: Array) -> bool:
  # Gathering also has the better gradient where inputs are very few.
  return kernel.shape[2] < kernel.shape[3]


@jax.custom_vjp
def _correlate(x: Array, kernel: Array) -> Array:
  """`y[u] = sum_i x[u + i] kernel[i]`, no padding."""
  return _correlate_forward(x, kernel)[0]


def _correlate_forward(x, kernel):
  t = kernel.shape[0]
  if _gathers(kernel):
    laid = _gather(x, t)
    return _product(laid, _rows_first(kernel)), (laid, kernel)
  return _scatter(_product(x, _columns_last(kernel)), t), (x, kernel)


def _correlate_backward(saved, g):
  laid, kernel = saved
  t = kernel.shape[0]
  if _gathers(kernel):
    dx = _gather_adjoint(_product(g, _rows_first(kernel).T), t)
    return dx, (_rows(g).T @ _rows(laid)).T.reshape(kernel.shape)
  g = _scatter_adjoint(g, t)
  dkernel = _from_columns(_rows(laid).T @ _rows(g), kernel.shape)
  return _product(g, _columns_last(kernel).T), dkernel


_correlate.defvjp(_correlate_forward, _correlate_backward)


@jax.custom_vjp
def _spread(x: Array, kernel: Array) -> Array:
  """`y[u + i] += x[u] kernel[i]`, the whole of it: t - 1 more rows than x."""
  return _spread_forward(x, kernel)[0]


def _spread_forward(x, kernel):
  t = kernel.shape[0]
  if _gathers(kernel):
    laid = _scatter_adjoint(x, t)
    return _product(laid, _rows_first(kernel)), (laid, kernel)
  return _gather_adjoint(_product(x, _columns_last(kernel)), t), (x, kernel)


def _spread_backward(saved, g):
  laid, kernel = saved
  t = kernel.shape[0]
  if _gathers(kernel):
    dx = _scatter(_product(g, _rows_first(kernel).T), t)
    return dx, (_rows(laid).T @ _rows(g)).reshape(kernel.shape)
  g = _gather(g, t)
  dkernel = _from_columns(_rows(laid).T @ _rows(g), kernel.shape)
  return _product(g, _columns_last(kernel).T), dkernel


_spread.defvjp(_spread_forward, _spread_backward)
