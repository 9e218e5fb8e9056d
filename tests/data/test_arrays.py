"""Array files in pieces, and what their headers may not say."""

import h5py
import numpy as np
import pytest

from jaxvae.data import arrays
from jaxvae.errors import UserError

RNG = np.random.default_rng(0)
# Two pieces and a bit.
IMAGES = RNG.integers(0, 256, (550, 256, 257), np.uint8)


def _save(path, images):
  if path.suffix == '.npz':
    np.savez(path, images=images)
  elif path.suffix == '.npy':
    np.save(path, images)
  else:
    with h5py.File(path, 'w') as file:
      file.create_dataset('images', data=images, chunks=(90, 128, 257))


@pytest.mark.parametrize('name', ['x.npz', 'x.npy', 'x.h5'])
def test_pieces_are_the_whole(tmp_path, name):
  _save(tmp_path / name, IMAGES)
  found, names = arrays.opened(tmp_path / name, ('images', 'labels'))
  assert list(found) == names == ['images']
  pieces = list(found['images'].pieces())
  assert len(pieces) == 3
  np.testing.assert_array_equal(np.concatenate(pieces), IMAGES)
  assert max(piece.nbytes for piece in pieces) <= 8 * arrays.PIECE_BYTES


@pytest.mark.parametrize('order', ['C', 'F'])
@pytest.mark.parametrize('dtype', ['u1', '>u2', '<f4', '?', 'U3'])
def test_every_order_and_type(tmp_path, order, dtype):
  array = np.asarray(IMAGES[:5, :4, :3].astype(dtype), order=order)
  np.savez(tmp_path / 'x.npz', a=array, b=array.T, c=array[:0])
  found, _ = arrays.opened(tmp_path / 'x.npz', ('a', 'b', 'c'))
  for name, want in {'a': array, 'b': array.T, 'c': array[:0]}.items():
    got = arrays.whole(found[name], name)
    assert got.dtype == want.dtype.newbyteorder('=')
    np.testing.assert_array_equal(got, want)


def test_other_files_are_not_opened(tmp_path):
  """Not even those that an array nobody asked for leads to."""
  with h5py.File(tmp_path / 'x.h5', 'w') as file:
    file['images'] = IMAGES[:3, :4, :4]
    file['more'] = h5py.ExternalLink('nowhere.h5', '/x')
  found, names = arrays.opened(tmp_path / 'x.h5', ('images',))
  assert list(found) == ['images'] and names == ['images', 'more']
  with pytest.raises(UserError, match='more is a link, which may lead to'):
    arrays.opened(tmp_path / 'x.h5', ('more',))


def test_small_arrays_are_small(tmp_path):
  with open(tmp_path / 'x.npy', 'wb') as file:
    np.lib.format.write_array_header_1_0(
      file, {'descr': '|u1', 'fortran_order': False, 'shape': (1 << 30,)}
    )
    file.truncate(file.tell() + (1 << 30))  # holes: nothing is on the disk
  found, _ = arrays.opened(tmp_path / 'x.npy', ('labels',))
  with pytest.raises(UserError, match='labels has 1,073,741,824 bytes; allo'):
    arrays.whole(found['labels'], 'labels')
