"""What runs rebuild, keep and dream: reconstruction, codes, samples.

  python -m jaxvae.analysis.quality RUN... --judge judge.npz \\
    --out results/NAME.json --figures docs/figures

Runs that differ only in their seeds are one row, medians and ranges. Beside
what metrics.json says of them (reconstruction, KL, latents active by KL):

  1-NN       share of the test images whose nearest neighbour among the codes of
             as many others is of the same class
  Frechet    distance of samples of the prior from the test images, in the
             features of a judge (`jaxvae.analysis.judge`): squared, of two
             Gaussians [Heusel et al. 2017, equation 6]; smaller is better

`--figures` draws the first seed of each row: codes by class, as they are in two
dimensions and by t-SNE in more; reconstructions and samples; and the manifold
of the two-dimensional run whose beta is 1.
"""

import argparse
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.manifold import TSNE
from sklearn.neighbors import KNeighborsClassifier

import jaxvae
from jaxvae import config as schema
from jaxvae import traverse
from jaxvae.analysis import judge
from jaxvae.analysis.style import rows
from jaxvae.errors import exit_code
from jaxvae.latent.slots import latent_space
from jaxvae.report import embedding, figures, stored, table
from jaxvae.train import reading

SAMPLES = 5_000
SHOWN = 2_000  # codes
PLANE = 15  # steps along each latent
COLUMNS = 8  # reconstructions, and as many samples
DIGITS = {
  'reconstruction': '.1f',
  'kl': '.2f',
  table.ACTIVE: 'g',
  '1-NN': '.3f',
  'Frechet': '.1f',
}


def frechet(one: np.ndarray, other: np.ndarray) -> float:
  """|m - n|^2 + tr(C + D - 2 (C D)^1/2) of features [n, d] and [m, d].

  [Heusel et al. 2017, "GANs trained by a two time-scale update rule converge to
  a local Nash equilibrium", equation 6]
  """
  first, second = (np.cov(x, rowvar=False) for x in (one, other))
  apart = one.mean(axis=0) - other.mean(axis=0)
  # The product of two covariances has real eigenvalues that are not negative.
  roots = np.sqrt(np.linalg.eigvals(first @ second).real.clip(0)).sum()
  return float(apart @ apart + np.trace(first) + np.trace(second) - 2 * roots)


def measure(home: str, features: Callable, real: Any) -> dict[str, float]:
  """The numbers of one run.

  Args:
    home: its work directory.
    features: of a judge, images -> `[n, d]`.
    real: test images, classes, and the features of the images.
  """
  run = jaxvae.load(home)
  images, labels, of_images = real
  said = reading.read_metrics(
    pathlib.Path(home), 'reconstruction', 'kl', 'active_units'
  )
  chart = run.encode(images).chart
  half = len(chart) // 2
  nearest = KNeighborsClassifier(1).fit(chart[:half], labels[:half])
  drawn = run.sample(SAMPLES, run.config.seed)
  return {
    'reconstruction': said['reconstruction'],
    'kl': said['kl'],
    table.ACTIVE: said['active_units'],
    '1-NN': float(nearest.score(chart[half:], labels[half:])),
    'Frechet': frechet(features(drawn), of_images),
  }


def draw(homes: list[str], real: Any, folder: pathlib.Path, name: str) -> None:
  """The figures of some runs, NAME_*.png.

  Args:
    homes: one run for each beta, all of one kind of latent space.
    real: test images and classes.
    folder: where to.
    name: what the files begin with.
  """
  images, labels = real[0][:SHOWN], real[1][:SHOWN]
  runs = [jaxvae.load(home) for home in homes]
  said = [f'beta {run.config.hyper.beta:g}' for run in runs]
  codes = [run.encode(images).chart for run in runs]
  plane = codes[0].shape[1] == 2
  latent = runs[0].config.latent
  title = f'{runs[0].title}, {latent}'
  if not plane:
    codes = [TSNE(init='pca', random_state=0).fit_transform(z) for z in codes]
  embedding.codes(
    folder / f'{name}_codes.png',
    list(zip(said, codes, strict=True)),
    labels,
    f'{title}: {"codes" if plane else "t-SNE of codes"}, by digit',
  )
  _, first = np.unique(labels, return_index=True)
  first = first[:COLUMNS]
  figures.grid(
    folder / f'{name}_images.png',
    np.stack(
      [
        np.concatenate([images[first], images[len(images) - COLUMNS :]]),
        *(
          np.concatenate(
            [run.decode(run.encode(images[first]).mean), run.sample(COLUMNS)]
          )
          for run in runs
        ),
      ]
    ),
    ['test images', *said],
    [*['rebuilt'] * len(first), *['sample'] * COLUMNS],
    f'{title}: reconstructions and samples',
  )
  for run in runs:
    if plane and run.config.hyper.beta == 1:
      held, quantiles = traverse.plane(latent_space(latent), run.decode, PLANE)
      embedding.manifold(
        folder / f'{name}_manifold.png',
        held,
        quantiles,
        f'{run.title}: what a latent plane holds, beta 1',
      )


def main() -> None:
  """Measures runs; prints the table, `--out` writes it, `--figures` draws."""
  parser = argparse.ArgumentParser(description='reconstruction and samples')
  parser.add_argument('runs', nargs='+', help='work directories')
  parser.add_argument('--judge', required=True, type=pathlib.Path)
  stored.add_flags(parser)
  parser.add_argument('--figures', type=pathlib.Path, help='a folder')
  args = parser.parse_args()
  if args.figures and not args.out:
    parser.error('--figures are of what --out holds; give it too')
  configs = {home: jaxvae.load(home).config for home in args.runs}
  measured = {
    stored.run_name(schema.to_dict(config)): SAMPLES
    for config in configs.values()
  }
  stored.begin(args, measured)
  params = judge.load(args.judge)
  features = judge.features(params)
  images, labels, _ = judge.labelled(next(iter(configs.values())), 'test')
  real = images, labels, features(images)
  found = []
  for home, config in configs.items():
    found.append((config, measure(home, features, real)))
    print(home, {k: round(v, 4) for k, v in found[-1][1].items()}, flush=True)
  header, *body = rows(found, DIGITS)
  half = len(images) // 2
  note = (
    f'{len(images):,} test images and {SAMPLES:,} samples; the distance of one'
    f' half of the test images from the other is'
    f' {frechet(real[2][:half], real[2][half:]):.1f}. Medians and ranges over'
    ' seeds.'
  )
  for line in [header, *body]:
    print('  '.join(line))
  print(note)
  stored.put_bench(args, stored.bench(header, body, note, measured))
  if args.figures:
    kinds: dict[str, dict[float, str]] = {}
    for home, config in configs.items():
      kinds.setdefault(config.latent, {}).setdefault(config.hyper.beta, home)
    for latent, homes in kinds.items():
      name = ''.join(c if c.isalnum() else '_' for c in latent).strip('_')
      draw(list(homes.values()), real, args.figures, f'mnist_{name}')


if __name__ == '__main__':
  sys.exit(exit_code(main))
