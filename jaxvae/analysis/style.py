"""Content and style: what changes with the class of an image, and what stays.

  python -m jaxvae.analysis.style RUN... --judge judge.npz --out NAME.json

Test images are given every other class, and a classifier that shares nothing
with the model (`jaxvae.analysis.judge`) says what they became. The results are
encoded again: style is what then is as it was. Runs that differ only in their
seeds are one row, medians and ranges. The columns:

  target     share of the transformed images that are read as what they should
             be
  style r    correlation of a style latent before and after, median over those
             with a KL above 0.1 nats
  lowest r   the least of them
  samples    share of the samples of each class that are read as it
  variety    mean distance of two samples of a class over that of two real
             images of it
  accuracy   share of the test images whose class the model reads right
  class from style
             share right by the nearest neighbour in the style latents; by
             chance it is 1 / classes
  I(style; class)
             nats, the largest of a style latent, by 20 bins
  MIG        of all latents, as the run measured it
  beyond     what the classifier tells the decoder beyond its likeliest class:
             mean squared difference of the images decoded from both, over the
             variance of the images
"""

import argparse
import json
import pathlib
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.neighbors import KNeighborsClassifier

import jaxvae
from jaxvae import classes, metrics
from jaxvae import config as schema
from jaxvae.analysis import judge
from jaxvae.errors import UserError, exit_code
from jaxvae.latent.slots import latent_space
from jaxvae.report import stored, table
from jaxvae.train import reading

IMAGES = 1_000
ACTIVE = 0.1  # nats


def measure(home: str, read: Any) -> dict[str, float]:
  """The numbers of one run.

  Args:
    home: its work directory.
    read: a judge, images -> log-probabilities.

  Raises:
    UserError: the model has no classes, or no style.
  """
  run = jaxvae.load(home)
  said = reading.read_metrics(pathlib.Path(home), 'mig')
  space = latent_space(run.config.latent)
  told = classes.slots(space)
  if not told:
    raise UserError(f'{home}: latent={run.config.latent!r} has no classes')
  factor, (slot, count) = next(iter(told.items()))
  images, labels, _ = judge.labelled(run.config, 'test')
  rng = np.random.default_rng(run.config.seed)
  order = rng.permutation(len(images))
  encoded = run.encode(images)
  column = sum(s.latents for s in space.slots[:slot])
  style = np.flatnonzero(
    (encoded.kl.mean(axis=0) > ACTIVE) & (np.arange(space.latents) != column)
  )
  if not len(style):
    raise UserError(f'{home}: no latent beside the class has {ACTIVE} nats')
  chosen = order[:IMAGES]
  target, before, after = [], [], []
  for shift in range(1, count):
    wanted = (labels[chosen] + shift) % count
    end = run.transform(images[chosen], {factor: wanted}, 2)[:, -1]
    target.append(read(end).argmax(axis=1) == wanted)
    before.append(encoded.chart[chosen][:, style])
    after.append(run.encode(end).chart[:, style])
  before, after = np.concatenate(before), np.concatenate(after)
  kept = [
    np.corrcoef(before[:, i], after[:, i])[0, 1] for i in range(len(style))
  ]
  drawn_as = np.repeat(np.arange(count), IMAGES // count)
  drawn = run.sample(len(drawn_as), run.config.seed, {factor: drawn_as})
  codes = encoded.chart[:, style]
  half = len(codes) // 2
  nearest = KNeighborsClassifier(1)
  nearest.fit(codes[order[:half]], labels[order[:half]])
  found = nearest.score(codes[order[half:]], labels[order[half:]])
  own = {factor: encoded.chart[chosen, column].astype(int)}
  rebuilt = run.decode(encoded.mean[chosen])
  rounded = run.decode(np.asarray(classes.at(space, encoded.mean[chosen], own)))
  told_by = metrics.discrete_mutual_info(
    metrics.histogram_discretize(codes), labels[:, None]
  )
  return {
    'target': float(np.mean(target)),
    'style r': float(np.median(kept)),
    'lowest r': float(np.min(kept)),
    'samples': float(np.mean(read(drawn).argmax(axis=1) == drawn_as)),
    'variety': spread(drawn, drawn_as) / spread(images[chosen], labels[chosen]),
    'accuracy': float(np.mean(encoded.chart[:, column] == labels)),
    'class from style': float(found),
    'I(style; class)': float(np.max(told_by)),
    'MIG': said['mig'],
    'beyond': float(
      np.mean((rebuilt - rounded) ** 2) / images[chosen].var(axis=0).mean()
    ),
  }


def spread(images: np.ndarray, labels: np.ndarray) -> float:
  """Mean distance of two different images of a class, mean over classes."""
  within = []
  for label in np.unique(labels):
    flat = images[labels == label].reshape(np.sum(labels == label), -1)
    within.append(pdist(flat).mean())
  return float(np.mean(within))


def alike(config: Any) -> str:
  """What runs of one row share: the config without its seed, as text."""
  plain = schema.to_dict(config)
  return json.dumps({k: v for k, v in plain.items() if k != 'seed'})


def rows(
  found: list[tuple[Any, dict[str, float]]], digits: Mapping[str, str]
) -> list[list[str]]:
  """A head, and a row for each kind of run: medians, lowest to highest.

  Args:
    found: of each run its config and its numbers.
    digits: how each number is written, by name: '.3f'.
  """
  groups: dict[str, list[tuple[Any, dict[str, float]]]] = {}
  for config, numbers in found:
    groups.setdefault(alike(config), []).append((config, numbers))
  lines = [['latent', 'beta', 'seeds', *digits]]
  for group in groups.values():
    config = group[0][0]
    cells = [
      table.span([one[name] for _, one in group], form)
      for name, form in digits.items()
    ]
    lines.append(
      [config.latent, f'{config.hyper.beta:g}', str(len(group)), *cells]
    )
  return lines


def main() -> None:
  """Measures runs; prints the table, `--out` writes it."""
  parser = argparse.ArgumentParser(description='content and style')
  parser.add_argument('runs', nargs='+', help='work directories')
  parser.add_argument('--judge', required=True, type=pathlib.Path)
  stored.add_flags(parser)
  args = parser.parse_args()
  read = judge.reader(judge.load(args.judge))
  configs = {home: jaxvae.load(home).config for home in args.runs}
  measured = {
    stored.run_name(schema.to_dict(config)): IMAGES
    for config in configs.values()
  }
  stored.begin(args, measured)
  found = []
  for home, config in configs.items():
    found.append((config, measure(home, read)))
    print(home, {k: round(v, 4) for k, v in found[-1][1].items()}, flush=True)
  config = found[0][0]
  images, labels, _ = judge.labelled(config, 'test')
  right = np.mean(read(images).argmax(axis=1) == labels)
  header, *body = rows(found, dict.fromkeys(found[0][1], '.3f'))
  note = (
    f'{IMAGES:,} test images, each to every other class; medians and ranges'
    f' over seeds. The judge reads {right:.2%} of the test images right.'
  )
  for line in [header, *body]:
    print('  '.join(line))
  print(note)
  stored.put_bench(args, stored.bench(header, body, note, measured))


if __name__ == '__main__':
  sys.exit(exit_code(main))
