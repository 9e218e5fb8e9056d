"""UDR of every run of a study: which models found what the others found.

  python -m jaxvae.study --study=studies/dsprites_beta.py
  python -m jaxvae.analysis.udr runs/dsprites_beta
  python -m jaxvae.study --study=studies/dsprites_beta.py --select=udr

Runs that differ in nothing but their seed are compared with each other, by
`jaxvae.metrics.udr` on the codes of the same images. Each run's score goes into
its metrics.json, as `udr` with `udr_variant`, `udr_models` and `udr_points`;
evaluating the run again drops it. A loop is scored by its angle, from -pi to
pi, so that models that cut it elsewhere agree less than they should.
"""

import argparse
import json
import pathlib
import sys
from typing import Any, NamedTuple

import numpy as np

from jaxvae import config as schema
from jaxvae import data, metrics, pretrained
from jaxvae.errors import UserError, exit_code
from jaxvae.metrics.udr import METHODS, udr
from jaxvae.report import stored, study_table
from jaxvae.train import reading, workdir

HEADER = ['run', 'setting', 'seed', 'informative', 'udr']


class Setting(NamedTuple):
  """What seeds share.

  Attributes:
    values: of the keys in which settings differ, by key; no seed.
    homes: work directories, in order.
  """

  values: dict[str, Any]
  homes: list[pathlib.Path]


def settings(study: pathlib.Path) -> list[Setting]:
  """The completed runs of a study, by all that makes a model but the seed.

  Keys that say only how or where a run is computed, and measured, are no part
  of a setting; its number of steps is.

  Raises:
    UserError: there is no completed run.
  """
  groups: dict[str, Setting] = {}
  for home in sorted(study.glob('[0-9]*')):
    config, run = workdir.read_config(home), workdir.read_run(home)
    if config is None or run is None or run['status'] != 'completed':
      continue
    values = {
      key: value
      for key, value in schema.flatten(config).items()
      if key != 'seed' and stored.decides(key)
    }
    name = json.dumps(values, sort_keys=True)
    groups.setdefault(name, Setting(values, [])).homes.append(home)
  if not groups:
    raise UserError(
      f'{study} holds no completed run', hint='give the directory of a study'
    )
  found = list(groups.values())
  first = found[0].values
  varied = [
    key for key in first if any(s.values.get(key) != first[key] for s in found)
  ]
  return [
    setting._replace(values={key: setting.values.get(key) for key in varied})
    for setting in found
  ]


def scores(
  homes: list[pathlib.Path],
  method: str = 'lasso',
  points: int = 1000,
  seed: int = 0,
  data_dir: str | None = None,
) -> tuple[metrics.Score, ...]:
  """UDR of runs that share a setting, in their order.

  A latent is informative if its KL is 0.01 nats above the least that its slot
  can have, which metrics.json says.

  Args:
    homes: work directories, two or more.
    method: 'lasso' or 'spearman'.
    points: images to encode, drawn without replacement from those that are
      evaluated; all of them if they are fewer.
    seed: of their choice.
    data_dir: where the data lie, if not where they were trained from.

  Raises:
    UserError: no checkpoint, or the data do not fit.
    IntegrityError: every checkpoint or metrics.json of a run is damaged.
  """
  codes, kls, images = [], [], None
  for home in homes:
    run = pretrained.load(home)
    if images is None:
      images = _images(run.config, points, seed, data_dir)
    encoding = run.encode(images)
    codes.append(encoding.chart)
    kls.append(encoding.kl.mean(axis=0) - _floor(home))
  return udr(codes, kls, method)


def record(home: pathlib.Path, score: metrics.Score) -> None:
  """Adds a score to a run's metrics.json.

  Raises:
    ResourceError: another process has the run.
  """
  with workdir.claim(home) as place:
    found = reading.read_metrics(place)
    found |= {
      'udr': score.value,
      'udr_variant': score.variant,
      'udr_models': score.parameters['models'],
      'udr_points': score.parameters['points'],
    }
    workdir.write_json(place / 'metrics.json', found)


def rows(
  study: pathlib.Path,
  method: str = 'lasso',
  points: int = 1000,
  seed: int = 0,
  data_dir: str | None = None,
) -> list[list[str]]:
  """Scores and records all runs of a study; a row of text for each.

  Raises:
    UserError: no setting has two completed runs or more.
  """
  found = settings(study)
  if all(len(setting.homes) < 2 for setting in found):
    raise UserError(
      f'{study} has one run of each setting; UDR compares two or more',
      hint='sweep over seeds as well',
    )
  table = []
  for setting in found:
    called = study_table.label(setting.values)
    if len(setting.homes) < 2:
      home = setting.homes[0]
      table.append([home.name, called, _seed(home), '-', 'alone'])
      continue
    scored = scores(setting.homes, method, points, seed, data_dir)
    for home, score in zip(setting.homes, scored, strict=True):
      record(home, score)
      used = score.details['informative']
      table.append(
        [
          *(home.name, called, _seed(home)),
          *(f'{used.sum()} of {len(used)}', f'{score.value:.4f}'),
        ]
      )
  return sorted(table)


def _images(config, count: int, seed: int, data_dir: str | None) -> np.ndarray:
  if data_dir is not None:
    schema.override(config, {'data.data_dir': data_dir})
  tested = 'test' in data.splits(config.data)
  source = data.open_source(
    config.data, split='test' if tested else 'train', batch_size=2, seed=seed
  )
  held = None
  if not tested:
    held = data.held_out(source.spec.size, config.data.holdout)
  size = source.spec.size if held is None else len(held)
  rng = np.random.default_rng([seed, count])
  chosen = rng.choice(size, min(count, size), replace=False)
  return source.examples(chosen if held is None else held[chosen])[0]


def _seed(home: pathlib.Path) -> str:
  return str(workdir.read_config(home)['seed'])


def _floor(home: pathlib.Path) -> np.ndarray:
  floor = reading.read_metrics(home).get('kl_floor')
  if floor is None:
    raise UserError(
      f'{home / "metrics.json"} does not say the least KL of each latent',
      hint=f'python -m jaxvae.main --mode=eval --workdir={home}',
    )
  return np.asarray(floor)


def main() -> None:
  """Scores the runs of a study and prints the table."""
  parser = argparse.ArgumentParser(description='UDR of the runs of a study')
  parser.add_argument('study', help='the directory of the study')
  parser.add_argument('--method', choices=METHODS, default='lasso')
  parser.add_argument('--points', type=int, default=1000, help='images')
  parser.add_argument('--seed', type=int, default=0, help='of their choice')
  parser.add_argument('--data_dir', help='where the data lie')
  args = parser.parse_args()
  if args.points < 2:
    parser.error(f'--points={args.points}; allowed: at least 2')
  if args.seed < 0:
    parser.error(f'--seed={args.seed}; allowed: at least 0')
  place = pathlib.Path(args.study)
  found = rows(place, args.method, args.points, args.seed, args.data_dir)
  for row in [HEADER, *found]:
    print(' | '.join(row))


if __name__ == '__main__':
  sys.exit(exit_code(main))
