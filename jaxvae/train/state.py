"""The state of a run, and how it begins."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxvae import keys, ranges, spec
from jaxvae.model import Model
from jaxvae.structs import TrainState


def adam(
  b1: float = 0.9,
  b2: float = 0.999,
  eps: float = 1e-8,
  eps_root: float = 0.0,
  mu_dtype: str | None = None,
  *,
  nesterov: bool = False,
) -> optax.GradientTransformation:
  """`optax.scale_by_adam` [Kingma and Ba 2015]."""
  for name, value in (('b1', b1), ('b2', b2)):
    ranges.real(name, value, 0, 1, below=True)
  ranges.real('eps', eps, ranges.TINY, 1)
  ranges.real('eps_root', eps_root, 0, 1)
  ranges.one_of('mu_dtype', mu_dtype, (None, 'bfloat16', 'float16', 'float32'))
  ranges.flag('nesterov', nesterov)
  return optax.scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov)


def momentum(decay: float = 0.9) -> optax.GradientTransformation:
  """Sums of past gradients, each weighted by `decay` once more a step."""
  ranges.real('decay', decay, 0, 1, below=True)
  return optax.trace(decay)


def adamw(
  b1: float = 0.9, b2: float = 0.999, weight_decay: float = 0.01
) -> optax.GradientTransformation:
  """Adam with decoupled weight decay [Loshchilov and Hutter 2019].

  Like the rest of the direction, the decay is multiplied by the learning rate.
  """
  ranges.real('weight_decay', weight_decay, 0, ranges.HIGH)
  return optax.chain(adam(b1, b2), optax.add_decayed_weights(weight_decay))


# Directions only: the step size is a hyper-parameter, applied in train/step.py.
OPTIMIZERS = {
  'adam': adam,
  'adamw': adamw,
  'sgd': optax.identity,
  'momentum': momentum,
}


def optimizer(text: str) -> optax.GradientTransformation:
  """The optimiser that a text such as 'adam(b1=0.5)' names, at step size 1.

  Raises:
    UserError: not one known optimiser with fitting arguments.
  """
  return spec.build_one(text, OPTIMIZERS, 'optimizer')


def initial(
  model: Model, tx: optax.GradientTransformation, seed: Any
) -> TrainState:
  """The state before the first step; everything random follows from `seed`."""
  key = jax.random.key(seed)
  params = model.init(keys.stream(key, 'init'))
  return TrainState(
    step=jnp.zeros((), jnp.int32),
    params=params,
    opt_state=tx.init(params),
    key=key,
  )
