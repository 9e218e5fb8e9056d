"""What a study leaves behind, from work directories written by hand."""

import json

import pytest

from jaxvae.errors import UserError
from jaxvae.study import table

BASE = {
  'seed': 0,
  'num_steps': 100,
  'data': {'name': 'dsprites', 'data_dir': '/data/mine', 'path': ''},
  'hyper': {'beta': 1.0, 'gamma': 10.0},
}
RUN = {
  'status': 'completed',
  'step': 100,
  'seconds': {'train': 40.0, 'host': 3.0},
  'params_sha256': 'ab',
  'versions': {'jax': '0.10.2'},
  'devices': {'kind': 'cpu', 'count': 1},
  'started': '2026-01-01T00:00:00+00:00',
  'host': 'somewhere',
}


def metrics(reconstruction, kl, mig=0.2):
  return {
    'step': 100,
    'data': 'dSprites re-rendered',
    'examples': 1000,
    'reconstruction': reconstruction,
    'kl': kl,
    'active_units': 2,
    'mig': mig,
    'timed': {'share': 0.5},
    'factors': [{'factor': 'posX', 'nmi': 0.4}, {'factor': 'posY', 'nmi': 0.5}],
    'scores': {'sap': {'value': kl / 10, 'variant': 'x', 'parameters': {}}},
    'latents': [{'name': 'z0', 'kl': kl, 'nmi_per_factor': [0.4, 0.5]}],
  }


def write(home, index, run=None, measured=None, config=None):
  place = home / f'{index:04d}'
  place.mkdir(parents=True)
  files = {'run': run, 'metrics': measured, 'config': config}
  for name, value in files.items():
    if value is not None:
      (place / f'{name}.json').write_text(json.dumps(value))
  return place


def grid(betas, seeds):
  return [{'hyper.beta': b, 'seed': s} for b in betas for s in seeds]


def entry(index, beta, seed, **measured):
  return {
    'index': index,
    'set': {'hyper.beta': beta, 'seed': seed},
    'status': 'completed' if measured else 'failed',
    **({'metrics': measured} if measured else {}),
  }


# -(60 + 20) = -80, -(50 + 32) = -82; -(70 + 5) = -75, twice.
MEMBERS = {
  'kind': 'study',
  'name': 'mine',
  'config': BASE,
  'entries': [
    entry(0, 1.0, 0, reconstruction=50.0, kl=32.0, mig=0.3, more={'a': 2}),
    entry(1, 1.0, 1, reconstruction=60.0, kl=20.0, mig=0.1, flag=True),
    entry(2, 4.0, 0, reconstruction=70.0, kl=5.0, mig=None),
    entry(3, 4.0, 1, reconstruction=70.0, kl=5.0, mig=0.4),
    entry(4, 9.0, 0),
  ],
}


def chosen(*args, **kwargs):
  return [e['index'] for e in table.select(MEMBERS, *args, **kwargs)]


def test_every_index_is_there_in_order_whatever_became_of_it(tmp_path):
  write(tmp_path, 0, RUN, metrics(50.0, 10.0), BASE)
  diverged = RUN | {
    'status': 'diverged',
    'step': 30,
    'error': f'step 30: see {tmp_path / "0001" / "crash.txt"}',
  }
  # Numbers of an earlier, shorter run of the same directory are not its own.
  write(tmp_path, 1, diverged, metrics(1.0, 1.0))
  write(tmp_path, 3, {'status': 'created', 'step': 0})
  write(tmp_path, 4, RUN | {'lanes': 5}, metrics(60.0, float('nan')))
  changes = grid([1.0, 4.0, 9.0], [0, 1])[:5]
  found = table.collect('mine', BASE, changes, tmp_path)
  assert found['kind'] == 'study' and found['name'] == 'mine'
  assert found['config']['data'] == BASE['data'] | {'data_dir': ''}
  entries = found['entries']
  assert [e['index'] for e in entries] == [0, 1, 2, 3, 4]
  assert [e['set'] for e in entries] == changes
  assert [e['status'] for e in entries] == [
    *('completed', 'diverged', 'not started', 'running', 'completed'),
  ]
  assert [e.get('step') for e in entries] == [100, 30, None, 0, 100]
  assert [e.get('lanes') for e in entries] == [1, 1, None, 1, 5]
  assert ['metrics' in e for e in entries] == [True, False, False, False, True]
  assert entries[1]['error'] == 'step 30: see crash.txt'
  assert entries[0]['metrics']['latents'] == [{'name': 'z0', 'kl': 10.0}]
  # For --select=scores.sap.
  assert entries[0]['metrics']['scores'] == {'sap': 1.0}
  assert entries[0]['params_sha256'] == 'ab'
  assert not {'host', 'started', 'error'} & entries[0].keys()
  assert entries[4]['metrics']['kl'] is None
  json.dumps(found, allow_nan=False)
  assert BASE['data']['data_dir'] == '/data/mine'


def test_data_of_ones_own_are_named_without_their_folder(tmp_path):
  changes = [{'data.path': '/data/mine/faces.npz'}]
  found = table.collect('mine', BASE, changes, tmp_path)
  assert found['entries'][0]['set'] == {'data.path': 'faces.npz'}


@pytest.mark.parametrize(
  ('name', 'text'),
  [
    ('metrics', '{"data": "digits", "examples": 9, "scores": 1}'),
    ('metrics', '{"reconstruction": 3.0}'),
    ('run', '{"status": "completed", "step": 100}'),
    *(
      (name, text)
      for name in ('run', 'config', 'metrics')
      for text in ('{"status": "comp', '[1]', '3', '', '{}')
    ),
  ],
)
def test_a_damaged_file_costs_its_run_alone(tmp_path, name, text):
  for index in range(2):
    place = write(tmp_path, index, RUN, metrics(1.0, 1.0), BASE)
  (place / f'{name}.json').write_text(text)
  changes = [{'data.variant': ''}] * 2
  entries = table.collect('mine', BASE, changes, tmp_path)['entries']
  assert [entry['status'] for entry in entries] == ['completed', 'damaged']
  # Its folder says where it was, and nothing about it; a person wants to know.
  assert entries[1]['error'].startswith(f'{name}.json ')
  assert f'damaged: {place}/{name}.json' in table.trouble(place)
  assert table.trouble(tmp_path / '0000') == ''
  assert 'metrics' not in entries[1] and table.select(
    MEMBERS | {'entries': entries}
  ) == [entries[0]]


def test_a_lost_file_and_a_state_that_no_run_has(tmp_path):
  write(tmp_path, 0, RUN)
  write(tmp_path, 1, RUN | {'status': 'asleep'})
  entries = table.collect('m', BASE, grid([1.0], [0, 1]), tmp_path)['entries']
  assert [entry['status'] for entry in entries] == ['damaged'] * 2
  assert entries[0]['error'] == 'there is no metrics.json'
  why = table.trouble(tmp_path / '0000')
  assert why.endswith(f'--mode=eval --workdir={tmp_path / "0000"}')


def test_runs_of_a_study_that_was_another_are_refused(tmp_path):
  write(tmp_path, 0, RUN, metrics(1.0, 1.0), BASE)
  table.collect('mine', BASE, [{'hyper.beta': 1, 'seed': 0}], tmp_path)
  with pytest.raises(UserError, match=r'hyper\.beta=1\.0, where .* has 4\.0'):
    table.collect('mine', BASE, [{'hyper.beta': 4.0}], tmp_path)
  # Nor the runs of a shorter trial, which the study's own config would name.
  with pytest.raises(UserError, match=r'num_steps=100, where .* has 30000'):
    table.collect('mine', BASE | {'num_steps': 30_000}, [{}], tmp_path)
  # How it was computed is no part of it.
  table.collect('mine', BASE | {'log_every': 7}, [{}], tmp_path)


def test_the_best_of_each_setting():
  # Of equals the first; a setting that only failed has no best.
  assert chosen() == [1, 2]
  assert chosen('mig') == [0, 3]
  assert chosen('reconstruction') == chosen('-reconstruction') == [0, 2]
  assert chosen('kl') == [1, 2]
  assert chosen('-mig') == [1, 3]
  assert chosen('-elbo') == [0, 2]
  assert chosen('more.a') == [0]


def test_the_best_of_all():
  assert chosen(per_setting=False) == [2]
  assert chosen('reconstruction', per_setting=False) == [0]


def test_what_is_no_number_is_refused_with_those_that_are():
  with pytest.raises(UserError, match=r'elbo, .*, kl, mig, more\.a'):
    table.select(MEMBERS, 'beauty')
  with pytest.raises(UserError, match="has a number 'flag'"):
    table.select(MEMBERS, '-flag')
  nothing = MEMBERS | {'entries': MEMBERS['entries'][4:]}
  with pytest.raises(UserError, match='no run is completed'):
    table.select(nothing)


def test_two_back_ends_differ_in_their_times_alone(tmp_path):
  changes = grid([1.0], [0])
  write(tmp_path / 'a', 0, RUN, metrics(50.0, 10.0))
  slow = RUN | {'seconds': {'train': 90.0}, 'started': '2026-02-02'}
  write(tmp_path / 'b', 0, slow, metrics(50.0, 10.0))
  a, b = (table.collect('a', BASE, changes, tmp_path / x) for x in 'ab')
  assert a != b and table.without_times(a) == table.without_times(b)
  assert 'seconds' in a['entries'][0]
  assert table.without_times(a)['entries'][0]['versions'] == RUN['versions']
  other = MEMBERS['entries'][:1]
  assert table.without_times(a) != table.without_times(a | {'entries': other})


def test_results_documents_and_the_figure_are_written(tmp_path):
  home = tmp_path / 'home'
  for index, kl in enumerate((10.0, 20.0, 30.0)):
    write(home, index, RUN, metrics(50.0, kl))
  (tmp_path / 'docs').mkdir()
  (tmp_path / 'studies').mkdir()
  (tmp_path / 'README.md').write_text('![](docs/figures/mine_scores.png)\n')
  document = tmp_path / 'docs' / 'results.md'
  document.write_text('<!-- results:mine -->\n<!-- /results -->\n')
  study = tmp_path / 'studies' / 'mine.py'
  study.write_text('"""A study.\n\nMeasured: not yet.\n"""\n')
  found = table.collect('mine', BASE, grid([1.0], [0, 1, 2]), home)
  written = table.write(found, tmp_path)
  path = tmp_path / 'results' / 'mine.json'
  figure = tmp_path / 'docs' / 'figures' / 'mine_scores.png'
  assert written == [path, document, study, figure]
  assert path.read_text() == json.dumps(found, indent=1) + '\n'
  assert '| 3 | -70.00 (-80.00 to -60.00) |' in document.read_text()
  # Three times 40 s.
  assert 'study.\n\nMeasured: 3 runs in 2 minutes on' in study.read_text()
  assert figure.stat().st_size > 10_000


def test_documents_that_cannot_show_it_keep_it_from_being_written(tmp_path):
  write(tmp_path / 'home', 0, RUN, metrics(50.0, 10.0))
  (tmp_path / 'README.md').write_text('<!-- results:mine -->\n')
  found = table.collect('mine', BASE, grid([1.0], [0]), tmp_path / 'home')
  with pytest.raises(UserError, match='has no other end'):
    table.write(found, tmp_path)
  assert not (tmp_path / 'results').exists()


def test_a_table_that_has_less_writes_nothing(tmp_path):
  """The README's command with no run done, then with one, then with all."""
  home, root = tmp_path / 'home', tmp_path / 'checkout'
  (root / 'docs').mkdir(parents=True)
  (root / 'studies').mkdir()
  (root / 'studies' / 'mine.py').write_text('"""A.\n\nMeasured: no.\n"""\n')
  (root / 'README.md').write_text('<!-- results:mine -->\n<!-- /results -->\n')
  changes = grid([1.0], [0, 1, 2])
  for index in range(3):
    write(home, index, RUN, metrics(50.0, 10.0 + index))
  whole = table.collect('mine', BASE, changes, home)
  table.write(whole, root)
  before = {path: path.read_bytes() for path in root.rglob('*.*')}
  none = table.collect('mine', BASE, changes, tmp_path / 'elsewhere')
  some = whole | {'entries': [*whole['entries'][:2], none['entries'][2]]}
  for replace in (False, True):  # Of nothing, nothing is ever written.
    with pytest.raises(UserError, match='has no completed runs'):
      table.write(none, root, replace)
  with pytest.raises(UserError, match=r'1 are lacking .*: 2 \(beta=1') as less:
    table.write(some, root)
  assert less.value.hint == (
    '--write replaces it, and with it README.md, studies/mine.py'
  )
  assert {path: path.read_bytes() for path in root.rglob('*.*')} == before
  table.write(some, root, replace=True)
  assert '- 2 not started' in (root / 'README.md').read_text()
  table.write(whole, root)
  assert {path: path.read_bytes() for path in root.rglob('*.*')} == before
