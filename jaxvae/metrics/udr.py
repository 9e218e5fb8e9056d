"""Unsupervised disentanglement ranking [Duan et al. 2020, arXiv:1905.12614].

Models that disentangle find the same latents from every seed, up to order and
sign; there are more ways to entangle. So two models are compared by how close
the matrix of their latents' similarities is to a permutation, and a model's
score is the median over the others. No factor is needed.
"""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso
from sklearn.preprocessing import StandardScaler

from jaxvae.metrics import arrays
from jaxvae.metrics.score import Score

METHODS = ('lasso', 'spearman')


class _Model(NamedTuple):
  codes: np.ndarray  # [n, d] float64, mean 0 and variance 1, or all 0
  informative: np.ndarray  # [d] bool
  live: np.ndarray  # [d] bool: informative, and not constant


def udr(
  codes_of_models: Sequence,
  kls: Sequence,
  method: str = 'lasso',
  kl_threshold: float = 0.01,
  alpha: float = 0.1,
) -> tuple[Score, ...]:
  """UDR of every model, each against all others ('UDR-A2A' in the paper).

  The protocol is that of disentanglement_lib: codes are posterior means of the
  same points (the reference draws 1,000), standardised; R of a pair (a, b) is
  what `lasso` or `spearman` makes of their latents, without the rows of a and
  columns of b whose mean KL is at most the threshold; a pair's score is
  `relative_strength(R)`. A model's score is the median over the others as a, it
  being b, whose latents Lasso predicts from those of a. Spearman's R is
  symmetric. The most that Lasso can give is 1 - alpha: it shrinks what fits.

  Args:
    codes_of_models: arrays [points, latents], one for each model, two models or
      more. Models may differ in how many latents they have.
    kls: arrays [latents], one for each model: KL(posterior || prior) in nats,
      mean over points, above the least that the posterior can have.
    method: 'lasso' (|coefficients| of scikit-learn's Lasso, its settings but
      alpha) or 'spearman' (|rank correlations|).
    kl_threshold: nats, above which a latent is informative.
    alpha: weight of the L1 norm of Lasso.

  Returns:
    A score for each model. details: pairs [models, models], the score of pair
    (a, b) in row a and column b, 0 on the diagonal; similarities, R of each
    pair (a, this model) without anything left out, in the order of a, empty for
    itself; informative [latents] bool. A pair of which one model has no
    informative latent scores 0.

  Raises:
    ValueError: NaN, arrays that do not fit each other, an unknown method.
  """
  kl_threshold = arrays.number('kl_threshold', kl_threshold)
  models = _models(codes_of_models, kls, kl_threshold)
  if not arrays.among(method, METHODS):
    raise ValueError(
      f'method={arrays.shown(method)}; allowed: {", ".join(METHODS)}'
    )
  alpha = arrays.number('alpha', alpha)
  if method == 'lasso' and not alpha > 0:
    raise ValueError(f'alpha={alpha:g}; allowed: a number above 0')
  unfinished = 0
  if method == 'lasso':
    similar, unfinished = _lasso(models, alpha)
  else:
    similar = _spearman(models)
  count = len(models)
  pairs = np.zeros((count, count))
  for a, first in enumerate(models):
    for b, second in enumerate(models):
      kept = similar[a][b][np.ix_(first.informative, second.informative)]
      if a != b and kept.size:
        pairs[a, b] = relative_strength(kept)
  parameters = {
    'models': count,
    'points': len(models[0].codes),
    'kl_threshold': kl_threshold,
    **({'alpha': alpha} if method == 'lasso' else {}),
  }
  scores = []
  for b, model in enumerate(models):
    notes = []
    if not model.informative.any():
      notes.append(f'no latent has a KL above {kl_threshold:g} nats')
    if constant := int((model.informative & ~model.live).sum()):
      notes.append(f'{constant} informative codes are constant')
    if unfinished:
      notes.append(f'{unfinished} Lasso fits of all models did not converge')
    others = [similar[a][b] if a != b else _NONE for a in range(count)]
    scores.append(
      Score(
        name='udr',
        value=float(np.median(np.delete(pairs[:, b], b))),
        variant=f'duan2020_{method}',
        parameters=parameters,
        details={
          'pairs': pairs,
          'similarities': others,
          'informative': model.informative,
        },
        note='; '.join(notes),
      )
    )
  return tuple(scores)


def relative_strength(similarity) -> float:
  """How close a matrix [d, e], never negative, is to a permutation.

  The mean over columns of max^2 / sum, and the same over rows, averaged; a
  column or row of zeros counts as 0. 1 for a permutation, 1 / d for ones. As
  in disentanglement_lib, columns and rows weigh alike, whatever their numbers.

  Raises:
    ValueError: of another shape, NaN, infinite or below 0.
  """
  similarity = arrays.as_numbers(similarity, 'similarities')
  if similarity.ndim != 2 or not similarity.size:
    raise ValueError(
      f'similarities must be [d, e], at least one; the shape is '
      f'{list(similarity.shape)}'
    )
  if not (np.isfinite(similarity) & (similarity >= 0)).all():
    raise ValueError('a similarity is NaN, infinite or below 0')
  means = []
  for axis in (0, 1):
    sums = similarity.sum(axis=axis)
    parts = np.zeros_like(sums)
    np.divide(similarity.max(axis=axis) ** 2, sums, out=parts, where=sums > 0)
    means.append(parts.mean())
  return float(sum(means) / 2)


_NONE = np.zeros((0, 0))


def _models(codes_of_models, kls, threshold: float) -> list[_Model]:
  codes_of_models = arrays.sequence(
    'codes_of_models', codes_of_models, 'arrays'
  )
  kls = arrays.sequence('kls', kls, 'arrays')
  if len(codes_of_models) < 2:
    raise ValueError(
      f'UDR compares models: {len(codes_of_models)} given, allowed: two or more'
    )
  if len(codes_of_models) != len(kls):
    raise ValueError(f'{len(codes_of_models)} models but {len(kls)} KLs')
  models = []
  for index, (given, kl) in enumerate(zip(codes_of_models, kls, strict=True)):
    codes = arrays.as_codes(given, f'codes of model {index}')
    kl = arrays.as_numbers(kl, f'the KLs of model {index}')
    if kl.shape != codes.shape[1:]:
      raise ValueError(
        f'model {index} has {codes.shape[1]} latents; the shape of its KLs is '
        f'{list(kl.shape)}'
      )
    if not np.isfinite(kl).all():
      raise ValueError(f'the KLs of model {index} are not finite')
    if models and len(codes) != len(models[0].codes):
      raise ValueError(
        f'model {index} has {len(codes)} points, model 0 has '
        f'{len(models[0].codes)}; allowed: the same points for all'
      )
    if len(codes) < 2:
      raise ValueError('1 point; allowed: two or more')
    informative = kl > threshold
    live = informative & (codes.min(axis=0) < codes.max(axis=0))
    codes = StandardScaler().fit_transform(codes) * live
    models.append(_Model(codes, informative, live))
  return models


def _lasso(
  models: list[_Model], alpha: float
) -> tuple[list[list[np.ndarray]], int]:
  """|coefficients| [latents of a, latents of b] by a and b; unfinished fits.

  The latents of all models are one call's targets: each is a fit of its own.
  """
  live = np.concatenate([model.live for model in models])
  targets = np.concatenate([model.codes for model in models], axis=1)[:, live]
  ends = np.cumsum([len(model.live) for model in models])[:-1]
  similar, unfinished = [], 0
  for model in models:
    strength = np.zeros((len(model.live), len(live)))
    if model.live.any():
      lasso = Lasso(alpha=alpha)
      with warnings.catch_warnings():
        # Said in the note of the scores.
        warnings.simplefilter('ignore', ConvergenceWarning)
        lasso.fit(model.codes[:, model.live], targets)
      unfinished += int((np.asarray(lasso.n_iter_) >= lasso.max_iter).sum())
      fitted = np.abs(lasso.coef_).reshape(targets.shape[1], -1).T
      strength[np.ix_(model.live, live)] = fitted
    similar.append(np.split(strength, ends, axis=1))
  return similar, unfinished


def _spearman(models: list[_Model]) -> list[list[np.ndarray]]:
  """|rank correlations| [latents of a, latents of b] by a and b."""
  codes = np.concatenate([model.codes for model in models], axis=1)
  ranks = np.stack([_ranks(column) for column in codes.T], axis=1)
  ranks -= ranks.mean(axis=0)
  length = np.linalg.norm(ranks, axis=0)
  ranks = np.divide(ranks, length, out=ranks * 0, where=length > 0)
  ends = np.cumsum([len(model.live) for model in models])[:-1]
  strength = np.minimum(np.abs(ranks.T @ ranks), 1.0)
  return [np.split(rows, ends, axis=1) for rows in np.split(strength, ends)]


def _ranks(column: np.ndarray) -> np.ndarray:
  """Places in ascending order; equals share the mean of theirs."""
  _, places, counts = np.unique(column, return_inverse=True, return_counts=True)
  return (np.cumsum(counts) - (counts - 1) / 2)[places]
