"""One training step, and many of them in one compiled call.

The same `train_step` trains alone, under `lax.scan`, and under `vmap` over
runs: all that varies between runs is in its arguments.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxvae import keys
from jaxvae.model import Model
from jaxvae.schedules import Course, Schedule, at_step
from jaxvae.structs import Batch, TrainState

Step = Callable[[TrainState, Batch, Course], tuple[TrainState, dict[str, Any]]]


def make_step(
  model: Model,
  objective: Callable,
  tx: optax.GradientTransformation,
  schedules: Mapping[str, Schedule],
) -> Step:
  """A pure function (state, batch, course) -> (next state, metrics).

  Args:
    model: what is trained.
    objective: (Outputs, Batch, Hyper) -> Terms.
    tx: gives the direction of the update; `hyper.learning_rate` its length.
    schedules: of the fields of Hyper that move.

  Returns:
    The step. Its metrics are means over the global batch in nats: 'loss',
    'reconstruction', 'kl' `[l]`, and each regulariser by its name; then
    'gradient_norm', the hyper-parameters of this step by their names, and
    'finite', whether loss and gradient are numbers.
  """

  def train_step(state, batch, course):
    now = at_step(schedules, course, state.step)
    key = keys.stream(state.key, 'train', state.step)

    def mean_loss(params):
      outputs = model.outputs(params, batch, now, key, training=True)
      terms = objective(outputs, batch, now)
      return jnp.mean(terms.loss), terms

    gradient, terms = jax.grad(mean_loss, has_aux=True)(state.params)
    direction, opt_state = tx.update(gradient, state.opt_state, state.params)
    params = jax.tree.map(
      lambda p, d: p - now.learning_rate * d, state.params, direction
    )
    following = state.replace(
      step=state.step + 1, params=params, opt_state=opt_state
    )
    norm = optax.tree.norm(gradient)
    loss = jnp.mean(terms.loss)
    metrics = {
      'loss': loss,
      'reconstruction': jnp.mean(terms.reconstruction),
      'kl': jnp.mean(terms.kl, axis=0),
      'gradient_norm': norm,
      'finite': jnp.isfinite(loss) & jnp.isfinite(norm),
    }
    metrics |= {k: jnp.mean(v) for k, v in terms.regularisers.items()}
    return following, metrics | vars(now)

  return train_step


def train_many(
  step: Step, decode: Callable[[Any, Any], Batch]
) -> Callable[[TrainState, Any, Any, Course], tuple[TrainState, dict]]:
  """`lax.scan` of `step` over the leading axis of what the host fetched.

  Args:
    step: from `make_step`.
    decode: (resident, one step's fetched arrays) -> Batch, traceable.

  Returns:
    (state, fetched `[steps, batch, ...]`, resident, course) -> (state, metrics
    with a leading axis of steps).
  """

  def many(state, fetched, resident, course):
    def body(carry, one):
      return step(carry, decode(resident, one), course)

    return jax.lax.scan(body, state, fetched)

  return many
