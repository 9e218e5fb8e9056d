"""What a class means to a slot, and what a label does to its divergence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from jaxvae.data.factors import Factor
from jaxvae.errors import UserError
from jaxvae.latent import labels
from jaxvae.latent.slots import latent_space

FACTORS = (
  Factor('shape', 4, 'points'),
  Factor('scale', 8, 'segment'),
  Factor('hue', 10, 'loop'),
)
TEXT = (
  "loop(factor='hue') + gaussian(2) + points(4, factor='shape')"
  " + segment(factor='scale')"
)


def test_labels_are_scaled_to_the_slot():
  # A published code put labels from 0 to 1 where its noise had deviation 1.
  columns = labels.columns(latent_space(TEXT), FACTORS)
  classes = jnp.array([[0, 0, 0], [3, 7, 5], [1, 1, 9], [2, 2, 2]])
  labelled = jnp.array([True, True, True, False])
  found = labels.of_slots(classes, labelled, columns)
  turn = 2 * np.pi / 10
  expected = [
    [0, np.nan, 0, -1],
    [5 * turn, np.nan, 3, 1],
    [9 * turn, np.nan, 1, -1 + 2 / 7],
    [np.nan] * 4,
  ]
  np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_the_ends_of_a_segment_are_apart_on_a_circle():
  # 8 classes over three quarters of a turn; the last is no neighbour of the
  # first, as it would be at 2 pi / 8 from class to class.
  columns = labels.columns(latent_space("loop(factor='scale')"), FACTORS)
  classes = jnp.array([[0, 0, 0], [0, 7, 0], [0, 1, 0]])
  found = labels.of_slots(classes, jnp.ones(3, bool), columns)[:, 0]
  expected = np.pi * np.array([-0.75, 0.75, -0.75 + 1.5 / 7])
  np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_label_changes_only_what_it_tells_about():
  space = latent_space(TEXT)
  rng = np.random.default_rng(0)
  shape = (3, space.params_dim)
  q = space.posterior(jnp.asarray(rng.normal(size=shape), jnp.float32))
  free = space.kl(q, tiny.hyper())
  told = jnp.array(
    [[0.5, np.nan, np.nan, np.nan], [np.nan] * 4, [1.0, np.nan, 2, -0.5]]
  )
  kl = space.label_kl(q, told, free, tiny.hyper())
  changed = np.asarray(kl != free)
  expected = [
    [True, False, False, False, False],
    [False] * 5,
    [True, False, False, True, True],
  ]
  np.testing.assert_array_equal(changed, expected)
  for i, slot in ((0, 'loop'), (2, 'points'), (3, 'segment')):
    del slot
    row = jax.tree.map(lambda x: x[2], q[i])
    direct = space.slots[i].label_kl(row, told[2, i], tiny.hyper())
    column = {0: 0, 2: 3, 3: 4}[i]
    np.testing.assert_allclose(direct[0], kl[2, column], rtol=1e-5)


def test_unknown_labels_leave_a_finite_gradient():
  space = latent_space(TEXT)
  told = jnp.full((2, 4), jnp.nan)

  def total(numbers):
    q = space.posterior(numbers)
    free = space.kl(q, tiny.hyper())
    return jnp.sum(space.label_kl(q, told, free, tiny.hyper()))

  numbers = jnp.ones((2, space.params_dim))
  assert jnp.isfinite(jax.grad(total)(numbers)).all()


def test_a_loop_is_labelled_by_its_period():
  # dSprites' orientations are linspace(0, 2 pi, 40).
  factors = (Factor('turn', 40, 'loop', period=39.0),)
  columns = labels.columns(latent_space("loop(factor='turn')"), factors)
  classes = jnp.arange(40)[:, None]
  found = labels.of_slots(classes, jnp.ones(40, bool), columns)
  np.testing.assert_allclose(
    found[:, 0], np.linspace(0, 2 * np.pi, 40), rtol=1e-6
  )


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ("loop(factor='turn')", "factor='turn'; the data have: shape, scale, hue"),
    ("points(3, factor='shape')", "is of 3 classes, its factor 'shape' has 4"),
  ],
)
def test_a_factor_that_does_not_fit(text, message):
  with pytest.raises(UserError, match=message):
    labels.columns(latent_space(text), FACTORS)


def test_a_slot_that_cannot_be_told():
  with pytest.raises(UserError, match=r'gaussian\(2\) cannot be told'):
    latent_space("gaussian(2, factor='shape')")


def test_without_factors_nothing_is_told():
  columns = labels.columns(latent_space(TEXT), None)
  assert all(column.factor is None for column in columns)


def test_values_are_scaled_to_the_slot():
  factors = (
    Factor('angle', 0, 'loop', period=360.0, span=(0.0, 360.0)),
    Factor('size', 0, 'segment', span=(-1.0, 3.0)),
  )
  space = latent_space(
    "loop(factor='angle') + segment(factor='size') + loop(factor='size')"
  )
  values = jnp.array([[90.0, 2.0], [jnp.nan, -1.0]])
  found = labels.of_slots(
    values, jnp.array([True, True]), labels.columns(space, factors)
  )
  # A quarter of a turn; three quarters from -1 to 1; the same on 3 pi / 2.
  quarter = [np.pi / 2, 0.5, 0.375 * np.pi]
  np.testing.assert_allclose(found[0], quarter, rtol=1e-6)
  np.testing.assert_allclose(found[1], [np.nan, -1, -0.75 * np.pi], rtol=1e-6)
  with pytest.raises(UserError, match=r"'angle' has values, 0 to 360 \(loop\)"):
    labels.columns(latent_space("points(4, factor='angle')"), factors)
