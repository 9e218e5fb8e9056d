"""Content and style, samples and judges, on a run of seconds."""

import subprocess
import sys

import jax
import numpy as np
import pytest

import jaxvae
from jaxvae import config as schema
from jaxvae import data
from jaxvae.analysis import cut, judge, quality, style
from jaxvae.errors import UserError
from jaxvae.model import build
from jaxvae.train import loop


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  """A conditional VAE of 8 x 8 digits."""
  place = tmp_path_factory.mktemp('runs')
  config = schema.default()
  config.data.name = 'digits'
  config.data.data_dir = str(place / 'data')
  config.latent = "label(10, factor='digit') + gaussian(2)"
  config.net = 'mlp(encoder=(64,), decoder=(64,))'
  config.hyper.learning_rate = 0.005
  config.hyper.alpha = 10.0
  config.hyper.beta = 0.5
  config.labels.fraction = 1.0
  config.num_steps = 400
  config.log_every = config.save_every = 400
  config.eval.examples = 100
  config.eval.embedding = True
  with jax.numpy_dtype_promotion('standard'):
    assert loop.train(config, str(place / 'digits')) == 0
  return place / 'digits'


@pytest.fixture(scope='module')
def judged(run):
  images, labels, classes = judge.labelled(jaxvae.load(run).config, 'train')
  with jax.numpy_dtype_promotion('standard'):
    return judge.train(images, labels, classes, steps=200)


def test_a_judge_reads_digits_and_comes_back_from_its_file(
  run, judged, tmp_path
):
  images, labels, classes = judge.labelled(jaxvae.load(run).config, 'test')
  log_p = judge.reader(judged)(images)
  assert log_p.shape == (len(images), classes)
  np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1.0, rtol=1e-5)
  assert np.mean(log_p.argmax(axis=1) == labels) > 0.7
  judge.save(tmp_path / 'judge.npz', judged)
  again = judge.load(tmp_path / 'judge.npz')
  jax.tree.map(np.testing.assert_array_equal, judged, again)
  assert judge.features(again)(images).shape == (len(images), 256)


def test_style_is_measured_and_drawn(run, judged):
  drawn = {path.name for path in (run / 'figures').iterdir()}
  assert {'classes.png', 'transforms.png', 'transforms.gif'} <= drawn
  assert 'embedding.png' in drawn and 'manifold.png' not in drawn
  found = style.measure(str(run), judge.reader(judged))
  assert 0.5 < found['target'] <= 1 and 0.5 < found['samples'] <= 1
  assert found['style r'] >= found['lowest r'] > 0
  assert 0.2 < found['variety'] < 1.2 and found['accuracy'] > 0.8
  # A label is a class and tells nothing beyond it.
  assert found['beyond'] < 1e-9
  config = jaxvae.load(run).config
  other = config.copy_and_resolve_references()
  other.seed = 7
  rows = style.rows(
    [(config, found), (other, found)], dict.fromkeys(found, '.3f')
  )
  assert rows[1][:3] == [config.latent, '0.5', '2'] and len(rows) == 2


def test_distances_within_classes_are_means():
  images = np.array([[0.0], [3.0], [1.0], [1.0], [2.0]])
  labels = np.array([0, 0, 1, 1, 1])
  # 3 for the first class; 0, 1 and 1 for the second.
  assert style.spread(images, labels) == pytest.approx((3 + 2 / 3) / 2)


def test_the_frechet_distance_of_gaussians_in_one_and_two_dimensions():
  # (1 - 4)^2 + (2 - 1)^2 from means 1 and 4, deviations 2 and 1.
  rng = np.random.default_rng(0)
  shape = np.array([-1.0, 1.0] * 500)[:, None] * np.sqrt(999 / 1000)
  assert quality.frechet(
    np.hstack([1 + 2 * shape, rng.permutation(shape)]),
    np.hstack([4 + shape, rng.permutation(shape)]),
  ) == pytest.approx(10.0, abs=0.02)
  same = rng.normal(size=(500, 5))
  assert quality.frechet(same, same) == pytest.approx(0.0, abs=1e-9)


def test_quality_is_measured_and_drawn(run, judged, tmp_path):
  images, labels, _ = judge.labelled(jaxvae.load(run).config, 'test')
  features = judge.features(judged)
  real = images, labels, features(images)
  found = quality.measure(str(run), features, real)
  assert found['1-NN'] > 0.5 and found['Frechet'] > 0
  quality.draw([str(run)], (images[:60], labels[:60]), tmp_path, 'digits')
  assert {p.name for p in tmp_path.iterdir()} == {
    'digits_codes.png',
    'digits_images.png',
  }


def test_where_the_gradient_is_cut_samples_do_not_vary(run):
  config = jaxvae.load(run).config
  source = data.open_source(
    config.data, split='train', batch_size=64, seed=0, labels=config.labels
  )
  model = build(config, source.spec.image_shape, source.spec.factors)
  images, labels, _ = judge.labelled(config, 'test')
  varied = []
  for is_cut in (False, True):
    with jax.numpy_dtype_promotion('standard'):
      params, numbers = cut.trained(model, config, source, 0, is_cut, 300)
    varied.append(cut.variety(model, config, params, (images, labels)))
    assert (numbers['KL of style'] < 0.05) == is_cut
  # The same decoder, seeds and steps: five times the distances and more.
  assert 5 * varied[1] < varied[0]


def test_models_without_classes_are_refused(run, tmp_path):
  config = jaxvae.load(run).config
  config = config.copy_and_resolve_references()
  with config.unlocked():
    config.update({'latent': 'gaussian(2)', 'num_steps': 2})
  config.log_every = config.save_every = config.steps_per_call = 1
  config.labels.fraction = 0.0
  with jax.numpy_dtype_promotion('standard'):
    assert loop.train(config, str(tmp_path / 'plain')) == 0
  with pytest.raises(UserError, match='has no classes'):
    style.measure(str(tmp_path / 'plain'), None)
  drawn = {path.name for path in (tmp_path / 'plain' / 'figures').iterdir()}
  assert {'manifold.png', 'embedding.png'} <= drawn
  assert not {'classes.png', 'transforms.png'} & drawn


def test_classes_are_given_and_asked_for(run):
  vae = jaxvae.load(run)
  images, labels, _ = judge.labelled(vae.config, 'test')
  images, labels = images[:20], labels[:20]
  told = vae.encode(images, {'digit': labels})
  np.testing.assert_array_equal(told.chart[:, 0], labels)
  # Images whose label is known cost log 10 there, the others less, as it may
  # be another one.
  np.testing.assert_allclose(told.kl[:, 0], np.log(10), rtol=1e-6)
  assert (vae.encode(images).kl[:, 0] <= np.log(10) + 1e-6).all()
  strip = vae.transform(images, {'digit': 3}, 4)
  assert strip.shape == (20, 4, 8, 8, 1)
  encoded = vae.encode(images)
  np.testing.assert_allclose(
    strip[:, 0], vae.decode(encoded.mean), rtol=1e-4, atol=1e-5
  )
  moved = encoded.mean.copy()
  moved[:, :10] = np.eye(10)[3]
  np.testing.assert_allclose(
    strip[:, -1], vae.decode(moved), rtol=1e-4, atol=1e-5
  )
  some = vae.sample(4, 1, {'digit': [0, 1, 0, 1]})
  np.testing.assert_array_equal(some, vae.sample(4, 1, {'digit': [0, 1, 0, 1]}))
  assert (some != vae.sample(4, 1, {'digit': 1})).any()


@pytest.mark.parametrize(
  ('labels', 'message'),
  [
    ({'digit': 10}, 'digit=10; allowed: a whole number from 0 to 9; one for'),
    ({'digit': -1}, 'digit=-1; allowed'),
    ({'digit': 1.0}, r'digit=1\.0; allowed: a whole number'),
    ({'digit': [1, 2, 3]}, r'digit=\[1, 2, 3\]; allowed'),
    ({'digit': [[1], [1, 2]]}, 'rows of unequal length'),
    ({'shape': 1}, "label of 'shape'; allowed for this model: digit"),
  ],
)
def test_labels_that_are_no_classes_are_refused(run, labels, message):
  vae = jaxvae.load(run)
  with pytest.raises(UserError, match=message):
    vae.sample(2, labels=labels)
  with pytest.raises(UserError, match=message):
    vae.encode(np.zeros((2, 8, 8, 1)), labels)


@pytest.mark.parametrize(
  ('arguments', 'code', 'said'),
  [
    (['--to=4', '--only=1', '--steps=3'], 0, 'figure and animation'),
    (['--to=3.5'], 2, "error: digit='3.5'; allowed: a whole number from"),
  ],
)
def test_the_command_draws_strips(run, tmp_path, arguments, code, said):
  out = tmp_path / 'strips'
  done = subprocess.run(
    [
      *(sys.executable, '-m', 'jaxvae.transform', f'--workdir={run}'),
      *(f'--out={out}', *arguments),
    ],
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == code, done.stderr
  assert said in done.stdout + done.stderr
  files = {path.suffix for path in tmp_path.iterdir()}
  assert files == ({'.png', '.gif'} if code == 0 else set())
