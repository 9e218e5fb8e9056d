"""Metrics against plain transcriptions of the reference's loops.

  python -m jaxvae.bench.metrics --out results/metrics_speed.json

Codes of all 737,280 points of dSprites' factors: ten latents, noisy mixtures of
them, as an encoder of middling quality gives. The BetaVAE and FactorVAE scores
draw 10,000 training and 5,000 test batches of 64 from this table, or from
10,000 rows of it; the other metrics read those 10,000 rows, and 5,000 more to
test on. Each metric and its loop (`jaxvae.bench.metric_loops`) run in turn on
the same codes, `--rounds` times; the fit of a classifier is part of both. A
ratio is of the times of one round, above 1 where ours is faster. Where there is
no loop the metric is timed alone, and the last rows are whole sets.
"""

import argparse
import functools
import statistics
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import sklearn

from jaxvae import metrics
from jaxvae.bench import metric_loops
from jaxvae.errors import exit_code
from jaxvae.metrics.beta_vae import beta_vae
from jaxvae.metrics.factor_vae import factor_vae
from jaxvae.metrics.irs import irs
from jaxvae.metrics.mig import mig
from jaxvae.metrics.sap import sap
from jaxvae.report import stored
from jaxvae.train import sharding

SIZES = (3, 6, 40, 32, 32)
LATENTS = 10
# Timed without a loop; of DCI the estimators that take seconds.
ALONE = (
  *('modularity', 'med', 'sap', 'explicitness', 'infomec', 'downstream_fast'),
  *('fairness_fast', 'dci_extra_trees', 'dci_forest', 'dci_lightgbm'),
  *('total_correlation', 'wasserstein', 'mutual_information'),
)
HEADER = [
  'metric',
  'ours, ms',
  'loop, ms',
  'ratio (low to high)',
  'value',
  'value of the loop',
]


class Leg(NamedTuple):
  """A metric and its loop, as calls without arguments that give a value.

  Attributes:
    name: of the row.
    ours: the metric of jaxvae.
    loop: the transcription; None where there is none to compare with.
    once: it takes so long that it is called once.
  """

  name: str
  ours: Callable[[], float]
  loop: Callable[[], float] | None = None
  once: bool = False


def encoded(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
  """Codes [737280, 10] float32 and factors [737280, 5] of the whole grid."""
  random = np.random.default_rng(seed)
  factors = np.indices(SIZES).reshape(len(SIZES), -1).T.copy()
  mixing = random.normal(scale=0.3, size=(len(SIZES), LATENTS))
  mixing[:, : len(SIZES)] += 0.3 * np.eye(len(SIZES))
  codes = (factors / np.array(SIZES) - 0.5) @ mixing
  codes += random.normal(scale=0.2, size=codes.shape)
  return codes.astype(np.float32), factors


def legs(seed: int = 0) -> list[Leg]:
  """What is compared, a line a metric."""
  codes, factors = encoded(seed)
  draw, encode = metric_loops.grid(SIZES, codes)
  rows = np.random.default_rng(seed + 1).integers(len(codes), size=10_000)
  few, told = codes[rows], factors[rows]
  other = np.random.default_rng(seed + 2).integers(len(codes), size=5_000)
  points = metrics.Points(few, told, codes[other], factors[other])
  return [
    Leg(
      'BetaVAE score, the grid',
      lambda: beta_vae(codes, factors).value,
      lambda: metric_loops.beta_vae(draw, encode)[1],
    ),
    Leg(
      'FactorVAE score, the grid',
      lambda: factor_vae(codes, factors).value,
      lambda: metric_loops.factor_vae(draw, encode)[1],
    ),
    # The same loops: they need the table, whatever ours is content with.
    Leg(
      'BetaVAE score, 10,000 points',
      lambda: beta_vae(few, told).value,
      lambda: metric_loops.beta_vae(draw, encode)[1],
    ),
    Leg(
      'FactorVAE score, 10,000 points',
      lambda: factor_vae(few, told).value,
      lambda: metric_loops.factor_vae(draw, encode)[1],
    ),
    Leg(
      'MIG',
      lambda: mig(few, told).value,
      lambda: metric_loops.mig(few, told),
    ),
    Leg(
      'SAP, continuous',
      lambda: sap(few, told, kind='continuous').value,
      lambda: metric_loops.sap_continuous(few, told),
    ),
    Leg(
      'IRS',
      lambda: irs(few, told).value,
      lambda: metric_loops.irs(few, told),
    ),
    *(
      Leg(
        name,
        functools.partial(first_value, points, name),
        once=name in ('dci_forest', 'dci_lightgbm'),
      )
      for name in (*ALONE, 'fast', 'quick')
    ),
  ]


def first_value(points: metrics.Points, names: str) -> float:
  """Runs metrics, of which the first says something."""
  return metrics.run(points, names).scores[0].value


def timed(function: Callable[[], float]) -> tuple[float, float]:
  """Milliseconds and the value."""
  begun = time.perf_counter()
  value = function()
  return 1e3 * (time.perf_counter() - begun), value


def measure(leg: Leg, rounds: int) -> list[str]:
  """The row of a metric; the first call of each is not counted."""
  ours, loops = [], []
  if not leg.once:
    leg.ours()
  for _ in range(1 if leg.once else rounds):
    ours.append(timed(leg.ours))
    if leg.loop is not None:
      loops.append(timed(leg.loop))
  time_ours, value = statistics.median(each[0] for each in ours), ours[0][1]
  if not loops:
    return [leg.name, f'{time_ours:.1f}', '', '', f'{value:.4f}', '']
  ratios = [b[0] / a[0] for a, b in zip(ours, loops, strict=True)]
  low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
  return [
    leg.name,
    f'{time_ours:.1f}',
    f'{statistics.median(each[0] for each in loops):.1f}',
    f'{middle:.1f} ({low:.1f} to {high:.1f})',
    f'{value:.4f}',
    f'{loops[0][1]:.4f}',
  ]


def main() -> None:
  """Prints a row a metric; `--out` writes them for the documentation."""
  parser = argparse.ArgumentParser(description='times the metrics')
  parser.add_argument('--rounds', type=int, default=5)
  parser.add_argument('--only', default='', help='a part of the names to run')
  stored.add_flags(parser)
  args = parser.parse_args()
  cores = sharding.cores()
  chosen = [leg for leg in legs() if args.only in leg.name]
  measured = {
    f'{leg.name}; {stored.machine(f"{cores} cores")}': (
      1 if leg.once else args.rounds
    )
    for leg in chosen
  }
  stored.begin(args, measured)
  rows = []
  for leg in chosen:
    rows.append(measure(leg, args.rounds))
    print('  '.join(f'{cell:>20}' for cell in rows[-1]), flush=True)
  note = (
    f'Medians of {args.rounds} rounds in turn, {cores} cores, numpy '
    f'{np.__version__}, scikit-learn {sklearn.__version__}; {LATENTS} latents, '
    f"float32, of dSprites' factors. BetaVAE and FactorVAE: 10,000 training "
    f'and 5,000 test batches of 64, the fit included; the loops draw by random '
    f'streams of their own, so that values agree up to chance. The others: '
    f'10,000 points, 5,000 to test on; of several scores the value of the '
    f'first. DCI by the forest and by LightGBM was timed once.'
  )
  stored.put_bench(args, stored.bench(HEADER, rows, note, measured))


if __name__ == '__main__':
  sys.exit(exit_code(main))
