"""How runs end that lack something: what is said, and what run.json says."""

import errno
import os

import pytest

from jaxvae.errors import DivergedError, ResourceError
from jaxvae.train import checkpoint, identity, members, workdir


@pytest.fixture
def home(tmp_path):
  with workdir.claim(tmp_path / 'run') as home:
    workdir.record(home, 'created', 0)
    workdir.record(home, 'running', 40)
    yield home


def of_system(code, *path):
  return OSError(code, os.strerror(code), *path)


@pytest.mark.parametrize(
  ('error', 'said'),
  [
    (
      ResourceError('checkpoint 40: no room', hint='x'),
      'checkpoint 40: no room',
    ),
    (of_system(errno.ENOSPC, 'a.gif'), 'a.gif: No space left on device'),
    (of_system(errno.EPIPE), 'standard output: Broken pipe'),
    (of_system(errno.EIO), 'standard output: Input/output error'),
    (of_system(errno.EMFILE, 'x'), 'x: Too many open files'),
    (of_system(errno.EACCES, 'x'), 'x: Permission denied'),
  ],
)
def test_what_the_machine_lacks_says_where_to_go_on(home, error, said):
  found = members.lacking(error, [home])
  assert (type(found), str(found)) == (ResourceError, said)
  assert found.hint.endswith('run the same command again: it begins anew')
  (home / 'checkpoints' / '20').mkdir(parents=True)
  (home / 'checkpoints' / '40.orbax-checkpoint-tmp').mkdir()
  found = members.lacking(error, [home])
  assert found.hint.endswith('it goes on from checkpoint 20')
  members.record_end(home, found)
  run = workdir.read_run(home)
  assert (run['status'], run['step'], run['error']) == ('failed', 40, said)


def test_a_bug_is_a_bug(home):
  for error in (
    KeyError('x'),
    of_system(errno.ENOENT, 'x'),
    DivergedError('x'),
  ):
    assert members.lacking(error, [home]) is None


def test_a_directory_that_went_is_what_is_said(home):
  home.rename(home.with_name('moved'))
  found = members.lacking(KeyError('whatever came of it'), [home])
  assert str(found).startswith(f'{home / ".lock"} is gone')
  members.record_end(home, found)
  assert not home.exists()


def test_what_cannot_be_looked_at_hides_no_reason(home):
  (home / 'checkpoints').symlink_to('checkpoints')
  (home / '.lock').unlink()
  (home / '.lock').symlink_to('.lock')
  assert members.lacking(KeyError('x'), [home]) is None


def test_a_kill_after_a_member_went_back_loses_no_run(home):
  for step in (20, 40):
    (home / 'checkpoints' / f'{step}').mkdir(parents=True)
  workdir.record(home, 'running', 40)
  with checkpoint.open(home / 'checkpoints') as saves:
    for step, left in ((30, (20,)), (0, ())):
      members.go_back(members.Member(None, home, saves), step)
      assert identity.read(home).saved == left


def test_a_run_that_has_ended_stays_as_it_is(home):
  workdir.record(home, 'completed', 40)
  before = workdir.read_run(home)
  members.record_end(home, ResourceError('no room'))
  assert workdir.read_run(home) == before


def test_where_nothing_can_be_written_the_first_error_counts(home):
  """Making run.json a directory stands for a disk that takes nothing."""
  before = workdir.read_run(home)
  (home / '.run.json.tmp').mkdir()
  members.record_end(home, KeyError('the error'))
  assert workdir.read_run(home) == before
