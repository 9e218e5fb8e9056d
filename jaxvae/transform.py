"""One class turned into another: `python -m jaxvae.transform --workdir=RUN`.

  --workdir=RUN                a run whose latents have a label or a head
  --to=4                       the class to go to, a number or, where classes
                               have names, a name; FACTOR=CLASS, with commas
                               between several, where it has more than one
  --only=1                     images of that class only, likewise
  --count=6                    images
  --steps=9                    on the way, both ends included
  --out=NAME                   the pictures; RUN/figures/transform by default
  --config.KEY=VALUE           data.*: where the data are now

Writes NAME.png, a strip for each image, and NAME.gif. Only the class changes:
what the decoder reads goes in a straight line from what the model says the
image is to the class, and the style is held. Exit codes: see jaxvae/errors.py.
"""

import pathlib
import sys
from collections.abc import Mapping

import numpy as np
from absl import flags

from jaxvae import checked, classes, cli, measured, pretrained
from jaxvae import config as schema
from jaxvae.errors import ResourceError, UserError
from jaxvae.latent.slots import latent_space
from jaxvae.report import figures, gif

_WORKDIR = flags.DEFINE_string('workdir', '', 'the run')
_TO = flags.DEFINE_string('to', '', 'the class to go to')
_ONLY = flags.DEFINE_string('only', '', 'images of that class only')
_COUNT = flags.DEFINE_integer('count', 6, 'images')
_STEPS = flags.DEFINE_integer('steps', 9, 'on the way')
_OUT = flags.DEFINE_string('out', '', 'the pictures, without an ending')


def main(overrides: Mapping[str, str]) -> int:
  """Does what the flags say; returns the exit code.

  Args:
    overrides: `--config.KEY=VALUE`, by key.
  """
  if not _WORKDIR.value or not _TO.value:
    missing = '--to' if _WORKDIR.value else '--workdir'
    raise UserError(
      f'no {missing} given', hint='see python -m jaxvae.transform --help'
    )
  run = pretrained.load(_WORKDIR.value)
  told = classes.slots(latent_space(run.config.latent))
  if not told:
    raise UserError(
      f'latent={run.config.latent!r} has no label and no head to change',
      hint='such as configs/mnist_conditional.py, configs/mnist_ksparse.py',
    )
  factors = {one.name: one for one in run.factors if one.name in told}
  to = checked.classes('--to', _TO.value, factors)
  only = checked.classes('--only', _ONLY.value, factors)
  count = checked.whole('--count', _COUNT.value, 1)
  steps = checked.whole('--steps', _STEPS.value, 2)
  out = pathlib.Path(
    _OUT.value or pathlib.Path(_WORKDIR.value, 'figures', 'transform')
  )
  try:
    out.parent.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise ResourceError(
      f'{out.parent} cannot be made: {error.strerror}', hint='--out=NAME'
    ) from error
  images, found = _images(run.config, overrides, only, count)
  strips = run.transform(images, to, steps)
  said = ', '.join(factors[name].called(label) for name, label in to.items())
  title = f'{run.title}: to {said}'
  shares = np.linspace(0.0, 1.0, steps)
  figures.grid(
    out.with_suffix('.png'),
    np.concatenate([images[:, None], strips], axis=1),
    [
      ', '.join(factors[name].called(row[name]) for name in to) for row in found
    ],
    ['image', *(f'{share:.0%}' for share in shares)],
    title,
    'of the way to the class in what the decoder reads, the style held',
  )
  gif.write_gif(
    out.with_suffix('.gif'),
    np.concatenate(list(strips), axis=2),
    scale=max(1, 128 // run.image_shape[0]),
  )
  print(f'figure and animation: {out.with_suffix(".png")}, .gif')
  return 0


def _images(
  config, overrides, only, count
) -> tuple[np.ndarray, list[dict[str, int]]]:
  """The first `count` images that are evaluated, of the classes `only`.

  With the classes of each, by factor.
  """
  free = {k: v for k, v in overrides.items() if k.startswith('data.')}
  if other := sorted(overrides.keys() - free.keys()):
    raise UserError(f'config.{other[0]} is of the run; allowed: config.data.*')
  config = schema.override(config.copy_and_resolve_references(), free)
  source, index, _ = measured.points(config)
  names = [factor.name for factor in source.spec.factors]
  images, factors = source.examples(index)
  keep = np.ones(len(images), bool)
  for factor, label in only.items():
    keep &= factors[:, names.index(factor)] == label
  if not keep.any():
    raise UserError(f'no image is of the class --only={_ONLY.value}')
  rows = factors[keep][:count].tolist()
  return images[keep][:count], [
    dict(zip(names, row, strict=True)) for row in rows
  ]


if __name__ == '__main__':
  sys.exit(cli.run(main, sys.argv))
