"""Every shipped study: its command, its configs, its programs."""

import pathlib
import runpy

import pytest

from jaxvae import model, objectives, schedules
from jaxvae.study import grid
from jaxvae.train import ensemble, state

PAGES = sorted(
  (pathlib.Path(__file__).resolve().parents[1] / 'studies').glob('*.py')
)


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)
def test_a_page_says_its_command(page):
  doc = runpy.run_path(str(page))['__doc__']
  assert f'python -m jaxvae.study --study=studies/{page.name}' in doc
  assert 'Measured:' in doc


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)
def test_every_index_of_a_page_is_a_run(page):
  study = grid.load(str(page), {})
  configs = [grid.config_at(study, index) for index in range(len(study.sets))]
  for config in configs:
    model.parts(config)
    objectives.objective(config.objective)
    state.optimizer(config.optimizer)
    schedules.course(config.hyper, config.schedule)
    # Seeds are compared: two of the same in a setting would be one.
    assert not config.ensemble
  # A comparison of numbers is one program.
  assert len({ensemble.program(config) for config in configs}) <= 10
  assert len({config.seed for config in configs}) > 1
