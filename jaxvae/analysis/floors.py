"""What each metric says of the true factors, and of noise.

  python -m jaxvae.analysis.floors --out results/floors.json

For the factors of every data set that the project ships: the factors
themselves as codes, a circular one as (cos, sin), and as many codes of standard
normal noise; 10,000 points to count and fit on, 5,000 to test on. Histograms
have 20 bins, as published, and then as many as the largest factor has values,
where the truth is no longer cut. The metrics are the `fast` set; with
`--boosting`, minutes, disentanglement_lib's DCI too.
"""

import argparse
import pathlib
import sys
from collections.abc import Sequence

import numpy as np

from jaxvae import measure, metrics
from jaxvae.data import DATASETS, Factor
from jaxvae.data.recipe import Options
from jaxvae.errors import exit_code
from jaxvae.report import stored

SHIPPED = (
  ('dsprites', ''),
  ('sprites_circ', ''),
  ('sprites_circ', 'torus'),
  ('rooms3d', ''),
  ('rooms3d', 'still'),
  ('digits', ''),
)


def factors_of(name: str, variant: str) -> tuple[Factor, ...]:
  """The factors of a data set that is rendered, without rendering it."""
  options = Options(name, variant, pathlib.Path(), '', '', 0, 0)
  return tuple(DATASETS[name].contents(options).factors)


def truth(
  factors: Sequence[Factor], classes: np.ndarray
) -> tuple[np.ndarray, tuple[tuple[int, ...], ...] | None]:
  """Codes that are the factors: [n, columns], and the columns of each.

  Every latent runs over the same range, so that none is pruned for its size: a
  line from -1 to 1, a circle once round.
  """
  columns: list[np.ndarray] = []
  groups: list[tuple[int, ...]] = []
  for factor, column in zip(factors, classes.T, strict=True):
    if factor.topology == 'loop':
      # The middle of a step, so that no class lies where the circle is cut.
      angle = 2 * np.pi * (column + 0.5) / factor.turn - np.pi
      parts = [np.cos(angle), np.sin(angle)]
    else:
      parts = [2.0 * column / (factor.size - 1) - 1.0]
    groups.append(tuple(range(len(columns), len(columns) + len(parts))))
    columns += parts
  paired = any(len(group) > 1 for group in groups)
  return np.stack(columns, axis=1), tuple(groups) if paired else None


def scored(
  factors: Sequence[Factor],
  names: str,
  points: int = 10_000,
  seed: int = 0,
) -> dict[str, metrics.Found]:
  """Scores of the truth, of the truth with a bin for each value, of noise.

  Args:
    factors: of a data set.
    names: of metrics, see `metrics.chosen`.
    points: to count and fit on; half as many to test on.
    seed: of the points, the noise, and what metrics draw.
  """
  rng = np.random.default_rng(seed)
  sizes = [factor.size for factor in factors]
  train, test = (
    rng.integers(0, sizes, (count, len(sizes)))
    for count in (points, points // 2)
  )
  turns = measure.turning(factors, rng)
  # The truth is the angle itself, whether or not images show all of it.
  circular = measure.circles(factors)
  codes, groups = truth(factors, train)
  true = metrics.Points(
    *(codes, train, truth(factors, test)[0], test, groups, circular),
    None if turns is None else (truth(factors, turns)[0], turns),
  )
  noise = metrics.Points(
    *(rng.normal(size=codes.shape), train),
    *(rng.normal(size=true.test_codes.shape), test, groups, circular),
    None if turns is None else (rng.normal(size=true.turns[0].shape), turns),
  )
  return {
    'truth': metrics.run(true, names, seed=seed),
    'truth, a bin for each value': metrics.run(true, names, max(sizes), seed),
    'noise': metrics.run(noise, names, seed=seed),
  }


def table(found: dict[str, dict[str, metrics.Found]]) -> list[list[str]]:
  """Head and rows: a row for each score, three values for each data set."""
  names = list(
    dict.fromkeys(
      score.name
      for each in found.values()
      for one in each.values()
      for score in one.scores
    )
  )
  rows = [['metric', *found]]
  for name in names:
    cells = []
    for each in found.values():
      values = [
        {score.name: score.value for score in one.scores}.get(name)
        for one in each.values()
      ]
      if values[0] == values[1]:
        values = [values[0], values[2]]
      cells.append(
        ' / '.join(
          '-' if v is None else f'{round(v, 3) + 0:.3g}' for v in values
        )
      )
    rows.append([name, *cells])
  return rows


def main() -> None:
  """Scores truth and noise on every data set; `--out` writes the table."""
  parser = argparse.ArgumentParser(description='metrics of truth and noise')
  stored.add_flags(parser)
  parser.add_argument('--boosting', action='store_true')
  args = parser.parse_args()
  stored.begin(args)
  names = metrics.chosen('fast') + ['dci'] * args.boosting
  found = {}
  for name, variant in SHIPPED:
    title = f'{name}:{variant}' if variant else name
    found[title] = scored(factors_of(name, variant), ','.join(names))
    print(title, {k: v.skipped for k, v in found[title].items()}, flush=True)
  header, *rows = table(found)
  for row in [header, *rows]:
    print('  '.join(row))
  note = (
    'Truth / truth with as many bins as the largest factor has values, where '
    'that differs / noise. 10,000 and 5,000 points, one seed.'
  )
  measured = {
    f'{title}: {score.name}': 10_000
    for title, each in found.items()
    for one in each.values()
    for score in one.scores
  }
  stored.put_bench(args, stored.bench(header, rows, note, measured))


if __name__ == '__main__':
  sys.exit(exit_code(main))
