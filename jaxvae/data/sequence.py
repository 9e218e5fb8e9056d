"""Which images training sees in which order: all, in pairs, some labelled."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxvae.data import batches, pairs, twins
from jaxvae.data import labels as weak
from jaxvae.data.factors import FactorGrid
from jaxvae.errors import UserError


def of(
  data_config: Any,
  labels: Any,
  spec: Any,
  seed: int,
  batch_size: int,
  part: tuple[int, int],
  classes: Callable[[], np.ndarray],
  images: twins.Images | None = None,
) -> tuple[batches.Positions, np.ndarray | None]:
  """Which images the steps see, and which images are labelled, if any.

  Args:
    data_config: its `pairs` and `holdout`.
    labels: with the keys fraction, share and pick; None for no labels.
    spec: of the split.
    seed, batch_size, part: as of `batches.positions`.
    classes: gives the factors `[size, f]` of all images.
    images: of the split, see `trained_on`.

  Raises:
    UserError: the data have no pairs, or not one label.
  """
  told = labels is not None and labels.fraction > 0
  if data_config.pairs:
    if told or data_config.holdout:
      other = 'labels.fraction' if told else 'data.holdout'
      raise UserError(
        f'data.pairs={data_config.pairs} and {other} above 0; allowed: one of'
        ' them'
      )
    grid = FactorGrid(spec.factors) if spec.grid else None
    pairs.check(grid, batch_size, data_config.pairs)
    return functools.partial(
      pairs.positions, seed, batch_size, grid, part, data_config.pairs
    ), None
  seen = trained_on(spec.size, data_config.holdout, images)
  size = spec.size if seen is None else len(seen)
  known = None
  if told and labels.pick == 'balanced':
    if real := [x for x in spec.factors if x.span or x.unknown]:
      raise UserError(
        f"labels.pick='balanced' and the factor {real[0].name},"
        f' {real[0].about}; allowed: classes that are all known',
        hint='labels.pick=random',
      )
    every = classes()
    every = every if seen is None else every[seen]
    known = weak.balanced(seed, every, labels.fraction)
  elif told:
    known = weak.chosen(seed, size, labels.fraction, labels.pick)
  if known is None:
    order = functools.partial(batches.positions, seed, batch_size, size, part)
  else:
    order = functools.partial(
      weak.positions, seed, batch_size, size, part, known, labels.share
    )
  if seen is None:
    return order, known
  return (
    lambda first, count: seen[order(first, count)],
    None if known is None else seen[known],
  )


@functools.lru_cache(maxsize=2)
def held_out(size: int, fraction: float) -> np.ndarray | None:
  """Images that only evaluation sees, the same for all seeds.

  Args:
    size: images in the split.
    fraction: of them, rounded to a number of images.

  Returns:
    Ascending positions `[n]`, or None if the fraction is 0.

  Raises:
    UserError: the fraction is of less than one image.
  """
  if not fraction:
    return None
  count = round(fraction * size)
  if count < 1:
    raise UserError(
      f'data.holdout={fraction} of {size:,} images is not one image',
      hint=f'at least {1 / size:.2g}; 0 for none',
    )
  rng = np.random.default_rng([size, count])
  return np.sort(rng.choice(size, count, replace=False))


@functools.lru_cache(maxsize=2)
def trained_on(
  size: int, fraction: float, images: twins.Images | None = None
) -> np.ndarray | None:
  """The other images but for their twins; None if none are held out.

  Args:
    size, fraction: as of `held_out`.
    images: of the split, of which those that are the same as one that is held
      out are left out too; None: they are not looked for.

  Returns:
    Ascending positions `[n]` int32.

  Raises:
    UserError: every image is the same as one that is held out.
  """
  held = held_out(size, fraction)
  if held is None:
    return None
  first = None if images is None else twins.first(images)
  out = np.zeros(size, bool)
  if first is None:
    out[held] = True
  else:
    out[first[held]] = True
    out = out[first]
  if out.all():
    raise UserError(
      f'data.holdout={fraction}: each of the {size:,} images is the same as'
      ' one that is held out, and none is left to train on',
      hint='hold out fewer, or look for copies among the images',
    )
  return np.flatnonzero(~out).astype(np.int32)


def with_labels(
  source: Any, where: batches.Positions, known: np.ndarray
) -> Any:
  """The source with `Batch.labelled`, which travels beside what it fetched."""

  def fetch(first, count):
    told = weak.is_known(known, where(first, count))
    return source.fetch(first, count), told

  def decode(resident, fetched):
    found, told = fetched
    return source.decode(resident, found)._replace(labelled=told)

  return source._replace(fetch=fetch, decode=decode)
