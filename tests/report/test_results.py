"""Documents say what results/ says, and nothing of it is typed by hand."""

import ast
import json
import pathlib

import pytest

from jaxvae.errors import UserError
from jaxvae.report import results, runs_table, table

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(seed, mig, nmi):
  return {
    'step': 1000,
    'seconds': {'train': 500.0, 'host': 400.0, 'save': 100.0},
    'params_sha256': 'ab',
    'versions': {'jax': '0.10.2'},
    'devices': {'kind': 'cpu', 'count': 1},
    'config': {'seed': seed},
    'metrics': {
      'data': 'dSprites re-rendered',
      'examples': 10_000,
      'reconstruction': 100.0 + seed,
      'kl': 10.0,
      'active_units': 2,
      'mig': mig,
      'factors': [
        {'factor': 'posX', 'nmi': nmi},
        {'factor': 'posY', 'nmi': 0.5},
      ],
      'latents': [
        {
          'name': 'z1',
          'variance': 0.01,
          'kl': 9.5,
          'active': True,
          'factor': 'posX',
          'nmi': nmi,
        },
        {
          'name': 'z0',
          'variance': 0.9,
          'kl': 0.5,
          'active': True,
          'factor': 'posY',
          'nmi': 0.5,
        },
      ],
    },
  }


TWO = {'kind': 'runs', 'runs': [run(0, 0.1, 0.4), run(1, 0.3, 0.6)]}


def member(index, beta, seed, reconstruction=None, kl=10.0, mig=0.2, **more):
  """An entry of a study; without a reconstruction, of a run that diverged."""
  entry = {
    'index': index,
    'set': {'hyper.beta': beta, 'seed': seed},
    'status': 'diverged',
    'step': 300,
    'error': 'after step 300\nthe loss is not finite',
    'lanes': 1,
  }
  if reconstruction is not None:
    measured = run(seed, mig, 0.5)['metrics']
    measured |= {'reconstruction': reconstruction, 'kl': kl}
    entry |= run(seed, mig, 0.5)
    entry |= {'status': 'completed', 'metrics': measured}
    del entry['error'], entry['config']
  return entry | more


STUDY = {
  'kind': 'study',
  'name': 'mine',
  'config': {'hyper': {'beta': 1.0}, 'seed': 0},
  'entries': [
    member(0, 4.0, 0, 100.0, mig=0.1),
    member(1, 4.0, 1, 104.0, mig=0.5),
    member(2, 4.0, 2, 101.0, kl=12.0, mig=0.3),
    member(3, 0.5, 0, 90.0, kl=20.0, mig=0.2),
    member(4, 0.5, 1),
    {'index': 5, 'set': {'hyper.beta': 0.5, 'seed': 2}, 'status': 'missing'},
  ],
}


def test_documents_say_what_results_say():
  for path, text in results.rendered(ROOT).items():
    assert path.read_text() == text, (
      f'{path.name} differs: run python -m jaxvae.report.results'
    )


def test_medians_and_ranges_over_seeds():
  text = results.markdown(TWO)
  # 600 s without counting twice the host's share of training: 10.0 minutes.
  assert '| 0 | 1000 | 10.0 | 100.00 | 10.00 | 2 | 1 | 0.100 | 0.40 |' in text
  assert '| median | 1000 | 10.0 | 100.50 | 10.00 | 2 | 1 | 0.200 | 0.50 |' in (
    text
  )
  assert 'kept the devices waiting 80.00% of the training time.' in text
  assert '0.100 to 0.300 | 0.40 to 0.60 |' in text
  assert '| z0 | 0.9000 | 0.50 | yes | posY | 0.50 |' in text


def test_a_config_says_what_was_measured():
  text = results.sentence(TWO).replace('\n', ' ')
  assert text == (
    'Measured: 10 minutes on 1 x cpu; reconstruction 100.5 and KL 10.0 nats, '
    'median of 2 seeds; 2 of 2 latents active by KL, 1 with a variance below '
    '0.05; MIG 0.20; NMI of the best latent: posX 0.50, posY 0.50.'
  )


def test_the_cpu_is_the_one_that_run_json_counted():
  runs = [run(0, 0.1, 0.4), run(1, 0.3, 0.6)]
  for each in runs:
    each['devices'] = {'kind': 'cpu', 'count': 1, 'cores': 64}
  found = {'kind': 'runs', 'runs': runs}
  assert 'minutes on 64 CPU cores; ' in results.sentence(found)
  assert 'images; 64 CPU cores. The host' in results.markdown(found)
  # Of its devices a GPU counts all, and a machine with one core says 'core'.
  devices = {'kind': 'NVIDIA H200', 'count': 2}
  assert table.device(devices) == '2 x NVIDIA H200'
  assert table.device({'kind': 'cpu', 'count': 1, 'cores': 1}) == '1 CPU core'


def test_blocks_and_paragraphs_are_replaced(tmp_path):
  for name in ('docs', 'results/configs', 'configs'):
    (tmp_path / name).mkdir(parents=True)
  (tmp_path / 'results/configs/mine.json').write_text(json.dumps(TWO))
  block = '<!-- results:configs/mine -->\nold\n<!-- /results -->'
  document = f'before\n{block}\nafter\n'
  (tmp_path / 'README.md').write_text(document)
  (tmp_path / 'docs' / 'results.md').write_text('nothing to fill\n')
  config = tmp_path / 'configs' / 'mine.py'
  config.write_text('"""What it is.\n\nMeasured: not yet\n"""\n\nx = """y"""\n')
  texts = results.rendered(tmp_path)
  readme = texts[tmp_path / 'README.md']
  assert readme.startswith('before\n<!-- results:configs/mine -->\n\ndSprites')
  assert readme.endswith('\n\n<!-- /results -->\nafter\n')
  assert 'old' not in readme
  measured = texts[config]
  assert measured.startswith('"""What it is.\n\nMeasured: 10 minutes')
  assert measured.endswith('0.50.\n"""\n\nx = """y"""\n')


def test_results_that_are_not_there_are_named(tmp_path):
  (tmp_path / 'docs').mkdir()
  (tmp_path / 'docs' / 'results.md').write_text('')
  (tmp_path / 'README.md').write_text(
    '<!-- results:gone -->\n<!-- /results -->\n'
  )
  with pytest.raises(UserError, match=r'no results/gone\.json'):
    results.rendered(tmp_path)


def test_an_unfinished_run_is_no_result(tmp_path):
  with pytest.raises(UserError, match=r'holds no run\.json'):
    runs_table.collect([tmp_path])
  for name in ('run', 'config', 'metrics'):
    (tmp_path / f'{name}.json').write_text('{"status": "preempted", "step": 3}')
  with pytest.raises(UserError, match='preempted, not completed'):
    runs_table.collect([tmp_path])


def test_a_study_has_a_row_for_each_setting():
  text = results.markdown(STUDY)
  where, header, rule, four, half, *rest = filter(None, text.splitlines())
  # 4 runs of 600 s, without the host's share of training: 40 minutes.
  assert where == (
    'dSprites re-rendered; nats per image, on 10,000 images; 1 x cpu; 4 runs '
    'of 1,000 steps in 40 minutes.'
  )
  assert header == (
    '| beta | seeds | failed | not started | ELBO | reconstruction | KL '
    '| active by KL | MIG | NMI posX | NMI posY |'
  )
  assert rule == '| ' + ' | '.join(['---'] * 11) + ' |'
  # ELBOs of -110, -114 and -113; MIGs of 0.1, 0.5 and 0.3.
  assert four == (
    '| 4 | 3 | 0 | 0 | -113.00 (-114.00 to -110.00) '
    '| 101.00 (100.00 to 104.00) | 10.00 (10.00 to 12.00) | 2 '
    '| 0.300 (0.100 to 0.500) | 0.50 | 0.50 |'
  )
  assert half == (
    '| 0.5 | 1 | 1 | 1 | -110.00 | 90.00 | 20.00 | 2 | 0.200 | 0.50 | 0.50 |'
  )
  assert rest == [
    'Not in these numbers:',
    '- 4 (beta=0.5, seed=1) diverged: after step 300 the loss is not finite',
    '- 5 not started',
  ]


def test_a_study_says_what_was_measured():
  text = results.sentence(STUDY)
  assert max(map(len, text.splitlines())) <= 79
  # Medians of 0.3 and 0.2.
  assert text.replace('\n', ' ') == (
    'Measured: 4 runs in 40 minutes on 1 x cpu; best at beta=4: MIG 0.300 '
    '(0.100 to 0.500), median of 3 seeds; of 6 runs, 1 diverged, 1 not started.'
  )


def test_runs_that_share_a_program_share_its_time():
  packed = [
    member(seed, 4.0, seed, 100.0, lanes=3, seconds={'train': 90.0})
    for seed in range(3)
  ]
  found = STUDY | {'entries': packed}
  # 3 x 90 s / 3, and no setting that could be the best of several.
  assert results.sentence(found).replace('\n', ' ') == (
    'Measured: 3 runs in 90 seconds on 1 x cpu; MIG 0.200, median of 3 seeds.'
  )
  header = results.markdown(found).splitlines()[2]
  assert header.startswith('| seeds | ELBO |')


def test_a_study_without_factors_is_judged_by_its_elbo():
  entries = [member(0, 4.0, 0, 100.0), member(1, 1.0, 0, 90.0)]
  for entry in entries:
    del entry['metrics']['factors'][1]
  found = STUDY | {'entries': entries}
  assert 'best at beta=1: ELBO -100.00, median of 1 seed.' in (
    results.sentence(found).replace('\n', ' ')
  )
  assert 'MIG' not in results.markdown(found)


def test_a_study_of_which_nothing_is_finished():
  found = STUDY | {'entries': STUDY['entries'][4:]}
  assert results.sentence(found) == (
    'Measured: none of 2 runs: 1 diverged, 1 not started.'
  )
  assert results.markdown(found).startswith('None of 2 runs is completed.')


def test_settings_are_told_apart_by_all_their_keys():
  entries = [member(0, 1.0, 0, 90.0), member(1, 1.0, 0, 91.0)]
  entries[0]['set'] = {'seed': 0, 'schedule.beta': 'linear(0., 10)'}
  entries[1]['set'] |= {'hyper.beta': 2.0, 'schedule.beta': 'a|b'}
  text = results.markdown(STUDY | {'entries': entries})
  # What an index does not set is that of the base config.
  assert '| schedule.beta | hyper.beta | seeds |' in text
  assert '| linear(0., 10) | 1 | 1 | -100.00 |' in text
  assert '| a\\|b | 2 | 1 | -101.00 |' in text


def test_studies_fill_documents_and_studies_but_no_config(tmp_path):
  for name in ('docs', 'results', 'configs', 'studies'):
    (tmp_path / name).mkdir()
  (tmp_path / 'results' / 'mine.json').write_text(json.dumps(STUDY))
  (tmp_path / 'results' / 'runs.json').write_text(json.dumps(TWO))
  (tmp_path / 'README.md').write_text('')
  document = tmp_path / 'docs' / 'results.md'
  document.write_text('<!-- results:mine -->\nold\n<!-- /results -->\n')
  for place in ('configs/mine.py', 'studies/mine.py', 'studies/runs.py'):
    (tmp_path / place).write_text('"""A.\n\nMeasured: not yet\n"""\n')
  texts = results.rendered(tmp_path)
  assert texts[tmp_path / 'studies' / 'mine.py'].startswith(
    '"""A.\n\nMeasured: 4 runs in 40 minutes'
  )
  assert '| 0.5 | 1 | 1 | 1 |' in texts[document]
  assert not {'configs', 'runs'} & {
    word for p in texts for word in (p.parent.name, p.stem)
  }


def test_the_command_writes_and_then_has_nothing_to_say(
  tmp_path, monkeypatch, capsys
):
  for name in ('docs', 'results'):
    (tmp_path / name).mkdir()
  for name in ('mine', 'unseen'):
    text = json.dumps(STUDY | {'name': name})
    (tmp_path / 'results' / f'{name}.json').write_text(text)
  (tmp_path / 'docs' / 'results.md').write_text('![](figures/mine_scores.png)')
  readme = tmp_path / 'README.md'
  readme.write_text('<!-- results:mine -->\nold\n<!-- /results -->\n')
  monkeypatch.chdir(tmp_path)
  figures = tmp_path / 'docs' / 'figures'
  assert results.main(['--check']) == 2
  assert 'differ from results/: README.md' in capsys.readouterr().err
  assert 'old' in readme.read_text() and not figures.exists()
  assert results.main([]) == 0
  assert [path.name for path in figures.iterdir()] == ['mine_scores.png']
  assert 'old' not in readme.read_text()
  assert results.main(['--check']) == 0


def checkout(place, study=STUDY):
  """A README and a study that show results/mine.json."""
  for name in ('results', 'studies', 'docs'):
    (place / name).mkdir()
  (place / 'results' / 'mine.json').write_text(json.dumps(study))
  (place / 'README.md').write_text(
    'a\n<!-- results:mine -->\nold\n<!-- /results -->\nz\n'
  )
  return place


@pytest.mark.parametrize(
  ('text', 'said'),
  [
    # Without its end, a block would swallow all up to the end of the next.
    (
      '<!-- results:mine -->\n' * 2 + '<!-- /results -->\n',
      'results:mine --> has no other end',
    ),
    ('<!-- results:mine -->\nprose\n', 'results:mine --> has no other end'),
    ('prose\n<!-- /results -->\n', '/results --> has no other end'),
  ],
)
def test_markers_that_are_no_pairs_change_nothing(tmp_path, text, said):
  readme = checkout(tmp_path) / 'README.md'
  readme.write_text(text)
  with pytest.raises(UserError, match=said):
    results.write(tmp_path)
  assert readme.read_text() == text


@pytest.mark.parametrize(
  'source',
  [
    '"""A.\n\nMeasured: no.\n"""\n\nNOTE = """\nMeasured: by hand.\n"""\n',
    "'''A.\n\nMeasured: no.\n'''\n\nX = 1\n",
    '"""A.\n\nMeasured: no."""\nX = 1\n',
    '# Mine.\n"""A.\n\nMeasured: no\nand no.\n\nMore.\n"""\n',
    'X = """\nMeasured: by hand.\n"""\n',
  ],
)
def test_a_docstring_is_all_that_changes_of_a_study(tmp_path, source):
  study = checkout(tmp_path) / 'studies' / 'mine.py'
  study.write_text(source)
  results.write(tmp_path)
  now = study.read_text()
  assert now.count('Measured: 4 runs in 40 minutes') == source.count('no.')
  before, after = ast.parse(source), ast.parse(now)
  skip = int(ast.get_docstring(before) is not None)
  assert ast.unparse(after.body[skip:]) == ast.unparse(before.body[skip:])
  assert ('More.' in now) == ('More.' in source)


def test_a_study_of_which_nothing_is_completed_changes_no_document(tmp_path):
  place = checkout(tmp_path, STUDY | {'entries': STUDY['entries'][4:]})
  assert results.write(place) == results.figures(place) == []
  assert 'old' in (place / 'README.md').read_text()


@pytest.mark.parametrize(
  'text', ['{"kind": "stu', '', '[]', '3', '{"a": 1}', '{"kind": "study"}']
)
def test_damaged_results_are_named_and_change_nothing(
  tmp_path, monkeypatch, capsys, text
):
  place = checkout(tmp_path)
  (place / 'results' / 'mine.json').write_text(text)
  monkeypatch.chdir(place)
  assert results.main([]) == (2 if text == '{"a": 1}' else 4)
  error = capsys.readouterr().err
  assert 'mine.json' in error and error.count('\n') == 2  # And what to do.
  assert 'old' in (place / 'README.md').read_text()
  # Another study is shown all the same, and what a kill left is no study.
  (place / 'results' / 'mine.json').rename(place / 'results' / '.mine.9.json')
  (place / 'README.md').write_text('old')
  assert results.write(place) == []
  (place / 'results' / 'other.json').write_text(json.dumps(STUDY))
  assert results.write(place, 'other') == []


def test_collected_runs_replace_no_more_than_they_are(
  tmp_path, monkeypatch, capsys
):
  homes = []
  for seed in range(2):
    parts = run(seed, 0.1, 0.4)
    parts |= {'started': 'today', 'status': 'completed'}
    homes.append(tmp_path / f'{seed}')
    homes[-1].mkdir()
    config = {'seed': seed, 'data': {'name': 'dsprites'}}
    for name, value in (
      (
        'run',
        {k: v for k, v in parts.items() if k not in ('config', 'metrics')},
      ),
      ('config', config),
      ('metrics', parts['metrics']),
    ):
      (homes[-1] / f'{name}.json').write_text(json.dumps(value))
  monkeypatch.chdir(tmp_path)
  one, two = map(str, homes)
  held = tmp_path / 'results' / 'configs' / 'mine.json'
  assert results.main(['--collect', 'mine', one, two]) == 0
  before = held.read_text()
  assert results.main(['--collect', 'mine', one]) == 2
  said = capsys.readouterr()
  assert '1 are lacking here' in said.err and 'seed 1 of ' in said.err
  assert '--write replaces it' in said.err and '| 0 | 1000 |' in said.out
  assert held.read_text() == before
  assert results.main(['--collect', 'mine', one, '--write']) == 0
  assert len(json.loads(held.read_text())['runs']) == 1
  # The same number of runs, but of other seeds.
  assert results.main(['--collect', 'mine', two]) == 2
  (homes[0] / 'config.json').write_text('[]')
  assert results.main(['--collect', 'mine', one, two, '--write']) == 4
