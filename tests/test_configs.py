"""Every shipped config: its variants build, and it trains, saves and draws."""

import json
import math
import pathlib
import runpy

import jax
import numpy as np
import PIL.Image
import pytest
import shared

from jaxvae import cli, model, objectives, schedules
from jaxvae.train import checkpoint, loop, state, workdir

PAGES = sorted(
  (pathlib.Path(__file__).resolve().parents[1] / 'configs').glob('*.py')
)
SHAPES = {
  'digits': (8, 8, 1),
  'dsprites': (64, 64, 1),
  'fashion_mnist': (28, 28, 1),
  'image_folder': (64, 64, 3),
  'mnist': (28, 28, 1),
  'rooms3d': (64, 64, 3),
  'sprites_circ': (64, 64, 3),
}
# A variant of a page whose own data take long to prepare.
SMALLER = {'rooms3d_product': ':still'}
# A run of one step; what it learns is not the question here.
ONE_STEP = {
  'num_steps': '1',
  'steps_per_call': '1',
  'log_every': '1',
  'save_every': '1',
  'batch_size': '4',
  'eval.examples': '20',
}


def named():
  for page in PAGES:
    yield str(page)
    for variant in runpy.run_path(str(page))['VARIANTS']:
      yield f'{page}:{variant}'


@pytest.fixture
def image_folder(tmp_path):
  """Forty colour images of another size than the config's."""
  folder = tmp_path / 'images'
  folder.mkdir()
  rng = np.random.default_rng(0)
  for i in range(40):
    pixels = rng.integers(0, 256, (48, 48, 3), dtype=np.uint8)
    PIL.Image.fromarray(pixels).save(folder / f'{i:02d}.png')
  return folder


@pytest.mark.parametrize(
  'name', list(named()), ids=lambda n: pathlib.Path(n).name
)
def test_a_page_and_its_variants_build(name):
  config = cli.load_config(name, {})
  objectives.objective(config.objective)
  tx = state.optimizer(config.optimizer)
  for text in config.schedule.values():
    schedules.schedule(text)
  built = model.build(config, SHAPES[config.data.name])
  abstract = jax.eval_shape(lambda: state.initial(built, tx, 0))
  sizes = [leaf.size for leaf in jax.tree.leaves(abstract.params)]
  assert sum(sizes) > 1000
  assert built.space.latents >= 1
  # A run is logged and saved at its end, and not only there.
  assert config.num_steps >= config.save_every >= config.steps_per_call


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)
def test_a_page_says_its_command(page):
  doc = runpy.run_path(str(page))['__doc__']
  assert f'python -m jaxvae.main --config=configs/{page.name}' in doc


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)
def test_a_page_trains_saves_and_draws(page, request, tmp_path):
  changes = ONE_STEP | {'data.data_dir': str(tmp_path / 'data')}
  named = f'{page}{SMALLER.get(page.stem, "")}'
  name = cli.load_config(named, {}).data.name
  if name == 'dsprites':
    changes['data.data_dir'] = request.getfixturevalue('dsprites_dir')
  elif name in ('mnist', 'fashion_mnist'):
    changes['data.manual_dir'] = str(shared.path(name))
  elif name == 'image_folder':
    changes['data.path'] = str(request.getfixturevalue('image_folder'))
  config = cli.load_config(named, changes)
  home = tmp_path / 'run'
  # Optax's Adam takes a float to the power of an integer.
  with jax.numpy_dtype_promotion('standard'):
    assert loop.train(config, str(home)) == 0
  assert workdir.read_run(home)['status'] == 'completed'
  (line,) = map(json.loads, (home / 'metrics.jsonl').read_text().splitlines())
  # Sums over pixels: an untrained Bernoulli has log 2 nats for each.
  pixels = math.prod(SHAPES[name])
  if config.likelihood == 'bernoulli':
    assert 0.5 * pixels < line['reconstruction'] < 1.5 * pixels
  assert len(line['kl']) == model.build(config, SHAPES[name]).space.latents
  assert line['step'] == 1
  assert math.isfinite(line['loss'])
  saved = checkpoint.read(home)
  assert (saved.step, saved.info['data']['image_shape']) == (
    1,
    list(SHAPES[name]),
  )
  for drawn in ('reconstructions.png', 'traversals.png', 'traversals.gif'):
    with PIL.Image.open(home / 'figures' / drawn) as image:
      assert min(image.size) > 50
