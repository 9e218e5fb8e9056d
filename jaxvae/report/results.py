"""Numbers for people, written from results/*.json and from nowhere else.

  python -m jaxvae.report.results                  writes the documents
  python -m jaxvae.report.results --check          fails if one is stale
  python -m jaxvae.report.results --collect NAME RUN...
                                                   results/configs/NAME.json

A document holds `<!-- results:NAME -->` and `<!-- /results -->` on lines of
their own, and what stands between them is replaced. The docstring of a config
or of a study holds a paragraph that begins with `Measured:`, which is replaced
likewise. docs/figures/NAME_scores.png is drawn where a document refers to it.
"""

import argparse
import json
import pathlib
import re
import statistics
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

from jaxvae.errors import UserError
from jaxvae.report import scores, study_table, table

DOCUMENTS = ('README.md', 'docs/results.md', 'docs/ensembles.md')
_BLOCK = re.compile(
  r'(<!-- results:([\w./-]+) -->\n).*?(<!-- /results -->)', re.S
)
_MEASURED = re.compile(r'^Measured:.*?(?=\n\n|\n?""")', re.S | re.M)


def collect(runs: Sequence[pathlib.Path]) -> dict[str, Any]:
  """What results/configs/NAME.json holds of finished runs of one config.

  Args:
    runs: work directories.

  Raises:
    UserError: one of them is not a completed run.
  """
  found = []
  for run in runs:
    parts = {}
    for name in ('run', 'config', 'metrics'):
      path = run / f'{name}.json'
      if not path.exists():
        raise UserError(f'{run} holds no {name}.json: it is no finished run')
      parts[name] = json.loads(path.read_text())
    if parts['run']['status'] != 'completed':
      raise UserError(f'{run} is {parts["run"]["status"]}, not completed')
    keep = (
      'step',
      'seconds',
      'params_sha256',
      'versions',
      'devices',
      'started',
    )
    config = parts['config']
    for private in ('data_dir', 'manual_dir', 'path'):
      config['data'][private] = ''
    found.append(
      {k: parts['run'][k] for k in keep}
      | {'config': config, 'metrics': parts['metrics']}
    )
  return {'kind': 'runs', 'runs': found}


def markdown(result: dict[str, Any]) -> str:
  """The tables of one results file, as Markdown."""
  if result['kind'] == 'bench':
    return _table(result['header'], result['rows']) + '\n\n' + result['note']
  if result['kind'] == 'study':
    return study_table.markdown(result)
  runs = result['runs']
  factors = [f['factor'] for f in runs[0]['metrics'].get('factors', [])]
  header = ['seed', 'steps', 'minutes', 'reconstruction', 'KL', 'active']
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
  text = _table(header, lines)
  where = f'{runs[0]["metrics"]["data"]}; nats per image, on ' + (
    f'{runs[0]["metrics"]["examples"]:,} images; '
    f'{runs[0]["devices"]["count"]} x {runs[0]["devices"]["kind"]}'
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
  each = _table(
    ['latent', 'mean posterior variance', 'KL', 'active', 'factor', 'NMI'],
    latents,
  )
  seed = runs[0]['config']['seed']
  idle = max(r['seconds']['host'] / r['seconds']['train'] for r in runs)
  host = f'The host kept the devices waiting {idle:.2%} of the training time'
  return f'{where}. {host}.\n\n{text}\n\nThe latents of seed {seed}:\n\n{each}'


def sentence(result: dict[str, Any]) -> str:
  """The `Measured:` paragraph of a config or of a study."""
  if result['kind'] == 'study':
    return study_table.sentence(result)
  runs = result['runs']
  graded = len(runs[0]['metrics'].get('factors', [])) > 1
  rows = [_numbers(run, graded) for run in runs]
  middle = [statistics.median(column) for column in zip(*rows, strict=True)]
  of = f', median of {len(runs)} seeds' if len(runs) > 1 else ''
  time = f'{middle[1]:.0f} minutes'
  if middle[1] < 2:
    time = f'{60 * middle[1]:.0f} seconds'
  text = (
    f'Measured: {time} on 2 CPU cores; reconstruction '
    f'{middle[2]:.1f} and KL {middle[3]:.1f} nats{of}; '
    f'{middle[4]:.0f} of {len(runs[0]["metrics"]["latents"])} latents active'
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
  return '\n'.join(textwrap.wrap(f'{text}.', 79))


def rendered(root: pathlib.Path) -> dict[pathlib.Path, str]:
  """Every document, config and study of `root`, as it should read.

  Raises:
    UserError: a document asks for results that are not there.
  """
  results = _load(root)

  def block(match):
    name = match[2]
    if name not in results:
      raise UserError(f'there is no results/{name}.json')
    return f'{match[1]}\n{markdown(results[name])}\n\n{match[3]}'

  texts = {}
  for name in _documents(root):
    path = root / name
    texts[path] = _BLOCK.sub(block, path.read_text())
  for folder, prefix, kind in (
    ('configs', 'configs/', 'runs'),
    ('studies', '', 'study'),
  ):
    for path in sorted((root / folder).glob('*.py')):
      result = results.get(f'{prefix}{path.stem}')
      if result and result['kind'] == kind:
        text = sentence(result)
        texts[path] = _MEASURED.sub(lambda _, t=text: t, path.read_text())
  return texts


def write(root: pathlib.Path) -> list[pathlib.Path]:
  """Writes what `rendered` says; returns the files that changed.

  Raises:
    UserError: a document asks for results that are not there.
  """
  stale = _stale(root)
  for path, text in stale.items():
    path.write_text(text)
  return list(stale)


def figures(root: pathlib.Path, only: str = '') -> list[pathlib.Path]:
  """Draws the scores of each study that a document of `root` shows.

  Args:
    root: of the checkout.
    only: the name of a study; empty for all.

  Returns:
    The figures, docs/figures/NAME_scores.png.
  """
  told = ''.join((root / name).read_text() for name in _documents(root))
  drawn = []
  for name, result in _load(root).items():
    path = root / 'docs' / 'figures' / f'{name}_scores.png'
    wanted = result['kind'] == 'study' and only in ('', name)
    wanted = wanted and f'figures/{path.name}' in told
    # Of a study that has only failures there is nothing to see yet.
    if wanted and study_table.completed(result['entries']):
      scores.study_scores(path, result)
      drawn.append(path)
  return drawn


def _documents(root: pathlib.Path) -> list[str]:
  return [name for name in DOCUMENTS if (root / name).exists()]


def _load(root: pathlib.Path) -> dict[str, Any]:
  """Studies and benchmarks by name, runs of a config as 'configs/NAME'."""
  place = root / 'results'
  return {
    path.relative_to(place).with_suffix('').as_posix(): json.loads(
      path.read_text()
    )
    for path in sorted(place.rglob('*.json'))
  }


def _stale(root: pathlib.Path) -> dict[pathlib.Path, str]:
  return {
    path: text
    for path, text in rendered(root).items()
    if path.read_text() != text
  }


def _numbers(run: dict[str, Any], graded: bool) -> list[float]:
  measured = run['metrics']
  seconds = run['seconds']
  total = sum(v for k, v in seconds.items() if k != 'host')
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


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
  rule = ['---'] * len(header)
  return '\n'.join(f'| {" | ".join(row)} |' for row in (header, rule, *rows))


def main(argv: Sequence[str] | None = None) -> int:
  """Runs the command; returns the exit code."""
  parser = argparse.ArgumentParser(description='numbers from results/')
  parser.add_argument('--check', action='store_true')
  parser.add_argument('--collect', nargs='+', metavar=('NAME', 'RUN'))
  args = parser.parse_args(argv)
  root = pathlib.Path.cwd()
  try:
    if args.collect:
      name, *runs = args.collect
      found = collect([pathlib.Path(run) for run in runs])
      path = root / 'results' / 'configs' / f'{name}.json'
      path.parent.mkdir(parents=True, exist_ok=True)
      path.write_text(json.dumps(found, indent=1) + '\n')
      return 0
    if args.check:
      # Texts only: the bytes of a PNG depend on the versions that drew it.
      if stale := _stale(root):
        names = ', '.join(str(p.relative_to(root)) for p in stale)
        raise UserError(
          f'differ from results/: {names}',
          hint='run python -m jaxvae.report.results',
        )
      return 0
    for path in [*write(root), *figures(root)]:
      print(f'wrote {path.relative_to(root)}')
  except UserError as error:
    print(f'jaxvae: error: {error}', file=sys.stderr)
    if error.hint:
      print(f'hint: {error.hint}', file=sys.stderr)
    return error.exit_code
  return 0


if __name__ == '__main__':
  sys.exit(main())
