"""Eight seeds as one program, against eight runs one after another.

  python -m jaxvae.bench.ensemble --manual_dir=DIR --out results/ensemble.json

Each leg is a process of its own and goes through what training goes through:
data, compilation, calls of many steps, results back on the host. The legs run
in turn for `--rounds` rounds; the single leg of round k has seed k, so that the
rounds also show that member k of the ensemble is run k. Ratios are of images a
second, round by round: above 1 the ensemble is faster. With compilation counted
they are those of runs of `--length` steps.

The floor of a step is its matrix products at the speed of a large one: 2 x 3 x
batch x weights operations. What single runs leave of two cores is all that an
ensemble can win there; docs/ensembles.md does the arithmetic.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

import jax
import numpy as np

from jaxvae import config as schema
from jaxvae.errors import exit_code
from jaxvae.report import stored
from jaxvae.study import plan
from jaxvae.train import cost, setup, sharding

NETS = {
  'small': ('mlp(encoder=(500, 120), decoder=(120, 500))', 'mnist', 2, 100),
  'locatello': ('locatello', 'dsprites', 10, 10),
  'mlp': ('mlp', 'dsprites', 10, 10),
  # On an accelerator a convolution is XLA's, and with the weights of many
  # members a grouped one; this is what matrix products make of it there.
  'locatello_matmul': ("locatello(lowering='matmul')", 'dsprites', 10, 10),
}
HEADER = [
  'network',
  'one run, ms a step',
  'ensemble, ms a step and member',
  'ratio (low to high)',
  'with compilation',
  'MB, one run',
  'MB, ensemble',
  'of the floor',
  'difference at step 100',
]


def measure(name: str, seeds: list[int], args: argparse.Namespace) -> dict:
  """Compiles, trains and times one leg in this process.

  Args:
    name: a network of NETS.
    seeds: one is a run; several are an ensemble.
    args: of the command line.

  Returns:
    Seconds of compiling, seconds a step, peak megabytes, and the loss of each
    seed at step 100.
  """
  net, data, latents, scanned = NETS[name]
  scanned = args.scanned or scanned
  config = schema.default()
  config.net = net
  config.latent = f'gaussian({latents})'
  config.data.name = data
  config.data.data_dir = args.data_dir
  config.data.manual_dir = args.manual_dir
  config.lanes = args.lanes
  config.steps_per_call = scanned
  if len(seeds) > 1:
    sharding.one_device_per_core(sharding.cores())
  members = []
  for seed in seeds:
    member = config.copy_and_resolve_references()
    member.seed = seed
    members.append(member)
  ready = setup.set_up(members)
  state = setup.begin(ready)
  batches = setup.fetch(ready, 0, scanned)
  begun = time.perf_counter()
  many = ready.many.lower(
    state, batches, ready.resident, ready.course
  ).compile()
  compiling = time.perf_counter() - begun
  calls, step = [], 0
  on_cpu = jax.default_backend() == 'cpu'
  while step < max(args.steps, 100) + scanned:
    # As in training, what the host does overlaps with what the devices do.
    begun = time.perf_counter()
    state, results = many(state, batches, ready.resident, ready.course)
    step += scanned
    batches = setup.fetch(ready, step, scanned)
    loss = jax.device_get(results['loss'])
    calls.append(time.perf_counter() - begun)
    if step == 100:
      at_100 = np.atleast_2d(loss)[: len(seeds), -1]
  return {
    'compile': compiling,
    'step': statistics.median(calls[1:]) / scanned,
    'peak': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    'loss': dict(zip(map(str, seeds), map(float, at_100), strict=True)),
    'operations': cost.of_step(config).operations,
    # The devices of a CPU are its cores, which one product uses all.
    'speed': plan.speed() * (1 if on_cpu else jax.device_count()),
    'device': f'{jax.device_count()} x {jax.devices()[0].device_kind}',
  }


def main() -> None:
  """Runs the legs in turn; prints a row a network, and writes them."""
  parser = argparse.ArgumentParser(description='times ensembles')
  parser.add_argument('--members', type=int, default=8)
  parser.add_argument('--steps', type=int, default=200)
  parser.add_argument('--length', type=int, default=2_000)
  parser.add_argument('--rounds', type=int, default=3)
  parser.add_argument('--lanes', default='auto')
  parser.add_argument(
    '--scanned', type=int, default=0, help='steps in a call; divides 100'
  )
  parser.add_argument('--nets', nargs='+', choices=NETS, default=list(NETS)[:3])
  parser.add_argument('--data_dir', default='', help='prepared data')
  parser.add_argument('--manual_dir', default='', help='the files of MNIST')
  stored.add_flags(parser)
  parser.add_argument('--leg', help='NET:SEED,SEED: one, in this process')
  args = parser.parse_args()
  if args.leg:
    name, _, seeds = args.leg.partition(':')
    found = measure(name, [int(seed) for seed in seeds.split(',')], args)
    print(f'{json.dumps(found)}', flush=True)
    return
  stored.begin(args)
  rows, measured = [], {}
  for name in args.nets:
    rounds = []
    for number in range(args.rounds):
      single = _leg(args, name, [number])
      rounds.append((single, _leg(args, name, list(range(args.members)))))
    device = rounds[-1][1]['device']
    what = (
      f'{name}; {args.members} members; lanes {args.lanes}; runs of '
      f'{args.length:,} steps; {stored.machine(device)}'
    )
    measured[what] = args.rounds * args.steps
    rows.append(_row(name, rounds, args))
    print('  '.join(f'{cell:>16}' for cell in rows[-1]), flush=True)
  huge = 'hugetlb=1' in os.environ.get('GLIBC_TUNABLES', '')
  note = (
    f'{args.members} seeds, batch 64, Adam; medians of {args.rounds} rounds '
    f'in turn, {device}, {sharding.cores()} cores, jax {jax.__version__}, '
    f'glibc.malloc.hugetlb={int(huge)}. "With compilation" is of runs of '
    f'{args.length:,} steps. The floor: the matrix products of a step at '
    f'the speed of one of 1,024 x 1,024. The difference is relative, of the '
    f'loss of member k and of run k.'
  )
  stored.put_bench(args, stored.bench(HEADER, rows, note, measured))


def _leg(args: argparse.Namespace, name: str, seeds: list[int]) -> dict:
  command = [
    *(sys.executable, '-m', 'jaxvae.bench.ensemble'),
    *(f'--leg={name}:{",".join(map(str, seeds))}', f'--steps={args.steps}'),
    *(f'--data_dir={args.data_dir}', f'--lanes={args.lanes}'),
    *(f'--manual_dir={args.manual_dir}', f'--scanned={args.scanned}'),
  ]
  done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
  return json.loads(done.stdout.splitlines()[-1])


def _row(name, rounds, args) -> list[str]:
  ratios, counted, apart, floor = [], [], [], []
  for single, together in rounds:
    one, all_ = single['step'], together['step']
    ratios.append(args.members * one / all_)
    counted.append(
      args.members
      * (single['compile'] + args.length * one)
      / (together['compile'] + args.length * all_)
    )
    floor.append(
      args.members * together['operations'] / together['speed'] / all_
    )
    for seed, loss in single['loss'].items():
      apart.append(abs(together['loss'][seed] / loss - 1))

  def middle(side, key):
    return statistics.median(each[side][key] for each in rounds)

  return [
    name,
    f'{1e3 * middle(0, "step"):.2f}',
    f'{1e3 * middle(1, "step") / args.members:.2f}',
    f'{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})',
    f'{statistics.median(counted):.2f}',
    f'{middle(0, "peak"):.0f}',
    f'{middle(1, "peak"):.0f}',
    f'{statistics.median(floor):.2f}',
    f'{max(apart):.0e}',
  ]


if __name__ == '__main__':
  sys.exit(exit_code(main))
