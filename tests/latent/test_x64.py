"""Slots where JAX counts in float64 and is given float32, and the reverse.

Nothing is computed but for the last test: types follow from tracing.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from jaxvae import objectives, schedules
from jaxvae.data import Factor
from jaxvae.latent import tilting
from jaxvae.latent.head import head
from jaxvae.latent.label import label
from jaxvae.latent.slots import latent_space
from jaxvae.model import build
from jaxvae.structs import Batch, Hyper
from jaxvae.train import state, step

TEXTS = [
  *('gaussian(2)', "gaussian(1, scale='softplus')", 'ksparse(4, 2)'),
  *('tilted(3, 2.)', 'tilted(1, 2.)', "tilted(3, 2., kl='quadratic')"),
  *('loop', "loop(kind='power_spherical')", "loop(kind='wrapped_cauchy')"),
  *('loop(tau=8.)', 'points(4)', "points(4, kind='mixture')"),
  *("points(4, kind='concrete')", "points(3, code='line')", 'segment'),
  *("segment(kind='smooth')", "segment(kind='kumaraswamy')", 'mixture(3, 2)'),
  *("mixture(3, 1, kind='learned')", "mixture(3, 2, kind='classes')"),
  *('vamp(3, 2)', 'quantized(2, 4)', "quantized(2, 4, kind='latent')"),
  'ksparse(4, 2, lifetime=0.5)',
]
SLOTS = {text: latent_space(text).slots[0] for text in TEXTS} | {
  'label(4)': label(4),
  "label(4, kind='loop')": label(4, kind='loop'),
  'head(4, 2)': head(4, 2, lifetime=0.5),
}
# Those that computed in float64 from float32 numbers.
FEW = ('tilted(3, 2.)', 'loop(tau=8.)', "loop(kind='power_spherical')")
FEW += ('mixture(3, 2)', 'points(4)', 'segment')
VALUES = dict.fromkeys(Hyper.__dataclass_fields__, 1.0)


@pytest.fixture(autouse=True)
def _x64():
  with jax.enable_x64(True), jax.numpy_dtype_promotion('standard'):
    yield


@pytest.mark.parametrize(
  ('kind', 'settings'), [(np.float32, np.float32), (np.float64, np.float32)]
)
@pytest.mark.parametrize('text', SLOTS)
def test_what_comes_out_has_the_type_of_what_goes_in(text, kind, settings):
  slot, key = SLOTS[text], jax.random.key(0)
  hyper = Hyper(**{name: settings(value) for name, value in VALUES.items()})

  def like(*shape):
    return jax.ShapeDtypeStruct(shape, kind)

  prior = None
  if slot.learned:
    begun = jax.eval_shape(slot.learned, key)
    prior = jax.tree.map(lambda leaf: like(*leaf.shape), begun)
  if slot.pseudo_inputs:
    numbers = like(slot.pseudo_inputs, slot.params_dim)
    prior = jax.eval_shape(slot.posterior, numbers)

  def everything(params, label, prior):
    q = slot.posterior(*(params, prior)[: 2 if slot.penalty else 1])
    z = slot.sample(key, q)
    shared = jnp.ones((6, slot.latents), bool)
    found = [q, z, slot.mean(q), slot.variance(q), slot.kl(q, hyper, z, prior)]
    found += [slot.log_prob(z, hyper, prior), slot.code(z), slot.chart(z)]
    found += [slot.move(z, 0, label), slot.divergence(q, q)]
    found += [slot.average(q, q, shared)]
    if slot.label_kl:
      found.append(slot.label_kl(q, label, hyper, prior))
    if slot.training_code:
      found.append(slot.training_code(z, hyper))
    if slot.penalty:
      found.append(slot.penalty(params, prior))
    # Draws are of JAX's own type.
    slot.sample_prior(key, (3,), hyper, prior)
    return found

  params, label = like(6, slot.params_dim), like(6)
  found = jax.eval_shape(everything, params, label, prior)
  assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {np.dtype(kind)}


@pytest.mark.parametrize(
  ('text', 'objective', 'schedule'),
  [
    (' + '.join(FEW), 'beta_vae', 'linear'),
    (' + '.join(FEW), 'annealed_vae', 'geometric'),
    ("label(4, factor='a') + loop(tau=8.)", 'beta_vae', 'cosine'),
  ],
)
def test_steps_of_training(text, objective, schedule):
  """What `lax.scan` carries keeps its type."""
  config = tiny.config(latent=text, likelihood='gaussian', labels=0.5)
  model = build(config, (8, 8, 1), (Factor('a', 4, 'points'),))
  moving, course = schedules.course(
    VALUES, dict.fromkeys(('beta', 'noise'), f'{schedule}(2., 10)')
  )
  tx = state.optimizer('adam')
  one = step.make_step(model, objectives.objective(objective), tx, moving)
  many = step.train_many(one, lambda resident, fetched: fetched)
  begin = jax.eval_shape(lambda: state.initial(model, tx, np.uint32(0)))
  batch = Batch(
    jax.ShapeDtypeStruct((3, 4, 8, 8, 1), np.float32),
    jax.ShapeDtypeStruct((3, 4, 1), np.int32),
    jax.ShapeDtypeStruct((3, 4), bool),
  )
  after, _ = jax.eval_shape(many, begin, batch, (), course)
  assert jax.tree.map(lambda leaf: leaf.dtype, after) == jax.tree.map(
    lambda leaf: leaf.dtype, begin
  )


def test_float32_is_the_same_number_there():
  """log Z - tau^2 / 2 at d = 1: log(2 Phi(tau)), of the folded normal."""
  found = tilting.log_z_centred(1, jnp.float32(1.0))
  assert found.dtype == np.float32
  # 2 Phi(1) = 1.6826894921370859, any table of the normal distribution.
  assert float(found) == pytest.approx(np.log(1.6826894921370859), rel=1e-6)
  three = tilting.log_z_centred(3, jnp.float32(2.0))
  exact = tilting.log_z_centred(3, jnp.float64(2.0))
  assert float(three) == pytest.approx(float(exact), rel=1e-6)
