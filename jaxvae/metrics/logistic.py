"""Multinomial logistic regression, as the protocols ask for it.

scikit-learn's, with every setting that decides the value said. The solver has
been lbfgs since 0.22, `multi_class` is gone since 1.8, and `penalty` goes with
1.10: no penalty is C = infinity, which all versions take.
"""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

STEPS = 100  # of lbfgs, at most


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
    return model.fit(codes, labels)


def converged(model: LogisticRegression) -> bool:
  """Whether the tolerance was met within the steps."""
  return int(np.max(model.n_iter_)) < STEPS


def log_loss(model: LogisticRegression, codes, labels: np.ndarray) -> float:
  """Mean over points of -log p(label), in nats.

  Args:
    model: fitted on labels 0, 1, ...
    codes: [points, columns].
    labels: [points] int.
  """
  chance = model.predict_proba(codes)[np.arange(len(labels)), labels]
  return float(-np.log(np.maximum(chance, np.finfo(float).eps)).mean())
