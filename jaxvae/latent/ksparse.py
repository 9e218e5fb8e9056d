"""K-sparse codes: the largest values are kept, the others damped or dropped.

[Makhzani and Frey 2013, arXiv:1312.5663] keep the k largest, by value and not
by size, and drop the rest: `soft_topk(x, k, a=1, b=0)`. The 'separation factor'
layer multiplies the largest by 10 and the rest by 0.25: `soft_topk(x, 1, 10,
0.25)`.
"""

import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from jaxvae import ranges
from jaxvae.latent.gaussian import gaussian
from jaxvae.latent.slot import Slot


def ksparse(
  latents: int,
  k: int,
  a: float = 1.0,
  b: float = 0.0,
  straight_through: bool = False,
  lifetime: float = 0.0,
) -> Slot:
  """Gaussian latents of which the decoder reads the k largest.

  Posterior, prior and divergence are those of `gaussian(latents)`, exact; only
  what the decoder is given differs, so the ELBO is that of a decoder whose
  first layer is `soft_topk`. While the model is trained k is multiplied by
  `hyper.keep`, so that it can come down from many.

  Args:
    latents: how many.
    k: how many the decoder reads at a time.
    a: factor of what is kept.
    b: factor of the rest.
    straight_through: gradients reach all latents, not only those kept.
    lifetime: part of each batch in which a latent is kept while the model is
      trained, see `lifetime_sparse`; 0 for no such limit.

  Raises:
    ValueError: an argument is not allowed.
  """
  slot = gaussian(latents)
  check(latents, k, a, b, straight_through, lifetime)
  return slot._replace(
    name=f'ksparse({latents}, {words(k, a, b, straight_through, lifetime)})',
    code=lambda z: soft_topk(z, k, a, b),
    training_code=training(k, a, b, straight_through, lifetime),
  )


def check(
  units: int,
  k: int,
  a: float,
  b: float,
  straight_through: bool,
  lifetime: float,
) -> None:
  """Refuses the arguments of a K-sparse layer that mean nothing.

  Raises:
    ValueError: with what is allowed.
  """
  ranges.whole('k', k, 1, units)
  for name, value in (('a', a), ('b', b)):
    ranges.real(name, value, -ranges.HIGH, ranges.HIGH)
  ranges.flag('straight_through', straight_through)
  ranges.real('lifetime', lifetime, 0, 1, below=True)


def words(
  k: int, a: float, b: float, straight_through: bool, lifetime: float
) -> str:
  """The arguments as a config writes them; those at their defaults left out."""
  said = f'k={k}'
  said += f', a={a!r}, b={b!r}' if (a, b) != (1.0, 0.0) else ''
  said += ', straight_through=True' if straight_through else ''
  return said + (f', lifetime={lifetime!r}' if lifetime else '')


def training(
  k: int, a: float, b: float, straight_through: bool, lifetime: float
) -> Callable[[Array, Any], Array]:
  """The layer while the model is trained: (x `[n, units]`, Hyper) -> code.

  With a lifetime the k largest are of what it leaves; what it drops is 0.
  """

  def code(x, hyper):
    if not lifetime:
      return soft_topk(x, k * hyper.keep, a, b, straight_through)
    lives = _among(x.T, _images(x, lifetime)).T
    best = _among(jnp.where(lives, x, -jnp.inf), k * hyper.keep)
    factor = jnp.where(lives, jnp.where(best, a, b), 0.0)
    return _times(x, factor, straight_through)

  return code


def lifetime_sparse(x: Array, share: float) -> Array:
  """Of each unit the largest values over the batch; the others are 0.

  [Makhzani and Frey 2015, "Winner-take-all autoencoders", section 2]. With
  `share` of 0.1 a unit is kept for the tenth of the images in which it is
  largest, so that none is never used. Gradients pass where it is kept.

  Args:
    x: `[n, units]`, a batch.
    share: of the n images, at least one.
  """
  return soft_topk(x.T, _images(x, share), 1.0, 0.0).T


def soft_topk(
  x: Array,
  k: Array | float,
  a: float = 1.0,
  b: float = 0.0,
  straight_through: bool = False,
) -> Array:
  """The k largest of the last axis times a, the others times b.

  Which are the largest is not differentiated, so the gradient is a or b, the
  exact one wherever no two values are equal. Of equal values the first is kept:
  never more than k are.

  Args:
    x: `[..., units]`.
    k: how many to keep; may be traced, so that it can be annealed inside one
      compiled program. A fraction keeps the next whole number.
    a: factor of what is kept.
    b: factor of the rest.
    straight_through: the gradient is that of x, as if nothing were done.
  """
  return _times(x, jnp.where(_among(x, k), a, b), straight_through)


def _among(x, k):
  """Whether a value is one of the k largest of the last axis, in its order."""
  order = jnp.argsort(lax.stop_gradient(-x), axis=-1, stable=True)
  rank = jnp.argsort(order, axis=-1, stable=True)
  return rank.astype(jnp.float32) < jnp.asarray(k, jnp.float32)


def _times(x, factor, straight_through):
  y = x * factor.astype(x.dtype)
  return x + lax.stop_gradient(y - x) if straight_through else y


def _images(x, share):
  # 0.07 of 100 are 7, and not the next after 7.000000000000001.
  return max(1, math.ceil(share * x.shape[0] - 1e-6))
