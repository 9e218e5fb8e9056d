"""A model that is known, in place of a trained one."""

import json
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from topology.toys import Toy, ring

from jaxvae import config as schema
from jaxvae.data.factors import Factor, FactorGrid
from jaxvae.errors import UserError
from jaxvae.latent.slots import latent_space
from jaxvae.report import topology_table
from jaxvae.topology import circle, discover

GRID = FactorGrid((Factor('turn', 36, 'loop'), Factor('place', 20, 'segment')))
SEGMENT = Toy('segment', share=0.8)
SHAPE = (8, 16, 1)


def draw(turn, place):
  """Two halves: a bump on a circle, one on a line."""
  both = np.concatenate([ring(turn), SEGMENT.decode(place)], axis=-1)
  return both.reshape(*both.shape[:-1], *SHAPE).astype(np.float32)


def truth(factors):
  """The latents of the images of classes `[n, 2]`."""
  turn = circle.wrap(2 * np.pi * factors[:, 0] / 36)
  return np.stack([turn, circle.wrap(2 * np.pi * 0.8 * factors[:, 1] / 19)], 1)


def examples(index):
  factors = GRID.factors_of(index)
  return draw(*truth(factors).T), factors


ALL, _ = examples(np.arange(GRID.size))


def encode(images):
  """The latents of the nearest image."""
  flat, data = images.reshape(len(images), -1), ALL.reshape(len(ALL), -1)
  squares = (flat**2).sum(1)[:, None] + (data**2).sum(1) - 2 * flat @ data.T
  angles = truth(GRID.factors_of(squares.argmin(axis=1)))
  # The third latent is a loop that nothing is in.
  mean = np.concatenate([angles, np.zeros((len(images), 1))], axis=1)
  kl = np.array([3.0, 2.0, 0.001]) * np.ones((len(images), 1))
  return SimpleNamespace(mean=mean.astype(np.float32), chart=mean, kl=kl)


@pytest.fixture
def run(monkeypatch):
  config = schema.default()
  config.latent = "loop(factor='turn') + loop(factor='place') + loop"
  model = SimpleNamespace(
    config=config,
    image_shape=SHAPE,
    step=7,
    title='a toy',
    encode=encode,
    decode=lambda z: draw(*z.T[:2]),
  )
  spec = SimpleNamespace(
    factors=GRID.factors, size=GRID.size, grid=True, image_shape=SHAPE
  )
  source = SimpleNamespace(spec=spec, examples=examples)
  monkeypatch.setattr(discover.pretrained, 'load', lambda workdir: model)
  monkeypatch.setattr(discover.data, 'splits', lambda config: {'train': 720})
  monkeypatch.setattr(
    discover.data, 'open_source', lambda config, **options: source
  )
  return model


@pytest.mark.parametrize(
  ('images', 'method'), [(720, 'nearest'), (500, 'cycle')]
)
def test_each_latent_is_judged_with_the_others_held(run, images, method):
  with jax.numpy_dtype_promotion('standard'):
    found = discover.discover('run', images=images, bases=3, angles=72)
  assert found.method == method and found.images == images
  assert [row.says for row in found.rows] == ['loop', 'segment', 'unused']
  assert found.latent == "loop(factor='turn') + segment(factor='place')"
  turn, place, _ = found.rows
  assert turn.factor == 'turn' and turn.winding == pytest.approx(1)
  assert turn.correlation == pytest.approx(1, abs=0.05)
  assert place.factor == 'place' and place.winding is None
  assert turn.strip.shape == (12, *SHAPE) and place.off.shape == (72,)
  plain = json.loads(json.dumps(discover.as_json(found), allow_nan=False))
  assert plain['rows'][1]['verdict']['kind'] == 'segment'
  lines = topology_table.discovery(found.rows).splitlines()
  assert len(lines) == 5 and 'segment' in lines[3]


def test_what_is_no_circle_says_what_it_is():
  for text, codes, says in (
    ('segment', np.linspace(-0.49, 0.49, 400), 'segment, 50% in use'),
    ('points(4)', np.arange(400) % 3, 'points, 3 of 4 in use'),
    ('gaussian(2)', np.zeros(400), 'line'),
  ):
    slot = latent_space(text).slots[0]
    assert discover._plain(slot, 1.0, codes) == says
    assert discover._plain(slot, 0.0, codes) == 'unused'


@pytest.mark.parametrize(
  ('options', 'words'),
  [
    ({'images': 10}, '--images=10; allowed: at least 64'),
    ({'angles': 3}, '--angles=3'),
    ({'overrides': {'seed': '1'}}, 'config.seed is not of the data'),
  ],
)
def test_refusals(run, options, words):
  with pytest.raises(UserError, match=words):
    discover.discover('run', **options)
