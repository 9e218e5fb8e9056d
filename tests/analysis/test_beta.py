"""All metrics against beta: the table, and MIG by other code."""

import json
import sys

import pytest
from metrics import examples

from jaxvae.analysis import beta
from jaxvae.errors import exit_code


def test_the_independent_mig_is_disentanglement_libs():
  # disentanglement_lib, 20 bins, on the grid without randomness.
  codes, factors = examples.grid()
  found = beta.independent_mig(codes, factors, 20)
  assert found == pytest.approx(0.33688553778183183, rel=1e-12)


def run(place, index, weight, seed, mig, status='completed'):
  home = place / f'{index:04d}'
  home.mkdir()
  config = {'hyper': {'beta': weight}, 'seed': seed, 'num_steps': 100}
  scores = {'mig': {'value': mig, 'variant': 'locatello2019'}}
  for name, value in {
    'config': config,
    'run': {'status': status, 'step': 100},
    'metrics': {'mig': mig, 'scores': scores, 'examples': 500},
  }.items():
    (home / f'{name}.json').write_text(json.dumps(value))


def test_a_column_for_each_beta_with_median_and_range(tmp_path):
  for index, (weight, seed, mig) in enumerate(
    [(1.0, 0, 0.1), (1.0, 1, 0.3), (4.0, 0, 0.5), (4.0, 1, None)]
  ):
    run(tmp_path, index, weight, seed, mig)
  run(tmp_path, 9, 8.0, 0, 0.9, 'diverged')
  found = beta.completed(tmp_path)
  assert [home.name for home, _, _ in found] == ['0000', '0001', '0002', '0003']
  assert beta.rows(found) == [
    ['metric', 'variant', 'beta 1', 'beta 4'],
    ['mig', 'locatello2019', '0.200 (0.100 to 0.300)', '0.500'],
  ]


def test_fewer_runs_do_not_replace_the_table_of_more(
  tmp_path, monkeypatch, capsys
):
  out = tmp_path / 'metrics.json'

  def called(study, *more):
    arguments = ['beta', str(study), f'--out={out}', *more]
    monkeypatch.setattr(sys, 'argv', arguments)
    return exit_code(beta.main)

  few, many = tmp_path / 'few', tmp_path / 'many'
  for place, seeds in ((few, 1), (many, 2)):
    place.mkdir()
    for seed in range(seeds):
      run(place, seed, 1.0, seed, 0.1)
  assert called(few) == called(many) == 0
  before = out.read_text()
  capsys.readouterr()
  assert called(few) == 2
  said = capsys.readouterr()
  assert 'will not be replaced: of its 2 measurements, 1 are' in said.err
  assert 'hint: --write replaces it' in said.err
  assert '1 runs of 100 steps' in said.out and out.read_text() == before
  assert called(few, '--write') == 0 and out.read_text() != before
  (few / '0000' / 'metrics.json').write_text('[]')
  assert called(few) == 4
  (few / '0000' / 'metrics.json').write_text('{"examples": 9}')
  assert called(few) == 4
  assert 'metrics.json does not say scores' in capsys.readouterr().err
