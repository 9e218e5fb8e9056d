"""A study's results/NAME.json as a table and a sentence; its settings.

A setting is what the seeds of a study share: the values of every key that the
study varies, `seed` aside. Only completed runs have numbers; the others are
counted and named.
"""

import collections
import math
import statistics
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxvae.report import table

# Measure: its name in a table, its digits. MIG and `nmi.FACTOR` come after.
_COLUMNS = {
  'elbo': ('ELBO', '.2f'),
  'reconstruction': ('reconstruction', '.2f'),
  'kl': ('KL', '.2f'),
  'active_units': (table.ACTIVE, '.0f'),
}
# Of data with one factor that is a circle: runs whose code goes round it once.
COUNTED = 'circles'
# Columns for runs without numbers, by their status; 'missing' is what older
# results say of those that were never started.
_WITHOUT = {
  'failed': ('failed', 'diverged', 'damaged', 'unreadable'),
  'unfinished': ('running', 'preempted'),
  'not started': ('not started', 'missing'),
}
_GRADED = {'mig': ('MIG', '.3f'), 'udr': ('UDR', '.3f')}


class Setting(NamedTuple):
  """One combination of values, and its runs.

  Attributes:
    values: of the varied keys, by key: {'hyper.beta': 4.0}.
    entries: of the results file, one for each seed.
    name: what people call it, or ''.
  """

  values: Mapping[str, Any]
  entries: Sequence[Mapping[str, Any]]
  name: str = ''


def settings(result: Mapping[str, Any]) -> list[Setting]:
  """The settings of a study, in order of first appearance."""
  keys = _varied(result)
  found: dict[tuple, list] = {}
  for entry in result['entries']:
    values = tuple(_value(result, entry, key) for key in keys)
    found.setdefault(values, []).append(entry)
  return [
    Setting(
      dict(zip(keys, values, strict=True)), entries, entries[0].get('name', '')
    )
    for values, entries in found.items()
  ]


def completed(entries: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
  """Those that ended well."""
  return [entry for entry in entries if entry['status'] == 'completed']


def measures(entry: Mapping[str, Any]) -> dict[str, float]:
  """Every finite number that an entry was measured by; of a failed one, none.

  Returns:
    By dotted key of its metrics, with `elbo`, -(reconstruction + kl) in nats,
    before them and `nmi.FACTOR`, of the factor's best latent, after them; of
    one circle also `one_way`, the share of steps in the main direction.
  """
  metrics = entry.get('metrics') or {}
  found = _numbers(metrics)
  for factor in metrics.get('factors', []):
    if factor['nmi'] is not None:
      found[f'nmi.{factor["factor"]}'] = factor['nmi']
  if COUNTED in found:
    rows = metrics['topology'].values()
    found['one_way'] = max(row['monotone'] or 0.0 for row in rows)
  if {'reconstruction', 'kl'} <= found.keys():
    found = {'elbo': -(found['reconstruction'] + found['kl'])} | found
  return found


def graded(result: Mapping[str, Any]) -> bool:
  """Whether its data have factors to tell apart, so that MIG means something.

  A class label alone is one factor, and nothing to disentangle.
  """
  done = completed(result['entries'])
  return any(len(entry['metrics'].get('factors', [])) > 1 for entry in done)


def short_names(keys: Iterable[str]) -> dict[str, str]:
  """The last word of each key, or all of it where two would be the same."""
  keys = list(keys)
  last = [key.rpartition('.')[2] for key in keys]
  return {
    key: word if last.count(word) == 1 else key
    for key, word in zip(keys, last, strict=True)
  }


def shown(value: Any) -> str:
  """A value of a config as people write it: 4.0 is '4'."""
  return f'{value:g}' if isinstance(value, float) else str(value)


def label(values: Mapping[str, Any]) -> str:
  """'beta=4, gamma=10'."""
  names = short_names(values)
  return ', '.join(f'{names[key]}={shown(v)}' for key, v in values.items())


def markdown(result: Mapping[str, Any]) -> str:
  """Where and how long, a row for each setting, and what failed."""
  rows = settings(result)
  columns = _columns(result)
  without = {
    name: counted
    for name, counted in _WITHOUT.items()
    if any(entry['status'] in counted for entry in result['entries'])
  }
  named = all(row.name for row in rows)
  counted = any(COUNTED in measures(e) for row in rows for e in row.entries)
  header = ['recipe'] if named else [*short_names(rows[0].values).values()]
  header += ['seeds', *['circle found', 'by the best ELBO'] * counted]
  header += without
  header += [name for name, _ in columns.values()]
  lines = [header, ['---'] * len(header)]
  for row in rows:
    done = completed(row.entries)
    line = [row.name] if named else [*map(shown, row.values.values())]
    line += [str(len(done)), *circles(row)] if counted else [str(len(done))]
    line += [
      str(sum(entry['status'] in counted for entry in row.entries))
      for counted in without.values()
    ]
    found = [measures(entry) for entry in done]
    for key, (_, digits) in columns.items():
      line.append(table.span([f[key] for f in found if key in f], digits))
    lines.append([cell.replace('|', '\\|') for cell in line])
  text = '\n'.join(f'| {" | ".join(line)} |' for line in lines)
  parts = [_where(result), text, _unfinished(result['entries'])]
  return '\n\n'.join(part for part in parts if part)


def circles(row: Setting) -> tuple[str, str]:
  """How many seeds found the circle, and whether the best ELBO is of one."""
  found = [measures(entry) for entry in completed(row.entries)]
  found = [each for each in found if COUNTED in each]
  if not found:
    return '-', '-'
  best = max(found, key=lambda each: each['elbo'])
  count = sum(each[COUNTED] == 1 for each in found)
  return f'{count} of {len(found)}', 'yes' if best[COUNTED] == 1 else 'no'


def sentence(result: Mapping[str, Any]) -> str:
  """The `Measured:` paragraph of a study."""
  entries, rows = result['entries'], settings(result)
  done = completed(entries)
  rest = _counted(_stands(e) for e in entries if e['status'] != 'completed')
  if not done:
    text = f'Measured: none of {_plural(len(entries), "run")}: {rest}'
    return '\n'.join(textwrap.wrap(f'{text}.', 79))
  if any(COUNTED in measures(entry) for entry in done):
    text = f'Measured: {_plural(len(done), "run")} in {_time(entries)} on '
    text += f'{_devices(done)}; circle found: '
    text += '; '.join(
      f'{row.name or label(row.values)} {circles(row)[0]}' for row in rows
    )
    return '\n'.join(textwrap.wrap(f'{text}.', 79, break_on_hyphens=False))
  key = 'mig' if graded(result) else 'elbo'
  name, digits = (_COLUMNS | _GRADED)[key]
  scores = {}
  for at, row in enumerate(rows):
    found = [measures(entry) for entry in completed(row.entries)]
    if values := [f[key] for f in found if key in f]:
      scores[at] = values
  text = (
    f'Measured: {_plural(len(done), "run")} in {_time(entries)} on '
    f'{_devices(done)}'
  )
  if scores:
    best = max(scores, key=lambda at: statistics.median(scores[at]))
    told = f'{name} {table.span(scores[best], digits)}, '
    told += f'median of {_plural(len(scores[best]), "seed")}'
    if rows[best].values:
      called = rows[best].name or label(rows[best].values)
      told = f'best at {called}: {told}'
    text += f'; {told}'
  if rest:
    text += f'; of {len(entries)} runs, {rest}'
  return '\n'.join(textwrap.wrap(f'{text}.', 79, break_on_hyphens=False))


def _varied(result) -> list[str]:
  keys = dict.fromkeys(key for e in result['entries'] for key in e['set'])
  keys.pop('seed', None)
  return [
    key
    for key in keys
    if len({_value(result, entry, key) for entry in result['entries']}) > 1
  ]


def _value(result, entry, key: str) -> Any:
  """What the entry says, or else the base config."""
  if key in entry['set']:
    return entry['set'][key]
  place = result['config']
  for word in key.split('.'):
    place = place.get(word) if isinstance(place, Mapping) else None
  return place


def _numbers(value: Mapping[str, Any], prefix: str = '') -> dict[str, float]:
  found = {}
  for key, each in value.items():
    if isinstance(each, Mapping):
      found |= _numbers(each, f'{prefix}{key}.')
    elif isinstance(each, bool) or not isinstance(each, int | float):
      continue
    elif math.isfinite(each):
      found[f'{prefix}{key}'] = each
  return found


def _columns(result) -> dict[str, tuple[str, str]]:
  """The measures that a table shows: those that some run has."""
  columns = dict(_COLUMNS)
  had = [measures(entry) for entry in completed(result['entries'])]
  keys = dict.fromkeys(key for found in had for key in found)
  if graded(result):
    columns |= _GRADED
    for key in keys:
      if key.startswith('nmi.'):
        columns[key] = (f'NMI {key.removeprefix("nmi.")}', '.2f')
  return {key: column for key, column in columns.items() if key in keys}


def _where(result) -> str:
  entries = result['entries']
  done = completed(entries)
  if not done:
    return f'None of {_plural(len(entries), "run")} is completed.'
  titles = ', '.join(dict.fromkeys(e['metrics']['data'] for e in done))
  images = _low_to_high(e['metrics']['examples'] for e in done)
  steps = _low_to_high(e['step'] for e in done)
  return (
    f'{titles}; nats per image, on {images} images; {_devices(done)}; '
    f'{_plural(len(done), "run")} of {steps} steps in {_time(entries)}.'
  )


def _low_to_high(values: Iterable[int]) -> str:
  values = sorted(values)
  ends = dict.fromkeys((values[0], values[-1]))
  return ' to '.join(f'{value:,}' for value in ends)


def _devices(done) -> str:
  return ' and '.join(dict.fromkeys(table.device(e['devices']) for e in done))


def _time(entries) -> str:
  # The host's share lies within the time of training.
  seconds = sum(
    (each or 0) / entry.get('lanes', 1)
    for entry in entries
    for name, each in (entry.get('seconds') or {}).items()
    if name != 'host'
  )
  if seconds < 120:
    return f'{seconds:.0f} seconds'
  if seconds < 2 * 3600:
    return f'{seconds / 60:.0f} minutes'
  return f'{seconds / 3600:.1f} hours'


def _unfinished(entries) -> str:
  """A line for each run that tells why it failed, one for all that do not."""
  lines, silent = [], {}
  for entry in entries:
    if entry.get('error'):
      why = ' '.join(entry['error'].split())
      where = f'{entry["index"]} ({label(entry["set"])})'
      lines.append(f'- {where} {entry["status"]}: {why}')
    elif entry['status'] != 'completed':
      silent.setdefault(_stands(entry), []).append(str(entry['index']))
  lines += [f'- {", ".join(at)} {status}' for status, at in silent.items()]
  return 'Not in these numbers:\n\n' + '\n'.join(lines) if lines else ''


def _stands(entry) -> str:
  status = entry['status']
  return 'not started' if status in _WITHOUT['not started'] else status


def _counted(statuses: Iterable[str]) -> str:
  """'2 diverged, 1 failed'."""
  counts = collections.Counter(statuses)
  return ', '.join(f'{count} {status}' for status, count in counts.items())


def _plural(count: int, noun: str) -> str:
  return f'{count} {noun}' if count == 1 else f'{count} {noun}s'
