"""The lock, the state machine and the identity of a run."""

import json
import os
import pathlib
import re
import resource
import subprocess
import sys

import pytest

from jaxvae import errors
from jaxvae.train import workdir as workdirs

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOLD = """
import sys, time
from jaxvae.train import workdir
with workdir.claim(sys.argv[1]):
  print('held', flush=True)
  time.sleep(100)
"""


@pytest.fixture
def claimed(tmp_path):
  with workdirs.claim(tmp_path / 'run') as workdir:
    yield workdir


def test_claim_makes_the_directory(tmp_path):
  with workdirs.claim(tmp_path / 'a' / 'run') as workdir:
    assert workdir == tmp_path / 'a' / 'run'
    assert workdir.is_dir()
  with workdirs.claim(workdir):  # let go of on leaving
    pass


def test_one_process_at_a_time_and_a_killed_one_lets_go(tmp_path):
  holder = subprocess.Popen(
    [sys.executable, '-c', HOLD, str(tmp_path)],
    env=os.environ | {'PYTHONPATH': str(ROOT)},
    stdout=subprocess.PIPE,
  )
  with holder:
    assert holder.stdout.readline() == b'held\n'
    for _ in range(2):  # refusing must not wipe out who holds it
      with (
        pytest.raises(errors.ResourceError) as caught,
        workdirs.claim(tmp_path),
      ):
        pass
      assert re.search(
        rf'is in use by pid {holder.pid} on host \S+ since \d{{4}}-',
        str(caught.value),
      )
    assert caught.value.exit_code == 5
    holder.kill()
  with workdirs.claim(tmp_path) as workdir:
    assert f'pid {os.getpid()} ' in (workdir / '.lock').read_text()


def test_what_cannot_be_written_is_said_at_once(tmp_path):
  (tmp_path / 'file').touch()
  with (
    pytest.raises(errors.ResourceError, match='Not a directory'),
    workdirs.claim(tmp_path / 'file' / 'run'),
  ):
    pass


def test_what_is_gone_is_noticed(claimed):
  workdirs.check_there(claimed)
  claimed.rename(claimed.with_name('moved'))
  with pytest.raises(errors.ResourceError, match='lock is gone: run was'):
    workdirs.check_there(claimed)
  # Somebody makes it anew: it is theirs then.
  claimed.mkdir()
  (claimed / '.lock').write_text('pid 1 on host elsewhere since 2026-01-01\n')
  with pytest.raises(errors.ResourceError, match='lock is gone'):
    workdirs.check_there(claimed)


def test_a_run_whose_lock_is_deleted_goes_on_and_nobody_else_comes_in(claimed):
  workdirs.record(claimed, 'created', 0)
  (claimed / '.lock').unlink()
  workdirs.check_there(claimed)
  with (
    pytest.raises(errors.ResourceError, match='is in use by'),
    workdirs.claim(claimed),
  ):
    pass
  # Which left a .lock of nobody's.
  workdirs.check_there(claimed)
  (claimed / '.lock').unlink()
  assert workdirs.is_held(claimed)


def test_what_cannot_be_looked_at_is_not_said_to_be_gone(claimed):
  (claimed / '.lock').unlink()
  (claimed / '.lock').symlink_to('.lock')  # a loop: not even root may follow
  workdirs.check_there(claimed)


def test_half_of_a_file_leaves_nothing_beside_it(claimed):
  workdirs.record(claimed, 'created', 0)
  before = (claimed / 'run.json').read_bytes()
  soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
  try:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    with pytest.raises(errors.ResourceError, match='json: File too large'):
      workdirs.record(claimed, 'running', 1)
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
  assert (claimed / 'run.json').read_bytes() == before
  names = sorted(path.name for path in claimed.iterdir())
  assert names == ['.lock', 'run.json']


def test_life_of_a_run(claimed, monkeypatch):
  monkeypatch.setenv('JAXVAE_SECRET', 'hunter2')
  assert workdirs.read_run(claimed) is None
  workdirs.record(claimed, 'created', 0, config_hash='12ab')
  workdirs.record(claimed, 'running', 0)
  workdirs.record(claimed, 'running', 7)
  ended = workdirs.record(claimed, 'preempted', 9, exit_code=143)
  run = json.loads((claimed / 'run.json').read_text())
  assert run == ended == workdirs.read_run(claimed)
  assert (run['status'], run['step'], run['exit_code']) == ('preempted', 9, 143)
  assert run['config_hash'] == '12ab'
  assert run['pid'] == os.getpid()
  # As tests/conftest.py makes them, on the cores that this process may use.
  cores = int(os.environ.get('NPROC') or len(os.sched_getaffinity(0)))
  assert run['devices'] == {'kind': 'cpu', 'count': 2, 'cores': cores}
  assert set(run['versions']) == {'jaxvae', 'jax', 'jaxlib', 'python'}
  assert run['started'] <= run['ended']
  assert 'resumed' not in run
  assert 'hunter2' not in (claimed / 'run.json').read_text()
  again = workdirs.record(claimed, 'running', 9)
  assert again['ended'] is None
  assert again['resumed'] >= again['started'] == run['started']
  assert workdirs.record(claimed, 'completed', 20)['status'] == 'completed'


@pytest.mark.parametrize(
  'path',
  [
    ['running'],
    ['completed'],
    ['created', 'created'],
    ['created', 'running', 'completed', 'preempted'],
    ['created', 'running', 'diverged', 'completed'],
    ['created', 'paused'],
  ],
)
def test_no_other_lives(claimed, path):
  for status in path[:-1]:
    workdirs.record(claimed, status, 0)
  with pytest.raises(ValueError, match=f'to {path[-1]}'):
    workdirs.record(claimed, path[-1], 0)


def test_a_killed_run_resumes(claimed):
  workdirs.record(claimed, 'created', 0)
  run = workdirs.record(claimed, 'running', 5)
  workdirs.write_json(claimed / 'run.json', run | {'pid': -1, 'host': 'other'})
  run = workdirs.record(claimed, 'running', 5)
  assert run['pid'] == os.getpid()
  assert 'resumed' in run


def test_a_damaged_run_json_is_named(claimed):
  (claimed / 'run.json').write_text('{"status": "runn')
  with pytest.raises(errors.IntegrityError, match='is not JSON'):
    workdirs.read_run(claimed)


def test_a_run_json_that_says_little_is_gone_on_with(claimed):
  said = {'status': 'running', 'step': 3, 'started': '2026-01-01T00:00:00'}
  (claimed / 'run.json').write_text(json.dumps(said))
  run = workdirs.record(claimed, 'running', 3)
  assert run['sessions'][0] == {'since': said['started']}
  assert run['sessions'][1]['pid'] == os.getpid()


def test_config_and_its_hash(claimed):
  assert workdirs.read_config(claimed) is None
  config = {'beta': 4.0, 'model': {'latent': 'gaussian(10)'}}
  workdirs.write_config(claimed, config)
  assert workdirs.read_config(claimed) == config
  turned = {'model': {'latent': 'gaussian(10)'}, 'beta': 4.0}
  assert workdirs.config_hash(turned) == workdirs.config_hash(config)
  other = config | {'beta': 4.5}
  assert workdirs.config_hash(other) != workdirs.config_hash(config)


def test_a_bug_leaves_its_traceback(claimed):
  try:
    {}['absent']
  except KeyError as error:
    path = workdirs.write_crash(claimed, error)
  assert re.fullmatch(r'crash-\w+(\+\d+)?\.txt', path.name)
  text = path.read_text()
  assert "KeyError: 'absent'" in text
  assert '"python"' in text
