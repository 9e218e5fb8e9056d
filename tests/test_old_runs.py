"""Runs saved by jaxvae of November 2026 load, evaluate and resume, for good.

runs/KIND.tar.xz are work directories after 20 steps, a kind of slot each, made
by commit b617ec9 on scikit-learn's digits; runs/expected.json is what that
commit made of them: the codes of the first four digits, the evaluation, and
the loss after 20 steps more. Float32 arithmetic on another processor may differ
in the last digits, so numbers are compared to one part in a thousand.
"""

import json
import pathlib
import tarfile

import jax
import numpy as np
import pytest
from sklearn.datasets import load_digits

import jaxvae
from jaxvae import config as schema
from jaxvae import evaluate
from jaxvae.train import loop

RUNS = pathlib.Path(__file__).parent / 'runs'
EXPECTED = json.loads((RUNS / 'expected.json').read_text())


@pytest.fixture(scope='module', autouse=True)
def data_dir(tmp_path_factory):
  """The configs name no data directory: as then, the environment does."""
  with pytest.MonkeyPatch.context() as patch:
    patch.setenv('TFDS_DATA_DIR', str(tmp_path_factory.mktemp('data')))
    yield


def unpacked(kind, place):
  with tarfile.open(RUNS / f'{kind}.tar.xz') as tar:
    tar.extractall(place, filter='data')
  return place


def close(actual, expected):
  np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize('kind', EXPECTED)
def test_it_loads(kind, tmp_path):
  images = np.float32(load_digits().images[:4, ..., None] / 16)
  vae = jaxvae.load(unpacked(kind, tmp_path))
  means = vae.encode(images).mean
  close(means, EXPECTED[kind]['mean'])
  close(vae.decode(means).sum(), EXPECTED[kind]['decoded'])


@pytest.mark.parametrize('kind', EXPECTED)
def test_it_resumes_and_is_evaluated(kind, tmp_path):
  home = unpacked(kind, tmp_path)
  config = schema.from_dict(json.loads((home / 'config.json').read_text()))
  config.num_steps = 40
  # Optax raises Python floats to powers, which the tests' promotion forbids.
  with jax.numpy_dtype_promotion('standard'):
    assert loop.train(config, str(home)) == 0
  lines = (home / 'metrics.jsonl').read_text().splitlines()
  lines = [json.loads(line) for line in lines]
  assert [line['step'] for line in lines] == [10, 20, 30, 40]
  for name, value in EXPECTED[kind]['step_40'].items():
    close(lines[-1][name], value)


@pytest.mark.parametrize('kind', ['gaussian', 'label_few'])
def test_it_evaluates_again(kind, tmp_path):
  home = unpacked(kind, tmp_path)
  (home / 'metrics.json').unlink()
  assert evaluate.evaluate_workdir(str(home), {}) == 0
  found = json.loads((home / 'metrics.json').read_text())
  for name, value in EXPECTED[kind]['metrics'].items():
    close(found[name], value)
