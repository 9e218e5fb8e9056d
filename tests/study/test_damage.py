"""A study some of whose runs have damaged files: the others are finished."""

import jax
import pytest

from jaxvae import config as schema
from jaxvae.errors import UserError
from jaxvae.study import grid, plan, run, status, table
from jaxvae.study.grid import Study
from jaxvae.train import workdir

CHANGES = {
  'data.name': 'digits',
  'net': 'mlp(encoder=(16,), decoder=(16,))',
  'latent': 'gaussian(2)',
  'num_steps': '20',
  'steps_per_call': '10',
  'log_every': '10',
  'save_every': '10',
  'eval.examples': '50',
  'eval.metrics': 'mig',
  'eval.figures': 'false',
}


@pytest.fixture(scope='module')
def study(tmp_path_factory):
  place = {'data.data_dir': str(tmp_path_factory.mktemp('data'))}
  base = schema.override(schema.default(), CHANGES | place)
  sets = [{'hyper.beta': beta, 'seed': seed} for beta in (1.0, 4.0)
          for seed in (0, 1)]  # fmt: skip
  return Study('mine', '', base, tuple(sets))


@pytest.fixture(autouse=True)
def as_optax_has_it():
  with jax.numpy_dtype_promotion('standard'):
    yield


def stands(home):
  return status.look(home, range(4))


def test_the_others_are_trained(study, tmp_path, capsys):
  home = tmp_path / 'home'
  whole = plan.Plan((plan.Ensemble((0, 1, 2, 3), 0, 0),), (), (20,), 0)
  for index, (name, text) in {1: ('run', '[]'), 2: ('config', '{"se')}.items():
    place = grid.directory(home, index)
    place.mkdir(parents=True)
    (place / f'{name}.json').write_text(text)
  codes = run.here(study, whole, home)
  said = capsys.readouterr()
  assert [each.status for each in stands(home)] == [
    *('completed', 'damaged', 'damaged', 'completed'),
  ]
  assert status.exit_code(stands(home), codes) == 4
  for which in ('1 (beta=1, seed=1)', '2 (beta=4, seed=0)'):
    assert f'jaxvae: error: {which}: {home}' in said.err
  # What is printed of a member says which one it is.
  assert '\n0000 (beta=1, seed=0)\n' in said.out
  assert '\n0003 (beta=4, seed=1)\n' in said.out
  # Evaluating the first members is no part of the time of the last.
  first, last = (
    workdir.read_run(grid.directory(home, index))['seconds'] for index in (0, 3)
  )
  assert first['train'] == last['train']
  base, sets = schema.to_dict(study.base), study.sets
  entries = table.collect('mine', base, sets, home)['entries']
  assert [each['status'] for each in entries] == [
    *('completed', 'damaged', 'damaged', 'completed'),
  ]
  # A job that can do no more is not begun.
  assert run.through(_never, study, [], whole, home, 1) == []
  (grid.directory(home, 1) / 'run.json').unlink()
  (grid.directory(home, 2) / 'config.json').unlink()
  assert [each.status for each in stands(home)][1:3] == [status.WAITING] * 2
  # Nor are these runs of a study of longer ones.
  with pytest.raises(UserError, match='num_steps=20, where the study has 50'):
    table.collect('mine', base | {'num_steps': 50}, sets, home)


def _never(jobs, home, stop):
  del home, stop
  assert not jobs
  return iter(())
