"""`jaxvae.load` on a run of seconds, against the model that it was made of."""

import os
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxvae
from jaxvae import config as schema
from jaxvae import data
from jaxvae.errors import JaxvaeError, UserError
from jaxvae.model import build
from jaxvae.pretrained import BATCH
from jaxvae.train import checkpoint, loop

SHAPE = (8, 8, 1)


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  """A work directory with checkpoints 10 and 20, and no data on the machine."""
  place = tmp_path_factory.mktemp('runs')
  config = schema.default()
  config.data.name = 'digits'
  config.data.data_dir = str(place / 'data')
  config.latent = 'gaussian(3)'
  config.net = 'mlp(encoder=(16,), decoder=(16,))'
  config.hyper.learning_rate = 0.01
  config.num_steps = 20
  config.steps_per_call = config.log_every = config.save_every = 10
  config.eval.examples = 100
  # Optax's adam mixes integers and floating point.
  with jax.numpy_dtype_promotion('standard'):
    assert loop.train(config, str(place / 'digits')) == 0
  shutil.rmtree(place / 'data')
  return place / 'digits'


@pytest.fixture(scope='module')
def vae(run):
  return jaxvae.load(run)


@pytest.fixture(scope='module')
def images():
  rng = np.random.default_rng(0)
  return rng.integers(0, 256, (BATCH + 44, *SHAPE), dtype=np.uint8)


def resaved(run, place, **changed):
  """A checkpoint with the run's parameters and another config."""
  saved = checkpoint.read(run)
  config = schema.from_dict(saved.config)
  config.update_from_flattened_dict(changed)
  with checkpoint.open(place / 'checkpoints') as checkpoints:
    state = {'params': saved.state['params']}
    checkpoints.save(1, state, schema.to_dict(config), saved.info)
  return place


def test_facts(vae):
  assert vae.step == 20
  assert vae.config.latent == 'gaussian(3)'
  assert vae.image_shape == SHAPE
  assert vae.latent_names == ('z0', 'z1', 'z2')
  assert vae.factors == (data.Factor('digit', 10, 'points'),)


def test_encode_is_the_model(run, vae, images):
  saved = checkpoint.read(run)
  model = build(schema.from_dict(saved.config), SHAPE)
  pixels = jnp.asarray(images / np.float32(255), jnp.float32)
  (q,) = model.posterior(saved.state['params'], pixels)
  mean, variance = np.asarray(q.mean), np.exp(2 * np.asarray(q.log_std))
  found = vae.encode(images)
  close = {'rtol': 1e-5, 'atol': 1e-6}
  np.testing.assert_allclose(found.mean, mean, **close)
  np.testing.assert_allclose(found.chart, mean, **close)
  np.testing.assert_allclose(found.variance, variance, **close)
  # KL(N(m, v) || N(0, 1)) [Kingma and Welling 2014, appendix B], in NumPy.
  kl = 0.5 * (mean**2 + variance - np.log(variance) - 1)
  np.testing.assert_allclose(found.kl, kl, rtol=1e-4, atol=1e-6)
  for part in found:
    assert isinstance(part, np.ndarray)
    assert (part.shape, part.dtype) == ((BATCH + 44, 3), np.float32)


def test_a_batch_is_its_images(vae, images):
  together = vae.encode(images).mean
  for n in (0, BATCH - 1, BATCH, BATCH + 43):
    alone = vae.encode(images[n : n + 1]).mean
    np.testing.assert_allclose(together[n : n + 1], alone, atol=1e-5)


@pytest.mark.parametrize('dtype', [np.float16, np.float32, np.float64])
def test_uint8_and_floating_point_are_the_same_images(vae, images, dtype):
  black_and_white = images > 127
  found = vae.encode(black_and_white.astype(dtype)).mean
  as_bytes = vae.encode(black_and_white * np.uint8(255)).mean
  np.testing.assert_array_equal(found, as_bytes)
  np.testing.assert_array_equal(vae.encode(black_and_white).mean, as_bytes)


def test_decode_is_the_model(run, vae):
  saved = checkpoint.read(run)
  model = build(schema.from_dict(saved.config), SHAPE)
  z = np.random.default_rng(1).normal(size=(BATCH + 1, 3))
  found = vae.decode(z)
  assert found.shape == (BATCH + 1, *SHAPE)
  assert found.dtype == np.float32
  wanted = model.decode(saved.state['params'], jnp.asarray(z, jnp.float32))
  np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_decoded_images_can_be_encoded(run, tmp_path):
  # A decoder of a Gaussian likelihood may leave [0, 1]; images do not.
  place = resaved(run, tmp_path / 'gaussian', likelihood='gaussian')
  vae = jaxvae.load(place)
  z = 30 * np.random.default_rng(2).normal(size=(50, 3))
  found = vae.decode(z)
  assert found.min() == 0
  assert found.max() == 1
  assert vae.encode(found).mean.shape == (50, 3)


def test_samples_follow_the_seed(vae):
  first = vae.sample(5, seed=1)
  assert first.shape == (5, *SHAPE)
  np.testing.assert_array_equal(first, vae.sample(5, seed=1))
  assert np.abs(first - vae.sample(5, seed=2)).max() > 1e-3
  np.testing.assert_array_equal(vae.sample(5), vae.sample(5, seed=0))


def test_traverse(vae, images):
  found = vae.traverse(images[0], steps=7)
  assert found.shape == (3, 7, *SHAPE)
  z = vae.encode(images[:1]).mean
  for latent in range(3):
    for step, value in ((0, -3.0), (3, 0.0), (6, 3.0)):
      moved = z.copy()
      moved[:, latent] = value
      np.testing.assert_allclose(
        found[latent, step], vae.decode(moved)[0], atol=1e-5
      )


def test_traverse_one_latent(vae, images):
  found = vae.traverse(images[0], 'z1', steps=3, span=(-1, 2))
  assert found.shape == (1, 3, *SHAPE)
  again = vae.traverse(images[0], latent=1, steps=3, span=[-1.0, 2.0])
  np.testing.assert_array_equal(found, again)
  moved = vae.encode(images[:1]).mean
  moved[:, 1] = 0.5
  np.testing.assert_allclose(found[0, 1], vae.decode(moved)[0], atol=1e-5)


def test_an_older_checkpoint(run, vae, images):
  older = jaxvae.load(run, step=10)
  assert older.step == 10
  assert np.abs(older.encode(images).mean - vae.encode(images).mean).max() > 0
  with pytest.raises(UserError, match='no checkpoint 15') as caught:
    jaxvae.load(run, step=15)
  assert caught.value.hint == 'it holds 10, 20'


def test_pixels_are_binarized_as_in_training(run, vae, images, tmp_path):
  place = resaved(run, tmp_path / 'binary', **{'data.binarize': True})
  found = jaxvae.load(place).encode(images).mean
  np.testing.assert_array_equal(found, vae.encode(images > 127).mean)


def test_a_missing_workdir_names_those_beside_it(run):
  # The hint is a note, for where no command prints it.
  told = r'^there is no checkpoint in .*digit\nhint: beside it, .*: digits$'
  with pytest.raises(UserError, match=told):
    jaxvae.load(run.parent / 'digit')


def test_parameters_of_another_model_are_refused(run, tmp_path):
  other = 'mlp(encoder=(17,), decoder=(16,))'
  place = resaved(run, tmp_path / 'other', net=other)
  with pytest.raises(UserError, match=r'checkpoint 1 .* other parameters'):
    jaxvae.load(place)


IMAGE = np.zeros((1, *SHAPE), np.float32)


@pytest.mark.parametrize(
  ('given', 'message'),
  [
    (IMAGE[0], r'shape \[8, 8, 1\]; allowed: \[n, 8, 8, 1\]'),
    (IMAGE[:0], r'shape \[0, 8, 8, 1\]'),
    (np.zeros((1, 8, 8, 3)), r'shape \[1, 8, 8, 3\]'),
    ([[1.0], [1.0, 2.0]], 'unequal length'),
    (IMAGE.astype(int), 'dtype int64; allowed: uint8'),
    (IMAGE.astype(object), 'dtype object'),
    (IMAGE.astype(str), 'dtype <U'),
    (IMAGE + 255, 'pixels from 255 to 255; allowed: 0 to 1'),
    (IMAGE - 1e-3, 'pixels from -0.001'),
    (IMAGE + np.inf, 'to inf'),
    (IMAGE * np.nan, 'NaN'),
    (np.ones((1, *SHAPE), np.uint8), 'no pixel is above 1'),
  ],
)
def test_images_that_are_refused(vae, given, message):
  with pytest.raises(UserError, match=message) as caught:
    vae.encode(given)
  assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
  ('given', 'message'),
  [
    (np.zeros(3), r'shape \[3\]; allowed: \[n, 3\]'),
    (np.zeros((2, 4)), r'shape \[2, 4\]'),
    (np.zeros((0, 3)), r'shape \[0, 3\]'),
    ([[1.0], [1.0, 2.0]], 'unequal length'),
    ([[None] * 3], 'dtype object'),
    ([[1j] * 3], 'dtype complex128'),
    ([[0.0] * 3, [0.0, np.nan, 0.0]], 'row 1 of z is not finite'),
    ([[1e300] * 3], 'row 0 of z is not finite'),
  ],
)
def test_points_that_are_refused(vae, given, message):
  with pytest.raises(UserError, match=message) as caught:
    vae.decode(given)
  assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ({'n': 0}, 'n=0; allowed: a whole number at least 1'),
    ({'n': True}, 'n=True'),
    ({'n': 2.0}, r'n=2\.0'),
    ({'n': 1, 'seed': -1}, 'seed=-1; .* from 0 to 4294967295'),
    ({'n': 1, 'seed': 2**32}, 'seed=4294967296'),
    ({'n': 10**12}, 'n=1000000000000; allowed: at most 33554432 in one call'),
  ],
)
def test_samples_that_are_refused(vae, arguments, message):
  with pytest.raises(UserError, match=message):
    vae.sample(**arguments)


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ({'image': IMAGE}, r'shape \[1, 8, 8, 1\]; allowed: \[8, 8, 1\]'),
    ({'latent': 'z3'}, "latent='z3'; allowed: z0, z1, z2"),
    ({'latent': 3}, 'latent=3; allowed: a whole number from 0 to 2'),
    ({'latent': -1}, 'latent=-1'),
    ({'steps': 1}, 'steps=1; allowed: a whole number at least 2'),
    ({'span': (1, 1)}, r'span=\(1, 1\); allowed: \(low, high\)'),
    ({'span': (0, np.inf)}, 'span='),
    ({'span': 3}, 'span=3'),
    ({'span': 'ab'}, "span='ab'"),
    ({'steps': 10**12}, 'steps=1000000000000; allowed: at most'),
    ({'image': np.ma.masked_array(IMAGE[0])}, 'image: a masked array'),
  ],
)
def test_traversals_that_are_refused(vae, arguments, message):
  with pytest.raises(UserError, match=message):
    vae.traverse(**{'image': IMAGE[0], **arguments})


def test_one_latent_has_one_number(run, tmp_path):
  saved = checkpoint.read(run)
  config = schema.from_dict(saved.config)
  config.latent = 'gaussian(1)'
  params = build(config, SHAPE).init(jax.random.key(0))
  with checkpoint.open(tmp_path / 'checkpoints') as checkpoints:
    plain = schema.to_dict(config)
    checkpoints.save(1, {'params': params}, plain, saved.info)
  vae = jaxvae.load(tmp_path)
  assert vae.traverse(IMAGE[0], 0).shape == (1, 11, *SHAPE)
  with pytest.raises(UserError, match=r'latent=1; allowed: .* from 0 to 0'):
    vae.traverse(IMAGE[0], 1)


@pytest.mark.parametrize(
  'workdir', [None, 3, 2.5, '', b'', True, ['run'], {}, object, np.zeros(2)]
)
def test_what_is_no_directory(workdir):
  with pytest.raises(UserError, match='allowed: the directory of a run'):
    jaxvae.load(workdir)


def test_directories_without_a_run(tmp_path):
  (tmp_path / 'file').touch()
  for name in ('', 'file', 'file/below', 'absent', 'nul\0', 'two\nlines'):
    with pytest.raises(UserError, match='there is no checkpoint in'):
      jaxvae.load(tmp_path / name)
  with pytest.raises(JaxvaeError, match='File name too long'):
    jaxvae.load(tmp_path / ('x' * 300))
  assert [path.name for path in tmp_path.iterdir()] == ['file']


@pytest.mark.parametrize('step', ['10', 10.0, True, -1, [10], 2**70])
def test_what_is_no_step(run, step):
  with pytest.raises(UserError, match=r'allowed: a whole|no checkpoint \d+'):
    jaxvae.load(run, step)


def test_a_run_by_its_bytes(run):
  assert jaxvae.load(os.fsencode(run), np.int64(10)).step == 10
