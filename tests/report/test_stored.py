"""What replaces a results file, and what does not."""

import argparse
import json

import pytest

from jaxvae.errors import IntegrityError, UserError
from jaxvae.report import stored

CONFIG = {
  'seed': 0,
  'num_steps': 100,
  'data': {'name': 'digits', 'data_dir': ''},
  'hyper': {'beta': 1.0},
  'eval': {'examples': 500, 'bins': 20},
}


def entry(index, beta, seed, status='completed', examples=500, **numbers):
  measured = {'data': 'Digits', 'examples': examples}
  measured |= {'reconstruction': 3.0, 'kl': 2.0, 'mig': 0.1} | numbers
  done = {'step': 100, 'metrics': measured} if status == 'completed' else {}
  changed = {'hyper.beta': beta, 'seed': seed}
  return {'index': index, 'set': changed, 'status': status, **done}


def study(*entries, **changes):
  config = CONFIG | changes
  return {'kind': 'study', 'name': 'm', 'config': config, 'entries': entries}


OLD = study(entry(0, 1.0, 0), entry(1, 1.0, 1), entry(2, 4.0, 0, 'diverged'))


@pytest.mark.parametrize(
  'new',
  [
    OLD,
    # More runs, elsewhere in the sweep, with more numbers of more images.
    study(entry(0, 4.0, 0), entry(1, 1.0, 1), entry(2, 1.0, 0)),
    study(entry(0, 1.0, 0, sap=0.3), entry(1, 1.0, 1, examples=9_000, sap=0.1)),
    # Trained otherwise with the same outcome; a whole number for a float; a key
    # that is newer than the old results, with its default.
    study(entry(0, 1, 0), entry(1, 1, 1), log_every=7, lanes='map'),
    study(entry(0, 1.0, 0), entry(1, 1.0, 1), optimizer='adam'),
  ],
)
def test_what_is_at_least_as_complete_replaces_it(new):
  assert stored.less(OLD, new) == ''
  assert stored.less(None, new) == ''


@pytest.mark.parametrize(
  ('new', 'said'),
  [
    (study(entry(0, 1.0, 0)), 'of its 2 completed runs, 1 are'),
    (study(entry(0, 1.0, 0), entry(1, 1.0, 1, 'failed')), '1 (beta=1, seed=1)'),
    # As many, but not the same.
    (study(entry(0, 1.0, 0), entry(1, 1.0, 2)), '1 (beta=1, seed=1)'),
    (study(entry(0, 1.0, 0), entry(1, 4.0, 1)), '1 (beta=1, seed=1)'),
    (study(*OLD['entries'][:2], num_steps=50), 'num_steps was 100.0 and is 50'),
    (study(*OLD['entries'][:2], batch_size=3), 'batch_size was 64.0 and is 3'),
    (study(*OLD['entries'][:2], eval={'bins': 10}), 'eval.bins was 20.0'),
    # Fewer images, fewer numbers, other data of the same name.
    (study(entry(0, 1.0, 0, examples=10), entry(1, 1.0, 1)), '0 (beta=1'),
    (study(entry(0, 1.0, 0, mig=None), entry(1, 1.0, 1)), '0 (beta=1'),
    (study(entry(0, 1.0, 0, data='Mine'), entry(1, 1.0, 1)), '0 (beta=1'),
  ],
)
def test_what_lacks_something_does_not(tmp_path, new, said):
  path = tmp_path / 'm.json'
  stored.put(path, OLD)
  before = path.read_bytes()
  with pytest.raises(UserError) as kept:
    stored.put(path, new, shown=['README.md'])
  assert f'{path} is not replaced: of its 2' in str(kept.value)
  assert said in str(kept.value)
  assert kept.value.hint == '--write replaces it, and with it README.md'
  assert path.read_bytes() == before
  stored.put(path, new, write=True)
  assert json.loads(path.read_text()) == json.loads(json.dumps(new))
  assert [each.name for each in tmp_path.iterdir()] == ['m.json']


def test_nothing_is_never_written(tmp_path):
  path = tmp_path / 'm.json'
  for result in (
    study(entry(0, 1.0, 0, 'failed')),
    stored.bench(['a'], [], '', {}),
    {'kind': 'runs', 'runs': []},
  ):
    with pytest.raises(UserError, match='the new result has no'):
      stored.put(path, result, write=True)
  assert not path.exists()


BENCH = stored.bench(
  ['what', 'ms'], [['a', '1'], ['b', '2']], 'n', {'a; 2 cores': 5, 'b': 5}
)


@pytest.mark.parametrize(
  ('measured', 'lost'),
  [
    ({'a; 2 cores': 5, 'b': 7, 'c': 1}, ''),
    ({'a; 2 cores': 1, 'b': 5}, 'a; 2 cores'),  # fewer rounds
    ({'a; 64 cores': 5, 'b': 5}, 'a; 2 cores'),  # another machine
    ({'a; 2 cores': 5}, 'b'),  # a row less
  ],
)
def test_a_benchmark_is_kept_from_one_of_fewer_rounds(measured, lost):
  said = stored.less(BENCH, stored.bench(['what', 'ms'], [], '', measured))
  assert said.endswith(f': {lost}') if lost else said == ''
  narrow = stored.bench(['what'], [], '', BENCH['measured'])
  assert 'a; 2 cores, b' in stored.less(BENCH, narrow)  # a column less
  unsaid = {k: v for k, v in BENCH.items() if k != 'measured'}
  assert 'does not say of what' in stored.less(unsaid, BENCH)


@pytest.mark.parametrize(
  'text', ['', '[', '[]', '3', '{}', '{"kind": "bench", "measured": [1]}']
)
def test_damaged_results_are_not_written_over_unasked(tmp_path, text):
  path = tmp_path / 'm.json'
  path.write_text(text)
  with pytest.raises(IntegrityError, match=r'm\.json') as kept:
    stored.put(path, BENCH)
  assert '--write' in kept.value.hint and path.read_text() == text
  stored.put(path, BENCH, write=True)
  assert json.loads(path.read_text()) == BENCH


def test_what_is_no_results_file_is_never_written_over(tmp_path):
  readme, other = tmp_path / 'README.md', tmp_path / 'run.json'
  readme.write_text('mine')
  other.write_text('{"status": "completed"}')
  for path in (readme, other):
    before = path.read_text()
    with pytest.raises(UserError):
      stored.put(path, BENCH, write=True)
    assert path.read_text() == before
  (tmp_path / 'd.json').mkdir()
  with pytest.raises(IntegrityError):
    stored.put(tmp_path / 'd.json', BENCH, write=True)


def test_a_command_says_before_the_work_what_it_will_not_do(tmp_path, capsys):
  parser = argparse.ArgumentParser()
  stored.add_flags(parser)
  path = tmp_path / 'm.json'
  args = parser.parse_args([f'--out={path}'])
  stored.begin(parser.parse_args([]), {'a': 1})
  stored.put_bench(parser.parse_args([]), BENCH)
  stored.begin(args, BENCH['measured'])
  stored.put_bench(args, BENCH)
  assert capsys.readouterr().out == f'wrote {path}\n'
  stored.begin(args, {'a; 2 cores': 5})
  assert f'{path} will not be replaced: of its 2' in capsys.readouterr().err
  with pytest.raises(UserError):
    stored.begin(parser.parse_args(['--out=README.md']))


def test_what_a_run_is_called():
  name = stored.run_name(CONFIG)
  assert name.startswith('seed 0 of gaussian(10), beta 1 (')
  # The same model and data, computed in another way and place.
  moved = CONFIG | {'log_every': 7}
  moved['data'] = CONFIG['data'] | {'data_dir': '/elsewhere'}
  assert stored.run_name(moved) == name
  assert stored.run_name(CONFIG | {'batch_size': 3}) != name
