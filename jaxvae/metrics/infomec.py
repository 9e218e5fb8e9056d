"""InfoM, InfoE, InfoC [Hsu et al. 2023, arXiv:2305.18378, section 4].

Of the normalised mutual information NMI[latent, factor] = I / H(factor) of the
active latents, InfoM asks that a latent tells one factor, InfoC that a factor
is told by one latent. InfoE asks how much of a factor a linear classifier
gets out of all latents.
"""

from typing import NamedTuple

import numpy as np
from sklearn.preprocessing import OneHotEncoder

from jaxvae.metrics import arrays, logistic
from jaxvae.metrics.groups import Groups, as_groups, chart
from jaxvae.metrics.held_out import listed
from jaxvae.metrics.information import information_and_entropy
from jaxvae.metrics.neighbors import TURN, nearest_neighbor_information
from jaxvae.metrics.score import Score

# By pruning rule: the protocol, what is measured, the part of the largest that
# a continuous latent has to exceed, and what a discrete one has to.
PRUNES = {
  'range': ('hsu2023', 'range', 1 / 20, 0.0),
  'range8': ('hsu2023_training', 'range', 1 / 8, None),
  'iqr': ('hsu2024', 'iqr', 1 / 10, 0.1),
  'none': ('unpruned', 'range', None, None),
}
JITTER = 1e-10
ROUNDING = 1e-12  # of information that is counted and is none


class InfoMec(NamedTuple):
  """The three scores.

  Attributes:
    infom: modularity; details: per_latent, of the active ones.
    infoe: explicitness; per_factor.
    infoc: compactness; per_factor.
  """

  infom: Score
  infoe: Score
  infoc: Score


def infomec(
  codes,
  factors,
  discrete: bool = False,
  prune: str = 'range',
  seed: int = 0,
  neighbors: int = 10,
  groups: Groups | None = None,
) -> InfoMec:
  """InfoMEC by the protocol of its authors, who take 10,000 points.

  With A active latents, S factors and rows over active latents only,

      InfoM = mean over latents of (max_s NMI / sum_s NMI - 1/S) / (1 - 1/S)
      InfoC = mean over factors of (max_l NMI / sum_l NMI - 1/A) / (1 - 1/A)
      InfoE = mean over factors of 1 - cross-entropy / log(classes)

  where the cross-entropy is that of unpenalised logistic regression with
  balanced classes after at most 100 steps of lbfgs, on the points that it was
  fitted to, from all latents, pruned or not.

  Where the formula is 0/0: a row of zeros counts 0; with one factor, or one
  active latent, a row that is not zero counts 1; without active latents all
  three are 0 [as in Tripod]. The note says so.

  Args:
    codes: [points, columns] real numbers.
    factors: [points, factors] class numbers, each factor with two or more.
    discrete: whether codes are values of few kinds (a quantised latent), whose
      information is counted; otherwise it is estimated from nearest neighbours
      [Ross 2014] and may exceed 1 by a little.
    prune: which latents are active. 'range': range above 1/20 of the largest,
      discrete above 0 [Hsu et al. 2023]. 'iqr': interquartile range above 1/10
      of the largest, discrete above 0.1, meant for codes in [-1, 1] [Tripod,
      Hsu et al. 2024, arXiv:2404.10282]. 'range8': range above 1/8 of the
      largest, as the authors watch it in training. 'none': all.
    seed: of the 1e-10 that is added to continuous codes to break ties.
    neighbors: of the estimator.
    groups: columns of each latent. The neighbours of a pair are found along
      the circle, its range is that of its wider column, and InfoE reads both.

  Returns:
    Three scores. Details: nmi [latents, factors], active [latents], and for
    InfoE cross_entropy, null [factors] in nats and converged [factors].

  Raises:
    ValueError: NaN, unequal lengths, a factor that is fixed, an unknown rule,
      continuous codes with no two points of any class.
  """
  codes, factors = arrays.as_codes(codes), arrays.as_classes(factors)
  arrays.same_length(codes, factors)
  if not arrays.among(prune, PRUNES):
    raise ValueError(
      f'prune {arrays.shown(prune)} is none of {", ".join(PRUNES)}'
    )
  discrete = arrays.flag('discrete', discrete)
  neighbors = arrays.whole('neighbors', neighbors)
  seed = arrays.seed(seed)
  latents = as_groups(groups, codes.shape[1])
  nmi = _nmi(codes, factors, discrete, seed, neighbors, latents)
  active = _active(codes, latents, discrete, prune)
  parameters = {
    'points': len(codes),
    'discrete': discrete,
    'prune': prune,
    'active': int(active.sum()),
    **({} if discrete else {'neighbors': neighbors, 'seed': seed}),
  }
  told = nmi[active]
  shared = {'nmi': nmi, 'active': active}
  modular, about_m = _concentration(told, 'factor')
  compact, about_c = _concentration(told.T, 'active latent')
  explicit, fitted = explicitness(codes, factors, discrete)
  stopped = np.flatnonzero(~fitted['converged'])
  about_e = f'not converged: {listed(stopped)}' if stopped.size else ''
  if not active.any():
    about_m = about_c = about_e = 'no latent is active'
    explicit = np.zeros_like(explicit)
  variant = PRUNES[prune][0]
  alone = (None,) * 3
  if groups is not None:
    columns = as_groups(None, codes.shape[1])
    told = _nmi(codes, factors, discrete, seed, neighbors, columns)
    told = told[_active(codes, columns, discrete, prune)]
    alone = (
      _mean(_concentration(told, '')[0]),
      float(explicit.mean()),
      _mean(_concentration(told.T, '')[0]),
    )
  return InfoMec(
    Score(
      'infom',
      _mean(modular),
      variant,
      parameters,
      (),
      {**shared, 'per_latent': modular},
      alone[0],
      about_m,
    ),
    Score(
      'infoe',
      float(explicit.mean()),
      variant,
      parameters,
      explicit,
      fitted,
      alone[1],
      about_e,
    ),
    Score(
      'infoc',
      _mean(compact),
      variant,
      parameters,
      compact,
      shared,
      alone[2],
      about_c,
    ),
  )


def explicitness(
  codes: np.ndarray, factors: np.ndarray, discrete: bool
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
  """1 - cross-entropy / log(classes) of each factor, and how it came about.

  With balanced classes, nothing to go by is worth log(classes), not H(factor).
  """
  if discrete:
    inputs = OneHotEncoder().fit_transform(codes)
  else:
    inputs = _standardised(codes)
  losses, null, converged = [], [], []
  for column in factors.T:
    values, labels = np.unique(column, return_inverse=True)
    model = logistic.fit(inputs, labels, np.inf, balanced=True)
    losses.append(logistic.log_loss(model, inputs, labels))
    null.append(np.log(len(values)))
    converged.append(logistic.converged(model))
  losses, null = np.array(losses), np.array(null)
  details = {'cross_entropy': losses, 'null': null}
  return 1 - losses / null, {**details, 'converged': np.array(converged)}


def _nmi(codes, factors, discrete, seed, neighbors, latents) -> np.ndarray:
  places = chart(codes, latents)
  counted = [np.unique(z, return_inverse=True)[1] for z in places.T]
  counted = np.stack(counted, axis=1) * discrete
  # Refuses factors that are fixed, whatever the codes.
  information, entropy = information_and_entropy(counted, factors, None)
  if discrete:
    return np.where(information > ROUNDING, information, 0) / entropy
  circle = np.array([len(latent) == 2 for latent in latents])
  level = _standardised(places)
  moving = level.any(axis=0)
  inputs = np.where(circle, places, level)
  size = JITTER * np.maximum(1, np.abs(inputs).mean(axis=0))
  inputs += size * np.random.RandomState(seed).standard_normal(inputs.shape)
  for columns, turn in ((moving & ~circle, 0.0), (moving & circle, TURN)):
    if not columns.any():
      continue
    some = inputs[:, columns] % turn if turn else inputs[:, columns]
    for index, classes in enumerate(factors.T):
      information[columns, index] = nearest_neighbor_information(
        some, classes, neighbors, turn
      )
  return information / entropy


def _active(codes, latents, discrete: bool, prune: str) -> np.ndarray:
  _, measure, part, least = PRUNES[prune]
  if part is None:
    return np.ones(len(latents), bool)
  if measure == 'iqr':
    low, high = np.quantile(codes, [0.25, 0.75], axis=0)
  else:
    low, high = codes.min(axis=0), codes.max(axis=0)
  spread = np.array([(high - low)[list(latent)].max() for latent in latents])
  threshold = spread.max() * part
  if discrete and least is not None:
    threshold = least
  return spread > threshold


def _concentration(told: np.ndarray, name: str) -> tuple[np.ndarray, str]:
  """Per row how far its largest is above an even share, and what to know."""
  rows, columns = told.shape
  total = told.sum(axis=1)
  silent = total == 0
  largest = told.max(axis=1, initial=0.0) / np.where(silent, 1, total)
  notes = []
  if columns > 1:
    value = np.where(silent, 0.0, (largest - 1 / columns) / (1 - 1 / columns))
  else:
    value = (~silent).astype(float)
    notes.append(f'one {name} only: what is told counts 1')
  if silent.any():
    notes.append(f'{silent.sum()} of {rows} rows tell nothing and count 0')
  return value, '; '.join(notes)


def _mean(values: np.ndarray) -> float:
  return float(values.mean()) if values.size else 0.0


def _standardised(codes: np.ndarray) -> np.ndarray:
  """Mean 0 and deviation 1; zero where a column moves by rounding only."""
  level = codes - codes.mean(axis=0)
  deviation = level.std(axis=0)
  least = 10 * np.finfo(np.float64).eps * np.abs(codes).max(axis=0)
  dead = deviation <= least
  return np.where(dead, 0.0, level / np.where(dead, 1, deviation))
