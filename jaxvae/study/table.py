"""What a study leaves behind: results/NAME.json, and its best members."""

import json
import math
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from jaxvae import config as schema
from jaxvae.errors import IntegrityError, ResourceError, UserError
from jaxvae.report import results, stored, study_table
from jaxvae.study import grid, status
from jaxvae.train import reading, workdir

# Of the known measures, those of which less is better.
LESS = ('reconstruction', 'kl')

_PRIVATE = ('data.data_dir', 'data.manual_dir', 'data.path')
_KEEP = ('seconds', 'params_sha256', 'versions', 'devices')
# The folders of a path: they say where a run was, and nothing about it.
_FOLDERS = re.compile(r'(?<![\w.~])~?/(?:[\w.~+-]+/)+')


def collect(
  name: str,
  base: Mapping[str, Any],
  overrides: Sequence[Mapping[str, Any]],
  home: pathlib.Path,
  names: Sequence[str] = (),
) -> dict[str, Any]:
  """What results/NAME.json holds of a study, finished or not.

  Args:
    name: of the study.
    base: its config as nested plain dicts.
    overrides: what each index changes: [{'hyper.beta': 4.0, 'seed': 2}, ...].
    home: the study's directory, in which index 7 has the work directory 0007.
    names: of each index's setting, for tables; '' or none to show its values.

  Returns:
    JSON of kind 'study', in the order of the overrides, with null for numbers
    that are not finite. An entry says under 'status' how its run stands: as
    run.json has it, but that 'created' is running here; 'not started'; or
    'damaged' or 'unreadable', with the file under 'error'. Only a completed one
    has 'metrics'.

  Raises:
    UserError: a work directory holds a run with other values.
  """
  config = json.loads(json.dumps(base))
  for key in _PRIVATE:
    group, leaf = key.split('.')
    if leaf in config.get(group, {}):
      config[group][leaf] = ''
  flat = schema.flatten(config)
  entries = [
    _entry(index, changed, flat, grid.directory(home, index))
    for index, changed in enumerate(overrides)
  ]
  for entry, called in zip(entries, names, strict=False):
    if called:
      entry['name'] = called
  return _finite(
    {'kind': 'study', 'name': name, 'config': config, 'entries': entries}
  )


def select(
  result: Mapping[str, Any], by: str = 'elbo', per_setting: bool = True
) -> list[dict[str, Any]]:
  """The best completed member of each setting, or of the whole study.

  Args:
    result: as `collect` gives it.
    by: any number of the metrics, by dotted key, or `elbo`, which is
      -(reconstruction + kl) in nats, or `nmi.FACTOR`. Less is better of
      `reconstruction` and `kl`, and of anything behind a minus ('-mig'); of
      all others, `elbo`, `mig` and `udr` among them, more is better.
    per_setting: one for each combination of values, `seed` aside, else one.

  Returns:
    Entries in the order of the settings; of equals, the one with the lowest
    index. A setting of which no completed run has the number has none.

  Raises:
    UserError: no completed run has such a number.
  """
  key = by.removeprefix('-')
  sign = -1 if by.startswith('-') or key in LESS else 1
  scores = {
    entry['index']: study_table.measures(entry)
    for entry in study_table.completed(result['entries'])
  }
  if not any(key in score for score in scores.values()):
    known = dict.fromkeys(name for score in scores.values() for name in score)
    raise UserError(
      f'no completed run of {result["name"]} has a number {key!r}; allowed: '
      f'{", ".join(known) or "nothing, for no run is completed"}'
    )
  groups = [result['entries']]
  if per_setting:
    groups = [setting.entries for setting in study_table.settings(result)]
  best = []
  for group in groups:
    rated = [e for e in group if key in scores.get(e['index'], {})]
    if rated:
      # Of equals, max takes the first.
      best.append(max(rated, key=lambda e: sign * scores[e['index']][key]))
  return best


def trouble(home: pathlib.Path) -> str:
  """What is wrong with the files of a run, where, and what to do; or ''."""
  try:
    _read(home)
  except (IntegrityError, ResourceError) as error:
    return ': '.join(status.broken(error))
  return ''


def without_times(result: Mapping[str, Any]) -> dict[str, Any]:
  """The result without what a second run of the study would say otherwise.

  Seconds, the time of day and the cores that it was given go; versions, devices
  and lanes stay.
  """
  timed = ('seconds', 'started', 'resumed', 'ended')
  entries = [
    {key: value for key, value in entry.items() if key not in timed}
    for entry in result['entries']
  ]
  for entry in entries:
    if 'devices' in entry:
      entry['devices'] = {**entry['devices'], 'cores': None}
  return {**result, 'entries': entries}


def write(
  result: Mapping[str, Any], root: pathlib.Path, replace: bool = False
) -> list[pathlib.Path]:
  """Writes results/NAME.json, then the documents and figures that show it.

  Args:
    result: as `collect` gives it.
    root: of the checkout, with results/ and the documents.
    replace: also what is more complete.

  Returns:
    The files that were written.

  Raises:
    JaxvaeError: as `stored.put`; nothing is written then.
  """
  name = result['name']
  path = root / 'results' / f'{name}.json'
  stored.put(path, result, replace, results.shown(root, name))
  return [path, *results.write(root, name), *results.figures(root, name)]


def _entry(
  index: int,
  changed: Mapping[str, Any],
  base: Mapping[str, Any],
  home: pathlib.Path,
) -> dict[str, Any]:
  entry: dict[str, Any] = {'index': index, 'set': _public(changed)}
  try:
    run, saved, measured = _read(home)
  except (IntegrityError, ResourceError) as error:
    found, _ = status.broken(error)
    return entry | {'status': found, 'error': _FOLDERS.sub('', str(error))}
  if run is None:
    return entry | {'status': status.WAITING}
  if saved is not None:
    _check_values(base | changed, saved, home)
  # A run that was claimed and not yet begun is on its way.
  stands = 'running' if run['status'] == 'created' else run['status']
  entry |= {'status': stands, 'step': run['step']}
  entry |= {key: run[key] for key in _KEEP if key in run}
  entry['lanes'] = run.get('lanes', 1)
  if measured is not None:
    entry['metrics'] = measured
  elif 'error' in run:
    entry['error'] = _FOLDERS.sub('', run['error'])
  return entry


def _read(home: pathlib.Path) -> tuple[dict[str, Any] | None, ...]:
  """run.json, config.json, and the numbers of a completed run."""
  run, saved = workdir.read_run(home), workdir.read_config(home)
  done = run is not None and run['status'] == 'completed'
  if done and not {'kind', 'count'} <= run.get('devices', {}).keys():
    raise IntegrityError(
      f'{home / "run.json"} does not say on what it ran', hint=reading.AGAIN
    )
  return run, saved, _metrics(home) if done else None


def _metrics(home: pathlib.Path) -> dict[str, Any]:
  """metrics.json without the lists that are long and in no table."""
  metrics = reading.read_metrics(home)
  try:
    for row in metrics.get('latents', []):
      row.pop('nmi_per_factor', None)
    if 'scores' in metrics:
      metrics['scores'] = {
        name: score['value'] for name, score in metrics['scores'].items()
      }
    stored.part({'step': 0, 'metrics': metrics}, {}, '')
  except stored.MALFORMED as error:
    raise IntegrityError(
      f'{home / "metrics.json"} is not what an evaluation writes',
      hint=f'python -m jaxvae.main --mode=eval --workdir={home}',
    ) from error
  return metrics


def _check_values(
  values: Mapping[str, Any], saved: Mapping[str, Any], home: pathlib.Path
) -> None:
  """A study that was changed must not take in the runs of its former self."""
  flat = schema.flatten(saved)
  for key, value in values.items():
    if key in _PRIVATE or not stored.decides(key):
      continue
    # A run that is older than a key has its default.
    known = schema.KEYS.get(key)
    have = flat.get(key, known.default if known else None)
    if have != value:
      raise UserError(
        f'{home} holds a run with {key}={have!r}, where the study has '
        f'{value!r}',
        hint=f'give the --config.{key} with which it was run; or, if the study '
        'changed, another name or directory',
      )


def _public(changed: Mapping[str, Any]) -> dict[str, Any]:
  """Data of one's own are named without the folder that they lie in."""
  return {
    key: _FOLDERS.sub('', value) if key in _PRIVATE else value
    for key, value in changed.items()
  }


def _finite(value: Any) -> Any:
  """The same JSON with null for what is not finite."""
  if isinstance(value, Mapping):
    return {str(key): _finite(each) for key, each in value.items()}
  if isinstance(value, list | tuple):
    return [_finite(each) for each in value]
  if isinstance(value, float) and not math.isfinite(value):
    return None
  return value
