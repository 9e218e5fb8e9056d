"""Divergences: what the mathematics of a slot costs, and its share of a step.

  python -m jaxvae.bench.latent

On one core. For each slot, 2^15 posteriors: the time of their divergences from
the prior and of the gradients with respect to the encoder's numbers, how many
that is a second, and the ratio to the cheapest, ten independent Gaussians, per
number that the encoder gives. For two configs, the part of a training step that
the latent space costs: sampling, coding and divergence, forward and backward,
beside the whole step. Medians of `--rounds` rounds in turn.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jaxvae import config as schema
from jaxvae import keys, objectives, schedules
from jaxvae.errors import exit_code
from jaxvae.latent.product import LatentSpace
from jaxvae.latent.slots import latent_space
from jaxvae.model import build
from jaxvae.report import stored
from jaxvae.structs import Batch, Hyper
from jaxvae.train import state, step

COUNT = 2**15
SLOTS = (
  'gaussian(10)',
  'tilted(2, tau=10.)',
  'tilted(10, tau=10.)',
  'loop',
  "loop('power_spherical')",
  'loop(tau=10.)',
  'segment',
  "segment('smooth')",
  "segment('kumaraswamy')",
  'points(4)',
  "points(4, kind='mixture')",
  "points(4, kind='concrete')",
  'mixture(10, 2)',
  'quantized(10, 8)',
)
PRODUCT = 'loop + loop + loop + segment + points(4) + segment + loop'  # rooms3d
STEPS = {
  f'{PRODUCT}, locatello, 64x64x3': (PRODUCT, 'locatello', 'gaussian'),
  'gaussian(10), locatello, 64x64x3': ('gaussian(10)', 'locatello', 'gaussian'),
}
HEADER = [
  'what',
  'ms for 2^15',
  'range',
  'million a second',
  'ratio per encoder number',
]


def divergences(space: LatentSpace, hyper: Hyper) -> Callable:
  """(encoder numbers `[n, p]`, key) -> the sum of all divergences in nats."""
  key = jax.random.key(0)
  learned = tuple(
    None if slot.learned is None else slot.learned(key) for slot in space.slots
  )

  def total(numbers, key):
    q = space.posterior(numbers)
    # Exact divergences do not read the sample, and it is not computed.
    z = space.sample(key, q)
    return jnp.sum(space.kl(q, hyper, z, learned))

  return total


def latent_part(space: LatentSpace, hyper: Hyper) -> Callable:
  """(numbers `[b, p]`, key) -> all that a step computes of the latent space."""

  def total(numbers, key):
    q = space.posterior(numbers)
    z = space.sample(key, q)
    return jnp.sum(space.kl(q, hyper, z)) + jnp.sum(space.code(z))

  return total


def seconds(function: Callable, *args) -> float:
  """Of one call, the best of three, after compilation."""
  jax.block_until_ready(function(*args))
  found = []
  for _ in range(3):
    begun = time.perf_counter()
    jax.block_until_ready(function(*args))
    found.append(time.perf_counter() - begun)
  return min(found)


def repeated(function: Callable, times: int) -> Callable:
  """The gradient of `function`, so many times in one compiled call."""

  def many(numbers, key):
    def body(numbers, i):
      slope = jax.grad(function)(numbers, keys.stream(key, 'noise', i))
      # The next one needs it, so that none is left out.
      return numbers - 1e-6 * slope, None

    return jax.lax.scan(body, numbers, jnp.arange(times))[0]

  return jax.jit(many)


def whole_step(latent: str, net: str, likelihood: str, batch: int) -> Callable:
  """A call of ten training steps on random images."""
  config = schema.default()
  config.latent, config.net, config.likelihood = latent, net, likelihood
  model = build(config, (64, 64, 3))
  tx = state.optimizer(config.optimizer)
  one = step.make_step(model, objectives.objective(config.objective), tx, {})
  factors = jnp.zeros((batch, 0), jnp.int32)
  many = jax.jit(step.train_many(one, lambda _, image: Batch(image, factors)))
  _, course = schedules.course(config.hyper, config.schedule)
  begin = state.initial(model, tx, 0)
  images = np.random.default_rng(0).random((10, batch, 64, 64, 3), np.float32)
  return lambda: many(begin, images, (), course)


def measure(rounds: int, batch: int) -> dict[str, list[float]]:
  """Milliseconds by name, a number for each round."""
  hyper = schedules.targets(schema.default().hyper)
  key, legs = jax.random.key(0), {}
  for text in SLOTS:
    space = latent_space(text)
    numbers = jax.random.normal(key, (COUNT, space.params_dim))
    compiled = jax.jit(jax.value_and_grad(divergences(space, hyper)))
    legs[text] = 1e3, compiled, numbers, key
  for name, (text, *rest) in STEPS.items():
    space = latent_space(text)
    numbers = jax.random.normal(key, (batch, space.params_dim))
    part = repeated(latent_part(space, hyper), 100)
    legs[f'latent part of {name}'] = 1e1, part, numbers, key
    legs[f'step of {name}'] = 1e2, whole_step(text, *rest, batch)
  found: dict[str, list[float]] = {name: [] for name in legs}
  for _ in range(rounds):
    for name, (scale, function, *args) in legs.items():
      found[name].append(scale * seconds(function, *args))
  return found


def rows(times: dict[str, list[float]]) -> list[list[str]]:
  """A row per slot, then one per config with the latent space's share."""
  least = statistics.median(times[SLOTS[0]])
  least /= latent_space(SLOTS[0]).params_dim
  table = []
  for text in SLOTS:
    middle = statistics.median(times[text])
    each = middle / latent_space(text).params_dim
    table.append(
      [
        text,
        f'{middle:.1f}',
        f'{min(times[text]):.1f} to {max(times[text]):.1f}',
        f'{COUNT / middle / 1e3:.2f}',
        f'{each / least:.1f}',
      ]
    )
  for name in STEPS:
    part, whole = times[f'latent part of {name}'], times[f'step of {name}']
    shares = [100 * a / b for a, b in zip(part, whole, strict=True)]
    table.append(
      [
        f'share of a step: {name}',
        f'{statistics.median(part):.3f} of {statistics.median(whole):.1f}',
        f'{min(shares):.2f} to {max(shares):.2f} %',
        '',
        f'{statistics.median(shares):.2f} %',
      ]
    )
  return table


def main() -> None:
  """Prints the table; `--out` writes it for the documentation."""
  parser = argparse.ArgumentParser(description='times the latent spaces')
  parser.add_argument('--rounds', type=int, default=5)
  parser.add_argument('--batch', type=int, default=64)
  stored.add_flags(parser)
  args = parser.parse_args()
  # Before the first computation, which starts a thread for each core.
  os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
  device = stored.machine(f'one core, {jax.default_backend()}')
  measured = {
    f'{text}; {COUNT:,} posteriors; {device}': args.rounds for text in SLOTS
  }
  for name in STEPS:
    measured[f'{name}; batch {args.batch}; {device}'] = args.rounds
  stored.begin(args, measured)
  table = rows(measure(args.rounds, args.batch))
  for row in [HEADER, *table]:
    print('  '.join(f'{cell:>18}' for cell in row[1:]), f' {row[0]}')
  note = (
    f'Divergences and their gradients on one core, float32, medians of '
    f'{args.rounds} rounds in turn, jax {jax.__version__}; last rows: '
    f'milliseconds of the latent space and of the whole step, batch '
    f'{args.batch}, and its share.'
  )
  stored.put_bench(args, stored.bench(HEADER, table, note, measured))


if __name__ == '__main__':
  sys.exit(exit_code(main))
