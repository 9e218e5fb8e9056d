"""Why a conditional VAE drew one image per class: a gradient that was cut.

  python -m jaxvae.analysis.cut RUN --out results/cut.json

A notebook that many have learned from put the label beside the features, and
beside the latents, with NumPy. Nothing is differentiated through that: the
reconstruction teaches the decoder alone, the layers below the label learn
nothing, and those above it only that the divergence be small, so the posterior
falls to the prior. Here the same model, data and seeds are trained with the
whole gradient and with that one, from a run of `configs/mnist_conditional.py`.
"""

import argparse
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxvae
from jaxvae import config as schema
from jaxvae import data, keys, schedules
from jaxvae.analysis import judge
from jaxvae.analysis.style import spread
from jaxvae.classes import labels as told
from jaxvae.classes import slots
from jaxvae.errors import UserError, exit_code
from jaxvae.latent.slots import latent_space
from jaxvae.model import Model, build
from jaxvae.report import stored, table

STEPS, SEEDS = 1_500, 5
RATE = 1e-3
DRAWN = 100  # images of each class


def halves(model: Model, hyper: Any, params: Any, batch: Any, key: Any) -> Any:
  """The gradients of the reconstruction, and of all else."""

  def reconstruction(params):
    outputs = model.outputs(params, batch, hyper, key, training=True)
    return -jnp.mean(outputs.log_likelihood)

  def rest(params):
    outputs = model.outputs(params, batch, hyper, key, training=True)
    kl = hyper.beta * jnp.mean(jnp.sum(outputs.kl, axis=-1))
    return kl + sum(jnp.mean(term) for term in outputs.penalties.values())

  return jax.grad(reconstruction)(params), jax.grad(rest)(params)


def without(reconstruction: Any, rest: Any) -> Any:
  """Both, as where the label is put beside features and latents by NumPy."""
  nothing = jax.tree.map(jnp.zeros_like, rest['encoder']['features'])
  encoder = rest['encoder'] | {'features': nothing}
  whole = jax.tree.map(jnp.add, reconstruction, rest)
  return whole | {'encoder': encoder}


def trained(
  model: Model,
  config: Any,
  source: Any,
  seed: int,
  cut: bool,
  steps: int = STEPS,
) -> tuple[Any, dict[str, float]]:
  """Parameters, and reconstruction and KL over the last 100 batches."""
  hyper = schedules.targets(config.hyper)
  root = jax.random.key(seed)
  params = model.init(keys.stream(root, 'init'))
  tx = optax.adam(RATE)

  @jax.jit
  def step(params, state, fetched, at):
    batch = source.decode(source.resident, fetched)
    key = keys.stream(root, 'train', at)
    reconstruction, rest = halves(model, hyper, params, batch, key)
    gradient = jax.tree.map(jnp.add, reconstruction, rest)
    if cut:
      gradient = without(reconstruction, rest)
    change, state = tx.update(gradient, state, params)
    outputs = model.outputs(params, batch, hyper, key)
    numbers = -jnp.mean(outputs.log_likelihood), jnp.mean(outputs.kl, axis=0)
    return optax.apply_updates(params, change), state, numbers

  state, last = tx.init(params), []
  for at in range(steps):
    fetched = jax.tree.map(lambda x: x[0], source.fetch(at, 1))
    params, state, numbers = step(params, state, fetched, at)
    last = [*last[-99:], numbers]
  latent = model.space.slots[0].latents  # After the label.
  return params, {
    'reconstruction': float(np.mean([one for one, _ in last])),
    'KL of style': float(np.mean([kl[latent:].sum() for _, kl in last])),
  }


def variety(model: Model, config: Any, params: Any, real: Any) -> float:
  """Mean distance of samples of a class over that of real images of it."""
  images, labels = real
  factor, (_, count) = next(iter(slots(model.space).items()))
  drawn_as = np.repeat(np.arange(count), DRAWN)
  z = model.space.sample_prior(
    jax.random.key(0),
    drawn_as.shape,
    schedules.targets(config.hyper),
    model.prior(params),
    told(model.space, {factor: drawn_as}, len(drawn_as)),
  )
  drawn = np.asarray(jax.jit(model.decode)(params, z))
  return spread(drawn, drawn_as) / spread(images, labels)


def main() -> None:
  """Trains both for each seed; prints the table, `--out` writes it."""
  parser = argparse.ArgumentParser(description='the cut gradient')
  parser.add_argument('run', help='of configs/mnist_conditional.py')
  stored.add_flags(parser)
  parser.add_argument('--seeds', type=int, default=SEEDS)
  args = parser.parse_args()
  config = jaxvae.load(args.run).config
  if not slots(latent_space(config.latent)):
    raise UserError(
      f'{args.run}: latent={config.latent!r} is told no label',
      hint='a run of configs/mnist_conditional.py',
    )
  images, labels, _ = judge.labelled(config, 'test')
  names = ('reconstruction', 'KL of style', 'variety')
  header = ['gradient', 'seeds', *names]
  kinds = (('whole', False), ('cut at the label', True))
  run = stored.run_name(schema.to_dict(config))
  measured = {
    f'{said}, seed {seed}; data and model of {run}': STEPS
    for said, _ in kinds
    for seed in range(args.seeds)
  }
  stored.begin(args, measured)
  body = []
  for said, cut in kinds:
    found = []
    for seed in range(args.seeds):
      source = data.open_source(
        config.data,
        split='train',
        batch_size=config.batch_size,
        seed=seed,
        labels=config.labels,
      )
      model = build(config, source.spec.image_shape, source.spec.factors)
      params, numbers = trained(model, config, source, seed, cut)
      real = images[:1_000], labels[:1_000]
      found.append(numbers | {'variety': variety(model, config, params, real)})
      print(said, seed, found[-1], flush=True)
    cells = [
      table.span([one[name] for one in found], digits)
      for name, digits in zip(names, ('.1f', '.2f', '.3f'), strict=True)
    ]
    body.append([said, str(args.seeds), *cells])
  note = f'{STEPS:,} steps each, beta {config.hyper.beta:g}.'
  for line in [header, *body]:
    print('  '.join(line))
  stored.put_bench(args, stored.bench(header, body, note, measured))


if __name__ == '__main__':
  sys.exit(exit_code(main))
