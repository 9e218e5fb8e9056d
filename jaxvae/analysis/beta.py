"""All metrics against beta, over the runs of a study.

  python -m jaxvae.study --study=studies/dsprites_metrics.py --workdir=runs/beta
  python -m jaxvae.analysis.udr runs/beta
  python -m jaxvae.analysis.beta runs/beta --out results/metrics.json

A column for each beta, a row for each score: the median over the seeds and, if
they differ, the range. `--independent` encodes the images of each run once more
and computes the MIG anew with NumPy's histogram and scikit-learn's mutual
information, which share nothing with `jaxvae.metrics`; the last rows tell the
largest difference.
"""

import argparse
import pathlib
import statistics
import sys
from typing import Any

import numpy as np
from sklearn.metrics import mutual_info_score

import jaxvae
from jaxvae import measured
from jaxvae.errors import exit_code
from jaxvae.report import stored
from jaxvae.train import reading, workdir


def independent_mig(codes: np.ndarray, factors: np.ndarray, bins: int) -> float:
  """MIG by other code than ours: one pair of a code and a factor at a time."""
  gaps = []
  for factor in factors.T:
    told = []
    for code in codes.T:
      edges = np.histogram(code, bins)[1][:-1]
      told.append(mutual_info_score(np.digitize(code, edges), factor))
    second, first = sorted(told)[-2:]
    gaps.append((first - second) / mutual_info_score(factor, factor))
  return float(np.mean(gaps))


def again(home: pathlib.Path) -> tuple[float, float]:
  """The MIG that a run wrote, and that of its codes, encoded anew."""
  run = jaxvae.load(str(home))
  source, index, _ = measured.points(run.config)
  images, factors = source.examples(index)
  written = reading.read_metrics(home, 'mig')['mig']
  chart = run.encode(images).chart
  return written, independent_mig(chart, factors, run.config.eval.bins)


def completed(study: pathlib.Path) -> list[tuple[pathlib.Path, Any, Any]]:
  """(directory, config, metrics) of each completed run, in order."""
  found = []
  for home in sorted(study.glob('[0-9]*')):
    config, run = workdir.read_config(home), workdir.read_run(home)
    if config is None or run is None or run['status'] != 'completed':
      continue
    metrics = reading.read_metrics(home, 'examples', 'scores')
    if 'udr' in metrics:
      metrics['scores']['udr'] = {
        'value': metrics['udr'],
        'variant': metrics['udr_variant'],
      }
    found.append((home, config, metrics))
  return found


def rows(runs: list[tuple[pathlib.Path, Any, Any]]) -> list[list[str]]:
  """The head and a row for each score; ours is the order of the metrics."""
  betas = sorted({config['hyper']['beta'] for _, config, _ in runs})
  names = list(dict.fromkeys(n for _, _, m in runs for n in m['scores']))
  table = [['metric', 'variant', *(f'beta {beta:g}' for beta in betas)]]
  for name in names:
    cells, variant = [], ''
    for beta in betas:
      values = [
        metrics['scores'][name]['value']
        for _, config, metrics in runs
        if config['hyper']['beta'] == beta and name in metrics['scores']
      ]
      cells.append(_span(values))
    for _, _, metrics in runs:
      if name in metrics['scores']:
        variant = metrics['scores'][name]['variant']
    table.append([name, variant, *cells])
  return table


def _span(values: list[float | None]) -> str:
  known = [value for value in values if value is not None]
  if not known:
    return '-'
  middle = f'{statistics.median(known):.3f}'
  low, high = f'{min(known):.3f}', f'{max(known):.3f}'
  return middle if low == high else f'{middle} ({low} to {high})'


def main() -> None:
  """Reads the runs of a study; prints the table, `--out` writes it."""
  parser = argparse.ArgumentParser(description='all metrics against beta')
  parser.add_argument('study', help='the directory of the study')
  stored.add_flags(parser)
  parser.add_argument('--independent', action='store_true')
  args = parser.parse_args()
  runs = completed(pathlib.Path(args.study))
  if not runs:
    parser.error(f'{args.study} holds no completed run')
  measured = {
    stored.run_name(config): metrics['examples'] for _, config, metrics in runs
  }
  if args.independent:
    measured['MIG computed independently'] = len(runs)
  header, *body = rows(runs)
  stored.begin(args, measured)
  seeds = len({config['seed'] for _, config, _ in runs})
  note = (
    f'{len(runs)} runs of {runs[0][1]["num_steps"]:,} steps, {seeds} seeds for '
    'each beta; median and range.'
  )
  if args.independent:
    pairs = [again(home) for home, _, _ in runs]
    apart = max(abs(one - other) for one, other in pairs)
    note += (
      ' MIG computed independently on the codes of all runs differs by at most '
      f'{apart:.1e}.'
    )
  for line in [header, *body]:
    print('  '.join(line))
  print(note)
  stored.put_bench(args, stored.bench(header, body, note, measured))


if __name__ == '__main__':
  sys.exit(exit_code(main))
