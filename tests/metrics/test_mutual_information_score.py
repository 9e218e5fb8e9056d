"""Oracles: disentanglement_lib run on the same data; its loops; counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics import examples
from sklearn.metrics import mutual_info_score

from jaxvae.metrics.mutual_information_score import mutual_information_score


def test_identity_data_at_the_references_seed():
  # disentanglement_lib on IdentityObservationsData, RandomState(0).
  found = mutual_information_score(examples.identity())
  assert found.value == pytest.approx(0.014486144055446354, rel=1e-11)
  assert found.parameters == {'bins': 20, 'points': 3000}
  assert found.ungrouped is None


def test_the_protocol_written_as_loops():
  random = np.random.default_rng(3)
  codes = random.normal(size=(500, 4)) @ random.normal(size=(4, 4))
  bins = [np.digitize(z, np.histogram(z, 20)[1][:-1]) for z in codes.T]
  total = sum(
    mutual_info_score(bins[i], bins[j])
    for i in range(4)
    for j in range(4)
    if i != j
  )
  found = mutual_information_score(codes)
  assert found.value == pytest.approx(total / (16 - 4), rel=1e-12)


def test_a_grid_tells_nothing_and_a_copy_everything():
  codes = np.indices((4, 5)).reshape(2, -1).T
  assert mutual_information_score(codes).value == pytest.approx(0, abs=1e-12)
  # Of 3 latents one pair, counted both ways, shares ln 4.
  double = np.hstack([codes, codes[:, :1]])
  wanted = 2 * np.log(4) / 6
  assert mutual_information_score(double).value == pytest.approx(wanted)
  # Constant codes count: twelve more pairs that share nothing.
  dead = np.hstack([double, np.ones((20, 2))])
  wanted = 2 * np.log(4) / 20
  assert mutual_information_score(dead).value == pytest.approx(wanted)


def test_the_two_columns_of_a_circle_are_one_latent():
  turn, step = np.indices((40, 5)).reshape(2, -1)
  angle = 2 * np.pi * (turn + 0.5) / 40
  codes = np.stack([np.cos(angle), np.sin(angle), step], axis=1)
  found = mutual_information_score(codes, groups=((0, 1), (2,)))
  assert found.value == pytest.approx(0, abs=1e-12)
  # cos and sin tell much of each other.
  assert found.ungrouped == mutual_information_score(codes).value > 0.5
  assert found.details['mutual_information'].shape == (2, 2)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_order_sign_and_scale_do_not_matter(seed):
  random = np.random.default_rng(seed)
  codes = random.normal(size=(300, 4)) @ random.normal(size=(4, 4))
  value = mutual_information_score(codes).value
  for changed in (
    codes[:, random.permutation(4)],
    codes[random.permutation(300)],
    codes * [0.25, 2, 64, 1024],
    # Nothing but the extremes lies on an edge.
    -codes,
  ):
    found = mutual_information_score(changed).value
    assert found == pytest.approx(value, rel=1e-9)


def test_bad_input_is_named():
  with pytest.raises(ValueError, match='1 latent has no other'):
    mutual_information_score(np.arange(6)[:, None])
  with pytest.raises(ValueError, match='1 latent has no other'):
    mutual_information_score(np.ones((3, 2)), groups=((0, 1),))
  with pytest.raises(ValueError, match='NaN or infinite in latent 1'):
    mutual_information_score([[0.0, np.nan], [1.0, 2.0]])
