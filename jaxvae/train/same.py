"""Whether two configs, as JSON has them, are of one run; if not, a table."""

import json
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from jaxvae import errors


class Difference(NamedTuple):
  """One key of two configs that disagree, its values as JSON.

  A side that lacks the key says 'absent'.
  """

  key: str
  saved: str
  now: str


def differences(
  saved: Mapping[str, Any],
  now: Mapping[str, Any],
  free: Collection[str] = (),
) -> list[Difference]:
  """Where two configs differ, sorted by key: 'model.latent'.

  Args:
    saved: the config of the run that is there.
    now: the config asked for.
    free: keys that may differ; 'data' frees all of 'data.*'.
  """
  before, after = _flatten(saved), _flatten(now)
  return [
    Difference(key, before.get(key, 'absent'), after.get(key, 'absent'))
    for key in sorted(before.keys() | after.keys())
    if before.get(key) != after.get(key)
    and not any(key == name or key.startswith(f'{name}.') for name in free)
  ]


def check_same(
  saved: Mapping[str, Any],
  now: Mapping[str, Any],
  free: Collection[str] = (),
  title: str = 'the workdir holds a run with another config:',
  sides: tuple[str, str] = ('saved', 'now'),
  otherwise: str = 'use a new workdir',
) -> None:
  """That two configs are of one run.

  Args:
    saved: one, such as that which a run was started with.
    now: the other, such as the one that it is to go on with.
    free: keys that may differ; 'data' frees all of 'data.*'.
    title: of the table.
    sides: what the two are called there.
    otherwise: what to do but to allow the change.

  Raises:
    UserError: they are not; the message is a table of the keys that differ.
  """
  found = differences(saved, now, free)
  if not found:
    return
  rows = [Difference('key', *sides), *found]
  widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
  table = [
    ' | '.join(cell.ljust(w) for cell, w in zip(row, widths, strict=True))
    for row in rows
  ]
  keys = ','.join(difference.key for difference in found)
  raise errors.UserError(
    '\n  '.join([title, *map(str.rstrip, table)]),
    hint=f'{otherwise}, or --allow_config_change={keys}',
  )


def _flatten(config: Mapping[str, Any], prefix: str = '') -> dict[str, str]:
  flat = {}
  for name, value in config.items():
    key = f'{prefix}{name}'
    if isinstance(value, Mapping) and value:
      flat |= _flatten(value, f'{key}.')
    else:
      flat[key] = json.dumps(value)
  return flat
