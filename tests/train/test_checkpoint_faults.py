"""Real faults: killed writers, flipped bits, lost files, full disks."""

import pathlib
import random
import shutil
import signal
import time

import jax.numpy as jnp
import numpy as np
import pytest
from train import states

from jaxvae import errors
from jaxvae.train import checkpoint


def files(step):
  return sorted(path for path in step.rglob('*') if path.is_file())


def flipped(data, bit):
  changed = bytearray(data)
  changed[bit // 8] ^= 1 << bit % 8
  return bytes(changed)


def test_no_damage_gives_other_values(run, caplog):
  """Every file of the newest step, flipped, cut, emptied and deleted."""
  rng = random.Random(0)
  wanted = {step: checkpoint.read(run, step) for step in (10, 20)}
  outcomes = []
  for path in files(run / 'checkpoints' / '20'):
    data = path.read_bytes()
    bits = [rng.randrange(8 * len(data)) for _ in range(6)]
    mutants = [flipped(data, bit) for bit in bits]
    for mutant in [*mutants, data[: len(data) // 2], b'', None]:
      path.unlink()
      if mutant is not None:
        path.write_bytes(mutant)
      caplog.clear()
      found = checkpoint.read(run)
      states.assert_same(found.state, wanted[found.step].state)
      assert found._replace(state=0) == wanted[found.step]._replace(state=0)
      said = states.warnings(caplog)
      if found.step == 10:
        assert len(said) == 1
        assert said[0].startswith('checkpoint 20 is damaged (')
        assert said[0].endswith('; using 10')
      else:
        assert not said
      outcomes.append(found.step)
      path.write_bytes(data)
  assert set(outcomes) == {10, 20}


def arrays_file(step):
  """The file with the data of the arrays: the largest."""
  return max(files(step / 'state'), key=lambda path: path.stat().st_size)


def damage(step):
  path = arrays_file(step)
  path.write_bytes(path.read_bytes()[:-9])


def test_a_flipped_bit_names_its_leaf(tmp_path, caplog):
  # Random bits do not compress, so a flip stays a valid file with new values.
  noise = np.random.default_rng(0).bytes(4 * 256 * 256)
  state = {'params': {'kernel': jnp.array(np.frombuffer(noise, np.uint32))}}
  with checkpoint.open(tmp_path / 'checkpoints') as checkpoints:
    checkpoints.save(1, state, {}, {})
    checkpoints.save(2, state, {}, {})
  path = arrays_file(tmp_path / 'checkpoints' / '2')
  path.write_bytes(flipped(path.read_bytes(), 8 * 100_000))
  assert checkpoint.read(tmp_path).step == 1
  assert states.warnings(caplog) == [
    'checkpoint 2 is damaged (params/kernel: hash differs); using 1'
  ]


def test_a_damaged_step_is_set_aside_and_saved_again(run, caplog):
  damage(run / 'checkpoints' / '20')
  with checkpoint.open(run / 'checkpoints') as checkpoints:
    restored = checkpoints.restore(states.target())
    states.assert_same(restored.state, states.make_state(10))
    assert checkpoints.steps() == [10]
    checkpoints.save(20, states.make_state(21), states.CONFIG, {})
  assert checkpoint.read(run).step == 20
  assert states.warnings(caplog) == [
    'checkpoint 20 is damaged (state: cannot be read); using 10'
  ]
  names = sorted(path.name for path in (run / 'checkpoints').iterdir())
  assert names == ['10', '20', '20.damaged']


def test_resuming_survives_every_lost_file(saved, tmp_path, caplog):
  """Opening, restoring and saving again, as a resumed run does."""
  step = saved / 'checkpoints' / '20'
  for number, lost in enumerate(files(step)):
    run = pathlib.Path(shutil.copytree(saved, tmp_path / str(number)))
    (run / lost.relative_to(saved)).unlink()
    with checkpoint.open(run / 'checkpoints') as checkpoints:
      restored = checkpoints.restore(states.target())
      states.assert_same(restored.state, states.make_state(restored.step))
      checkpoints.save(
        restored.step + 10, states.make_state(5), states.CONFIG, {}
      )
    states.assert_same(
      checkpoint.read(run).state['params'], states.make_state(5)['params']
    )


def test_nothing_valid_is_an_error_not_a_new_start(run):
  damage(run / 'checkpoints' / '10')
  damage(run / 'checkpoints' / '20')
  with checkpoint.open(run / 'checkpoints') as checkpoints:
    for _ in range(2):  # the first try must not clear the way for the second
      with pytest.raises(errors.IntegrityError, match=r'20 \(.*; 10 \('):
        checkpoints.restore(states.target())


def test_the_step_asked_for_has_no_substitute(run):
  damage(run / 'checkpoints' / '20')
  with checkpoint.open(run / 'checkpoints') as checkpoints:
    with pytest.raises(errors.IntegrityError, match='20'):
      checkpoints.restore(states.target(), step=20)
    with pytest.raises(errors.UserError, match='no checkpoint 15') as caught:
      checkpoints.restore(states.target(), step=15)
  assert caught.value.hint == 'it holds 10, 20'


def test_a_step_under_another_name_is_damaged(run, caplog):
  (run / 'checkpoints' / '20').rename(run / 'checkpoints' / '30')
  assert checkpoint.read(run).step == 10
  assert states.warnings(caplog) == [
    'checkpoint 30 is damaged (manifest: is of step 20); using 10'
  ]


def test_a_failed_read_says_nothing_else(run):
  """Orbax's own account of a damaged file is pages long."""
  damage(run / 'checkpoints' / '20')
  code = 'import sys; from jaxvae.train import checkpoint;'
  process = states.child(code + 'checkpoint.read(sys.argv[1])', run)
  out, err = process.communicate(timeout=100)
  assert process.returncode == 0
  assert (out, err.count('\n')) == ('', 1)
  assert 'checkpoint 20 is damaged' in err


# Interrupted saves -----------------------------------------------------------


SAVE_FOR_EVER = """
import sys, jax.numpy as jnp, numpy as np
from jaxvae.train import checkpoint
noise = jnp.asarray(np.random.default_rng(0).normal(size=500_000))
with checkpoint.open(sys.argv[1] + '/checkpoints') as checkpoints:
  checkpoints.clean_unfinished()
  step = checkpoints.latest() or 0
  while True:
    step += 1
    checkpoints.save(step, {'w': noise + step}, {}, {})
    print(step, flush=True)
"""


def test_killed_in_the_middle_of_a_save(tmp_path):
  """The step before is there, whenever the kill comes."""
  rng = random.Random(1)
  noise = jnp.asarray(np.random.default_rng(0).normal(size=500_000))
  for _ in range(3):
    process = states.child(SAVE_FOR_EVER, tmp_path)
    for _ in range(3):
      started = int(process.stdout.readline())
    time.sleep(rng.uniform(0, 0.2))
    process.send_signal(signal.SIGKILL)
    started += len(process.communicate()[0].split())
    found = checkpoint.read(tmp_path)
    # The save that was begun last may have been finished, or not begun.
    assert found.step in (started - 1, started, started + 1)
    states.assert_same(found.state, {'w': noise + found.step})


def test_unfinished_saves_are_ignored_and_removed_on_request(run, caplog):
  left = run / 'checkpoints' / '30.orbax-checkpoint-tmp'
  shutil.copytree(run / 'checkpoints' / '20', left)
  assert checkpoint.read(run).step == 20
  with checkpoint.open(run / 'checkpoints') as checkpoints:
    assert checkpoints.restore(states.target()).step == 20
    assert states.warnings(caplog) == [
      'ignored 1 unfinished checkpoint (step 30)'
    ]
    assert left.exists()
    assert checkpoints.clean_unfinished() == [30]
    assert not left.exists()
    assert checkpoints.clean_unfinished() == []
    checkpoints.save(30, states.make_state(30), states.CONFIG, {})
  assert checkpoint.read(run).step == 30


# Full disks ------------------------------------------------------------------


FILL = """
import resource, sys
import jax, jax.numpy as jnp, numpy as np
from jaxvae import errors
from jaxvae.train import checkpoint
noise = np.random.default_rng(0).normal(size=2_000_000).astype(np.float32)
small, large = {'w': jnp.ones(9)}, {'w': jnp.asarray(noise)}
with checkpoint.open(sys.argv[1] + '/checkpoints') as checkpoints:
  checkpoints.save(1, small, {}, {})
  checkpoints.wait()
  if sys.argv[2] == 'limit':
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
  checkpoints.save(2, large, {}, {})
  try:
    checkpoints.wait()
  except errors.ResourceError as error:
    print(error)
  assert checkpoints.restore(jax.eval_shape(lambda: small)).step == 1
  assert len(list(checkpoints.directory.iterdir())) == 1
  checkpoints.save(2, small, {}, {})
assert checkpoint.read(sys.argv[1]).step == 2
"""


def check_full(said, directory, reason):
  assert f'checkpoint 2 could not be written to {directory}' in said
  assert reason in said
  assert 'bytes free, about 8,000,000 needed for its arrays' in said


def test_a_file_that_may_not_grow(tmp_path):
  said = states.finish(states.child(FILL, tmp_path, 'limit'))
  check_full(said, tmp_path, 'File too large')


def test_a_full_disk(small_disk):
  said = states.finish(states.child(FILL, small_disk, 'disk'))
  check_full(said, small_disk, 'No space left on device')
