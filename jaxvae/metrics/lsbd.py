"""D_LSBD [Tonnaer et al. 2022, arXiv:2011.06070, section 4].

How far codes are from being rotated, plane by plane, by what turns the data:
0 is linear symmetry-based disentanglement, about 1 is none. The only metric
here in which less is better and a circle is what is looked for.
"""

from collections.abc import Sequence

import numpy as np

from jaxvae.metrics import arrays
from jaxvae.metrics.circular import Folds, as_folds, said, times
from jaxvae.metrics.score import Score

# A second axis shorter than this part of all codes is no plane but rounding.
FLAT = 1e-13
MOST_TURNS = 1000


def d_lsbd(codes, frequencies: Sequence[int] = (-2, -1, 1, 2)) -> Score:
  """D_LSBD of a torus, on the full grid of its angles.

  For each cyclic factor g: the mean over its axis is taken away; the two
  principal axes of what remains are scaled to mean square 1/2 each (n - 1 in
  the variance); each point is turned back by k times its angle; D_g is the
  mean squared distance to the mean, at the best k. D_LSBD is the mean over g.
  This bounds the infimum over representations from above.

  The orientation of principal axes is arbitrary, so every k is tried with both
  signs. Where a factor does not move the codes in a plane (an angle as one
  scalar, a factor that is not encoded) there is no rotation to find: the
  reference gives NaN, here D_g is 1, that of no representation, with a note.

  Args:
    codes: [n1, ..., nG, columns]; along axis g the g-th angle goes once round
      in equal steps, the full turn excluded.
    frequencies: whole numbers k, how often the codes go round meanwhile.

  Returns:
    The score; per_factor: D_g. Details: frequency [G], without its sign.

  Raises:
    ValueError: NaN, no cyclic axis, an axis of fewer than three angles, no
      frequency or a fractional one.
  """
  codes = arrays.as_numbers(codes, 'codes')
  if codes.ndim < 2 or 0 in codes.shape:
    raise ValueError(
      'codes must be [angles, ..., columns] on the grid of the angles; '
      f'the shape is {list(codes.shape)}'
    )
  once = [np.ones((1, 1))] * (codes.ndim - 1)
  return _score(codes[None], frequencies, 'torus', once)


def d_lsbd_points(
  codes,
  factors,
  cyclic: Sequence[int],
  frequencies: Sequence[int] = (-2, -1, 1, 2),
  folds: Folds | None = None,
) -> Score:
  """D_LSBD of points that make a full grid, some factors of which are cyclic.

  With other factors beside the cyclic ones this is the reference's cylinder:
  for each combination of the others ('object') the torus is measured by itself
  and D_g is the mean. The frequency is shared by all objects, its sign is not,
  as it is in the authors' code: the value can be below theirs.

  An object that looks as before after 1/m of a turn cannot be encoded by its
  angle, but by m times its angle: the group that acts on its images is the
  rotations modulo those that leave it as it is. Its points are turned back by
  k m times the angle, with m from `folds`. Without them, codes that tell all
  that images tell score (n - 1) / n on every object but those of one m, n being
  the steps of a turn.

  Args:
    codes: [points, columns].
    factors: [points, factors] class numbers: each combination of the values
      that occur, once, in any order. The values of a cyclic factor are its
      equal steps, in their order.
    cyclic: which factors turn.
    frequencies: see `d_lsbd`.
    folds: m of a cyclic factor, for all points or for each class of a factor
      that is not cyclic; None: 1.

  Raises:
    ValueError: as `d_lsbd`; points that are no full grid; no such factor; folds
      that do not fit the factors.
  """
  codes, factors = arrays.as_codes(codes), arrays.as_classes(factors)
  arrays.same_length(codes, factors)
  cyclic = [
    arrays.whole('a cyclic factor', factor, -(2**31))
    for factor in arrays.sequence('cyclic', cyclic, 'columns')
  ]
  count = factors.shape[1]
  if len(set(cyclic)) < max(1, len(cyclic)) or not all(
    0 <= factor < count for factor in cyclic
  ):
    raise ValueError(
      f'cyclic {arrays.shown(cyclic)} must name one or more of {count} '
      'factors, each once'
    )
  order = [f for f in range(count) if f not in cyclic] + cyclic
  ranks, sizes = [], []
  for factor in order:
    values, rank = np.unique(factors[:, factor], return_inverse=True)
    ranks.append(rank)
    sizes.append(len(values))
  place = np.ravel_multi_index(ranks, sizes)
  if len(place) != np.prod(sizes) or len(np.unique(place)) != len(place):
    raise ValueError(
      f'{len(place)} points are not each of {int(np.prod(sizes))} combinations '
      'of the factors once'
    )
  grid = np.empty_like(codes)
  grid[place] = codes
  turning = sizes[count - len(cyclic) :]
  kind = 'torus' if len(cyclic) == count else 'cylinder'
  folds = as_folds(folds, count)
  every = [folds[at] for at in cyclic if at in folds]
  others = {by[0] for by in every if isinstance(by, tuple)}
  if within := set(cyclic) & others:
    raise ValueError(f'folds are by factor {min(within)}, which turns itself')
  each = []
  for at in cyclic:
    m = np.empty(len(place))
    m[place] = times(factors, at, folds)
    each.append(m.reshape(-1, np.prod(turning)))
  grid = grid.reshape(-1, *turning, codes.shape[1])
  found = _score(grid, frequencies, kind, each)
  return found._replace(parameters={**found.parameters, **said(folds)})


def _score(
  grids: np.ndarray,
  frequencies: Sequence[int],
  kind: str,
  each: Sequence[np.ndarray],
) -> Score:
  """Of codes [objects, n1, ..., nG, columns]; each g's m [objects, points]."""
  sizes, columns = grids.shape[1:-1], grids.shape[-1]
  arrays.as_codes(grids.reshape(-1, columns))
  if min(sizes) < 3:
    raise ValueError(f'angles {list(sizes)}: a circle has three or more')
  turns = arrays.as_numbers(frequencies, 'frequencies')
  if (
    turns.ndim != 1
    or not 0 < turns.size <= MOST_TURNS
    or not (np.abs(turns) <= 2**31).all()
    or (turns != np.round(turns)).any()
  ):
    raise ValueError(
      f'frequencies must be whole numbers, 1 to {MOST_TURNS} of them, not '
      f'{arrays.shown(frequencies)}'
    )
  turns = np.unique(np.abs(turns))
  per_factor, chosen, flat = [], [], 0
  for axis, size in enumerate(sizes):
    angle = 2 * np.pi * np.arange(size) / size
    angle = angle.reshape(-1, *(1,) * (len(sizes) - axis - 1))
    angle = np.broadcast_to(angle, sizes).ravel()
    spreads, lines = _spread(grids, axis + 1, angle * each[axis], turns)
    flat += int(lines.sum())
    mean = np.where(lines, 1.0, spreads).mean(axis=1)
    best = int(mean.argmin())
    per_factor.append(float(mean[best]))
    chosen.append(int(turns[best]))
  note = ''
  if flat:
    of = f' of {len(grids) * len(sizes)}' if len(grids) * len(sizes) > 1 else ''
    note = f'{flat}{of} circles lie on a line or a point and count 1'
  return Score(
    name='d_lsbd',
    value=float(np.mean(per_factor)),
    variant=f'tonnaer2022_{kind}',
    parameters={
      'grid': 'x'.join(map(str, sizes)),
      'objects': len(grids),
      **({'sign': 'free'} if kind == 'cylinder' else {}),
      'frequencies': ','.join(str(int(turn)) for turn in turns),
    },
    per_factor=np.array(per_factor),
    details={'frequency': np.array(chosen)},
    note=note,
  )


def _spread(
  grids: np.ndarray, axis: int, angle: np.ndarray, turns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """D_g [turns, objects] and where there is no plane [objects]."""
  objects, columns = len(grids), grids.shape[-1]
  moved = grids - grids.mean(axis=axis, keepdims=True)
  moved = moved.reshape(objects, -1, columns)
  if columns < 2:
    return np.ones((len(turns), objects)), np.ones(objects, bool)
  left, length, _ = np.linalg.svd(moved, full_matrices=False)
  whole = np.linalg.norm(grids.reshape(objects, -1), axis=1)
  # The left vectors have norm 1, the scaled axes (n - 1) / 2.
  plane = left[..., 0] + 1j * left[..., 1]
  plane *= np.sqrt((moved.shape[1] - 1) / 2)
  spreads = np.empty((2, len(turns), objects))
  for sign, turn in np.ndindex(2, len(turns)):
    back = plane * np.exp((2j * sign - 1j) * turns[turn] * angle)
    away = back - back.mean(axis=1, keepdims=True)
    spreads[sign, turn] = (away.real**2 + away.imag**2).mean(axis=1)
  return spreads.min(axis=0), length[:, 1] <= FLAT * whole
