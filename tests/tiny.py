"""Small models and batches for the tests of everything above the networks."""

import math
from types import SimpleNamespace

import jax
import numpy as np

from jaxvae.model import build
from jaxvae.structs import Batch, Hyper
from jaxvae.train import state

MLP = 'mlp(encoder=(16,), decoder=(12,))'


def hyper(**changes):
  values = {
    'learning_rate': 1e-3,
    'beta': 1.0,
    'gamma': 100.0,
    'capacity': 2.0,
    'noise': 0.1,
    'temperature': 1.0,
    'tilt': 1.0,
    'keep': 1.0,
    'alpha': 1.0,
  }
  return Hyper(**{k: np.float32(v) for k, v in (values | changes).items()})


def config(
  net=MLP, latent='gaussian(3)', likelihood='bernoulli', labels=0.0, pairs=0
):
  return SimpleNamespace(
    net=net,
    latent=latent,
    likelihood=likelihood,
    classifier='',
    data=SimpleNamespace(pairs=pairs),
    labels=SimpleNamespace(fraction=labels, shift=0),
  )


def model(
  net=MLP, latent='gaussian(3)', likelihood='bernoulli', shape=(8, 8, 1)
):
  return build(config(net, latent, likelihood), shape)


def optimizer(text):
  """The named optimiser; optax raises Python floats to whole powers, which the
  strict promotion of the tests forbids, so it alone is let off."""
  tx = state.optimizer(text)

  def update(*args):
    with jax.numpy_dtype_promotion('standard'):
      return tx.update(*args)

  return tx._replace(update=update)


def batch(size=4, shape=(8, 8, 1), seed=0):
  """Images of one bright bar each, so that there is something to learn."""
  rng = np.random.default_rng(seed)
  image = rng.uniform(0.0, 0.2, (size, *shape)).astype(np.float32)
  row = rng.integers(0, shape[0], size)
  image[np.arange(size), row] += 0.7
  return Batch(image, row[:, None].astype(np.int32))


def params(model, seed=0):
  """Parameters without a zero among them; no compiled initialisation."""
  rng = np.random.default_rng(seed)

  def draw(like):
    inputs = math.prod(like.shape[:-1]) or 1
    return np.float32(rng.normal(size=like.shape) / math.sqrt(inputs))

  return jax.tree.map(draw, jax.eval_shape(model.init, jax.random.key(0)))
