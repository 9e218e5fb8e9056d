"""How a hyper-parameter moves to its value: functions of the step, inside jit.

A config gives a hyper-parameter its value, `config.hyper.capacity = 20.`, and
may say how it gets there, `config.schedule.capacity = 'linear(0., 15000)'`:
from 0 to the value over the first 15,000 steps, then constant. Without a
schedule it is constant. The value and the numbers of the schedule are arrays,
so an ensemble can hold many of both.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxvae import ranges, spec
from jaxvae.errors import UserError
from jaxvae.options import FLOAT32, KEYS, MOST
from jaxvae.structs import Hyper

CORNERS = 100  # of a schedule; each is a number that the program takes


class Schedule(NamedTuple):
  """How one hyper-parameter moves.

  Attributes:
    numbers: what the text gave, in the order in which `at` reads them.
    at: (numbers, step, value) -> the value at the step; all may be traced.
    through: those of the numbers that are values on the way.
    positive: it can end only at a value above 0.
  """

  numbers: tuple[float, ...]
  at: Callable[[tuple[Any, ...], Array, Array], Array]
  through: tuple[float, ...] = ()
  positive: bool = False


class Course(NamedTuple):
  """Where the hyper-parameters of a run are going, and how: scalars.

  Attributes:
    values: what each one ends at.
    numbers: of the schedules, by the name of the hyper-parameter that moves.
  """

  values: Hyper
  numbers: dict[str, tuple[Any, ...]]


def constant() -> Schedule:
  """The value at every step."""
  return Schedule((), lambda numbers, step, value: value)


def linear(start: float, steps: int, delay: int = 0) -> Schedule:
  """A straight line from `start` to the value, from step `delay` on."""

  def at(numbers, step, value):
    return _between(numbers[0], value, _progress(numbers, step))

  return Schedule(_checked(start, steps, delay), at, (start,))


def geometric(start: float, steps: int, delay: int = 0) -> Schedule:
  """Equal ratios from `start` to the value; both must be above 0."""
  numbers = _checked(start, steps, delay)
  ranges.real('start', start, ranges.TINY, FLOAT32)

  def at(numbers, step, value):
    return numbers[0] * (value / numbers[0]) ** _progress(numbers, step)

  return Schedule(numbers, at, (start,), positive=True)


def cosine(start: float, steps: int, delay: int = 0) -> Schedule:
  """Half a cosine from `start` to the value: slow, fast, slow."""

  def at(numbers, step, value):
    turned = 0.5 * (1 - jnp.cos(jnp.pi * _progress(numbers, step)))
    return _between(numbers[0], value, turned)

  return Schedule(_checked(start, steps, delay), at, (start,))


def piecewise(points: tuple[tuple[float, float], ...], steps: int) -> Schedule:
  """Straight lines through (step, number) points, to the value at `steps`.

  A capacity may so rise fast while the first factors are found and slowly
  afterwards: 'piecewise(((0, 0.), (6000, 6.)), 100000)'.
  """
  if not isinstance(points, tuple) or not all(
    isinstance(point, tuple) and len(point) == 2 for point in points
  ):
    raise ValueError(
      f'points={ranges.shown(points)}; allowed: ((step, number), ...)'
    )
  if len(points) > CORNERS:
    raise ValueError(f'{len(points)} points; allowed: {CORNERS}')
  for step, number in points:
    _check_step('step', step, 0)
    _check_number('number', number)
  _check_step('steps', steps, 1)
  steps_at = [*(step for step, _ in points), steps]
  if any(a >= b for a, b in itertools.pairwise(steps_at)):
    raise ValueError(
      f'steps {ranges.shown(steps_at)}; allowed: each above the last'
    )
  through = tuple(number for _, number in points)
  numbers = (*steps_at, *through)

  def at(numbers, step, value):
    corners = jnp.stack([jnp.asarray(n, jnp.float32) for n in numbers])
    ends = jnp.append(corners[len(points) + 1 :], value)
    return jnp.interp(step, corners[: len(points) + 1], ends)

  return Schedule(tuple(map(float, numbers)), at, through)


SCHEDULES = {
  'constant': constant,
  'linear': linear,
  'geometric': geometric,
  'cosine': cosine,
  'piecewise': piecewise,
}


def schedule(text: str) -> Schedule:
  """The schedule a text describes: 'linear(0., 15000)'.

  Raises:
    UserError: the text is not one known schedule with fitting arguments.
  """
  return spec.build_one(text, SCHEDULES, 'schedule')


def targets(values: Mapping[str, float]) -> Hyper:
  """Where the hyper-parameters of a config are going, as float32 scalars."""
  return Hyper(**{name: np.float32(value) for name, value in values.items()})


def course(
  values: Mapping[str, float], texts: Mapping[str, str]
) -> tuple[dict[str, Schedule], Course]:
  """What `config.hyper` and `config.schedule` say: the code, and its numbers.

  Raises:
    UserError: a text is not one known schedule with fitting arguments, it goes
      through a value that the hyper-parameter cannot have, or the value is one
      that the schedule cannot end at.
  """
  moving = {
    name: schedule(text) for name, text in texts.items() if text != 'constant'
  }
  for name, each in moving.items():
    text, allows = KEYS[f'hyper.{name}'].allowed
    for number in each.through:
      # From 0 a step grows; the others of which 0 is no value divide by it.
      if not allows(number) and (number or name != 'learning_rate'):
        raise UserError(
          f'config.schedule.{name}={ranges.shown(texts[name])} goes through'
          f' {number!r}; allowed for hyper.{name}: {text}'
        )
    if each.positive and not values[name] > 0:
      raise UserError(
        f'config.hyper.{name}={values[name]}; allowed with '
        f'config.schedule.{name}={texts[name]!r}: a number above 0'
      )
  numbers = {
    name: tuple(map(np.float32, each.numbers)) for name, each in moving.items()
  }
  return moving, Course(targets(values), numbers)


def at_step(
  schedules: Mapping[str, Schedule], course: Course, step: Array
) -> Hyper:
  """The hyper-parameters at `step`, given where each of them is going.

  Args:
    schedules: by the name of the field; absent means constant.
    course: the scalars that the config gives.
    step: int32 scalar, the number of finished steps.
  """
  now: dict[str, Any] = {}
  time = jnp.asarray(step, jnp.float32)
  for name, value in vars(course.values).items():
    value = jnp.asarray(value, jnp.float32)
    if name in schedules:
      value = schedules[name].at(course.numbers[name], time, value)
    now[name] = value
  return Hyper(**now)


def _between(start: float, value: Array, share: Array) -> Array:
  # Not start + (value - start) * share, which in float32 misses a value that
  # is much smaller than the start.
  return start * (1 - share) + value * share


def _check_number(name: str, number: Any) -> None:
  # What a hyper-parameter may be is not known here, see `course`.
  ranges.real(name, number, -FLOAT32, FLOAT32)


def _check_step(name: str, number: Any, least: int) -> None:
  # 1e5 is a way of writing a whole number.
  whole = isinstance(number, float) and number.is_integer()
  ranges.whole(name, int(number) if whole else number, least, MOST)


def _checked(start: Any, steps: Any, delay: Any) -> tuple[float, ...]:
  _check_number('start', start)
  _check_step('steps', steps, 1)
  _check_step('delay', delay, 0)
  return float(start), float(steps), float(delay)


def _progress(numbers: tuple[Any, ...], step: Array) -> Array:
  _, steps, delay = numbers
  return jnp.clip((step - delay) / steps, 0.0, 1.0)
