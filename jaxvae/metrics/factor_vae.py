"""FactorVAE score [Kim and Mnih 2018, arXiv:1802.05983, section 4].

Where one factor is fixed, the latent that tells it hardly varies. Each batch of
points that share a factor votes for the latent whose variance is smallest
beside its variance over all points; a latent stands for the factor that votes
for it most. The score is the accuracy of that table on other batches.
"""

import numpy as np

from jaxvae.metrics import arrays, sampling
from jaxvae.metrics.groups import Groups, as_groups, total
from jaxvae.metrics.score import Score

VARIANT = 'locatello2019'
MOST_FACTORS = 10_000


def factor_vae_score(
  variances,
  labels,
  test_variances,
  test_labels,
  global_variances,
  threshold: float = 0.05,
) -> Score:
  """The formula on variances that are given.

  Args:
    variances: [m, d] of the codes within each batch, with n - 1.
    labels: [m] the factor that was fixed.
    test_variances: [t, d] the same for the test.
    test_labels: [t].
    global_variances: [d] of the codes over all points, with n - 1.
    threshold: latents of a smaller standard deviation have no vote; 0 keeps
      all, and then a latent that never varies gets every vote, as the
      reference has it.

  Returns:
    The accuracy on the test, 0 if no latent is active; per_factor on the
    batches of that factor (empty where the test lacks one). Details:
    train_accuracy, active_latents, active [d], votes and test_votes [f, d],
    factor_of_latent [d], -1 where no latent was active or nobody voted.

  Raises:
    ValueError: NaN, negative variances, unequal lengths, one factor only.
  """
  threshold = arrays.number('threshold', threshold)
  if threshold < 0:
    raise ValueError(f'the threshold must be 0 or more, not {threshold}')
  whole = arrays.as_numbers(global_variances, 'global_variances')
  whole = _variances(whole.reshape(1, -1), 'global_variances')[0]
  active = np.sqrt(whole) >= threshold
  train, y = _labelled(variances, labels, len(whole))
  test, test_y = _labelled(test_variances, test_labels, len(whole), 'test_')
  factors = 1 + int(max(y.max(), test_y.max()))
  if len(np.unique(y)) < 2:
    raise ValueError(f'one factor only was fixed: {y[0]}')
  votes = _votes(train, y, whole, active, factors)
  test_votes = _votes(test, test_y, whole, active, factors)
  table = votes.argmax(axis=0)
  right = test_votes[table, np.arange(len(whole))]
  parts = np.bincount(table, right, factors)
  seen = np.bincount(test_y, minlength=factors)
  dead = np.flatnonzero(active & (whole == 0))
  note = '' if active.any() else 'no latent is active'
  if dead.size:
    note = f'latent {dead[0]} never varies and gets all votes'
  return Score(
    name='factor_vae',
    value=float(right.sum() / len(test)),
    variant=VARIANT,
    parameters={'train': len(y), 'test': len(test_y), 'threshold': threshold},
    per_factor=parts / seen if seen.all() else (),
    details={
      'train_accuracy': float(votes.max(axis=0).sum() / len(y)),
      'active_latents': int(active.sum()),
      'active': active,
      'votes': votes,
      'test_votes': test_votes,
      'factor_of_latent': np.where(votes.any(axis=0), table, -1),
    },
    note=note,
  )


def factor_vae(
  codes,
  factors,
  test_codes=None,
  test_factors=None,
  *,
  train: int = 10_000,
  test: int = 5_000,
  batch: int = 64,
  variance_points: int | None = 10_000,
  threshold: float = 0.05,
  seed: int = 0,
  groups: Groups | None = None,
) -> Score:
  """The protocol of disentanglement_lib on points that have been encoded.

  Batches come from `sampling.draw_fixed`. Codes of the whole grid give the
  protocol exactly; those of a sample of it stand for the grid.

  Args:
    codes: [n, columns] real numbers, posterior means as a rule.
    factors: [n, f] class numbers, two factors or more.
    test_codes: [t, columns] other points; None: the test draws, which are
      others, come from the same points.
    test_factors: [t, f], given with `test_codes`.
    train: batches that fill the table.
    test: batches that are looked up in it.
    batch: points in a batch, two or more.
    variance_points: rows drawn for the global variances; None takes each once.
    threshold: least standard deviation of an active latent.
    seed: of the draws.
    groups: columns of each latent; the variance of a pair is the sum of its
      columns', which is what (cos, sin) lose by not being one point.

  Returns:
    See `factor_vae_score`.

  Raises:
    ValueError: as there and in `draw_fixed`.
  """
  codes, factors, test_codes, test_factors = sampling.both(
    codes, factors, test_codes, test_factors
  )
  seed = arrays.seed(seed)
  threshold = arrays.number('threshold', threshold)
  sampling.check(batch, train=train, test=test)
  if variance_points is not None:
    arrays.whole('variance_points', variance_points, 1, sampling.MOST)
  as_groups(groups, codes.shape[1])
  if batch < 2 or len(codes) < 2 or not (variance_points or 2) >= 2:
    raise ValueError(
      f'a variance needs two points: batch {batch}, {len(codes)} codes, '
      f'variance_points {variance_points}'
    )
  rows = sampling.rows(factors)
  alike = test_factors is factors
  test_rows = rows if alike else sampling.rows(test_factors)
  draws = sampling.draw_fixed(rows, train, batch, [seed, 0])
  test_draws = sampling.draw_fixed(test_rows, test, batch, [seed, 1])
  local = batch_variances(codes, draws.points)
  test_local = batch_variances(test_codes, test_draws.points)
  everywhere = codes
  if variance_points is not None:
    random = np.random.default_rng([seed, 2])
    everywhere = codes[random.integers(len(codes), size=variance_points)]
  whole = everywhere.var(axis=0, ddof=1)

  def scored(groups):
    return factor_vae_score(
      total(local.T, groups).T,
      draws.labels,
      total(test_local.T, groups).T,
      test_draws.labels,
      total(whole, groups),
      threshold,
    )

  score = scored(groups)
  settings = {
    'batch': batch,
    'variance_points': variance_points,
    'seed': seed,
    'points': len(codes),
  }
  return score._replace(
    parameters={**score.parameters, **settings},
    ungrouped=None if groups is None else scored(None).value,
  )


def batch_variances(codes: np.ndarray, points: np.ndarray) -> np.ndarray:
  """Variance, with n - 1, of the codes of every batch.

  Args:
    codes: [n, d].
    points: [m, batch] rows.

  Returns:
    [m, d] in the precision of the codes.
  """

  def one(points):
    return codes.take(points, axis=0, mode='clip').var(axis=0, ddof=1)

  return sampling.by_batches(one, points)


def _variances(variances, name: str) -> np.ndarray:
  variances = arrays.as_codes(variances, name)
  if (variances < 0).any():
    raise ValueError(f'a variance is negative: {variances.min():g} in {name}')
  return variances


def _labelled(
  variances, labels, latents: int, test: str = ''
) -> tuple[np.ndarray, np.ndarray]:
  variances = _variances(variances, f'{test}variances')
  if variances.shape[1] != latents:
    raise ValueError(
      f'{variances.shape[1]} variances a batch but {latents} global variances'
    )
  labels = arrays.as_labels(labels, f'{test}labels')
  arrays.same_length(variances, labels)
  if not 0 <= labels.min() <= labels.max() < MOST_FACTORS:
    wrong = labels.min() if labels.min() < 0 else labels.max()
    raise ValueError(
      f'{test}labels number the factors from 0 to {MOST_FACTORS - 1}; one is '
      f'{wrong}'
    )
  return variances, labels


def _votes(variances, labels, whole, active, factors: int) -> np.ndarray:
  """How many batches of each factor vote for each latent: [f, d]."""
  votes = np.zeros((factors, len(whole)), np.int64)
  if not active.any():
    return votes
  index = np.flatnonzero(active)
  # 0 / 0 is NaN, and NaN the least: the vote of the reference.
  with np.errstate(divide='ignore', invalid='ignore'):
    winner = index[(variances[:, index] / whole[index]).argmin(axis=1)]
  np.add.at(votes, (labels, winner), 1)
  return votes
