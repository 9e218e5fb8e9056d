"""UDR of a study: each run gets the score that its codes give."""

import json
import shutil
import sys

import numpy as np
import pytest
import tiny

import jaxvae
from jaxvae import config as schema
from jaxvae import data
from jaxvae.analysis import udr
from jaxvae.errors import IntegrityError, UserError, exit_code
from jaxvae.metrics.udr import udr as scored
from jaxvae.model import build
from jaxvae.report import study_table
from jaxvae.study import table
from jaxvae.train import checkpoint, workdir

SHAPE = (8, 8, 1)

SETS = (
  {'hyper.beta': 1.0, 'seed': 0},
  {'hyper.beta': 1.0, 'seed': 1},
  {'hyper.beta': 1.0, 'seed': 2},
  {'hyper.beta': 4.0, 'seed': 0},
)


@pytest.fixture(scope='module')
def study(tmp_path_factory):
  """Completed runs of models that have drawn their parameters, not learned."""
  place = tmp_path_factory.mktemp('runs')
  made = schema.default()
  made.data.name = 'digits'
  made.data.data_dir = str(place / 'data')
  made.latent = 'gaussian(3)'
  made.net = tiny.MLP
  data.ensure_prepared(made.data)
  about = {'image_shape': SHAPE, 'title': 'digits', 'factors': []}
  model = build(made, SHAPE)
  for index, changes in enumerate(SETS):
    home = place / 'study' / f'{index:04d}'
    made.update_from_flattened_dict(changes)
    state = {'params': tiny.params(model, index)}
    config = schema.to_dict(made)
    with checkpoint.open(home / 'checkpoints') as checkpoints:
      checkpoints.save(20, state, config, {'data': about})
    workdir.write_config(home, config)
    run = {'devices': {'kind': 'cpu', 'count': 1}}
    run |= {'status': 'completed', 'step': 20}
    workdir.write_json(home / 'run.json', run)
    found = {'step': 20, 'data': 'Digits', 'examples': 90}
    found |= {'reconstruction': 9.0, 'kl_floor': [0.0, 0.0, 0.0]}
    workdir.write_json(home / 'metrics.json', found)
  return place / 'study'


def measured(home):
  return json.loads((home / 'metrics.json').read_text())


def test_seeds_share_a_setting_and_a_lone_run_has_no_score(
  study, monkeypatch, capsys
):
  before = measured(study / '0003')
  monkeypatch.setattr(sys, 'argv', ['udr', str(study), '--points', '200'])
  assert exit_code(udr.main) == 0
  lines = capsys.readouterr().out.splitlines()
  assert lines[0] == 'run | setting | seed | informative | udr'
  assert lines[4] == '0003 | beta=4 | 0 | - | alone'
  assert measured(study / '0003') == before
  found = [measured(study / f'000{index}') for index in range(3)]
  for index, each in enumerate(found):
    assert lines[1 + index].startswith(f'000{index} | beta=1 | {index} | ')
    assert lines[1 + index].endswith(f'{each["udr"]:.4f}')
    assert each['udr_variant'] == 'duan2020_lasso'
    assert (each['udr_models'], each['udr_points']) == (3, 200)
    assert each['step'] == 20 and 'reconstruction' in each
  # Tables and --select read it from there.
  result = table.collect('study', {}, SETS, study)
  udrs = [study_table.measures(e).get('udr') for e in result['entries']]
  assert udrs == [each['udr'] for each in found] + [None]
  assert table.select(result, 'udr')[0]['index'] == int(np.argmax(udrs[:3]))


@pytest.mark.parametrize('method', ['lasso', 'spearman'])
def test_scores_are_those_of_the_codes_of_all_images(study, method):
  homes = [study / f'000{index}' for index in range(3)]
  found = udr.scores(homes, method, points=10**6)
  about = jaxvae.load(homes[0]).config
  split = 'test' if 'test' in data.splits(about.data) else 'train'
  source = data.open_source(about.data, split=split, batch_size=1, seed=0)
  images, _ = source.examples(np.arange(source.spec.size))
  encoded = [jaxvae.load(home).encode(images) for home in homes]
  wanted = scored(
    [each.mean for each in encoded],
    [each.kl.mean(axis=0) for each in encoded],
    method,
  )
  for one, other in zip(found, wanted, strict=True):
    # Of the same images in another order.
    assert one.value == pytest.approx(other.value, rel=1e-3)
    assert one.parameters['points'] == source.spec.size


def test_the_choice_of_images_is_that_of_the_seed(study):
  homes = [study / f'000{index}' for index in range(2)]
  first, again, other = (
    udr.scores(homes, 'spearman', 50, seed)[0].value for seed in (0, 0, 1)
  )
  assert first == again != other


def test_what_cannot_be_scored_says_why(study, tmp_path):
  with pytest.raises(UserError, match='holds no completed run'):
    udr.rows(tmp_path)
  lone = tmp_path / 'lone'
  lone.mkdir()
  (lone / '0000').symlink_to(study / '0003')
  with pytest.raises(UserError, match='UDR compares two or more'):
    udr.rows(lone)
  homes = [tmp_path / '0000', study / '0001']
  shutil.copytree(study / '0000', homes[0])
  (homes[0] / 'metrics.json').write_text('{"step"')
  with pytest.raises(IntegrityError, match=r'metrics\.json is not JSON'):
    udr.scores(homes, points=9)
  (homes[0] / 'metrics.json').write_text('{"step": 3}')
  with pytest.raises(UserError, match='least KL'):
    udr.scores(homes, points=9)
