"""From an index to a config: study files, indices and what is refused."""

import itertools
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxvae import config as schema
from jaxvae.errors import UserError
from jaxvae.study import grid

PAGE = """
from jaxvae.config import default, with_variant
VARIANTS = {'many': {}}
def get_config(variant=''):
  config = default()
  config.num_steps = 500
  if variant == 'many':
    config.ensemble = {'seed': range(3)}
  return with_variant(config, variant, VARIANTS)
"""
STUDY = '''"""What beta does."""
CONFIG = {config!r}
SHARED = {shared}
def sweep():
  {body}
'''
BODY_LINE = 5
SWEEP = """for beta in (1.0, 4.0):
    for seed in range(3):
      yield {'hyper.beta': beta, 'seed': seed}"""


@pytest.fixture
def page(tmp_path):
  path = tmp_path / 'page.py'
  path.write_text(PAGE)
  return path


@pytest.fixture
def write(tmp_path, page):
  """Writes a study file; returns its path."""

  def study(body=SWEEP, shared='{}', config=None, text=None, name='mine.py'):
    path = tmp_path / name
    config = str(page) if config is None else config
    made = STUDY.format(config=config, shared=shared, body=body)
    path.write_text(made if text is None else text)
    return path

  return study


def read(path, **overrides):
  changed = {key.replace('__', '.'): text for key, text in overrides.items()}
  return grid.load(str(path), changed)


def flat(study, index):
  return schema.flatten(grid.config_at(study, index))


def refused(call, *args, **kwargs):
  """The one line of the UserError, and its hint."""
  with pytest.raises(UserError) as error:
    call(*args, **kwargs)
  said = str(error.value)
  assert said and '\n' not in said
  return said, error.value.hint


def test_each_index_sets_what_the_sweep_yields(write):
  study = read(write(shared="{'batch_size': 16, 'schedule.beta': 'constant'}"))
  assert (study.name, study.about) == ('mine', 'What beta does.')
  assert len(study.sets) == 6
  # Five is beta's second value and the third seed.
  assert study.sets[5] == {'hyper.beta': 4.0, 'seed': 2}
  plain = schema.flatten(schema.default())
  for index, (beta, seed) in enumerate(itertools.product((1.0, 4.0), range(3))):
    changed = {'num_steps': 500, 'batch_size': 16}
    changed |= {'hyper.beta': beta, 'seed': seed}
    assert flat(study, index) == plain | changed


def test_a_config_of_an_index_is_pure(write):
  study = read(write())
  before = study.base.to_json()
  first = grid.config_at(study, 4)
  assert schema.flatten(first) == flat(study, 4)
  assert first.is_locked
  first.hyper.beta = 9.0
  first.data.name = 'digits'
  assert flat(study, 4)['hyper.beta'] == 4.0
  assert study.base.to_json() == before
  assert study.base.hyper.beta == 1.0


def test_overrides_are_of_all_indices(write):
  path = write(shared="{'num_steps': 300}")
  study = read(path, num_steps='200', hyper__gamma='7')
  for index in range(6):
    found = flat(study, index)
    assert (found['num_steps'], found['hyper.gamma']) == (200, 7.0)
  said, _ = refused(read, path, hyper__beta='2')
  assert said == '--config.hyper.beta is set by the study as well, at index 0'
  said, _ = refused(read, path, hyper__betta='2')
  assert said.startswith('unknown key config.hyper.betta; did you mean')
  # Only the last index sets it.
  body = "yield {'seed': 1}\n  yield {'seed': 2, 'batch_size': 8}"
  said, _ = refused(read, write(body), batch_size='4')
  assert said.endswith(
    'config.batch_size is set by the study as well, at index 1'
  )


def test_a_study_by_name(write, page, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  for kind in ('studies', 'configs'):
    (tmp_path / kind).mkdir()
  page.rename(tmp_path / 'configs' / 'page.py')
  write(config='page', name='studies/mine.py')
  assert read('mine').name == 'mine'
  assert refused(read, 'mime')[1] == 'did you mean studies/mine.py?'


def test_a_name_may_be_a_number(write):
  assert read(write("yield {'seed': 1, 'name': 3}")).names == ('3',)


def test_shared_may_be_left_out(write, page):
  text = f'CONFIG = {str(page)!r}\ndef sweep(): return [{{}}]'
  study = read(write(text=text))
  assert (study.about, study.sets) == ('', ({},))
  assert flat(study, 0) == schema.flatten(study.base)


@pytest.mark.parametrize(
  ('changes', 'said'),
  [
    ({'body': 'yield = 1'}, f':{BODY_LINE}: '),
    ({'body': "yield {'seed': 1 / 0}"}, f':{BODY_LINE}: ZeroDivisionError: '),
    ({'body': 'yield 3'}, ": TypeError: 'int' object is not iterable"),
    ({'body': 'return None'}, ': TypeError: '),
    ({'text': 'CONFIG = 1'}, ' has no sweep'),
    ({'text': ''}, ' has no CONFIG, sweep'),
    ({'text': 'CONFIG = 1\nsweep = 2'}, ': CONFIG is not the name of a'),
    ({'text': 'CONFIG = ""\nsweep = 2'}, ': TypeError: '),
    ({'body': 'yield from ()'}, ': sweep() yields nothing'),
    (
      {'shared': "{'betta': 1.0}"},
      ': unknown key betta; did you mean config.h',
    ),
    ({'shared': "{'num_steps': 1.5}"}, ': TypeError: Could not override'),
    ({'shared': '3'}, ': AttributeError: '),
    (
      {'shared': "{'ensemble': {'seed': range(3)}}"},
      ': its config has an ensemble; allowed: none',
    ),
  ],
)
def test_a_mistake_in_the_file_names_it(write, changes, said):
  path = write(**changes)
  assert refused(read, path)[0].startswith(f'{path}{said}')


def test_a_config_that_cannot_be_the_base(write, page):
  path = write(config=f'{page}:many')
  assert refused(read, path)[0] == (
    f'{path}: its config has an ensemble; allowed: none'
  )
  said, _ = refused(read, write(), ensemble__beta='1.,4.')
  assert 'its config has an ensemble' in said
  assert refused(read, write(config='configs/none.py'))[0] == (
    "there is no config 'configs/none.py'"
  )
  said, _ = refused(read, write(shared="{'num_steps': 0}"))
  assert said.startswith('config.num_steps=0; allowed: ')


def test_a_file_that_names_no_study(write, tmp_path):
  said, _ = refused(read, f'{write()}:plain')
  assert said.endswith(':plain; a study has no variants')
  assert refused(read, tmp_path / 'mime.py')[1].endswith('mine.py?')
  assert refused(read, write(name='my study.py'))[0] == (
    "'my study' names no study; allowed: letters, digits, _"
  )


@pytest.mark.parametrize(
  ('second', 'said'),
  [
    ("{'hyper.betta': 1.0}", 'unknown key config.hyper.betta; did you mean co'),
    ("{'beta': 1.0}", 'unknown key config.beta; did you mean config.hyper.bet'),
    ('{3: 1.0}', 'unknown key config.3; did you mean config.'),
    ("{'hyper': {'beta': 1.0}}", 'unknown key config.hyper; did you mean'),
    ("{'ensemble': {}}", 'unknown key config.ensemble; did you mean'),
    ("{'seed': '3'}", "config.seed='3'; allowed: a whole number from 0"),
    ("{'seed': 3.0}", 'config.seed=3.0; allowed: a whole number from 0'),
    ("{'seed': True}", 'config.seed=True; allowed: int, a whole number'),
    ("{'seed': None}", 'config.seed=None; allowed: int, a whole number'),
    ("{'hyper.beta': '4'}", "config.hyper.beta='4'; allowed: a finite number"),
    ("{'hyper.beta': -1}", 'config.hyper.beta=-1.0; allowed: a finite number'),
    ("{'latent': 10}", 'config.latent=10; allowed: text such as name'),
    ("{'num_steps': 0}", 'config.num_steps=0; allowed: a whole number'),
    ("{'log_every': 150}", 'config.log_every=150; allowed: a multiple of'),
  ],
)
def test_a_mistake_at_an_index_names_it(write, second, said):
  study = read(write(f"yield {{'seed': 1}}\n  yield {second}"))
  assert grid.config_at(study, 0).seed == 1
  assert refused(grid.config_at, study, 1)[0].startswith(f'index 1: {said}')


def test_a_whole_number_does_for_a_float(write):
  study = read(write("yield {'hyper.beta': 4, 'eval.active_kl': 0}"))
  found = flat(study, 0)
  assert found['hyper.beta'] == 4.0 and type(found['hyper.beta']) is float
  assert type(found['eval.active_kl']) is float


@pytest.mark.parametrize(
  'last',
  [
    "{'seed': 0, 'hyper.beta': 4.0}",
    "{'hyper.beta': 4, 'seed': 0}",
    "{'hyper.beta': 4.0}",  # the seed of the base is 0
  ],
)
def test_two_equal_indices_are_refused(write, last):
  first = "{'hyper.beta': 4.0, 'seed': 0}"
  path = write(f"yield {first}\n  yield {{'seed': 1}}\n  yield {last}")
  assert refused(read, path)[0] == 'index 2 is the same as index 0'


def test_indices():
  assert grid.indices('', 3) == [0, 1, 2]
  assert grid.indices('3', 4) == [3]
  assert grid.indices('0-5,8', 9) == [0, 1, 2, 3, 4, 5, 8]
  assert grid.indices(' 8, 2-4,3 ,3', 9) == [2, 3, 4, 8]
  assert grid.ranges([0, 1, 2, 8]) == '0-2,8'
  assert grid.ranges([4]) == '4'


@given(st.sets(st.integers(0, 300), min_size=1))
def test_indices_and_ranges_are_inverse(numbers):
  numbers = sorted(numbers)
  text = grid.ranges(numbers)
  assert grid.indices(text, 301) == numbers
  # No part could be joined to the next.
  ends = [part.split('-') for part in text.split(',')]
  for before, after in itertools.pairwise(ends):
    assert int(before[-1]) + 1 < int(after[0])


@pytest.mark.parametrize(
  ('text', 'allowed'),
  [
    ('x', '3, or 0-5, or 0-5,8'),
    ('-1', '3, or 0-5, or 0-5,8'),
    ('1-', '3, or 0-5, or 0-5,8'),
    ('1,', '3, or 0-5, or 0-5,8'),
    ('1-2-3', '3, or 0-5, or 0-5,8'),
    ('1.0', '3, or 0-5, or 0-5,8'),
    ('9', '0 to 8'),
    ('0-9', '0 to 8'),
    ('5-3', '0 to 8'),
    ('8,5-3', '0 to 8'),
    ('0-99999999999999', '0 to 8'),
  ],
)
def test_indices_that_are_refused(text, allowed):
  assert (
    refused(grid.indices, text, 9)[0] == f'--index={text}; allowed: {allowed}'
  )


def test_directories_sort_as_their_indices():
  home = pathlib.Path('runs', 'mine')
  assert grid.directory(home, 0) == home / '0000'
  assert grid.directory(home, 42) == home / '0042'
  assert grid.directory(home, 12_345) == home / '12345'
