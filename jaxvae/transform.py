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
import re
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from absl import flags

from jaxvae import checked, classes, cli, evaluate, pretrained
from jaxvae import config as schema
from jaxvae.data import Factor
from jaxvae.errors import UserError
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
  factors = {one.name: one for one in run.factors if one.name in told}
  to = parsed('--to', _TO.value, factors)
  only = parsed('--only', _ONLY.value, factors)
  count = checked.whole('--count', _COUNT.value, 1)
  steps = checked.whole('--steps', _STEPS.value, 2)
  images = _images(run.config, overrides, only, count)
  strips = run.transform(images, to, steps)
  out = pathlib.Path(
    _OUT.value or pathlib.Path(_WORKDIR.value, 'figures', 'transform')
  )
  out.parent.mkdir(parents=True, exist_ok=True)
  said = ', '.join(factors[name].called(label) for name, label in to.items())
  title = f'{run.title}: to {said}'
  shares = np.linspace(0.0, 1.0, steps)
  figures.grid(
    out.with_suffix('.png'),
    np.concatenate([images[:, None], strips], axis=1),
    [f'image {i}' for i in range(len(images))],
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


def parsed(
  flag: str, text: str, factors: Mapping[str, Factor]
) -> dict[str, int]:
  """'4' or 'shape=heart, scale=5' as classes by factor.

  Args:
    flag: whose value it is, for messages.
    text: what was given; empty for nothing.
    factors: those that the model is told, by name.

  Raises:
    UserError: not that, or a class that there is not.
  """
  found: dict[str, Any] = {}
  for part in filter(None, map(str.strip, text.split(','))):
    factor, equals, label = part.rpartition('=')
    if not equals and len(factors) == 1:
      factor = next(iter(factors))
    elif not equals:
      raise UserError(
        f'{flag}={text!r}; allowed: FACTOR=CLASS, for {", ".join(factors)}'
      )
    # A folder may be called 7: a name comes before a number.
    known = factor in factors and label in factors[factor].classes
    number = re.fullmatch(r'[+-]?\d+', label) and not known
    found[factor] = int(label) if number else label
  numbers = checked.labels(found, factors, 1)
  return {factor: int(number[0]) for factor, number in numbers.items()}


def _images(config, overrides, only, count) -> np.ndarray:
  """The first `count` images that are evaluated, of the classes `only`."""
  free = {k: v for k, v in overrides.items() if k.startswith('data.')}
  if other := sorted(overrides.keys() - free.keys()):
    raise UserError(f'config.{other[0]} is of the run; allowed: config.data.*')
  config = schema.override(config.copy_and_resolve_references(), free)
  source, index, _ = evaluate.points(config)
  names = [factor.name for factor in source.spec.factors]
  images, factors = source.examples(index)
  keep = np.ones(len(images), bool)
  for factor, label in only.items():
    keep &= factors[:, names.index(factor)] == label
  if not keep.any():
    raise UserError(f'no image is of the class --only={_ONLY.value}')
  return images[keep][:count]


if __name__ == '__main__':
  sys.exit(cli.run(main, sys.argv))
