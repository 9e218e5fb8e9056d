import numpy as np
import pytest

from jaxvae.topology.occupancy import occupancy


@pytest.mark.parametrize('n', [200, 1000, 20_000])
def test_a_uniform_sample_has_no_gap(n):
  rng = np.random.default_rng(n)
  found = occupancy(rng.uniform(-np.pi, np.pi, n))
  assert found.arcs == 1 and found.share > 0.97 and found.gap < 0.3


@pytest.mark.parametrize('k', range(2, 9))
@pytest.mark.parametrize('sd', [0.0, 0.05])
def test_clusters_are_counted_wherever_they_begin(k, sd):
  rng = np.random.default_rng(k)
  which = rng.integers(0, k, 1000)
  for shift in (0.0, 0.4, np.pi):
    angles = 2 * np.pi * which / k + shift + sd * rng.normal(size=1000)
    found = occupancy(angles)
    assert found.arcs == k and found.share < 0.15 * k
    assert found.weights.sum() == pytest.approx(1)
    assert (found.widths < 0.5).all()
    away = np.exp(1j * found.centres)[:, None] - np.exp(
      1j * (2 * np.pi * np.arange(k) / k + shift)
    )
    assert (abs(away).min(axis=1) < 0.02).all()


def test_one_gap_leaves_one_arc():
  rng = np.random.default_rng(0)
  found = occupancy(rng.uniform(-2.5, 2.5, 5000))
  assert found.arcs == 1
  assert found.gap == pytest.approx(2 * np.pi - 5, abs=0.1)
  assert abs(np.exp(1j * found.middle) + 1) < 0.1
  assert found.widths[0] == pytest.approx(5, abs=0.1)


def test_one_place_is_one_arc():
  found = occupancy(np.full(100, 3.0))
  assert found.arcs == 1 and found.share == pytest.approx(1 / 24)


@pytest.mark.parametrize('angles', [[], [np.inf], [[0.0]]])
def test_refusals(angles):
  with pytest.raises(ValueError, match='allowed: finite'):
    occupancy(angles)
