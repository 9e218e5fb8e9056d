"""Files in MNIST's format: real ones, and small ones with their own hashes."""

import gzip
import hashlib
import io
import struct

import numpy as np
import pytest
import shared
import tensorflow_datasets as tfds
from PIL import Image

from jaxvae import data
from jaxvae.data import files, prepared, writer
from jaxvae.data.builders import fashion_mnist, idx, mnist
from jaxvae.data.recipe import Options
from jaxvae.errors import IntegrityError, ResourceError, UserError

SIZES = (('train', 30), ('test', 10))
STEMS = {'train': 'train', 'test': 't10k'}


def _idx(array):
  # The format as Yann LeCun's page gives it: 0, 0, type 8, rank, sizes, bytes.
  header = bytes([0, 0, 8, array.ndim])
  return header + struct.pack(f'>{array.ndim}I', *array.shape) + array.tobytes()


@pytest.fixture
def small():
  """Arrays by split, files by name, and the recipe that expects them."""
  rng = np.random.default_rng(0)
  arrays, contents = {}, {}
  for split, size in SIZES:
    images = rng.integers(0, 256, (size, 28, 28), np.uint8)
    labels = rng.integers(0, 10, size).astype(np.uint8)
    arrays[split] = images, labels
    contents[f'{STEMS[split]}-images-idx3-ubyte'] = _idx(images)
    contents[f'{STEMS[split]}-labels-idx1-ubyte'] = _idx(labels)
  recipe = idx.recipe(
    idx.IdxSet(
      title='Small',
      label=data.Factor('digit', 10, 'points'),
      url='https://127.0.0.1:1/small',
      sha256={k: hashlib.sha256(v).hexdigest() for k, v in contents.items()},
      sizes=SIZES,
    ),
    about='forty images',
  )
  return arrays, contents, recipe


def _options(tmp_path, manual_dir=''):
  return Options('mnist', '', tmp_path / 'tfds', str(manual_dir), '', 0, 0)


def _expect(found, arrays):
  for split, (images, labels) in arrays.items():
    rows, factors = prepared.load(found, split)
    np.testing.assert_array_equal(rows.reshape(images.shape), images)
    np.testing.assert_array_equal(factors[:, 0], labels)


@pytest.mark.parametrize('gzipped', [True, False])
@pytest.mark.parametrize('dot', [True, False])
def test_files_in_manual_dir(tmp_path, small, gzipped, dot):
  arrays, contents, recipe = small
  for name, content in contents.items():
    name = name.replace('-idx', '.idx') if dot else name
    path = tmp_path / (f'{name}.gz' if gzipped else name)
    path.write_bytes(gzip.compress(content) if gzipped else content)
  _expect(writer.ensure(_options(tmp_path, tmp_path), recipe), arrays)


class _Stock(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  """Writes what TFDS's own mnist writes, without TensorFlow."""

  name = 'mnist'
  VERSION = tfds.core.Version('3.0.1')
  arrays = None

  def _info(self):
    return tfds.core.DatasetInfo(
      builder=self,
      features=tfds.features.FeaturesDict(
        {
          'image': tfds.features.Image(shape=(28, 28, 1)),
          'label': tfds.features.ClassLabel(num_classes=10),
        }
      ),
    )

  def _split_generators(self, dl_manager):
    return {
      name: self._generate_examples(*x) for name, x in self.arrays.items()
    }

  def _generate_examples(self, images, labels):
    for k, (image, label) in enumerate(zip(images, labels, strict=True)):
      png = io.BytesIO()
      Image.fromarray(image).save(png, 'png')
      yield k, {'image': png.getvalue(), 'label': int(label)}


def test_what_stock_tfds_prepared_is_put_back_in_order(tmp_path, small):
  arrays, _, recipe = small
  builder = _Stock(data_dir=tmp_path / 'tfds', file_format='array_record')
  builder.arrays = arrays
  builder.download_and_prepare()
  stored = [x['label'] for x in builder.as_data_source(split='train')]
  assert stored != arrays['train'][1].tolist()  # TFDS shuffles.
  _expect(writer.ensure(_options(tmp_path), recipe), arrays)


def test_other_versions_beside_it_are_passed_over(tmp_path, small):
  arrays, _, recipe = small
  builder = _Stock(data_dir=tmp_path / 'tfds', file_format='array_record')
  builder.arrays = arrays
  builder.download_and_prepare()
  contents = (
    *(b'', b'{"name"', b'[]', b'3', b'\xff', b'{}'),
    b'{"fileFormat": "tfrecord"}',
  )
  for number, content in enumerate(contents):
    path = tmp_path / f'tfds/mnist/9.0.{number}/dataset_info.json'
    path.parent.mkdir()
    path.write_bytes(content)
  _expect(writer.ensure(_options(tmp_path), recipe), arrays)


def test_what_stock_tfds_prepared_may_be_damaged(tmp_path, small):
  arrays, _, recipe = small
  builder = _Stock(data_dir=tmp_path / 'tfds', file_format='array_record')
  builder.arrays = arrays
  builder.download_and_prepare()
  (path,) = (tmp_path / 'tfds').glob('mnist/*/*-train.array_record*')
  path.write_bytes(path.read_bytes()[:1000])
  with pytest.raises(IntegrityError, match='what TFDS prepared here cannot'):
    writer.ensure(_options(tmp_path), recipe)


def test_other_data_prepared_by_stock_tfds_are_refused(tmp_path, small):
  arrays, _, recipe = small
  arrays['test'][0][3, 4, 5] ^= 1
  builder = _Stock(data_dir=tmp_path / 'tfds', file_format='array_record')
  builder.arrays = arrays
  builder.download_and_prepare()
  with pytest.raises(IntegrityError, match='t10k-images-idx3-ubyte has sha256'):
    writer.ensure(_options(tmp_path), recipe)


def test_a_changed_byte_is_refused(tmp_path, small):
  _, contents, recipe = small
  for name, content in contents.items():
    (tmp_path / name).write_bytes(content)
  name = 't10k-labels-idx1-ubyte'
  changed = contents[name][:-1] + bytes([contents[name][-1] ^ 1])
  (tmp_path / name).write_bytes(changed)
  with pytest.raises(IntegrityError) as raised:
    writer.ensure(_options(tmp_path, tmp_path), recipe)
  message = str(raised.value)
  assert name in message and '(18 bytes)' in message
  assert hashlib.sha256(changed).hexdigest() in message
  assert hashlib.sha256(contents[name]).hexdigest() in message


@pytest.mark.parametrize(
  ('content', 'hint'),
  [
    (b'<!DOCTYPE html><title>Sign in</title>', 'it is a web page'),
    (gzip.compress(b'something'), 'it is damaged or not the right file'),
    (gzip.compress(b'something')[:-9], 'it is damaged or not the right file'),
    (b'', 'it is damaged or not the right file'),
  ],
  ids=['a web page', 'not the file', 'cut short', 'empty'],
)
def test_anything_else_in_place_of_an_archive(tmp_path, small, content, hint):
  _, _, recipe = small
  (tmp_path / 'train-images-idx3-ubyte.gz').write_bytes(content)
  with pytest.raises(IntegrityError) as raised:
    writer.ensure(_options(tmp_path, tmp_path), recipe)
  assert raised.value.hint.startswith(hint)


@pytest.mark.parametrize('content', [b'', b'\0\0\x08', b'\0\0\x08\xff' * 9])
def test_what_is_no_idx_file(content):
  with pytest.raises(IntegrityError, match='not an idx file'):
    idx.parse(content)


def test_no_more_is_unpacked_than_expected(tmp_path):
  path = tmp_path / 'bomb.gz'
  path.write_bytes(gzip.compress(bytes(10_000_000)))
  want = hashlib.sha256(bytes(100)).hexdigest()
  # What was unpacked is what is hashed: one byte more than the file has.
  got = hashlib.sha256(bytes(101)).hexdigest()
  with pytest.raises(IntegrityError, match=f'sha256 is {got}'):
    files.read_checked(path, want, 100)


def test_missing_files_are_listed(tmp_path, config):
  with pytest.raises(UserError, match='train-images-idx3-ubyte'):
    data.ensure_prepared(config('mnist', manual_dir=str(tmp_path)))
  with pytest.raises(UserError, match='nowhere does not exist'):
    data.ensure_prepared(config('mnist', manual_dir=str(tmp_path / 'nowhere')))


@pytest.mark.parametrize(
  ('url', 'reason'),
  [
    ('http://127.0.0.1:1/x', 'not an https address'),
    ('file:///etc/hostname', 'not an https address'),
    ('https://127.0.0.1:1/x', 'refused'),
  ],
)
def test_downloads_that_cannot_be(tmp_path, url, reason):
  with pytest.raises(ResourceError, match=reason) as raised:
    files.download(url, tmp_path / 'x')
  assert 'data.manual_dir' in raised.value.hint
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('module', [mnist, fashion_mnist])
def test_the_shipped_addresses_are_https(module):
  assert module.SET.url.startswith('https://')
  assert set(module.SET.sha256) == {
    f'{stem}-{kind}-ubyte'
    for stem in ('train', 't10k')
    for kind in ('images-idx3', 'labels-idx1')
  }


@pytest.mark.parametrize(
  ('name', 'mean', 'first'),
  [
    # The means are the well-known ones, 0.1307 and 0.2860; the first labels are
    # those in the files' own order.
    ('mnist', 0.1307, [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]),
    ('fashion_mnist', 0.2860, [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]),
  ],
)
def test_all_of_the_real_files(config, name, mean, first):
  config = config(name, manual_dir=str(shared.path(name)))
  source = data.open_source(config, split='train', batch_size=64, seed=0)
  images, labels = source.examples(np.arange(60_000))
  assert images.shape == (60_000, 28, 28, 1)
  assert abs(images.mean(dtype=np.float64) - mean) < 1e-4
  assert labels[:10, 0].tolist() == first
  assert data.splits(config) == {'train': 60_000, 'test': 10_000}
