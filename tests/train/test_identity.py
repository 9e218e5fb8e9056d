"""Files of two runs in one directory, lost files, and what may not be read."""

import contextlib
import json
import os
import pathlib
import shutil
import tempfile

import jax.numpy as jnp
import pytest
from train import states

from jaxvae import errors
from jaxvae.train import banner, checkpoint, identity, steps, workdir

CONFIG = {'seed': 0, 'hyper': {'beta': 4.0}, 'num_steps': 20}
OTHER = CONFIG | {'seed': 1}
STATE = {'params': {'kernel': jnp.arange(6.0)}}


def save(home, config, *numbers):
  with checkpoint.open(home / 'checkpoints', keep=3) as checkpoints:
    for number in numbers:
      checkpoints.save(number, STATE, config, {})


def ended(home, config, step):
  """What a run leaves beside its checkpoints."""
  workdir.write_config(home, config)
  workdir.record(home, 'created', 0)
  digest = workdir.config_hash(config)
  workdir.record(home, 'running', 0, config_hash=digest)
  workdir.record(home, 'completed', step)


@pytest.fixture(scope='module')
def made(tmp_path_factory):
  """A run of two checkpoints, and one of three with another seed."""
  root = tmp_path_factory.mktemp('made')
  save(root / 'run', CONFIG, 10, 20)
  ended(root / 'run', CONFIG, 20)
  save(root / 'other', OTHER, 10, 20, 30)
  ended(root / 'other', OTHER, 30)
  return root


@pytest.fixture
def home(made, tmp_path):
  return pathlib.Path(shutil.copytree(made / 'run', tmp_path / 'run'))


def ask(home, config=CONFIG, allowed=()):
  return identity.check_asked(identity.read(home), config, allowed)


def test_a_whole_run(home, tmp_path):
  assert ask(home) == ''
  assert identity.read(home).stands == 'found'
  assert ask(home, CONFIG | {'num_steps': 30}) == ''
  assert identity.read(tmp_path / 'absent').stands == 'new'
  with pytest.raises(errors.UserError, match=r'seed \| 0     \| 1'):
    ask(home, OTHER)


def test_lost_files_are_named_and_the_checkpoint_stands_for_them(home):
  (home / 'config.json').unlink()
  with pytest.raises(errors.UserError, match=r'seed \| 0     \| 1') as caught:
    ask(home, OTHER)
  assert '--allow_config_change=seed' in caught.value.hint
  assert ask(home, OTHER, ['seed'])
  assert ask(home) == 'config.json lost; written again from checkpoint 20'
  (home / 'run.json').unlink()
  said = 'config.json and run.json lost; written again from checkpoint 20'
  assert ask(home) == said
  assert identity.read(home).stands == 'found'


@pytest.mark.parametrize('step', [10, 20, 30])
def test_a_checkpoint_of_another_run_is_refused_and_stays(home, made, step):
  """In the place of one, or beside those that are there."""
  place = home / 'checkpoints' / str(step)
  shutil.rmtree(place, ignore_errors=True)
  shutil.copytree(made / 'other' / 'checkpoints' / str(step), place)
  said = f'checkpoint {step} and config.json are of different runs'
  with pytest.raises(errors.UserError, match=said):
    ask(home)
  with pytest.raises(errors.UserError, match=said):
    checkpoint.read(home, step)
  if step == 10:
    assert checkpoint.read(home).step == 20
  else:
    with pytest.raises(errors.UserError, match=said):
      checkpoint.read(home)
  assert place.is_dir()


def test_falling_back_does_not_lead_to_another_run(home, made):
  shutil.rmtree(home / 'checkpoints' / '10')
  shutil.copytree(
    made / 'other' / 'checkpoints' / '10', home / 'checkpoints' / '10'
  )
  (home / 'checkpoints' / '20' / 'manifest' / 'metadata').write_text('{}')
  with pytest.raises(errors.UserError, match=r'checkpoint 10 and config.json'):
    checkpoint.read(home)
  names = {path.name for path in (home / 'checkpoints').iterdir()}
  assert names == {'10', '20'}


def test_json_of_another_run_is_refused(home, made):
  shutil.copy(made / 'other' / 'run.json', home)
  for refused in (identity.read, checkpoint.read):
    with pytest.raises(errors.UserError, match=r'run.json is of another run'):
      refused(home)
  shutil.copy(made / 'other' / 'config.json', home)
  for config in (CONFIG, OTHER):
    with pytest.raises(errors.UserError, match='are of different runs'):
      ask(home, config)


def test_killed_between_config_json_and_run_json(home):
  """A resumed run writes one after the other."""
  longer = CONFIG | {'num_steps': 30}
  workdir.write_config(home, longer)
  assert ask(home, longer) == ''


def test_a_change_that_was_allowed_stays_allowed(home):
  """Until all checkpoints have it; one may be loaded in the meantime."""
  changed = CONFIG | {'hyper': {'beta': 2.0}}
  with pytest.raises(errors.UserError, match=r'hyper.beta'):
    ask(home, changed)
  assert ask(home, changed, ['hyper.beta']) == ''
  workdir.write_config(home, changed)
  digest = workdir.config_hash(changed)
  workdir.record(
    home, 'running', 20, config_hash=digest, allowed_changes=['hyper.beta']
  )
  assert ask(home, changed) == ''
  assert checkpoint.read(home).step == 20
  with pytest.raises(errors.UserError, match=r'hyper.beta'):
    ask(home, CONFIG)


@pytest.mark.parametrize('status', ['completed', 'preempted', 'failed'])
def test_checkpoints_that_are_gone(home, status):
  run = workdir.read_run(home) | {'status': status}
  workdir.write_json(home / 'run.json', run)
  shutil.rmtree(home / 'checkpoints')
  for refused in (identity.read, checkpoint.read):
    with pytest.raises(
      errors.IntegrityError, match=r'20, which run.json tells'
    ):
      refused(home)
  (home / 'run.json').unlink()  # as the hint says
  assert identity.read(home).stands.startswith('found, without a checkpoint')


def test_the_newest_is_gone(home, caplog):
  shutil.rmtree(home / 'checkpoints' / '20')
  assert checkpoint.read(home).step == 10
  assert states.warnings(caplog) == [
    'checkpoint 20, which run.json tells of, is gone; the newest is 10'
  ]


def test_runs_of_earlier_versions(home):
  """Their run.json has no sessions and says nothing of what was saved."""
  run = workdir.read_run(home)
  del run['sessions'], run['saved']
  workdir.write_json(home / 'run.json', run)
  assert ask(home) == ''
  # They did not note which keys were allowed to change before checkpoint 20.
  shutil.rmtree(home / 'checkpoints')
  save(home, CONFIG | {'hyper': {'beta': 1.0}}, 10)
  save(home, CONFIG, 20)
  assert ask(home) == ''
  # A first save that was cut off leaves a step in run.json, and no checkpoint.
  shutil.rmtree(home / 'checkpoints')
  workdir.write_json(home / 'run.json', run | {'status': 'running'})
  assert ask(home) == ''
  workdir.write_json(home / 'run.json', run)
  with pytest.raises(errors.IntegrityError, match='is gone'):
    ask(home)


def test_versions():
  now = {'jax': '0.10.2', 'python': '3.11.7'}
  assert identity.other_versions(now, now) == ''
  assert identity.other_versions({}, now) == ''
  was = {'jax': '0.10.1', 'python': '3.11.7'}
  assert identity.other_versions(was, now) == 'jax 0.10.1 -> 0.10.2'


def test_a_link_to_a_disk_that_is_not_mounted(tmp_path):
  (tmp_path / 'checkpoints').symlink_to(tmp_path / 'absent')
  with pytest.raises(errors.ResourceError, match='which is not there'):
    identity.read(tmp_path)


@pytest.mark.parametrize(
  'name', ['beta[4]', 'a\\b', '*?', 'end ', 'two\nlines', 'a:b', '\udcff']
)
def test_names_that_mean_something_to_others(tmp_path, name):
  home = tmp_path / name
  save(home, CONFIG, 1)
  with checkpoint.open(home / 'checkpoints') as checkpoints:
    checkpoints.save(2, STATE, CONFIG, {})
    checkpoints.wait()
    found = checkpoints.restore(states.abstract(STATE))
  states.assert_same(found.state, STATE)
  assert checkpoint.read(home).step == 2
  assert steps.finished(home / 'checkpoints') == [1, 2]


@contextlib.contextmanager
def nobody():
  """The rights of another user, where this one has all of them."""
  if os.geteuid():
    yield
    return
  os.seteuid(65534)
  try:
    yield
  finally:
    os.seteuid(0)


@pytest.mark.parametrize('closed', ['.', 'manifest', 'state/d', 'state/*'])
def test_what_may_not_be_read_is_not_damaged(made, closed):
  # The directories that pytest makes are closed to others.
  with tempfile.TemporaryDirectory() as place:
    os.chmod(place, 0o755)
    home = pathlib.Path(shutil.copytree(made / 'run', f'{place}/run'))
    step = home / 'checkpoints' / '20'
    if closed == 'state/*':
      closed = [path for path in (step / 'state').iterdir() if path.is_file()]
    else:
      closed = [step / closed]
    for path in closed:
      path.chmod(0)
    try:
      with nobody(), pytest.raises(errors.ResourceError) as caught:
        checkpoint.read(home)
    finally:
      for path in closed:
        path.chmod(0o755)
    assert str(caught.value).endswith('cannot be read: Permission denied')
    assert checkpoint.read(home).step == 20


def test_the_reason_of_the_system_is_found_below_others():
  refused = PermissionError(13, 'Permission denied')
  for error in (
    refused,
    ValueError('[OS error 5: EIO Input/output error]'),
    OSError(24, 'Too many open files'),
    MemoryError(),
  ):
    assert errors.lacking(error)
    wrapped = ValueError('cannot be read')
    wrapped.__cause__ = error
    assert errors.lacking(wrapped) == errors.lacking(error)
  for error in (None, ValueError('CRC'), FileNotFoundError(2, 'No such file')):
    assert errors.lacking(error) == ''


def test_what_the_system_refuses_is_no_bug(capsys):
  def refused():
    raise PermissionError(13, 'Permission denied', 'x.npz')

  def too_large():
    raise MemoryError('Unable to allocate 7.45 TiB')

  def stopped():
    raise KeyboardInterrupt

  assert errors.exit_code(refused) == errors.exit_code(too_large) == 5
  assert errors.exit_code(stopped) == 130
  assert capsys.readouterr().err.splitlines() == [
    'jaxvae: error: x.npz: Permission denied',
    'jaxvae: error: no memory is left: Unable to allocate 7.45 TiB',
    'jaxvae: stopped by Ctrl-C',
  ]


def test_every_session_is_kept(home):
  first = workdir.read_run(home)
  run = workdir.record(home, 'running', 20)
  assert [one['step'] for one in run['sessions']] == [0, 20]
  assert run['sessions'][0] == first['sessions'][0]
  # Earlier versions kept the last one alone.
  del first['sessions']
  workdir.write_json(home / 'run.json', first)
  run = workdir.record(home, 'running', 20)
  old, new = run['sessions']
  assert old['since'] == first['started']
  assert old['versions'] == first['versions']
  assert new['step'] == 20
  assert json.loads((home / 'run.json').read_text()) == run


def test_the_lock_holds_without_its_file_and_for_shared_checkpoints(tmp_path):
  shared = tmp_path / 'shared'
  shared.mkdir()
  for name in ('one', 'two'):
    (tmp_path / name).mkdir()
    (tmp_path / name / 'checkpoints').symlink_to(shared)
  with workdir.claim(tmp_path / 'one'):
    (tmp_path / 'one' / '.lock').unlink()
    for name in ('one', 'two'):
      with (
        pytest.raises(errors.ResourceError, match='is in use'),
        workdir.claim(tmp_path / name),
      ):
        pass
  with workdir.claim(tmp_path / 'two'):
    pass


def test_a_gpu_that_is_not_used(tmp_path, monkeypatch):
  monkeypatch.setenv('PATH', str(tmp_path))
  monkeypatch.delenv('JAX_PLATFORMS', raising=False)
  driver = pathlib.Path('/dev/nvidia0').exists()
  assert banner.gpu_is_unused() == driver
  (tmp_path / 'nvidia-smi').touch(0o755)
  assert banner.gpu_is_unused()
  monkeypatch.setenv('JAX_PLATFORMS', 'cpu')
  assert not banner.gpu_is_unused()
