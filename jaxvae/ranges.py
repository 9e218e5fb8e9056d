"""What an argument may be: one line says what was given, and what is allowed.

Upper ends are where a slip is likelier than a wish. Scales stay so far from
the ends of float32, 1e-38 and 3e38, that their squares, and squares of ratios
of two of them, are numbers there.
"""

from collections.abc import Collection
from typing import Any

LATENTS = 100_000  # columns; more than most images have pixels
CLASSES = 10_000
WIDTH = 1_000_000  # of a layer
LOW, HIGH = 1e-6, 1e6  # of scales
WEIGHT = 1e12  # of a term of the loss: the gradient's square is a number
TINY = 1e-30  # what is above 0 is not taken for 0
SHOWN = 100  # characters of what was given


def shown(given: Any) -> str:
  """`repr` in one line, cut."""
  try:
    text = ' '.join(repr(given).split())
  except (ValueError, RecursionError):  # Too many digits, or too deep.
    text = f'... ({type(given).__name__}, too long to show)'
  return text if len(text) <= SHOWN else f'{text[:SHOWN]}...'


def whole(name: str, given: Any, low: int, high: int) -> None:
  """Refuses what is no whole number from `low` to `high`.

  Raises:
    ValueError: with what is allowed.
  """
  if type(given) is not int or not low <= given <= high:
    _refuse(name, given, f'a whole number from {low} to {high}')


def real(
  name: str, given: Any, low: float, high: float, below: bool = False
) -> None:
  """Refuses what is no number from `low` to `high`.

  Args:
    name: of the argument.
    given: an int or a float.
    low: the least.
    high: the largest.
    below: `high` itself is not allowed either.

  Raises:
    ValueError: with what is allowed.
  """
  number = isinstance(given, int | float) and not isinstance(given, bool)
  if not number or not low <= given <= high or (below and given == high):
    end = f'below {high:g}' if below else f'to {high:g}'
    comma = ',' if below else ''
    _refuse(name, given, f'a number from {low:g}{comma} {end}')


def flag(name: str, given: Any) -> None:
  """Refuses what is neither True nor False.

  Raises:
    ValueError: with what is allowed.
  """
  if not isinstance(given, bool):
    _refuse(name, given, 'True or False')


def one_of(name: str, given: Any, names: Collection[Any]) -> None:
  """Refuses what is not one of some names.

  Raises:
    ValueError: with what is allowed.
  """
  # A list has no hash, and is no name.
  if not any(given is each or given == each for each in names):
    _refuse(name, given, ', '.join(map(str, names)))


def _refuse(name: str, given: Any, allowed: str) -> None:
  raise ValueError(f'{name}={shown(given)}; allowed: {allowed}')
