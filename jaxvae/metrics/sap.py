"""Separated attribute predictability [Kumar et al. 2018, arXiv:1711.00848].

S[latent, factor] says how well one latent alone predicts a factor. SAP is the
mean over factors of the largest S minus the second largest (their section 3).
"""

import warnings
from collections.abc import Mapping

import numpy as np
from sklearn import svm
from sklearn.exceptions import ConvergenceWarning

from jaxvae.metrics import arrays, held_out, logistic
from jaxvae.metrics.groups import Groups, as_groups
from jaxvae.metrics.score import Score
from jaxvae.metrics.units import within_reach

PENALTY = 0.01  # C of the machine
DEAD = 1e-12  # the variance up to which a code counts as constant


def sap(
  codes,
  factors,
  test_codes=None,
  test_factors=None,
  kind: str = 'svm',
  seed: int = 0,
  groups: Groups | None = None,
  circular_factors: Mapping[int, float] | None = None,
) -> Score:
  """SAP by the protocol of disentanglement_lib, variant 'locatello2019'.

  'svm': S is the test accuracy of a linear support vector machine, one class
  against the rest, squared hinge, C = 0.01, classes balanced. The reference
  draws 10,000 points to learn from and 5,000 to test on.

  'continuous': S is the squared correlation of the latent and the number of
  the class on the training points, 0 for a code of variance 1e-12 or less; a
  pair of columns has the squared multiple correlation. The test points are not
  looked at. A circular factor of `size` values is compared as the point
  (cos, sin) of 2 pi k / size: S is the part of that point's variance which a
  linear function of the latent explains, that is the R^2 of both coordinates,
  weighted by their variances.

  Args:
    codes: [points, columns] real numbers, two latents or more.
    factors: [points, factors] class numbers.
    test_codes: [test points, columns]; needed for 'svm'.
    test_factors: [test points, factors]; needed for 'svm'.
    kind: 'svm' or 'continuous'.
    seed: of the support vector machine, whose solver draws nothing today.
    groups: columns of each latent; a pair is given whole.
    circular_factors: for 'continuous', column of a factor: its size, or how
      many values make a turn.

  Returns:
    The score; details: score_matrix [latents, factors].

  Raises:
    ValueError: NaN, unequal lengths, one latent only, a factor that is fixed,
      an unknown kind, no test points, circular factors of a kind without
      order.
  """
  if not arrays.among(kind, ('svm', 'continuous')):
    raise ValueError(f'kind {arrays.shown(kind)} is neither svm nor continuous')
  seed = arrays.seed(seed)
  if not isinstance(circular_factors, Mapping | None):
    raise ValueError(
      f'circular_factors={arrays.shown(circular_factors)}; allowed: sizes by '
      'column, {2: 40}'
    )
  latents = as_groups(groups, arrays.as_codes(codes).shape[1])
  if len(latents) < 2:
    raise ValueError('SAP compares two codes: one latent has no gap')
  parameters: dict[str, int | str] = {'kind': kind, 'points': len(codes)}
  if kind == 'continuous':
    matrix, note = _correlations(
      codes, factors, latents, circular_factors or {}
    )
    if circular_factors:
      parameters['circular'] = ','.join(map(str, sorted(circular_factors)))
  else:
    if circular_factors:
      raise ValueError('circular_factors are for continuous: svm has classes')
    if test_codes is None or test_factors is None:
      raise ValueError('kind svm is scored on test_codes and test_factors')
    points = held_out.as_held_out(codes, factors, test_codes, test_factors)
    matrix, note = _accuracies(points, latents, seed)
    parameters |= {'test_points': len(points.test_codes), 'seed': seed}
  second, first = np.sort(matrix, axis=0)[-2:]
  gap = first - second
  ungrouped = None
  if groups is not None:
    ungrouped = sap(
      *(codes, factors, test_codes, test_factors, kind, seed),
      circular_factors=circular_factors,
    ).value
  return Score(
    name='sap',
    value=float(gap.mean()),
    variant='locatello2019',
    parameters=parameters,
    per_factor=gap,
    details={'score_matrix': matrix},
    ungrouped=ungrouped,
    note=note,
  )


def _machine(seed: int, tolerance: float = 1e-4) -> svm.LinearSVC:
  """All that decides the optimum, and the solver, said one by one.

  The primal problem, which 'auto' takes wherever there are more points than
  columns, has one optimum and no random steps.
  """
  return svm.LinearSVC(
    penalty='l2',
    loss='squared_hinge',
    dual=False,
    tol=tolerance,
    C=PENALTY,
    multi_class='ovr',
    fit_intercept=True,
    intercept_scaling=1,
    class_weight='balanced',
    max_iter=1000,
    random_state=seed,
  )


def _accuracies(
  points: held_out.HeldOut, latents: tuple[tuple[int, ...], ...], seed: int
) -> tuple[np.ndarray, str]:
  matrix = np.empty((len(latents), points.factors.shape[1]))
  units = within_reach(points.codes)
  every, test_every = units.of(points.codes), units.of(points.test_codes)
  changed = (units.origin != 0) | (units.unit != 1)
  stopped, moved = set(), set()
  for row, group in enumerate(latents):
    codes, test_codes = every[:, group], test_every[:, group]
    if changed[list(group)].any():
      moved.add(row)
    for factor in range(matrix.shape[1]):
      # Of a wide column the optimum does not depend on the scale: come close.
      machine = _machine(seed, 1e-6 if row in moved else 1e-4)
      with warnings.catch_warnings():
        warnings.simplefilter('ignore', ConvergenceWarning)
        machine.fit(codes, points.factors[:, factor])
      if np.max(machine.n_iter_) >= machine.max_iter:
        stopped.add(row)
      right = machine.predict(test_codes) == points.test_factors[:, factor]
      matrix[row, factor] = right.mean()
  notes = [held_out.unseen_note(points.unseen)]
  if stopped:
    names = held_out.listed(sorted(stopped), 'latent')
    notes.append(f'the solver stopped at 1000 steps for {names}')
  if moved:
    names = held_out.listed(sorted(moved), 'latent')
    notes.append(f'too wide or too far from 0, scaled: {names}')
  if logistic.crushed(every, PENALTY):
    notes.append(logistic.CRUSHED)
  return matrix, '; '.join(filter(None, notes))


def _correlations(
  codes,
  factors,
  latents: tuple[tuple[int, ...], ...],
  circular: Mapping[int, float],
) -> tuple[np.ndarray, str]:
  codes = arrays.as_codes(codes)
  factors = arrays.as_classes(factors)
  arrays.same_length(codes, factors)
  held_out.varied(factors)
  for factor, size in circular.items():
    factor = arrays.whole('a circular factor', factor, -(2**31))
    size = arrays.number(f'the size of factor {factor}', size)
    if not 0 <= factor < factors.shape[1] or size < 2:
      raise ValueError(
        f'circular_factors {{{factor}: {size:g}}}: a column below '
        f'{factors.shape[1]} and a size of 2 or more'
      )
  codes = codes - codes.mean(axis=0)
  alive = codes.var(axis=0, ddof=1) > DEAD
  small = [
    row
    for row, group in enumerate(latents)
    if not alive[list(group)].any() and np.ptp(codes[:, group], axis=0).any()
  ]
  targets = [
    _target(column, circular.get(factor))
    for factor, column in enumerate(factors.T)
  ]
  matrix = np.zeros((len(latents), len(targets)))
  for row, group in enumerate(latents):
    basis = _basis(codes[:, [column for column in group if alive[column]]])
    for factor, target in enumerate(targets):
      explained = np.square(basis.T @ target).sum()
      matrix[row, factor] = explained / np.square(target).sum()
  note = f'a variance of {DEAD:g} or less counts 0: '
  return matrix, note + held_out.listed(small, 'latent') if small else ''


def _target(classes: np.ndarray, size: float | None) -> np.ndarray:
  """What is to be explained, about its mean: [points, 1], of a circle 2."""
  if size is None:
    target = classes[:, None].astype(np.float64)
  else:
    angle = 2 * np.pi * classes / size
    target = np.stack([np.cos(angle), np.sin(angle)], axis=1)
  return target - target.mean(axis=0)


def _basis(centred: np.ndarray) -> np.ndarray:
  """Orthonormal columns that span the given ones, of which there may be 0."""
  if not centred.shape[1]:
    return centred
  scaled = centred / np.linalg.norm(centred, axis=0)
  left, singular, _ = np.linalg.svd(scaled, full_matrices=False)
  return left[:, singular > 1e-8]
