"""Oracles: variances by hand."""

import numpy as np
import pytest

from jaxvae.metrics import active_units
from jaxvae.metrics.active import active_units_score


def test_latents_that_move_are_counted():
  # Half of the points at -a, half at a: a variance of a^2.
  sign = np.repeat([-1.0, 1.0], 10)[:, None]
  codes = sign * [1.0, 0.11, 0.09, 0.0] + 5
  found = active_units_score(codes)
  assert (found.value, found.variant) == (2, 'burda2016')
  np.testing.assert_allclose(
    found.details['variance'], [1, 0.0121, 0.0081, 0], atol=1e-12
  )
  assert found.details['active'].tolist() == active_units(codes).tolist()
  assert active_units_score(codes, 0.5).value == 1
  # Order and sign do not matter.
  assert active_units_score(-codes[:, ::-1]).value == 2


def test_a_circle_is_one_latent():
  angle = 2 * np.pi * np.arange(12) / 12
  codes = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
  found = active_units_score(codes, groups=((0, 1), (2,)))
  assert (found.value, found.ungrouped) == (1, 2)
  # Angles all around: 1 - R^2 with R = 0.
  np.testing.assert_allclose(found.details['variance'], [1, 0], atol=1e-12)


def test_bad_input_is_named():
  with pytest.raises(ValueError, match='NaN or infinite in latent 0'):
    active_units_score([[np.nan]])
  for threshold in (-1, np.nan):
    with pytest.raises(ValueError, match='allowed: a number, at least 0'):
      active_units_score([[1.0]], threshold)
