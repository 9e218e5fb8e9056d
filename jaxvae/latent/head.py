"""A classifier and a K-sparse layer between the image and the decoder.

The decoder is given what the layer leaves of the classifier's probabilities,
beside the other latents or added to them. [Makhzani and Frey 2013, 2015]
"""

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxvae import ranges
from jaxvae.latent import concrete, label
from jaxvae.latent.concrete import Posterior
from jaxvae.latent.ksparse import check, soft_topk, training, words
from jaxvae.latent.slot import Slot

JOINS = ('concat', 'add')


def head(
  classes: int,
  k: int = 1,
  a: float = 1.0,
  b: float = 0.0,
  join: str = 'concat',
  stop_gradient: bool = False,
  straight_through: bool = False,
  lifetime: float = 0.0,
) -> Slot:
  """One latent: the probabilities of the classes, made K-sparse.

  A sample is `[..., classes]`, the probabilities themselves: no random number,
  so its divergence is 0 and what it tells of an image is not counted there.

  Args:
    classes: how many.
    k: how many probabilities the decoder reads; all of them with k = classes.
    a: factor of the k largest.
    b: factor of the rest. The 'separation factor' layer is k=1, a=10., b=0.25.
    join: 'concat' beside the code of the other latents, 'add' to it.
    stop_gradient: the decoder does not teach the classifier.
    straight_through: it teaches all probabilities, not only the k largest.
    lifetime: part of each batch for which a class is kept while the model is
      trained, its largest; 0 for no such limit.

  Raises:
    ValueError: an argument is not allowed.
  """
  ranges.whole('classes', classes, 2, ranges.CLASSES)
  check(classes, k, a, b, straight_through, lifetime)
  ranges.one_of('join', join, JOINS)
  ranges.flag('stop_gradient', stop_gradient)

  def mean(q):
    p = jax.nn.softmax(q.logits, axis=-1)
    return lax.stop_gradient(p) if stop_gradient else p

  said = words(k, a, b, straight_through, lifetime)
  said += '' if join == 'concat' else f', join={join!r}'
  said += ', stop_gradient=True' if stop_gradient else ''
  return Slot(
    name=f'head({classes}, {said})',
    topology='points',
    params_dim=classes,
    sample_dim=classes,
    code_dim=classes,
    latents=1,
    posterior=Posterior,
    sample=lambda key, q: mean(q),
    mean=mean,
    variance=concrete.variance,
    kl=kl,
    log_prob=label.log_prob,
    sample_prior=label.draw(classes),
    code=lambda z: soft_topk(z, k, a, b),
    chart=concrete.chart,
    move=concrete.move,
    span=(0.0, classes - 1.0),
    divergence=concrete.divergence,
    average=concrete.average,
    label_kl=lambda q, told, hyper=None, prior=None: kl(q),
    classes=classes,
    draw_told=label.told(classes),
    classifier=True,
    added=join == 'add',
    training_code=training(k, a, b, straight_through, lifetime),
    tells=tells,
  )


def kl(q: Posterior, hyper=None, z=None, prior=None) -> Array:
  """0: no rate is defined for a latent without noise. `[..., 1]` nats."""
  del hyper, z, prior
  return jnp.zeros_like(q.logits[..., :1])


def tells(z: Array) -> Array:
  """I(class; image) = H(mean p) - mean H(p), `[1]` nats.

  Args:
    z: `[n, classes]`, the probabilities p of n images.
  """
  mean = jnp.mean(z, axis=0)
  return (_entropy(mean) - jnp.mean(_entropy(z)))[None]


def _entropy(p):
  return -jnp.sum(jax.scipy.special.xlogy(p, p), axis=-1)
