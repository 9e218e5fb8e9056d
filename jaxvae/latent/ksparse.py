"""K-sparse codes: the largest values are kept, the others damped or dropped.

[Makhzani and Frey 2013, arXiv:1312.5663] keep the k largest, by value and not
by size, and drop the rest: `soft_topk(x, k, a=1, b=0)`. The 'separation factor'
layer multiplies the largest by 10 and the rest by 0.25: `soft_topk(x, 1, 10,
0.25)`.
"""

import jax.numpy as jnp
from jax import Array, lax

from jaxvae.latent.gaussian import gaussian
from jaxvae.latent.slot import Slot


def ksparse(
  latents: int,
  k: int,
  a: float = 1.0,
  b: float = 0.0,
  straight_through: bool = False,
) -> Slot:
  """Gaussian latents of which the decoder reads the k largest.

  Posterior, prior and divergence are those of `gaussian(latents)`, exact; only
  what the decoder is given differs, so the ELBO is that of a decoder whose
  first layer is `soft_topk`.

  Args:
    latents: how many.
    k: how many the decoder reads at a time.
    a: factor of what is kept.
    b: factor of the rest.
    straight_through: gradients reach all latents, not only those kept.

  Raises:
    ValueError: an argument is not allowed.
  """
  slot = gaussian(latents)
  if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= latents:
    raise ValueError(f'k={k!r}; allowed: 1, 2, ... {latents}')
  for name, value in (('a', a), ('b', b)):
    if isinstance(value, bool) or not isinstance(value, int | float):
      raise ValueError(f'{name}={value!r}; allowed: a number')
  if not isinstance(straight_through, bool):
    raise ValueError(
      f'straight_through={straight_through!r}; allowed: True or False'
    )
  said = f', a={a!r}, b={b!r}' if (a, b) != (1.0, 0.0) else ''
  said += ', straight_through=True' if straight_through else ''
  return slot._replace(
    name=f'ksparse({latents}, k={k}{said})',
    code=lambda z: soft_topk(z, k, a, b, straight_through),
  )


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
  order = jnp.argsort(lax.stop_gradient(-x), axis=-1, stable=True)
  rank = jnp.argsort(order, axis=-1, stable=True).astype(jnp.float32)
  y = x * jnp.where(rank < k, a, b).astype(x.dtype)
  return x + lax.stop_gradient(y - x) if straight_through else y
