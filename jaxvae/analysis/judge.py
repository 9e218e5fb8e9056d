"""An independent classifier, to judge what generative models draw.

  python -m jaxvae.analysis.judge RUN --out judge.npz

Two convolutions and a dense layer, trained on the training split of a run's
data, whose images are shifted by up to two pixels, so that it judges shapes and
not places. It shares nothing with the models that it judges. The weights are an
npz of arrays; the same seed gives the same ones.
"""

import argparse
import pathlib
import sys
import zipfile
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxvae
from jaxvae import data, keys
from jaxvae.errors import UserError, exit_code
from jaxvae.nets.convnet import ConvEncoder
from jaxvae.nets.shift import shifted
from jaxvae.report import files

SHIFT = 2  # pixels
MAKE = 'python -m jaxvae.analysis.judge RUN --out judge.npz'
STEPS, BATCH = 4_000, 128
RATE = 2e-3


def network(classes: int) -> ConvEncoder:
  """The classifier: image `[b, h, w, c]` -> scores `[b, classes]`."""
  return ConvEncoder((32, 64), (4, 4), (256,), classes)


def train(
  images: np.ndarray,
  labels: np.ndarray,
  classes: int,
  seed: int = 0,
  steps: int = STEPS,
) -> Any:
  """Parameters of `network`, trained.

  Args:
    images: `[n, h, w, c]` in [0, 1].
    labels: `[n]` classes.
    classes: how many.
    seed: of everything random.
    steps: of training.
  """
  net, root = network(classes), jax.random.key(seed)
  rate = optax.cosine_decay_schedule(RATE, steps)
  tx = optax.adamw(rate, weight_decay=1e-2)
  params = net.init(keys.stream(root, 'init'), jnp.asarray(images[:1]))[
    'params'
  ]

  def loss(params, image, label):
    scores = net.apply({'params': params}, image)
    return jnp.mean(
      optax.losses.softmax_cross_entropy_with_integer_labels(scores, label)
    )

  @jax.jit
  def step(params, state, image, label, at):
    image = shifted(keys.stream(root, 'shift', at), image, SHIFT)
    gradient = jax.grad(loss)(params, image, label)
    change, state = tx.update(gradient, state, params)
    return optax.apply_updates(params, change), state

  state = tx.init(params)
  rng = np.random.default_rng(seed)
  each = len(images) // BATCH
  for at in range(steps):
    if at % each == 0:
      order = rng.permutation(len(images))
    chosen = order[at % each * BATCH :][:BATCH]
    params, state = step(params, state, images[chosen], labels[chosen], at)
  return jax.device_get(params)


def reader(params: Any) -> Callable[[np.ndarray], np.ndarray]:
  """Images `[n, h, w, c]` -> log-probabilities `[n, classes]`, in batches."""
  net = network(len(params['head']['bias']))

  @jax.jit
  def scores(params, image):
    return jax.nn.log_softmax(net.apply({'params': params}, image))

  def read(images):
    parts = [images[at : at + 1_000] for at in range(0, len(images), 1_000)]
    return np.concatenate([np.asarray(scores(params, part)) for part in parts])

  return read


def features(params: Any) -> Callable[[np.ndarray], np.ndarray]:
  """Images `[n, h, w, c]` -> what the dense layer makes of them, `[n, 256]`."""
  net = network(len(params['head']['bias']))

  @jax.jit
  def dense(params, image):
    _, state = net.apply(
      {'params': params},
      image,
      capture_intermediates=lambda module, _: module.name == 'dense0',
    )
    (found,) = state['intermediates']['dense0']['__call__']
    return jax.nn.relu(found)

  def read(images):
    parts = [images[at : at + 1_000] for at in range(0, len(images), 1_000)]
    return np.concatenate([np.asarray(dense(params, part)) for part in parts])

  return read


def save(path: pathlib.Path, params: Any) -> None:
  """Writes the parameters as arrays by name."""
  leaves = jax.tree_util.tree_leaves_with_path(params)
  with files.replacing(path) as unfinished:
    arrays = {'/'.join(str(k.key) for k in at): x for at, x in leaves}
    np.savez(unfinished, **arrays)


def load(path: pathlib.Path) -> Any:
  """The parameters that `save` wrote.

  Raises:
    UserError: there is no such file, or it is something else.
  """
  tree: dict[str, Any] = {}
  try:
    with np.load(path) as held:
      for name in held.files:
        layer, _, leaf = name.partition('/')
        tree.setdefault(layer, {})[leaf] = held[name]
  except (OSError, ValueError, zipfile.BadZipFile) as error:
    raise UserError(f'{path} cannot be read as an npz', hint=MAKE) from error
  if 'bias' not in tree.get('head', {}):
    raise UserError(f'{path} holds no judge', hint=MAKE)
  return tree


def labelled(config: Any, split: str) -> tuple[np.ndarray, np.ndarray, int]:
  """Images, classes and their number, of data with one factor of classes.

  Raises:
    UserError: the data have none, or several factors.
  """
  source = data.open_source(config.data, split=split, batch_size=2, seed=0)
  factors = source.spec.factors
  if len(factors) != 1 or factors[0].topology != 'points':
    raise UserError(
      f'{source.spec.title} has {len(factors)} factors; a judge needs data'
      ' with one label of classes'
    )
  images, classes = source.examples(np.arange(source.spec.size))
  return images, classes[:, 0], factors[0].size


def main() -> None:
  """Trains, tests and writes a judge."""
  parser = argparse.ArgumentParser(description='an independent classifier')
  parser.add_argument('run', help='a work directory; its data are learned')
  parser.add_argument('--out', required=True, type=pathlib.Path, help='an npz')
  parser.add_argument('--seed', type=int, default=0)
  parser.add_argument('--write', action='store_true', help='over a file')
  args = parser.parse_args()
  if args.out.suffix != '.npz':
    parser.error(f'--out={args.out}; allowed: a file NAME.npz')
  if args.out.exists() and not args.write:
    raise UserError(f'{args.out} is there already', hint='--write replaces it')
  config = jaxvae.load(args.run).config
  images, labels, classes = labelled(config, 'train')
  params = train(images, labels, classes, args.seed)
  images, labels, _ = labelled(config, 'test')
  right = reader(params)(images).argmax(axis=1) == labels
  save(args.out, params)
  print(f'{right.mean():.2%} of {len(right):,} test images right: {args.out}')


if __name__ == '__main__':
  sys.exit(exit_code(main))
