"""Multinomial logistic regression, as the protocols ask for it.

scikit-learn's, with every setting that decides the value said. The solver has
been lbfgs since 0.22, `multi_class` is gone since 1.8, and `penalty` goes with
1.10: no penalty is C = infinity, which all versions take.
"""

import warnings

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_sample_weight
from threadpoolctl import threadpool_limits

STEPS = 100  # of lbfgs, at most
CRUSHED = 'codes of this scale are outweighed by the penalty'
FLAT = 1e-2  # slope of the mean loss, of codes of deviation 1


def fit(
  codes, labels, penalty: float = 1.0, balanced: bool = False
) -> LogisticRegression:
  """A fitted model; without a warning where `STEPS` did not suffice.

  Args:
    codes: [points, columns], may be sparse.
    labels: [points], two classes or more.
    penalty: scikit-learn's C of L2; infinite: none.
    balanced: whether each class weighs the same, whatever its points.
  """
  model = LogisticRegression(
    C=penalty,
    tol=1e-4,
    fit_intercept=True,
    class_weight='balanced' if balanced else None,
    solver='lbfgs',
    max_iter=STEPS,
  )
  # The products are small: BLAS threads wait for each other longer than they
  # work, which on busy cores takes ten times as long.
  with threadpool_limits(1, user_api='blas'), warnings.catch_warnings():
    # SciPy deprecated an option that scikit-learn 1.6 sets.
    for category in (ConvergenceWarning, DeprecationWarning):
      warnings.simplefilter('ignore', category)
    model.fit(codes, labels)
    model.slope_ = _slope(model, codes, labels)
  return model


def converged(model: LogisticRegression) -> bool:
  """Whether a model of `fit` is at the optimum, within the steps.

  lbfgs measures the gradient in the unit of the codes: of codes that are large
  or far from 0 it says that it is done where it is not. So the gradient is
  taken again, of codes of mean 0 and deviation 1.
  """
  return int(np.max(model.n_iter_)) < STEPS and model.slope_ <= FLAT


def note(model: LogisticRegression, codes: np.ndarray) -> str:
  """What a score has to say of a model of `fit` on these codes, or nothing."""
  said = []
  if int(np.max(model.n_iter_)) >= STEPS:
    said.append(f'the fit stopped at {STEPS} iterations')
  elif not converged(model):
    said.append('the fit did not converge on codes of this scale')
  if crushed(codes, model.C):
    said.append(CRUSHED)
  return '; '.join(said)


def crushed(codes: np.ndarray, penalty: float) -> bool:
  """Whether the penalty outweighs all that codes of this scale can say.

  C * points * variance of the widest code: below 1 a coefficient costs more
  than it earns, and the accuracy is that of the scale.
  """
  return bool(0 < penalty * len(codes) * codes.var(axis=0).max() < 1)


def _slope(model: LogisticRegression, codes, labels) -> float:
  """The largest slope of the objective, per point, in standardised codes.

  As a part of the curvature where that is the penalty's: how far it is to the
  optimum, of a column that hardly moves as of others.
  """
  chance = model.predict_proba(codes)
  wrong = chance - (np.asarray(labels)[:, None] == model.classes_)
  wrong = wrong[:, -len(model.coef_) :]
  weight = compute_sample_weight(model.class_weight, labels)
  wrong *= weight[:, None] / weight.sum()
  penalty = 1 / (model.C * weight.sum())
  if sparse.issparse(codes):
    slope = codes.T @ wrong + penalty * model.coef_.T
  else:
    level = codes - codes.mean(axis=0)
    deviation = level.std(axis=0)[:, None]
    still = np.ptp(codes, axis=0) == 0
    slope = level.T @ wrong + penalty * model.coef_.T
    slope *= deviation / (deviation**2 + penalty + still[:, None])
  return float(max(np.abs(slope).max(), np.abs(wrong.sum(axis=0)).max()))


def log_loss(model: LogisticRegression, codes, labels: np.ndarray) -> float:
  """Mean over points of -log p(label), in nats.

  Args:
    model: fitted on labels 0, 1, ...
    codes: [points, columns].
    labels: [points] int.
  """
  chance = model.predict_proba(codes)[np.arange(len(labels)), labels]
  return float(-np.log(np.maximum(chance, np.finfo(float).eps)).mean())
