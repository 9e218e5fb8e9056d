"""Which hyper-parameter is named where a run diverged."""

import numpy as np
import pytest

from jaxvae.errors import DivergedError
from jaxvae.train import finite

USUAL = {
  'learning_rate': 5e-4,
  'beta': 1.0,
  'gamma': 100.0,
  'capacity': 0.0,
  'noise': 0.1,
  'temperature': 1.0,
  'tilt': 1.0,
  'keep': 1.0,
  'alpha': 1.0,
}


def refused(at, step, saved, **changes):
  """The error of a call of three steps, of which one is not finite."""
  results = {
    name: np.full(3, value, np.float32)
    for name, value in (USUAL | changes).items()
  }
  results['loss'] = np.where(np.arange(3) < at, 1.0, np.nan)
  results['finite'] = np.isfinite(results['loss'])
  with pytest.raises(DivergedError) as caught:
    finite.check_call(results, step, saved)
  return caught.value


@pytest.mark.parametrize(
  ('changes', 'said'),
  [
    ({}, 'lower config.hyper.learning_rate;'),
    ({'learning_rate': 1e30}, 'lower config.hyper.learning_rate, which is 1e+'),
    ({'beta': 1e9}, 'lower config.hyper.beta, which is 1e+09 there'),
    ({'gamma': 1e12}, 'lower config.hyper.gamma, which is 1e+12 there'),
    ({'noise': 1e-6}, 'raise config.hyper.noise, which is 1e-06 there'),
    ({'temperature': 1e-4}, 'raise config.hyper.temperature, which is 0.0001'),
    # The farthest from what is usual.
    ({'beta': 1e9, 'noise': 1e-5}, 'lower config.hyper.beta,'),
    # What cannot be too large is not named.
    ({'noise': 1e6, 'beta': 0.0}, 'lower config.hyper.learning_rate;'),
  ],
)
def test_what_is_likely_the_reason(changes, said):
  error = refused(1, 103, 100, **changes)
  assert str(error).startswith('step 102 is not finite: loss nan')
  assert error.hint.startswith(said)
  name = said.split('hyper.')[1].split(',')[0].rstrip(';')
  assert f'--allow_config_change=hyper.{name} it goes on' in error.hint
  assert error.hint.endswith('checkpoint 100')


def test_before_anything_was_learned_it_is_not_the_learning_rate():
  error = refused(0, 3, None, learning_rate=1e30)
  assert str(error).startswith('step 1 is not finite: ')
  assert 'lower' not in error.hint and 'no learning rate' in error.hint
  assert refused(0, 3, None, noise=1e-6).hint.startswith('raise config.hyper.n')
