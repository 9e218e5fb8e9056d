"""The runs of one config, results/configs/NAME.json, as tables."""

import pathlib
import statistics
import textwrap
from collections.abc import Sequence
from typing import Any

from jaxvae.errors import IntegrityError, UserError
from jaxvae.report import table
from jaxvae.train import reading, workdir

# Of a slot against a factor: key, what a table calls it, its digits.
_SCORES = (
  ('accuracy', 'accuracy', '.4f'),
  ('steps', 'mean error (steps)', '.3f'),
  ('median_steps', 'median', '.3f'),
  ('correlation', 'correlation', '.3f'),
  ('winding', 'winding', '.1f'),
  ('circles', 'sweeps round once', '.2f'),
)


def collect(runs: Sequence[pathlib.Path]) -> dict[str, Any]:
  """What results/configs/NAME.json holds of finished runs of one config.

  Args:
    runs: work directories.

  Raises:
    UserError: one of them is not a completed run.
    IntegrityError: a file of one of them is damaged.
  """
  found = []
  for run in runs:
    said, config = workdir.read_run(run), workdir.read_config(run)
    for name, held in (('run', said), ('config', config)):
      if held is None:
        raise UserError(f'{run} holds no {name}.json: it is no finished run')
    if said['status'] != 'completed':
      raise UserError(f'{run} is {said["status"]}, not completed')
    keep = (
      'step',
      'seconds',
      'params_sha256',
      'versions',
      'devices',
      'started',
    )
    metrics = reading.read_metrics(
      run, 'data', 'examples', 'reconstruction', 'kl', 'active_units', 'latents'
    )
    try:
      for private in ('data_dir', 'manual_dir', 'path'):
        config['data'][private] = ''
      found.append(
        {k: said[k] for k in keep}
        | {'lanes': said.get('lanes', 1)}
        | {'config': config, 'metrics': metrics}
      )
    except (LookupError, TypeError) as error:
      raise IntegrityError(
        f'{run}: run.json or config.json is not what a run writes: no {error}'
      ) from error
  return {'kind': 'runs', 'runs': found}


def markdown(result: dict[str, Any]) -> str:
  """What the runs measured, a row for each seed, and their latents."""
  runs = result['runs']
  factors = [f['factor'] for f in runs[0]['metrics'].get('factors', [])]
  header = ['seed', 'steps', 'minutes', 'reconstruction', 'KL', table.ACTIVE]
  if len(factors) > 1:
    header += ['variance < 0.05', 'MIG', *(f'NMI {f}' for f in factors)]
  rows = [_numbers(run, len(factors) > 1) for run in runs]
  lines = [[str(run['config']['seed']), *_cells(row)] for run, row in
           zip(runs, rows, strict=True)]  # fmt: skip
  if len(rows) > 1:
    columns = list(zip(*rows, strict=True))
    lines.append(['median', *_cells([statistics.median(c) for c in columns])])
    low, high = _cells(map(min, columns)), _cells(map(max, columns))
    spans = [
      a if a == b else f'{a} to {b}' for a, b in zip(low, high, strict=True)
    ]
    lines.append(['range', *spans])
  text = markdown_table(header, lines)
  where = f'{runs[0]["metrics"]["data"]}; nats per image, on ' + (
    f'{runs[0]["metrics"]["examples"]:,} images; '
    f'{" and ".join(dict.fromkeys(table.device(r["devices"]) for r in runs))}'
  )
  latents = [
    [
      row['name'],
      table.variance(row['variance']),
      f'{row["kl"]:.2f}',
      'yes' if row['active'] else 'no',
      row['factor'] or '',
      '' if row['nmi'] is None else f'{row["nmi"]:.2f}',
    ]
    for row in runs[0]['metrics']['latents']
  ]
  each = markdown_table(
    ['latent', 'mean posterior variance', 'KL', table.ACTIVE, 'factor', 'NMI'],
    latents,
  )
  seed = runs[0]['config']['seed']
  idle = max(r['seconds']['host'] / r['seconds']['train'] for r in runs)
  host = f'The host kept the devices waiting {idle:.2%} of the training time'
  parts = [f'{where}. {host}.', text, f'The latents of seed {seed}:', each]
  return '\n\n'.join([*parts, *_against_factors(runs)])


def sentence(result: dict[str, Any]) -> str:
  """The `Measured:` paragraph of a config."""
  runs = result['runs']
  graded = len(runs[0]['metrics'].get('factors', [])) > 1
  rows = [_numbers(run, graded) for run in runs]
  middle = [statistics.median(column) for column in zip(*rows, strict=True)]
  # How long it takes is said of the first run's machine.
  here = [r for r in runs if r['devices'] == runs[0]['devices']]
  middle[1] = statistics.median(_numbers(run, graded)[1] for run in here)
  of = f', median of {len(runs)} seeds' if len(runs) > 1 else ''
  time = f'{middle[1]:.0f} minutes'
  if middle[1] < 2:
    time = f'{60 * middle[1]:.0f} seconds'
  text = (
    f'Measured: {time} on {table.device(runs[0]["devices"])}; '
    f'reconstruction '
    f'{middle[2]:.1f} and KL {middle[3]:.1f} nats{of}; '
    f'{middle[4]:.0f} of {len(runs[0]["metrics"]["latents"])} latents active '
    f'by KL'
  )
  if graded:
    names = [f['factor'] for f in runs[0]['metrics']['factors']]
    told = ', '.join(
      f'{name} {nmi:.2f}' for name, nmi in zip(names, middle[7:], strict=True)
    )
    text += (
      f', {middle[5]:.0f} with a variance below 0.05; MIG {middle[6]:.2f}; '
      f'NMI of the best latent: {told}'
    )
  told = [
    f'{factor} {_median(found, "accuracy"):.4f}'
    if found[0]['accuracy'] is not None
    else f'{factor} {_median(found, "steps"):.2f} steps'
    for (_, factor), found in _diagnosed(runs).items()
  ]
  if told:
    text += f'; slots against factors: {", ".join(told)}'
  return '\n'.join(textwrap.wrap(f'{text}.', 79))


def _diagnosed(runs) -> dict[tuple[str, str], list[dict[str, Any]]]:
  """By latent and factor, a row for each run in which they were compared."""
  found: dict[tuple[str, str], list[dict[str, Any]]] = {}
  for run in runs:
    for latent, row in run['metrics'].get('topology', {}).items():
      found.setdefault((latent, row['factor']), []).append(row)
  # What was told nothing may be another factor's in another run.
  latents = list(dict.fromkeys(latent for latent, _ in found))
  return dict(sorted(found.items(), key=lambda i: latents.index(i[0][0])))


def _against_factors(runs) -> list[str]:
  rows = _diagnosed(runs)
  if not rows:
    return []
  scores = [
    score
    for score in _SCORES
    if any(row[score[0]] is not None for each in rows.values() for row in each)
  ]
  header = ['latent', 'slot', 'factor', 'told', 'seeds']
  header += [name for _, name, _ in scores]
  lines = []
  for (latent, factor), each in rows.items():
    line = [latent, each[0]['slot'], factor]
    line += ['yes' if each[0]['told'] else 'no', str(len(each))]
    for key, _, digits in scores:
      values = [row[key] for row in each if row[key] is not None]
      line.append(table.span(values, digits))
    lines.append(line)
  said = 'Slots against factors, on images that training did not see'
  if not runs[0]['config']['data'].get('holdout'):
    said = 'Slots against factors'
  return [f'{said}:', markdown_table(header, lines)]


def _median(rows, key: str) -> float:
  return statistics.median(row[key] for row in rows)


def _numbers(run: dict[str, Any], graded: bool) -> list[float]:
  measured = run['metrics']
  seconds = run['seconds']
  total = sum(v for k, v in seconds.items() if k != 'host')
  # Members of an ensemble share its time.
  total /= run.get('lanes', 1)
  row = [
    run['step'],
    total / 60,
    measured['reconstruction'],
    measured['kl'],
    measured['active_units'],
  ]
  if graded:
    informative = sum(r['variance'] < 0.05 for r in measured['latents'])
    row += [informative, measured['mig']]
    row += [factor['nmi'] for factor in measured['factors']]
  return row


def _cells(row) -> list[str]:
  forms = ['{:.0f}', '{:.1f}', '{:.2f}', '{:.2f}', '{:.0f}', '{:.0f}']
  row = list(row)
  forms += ['{:.3f}'] + ['{:.2f}'] * len(row)
  return [f.format(v) for f, v in zip(forms, row, strict=False)]


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
  rule = ['---'] * len(header)
  return '\n'.join(f'| {" | ".join(row)} |' for row in (header, rule, *rows))
