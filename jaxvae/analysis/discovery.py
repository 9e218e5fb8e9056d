"""How often topology discovery is right, over the runs of a study.

  python -m jaxvae.study --study=studies/topology.py --workdir=runs/topology
  python -m jaxvae.analysis.discovery runs/topology --out results/discovery.json

Every latent of the study's runs was trained as a loop. Each run is judged by
`jaxvae.topology`, which sees no label, and each used latent is compared with
the factor that it was told or, where the data have one factor, with that one.
"""

import argparse
import collections
import pathlib
import sys
from collections.abc import Iterable
from typing import NamedTuple

from jaxvae.errors import exit_code
from jaxvae.latent.slots import latent_space
from jaxvae.report import stored
from jaxvae.topology import discover
from jaxvae.train import workdir

HEADER = ['data', 'factor', 'is', 'runs', 'right', 'verdicts']


class Judged(NamedTuple):
  """One latent of one run.

  Attributes:
    data: the variant of the data.
    factor: that the latent stands for.
    truth: its topology, as a slot: 'loop', 'segment', 'points(4)'.
    verdict: what discovery says, likewise, or 'unclear' or 'unused'.
  """

  data: str
  factor: str
  truth: str
  verdict: str


def judge(home: pathlib.Path) -> list[Judged]:
  """The latents of one run."""
  config = workdir.read_config(home)
  run = workdir.read_run(home)
  if config is None or run is None or run['status'] != 'completed':
    return []
  found = discover.discover(str(home))
  told = latent_space(config['latent']).factors
  factors = {name: (size, kind) for name, size, kind in found.factors}
  judged = []
  for row, factor in zip(found.rows, told, strict=True):
    factor = factor or next(iter(factors))
    size, kind = factors[factor]
    truth = f'points({size})' if kind == 'points' else kind
    judged.append(Judged(config['data']['variant'], factor, truth, row.says))
  return judged


def rows(judged: Iterable[Judged]) -> list[list[str]]:
  """A row for each factor of each data set, then one for each topology."""
  groups: dict[tuple[str, ...], list[Judged]] = {}
  for one in judged:
    groups.setdefault((one.data, one.factor, one.truth), []).append(one)
  totals: dict[tuple[str, ...], list[Judged]] = {}
  for (data, _, truth), each in groups.items():
    count = 'two factors' if '+' in data else 'one factor'
    totals.setdefault((f'all, {count}', '', truth), []).extend(each)
  table = []
  for names, each in [*groups.items(), *sorted(totals.items())]:
    counts = collections.Counter(one.verdict for one in each)
    said = ', '.join(f'{n} {verdict}' for verdict, n in counts.most_common())
    right = sum(one.verdict == one.truth for one in each)
    table.append([*names, str(len(each)), f'{right}', said])
  return table


def main() -> None:
  """Judges all runs of a study; prints the table, `--out` writes it."""
  parser = argparse.ArgumentParser(description='how often discovery is right')
  parser.add_argument('study', help='the directory of the study')
  stored.add_flags(parser)
  args = parser.parse_args()
  stored.begin(args)
  judged, measured = [], {}
  for home in sorted(pathlib.Path(args.study).glob('[0-9]*')):
    found = judge(home)
    judged += found
    for one in found:
      run = stored.run_name(workdir.read_config(home))
      measured[f'{one.data}, {one.factor}: {run}'] = 1
      print(home.name, one.data, one.factor, one.truth, '->', one.verdict)
  table = rows(judged)
  for row in [HEADER, *table]:
    print(' | '.join(row))
  note = (
    'Every latent was trained as a loop; verdicts without labels. Latents of '
    'two-factor data were told which factor is theirs by one image in fifty.'
  )
  stored.put_bench(args, stored.bench(HEADER, table, note, measured))


if __name__ == '__main__':
  sys.exit(exit_code(main))
