"""The whole training step: ours, Flax's own layers, and a peer, in turn.

  python -m jaxvae.bench.step --peer PyTorch 'python torch_baseline.py 64 40'

Each leg is a process of its own, so that all have the same allocator and no
leg warms another's caches. The legs run in turn for `--rounds` rounds; medians
of the milliseconds per step are printed with the ratio of images per second to
the best peer. A peer is any command that prints `NUMBER ms/step`.

The network is the one of the peers' usual benchmark: 4x4 convolutions of 32,
32, 64 and 64 channels, one dense layer of 256, ten latents, batch 64, Adam.
The floor is its 6.2 GFLOP of matrix products per step.
"""

import argparse
import os
import re
import shlex
import statistics
import subprocess
import sys
import time

import jax
import numpy as np

from jaxvae import config as schema
from jaxvae import objectives, schedules
from jaxvae.errors import exit_code
from jaxvae.model import build
from jaxvae.report import stored
from jaxvae.structs import Batch
from jaxvae.train import sharding, state, step

NET = "locatello(kernels=(4, 4, 4, 4), lowering='{}')"
LEGS = {
  'ours': 'matmul lowering, steps scanned in one call',
  'flax': "XLA convolutions, as Flax's own layers, a call per step",
}


HEADER = ['step', 'ms per step', 'range', 'images per second', 'ratio']


def measure(leg: str, batch: int, steps: int) -> float:
  """Milliseconds per step of one leg, after compilation and a warm-up call.

  Args:
    leg: 'ours' or 'flax'.
    batch: images a step.
    steps: measured steps.
  """
  config = schema.default()
  config.net = NET.format('matmul' if leg == 'ours' else 'xla')
  config.hyper.beta = 4.0
  model = build(config, (64, 64, 1))
  tx = state.optimizer(config.optimizer)
  one = step.make_step(
    model,
    objectives.objective(config.objective),
    tx,
    {},
  )
  if leg == 'ours':
    scanned, many = 10, step.train_many(one, _decode)
  else:
    # XLA's convolutions are far slower inside a loop on a CPU: none here.
    scanned, many = 1, _single(one)
  many = jax.jit(many, donate_argnums=0)
  _, course = schedules.course(config.hyper, config.schedule)
  now = state.initial(model, tx, 0)
  rows = np.random.default_rng(0).random((4096, 64, 64, 1)) > 0.9
  rng = np.random.default_rng(1)

  def call(now):
    index = rng.integers(len(rows), size=(scanned, batch))
    now, metrics = many(now, rows[index].astype(np.uint8), (), course)
    metrics['loss'].block_until_ready()
    return now

  now = call(call(now))
  calls = max(1, steps // scanned)
  begun = time.perf_counter()
  for _ in range(calls):
    now = call(now)
  return (time.perf_counter() - begun) / (calls * scanned) * 1e3


def _single(one):
  def many(state, fetched, resident, course):
    return one(state, _decode(resident, fetched[0]), course)

  return many


def _decode(resident, image):
  del resident
  return Batch(image.astype(np.float32), np.zeros((len(image), 0), np.int32))


def main() -> None:
  """Prints a row per leg: median, spread, images per second, ratio."""
  parser = argparse.ArgumentParser(description='times the training step')
  parser.add_argument('--batch', type=int, default=64)
  parser.add_argument('--steps', type=int, default=40)
  parser.add_argument('--rounds', type=int, default=5)
  parser.add_argument(
    '--peer', nargs=2, action='append', default=[], metavar=('NAME', 'COMMAND')
  )
  stored.add_flags(parser)
  parser.add_argument(
    '--leg', choices=LEGS, help='measure one, in this process'
  )
  args = parser.parse_args()
  if args.leg:
    took = measure(args.leg, args.batch, args.steps)
    kind = jax.devices()[0].device_kind
    print(f'{took:.2f} ms/step on {jax.device_count()} x {kind}')
    return
  commands = {
    leg: f'{sys.executable} -m jaxvae.bench.step --leg={leg} '
    f'--batch={args.batch} --steps={args.steps}'
    for leg in LEGS
  } | dict(args.peer)
  stored.begin(args)
  times: dict[str, list[float]] = {name: [] for name in commands}
  device = ''
  for _ in range(args.rounds):
    for name, command in commands.items():
      printed = subprocess.run(
        shlex.split(command), capture_output=True, text=True, check=True
      ).stdout
      found = re.search(r'([0-9.]+) ms/step(?: on (.+))?', printed)
      if found is None:
        sys.exit(f'{name} printed no "NUMBER ms/step": {printed[-200:]!r}')
      times[name].append(float(found[1]))
      device = found[2] if name == 'ours' else device
  rows = [_row(name, each, times, args) for name, each in times.items()]
  for row in rows:
    print('  '.join(f'{cell:>14}' for cell in row[1:]), f' {row[0]}')
  note = (
    '4x4 convolutions of 32, 32, 64 and 64 channels and their transposes, '
    'dense layers of 256, ten latents, Adam: medians of '
    f'{args.rounds} rounds in turn, batch {args.batch}, '
    f'{sharding.cores()} cores, jax {jax.__version__}, glibc.malloc.hugetlb='
    f'{"1" if "hugetlb=1" in os.environ.get("GLIBC_TUNABLES", "") else "0"}'
    f' for all; the ratio is of images per second, round by round, to the '
    f'best peer of that round.'
  )
  where = stored.machine(f'{device}, {sharding.cores()} cores')
  measured = {
    f'{LEGS.get(name, name)}; batch {args.batch}; {where}': (
      args.rounds * args.steps
    )
    for name in commands
  }
  stored.put_bench(args, stored.bench(HEADER, rows, note, measured))


def _row(name, each, times, args) -> list[str]:
  # Round by round, so that a machine whose speed drifts does not decide.
  peers = [peer for peer, _ in args.peer] or ['ours']
  best = [min(times[p][i] for p in peers) for i in range(args.rounds)]
  ratio = statistics.median(b / t for b, t in zip(best, each, strict=True))
  middle = statistics.median(each)
  return [
    LEGS.get(name, name),
    f'{middle:.1f}',
    f'{min(each):.1f} to {max(each):.1f}',
    f'{args.batch / middle * 1e3:.0f}',
    f'{ratio:.2f}',
  ]


if __name__ == '__main__':
  sys.exit(exit_code(main))
