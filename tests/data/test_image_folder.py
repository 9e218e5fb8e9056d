"""People's own images, and everything that can be wrong with them."""

import os

import h5py
import jax
import numpy as np
import pytest
from PIL import Image

from jaxvae import data
from jaxvae.errors import IntegrityError, UserError


@pytest.fixture
def root(tmp_path):
  """Grey 6 x 8 images of one value: 0 ... 4 in class a, 100 ... 104 in b."""
  for label, first in (('a', 0), ('b', 100)):
    (tmp_path / 'root' / label).mkdir(parents=True)
    for k in range(5):
      image = Image.new('L', (8, 6), first + k)
      image.save(tmp_path / 'root' / label / f'{k}.png')
  return tmp_path / 'root'


def _read(config, split='train'):
  source = data.open_source(config, split=split, batch_size=1, seed=0)
  return source.spec, *source.examples(np.arange(source.spec.size))


def _npz(tmp_path, **arrays):
  np.savez(tmp_path / 'x.npz', **arrays)
  return str(tmp_path / 'x.npz')


def test_folders_are_classes(config, root):
  spec, images, factors = _read(config('image_folder', path=str(root)))
  assert spec.title == 'root'
  assert spec.image_shape == (6, 8, 1)
  assert spec.factors == (data.Factor('class', 2, 'points', ('a', 'b')),)
  assert factors[:, 0].tolist() == 5 * [0] + 5 * [1]
  values = [0, 1, 2, 3, 4, 100, 101, 102, 103, 104]
  np.testing.assert_allclose(images[:, 0, 0, 0] * 255, values, rtol=1e-6)


def test_a_flat_folder_has_no_factors(config, root):
  spec, images, factors = _read(config('image_folder', path=str(root / 'a')))
  assert spec.factors == () and factors.shape == (5, 0)
  assert images.shape == (5, 6, 8, 1)


def test_folders_named_train_and_test_are_splits(config, root):
  (root / 'a').rename(root / 'train')
  (root / 'b').rename(root / 'test')
  config = config('image_folder', path=str(root))
  assert data.splits(config) == {'train': 5, 'test': 5}
  _, images, factors = _read(config, 'test')
  assert factors.shape == (5, 0)
  np.testing.assert_allclose(images[0] * 255, 100, rtol=1e-6)


@pytest.mark.parametrize(
  ('train', 'test'),
  [
    ('Train', 'Test'),
    ('training', 'val'),
    ('TRAIN', 'valid'),
    ('train', 'dev'),
  ],
)
def test_splits_have_more_names(config, root, train, test):
  (root / 'a').rename(root / train)
  (root / 'b').rename(root / test)
  split = 'test' if test == 'Test' else 'validation'
  prepared = data.ensure_prepared(config('image_folder', path=str(root)))
  assert {k: v.size for k, v in prepared.splits.items()} == {
    'train': 5,
    split: 5,
  }
  assert prepared.factors == () and prepared.notes == ()


@pytest.mark.parametrize(
  'names', [('train2017', 'val2017'), ('training_set', 'Test-set')]
)
def test_splits_by_other_names_are_no_classes(config, root, names):
  for old, new in zip('ab', names, strict=True):
    (root / old).rename(root / new)
  with pytest.raises(UserError, match='are these splits or classes') as raised:
    data.ensure_prepared(config('image_folder', path=str(root)))
  assert 'are called train, test and validation' in raised.value.hint
  # A train is a class, and so is a test of something.
  (root / names[1]).rename(root / 'testimony')
  spec, _, _ = _read(config('image_folder', path=str(root)))
  assert spec.factors[0].classes == tuple(sorted((names[0], 'testimony')))


def test_what_systems_leave_is_passed_over(config, root):
  wanted = _read(config('image_folder', path=str(root)))
  for name in ('.ipynb_checkpoints', '__MACOSX', '@eaDir', 'a/.thumbs', '.c'):
    (root / name).mkdir()
    (root / name / '0.png').write_bytes((root / 'a' / '0.png').read_bytes())
  for name in ('._0.png', 'a/._1.png', '.DS_Store', 'Thumbs.db', 'desktop.ini'):
    (root / name).write_bytes(b'not a picture')
  spec, images, factors = _read(config('image_folder', path=str(root)))
  assert spec.factors == wanted[0].factors
  np.testing.assert_array_equal(images, wanted[1])
  np.testing.assert_array_equal(factors, wanted[2])


def test_linked_class_folders_are_classes(config, root):
  (root / 'c').symlink_to('a')
  spec, images, factors = _read(config('image_folder', path=str(root)))
  assert spec.factors[0].classes == ('a', 'b', 'c')
  np.testing.assert_array_equal(images[factors[:, 0] == 2], images[:5])
  (root.parent / 'link').symlink_to(root)
  linked = config('image_folder', path=str(root.parent / 'link'))
  np.testing.assert_array_equal(_read(linked)[1], images)


def test_what_is_not_square_is_said_to_be_cut(config, root):
  Image.new('L', (8, 8)).save(root / 'a' / '0.png')
  small = config('image_folder', path=str(root), image_size=6)
  said = data.ensure_prepared(small).notes[0]
  assert said == '9 of 10 images are not square: the middle square is cut out'
  arrays = root.parent / 'oblong.npz'
  np.savez(arrays, images=np.full((4, 6, 8), 200, np.uint8))
  small = config('image_folder', path=str(arrays), image_size=6)
  said = 'the images are not square: the middle square is cut out'
  assert said in data.ensure_prepared(small).notes
  whole = config('image_folder', path=str(arrays))
  assert said not in data.ensure_prepared(whole).notes


@pytest.mark.parametrize('name', ['a/0.png', 'b/4.png'])
def test_one_image_in_colour_makes_all_colour(config, root, name):
  """Wherever its name stands among the others."""
  Image.new('RGB', (8, 6), (10, 20, 30)).save(root / name)
  prepared = data.ensure_prepared(config('image_folder', path=str(root)))
  assert prepared.image_shape == (6, 8, 3)
  assert prepared.notes[0].startswith('9 of 10 images are grey')
  _, images, _ = _read(config('image_folder', path=str(root)))
  at = 0 if name == 'a/0.png' else 9
  np.testing.assert_allclose(images[at, 0, 0] * 255, [10, 20, 30], rtol=1e-6)
  np.testing.assert_allclose(images[5, 0, 0] * 255, 3 * [100], rtol=1e-6)


def test_masks_of_0_and_1_become_black_and_white(config, root):
  mask = np.zeros((6, 8), np.uint8)
  mask[2:4] = 1
  for path in root.glob('*/*.png'):
    Image.fromarray(mask).save(path)
  config = config('image_folder', path=str(root))
  assert 'pixels are 0 and 1' in data.ensure_prepared(config).notes[0]
  np.testing.assert_array_equal(_read(config)[1][..., 0], [mask] * 10)
  Image.fromarray(2 * mask).save(root / 'b' / '4.png')
  np.testing.assert_allclose(_read(config)[1][9, 3] * 255, 2, rtol=1e-6)


def test_folders_with_names_of_other_encodings(config, root):
  name = 'für'.encode('latin-1')
  os.rename(root / 'a', os.fsencode(root) + b'/' + name)
  spec, _, _ = _read(config('image_folder', path=str(root)))
  assert spec.factors[0].classes == ('b', 'für')


def test_size_and_channels_can_be_set(config, root):
  spec, images, _ = _read(
    config('image_folder', path=str(root), image_size=4, channels=3)
  )
  assert spec.image_shape == (4, 4, 3)
  np.testing.assert_allclose(images[7] * 255, 102, rtol=1e-6)


def test_a_changed_folder_is_prepared_anew(config, root):
  config = config('image_folder', path=str(root))
  before, _, _ = _read(config)
  Image.new('L', (8, 6), 50).save(root / 'b' / '0.png')
  after, images, _ = _read(config)
  np.testing.assert_allclose(images[5] * 255, 50, rtol=1e-6)
  assert before.fingerprint != after.fingerprint


def _refused(config, path, message, error=UserError, **changes):
  with pytest.raises(error, match=message) as raised:
    data.ensure_prepared(config('image_folder', path=str(path), **changes))
  return raised.value


def test_folders_that_do_not_fit_are_refused(config, root, tmp_path):
  _refused(config, '', 'needs data.path')
  _refused(config, root / 'none', 'none does not exist')
  (tmp_path / 'empty').mkdir()
  _refused(config, tmp_path / 'empty', 'empty has 0 images')
  (tmp_path / 'x.csv').write_text('1,2')
  _refused(config, tmp_path / 'x.csv', r'neither a folder nor a file ending')
  _refused(config, root, 'data.channels=2; allowed: 0, 1, 3', channels=2)
  Image.new('L', (8, 6)).save(root / 'beside.png')
  _refused(config, root, r'others beside them, such as beside\.png')


def test_images_of_different_sizes_are_refused(config, root):
  Image.new('L', (8, 8)).save(root / 'b' / '9.png')
  error = _refused(config, root, r'9\.png has shape \(8, 8, 1\)')
  assert 'data.image_size' in error.hint
  spec, _, _ = _read(config('image_folder', path=str(root), image_size=6))
  assert spec.size == 11


def test_16_bits_are_scaled_and_more_are_refused(config, root):
  deep = np.full((6, 8), 40_000, np.uint16)
  Image.fromarray(deep).save(root / 'a' / '0.png')
  prepared = data.ensure_prepared(config('image_folder', path=str(root)))
  assert '1 of 10 images have 16 bits a pixel' in prepared.notes[0]
  _, images, _ = _read(config('image_folder', path=str(root)))
  # 40000 / 65535 of 255 is 155.6.
  np.testing.assert_allclose(images[0] * 255, 156, rtol=1e-6)
  Image.fromarray(deep.astype(np.float32)).save(root / 'a' / '0.tif')
  _refused(config, root, r'pixels of more than 16 bits \(mode F\)')


@pytest.mark.parametrize(
  'damage',
  [
    lambda content: content[: len(content) // 2],
    lambda content: b'',
    lambda content: b'<!doctype html><p>Not found',
    lambda content: content[:-20] + bytes([content[-20] ^ 1]) + content[-19:],
  ],
  ids=['truncated', 'empty', 'web page', 'flipped bit'],
)
def test_damaged_images_are_refused(config, root, damage):
  path = root / 'b' / '3.png'
  path.write_bytes(damage(path.read_bytes()))
  _refused(config, root, r'3\.png \(\d+ bytes\)', IntegrityError)


def test_links_out_of_the_folder_are_refused(config, root, tmp_path):
  Image.new('L', (8, 6)).save(tmp_path / 'private.png')
  os.symlink(tmp_path / 'private.png', root / 'a' / 'link.png')
  _refused(config, root, 'leads out of')


def test_an_npz_with_images_and_labels(config, tmp_path):
  rng = np.random.default_rng(0)
  images = rng.random((300, 5, 4, 3))
  labels = rng.integers(0, 4, 300)
  path = _npz(tmp_path, images=images, labels=labels)
  spec, found, factors = _read(config('image_folder', path=path))
  assert spec.factors == (data.Factor('label', 4, 'points'),)
  np.testing.assert_array_equal(factors[:, 0], labels)
  np.testing.assert_allclose(found, images, atol=0.5 / 255 + 1e-6)


def test_a_grid_is_recognised_and_keeps_its_names(config, tmp_path):
  factors = np.stack(np.unravel_index(np.arange(12), (3, 4)), axis=-1)
  arrays = {
    'images': np.arange(12, dtype=np.uint8).reshape(12, 1, 1),
    'factors': factors,
    'factor_names': np.array(['shape', 'angle']),
    'factor_topologies': np.array(['points', 'loop']),
  }
  path = _npz(tmp_path, **arrays)
  spec, images, found = _read(config('image_folder', path=path))
  assert spec.grid
  assert spec.factors == (
    data.Factor('shape', 3, 'points'),
    data.Factor('angle', 4, 'loop'),
  )
  np.testing.assert_array_equal(found, factors)
  np.testing.assert_allclose(images[:, 0, 0, 0] * 255, range(12), rtol=1e-6)
  order = np.arange(12)[::-1]
  arrays |= {'factors': factors[order], 'images': arrays['images'][order]}
  path = _npz(tmp_path, **arrays)
  spec, _, found = _read(config('image_folder', path=path))
  assert not spec.grid
  np.testing.assert_array_equal(found, factors[order])


def test_16_bits_and_channels_first_and_opacity(config, tmp_path):
  """Each means one thing, which a note says."""
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (9, 8, 6, 3), np.uint8)
  opaque = np.concatenate([images, np.full_like(images[..., :1], 255)], -1)
  for given, said in {
    'uint16': (images.astype(np.uint16) * 257, 'pixels have 16 bits'),
    'first': (np.moveaxis(images, -1, 1), '(9, 3, 8, 6) is read as 3 channels'),
    'opacity': (opaque, 'the fourth channel is opacity'),
  }.items():
    array, note = said
    np.savez(tmp_path / f'{given}.npz', images=array)
    here = config('image_folder', path=str(tmp_path / f'{given}.npz'))
    assert note in data.ensure_prepared(here).notes[0]
    np.testing.assert_allclose(_read(here)[1] * 255, images, atol=1e-4)


@pytest.mark.parametrize('dtype', ['u1', 'i1', '>u2', 'i4', 'i8', 'u8'])
def test_whole_numbers_0_and_1_are_black_and_white(config, tmp_path, dtype):
  images = np.random.default_rng(0).integers(0, 2, (9, 4, 5))
  path = _npz(tmp_path, images=images.astype(dtype), labels=np.arange(9))
  config = config('image_folder', path=path)
  assert data.ensure_prepared(config).notes[0] == (
    'pixels are whole numbers 0 and 1: 1 is stored as 255'
  )
  np.testing.assert_array_equal(_read(config)[1][..., 0], images)


def test_an_npy_file_is_its_images(config, tmp_path):
  images = np.random.default_rng(0).random((9, 4, 5)).astype(np.float32)
  np.save(tmp_path / 'x.npy', images)
  (tmp_path / 'x.npy').rename(tmp_path / 'x.NPY')
  spec, found, _ = _read(config('image_folder', path=str(tmp_path / 'x.NPY')))
  assert spec.factors == () and spec.title == 'x'
  np.testing.assert_allclose(found[..., 0], images, atol=0.5 / 255 + 1e-6)


def test_large_arrays_are_read_in_pieces(config, tmp_path):
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (1100, 128, 128), np.uint8)
  path = _npz(tmp_path, images=images, labels=np.arange(1100))
  _, found, factors = _read(config('image_folder', path=path))
  at = [0, 1023, 1024, 1099]
  np.testing.assert_allclose(found[at, ..., 0] * 255, images[at], atol=1e-4)
  assert factors[:, 0].tolist() == list(range(1100))


def test_what_may_be_meant_otherwise_is_said(config, tmp_path):
  dim = np.full((9, 4, 5), 15, np.uint8)
  path = _npz(tmp_path, images=dim)
  notes = data.ensure_prepared(config('image_folder', path=path)).notes
  assert notes[0].startswith('there is one split: scores are of images that')
  assert notes[1] == 'the brightest pixel of all is 15 of 255'


def test_names_in_latin_1(config, tmp_path):
  with h5py.File(tmp_path / 'x.h5', 'w') as file:
    file['images'] = IMAGES
    file['labels'] = np.arange(7) % 2
    file['class_names'] = np.array(
      ['für'.encode('latin-1'), 'après'.encode()], dtype='S8'
    )
  spec, _, _ = _read(config('image_folder', path=str(tmp_path / 'x.h5')))
  assert spec.factors[0].classes == ('für', 'après')


@pytest.mark.parametrize('sizes', [[4, 0], [4.0, 0.0], [4.0, np.nan]])
def test_sizes_may_be_left_out_of_some_factors(config, tmp_path, sizes):
  values = np.stack([np.arange(40) % 3, np.linspace(0, 1, 40)], axis=1)
  path = _npz(
    tmp_path,
    images=np.zeros((40, 4, 4), np.uint8),
    factors=values,
    factor_sizes=sizes,
  )
  spec, _, _ = _read(config('image_folder', path=path))
  kind, size = spec.factors
  assert kind.size == 4 and not kind.span
  assert size.span == (0.0, 1.0)


def test_an_array_file_names_its_classes(config, tmp_path):
  arrays = {
    'images': np.zeros((4, 2, 2), np.uint8),
    'labels': np.array([0, 2, 1, 0]),
    'class_names': np.array(['cat', 'dog', 'eel', 'fox']),
  }
  spec, _, _ = _read(config('image_folder', path=_npz(tmp_path, **arrays)))
  assert spec.factors == (
    data.Factor('label', 4, 'points', ('cat', 'dog', 'eel', 'fox')),
  )


def test_the_form_of_3d_shapes(config, tmp_path):
  # As its repository describes: images and, as labels, the factors' values.
  hues, yaws = np.linspace(0, 0.9, 3), np.linspace(-30, 30, 2)
  labels = np.array([(hue, yaw) for hue in hues for yaw in yaws])
  images = np.arange(6 * 48, dtype=np.uint16).astype(np.uint8)
  with h5py.File(tmp_path / '3dshapes.h5', 'w') as file:
    file['images'] = images.reshape(6, 4, 4, 3)
    file['labels'] = labels
  spec, found, factors = _read(
    config('image_folder', path=str(tmp_path / '3dshapes.h5'))
  )
  assert spec.grid and [factor.size for factor in spec.factors] == [3, 2]
  assert factors.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1]]
  np.testing.assert_allclose(found.ravel() * 255, images, atol=1e-4)


IMAGES = np.zeros((7, 4, 4), np.uint8)
BAD = np.zeros((7, 4, 4))
BAD[3, 1, 2] = 1


@pytest.mark.parametrize(
  ('arrays', 'hint'),
  [
    ({'imgs': IMAGES, 'y': IMAGES}, "numpy.savez(FILE, images=OLD['imgs'])"),
    ({'x': IMAGES}, "images=OLD['x'])"),
    ({'x_train': IMAGES, 'y_train': IMAGES}, 'images=ARRAY)'),
    ({'images': BAD * 255}, 'divide by the largest value'),
    ({'images': -BAD}, '(images + 1) / 2'),
    ({'images': IMAGES, 'labels': np.arange(7) - 1}, 'NaN where a label is'),
    ({'images': IMAGES, 'labels': list('abcabca')}, 'numpy.unique(labels'),
  ],
)
def test_a_hint_says_what_to_do(config, tmp_path, arrays, hint):
  path = _npz(tmp_path, **arrays)
  with pytest.raises(UserError) as raised:
    data.ensure_prepared(config('image_folder', path=path))
  assert hint in raised.value.hint


@pytest.mark.parametrize(
  ('arrays', 'message'),
  [
    ({'imgs': IMAGES}, 'no array named images; it has: imgs'),
    ({'images': IMAGES[0]}, r'images have shape \(4, 4\)'),
    ({'images': np.zeros((7, 4, 4, 2), 'u1')}, r'shape \(7, 4, 4, 2\)'),
    ({'images': IMAGES.astype(int)}, 'images have dtype int64'),
    ({'images': IMAGES[:0]}, 'shape .0, 4, 4.: 0 records'),
    ({'images': BAD * 255}, 'record 3 has a pixel of 255'),
    ({'images': -BAD}, 'record 3 has a pixel of -1'),
    ({'images': BAD * np.nan}, 'record 0 has a pixel that is not finite'),
    ({'images': IMAGES, 'labels': np.arange(6)}, '7 images but 6 labels'),
    (
      {'images': IMAGES, 'labels': np.array([0, 1, 2, 1, -1, 0, 0])},
      r'factor label of record 4 is -1, it must be in 0 \.\.\. 2',
    ),
    (
      {'images': IMAGES, 'labels': np.array([0, 1, 2, 1.5, 0, 0, 0])},
      'label has 4 different values on 7 images, which may be classes or',
    ),
    (
      {'images': IMAGES, 'labels': np.arange(7), 'factor_sizes': [6]},
      r'factor label of record 6 is 6, it must be in 0 \.\.\. 5',
    ),
    (
      {
        'images': IMAGES,
        'factors': np.zeros((7, 2), int),
        'factor_topologies': ['loop', 'ring'],
      },
      "factor1 has topology 'ring'; allowed: points, segment, loop",
    ),
    (
      {'images': IMAGES, 'labels': np.arange(7), 'factor_names': ['a', 'b']},
      '2 factor_names for 1 columns',
    ),
    (
      {
        'images': IMAGES,
        'labels': np.arange(7) % 3,
        'class_names': ['cat', 'cat', 'dog'],
      },
      'label has 3 classes and the names cat, cat, dog; each class needs',
    ),
    (
      {
        'images': IMAGES,
        'factors': np.zeros((7, 2), int),
        'class_names': ['cat'],
      },
      'class_names are of one factor, and there are 2',
    ),
  ],
)
def test_arrays_that_do_not_fit_are_refused(config, tmp_path, arrays, message):
  _refused(config, _npz(tmp_path, **arrays), message)


@pytest.mark.parametrize('name', ['images', 'labels'])
def test_pickles_are_refused_and_not_run(config, tmp_path, name):
  class Payload:
    def __reduce__(self):
      return os.mkdir, (str(tmp_path / 'was run'),)

  payload = np.array([Payload()] * 7, dtype=object)
  path = _npz(tmp_path, **({'images': IMAGES} | {name: payload}))
  _refused(config, path, f'{name} holds pickled Python objects')
  assert not (tmp_path / 'was run').exists()


@pytest.mark.parametrize('suffix', ['npz', 'h5'])
@pytest.mark.parametrize(
  ('damage', 'hint'),
  [
    (lambda content: b'<html>Sign in</html>', 'it is a web page'),
    (lambda content: content[: len(content) // 2], 'it is damaged'),
    (lambda content: b'', 'it is damaged'),
  ],
)
def test_damaged_array_files_are_refused(
  config, tmp_path, suffix, damage, hint
):
  path = tmp_path / f'x.{suffix}'
  if suffix == 'npz':
    np.savez(path, images=IMAGES)
  else:
    with h5py.File(path, 'w') as file:
      file['images'] = IMAGES
  path.write_bytes(damage(path.read_bytes()))
  error = _refused(config, path, rf'x\.{suffix} \(\d+ bytes\)', IntegrityError)
  assert error.hint.startswith(hint)


def test_a_flipped_bit_in_an_npz_is_found(config, tmp_path):
  path = tmp_path / 'x.npz'
  np.savez(path, images=np.full((4, 100, 100), 7, np.uint8))
  content = bytearray(path.read_bytes())
  content[30_000] ^= 1
  path.write_bytes(content)
  _refused(config, path, 'images cannot be read', IntegrityError)


@pytest.mark.parametrize('suffix', ['npz', 'h5'])
@pytest.mark.parametrize('placement', ['host', 'device', 'stream'])
def test_values_and_unknown_labels_arrive(config, tmp_path, suffix, placement):
  rng = np.random.default_rng(0)
  kind = rng.integers(0, 3, 60).astype(float)
  kind[7] = np.nan
  arrays = {
    'images': rng.integers(0, 256, (60, 2, 2)).astype(np.uint8),
    'factors': np.stack([kind, rng.uniform(-180, 180, 60)], axis=1),
    'factor_names': np.array(['kind', 'angle'], 'S'),
    'factor_periods': np.array([0.0, 360.0]),
  }
  path = tmp_path / f'x.{suffix}'
  if suffix == 'npz':
    np.savez(path, **arrays)
  else:
    with h5py.File(path, 'w') as file:
      for name, array in arrays.items():
        file[name] = array
  where = config('image_folder', path=str(path), placement=placement)
  source = data.open_source(where, split='train', batch_size=5, seed=0)
  assert not source.spec.grid
  assert [factor.about for factor in source.spec.factors] == [
    '3 (points), some unknown',
    '0 to 360 (loop)',
  ]
  truth = arrays['factors'] % [4, 360]
  at = np.array([7, 0, 59])
  for found in (source.factors(at), source.examples(at)[1]):
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, truth[at], rtol=1e-5)
  fetched = source.fetch(0, 1)
  one = jax.tree.map(lambda array: array[0], fetched)
  batch = source.decode(source.resident, one)
  # The images of a batch say which they are: their pixels are all different.
  pixels = np.rint(np.asarray(batch.image)[..., 0] * 255).astype(np.uint8)
  which = [(arrays['images'] == p).all((1, 2)).argmax() for p in pixels]
  np.testing.assert_allclose(batch.factors, truth[which], rtol=1e-5)
