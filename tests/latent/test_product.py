"""A product of slots must equal the one slot that it is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxvae.errors import UserError
from jaxvae.latent.slots import latent_space

TWO = latent_space('gaussian(3) + gaussian(2)')
ONE = latent_space('gaussian(5)')


def _numbers(*shape):
  rng = np.random.default_rng(sum(shape))
  return jnp.asarray(rng.normal(size=shape), jnp.float32)


def _both(batch):
  """The same posterior from both spaces' own order of the numbers."""
  mean, raw = np.split(np.asarray(_numbers(*batch, 10)), 2, -1)
  whole = np.concatenate([mean, raw], -1)
  parts = [mean[..., :3], raw[..., :3], mean[..., 3:], raw[..., 3:]]
  return TWO.posterior(np.concatenate(parts, -1)), ONE.posterior(whole)


@pytest.mark.parametrize('batch', [(), (2, 3)])
def test_a_sum_of_gaussians_is_a_gaussian(batch):
  for name in ('params_dim', 'sample_dim', 'code_dim', 'latents'):
    assert getattr(TWO, name) == getattr(ONE, name)
  assert (TWO.params_dim, TWO.latents) == (10, 5)
  z = _numbers(*batch, 5)

  def everything(space, q):
    return {
      'mean': space.mean(q),
      'variance': space.variance(q),
      'kl': space.kl(q, None),
      'code': space.code(z),
      'chart': space.chart(z),
      'sample': space.sample(jax.random.key(0), q),
    }, space.log_prob(z, None)

  two, one = _both(batch)
  assert (len(two), len(one)) == (2, 1)
  left, left_density = jax.jit(everything, static_argnums=0)(TWO, two)
  right, right_density = jax.jit(everything, static_argnums=0)(ONE, one)
  for name in left:
    assert left[name].shape == right[name].shape == (*batch, 5)
    if name != 'sample':
      np.testing.assert_allclose(left[name], right[name], rtol=1e-6)
  assert left_density.shape == right_density.shape == batch
  np.testing.assert_allclose(left_density, right_density, rtol=1e-6)


def test_slots_draw_from_streams_of_their_own():
  # Slots of one shape: with one key for all they would draw the same.
  n, key = 20_000, jax.random.key(0)
  space = latent_space('gaussian(2) + gaussian(2)')
  q = space.posterior(jnp.zeros((n, 8)))
  for z in (space.sample(key, q), space.sample_prior(key, (n,), None)):
    assert z.shape == (n, 4)
    # Five standard errors of a correlation, a mean and a variance.
    correlation = np.corrcoef(np.asarray(z).T) - np.eye(4)
    assert np.abs(correlation).max() < 5 / np.sqrt(n)
    assert np.abs(z.mean(0)).max() < 5 / np.sqrt(n)
    assert np.abs(z.var(0) - 1).max() < 5 * np.sqrt(2 / n)


def test_adding_a_slot_does_not_change_the_draws_of_the_first():
  key, first = jax.random.key(3), latent_space('gaussian(3)')
  q, _ = _both((7,))
  np.testing.assert_array_equal(
    TWO.sample(key, q)[:, :3], first.sample(key, q[:1])
  )
  np.testing.assert_array_equal(
    TWO.sample_prior(key, (7,), None)[:, :3],
    first.sample_prior(key, (7,), None),
  )


def test_moving_touches_one_latent():
  z = _numbers(6, 5)
  values = jnp.arange(6.0)
  for latent in range(5):
    for value in (values, 2.5):
      expected = np.array(z)
      expected[:, latent] = value
      np.testing.assert_array_equal(TWO.move(z, latent, value), expected)
    assert TWO.span(latent) == (-3.0, 3.0)
  np.testing.assert_array_equal(TWO.move(z[0], 3, 9.0)[3], 9.0)


def test_columns_are_found_among_unequal_slots():
  # A stand-in for a slot whose sample is wider than its columns: a circle.
  circle = ONE.slots[0]._replace(
    name='circle',
    sample_dim=2,
    latents=1,
    move=lambda z, column, value: jnp.stack([jnp.cos(value), jnp.sin(value)]),
    span=(0.0, 6.0),
  )
  gaussian = latent_space('gaussian(2)').slots[0]
  space = TWO._replace(slots=(gaussian, circle, gaussian))
  assert (space.latents, space.sample_dim) == (5, 6)
  spans = [space.span(latent)[1] for latent in range(5)]
  assert spans == [3.0, 3.0, 6.0, 3.0, 3.0]
  z = jnp.arange(6.0)
  np.testing.assert_array_equal(
    space.move(z, 2, jnp.array(0.0)), [0, 1, 1, 0, 4, 5]
  )
  np.testing.assert_array_equal(
    space.move(z, 3, jnp.array(9.0)), [0, 1, 2, 3, 9, 5]
  )


@pytest.mark.parametrize('latent', [-1, 5, 50])
def test_no_such_latent(latent):
  with pytest.raises(IndexError, match=f'latent {latent} of 5'):
    TWO.span(latent)
  with pytest.raises(IndexError, match=f'latent {latent} of 5'):
    TWO.move(_numbers(5), latent, 0.0)


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('gausian(3)', "unknown latent slot 'gausian'; allowed: gaussian"),
    ('gaussian(3) + lop', "unknown latent slot 'lop'"),
    ('gaussian', 'latent slot gaussian: .*missing'),
    (
      'gaussian(0)',
      'latent slot gaussian: latents=0; allowed: a whole number from',
    ),
    ('gaussian(2.5)', 'latents=2.5; allowed'),
    ("gaussian(3, scale='log_std')", 'allowed: log_variance, softplus'),
    ('gaussian(3, prior=2)', 'unexpected keyword'),
    ('gaussian(3) * 2', 'is not of the form'),
    ('', 'is not of the form'),
  ],
)
def test_refusals(text, message):
  with pytest.raises(UserError, match=message):
    latent_space(text)


def test_a_head_has_no_divergence_to_count():
  space = latent_space("gaussian(2) + head(3, factor='digit') + loop")
  assert space.rated == (0, 1, 3)
  assert TWO.rated == tuple(range(5))
