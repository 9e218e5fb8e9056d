"""Two virtual devices (tests/conftest.py), and meshes that we have not got."""

import jax
import numpy as np
import pytest
from jax.sharding import AxisType

from jaxvae.errors import UserError
from jaxvae.train import sharding


class _Mesh:
  """All that a batch size is checked against: how many devices there are."""

  def __init__(self, count):
    self.devices = np.empty(count, object)


@pytest.mark.parametrize(
  ('batch_size', 'devices', 'nearest'),
  [
    (63, 2, '62, 64'),
    (64, 3, '63, 66'),
    (100, 8, '96, 104'),
    (7, 8, '8'),
    (1, 2, '2'),
  ],
)
def test_a_batch_that_cannot_be_shared(batch_size, devices, nearest):
  with pytest.raises(
    UserError,
    match=f'batch_size={batch_size} is not divisible by {devices} devices',
  ) as error:
    sharding.check_batch_size(batch_size, _Mesh(devices))
  assert error.value.hint == f'the nearest sizes that are: {nearest}'


@pytest.mark.parametrize(
  ('batch_size', 'devices'), [(64, 1), (64, 2), (64, 8), (63, 1), (8, 8)]
)
def test_a_batch_that_can_be(batch_size, devices):
  sharding.check_batch_size(batch_size, _Mesh(devices))


def test_the_mesh_is_all_devices_on_one_automatic_axis():
  mesh = sharding.devices_mesh()
  assert mesh.devices.shape == (jax.device_count(),) == (2,)
  assert mesh.axis_names == ('data',)
  assert mesh.axis_types == (AxisType.Auto,)
  with pytest.raises(UserError):
    sharding.check_batch_size(3, mesh)


FETCHED = {
  'image': np.arange(3 * 4 * 6).reshape(3, 4, 6),
  'factors': np.arange(3 * 4 * 2).reshape(3, 4, 2),
}


@pytest.mark.parametrize(
  ('members', 'shard', 'axis'),
  [(1, 'auto', 1), (1, 'run', 1), (4, 'auto', 1), (3, 'batch', 2)],
)
def test_what_the_devices_share(members, shard, axis):
  """A run its batch, an ensemble its members or each member's batch."""
  layout = sharding.layout(members, 2, shard, 'auto')
  placed = sharding.put_batches(FETCHED, layout)
  for name, whole in FETCHED.items():
    np.testing.assert_array_equal(placed[name], whole)
    parts = [np.asarray(s.data) for s in placed[name].addressable_shards]
    np.testing.assert_array_equal(np.concatenate(parts, axis=axis), whole)
    assert [part.shape[axis] for part in parts] == [whole.shape[axis] // 2] * 2
  copies = sharding.put(np.arange(6), layout.everywhere)
  assert [s.data.shape for s in copies.addressable_shards] == [(6,), (6,)]


def test_lanes_fill_the_devices():
  assert sharding.layout(1, 2, 'auto', 'auto').lanes == 0
  assert sharding.layout(3, 3, 'run', 'map').lanes == 4
  assert sharding.layout(4, 3, 'auto', 'map').lanes == 4
  assert sharding.layout(3, 4, 'batch', 'map').lanes == 3
  # Members that go to one device each need no batch that can be cut.
  with pytest.raises(UserError, match='not divisible by 2 devices'):
    sharding.layout(2, 3, 'batch', 'map')


def test_a_cpu_goes_through_its_lanes_one_after_another():
  assert not sharding.layout(2, 4, 'auto', 'auto').at_once
  assert sharding.layout(2, 4, 'auto', 'vmap').at_once
  assert not sharding.layout(2, 4, 'auto', 'map').at_once
