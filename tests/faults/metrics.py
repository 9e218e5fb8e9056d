"""Bad calls of `jaxvae.metrics`, made from what each argument may be.

Every argument of every public function is replaced by everything that it may
not be, one at a time. Each call must raise a ValueError of one line that names
the argument, without a warning, within 10 seconds and 2 GB. `True` is no whole
number and no number here; None is refused where it is not the default.
"""

import inspect
import pathlib
import re
import resource
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from jaxvae import metrics
from jaxvae.ranges import shown

SECONDS = 600
EACH = 10  # seconds
ROOM = 2 * 2**30  # bytes beyond what is taken when the calls begin

_RANDOM = np.random.default_rng(0)
_GRID = np.indices((3, 4, 5)).reshape(3, -1).T
_CODES = _GRID + 0.1 * _RANDOM.normal(size=(60, 3))
_COVARIANCE = np.cov(_CODES.T)
_SHARES = np.array([[0.9, 0.1, 0.0], [0.1, 0.8, 0.2], [0.0, 0.1, 0.8]])
_TORUS = np.stack(
  [f(2 * np.pi * np.arange(6) / 6) for f in (np.cos, np.sin)], 1
)
_LABELS = np.arange(60) % 3
_VARIANCES = np.abs(_CODES) + 0.1


def _masked(shape: tuple[int, ...], kind: type = float) -> np.ma.MaskedArray:
  mask = np.zeros(shape, bool)
  mask.flat[0] = True
  return np.ma.masked_array(np.ones(shape, kind), mask)


# Nothing takes these.
NOTHINGS: tuple[Any, ...] = (
  *('a', '', b'a', 1j, np.nan, np.inf, -np.inf, -1.5, [], {}, object()),
  *(
    10**400,
    10**5000,
    -(10**5000),
    [None],
    ['a'],
    [[]],
    [[1], [2, 3]],
    {'a': 1},
    print,
    set(),
  ),
  *(np.array('a'), np.array([['a']]), np.zeros((0, 3)), np.zeros((60, 0))),
  *(np.full((60, 3), np.nan), np.zeros((2, 2, 2, 2, 2)) * 1j),
  *(_masked((60, 3)), _masked((60,)), _masked(())),
  *(np.array(['2020-01-01'], 'M8'), np.zeros(3, [('a', float)])),
  np.array([None, 1.0]),
)
ONES: tuple[Any, ...] = (True, False, -1, 0, 1, 1.5, 10**12)
# What else each kind of argument is not.
KINDS: Mapping[str, tuple[Any, ...]] = {
  'codes': (
    *(None, *ONES, [1.0], np.zeros(60), np.zeros((60, 3, 2)), _CODES[:, :0]),
    *(np.full((60, 3), 1e60), np.full((60, 3), np.inf), _CODES * 1j),
  ),
  'table': (None, *ONES, [1.0], np.zeros(60), np.zeros((3, 3, 3))),
  'classes': (
    *(None, *ONES, [1], np.zeros(60, int), np.full((60, 3), 0.5)),
    *(np.full((60, 3), 1e30), np.full((60, 3), 2**60), np.zeros((0, 0))),
  ),
  'column': (None, *ONES, np.full(60, 1e30), _LABELS[:7], np.zeros((60, 3))),
  'angles': (None, *ONES, _LABELS[:7], np.zeros((60, 3))),
  'vector': (None, *ONES, np.full(3, np.inf), np.zeros(7), np.eye(3)),
  'whole': (None, True, False, -1, 0, 1.5, 10**12, [1], (1,), '1', 1.0),
  'seed': (None, True, False, -1, 1.5, 2**32, 10**12, [1], '1', 1.0),
  'seeds': (None, True, False, -1, 1.5, 2**32, 10**12, ['1'], [-1], [1.5]),
  'number': (None, True, False, [1.0], '1', (1,), -(10**400)),
  'choice': (None, *ONES, 'no such', ['mig'], ('mig',), b'mig'),
  'flag': (None, -1, 0, 1, 2, 1.5, 'True', [True]),
  'groups': (
    *(*ONES, ((0, 1),), ((0, 1), (1, 2)), ((0, 1, 2),), ((0,), (1,), (2, 3))),
    *(((0.0,), (1,), (2,)), 'abc', (0, 1, 2), (('0',), ('1',), ('2',))),
  ),
  'names': (None, *ONES, ['z0'], ['z0', 'z1'], [0, 1, 2], 'abc', ('a',) * 9),
  'circles': (
    *(*ONES, ((0, 3),), {0: 1}, {9: 9}, {0: 'a'}, {'a': 9}, {0: np.nan}),
    *({0: None}, {-1: 9}, {0.5: 9}, 'ab'),
  ),
  'folds': (
    *(*ONES, {1: 0}, {1: 1.5}, {1: True}, {1: 'a'}, {9: 1}, {-1: 1}, {0.5: 2}),
    *({1: (0,)}, {1: (1, (1, 1, 1, 1))}, {1: (9, (1,))}, {1: (0, (1,))}),
    *({1: (0, (0, 1, 1))}, {1: (0, 'abc')}, {1: (0, 3)}, {1: (0, 1, 1)}, 'ab'),
  ),
  'spans': (
    *(*ONES, {9: (0, 9)}, {-1: (0, 9)}, {0.5: (0, 9)}, {0: 1}, {0: (0,)}),
    *({0: (2, 0)}, {0: (0, 0)}, {0: (0, 1)}, {0: (0, np.inf)}, {0: 'ab'}),
    *({0: (np.nan, 1)}, {0: (0, 'a')}, 'ab'),
  ),
  'pair': (*ONES, (_CODES,), (_CODES, _GRID, _GRID), 'abc'),
  'sizes': (None, *ONES, [0], [-1, 3], [1.5, 3], ['a', 'b'], [10**12, 3]),
  'columns': (None, *ONES, [-1], [9], [0, 0], [0.5], ['a'], [True, 'a']),
  'turns': (None, *ONES, [0.5], ['a'], [10**12], list(range(2000))),
  'function': (None, *ONES),
  'points': (None, *ONES, _CODES, (_CODES, _GRID)),
  'arrays': (None, *ONES, [_CODES], [_CODES] * 9, _CODES, [None, None]),
  'scores': (None, *ONES, [1], ['mig'], [None]),
}

_BOTH = {'codes': 'codes', 'factors': 'classes'}
_TESTED = {**_BOTH, 'test_codes': 'codes', 'test_factors': 'classes'}
_FITTED = {**_TESTED, 'estimator': 'choice', 'seed': 'seed'}
_PARTS = {'labels': 'column', 'test_labels': 'column'}
_DRAWN = {'count': 'whole', 'batch': 'whole', 'seed': 'seeds'}
_BINS = {'codes': 'codes', 'bins': 'whole', 'groups': 'groups'}

# What each argument is.
ARGUMENTS: Mapping[str, Mapping[str, str]] = {
  'active_units': {'codes': 'codes', 'threshold': 'number'},
  'active_units_score': {
    'codes': 'codes',
    'threshold': 'number',
    'groups': 'groups',
  },
  'best_latent_per_factor': {
    'nmi': 'table',
    'factor_names': 'names',
    'names': 'names',
  },
  'beta_vae': {
    **_TESTED,
    **{'train': 'whole', 'test': 'whole', 'batch': 'whole', 'seed': 'seed'},
    'groups': 'groups',
  },
  'beta_vae_score': {
    **{'differences': 'codes', 'test_differences': 'codes'},
    **_PARTS,
  },
  'chart': {'codes': 'codes', 'groups': 'groups'},
  'chosen': {'text': 'choice'},
  'circle_score': {
    **_BOTH,
    **{'groups': 'groups', 'circular': 'circles', 'folds': 'folds'},
  },
  'circular_correlation': {
    'angles': 'angles',
    'classes': 'column',
    'size': 'number',
  },
  'completeness': {'importance': 'table'},
  'd_lsbd': {'codes': 'codes', 'frequencies': 'turns'},
  'd_lsbd_points': {
    **_BOTH,
    **{'cyclic': 'columns', 'frequencies': 'turns', 'folds': 'folds'},
  },
  'dci': {**_FITTED, 'groups': 'groups'},
  'discrete_entropy': {'factors': 'classes'},
  'discrete_mutual_info': {'codes': 'classes', 'factors': 'classes'},
  'discretize': _BINS,
  'disentanglement': {'importance': 'table'},
  'downstream': {**_FITTED, 'sizes': 'sizes'},
  'draw_fixed': {'factors': 'classes', **_DRAWN},
  'draw_pairs': {'factors': 'classes', **_DRAWN},
  'explicitness': _TESTED,
  'factor_vae': {
    **_TESTED,
    **{'train': 'whole', 'test': 'whole', 'batch': 'whole', 'seed': 'seed'},
    **{'threshold': 'number', 'groups': 'groups'},
  },
  'factor_vae_score': {
    **{'variances': 'codes', 'test_variances': 'codes'},
    **_PARTS,
    **{'global_variances': 'vector', 'threshold': 'number'},
  },
  'fairness': _FITTED,
  'fairness_by_setting': {
    **_BOTH,
    **{'encode': 'function', 'values': 'sizes', 'points': 'whole'},
    **{'estimator': 'choice', 'seed': 'seed'},
  },
  'gaussian_total_correlation': {'codes': 'codes'},
  'gaussian_wasserstein': {'codes': 'codes'},
  'histogram_discretize': {'codes': 'codes', 'bins': 'whole'},
  'infomec': {
    **_BOTH,
    **{'discrete': 'flag', 'prune': 'choice', 'seed': 'seed'},
    **{'neighbors': 'whole', 'groups': 'groups'},
  },
  'inter_group_unfairness': {'counts': 'classes'},
  'irs': {**_BOTH, 'quantile': 'number', 'bins': 'whole'},
  'latent_table': {
    **{'mean_variance': 'vector', 'kl': 'vector'},
    **_BOTH,
    **{'factor_names': 'names', 'names': 'names'},
    **{'active_threshold': 'number', 'bins': 'whole'},
  },
  'med': {**_BOTH, 'bins': 'whole', 'top_k': 'whole', 'groups': 'groups'},
  'mig': {**_BOTH, 'bins': 'whole', 'groups': 'groups', 'variant': 'choice'},
  'mig_chen': {
    **{'means': 'codes', 'variances': 'codes', 'factors': 'classes'},
    **{'samples': 'whole', 'seed': 'seed'},
  },
  'modularity': {**_BOTH, 'bins': 'whole', 'groups': 'groups'},
  'modularity_of': {'mutual_information': 'table'},
  'mutual_information_score': _BINS,
  'normalised_mutual_information': {**_BOTH, 'bins': 'whole'},
  'Points': {
    **{'codes': 'table', 'factors': 'classes', 'test_codes': 'table'},
    **{'test_factors': 'classes', 'groups': 'groups', 'circular': 'circles'},
    **{'turns': 'pair', 'folds': 'folds', 'spans': 'spans'},
  },
  'relative_strength': {'similarity': 'table'},
  'run': {
    **{'points': 'points', 'names': 'choice', 'bins': 'whole', 'seed': 'seed'}
  },
  'sample_fixed': {'sizes': 'sizes', **_DRAWN},
  'sample_pairs': {'sizes': 'sizes', **_DRAWN},
  'sap': {
    **_TESTED,
    **{'kind': 'choice', 'seed': 'seed', 'groups': 'groups'},
    'circular_factors': 'circles',
  },
  'table': {'scores': 'scores', 'factor_names': 'names'},
  'total_correlation_of_covariance': {'covariance': 'table'},
  'udr': {
    **{'codes_of_models': 'arrays', 'kls': 'arrays', 'method': 'choice'},
    **{'kl_threshold': 'number', 'alpha': 'number'},
  },
  'wasserstein_of_covariance': {'covariance': 'table'},
}

# Values of arguments that are right, by name.
RIGHT: Mapping[str, Any] = {
  **{'codes': _CODES, 'factors': _GRID, 'means': _CODES, 'variances': _CODES},
  **{'test_codes': _CODES + 0.01, 'test_factors': _GRID, 'points': 5},
  **{'differences': _CODES, 'test_differences': _CODES, 'labels': _LABELS},
  **{'test_labels': _LABELS, 'variances': _VARIANCES, 'importance': _SHARES},
  **{'test_variances': _VARIANCES, 'global_variances': np.ones(3)},
  **{'nmi': _SHARES, 'mutual_information': _SHARES, 'similarity': _SHARES},
  **{'counts': _GRID, 'covariance': _COVARIANCE, 'train': 30, 'test': 30},
  **{
    'count': 30,
    'batch': 4,
    'estimator': 'boosting',
    'sizes': [3, 4],
    'circular': {0: 4},
  },
  **{'angles': _CODES[:, 2], 'classes': _LABELS, 'size': 5, 'text': 'quick'},
  **{'mean_variance': np.ones(3), 'kl': np.ones(3), 'cyclic': (0, 1)},
  **{'encode': lambda rows: rows + 0.5, 'values': (3, 4, 5), 'bins': 5},
  **{'codes_of_models': [_CODES, _CODES + _GRID[::-1]], 'top_k': 1},
  **{'kls': [np.ones(3)] * 2, 'scores': [], 'groups': ((0,), (1,), (2,))},
}
# Where a function has others.
OWN: Mapping[str, Mapping[str, Any]] = {
  'run': {'points': metrics.Points(_CODES, _GRID, _CODES, _GRID)},
  'Points': {'circular': {1: 4}, 'folds': {1: (0, (1, 2, 1))}},
  'circle_score': {'circular': {1: 4}},
  'd_lsbd': {'codes': _TORUS},
  'discrete_mutual_info': {'codes': _GRID},
  'd_lsbd_points': {'cyclic': (1, 2)},
  'downstream': {'estimator': 'logistic_fast', 'sizes': [10, 60]},
  'fairness': {'estimator': 'logistic_fast'},
  'fairness_by_setting': {'estimator': 'logistic_fast'},
  'dci': {'estimator': 'extra_trees'},
  'sap': {'kind': 'svm', 'circular_factors': None},
}


def _negative(given: Any) -> bool:
  return isinstance(given, float) and given < 0 and np.isfinite(given)


def _table(given: Any) -> bool:
  return getattr(given, 'shape', ()) == (60, 3) and given.dtype.kind == 'f'


def _nothing(given: Any) -> bool:
  return isinstance(given, dict) and not given


# Right for this function although wrong for others of the kind.
ALLOWED: Mapping[tuple[str, str], Callable[[Any], bool]] = {
  ('circle_score', 'groups'): lambda given: given is None,
  ('irs', 'bins'): lambda given: given is None,
  ('normalised_mutual_information', 'bins'): lambda given: given is None,
  ('table', 'factor_names'): lambda given: (
    isinstance(given, list | tuple) and isinstance([*given, 0][0], str)
  ),
  **{('Points', codes): _table for codes in ('codes', 'test_codes')},
  # NaN is a label that nobody knows.
  **{
    ('Points', factors): lambda given: (
      getattr(given, 'shape', ()) == (60, 3) and bool((given != given).all())
    )
    for factors in ('factors', 'test_factors')
  },
  # Once round may be less than 1, of values in radians or in turns.
  ('Points', 'circular'): lambda given: (
    isinstance(given, dict) and given in ({}, {0: 1})
  ),
  ('Points', 'spans'): _nothing,
  # That classes are missing is seen where they are asked for.
  ('Points', 'folds'): lambda given: (
    isinstance(given, dict) and given == {1: (0, (1,))}
  ),
  ('d_lsbd', 'codes'): lambda given: getattr(given, 'shape', ()) == (60, 3, 2),
  ('fairness_by_setting', 'encode'): callable,
  ('latent_table', 'active_threshold'): _negative,
  ('udr', 'kl_threshold'): _negative,
}
# No names, no scores, no circular factors and no folds are a choice.
EMPTY = {'names', 'factor_names', 'scores', 'circular_factors', 'folds'}
# What a message may call an argument, where it is not its name.
CALLED = {
  **{'text': 'names|metric', 'names': 'name|metric', 'factor_names': 'name'},
  **{'kls': 'KLs|kls', 'codes_of_models': 'model', 'similarity': 'similarit'},
  **{'sizes': 'size', 'values': 'value', 'frequencies': 'frequenc'},
  **{'circular': 'circular|factor', 'circular_factors': 'circular|factor'},
  **{'factors': 'factor', 'test_factors': 'factor', 'size': 'size|factor'},
  **{'labels': 'label|factor', 'test_labels': 'label|factor'},
  **{'test_codes': 'codes', 'global_variances': 'variances', 'counts': 'count'},
  **{'spans': 'span', 'folds': 'folds|factor'},
  **{'classes': 'class|factor', 'kl': 'kl|KL', 'mean_variance': 'variance'},
  **{'test_variances': 'variance', 'test_differences': 'difference'},
}


def calls() -> Iterator[tuple[str, str, Any]]:
  """Function, argument and what it is not, in a fixed order."""
  for function, arguments in ARGUMENTS.items():
    for argument, kind in arguments.items():
      default = inspect.signature(getattr(metrics, function)).parameters
      allowed = ALLOWED.get((function, argument), lambda given: False)
      for wrong in (*KINDS[kind], *NOTHINGS):
        empty = isinstance(wrong, list | dict) and not wrong
        empty = empty or getattr(wrong, 'shape', (1,))[:1] == (0,)
        chosen = wrong is default[argument].default or allowed(wrong)
        if chosen or (argument in EMPTY and empty):
          continue
        yield function, argument, wrong


def call(function: str, arguments: Mapping[str, Any]) -> Any:
  """Of `Points`, those of a run with them."""
  made = getattr(metrics, function)(**arguments)
  return metrics.run(made, 'mig') if function == 'Points' else made


def right(function: str) -> dict[str, Any]:
  """Arguments that a function takes."""
  signature = inspect.signature(getattr(metrics, function)).parameters
  own = OWN.get(function, {})
  return {
    name: own.get(name, RIGHT.get(name, known.default))
    for name, known in signature.items()
  }


def _late(*_: object) -> None:
  raise TimeoutError(f'took more than {EACH} seconds')


def judged(call: Callable[[], Any], error: type, name: str) -> str:
  """What is wrong with how a bad call ends, or nothing; 'accepted' if it did.

  Args:
    call: the call.
    error: what it has to raise.
    name: what the message has to name, a regular expression.
  """
  signal.signal(signal.SIGALRM, _late)
  signal.alarm(EACH)
  try:
    with warnings.catch_warnings():
      warnings.simplefilter('error')
      call()
  except error as raised:
    said = str(raised)
    if '\n' in said or len(said) > 300:
      return f'more than a line: {said[:300]!r}'
    if not re.search(name, said):
      return f'does not name {name}: {said}'
    return ''
  except (Exception, MemoryError) as raised:
    return f'{type(raised).__name__}: {str(raised)[:200]}'
  finally:
    signal.alarm(0)
  return 'accepted'


def room() -> None:
  """Leaves this process `ROOM` beyond what it has."""
  status = pathlib.Path('/proc/self/status').read_text()
  taken = int(status.split('VmSize:')[1].split()[0]) * 1024
  resource.setrlimit(resource.RLIMIT_AS, (taken + ROOM, taken + ROOM))


def every_call(place: pathlib.Path) -> str | None:
  """All of `calls`, in this process."""
  del place
  for function in ARGUMENTS:  # what is right is taken
    call(function, right(function))
  room()
  count, wrong = 0, []
  for function, argument, given in calls():
    count += 1
    arguments = right(function) | {argument: given}
    said = judged(
      lambda f=function, a=arguments: call(f, a),
      ValueError,
      CALLED.get(argument, argument),
    )
    if said:
      wrong.append(f'{function}({argument}={shown(given):.60}): {said}')
  print(f'{count} bad calls of {len(ARGUMENTS)} functions')
  return '\n'.join(wrong) or None


CASES = {'bad calls of jaxvae.metrics': every_call}
