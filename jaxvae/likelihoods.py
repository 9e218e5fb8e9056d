"""Likelihoods of an image given the decoder's output, per example, in nats.

Sums over pixels and channels; nothing is divided by their number.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from jaxvae import ranges, spec

LOG_2PI = math.log(2 * math.pi)


class Likelihood(NamedTuple):
  """How an image is thought to arise from the decoder's numbers.

  Attributes:
    name: as in the config.
    learned_scale: the model holds one log-scale as a parameter.
    log_prob: (output `[b, h, w, c]`, image, log_scale scalar) -> `[b]` nats.
    mean: output -> expected image, the one that people look at.
    scaled: if the scale means anything; the Bernoulli has none.
  """

  name: str
  learned_scale: bool
  log_prob: Callable[[Array, Array, Array], Array]
  mean: Callable[[Array], Array]
  scaled: bool


def bernoulli() -> Likelihood:
  """The output is a logit. For images between 0 and 1 it is the cross-entropy.

  The best value for an image that is not binary is its entropy, not 0.
  """

  def log_prob(output, image, log_scale):
    del log_scale
    return _sum(_cross_entropy(output, image))

  return Likelihood('bernoulli', False, log_prob, jax.nn.sigmoid, False)


def gaussian(learned: bool = False) -> Likelihood:
  """The output is the mean; the standard deviation is one for all pixels.

  Args:
    learned: the deviation is a parameter of the model (it starts at
      `hyper.noise`); otherwise it is `hyper.noise`.
  """

  def log_prob(output, image, log_scale):
    error = (image - output) * jnp.exp(-log_scale)
    return -_sum(0.5 * error**2 + 0.5 * LOG_2PI + log_scale)

  ranges.flag('learned', learned)
  return Likelihood('gaussian', learned, log_prob, lambda x: x, True)


def laplace(learned: bool = False) -> Likelihood:
  """The output is the median; the scale (mean absolute error) is one for all.

  Args:
    learned: as for the Gaussian.
  """

  def log_prob(output, image, log_scale):
    error = jnp.abs(image - output) * jnp.exp(-log_scale)
    return -_sum(error + math.log(2.0) + log_scale)

  ranges.flag('learned', learned)
  return Likelihood('laplace', learned, log_prob, lambda x: x, True)


LIKELIHOODS = {
  'bernoulli': bernoulli,
  'gaussian': gaussian,
  'laplace': laplace,
}


def likelihood(text: str) -> Likelihood:
  """The likelihood that 'bernoulli' or 'gaussian(learned=True)' names.

  Raises:
    UserError: not one known likelihood with fitting arguments.
  """
  return spec.build_one(text, LIKELIHOODS, 'likelihood')


@jax.custom_jvp
def _cross_entropy(logit: Array, image: Array) -> Array:
  """image log p + (1 - image) log(1 - p), where p is sigmoid(logit).

  Each exponential is taken once, and the gradient is written out: optax's two
  log-sigmoids take a third of a small model's step on a CPU.
  """
  # What is nearly 0 is not taken from what is large.
  line = image * logit - jnp.maximum(logit, 0.0)
  return line - jnp.log1p(jnp.exp(-jnp.abs(logit)))


@_cross_entropy.defjvp
def _cross_entropy_jvp(values, changes):
  logit, image = values
  slope = (image - jax.nn.sigmoid(logit)) * changes[0] + logit * changes[1]
  return _cross_entropy(logit, image), slope


def _sum(x: Array) -> Array:
  return jnp.sum(x, axis=(1, 2, 3))
