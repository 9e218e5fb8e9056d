"""Integrals and logarithms that slots share."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxvae.latent.gaussian import LOG_2PI, Posterior

# Below it a standard deviation is no smaller: squares stay in float32's range.
_LEAST_STD = 1e-12
# Standard deviations that hold a Gaussian but for 3e-12, and 4e-8, and nodes
# that integrate it over them to about the rounding of the type.
_TAIL = {'float64': 7.0, 'float32': 5.5}
_NODES = {'float64': 32, 'float32': 16}


def std_of(q: Posterior) -> Array:
  """The standard deviation of q, such that one can divide by its square."""
  return jnp.maximum(jnp.exp(q.log_std), _LEAST_STD)


def gaussian_mean(
  function: Callable[[Array], Array],
  q: Posterior,
  low: Array,
  high: Array,
) -> Array:
  """Integral of function(z) q(z) over some intervals, summed.

  Gauss-Legendre on what each interval shares with 7 standard deviations (5.5 in
  float32) on either side of the mean, so q may be narrow or wide.

  Args:
    function: z -> numbers of the same shape; smooth within each interval.
    q: `[..., 1]`.
    low: `[n]`, where the intervals begin.
    high: `[n]`, where they end, not before; may be infinite.

  Returns:
    `[..., 1]`.
  """
  x, w = np.polynomial.legendre.leggauss(_NODES[q.mean.dtype.name])
  mean, std = q.mean[..., None], std_of(q)[..., None]
  # In standard deviations from the mean, `[..., n, nodes]`.
  first, last = (_standard(along(x, mean, -2) - mean, std) for x in (low, high))
  t = first + (last - first) * along(0.5 * (x + 1), mean)
  density = jnp.exp(-0.5 * t**2 - 0.5 * LOG_2PI)
  weight = (last - first) * along(0.5 * w, mean)
  value = function(mean + std * t)
  return jnp.sum(weight * density * value, axis=(-2, -1))[..., None]


def _standard(away, std):
  """away / std, cut; has a gradient where `away` is infinite too."""
  tail = _TAIL[std.dtype.name]
  inside = jnp.abs(away) < tail * std
  ratio = jnp.where(inside, away, 0.0) / std
  return jnp.where(inside, ratio, jnp.copysign(tail, away).astype(std.dtype))


def along(values: Array, like: Array, axis: int = -1) -> Array:
  """Numbers `[n]` along one axis of an array as deep as `like`, of its type."""
  shape = [1] * like.ndim
  shape[axis] = -1
  return jnp.asarray(values, like.dtype).reshape(shape)


def log1mexp(x: Array) -> Array:
  """log(1 - exp(x)) of x < 0, with all digits [Maechler 2012]."""
  near = x > -0.6931
  close = jnp.where(near, x, -1.0)
  far = jnp.where(near, -1.0, x)
  return jnp.where(near, jnp.log(-jnp.expm1(close)), jnp.log1p(-jnp.exp(far)))
