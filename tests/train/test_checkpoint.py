"""Saving, restoring and reading, where nothing goes wrong outside."""

import json
import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec
from train import states

from jaxvae import errors
from jaxvae.train import checkpoint


def test_everything_comes_back(saved):
  with checkpoint.open(saved / 'checkpoints') as checkpoints:
    restored = checkpoints.restore(states.target())
    assert checkpoints.steps() == [10, 20]
    assert checkpoints.latest() == 20
  states.assert_same(restored.state, states.make_state(20))
  assert jax.tree.structure(restored.state) == jax.tree.structure(
    states.make_state(1)
  )
  assert restored.step == 20
  assert restored.config == json.loads(json.dumps(states.CONFIG))
  assert restored.info == {'seconds': 2.5}


def test_keys_draw_as_before(saved):
  with checkpoint.open(saved / 'checkpoints') as checkpoints:
    state = checkpoints.restore(states.target(), step=10).state
  want = jax.random.normal(jax.random.key(10), (4,))
  np.testing.assert_array_equal(jax.random.normal(state['key'], (4,)), want)
  assert jax.random.key_impl(state['keys']) == 'rbg'


def test_keep_bounds_the_steps(tmp_path):
  states.save_steps(tmp_path, (1, 2, 3, 4), keep=3)
  assert checkpoint.read(tmp_path).step == 4
  with checkpoint.open(tmp_path / 'checkpoints', keep=3) as checkpoints:
    assert checkpoints.steps() == [2, 3, 4]


def test_donating_after_save_changes_nothing(tmp_path):
  step = jax.jit(
    lambda s: s | {'w': s['w'] * 2 + 1, 'n': s['n'] + 1}, donate_argnums=0
  )
  state = {'w': jnp.arange(200_000.0), 'n': jnp.int32(0)}
  wanted = {'w': np.arange(200_000, dtype=np.float32), 'n': np.int32(0)}
  with checkpoint.open(tmp_path / 'checkpoints') as checkpoints:
    checkpoints.save(1, state, {}, {})
    for _ in range(20):
      state = step(state)
    checkpoints.wait()
    restored = checkpoints.restore(states.abstract(state))
  states.assert_same(restored.state, wanted)


def test_restored_state_can_be_donated(saved):
  with checkpoint.open(saved / 'checkpoints') as checkpoints:
    state = checkpoints.restore(states.target()).state
  double = jax.jit(lambda p: jax.tree.map(lambda x: x + x, p), donate_argnums=0)
  pointer = state['params']['encoder']['kernel'].unsafe_buffer_pointer()
  doubled = double(state['params'])
  assert state['params']['encoder']['kernel'].is_deleted()
  kernel = doubled['encoder']['kernel']
  assert kernel.unsafe_buffer_pointer() == pointer
  np.testing.assert_array_equal(
    kernel, 2 * states.make_state(20)['params']['encoder']['kernel']
  )


RESTORE = """
import sys, jax
from jax.sharding import NamedSharding, PartitionSpec
from jaxvae.train import checkpoint
mesh = jax.make_mesh((len(jax.devices()),), ('batch',))
everywhere = NamedSharding(mesh, PartitionSpec())
split = NamedSharding(mesh, PartitionSpec('batch'))
make = lambda: {'key': jax.random.key(0), 'w': jax.numpy.zeros((16, 3))}
shapes = jax.eval_shape(make)
target = {
  'key': shapes['key'].update(sharding=everywhere),
  'w': shapes['w'].update(sharding=split),
}
with checkpoint.open(sys.argv[1] + '/checkpoints') as checkpoints:
  state = checkpoints.restore(target).state
assert state['w'].sharding.is_equivalent_to(split, 2), state['w'].sharding
assert len(state['key'].sharding.device_set) == len(jax.devices())
print(len(jax.devices()), checkpoint.params_digest(state))
"""


def test_other_numbers_of_devices_get_the_same_bits(tmp_path):
  mesh = jax.make_mesh((2,), ('batch',))
  values = jax.random.normal(jax.random.key(5), (16, 3))
  state = {
    'key': jax.device_put(
      jax.random.key(7), NamedSharding(mesh, PartitionSpec())
    ),
    'w': jax.device_put(values, NamedSharding(mesh, PartitionSpec('batch'))),
  }
  for count in (1, 8):
    with checkpoint.open(tmp_path / str(count) / 'checkpoints') as checkpoints:
      checkpoints.save(3, state, {}, {})
  children = [
    states.child(RESTORE, tmp_path / str(count), devices=count)
    for count in (1, 8)
  ]
  want = checkpoint.params_digest({'key': jax.random.key(7), 'w': values})
  assert [states.finish(c).split() for c in children] == [
    ['1', want],
    ['8', want],
  ]


# Other models ----------------------------------------------------------------


def mutate(**changes):
  state = states.target()
  for key, value in changes.items():
    if value is None:
      del state['params']['decoder'][key]
    else:
      state['params']['decoder'][key] = value
  return state


def shape(*dimensions, dtype=np.float32):
  return jax.ShapeDtypeStruct(dimensions, dtype)


@pytest.mark.parametrize(
  ('target', 'lines'),
  [
    (
      mutate(kernel=shape(65)),
      [
        '- params/decoder/kernel float32[64]',
        '+ params/decoder/kernel float32[65]',
      ],
    ),
    (
      mutate(kernel=shape(64, dtype=jnp.bfloat16)),
      [
        '- params/decoder/kernel float32[64]',
        '+ params/decoder/kernel bfloat16[64]',
      ],
    ),
    (
      mutate(kernel=shape(64, dtype=np.int32)),
      [
        '- params/decoder/kernel float32[64]',
        '+ params/decoder/kernel int32[64]',
      ],
    ),
    (mutate(kernel=None), ['- params/decoder/kernel float32[64]']),
    (mutate(bias=shape(3)), ['+ params/decoder/bias float32[3]']),
    (
      mutate(kernel=None, weights=shape(64)),
      [
        '- params/decoder/kernel float32[64]',
        '+ params/decoder/weights float32[64]',
      ],
    ),
  ],
  ids=['shape', 'bfloat16', 'int32', 'missing', 'extra', 'renamed'],
)
def test_another_model_is_told_apart(saved, target, lines):
  with checkpoint.open(saved / 'checkpoints') as checkpoints:
    with pytest.raises(errors.UserError, match='does not fit') as caught:
      checkpoints.restore(target)
    assert checkpoints.steps() == [10, 20]  # none was taken for damaged
  said = str(caught.value)
  assert [line.strip() for line in said.splitlines()[1:]] == lines
  with pytest.raises(errors.UserError) as caught:
    checkpoint.read(saved, abstract_state=target)
  assert str(caught.value) == said


def test_only_the_first_ten_lines_of_a_difference(saved):
  target = states.target() | {f'x{n:02d}': shape(1) for n in range(14)}
  with (
    checkpoint.open(saved / 'checkpoints') as checkpoints,
    pytest.raises(errors.UserError) as caught,
  ):
    checkpoints.restore(target)
  lines = str(caught.value).splitlines()[1:]
  assert lines[0] == '  + x00 float32[1]'
  assert lines[9:] == ['  + x09 float32[1]', '  and 4 lines more']


# Saving ----------------------------------------------------------------------


@pytest.mark.parametrize('step', [10, 20, 15])
def test_a_save_that_orbax_would_skip_is_an_error(run, step):
  with (
    checkpoint.open(run / 'checkpoints') as checkpoints,
    pytest.raises(errors.UserError, match='already holds checkpoint 20'),
  ):
    checkpoints.save(step, states.make_state(1), states.CONFIG, {})


@pytest.mark.parametrize('config', [{'lr': float('nan')}, {'f': print}])
def test_what_json_cannot_hold_is_refused_before_writing(tmp_path, config):
  with checkpoint.open(tmp_path / 'checkpoints') as checkpoints:
    with pytest.raises((ValueError, TypeError), match='JSON'):
      checkpoints.save(1, states.make_state(1), config, {})
    assert checkpoints.steps() == []


def test_an_error_of_the_body_comes_first(tmp_path):
  with (
    pytest.raises(errors.DivergedError),
    checkpoint.open(tmp_path / 'checkpoints') as checkpoints,
  ):
    checkpoints.save(1, states.make_state(1), states.CONFIG, {})
    raise errors.DivergedError('the loss is nan')
  assert checkpoint.read(tmp_path).step == 1


# Reading ---------------------------------------------------------------------


def test_read_needs_no_model(saved):
  state = checkpoint.read(saved, step=10).state
  want = states.make_state(10)
  states.assert_same(state['params'], want['params'])
  assert state['moments']['0']['count'] == 10
  assert isinstance(state['params']['encoder']['kernel'], np.ndarray)
  assert state['key'].tolist() == [0, 10]  # threefry's data of a small seed


def test_read_verifies_only_what_it_reads(run):
  found = checkpoint.read(run, prefix=('params', 'encoder'))
  assert found.state.keys() == {'params'}
  assert found.state['params'].keys() == {'encoder'}
  want = states.make_state(20)['params']['encoder']
  states.assert_same(found.state['params']['encoder'], want)
  with pytest.raises(errors.UserError, match='below param') as caught:
    checkpoint.read(run, prefix=('param',))
  assert 'params' in caught.value.hint


def test_read_makes_nothing_and_points_to_the_neighbours(saved):
  typo = saved.parent / 'rum'
  with pytest.raises(errors.UserError, match='no checkpoint') as caught:
    checkpoint.read(typo)
  assert not typo.exists()
  assert caught.value.hint == 'beside it, these have some: run'


def test_digest_of_what_was_read(saved):
  read = checkpoint.read(saved, prefix=('params',)).state['params']
  want = checkpoint.params_digest(states.make_state(20)['params'])
  assert checkpoint.params_digest(read) == want
  assert checkpoint.params_digest(states.make_state(10)['params']) != want


def test_orbax_does_not_chatter(tmp_path):
  records = []
  handler = logging.Handler()
  handler.emit = records.append
  absl = logging.getLogger('absl')
  level = absl.level
  absl.addHandler(handler)
  absl.setLevel(logging.INFO)
  try:
    states.save_steps(tmp_path, (1,))
  finally:
    absl.setLevel(level)
    absl.removeHandler(handler)
  assert not records


def test_writes_that_fail_beside_the_first_are_quiet(tmp_path, caplog):
  """What asyncio says of a task whose exception nobody has asked for."""
  with checkpoint.open(tmp_path):
    pass
  said = (
    'Task exception was never retrieved\nfuture: <Task finished coro=<'
    '_open_and_write() done, defined at .../orbax/checkpoint/_src/'
    "serialization/type_handlers.py:100> exception=ValueError('...')>"
  )
  logging.getLogger('asyncio').error(said)
  logging.getLogger('asyncio').error(
    'Future exception was never retrieved\nfuture: <Future finished exception='
    'ValueError(\'RESOURCE_EXHAUSTED: Error writing "params.w/0.0" in OCDBT '
    "database at local file ...')>"
  )
  logging.getLogger('asyncio').error('Task of somebody else')
  assert [r.getMessage() for r in caplog.records] == ['Task of somebody else']
