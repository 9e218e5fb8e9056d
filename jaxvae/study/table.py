"""What a study leaves behind: results/NAME.json, and its best members."""

import json
import math
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from jaxvae import config as schema
from jaxvae.errors import IntegrityError, UserError
from jaxvae.report import files, results, study_table
from jaxvae.train import workdir

# As run.json has them, but that 'created' is running here; and 'missing'.
STATUSES = (*workdir.FINISHED, 'running', 'missing')
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
    that are not finite. An entry says under 'status' how its run stands; only
    a completed one has 'metrics'.

  Raises:
    IntegrityError: a file of a work directory is damaged.
    UserError: a work directory holds a run with other values.
  """
  config = json.loads(json.dumps(base))
  for key in _PRIVATE:
    group, leaf = key.split('.')
    if leaf in config.get(group, {}):
      config[group][leaf] = ''
  entries = [
    _entry(index, changed, home / f'{index:04d}')
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


def without_times(result: Mapping[str, Any]) -> dict[str, Any]:
  """The result without what a second run of the study would say otherwise.

  Seconds and the time of day go; versions, devices and lanes stay.
  """
  timed = ('seconds', 'started', 'resumed', 'ended')
  entries = [
    {key: value for key, value in entry.items() if key not in timed}
    for entry in result['entries']
  ]
  return {**result, 'entries': entries}


def write(result: Mapping[str, Any], root: pathlib.Path) -> list[pathlib.Path]:
  """Writes results/NAME.json, then the documents and figures that show it.

  Args:
    result: as `collect` gives it.
    root: of the checkout, with results/ and the documents.

  Returns:
    The files that were written.

  Raises:
    UserError: results/NAME.json is not of a study.
  """
  path = root / 'results' / f'{result["name"]}.json'
  if path.exists() and json.loads(path.read_text())['kind'] != 'study':
    raise UserError(
      f'{path} holds results of another kind', hint='rename the study'
    )
  files.write_text(path, json.dumps(result, indent=1, allow_nan=False))
  return [path, *results.write(root), *results.figures(root, result['name'])]


def _entry(
  index: int, changed: Mapping[str, Any], home: pathlib.Path
) -> dict[str, Any]:
  entry: dict[str, Any] = {'index': index, 'set': _public(changed)}
  run = _object(workdir.read_run(home), home / 'run.json')
  if run is None:
    return entry | {'status': 'missing'}
  _check_values(changed, home)
  status = run.get('status')
  # A run that was claimed and not yet begun is on its way.
  status = 'running' if status == 'created' else status
  if status not in STATUSES or 'step' not in run:
    raise IntegrityError(
      f'{home / "run.json"} says neither how the run stands nor its step',
      hint=f'remove {home} and run the study again',
    )
  entry |= {'status': status, 'step': run['step']}
  entry |= {key: run[key] for key in _KEEP if key in run}
  entry['lanes'] = run.get('lanes', 1)
  if status == 'completed':
    entry['metrics'] = _metrics(home)
  elif 'error' in run:
    entry['error'] = _FOLDERS.sub('', run['error'])
  return entry


def _metrics(home: pathlib.Path) -> dict[str, Any]:
  """metrics.json without the lists that are long and in no table."""
  path = home / 'metrics.json'
  try:
    text = path.read_text()
  except FileNotFoundError as error:
    raise IntegrityError(
      f'{home} is completed and holds no metrics.json',
      hint=f'python -m jaxvae.main --mode=eval --workdir={home}',
    ) from error
  try:
    metrics = json.loads(text)
  except ValueError as error:
    raise IntegrityError(
      f'{path} is not JSON: {error}',
      hint=f'python -m jaxvae.main --mode=eval --workdir={home}',
    ) from error
  metrics = _object(metrics, path)
  if 'latents' in metrics:
    metrics['latents'] = [
      {key: value for key, value in row.items() if key != 'nmi_per_factor'}
      for row in metrics['latents']
    ]
  if 'scores' in metrics:
    metrics['scores'] = {
      name: score['value'] for name, score in metrics['scores'].items()
    }
  return metrics


def _check_values(changed: Mapping[str, Any], home: pathlib.Path) -> None:
  """A study that was changed must not take in the runs of its former self."""
  saved = _object(workdir.read_config(home), home / 'config.json')
  if saved is None:
    return
  flat = schema.flatten(saved)
  for key, value in changed.items():
    if key not in _PRIVATE and flat.get(key) != value:
      raise UserError(
        f'{home} holds a run with {key}={flat.get(key)!r}, where the study '
        f'has {value!r}',
        hint='the study changed: give it another name or directory',
      )


def _object(value: Any, path: pathlib.Path) -> dict[str, Any] | None:
  if value is not None and not isinstance(value, dict):
    raise IntegrityError(f'{path} holds no JSON object', hint='remove it')
  return value


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
