"""Angles: the oracles are those of a computation with mpmath, 45 digits."""

import math

import numpy as np
import pytest

from jaxvae.topology import circle

TURN = 2 * np.pi * np.arange(40) / 40


def test_jammalamadaka_sengupta_correlation():
  a = [0.1, 1.3, 2.9, 4.0, 5.5]
  b = [0.4, 1.1, 3.3, 4.4, 5.2]
  wanted = 0.877879633137316709  # mpmath, from the definition
  assert circle.circular_correlation(a, b) == pytest.approx(wanted, abs=1e-14)
  mirrored = circle.circular_correlation(a, -np.array(b))
  assert mirrored == pytest.approx(-wanted, abs=1e-14)


def test_correlation_of_angles_all_around():
  rng = np.random.default_rng(0)
  a, b = rng.uniform(-np.pi, np.pi, (2, 4000))
  assert abs(circle.circular_correlation(a, b, uniform=True)) < 0.05
  near = a + 0.2 * rng.normal(size=4000)
  # The mean resultant of a wrapped normal is exp(-sd^2 / 2).
  wanted = math.exp(-0.02)
  for sign in (1, -1):
    found = circle.circular_correlation(a, sign * near, uniform=True)
    assert found == pytest.approx(sign * wanted, abs=0.03)


def test_correlation_of_angles_about_a_place():
  rng = np.random.default_rng(0)
  a = 0.3 * rng.normal(size=4000)
  # Small angles are almost numbers: of those it is 1 / sqrt(2).
  found = circle.circular_correlation(a, a + 0.3 * rng.normal(size=4000) + 2)
  assert found == pytest.approx(math.sqrt(0.5), abs=0.03)
  assert abs(circle.circular_correlation(a, rng.normal(size=4000))) < 0.05


@pytest.mark.parametrize('turns', [-2, -1, 0, 1, 2, 5])
def test_winding_counts_turns(turns):
  angles = turns * TURN + 0.3
  assert circle.winding(angles) == pytest.approx(turns, abs=1e-12)
  assert circle.winding(circle.wrap(angles)) == pytest.approx(turns, abs=1e-12)
  assert circle.homeomorphic(angles) == (abs(turns) == 1)


def test_a_fold_winds_not_at_all():
  fold = np.pi * np.sin(TURN) * 0.9
  assert circle.winding(fold) == pytest.approx(0, abs=1e-12)
  assert circle.monotone(fold) < 0.6
  # Once round, but back and forth on the way.
  assert not circle.homeomorphic(TURN + 0.9 * np.sin(5 * TURN))
  assert circle.homeomorphic(TURN + 0.9 * np.sin(TURN))


def test_noise_below_the_step_keeps_a_sweep_a_circle():
  rng = np.random.default_rng(1)
  noisy = TURN + 0.03 * rng.normal(size=40)
  assert circle.winding(noisy) == pytest.approx(1, abs=1e-12)
  assert circle.homeomorphic(noisy)


@pytest.mark.parametrize('sign', [1, -1])
@pytest.mark.parametrize('offset', [0.0, 1.0, -3.0])
def test_alignment_finds_the_rotation_and_the_mirror(sign, offset):
  rng = np.random.default_rng(2)
  truth = rng.uniform(-np.pi, np.pi, 1000)
  angles = circle.wrap(sign * truth + offset + 0.05 * rng.normal(size=1000))
  found = circle.align(angles, truth)
  assert found.sign == sign
  assert found.offset == pytest.approx(offset, abs=0.01)
  assert found.resultant == pytest.approx(math.exp(-(0.05**2) / 2), abs=1e-3)
  error = circle.circular_error(angles, truth, found)
  # The mean of |N(0, s^2)| is s sqrt(2 / pi).
  assert error.mean() == pytest.approx(0.05 * math.sqrt(2 / math.pi), rel=0.1)
  if sign == -1 or offset:
    assert circle.circular_error(angles, truth).mean() > 0.9


def test_circular_linear_correlation():
  t = 2 * np.pi * (np.arange(5000) + 0.5) / 5000
  found = circle.circular_linear_correlation(t, np.cos(t - 0.4))
  assert found == pytest.approx(1)
  # A ramp has the first Fourier share 6 / pi^2.
  found = circle.circular_linear_correlation(t, t)
  assert found == pytest.approx(math.sqrt(6) / math.pi, abs=1e-3)
  assert circle.circular_linear_correlation(t, np.ones(5000)) == 0


@pytest.mark.parametrize(
  ('call', 'words'),
  [
    (lambda: circle.winding([]), 'at least 1'),
    (lambda: circle.winding([0.0, np.nan]), 'finite'),
    (lambda: circle.align([0.0, 1.0], [0.0]), 'pairs'),
  ],
)
def test_refusals(call, words):
  with pytest.raises(ValueError, match=words):
    call()
