"""What is not a number stops a run, and is never saved."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxvae.errors import DivergedError
from jaxvae.options import KEYS

RATE = 'learning_rate'
# Which end of a hyper-parameter ends in numbers that float32 does not hold.
TOO_HIGH = ('beta', 'gamma', 'capacity', 'alpha', 'tilt', RATE)
TOO_LOW = ('noise', 'temperature')
FAR = 1000  # times from the default, or from 1 where that is less


def check_call(
  results: Mapping[str, Any], step: int, saved: int | None
) -> None:
  """That every loss and gradient of a call is a number.

  Args:
    results: the metrics of the call's steps, on the host, 'finite' among them.
    step: steps done after the call.
    saved: the newest checkpoint, or None.

  Raises:
    DivergedError: names the first step that is not, its terms, and what to do.
  """
  finite = results['finite']
  if finite.all():
    return
  at = int(np.argmin(finite))
  values = {
    name: float(np.sum(value[at]))
    for name, value in results.items()
    if name != 'finite'
  }
  bad = [f'{k} {v}' for k, v in values.items() if not np.isfinite(v)]
  first = step - len(finite) + at + 1
  raise diverged(
    f'step {first} is not finite: {", ".join(bad) or "gradient_norm"}'
    f' (learning rate {values[RATE]:.3g})',
    saved,
    values,
    learned=first > 1,
  )


def check_parameters(params: Any, step: int, saved: int | None) -> None:
  """That the update after the last finite gradient did not overflow.

  Raises:
    DivergedError: names an array that did.
  """
  for path, leaf in jax.tree_util.tree_leaves_with_path(params):
    if not np.isfinite(jax.device_get(leaf)).all():
      name = jax.tree_util.keystr(path, simple=True, separator='/')
      raise diverged(
        f'step {step} leaves parameters that are not finite: {name}', saved
      )


def diverged(
  message: str,
  saved: int | None,
  values: Mapping[str, float] | None = None,
  learned: bool = True,
) -> DivergedError:
  """The error, with what to do about it.

  Args:
    message: what was seen.
    saved: the newest checkpoint, or None.
    values: of the hyper-parameters then, by name.
    learned: a step was made before, so that its length can be the reason.
  """
  name, do = _suspect(values or {}, learned)
  if saved is None:
    return DivergedError(message, hint=f'{do}; nothing was saved')
  return DivergedError(
    message,
    hint=f'{do}; with --allow_config_change=hyper.{name} it goes on from'
    f' checkpoint {saved}',
  )


def _suspect(values: Mapping[str, float], learned: bool) -> tuple[str, str]:
  """Which hyper-parameter is likely the reason, and what to do: the farthest.

  A length of steps that was never gone is no reason.
  """
  far = []
  for names, what in ((TOO_HIGH, 'lower'), (TOO_LOW, 'raise')):
    for name in names:
      usual, value = KEYS[f'hyper.{name}'].default or 1.0, values.get(name, 0.0)
      ratio = value / usual if what == 'lower' else usual / (value or usual)
      if ratio > FAR and (learned or name != RATE):
        far.append((ratio, name, value, what))
  if far:
    _, name, value, what = max(far)
    return name, f'{what} config.hyper.{name}, which is {value:g} there'
  if not learned:
    return RATE, (
      'nothing was learned before, so that the reason is no learning rate but'
      ' what is not finite above, or the data'
    )
  return RATE, f'lower config.hyper.{RATE}'
