"""A class as a latent that both networks are told: the conditional VAE.

[Sohn et al. 2015, "Learning structured output representation using deep
conditional generative models"; Kingma et al. 2014, "Semi-supervised learning
with deep generative models", the model M2]
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxvae import ranges
from jaxvae.latent import concrete
from jaxvae.latent.concrete import Posterior, categorical_kl, one_hot
from jaxvae.latent.slot import Slot

KINDS = ('points', 'segment', 'loop')


def label(k: int, kind: str = 'points', film: bool = False) -> Slot:
  """One latent that is one of k classes, all equally likely.

  Its posterior q(y | x) is the classifier's. A sample is `[..., k]`, one-hot;
  in between lie mixtures of classes, which the decoder is given to go from one
  class to another. Images whose label is known are taken at it; what is done
  with the others is in `jaxvae.model`.

  Args:
    k: how many classes.
    kind: what the networks read. 'points': which class it is, one number for
      each; 'segment': one number, from -1 for the first class to 1 for the
      last; 'loop': cosine and sine of an angle.
    film: the class scales and shifts a layer of both networks; else it is put
      beside what they read.

  Raises:
    ValueError: an argument is not allowed.
  """
  ranges.whole('k', k, 2, ranges.CLASSES)
  ranges.one_of('kind', kind, KINDS)
  ranges.flag('film', film)
  table = _table(k, kind)

  def given(z):
    return z @ jnp.asarray(table, z.dtype)

  said = '' if kind == 'points' else f', kind={kind!r}'
  said += ', film=True' if film else ''
  return Slot(
    name=f'label({k}{said})',
    topology='points',
    params_dim=k,
    sample_dim=k,
    code_dim=0 if film else table.shape[1],
    latents=1,
    posterior=Posterior,
    sample=sample,
    mean=concrete.most_likely,
    variance=concrete.variance,
    kl=kl,
    log_prob=log_prob,
    sample_prior=draw(k),
    code=(lambda z: z[..., :0]) if film else given,
    chart=concrete.chart,
    move=concrete.move,
    span=(0.0, k - 1.0),
    divergence=concrete.divergence,
    average=concrete.average,
    label_kl=label_kl,
    classes=k,
    draw_told=told(k),
    classifier=True,
    given=given,
    given_dim=table.shape[1],
    film=film,
  )


def sample(key: Array, q: Posterior) -> Array:
  """A class drawn from q, one-hot `[..., k]`; no gradient passes."""
  drawn = jax.random.categorical(key, q.logits)
  return one_hot(drawn, q.logits)


def kl(q: Posterior, hyper=None, z=None, prior=None) -> Array:
  """KL(q || uniform) = log k - H(q), exact. Returns `[..., 1]` nats."""
  del hyper, z, prior
  return categorical_kl(q)[..., None]


def label_kl(q: Posterior, label: Array, hyper=None, prior=None) -> Array:
  """-log p(y) = log k of a class that is known. Returns `[..., 1]` nats."""
  del hyper, prior
  told = jnp.full_like(label, math.log(q.logits.shape[-1]))
  return told[..., None]


def log_prob(z: Array, hyper=None, prior=None) -> Array:
  """-log k, the logarithm of a probability, `[...]` nats."""
  del hyper, prior
  return jnp.full(z.shape[:-1], -math.log(z.shape[-1]), z.dtype)


def draw(k: int):
  """Of p(y), the uniform one: (key, shape, ...) -> one-hot `[*shape, k]`."""

  def drawn(key, shape, hyper=None, prior=None):
    del hyper, prior
    return one_hot(jax.random.randint(key, shape, 0, k), jnp.zeros((*shape, k)))

  return drawn


def told(k: int):
  """The class that is told, as a draw: (key, label, ...) -> `[..., k]`."""

  def drawn(key, label, hyper=None, prior=None):
    del key, hyper, prior
    return one_hot(label, jnp.zeros((*label.shape, k)))

  return drawn


def _table(k: int, kind: str) -> np.ndarray:
  """What the networks read of each class, `[k, g]`."""
  if kind == 'points':
    return np.eye(k)
  if kind == 'segment':
    return np.linspace(-1.0, 1.0, k)[:, None]
  angle = 2 * np.pi * np.arange(k) / k
  return np.stack([np.cos(angle), np.sin(angle)], axis=-1)
