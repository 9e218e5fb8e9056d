"""BetaVAE score [Higgins et al. 2017, section 3]: which factor do pairs share?

A classifier is told by how much the codes of 64 pairs differ in the mean, and
names the factor that both points of every pair share. The score is its accuracy
on pairs that it has not seen.
"""

from collections.abc import Sequence
from concurrent import futures

import numpy as np

from jaxvae.metrics import arrays, logistic, sampling
from jaxvae.metrics.groups import Groups, as_groups, chart
from jaxvae.metrics.score import Score

VARIANT = 'locatello2019'


def beta_vae_score(differences, labels, test_differences, test_labels) -> Score:
  """The formula on features that are given.

  The classifier is scikit-learn's LogisticRegression as it has been since 0.22:
  multinomial, lbfgs, L2 with C = 1, at most 100 iterations, features as they
  are. Numbers of 2018 and 2019 are of the older liblinear, one against rest.
  The penalty makes the score depend on the scale of the codes.

  Args:
    differences: [m, d] mean |z1 - z2| of each batch of pairs.
    labels: [m] the factor that was shared.
    test_differences: [t, d] the same for the test.
    test_labels: [t].

  Returns:
    The accuracy on the test, per_factor on the draws of that factor (empty
    where the test lacks one); details: train_accuracy.

  Raises:
    ValueError: NaN, unequal lengths, one label only, a label that is new in the
      test.
  """
  train, y = _labelled(differences, labels)
  test, test_y = _labelled(test_differences, test_labels, 'test_')
  if train.shape[1] != test.shape[1]:
    raise ValueError(
      f'{train.shape[1]} differences a batch in training, '
      f'{test.shape[1]} in the test'
    )
  factors = np.unique(y)
  if len(factors) < 2:
    raise ValueError(f'one factor only was shared: {factors[0]}')
  new = np.setdiff1d(test_y, factors)
  if new.size:
    raise ValueError(f'factor {new[0]} is in the test and not in training')
  y, test_y = np.searchsorted(factors, y), np.searchsorted(factors, test_y)
  model = logistic.fit(train, y)
  hit = model.predict(test) == test_y
  seen = np.bincount(test_y, minlength=len(factors))
  parts = np.bincount(test_y, hit, len(factors)) / np.maximum(seen, 1)
  return Score(
    name='beta_vae',
    value=float(hit.mean()),
    variant=VARIANT,
    parameters={'train': len(train), 'test': len(test), 'C': 1.0},
    per_factor=parts if seen.all() else (),
    details={'train_accuracy': float((model.predict(train) == y).mean())},
    note=logistic.note(model, train),
  )


def beta_vae(
  codes,
  factors,
  test_codes=None,
  test_factors=None,
  *,
  train: int = 10_000,
  test: int = 5_000,
  batch: int = 64,
  seed: int = 0,
  groups: Groups | None = None,
) -> Score:
  """The protocol of disentanglement_lib on points that have been encoded.

  Pairs come from `sampling.draw_pairs`. Codes of the whole grid give the
  protocol exactly; those of a sample of it stand for the grid.

  Args:
    codes: [n, columns] real numbers, posterior means as a rule.
    factors: [n, f] class numbers, two factors or more.
    test_codes: [t, columns] other points; None: the test draws, which are
      others, come from the same points.
    test_factors: [t, f], given with `test_codes`.
    train: batches of pairs to train on.
    test: batches of pairs to test on.
    batch: pairs in a batch.
    seed: of the draws.
    groups: columns of each latent; the difference of a pair of columns is the
      angle between the two points, in radians, at most pi.

  Returns:
    See `beta_vae_score`.

  Raises:
    ValueError: as there and in `draw_pairs`.
  """
  codes, factors, test_codes, test_factors = sampling.both(
    codes, factors, test_codes, test_factors
  )
  seed = arrays.seed(seed)
  sampling.check(batch, train=train, test=test)
  as_groups(groups, codes.shape[1])
  rows = sampling.rows(factors)
  alike = test_factors is factors
  test_rows = rows if alike else sampling.rows(test_factors)
  with futures.ThreadPoolExecutor(1) as beside:
    later = beside.submit(
      sampling.draw_pairs, test_rows, test, batch, [seed, 1]
    )
    draws = sampling.draw_pairs(rows, train, batch, [seed, 0])
    test_draws = later.result()

  def scored(groups):
    circles = _circles(groups, codes.shape[1])
    differences = pair_differences(
      chart(codes, groups) if circles else codes, draws.points, circles
    )
    test_differences = pair_differences(
      chart(test_codes, groups) if circles else test_codes,
      test_draws.points,
      circles,
    )
    return beta_vae_score(
      differences, draws.labels, test_differences, test_draws.labels
    )

  score = scored(groups)
  settings = {'batch': batch, 'seed': seed, 'points': len(codes)}
  return score._replace(
    parameters={**score.parameters, **settings},
    ungrouped=None if groups is None else scored(None).value,
  )


def pair_differences(
  codes: np.ndarray, points: np.ndarray, circles: Sequence[int] = ()
) -> np.ndarray:
  """Mean |z1 - z2| of every batch of pairs, the shorter way round a circle.

  Args:
    codes: [n, latents] numbers, or angles where `circles` says so.
    points: [m, batch, 2] rows.
    circles: latents that are angles in [-pi, pi].

  Returns:
    [m, latents] in the precision of the codes.
  """

  def one(points):
    # Rows are there: clipping is never needed, and faster than checking.
    first, second = codes.take(points, axis=0, mode='clip')
    difference = np.subtract(first, second, out=first)
    np.abs(difference, out=difference)
    for latent in circles:
      way = difference[..., latent]
      np.minimum(way, 2 * np.pi - way, out=way)
    return difference.mean(axis=0)

  return sampling.by_batches(one, points)


def _circles(groups: Groups | None, columns: int) -> list[int]:
  latents = enumerate(as_groups(groups, columns))
  return [at for at, group in latents if len(group) == 2]


def _labelled(
  differences, labels, test: str = ''
) -> tuple[np.ndarray, np.ndarray]:
  differences = arrays.as_codes(differences, f'{test}differences')
  labels = arrays.as_labels(labels, f'{test}labels')
  arrays.same_length(differences, labels)
  return differences, labels
