"""Text such as `gaussian(10) + loop(tau=5.)` as data; nothing is evaluated."""

import ast
import inspect
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from jaxvae import ranges
from jaxvae.errors import UserError

MOST = 10_000  # characters
# What ast and literal_eval are documented to raise; the last two for texts that
# are too deep.
_UNREADABLE = (
  SyntaxError,
  ValueError,
  TypeError,
  MemoryError,
  RecursionError,
)


class Call(NamedTuple):
  """One `name(1, key=2.)` of a text: its name and its literal arguments."""

  name: str
  args: tuple[Any, ...] = ()
  kwargs: tuple[tuple[str, Any], ...] = ()


def parse(text: str) -> tuple[Call, ...]:
  """Reads `a(1) + b(x=2.) + c`, left to right.

  Args:
    text: calls with literal arguments (numbers, strings, tuples), joined by
      `+`; a bare name is a call without arguments.

  Returns:
    One Call per term.

  Raises:
    UserError: the text is anything else; the message quotes it.
  """
  try:
    return _terms(_tree(text.strip()))
  except _UNREADABLE as error:
    raise UserError(
      f'{ranges.shown(text)} is not of the form name(arguments) +'
      ' name(arguments)',
      hint="write for example 'gaussian(10)' or 'linear(0., 20000)'",
    ) from error


def values(text: str) -> Sequence[Any]:
  """'range(8)', '(1., 4.)' or '1., 4.': the values that a key takes.

  Raises:
    ValueError: the text is anything else; says what is allowed.
  """
  try:
    if found := re.fullmatch(r'range\(([0-9, ]+)\)', text.strip()):
      return range(*map(int, found[1].split(',')))
    given = ast.literal_eval(_tree(f'({text},)'))
  except _UNREADABLE as error:
    raise ValueError('range(8), or values such as 1.,4.,8.') from error
  alone = len(given) == 1 and isinstance(given[0], tuple)
  return given[0] if alone else given


def _tree(text: str) -> ast.expr:
  if len(text) > MOST:
    raise ValueError(f'{len(text)} characters')
  with warnings.catch_warnings():
    # Python warns of texts such as '1or 2', and what it says is not ours.
    warnings.simplefilter('ignore', SyntaxWarning)
    return ast.parse(text, mode='eval').body


def _terms(node: ast.expr) -> tuple[Call, ...]:
  if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
    return _terms(node.left) + _terms(node.right)
  if isinstance(node, ast.Name):
    return (Call(node.id),)
  if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
    args = tuple(ast.literal_eval(a) for a in node.args)
    kwargs = {k.arg: ast.literal_eval(k.value) for k in node.keywords if k.arg}
    # Fewer where a name is repeated or a dict is unpacked.
    if len(kwargs) == len(node.keywords):
      return (Call(node.func.id, args, tuple(kwargs.items())),)
  raise ValueError('not a sum of calls')


def build(call: Call, table: dict[str, Any], what: str) -> Any:
  """`table[call.name](*args, **kwargs)`, with the user's mistakes explained.

  Args:
    call: what to build.
    table: constructors by name.
    what: what the names name, for the message: 'latent slot', 'schedule'.

  Raises:
    UserError: the name is not in the table, or the arguments do not fit.
  """
  if call.name not in table:
    raise UserError(
      f'unknown {what} {ranges.shown(call.name)}; allowed:'
      f' {", ".join(sorted(table))}'
    )
  entry = table[call.name]
  try:
    inspect.signature(entry).bind(*call.args, **dict(call.kwargs))
  except TypeError as error:
    raise UserError(
      f'{what} {call.name}: {str(error)[:200]}; allowed:'
      f' {call.name}{_arguments(entry)}'
    ) from error
  try:
    return entry(*call.args, **dict(call.kwargs))
  except (TypeError, ValueError) as error:
    raise UserError(f'{what} {call.name}: {error}') from error


def _arguments(entry: Callable[..., Any]) -> str:
  """'(k, factor=None)': what a constructor takes, without annotations."""
  nothing = inspect.Parameter.empty
  taken = inspect.signature(entry).parameters.values()
  return str(inspect.Signature([x.replace(annotation=nothing) for x in taken]))


def build_one(text: str, table: dict[str, Any], what: str) -> Any:
  """`build` of a text that must hold exactly one call.

  Raises:
    UserError: as `parse` and `build`, or the text is a sum.
  """
  calls = parse(text)
  if len(calls) != 1:
    raise UserError(
      f'{ranges.shown(text)} names {len(calls)} of: {what}; allowed: one'
    )
  return build(calls[0], table, what)
