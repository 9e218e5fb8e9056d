"""How far a study is, from work directories written by hand."""

import json

import pytest

from jaxvae import config as schema
from jaxvae.study import status
from jaxvae.study.grid import Study
from jaxvae.study.status import Standing
from jaxvae.train import workdir


def study(count, **sets):
  """So many runs of 100 steps."""
  base = schema.override(schema.default(), {'num_steps': '100'})
  return Study(
    'mine', '', base, tuple({'seed': at} | sets for at in range(count))
  )


def write(home, index, said=None, metrics=None):
  """A run.json that says `said`, and the text of metrics.jsonl."""
  place = home / f'{index:04d}'
  place.mkdir(parents=True)
  if said is not None:
    said = {'status': 'running', 'step': 0} | said
    (place / 'run.json').write_text(json.dumps(said))
  if metrics is not None:
    (place / 'metrics.jsonl').write_text(metrics)
  return place


def look(home, index=0):
  (found,) = status.look(home, [index])
  return found


def standing(index, said, step=0, seconds=0.0, error=''):
  return Standing(index, said, step, step, seconds, error)


def test_before_it_has_begun(tmp_path):
  nothing = Standing(0, 'not started', 0, 0, 0.0, '')
  assert look(tmp_path / 'absent') == nothing
  write(tmp_path, 0)  # claimed, and no more
  assert look(tmp_path) == nothing
  write(tmp_path, 1, {'status': 'created'})
  assert look(tmp_path, 1) == Standing(1, 'created', 0, 0, 0.0, '')


def test_it_runs_while_its_directory_is_held(tmp_path):
  place = write(tmp_path, 0, {'step': 20}, '{"step": 40}\n')
  assert look(tmp_path).status == 'stopped'  # there never was a lock
  with workdir.claim(place):
    assert look(tmp_path) == Standing(0, 'running', 40, 20, 0.0, '')
  assert look(tmp_path) == Standing(0, 'stopped', 40, 20, 0.0, '')
  # To look does not take the lock, nor leave it held.
  with workdir.claim(place):
    assert look(tmp_path).status == look(tmp_path).status == 'running'


@pytest.mark.parametrize(
  ('said', 'error'),
  [
    ('completed', ''),
    ('preempted', ''),
    ('diverged', 'step 31 is not finite: loss'),
    ('failed', 'cannot write: no space'),
  ],
)
def test_it_has_ended(tmp_path, said, error):
  run = {'status': said, 'step': 30, 'seconds': {'train': 8.0}}
  if error:
    run['error'] = error
  # The log may be ahead of a run that is to go on from what was saved.
  write(tmp_path, 0, run, '{"step": 40}\n')
  assert look(tmp_path) == Standing(0, said, 30, 30, 8.0, error)
  assert status.finished(look(tmp_path)) == (said in ('completed', 'diverged'))


@pytest.mark.parametrize(
  ('text', 'step'),
  [
    ('{"step": 40, "loss": 1.0}\n', 40),
    ('{"step": 30}\n{"step": 40}\n', 40),
    ('{"step": 30}\n{"step": 40}', 30),  # torn where nobody sees it
    ('{"step": 30}\n{"step": 40, "lo', 30),
    ('{"step": 30}\n{"st', 30),
    ('{"st', 20),
    ('', 20),
    ('\n', 20),
    ('{"loss": 1.0}\n', 20),
    ('[1]\n', 20),
    ('3\n', 20),
    ('{"step": "50"}\n', 20),
    ('\0\0\0\n', 20),
    ('{"step": 10}\n', 20),  # what was saved counts as well
    ('{"step": 1}\n' * 20_000 + '{"step": 50}\n{"step": 60', 50),
  ],
)
def test_the_step_is_that_of_the_last_whole_line(tmp_path, text, step):
  place = write(tmp_path, 0, {'step': 20}, text)
  with workdir.claim(place):
    found = look(tmp_path)
  assert (found.step, found.saved) == (step, 20)


def test_without_a_log_it_is_what_was_saved(tmp_path):
  write(tmp_path, 0, {'step': 20})
  assert look(tmp_path).step == 20


def test_lanes_share_the_time(tmp_path):
  # `host` is a part of `train`: 30 + 6 + 4 = 40 s for 5 lanes, 8 s each.
  seconds = {'train': 30.0, 'host': 2.0, 'save': 6.0, 'evaluate': 4.0}
  write(tmp_path, 0, {'step': 20, 'seconds': seconds, 'lanes': 5})
  write(tmp_path, 1, {'step': 20, 'seconds': seconds})
  assert [look(tmp_path, at).seconds for at in (0, 1)] == [8.0, 40.0]


# What a file may hold after a crash, an editor or a disk: no JSON, JSON of
# another shape, a run.json that says too little.
DAMAGE = {
  'half': b'{"status": "comp',
  'empty': b'',
  'zeros': bytes(400),
  'binary': b'\x93NUMPY\x01\x00\xff\xfe',
  'deep': b'[' * 100_000,
  'list': b'[]',
  'number': b'3',
  'null': b'null',
  'text': b'"completed"',
  'nothing': b'{}',
  'NaN': b'{"status": "completed", "step": 3, "seed": NaN}',
  'infinite': b'{"status": "completed", "step": 3, "seed": 1e999}',
}
SAYS_TOO_LITTLE = {
  'no step': {'status': 'completed'},
  'a state that no run has': {'status': 'asleep', 'step': 3},
  'text for a step': {'status': 'completed', 'step': '3'},
  'seconds in a list': {'status': 'completed', 'step': 3, 'seconds': [1]},
  'no lanes': {'status': 'completed', 'step': 3, 'lanes': 0},
  'text for what is saved': {'status': 'running', 'step': 3, 'saved': '3'},
  'sessions by number': {'status': 'running', 'step': 3, 'sessions': 3},
  'a session by name': {'status': 'running', 'step': 3, 'sessions': ['x']},
  'all may change': {'status': 'running', 'step': 3, 'allowed_changes': True},
  'devices by name': {'status': 'running', 'step': 3, 'devices': 'cpu'},
  'a version for all': {'status': 'running', 'step': 3, 'versions': '0.10.2'},
}


@pytest.mark.parametrize('name', ['run', 'config'])
@pytest.mark.parametrize('damage', DAMAGE)
def test_a_damaged_file_is_named_and_keeps_nobody_else(tmp_path, name, damage):
  for index in range(3):
    write(tmp_path, index, {'status': 'completed', 'step': 100})
  (tmp_path / '0001' / f'{name}.json').write_bytes(DAMAGE[damage])
  stands = status.look(tmp_path, range(3))
  assert [each.status for each in stands] == [
    *('completed', 'damaged', 'completed'),
  ]
  assert f'0001/{name}.json' in stands[1].error
  assert '; remove it and ' in stands[1].error
  lines = status.text(study(3), stands, 1).splitlines()
  assert '  damaged         1  1' in lines
  assert lines[-2].startswith('  1 (seed=1) damaged: ')
  assert lines[-1] == '2 of 3 runs, 66 % of the steps'
  assert status.damage(stands) == status.exit_code(stands, []) == 4


@pytest.mark.parametrize('said', SAYS_TOO_LITTLE.values(), ids=SAYS_TOO_LITTLE)
def test_a_run_json_that_says_too_little_is_damaged(tmp_path, said):
  place = write(tmp_path, 0)
  (place / 'run.json').write_text(json.dumps(said))
  assert look(tmp_path).status == 'damaged'


def test_what_is_no_file_or_may_not_be_read(tmp_path):
  (write(tmp_path, 0) / 'run.json').mkdir()
  (tmp_path / '0001').write_text('a file, where a directory should be')
  # Nobody may follow this one, not even root: it is a loop.
  (write(tmp_path, 2) / 'run.json').symlink_to('run.json')
  stands = status.look(tmp_path, range(3))
  assert [each.status for each in stands] == [
    *('damaged', 'damaged', 'unreadable'),
  ]
  assert '0002/run.json: Too many levels' in stands[2].error
  assert status.damage(stands) == 4 and status.damage(stands[2:]) == 5


def test_a_signal_says_more_than_damage():
  # Whoever runs the command again must know that there is more to do.
  stands = [standing(0, 'damaged'), standing(1, 'preempted')]
  assert status.exit_code(stands, [143]) == 143


def test_the_line():
  stands = [
    standing(0, 'completed', 100, 50.0),
    standing(1, 'diverged', 20, 10.0, 'step 21'),
    Standing(2, 'running', 60, 40, 20.0, ''),
    standing(3, 'not started'),
  ]
  # Done: 100, all 100 of the one that will not go on, 60, 0; of 400, 65 %.
  # Left: 40 + 100 steps. Paid: 50 + 10 + 20 = 80 s for 100 + 20 + 40 = 160
  # saved steps, half a second each: 70 s, or 35 s in two processes.
  said = '2 of 4 runs, 65 % of the steps'
  four = study(4)
  assert status.line(four, stands, 1) == f'{said}, 1m10s left in one process'
  assert status.line(four, stands, 2) == f'{said}, 35s left in 2 processes'
  # As soon as all have ended, no time is left.
  assert status.line(four, stands[:2], 1) == '2 of 2 runs, 100 % of the steps'
  # Before anything is saved, nobody knows.
  early = Standing(0, 'running', 9, 0, 0.0, '')
  assert status.line(four, [early], 1) == '0 of 1 runs, 9 % of the steps'


def test_a_share_is_not_rounded_up():
  stands = [standing(0, 'preempted', 99), standing(1, 'completed', 100)]
  # 199 of 200 are 99.5 %.
  assert '1 of 2 runs, 99 % of the steps' in status.line(study(2), stands, 1)


def test_indices_may_be_of_unequal_length():
  mine = study(2)
  mine = mine._replace(sets=({'num_steps': 300}, {'seed': 1}))
  stands = [standing(0, 'stopped', 150, 30.0), standing(1, 'not started')]
  # 150 of 400 steps are 37.5 %; 250 are left, at 5 a second.
  assert status.line(mine, stands, 1) == (
    '0 of 2 runs, 37 % of the steps, 50s left in one process'
  )


def test_the_text_names_each_status_its_indices_and_errors(tmp_path):
  run = {'status': 'completed', 'step': 100, 'seconds': {'train': 10.0}}
  for index in (0, 1, 2, 5):
    write(tmp_path, index, run)
  diverged = {'status': 'diverged', 'step': 10, 'error': 'step 12: loss nan'}
  write(tmp_path, 3, diverged)
  write(tmp_path, 6, {'status': 'running', 'step': 50})
  stands = status.look(tmp_path, range(8))
  # 4 and 7 wait. Done: 4 * 100 + 100 + 50 of 800, 68.75 %. Left: 250 steps,
  # at 40 s for 400: 25 s.
  assert status.text(study(8), stands, 1).splitlines() == [
    'mine: 8 indices',
    '  completed       4  0-2,5',
    '  stopped         1  6',
    '  diverged        1  3',
    '  not started     2  4,7',
    '  3 (seed=3) diverged: step 12: loss nan',
    '5 of 8 runs, 68 % of the steps, 25s left in one process',
  ]


def test_every_status_of_a_run_has_its_line():
  each = ('created', 'running', 'stopped', 'damaged', 'unreadable')
  each += (*workdir.FINISHED, 'not started')
  stands = [standing(at, said) for at, said in enumerate(each)]
  lines = status.text(study(len(each)), stands, 1).splitlines()
  assert {line[2:14].strip() for line in lines[1:-1]} == set(each)


@pytest.mark.parametrize(
  ('said', 'codes', 'code'),
  [
    (['completed', 'completed'], [], 0),
    (['completed', 'completed'], [0, 0], 0),
    (['completed', 'diverged'], [3], 3),
    (['completed', 'diverged'], [], 3),
    # A job that failed once and was done in the end is no failure.
    (['completed', 'completed'], [5, 0], 0),
    (['completed', 'failed'], [0, 2], 2),
    (['diverged', 'preempted'], [3, 143], 143),
    (['preempted', 'preempted'], [130, 143], 130),
    (['completed', 'not started'], [0, 3], 1),
    (['completed', 'running'], [], 1),
    # As a shell says of a process that was killed by signal 9.
    (['stopped', 'created'], [-9], 137),
  ],
)
def test_the_exit_code(said, codes, code):
  stands = [standing(at, each) for at, each in enumerate(said)]
  assert status.exit_code(stands, codes) == code
