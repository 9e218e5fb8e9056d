"""Weak supervision: which images have labels, and how often they are seen.

Exactly round(fraction * size) images are labelled, the same ones for as long as
the seed is the same. A fixed part of each batch is drawn from them, without
which a labelled image among a hundred would be seen once in a while; the rest
is drawn from all images, and those of them that happen to be labelled are.
"""

import functools

import numpy as np

from jaxvae.data import batches
from jaxvae.errors import UserError


@functools.lru_cache(maxsize=8)
def chosen(seed: int, size: int, fraction: float, pick: str) -> np.ndarray:
  """The labelled images, `[n]` ascending positions.

  Args:
    seed: of the run.
    size: images in the split.
    fraction: of them that are labelled, from 0 to 1.
    pick: 'random', or 'even': evenly spaced in the order of the data.

  Raises:
    UserError: the fraction is of less than one image.
  """
  count = round(fraction * size)
  if count < 1:
    raise UserError(
      f'labels.fraction={fraction} of {size:,} images is not one image',
      hint=f'at least {1 / size:.2g}; 0 for no labels',
    )
  if pick == 'even':
    return np.floor(np.arange(count) * (size / count)).astype(np.int64)
  rng = np.random.default_rng([seed, size, count])
  return np.sort(rng.choice(size, count, replace=False))


def balanced(seed: int, classes: np.ndarray, fraction: float) -> np.ndarray:
  """Labelled images, as many of each class, `[n]` ascending positions.

  Where the number does not divide, some classes have one more, and where a
  class has too few images, it has all of them and the number is smaller.

  Args:
    seed: of the run.
    classes: `[size, f]` of the split; a class is a combination of all factors.
    fraction: of the images that are labelled.

  Raises:
    UserError: the fraction is of fewer images than there are classes.
  """
  count = round(fraction * len(classes))
  _, which = np.unique(classes, axis=0, return_inverse=True)
  which = which.reshape(-1)
  groups = int(which.max()) + 1
  if count < groups:
    raise UserError(
      f'labels.fraction={fraction} is {count:,} images, fewer than the'
      f" {groups:,} classes that labels.pick='balanced' shares them among",
      hint=f'at least {groups / len(classes):.2g}',
    )
  rng = np.random.default_rng([seed, len(classes), count])
  order = rng.permutation(len(classes))
  each = np.full(groups, count // groups)
  each[rng.permutation(groups)[: count % groups]] += 1
  picked = [order[which[order] == g][:n] for g, n in enumerate(each)]
  return np.sort(np.concatenate(picked)).astype(np.int64)


def positions(
  seed: int,
  batch_size: int,
  size: int,
  part: tuple[int, int],
  known: np.ndarray,
  share: float,
  first: int,
  count: int,
) -> np.ndarray:
  """As `batches.positions`, with the last rows drawn from the labelled images.

  Args:
    seed, batch_size, size, part, first, count: as there.
    known: from `chosen`.
    share: of the batch that is drawn from them; at least one row.
  """
  told = min(max(1, round(share * batch_size)), batch_size - 1)
  whole = (0, 1)
  free = batches.positions(seed, batch_size - told, size, whole, first, count)
  # Another seed, or both sequences would begin with one permutation where all
  # images are labelled.
  drawn = batches.positions(seed + 2**32, told, len(known), whole, first, count)
  both = np.concatenate([free, known[drawn].astype(free.dtype)], axis=1)
  which, parts = part
  each = batch_size // parts
  return both[:, which * each : (which + 1) * each]


def is_known(known: np.ndarray, where: np.ndarray) -> np.ndarray:
  """Which of the positions `[...]` are labelled, bool."""
  at = np.minimum(np.searchsorted(known, where), len(known) - 1)
  return known[at] == where
