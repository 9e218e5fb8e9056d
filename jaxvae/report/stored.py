"""Files of results/, which nothing less complete replaces by itself.

Every command that writes one does it here. A result is a set of parts: the
completed runs of a study or of a config, each known by all that decides what it
is, and the measurements of a benchmark. What stands in a file is replaced if
each of its parts is in the new result, from at least as many images, points or
rounds and with all its numbers; otherwise only if the user says `--write`.
"""

import argparse
import hashlib
import json
import pathlib
import platform
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jaxvae import config as schema
from jaxvae.errors import IntegrityError, UserError
from jaxvae.report import files, study_table
from jaxvae.train import reading

_NOUNS = {
  'study': 'completed runs',
  'runs': 'completed runs',
  'bench': 'measurements',
}
# Free keys that decide what the numbers of a run are.
_MEASURED_BY = ('num_steps', 'eval.bins', 'eval.active_kl')
_NAMED = 3  # parts that an error names
# What reading a result of another shape raises.
MALFORMED = (AttributeError, LookupError, TypeError, ValueError)


class Part(NamedTuple):
  """One thing that a result holds numbers of.

  Attributes:
    label: how people call it.
    amount: images, points or rounds that it was measured with.
    names: of its numbers.
  """

  label: str
  amount: float
  names: frozenset[str]


def put(
  path: pathlib.Path,
  result: Mapping[str, Any],
  write: bool = False,
  shown: Sequence[str] = (),
) -> None:
  """Writes a result, all of it or nothing.

  Args:
    path: results/NAME.json.
    result: JSON, with its kind: 'study', 'runs' or 'bench'.
    write: replaces what is more complete, or damaged.
    shown: what else is replaced with it, for the message.

  Raises:
    UserError: nothing in it is completed; or what is there is more complete or
      of another kind.
    IntegrityError: what is there is damaged.
    ResourceError: it cannot be written.
  """
  if not _parts(result):
    raise UserError(
      f'{path} is not written: the new result has no {_NOUNS[result["kind"]]}',
      hint='run it first; --status says how far a study is',
    )
  old = check(path, result['kind'], write)
  if (why := less(old, result)) and not write:
    also = f', and with it {", ".join(shown)}' if shown else ''
    raise UserError(
      f'{path} is not replaced: {why}', hint=f'--write replaces it{also}'
    )
  files.write_text(path, json.dumps(result, indent=1, allow_nan=False))


def check(
  path: pathlib.Path, kind: str, write: bool = False
) -> dict[str, Any] | None:
  """What is there now; asked before minutes are spent on what may not go there.

  Args:
    path: as for `put`.
    kind: of the result that is to be written.
    write: replaces what is damaged.

  Returns:
    The result, or None where there is none, or a damaged one.

  Raises:
    UserError: it is no JSON file, or holds something else.
    IntegrityError: it is damaged.
  """
  if path.suffix != '.json':
    raise UserError(f'{path}: results are JSON', hint='name a file NAME.json')
  try:
    old = read(path)
  except IntegrityError:
    if write and path.is_file():
      return None
    raise
  if old is not None and old['kind'] != kind:
    raise UserError(
      f'{path} holds results of another kind', hint='choose another name'
    )
  return old


def read(path: pathlib.Path) -> dict[str, Any] | None:
  """A result, or None where there is no file.

  Raises:
    UserError: it holds something else.
    IntegrityError: it is damaged.
    ResourceError: it may not be read.
  """
  hint = 'bring back what it was, or replace it with --write'
  result = reading.read_json(path, hint)
  if result is None:
    return None
  if result.get('kind') not in list(_NOUNS):
    raise UserError(f'{path} holds no results', hint='choose another name')
  try:
    _parts(result)
  except MALFORMED as error:
    raise IntegrityError(
      f'{path} holds no {result["kind"]} results', hint=hint
    ) from error
  return result


def less(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> str:
  """What of an old result a new one of its kind lacks, or ''."""
  if old is None:
    return ''
  if old['kind'] == 'bench' and 'measured' not in old:
    return 'it does not say of what and on which machine it was measured'
  had, have = _parts(old), _parts(new)
  lost = [
    part.label
    for key, part in had.items()
    if key not in have
    or have[key].amount < part.amount
    or part.names - have[key].names
  ]
  if not lost:
    return ''
  named = ', '.join(lost[:_NAMED])
  more = f' and {len(lost) - _NAMED} more' if len(lost) > _NAMED else ''
  said = (
    f'of its {len(had)} {_NOUNS[old["kind"]]}, {len(lost)} are lacking here, '
    f'or are of another config, or have fewer numbers: {named}{more}'
  )
  if old['kind'] == 'study':
    before, now = (_deciding(schema.flatten(r['config'])) for r in (old, new))
    said += ''.join(
      f'; config.{key} was {before[key]} and is {now.get(key)}'
      for key in before
      if before[key] != now.get(key)
    )
  return said


def part(
  run: Mapping[str, Any], values: Mapping[str, Any], label: str
) -> tuple[str, Part]:
  """What a completed run is known by, and what there is of it.

  Args:
    run: with 'step' and 'metrics', as metrics.json holds them.
    values: of its config, by key.
    label: how people call it.
  """
  measured = run['metrics']
  # The title: data of one's own are named without the folder they lie in.
  key = _text({'': [run['step'], measured['data']]} | _deciding(values))
  names = frozenset(study_table.measures(run))
  return key, Part(label, float(measured['examples']), names)


def decides(key: str) -> bool:
  """Whether a config key decides what a run is, not how or where it is."""
  return key == 'num_steps' or key not in schema.free_keys()


def run_name(config: Mapping[str, Any]) -> str:
  """'seed 0 of gaussian(10), beta 4 (3fa2b1)': a run and a hash of its config.

  Args:
    config: nested plain dicts, as config.json holds them.
  """
  values = _deciding(schema.flatten(config))
  digest = hashlib.sha256(_text(values).encode()).hexdigest()[:6]
  return (
    f'seed {values["seed"]:g} of {values["latent"]}, beta '
    f'{values["hyper.beta"]:g} ({digest})'
  )


def bench(
  header: Sequence[str],
  rows: Sequence[Sequence[str]],
  note: str,
  measured: Mapping[str, float],
) -> dict[str, Any]:
  """A result of kind 'bench'.

  Args:
    header: of a table.
    rows: its cells, as text.
    note: how it was measured, in words.
    measured: of what: a name for each measurement, with all that it must share
      with another to be compared, and from how many images, points or rounds.
  """
  return {
    'kind': 'bench',
    'header': list(header),
    'rows': [list(row) for row in rows],
    'note': note,
    'measured': dict(measured),
  }


def add_flags(parser: argparse.ArgumentParser) -> None:
  """--out and --write."""
  parser.add_argument(
    '--out', type=pathlib.Path, help='a JSON file of results/'
  )
  parser.add_argument(
    '--write', action='store_true', help='replace --out by less than it holds'
  )


def begin(
  args: argparse.Namespace, measured: Mapping[str, float] | None = None
) -> None:
  """Looks at --out before the work, and says if it will not be replaced.

  Args:
    args: with the flags of `add_flags`.
    measured: as for `bench`, where it is known in advance.

  Raises:
    JaxvaeError: as `check`.
  """
  if args.out is None:
    return
  old = check(args.out, 'bench', args.write)
  if measured is None or args.write:
    return
  header = old['header'] if old else ()
  if why := less(old, bench(header, (), '', measured)):
    print(f'{args.out} will not be replaced: {why}', file=sys.stderr)


def put_bench(args: argparse.Namespace, result: Mapping[str, Any]) -> None:
  """Writes to --out if it is given, and says so; see `put`."""
  if args.out is not None:
    put(args.out, result, args.write)
    print(f'wrote {args.out}')


def machine(device: str) -> str:
  """'2 CPU cores, x86_64': what a time was measured on."""
  return f'{device}, {platform.machine()}'


def _parts(result: Mapping[str, Any]) -> dict[str, Part]:
  if result['kind'] == 'bench':
    names = frozenset(result['header'])
    return {
      what: Part(what, float(amount), names)
      for what, amount in result.get('measured', {}).items()
    }
  if result['kind'] == 'runs':
    return dict(
      part(run, schema.flatten(run['config']), run_name(run['config']))
      for run in result['runs']
    )
  base = schema.flatten(result['config'])
  return dict(
    part(
      entry,
      base | entry['set'],
      f'{entry["index"]} ({study_table.label(entry["set"])})',
    )
    for entry in study_table.completed(result['entries'])
  )


def _deciding(values: Mapping[str, Any]) -> dict[str, Any]:
  """What decides a run; a key that is newer than the run has its default."""
  full = {name: key.default for name, key in schema.KEYS.items()} | values
  return {
    key: float(value) if type(value) is int else value
    for key, value in full.items()
    if decides(key) or key in _MEASURED_BY
  }


def _text(values: Mapping[str, Any]) -> str:
  return json.dumps(values, sort_keys=True)
