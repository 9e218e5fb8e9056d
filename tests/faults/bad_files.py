"""Some 250 files and folders that are no images, made from a seed.

`BAD` maps what is wrong to a function and the exit code that is right. The
function gets a fresh directory and returns options of `jaxvae.data.prepare`.
"""

import functools
import gzip
import io
import os
import pathlib
import pickle
import random
import socket
import struct
import zlib
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
from PIL import Image

from tests.faults.raw import eps, npy_header, zip_of

USER, DAMAGED, RESOURCE = 2, 4, 5
IMAGES = np.arange(7 * 16, dtype=np.uint8).reshape(7, 4, 4)
LABELS = np.arange(7) % 3
HTML = b'<!DOCTYPE html><html><title>Sign in</title></html>' * 40

Make = Callable[[pathlib.Path], dict[str, Any]]
BAD: dict[str, tuple[Make, int]] = {}


def _bad(name: str, code: int, make: Callable, /, *arguments, **named) -> None:
  assert name not in BAD, name
  BAD[name] = lambda place: make(place, *arguments, **named), code


# Arrays.


def _npz(place, **arrays):
  np.savez(place / 'x.npz', **arrays)
  return {'path': place / 'x.npz'}


def _npy(place, array):
  np.save(place / 'x.npy', array)
  return {'path': place / 'x.npy'}


def _h5(place, fill):
  with h5py.File(place / 'x.h5', 'w') as file:
    fill(file)
  return {'path': place / 'x.h5'}


def _pieces_of_numpy():
  return np.array([{'a': 1}] * 7, dtype=object)


def _floats(value):
  images = np.full((7, 4, 4), 0.5)
  images[3, 1, 2] = value
  return images


_IMAGES = {
  'one image': IMAGES[0],
  'a line of pixels': IMAGES.ravel(),
  'flat rows': IMAGES.reshape(7, 16),
  'five axes': IMAGES[None, None],
  'a single value': np.uint8(3),
  'no records': IMAGES[:0],
  'no rows of pixels': IMAGES[:, :0],
  'two channels': np.zeros((7, 4, 4, 2), np.uint8),
  'two channels first': np.zeros((7, 2, 8, 8), np.uint8),
  'five channels': np.zeros((7, 8, 8, 5), np.uint8),
  'three channels or four': np.zeros((7, 3, 8, 4), np.uint8),
  'int64': IMAGES.astype(np.int64),
  'int32 below 0': IMAGES.astype(np.int32) - 1,
  'int16 of 0 and -1': -(IMAGES.astype(np.int16) % 2),
  'int8': (IMAGES % 128).astype(np.int8),
  'uint32': IMAGES.astype(np.uint32),
  'uint64 beyond int64': IMAGES.astype(np.uint64) + 2**63,
  'complex': IMAGES.astype(complex),
  'text': IMAGES.astype('U3'),
  'bytes': IMAGES.astype('S3'),
  'dates': IMAGES.astype('M8[s]'),
  'durations': IMAGES.astype('m8[s]'),
  'records': np.zeros((7, 4, 4), [('r', 'u1'), ('g', 'u1')]),
  'raw bytes': np.zeros((7, 4, 4), 'V2'),
  'floats to 255': IMAGES.astype(np.float32),
  'floats below 0': _floats(-1e-3),
  'half floats above 1': _floats(1.001).astype(np.float16),
  'a NaN': _floats(np.nan),
  'infinity': _floats(np.inf),
  'minus infinity': _floats(-np.inf),
}
for _name, _array in _IMAGES.items():
  _bad(f'npz: images, {_name}', USER, _npz, images=_array, labels=LABELS)
for _name in ('one image', 'a single value', 'int64', 'text', 'a NaN'):
  _bad(f'npy: {_name}', USER, _npy, _IMAGES[_name])
for _name in ('one image', 'complex', 'five channels', 'a NaN', 'no records'):
  _bad(
    f'h5: images, {_name}',
    USER,
    _h5,
    functools.partial(h5py.File.__setitem__, name='images', obj=_IMAGES[_name]),
  )
for _name in ('imgs', 'x', 'data', 'arr_0', 'image', 'Images'):
  _bad(f'npz: {_name} for images', USER, _npz, **{_name: IMAGES})
_bad('npz: no array', USER, _npz)
_bad('npz: images are pickled', USER, _npz, images=_pieces_of_numpy())
_bad('npy: a pickle in it', USER, _npy, _pieces_of_numpy())

_LABELS = {
  'too few': LABELS[:6],
  'three axes': LABELS.reshape(7, 1, 1),
  'no columns': np.zeros((7, 0), int),
  '2000 columns': np.zeros((7, 2000), int),
  'a single value': np.int64(1),
  'text': np.array(list('abcabca')),
  'complex': LABELS.astype(complex),
  'dates': LABELS.astype('M8[D]'),
  'pickled': _pieces_of_numpy(),
  'below 0': LABELS - 1,
  '2 ** 40': LABELS + 2**40,
  '2 ** 63': LABELS.astype(np.uint64) + 2**63,
  'infinity': np.where(LABELS == 1, np.inf, LABELS),
  '1e30': LABELS * 1e30,
  'a mask of minus ones': np.where(LABELS == 1, -1, LABELS),
}
# What floats may be beside classes is the business of factors, not of files.
for _name, _array in _LABELS.items():
  _bad(f'npz: labels, {_name}', USER, _npz, images=IMAGES, labels=_array)

_ABOUT = {
  'a size of 10 ** 9': {'factor_sizes': [10**9]},
  'a size of 2 ** 80': {'factor_sizes': np.array([2.0**80])},
  'a size below 0': {'factor_sizes': [-3]},
  'a size too small': {'factor_sizes': [2]},
  'a size in words': {'factor_sizes': ['three']},
  'a size and a half': {'factor_sizes': [3.5]},
  'sizes for two': {'factor_sizes': [3, 3]},
  'sizes in a square': {'factor_sizes': [[3]]},
  'a size without a list': {'factor_sizes': 3},
  'an unknown topology': {'factor_topologies': ['ring']},
  'a number for a topology': {'factor_topologies': [1]},
  'an empty name': {'factor_names': [' ']},
  'a name of two lines': {'factor_names': ['a\nb']},
  'names for two': {'factor_names': ['a', 'b']},
  'pickled names': {'factor_names': np.array(['a'], dtype=object)},
  'one name twice': {
    'labels': np.stack([LABELS, LABELS], 1),
    'factor_names': ['a', 'a'],
  },
  'a class without a name': {'class_names': ['a', 'b']},
  'two classes of one name': {'class_names': ['a', 'b', 'b']},
  'a class of odd signs': {'class_names': ['a', 'b', '\x1b[31m']},
  'names of classes of two factors': {
    'labels': np.stack([LABELS, LABELS], 1),
    'class_names': ['a', 'b', 'c'],
  },
}
for _name, _arrays in _ABOUT.items():
  _arrays = {'images': IMAGES, 'labels': LABELS} | _arrays
  _bad(f'npz: {_name}', USER, _npz, **_arrays)


# Files of arrays that are not what they should be.


def _written(name, content):
  def make(place):
    (place / name).write_bytes(content() if callable(content) else content)
    return {'path': place / name}

  return make


def _changed(make, change):
  """A good file whose bytes were changed."""

  def changed(place):
    options = make(place)
    path = options['path']
    path.write_bytes(change(path.read_bytes()))
    return options

  return changed


def _flipped(content, seed, low=0.0, high=1.0):
  content = bytearray(content)
  at = random.Random(seed).randrange(
    int(low * len(content)), int(high * len(content))
  )
  content[at] ^= 1 << seed % 8
  return bytes(content)


def _cut(share):
  return lambda content: content[: int(share * len(content))]


NOISE = np.random.default_rng(0).integers(0, 256, (40, 16, 16), np.uint8)
_GOOD = {
  'npz': functools.partial(_npz, images=NOISE),
  'npy': functools.partial(_npy, array=NOISE),
  'h5': functools.partial(
    _h5, fill=lambda f: f.create_dataset('images', data=NOISE, fletcher32=True)
  ),
}
for _kind, _make in _GOOD.items():
  for _share, _part in {'little': 0.01, 'half': 0.5, 'most': 0.99}.items():
    _name = f'{_kind}: {_share} of the file'
    _bad(_name, DAMAGED, _changed(_make, _cut(_part)))
  for _name, _content in {
    'empty': b'',
    'a web page': HTML,
    'zeros': bytes(5000),
    'lines of text': b'1,2,3\n' * 500,
    'gzipped': gzip.compress(NOISE.tobytes()),
    'a pickle': pickle.dumps([1, 2, 3]),
  }.items():
    _bad(f'{_kind}: {_name}', DAMAGED, _written(f'x.{_kind}', _content))
for _seed in range(4):
  _change = functools.partial(_flipped, seed=_seed, low=0.1, high=0.9)
  _bad(f'npz: bit {_seed} flipped', DAMAGED, _changed(_GOOD['npz'], _change))
  _change = functools.partial(_flipped, seed=_seed, low=0.5, high=0.9)
  _bad(f'h5: bit {_seed} flipped', DAMAGED, _changed(_GOOD['h5'], _change))

_HEADERS = {
  'terabytes': (npy_header((10**9, 64, 64)), DAMAGED),
  'more than any number': (npy_header((2**62, 2**62, 4)), DAMAGED),
  'fewer than none': (npy_header((-7, 4, 4)), DAMAGED),
  'two images more': (npy_header((9, 4, 4)), DAMAGED),
  'two images fewer': (npy_header((5, 4, 4)), DAMAGED),
  'a shape of words': (npy_header(('a', 4, 4)), DAMAGED),
  'an unknown type': (npy_header((7, 4, 4), 'q9'), DAMAGED),
  'code': (
    npy_header((7, 4, 4)).replace(b'False', b'f(1) '),
    DAMAGED,
  ),
  'version 9': (b'\x93NUMPY\x09\x00' + npy_header((7, 4, 4))[8:], DAMAGED),
  'a length of gigabytes': (
    b'\x93NUMPY\x02\x00' + struct.pack('<I', 2**32 - 1) + b' ' * 9999,
    DAMAGED,
  ),
}
for _name, (_header, _code) in _HEADERS.items():
  _content = _header + IMAGES.tobytes()
  _bad(f'npy: a header of {_name}', _code, _written('x.npy', _content))
  _content = functools.partial(zip_of, 'images.npy', _content)
  _bad(f'npz: a header of {_name}', _code, _written('x.npz', _content))
_GIGABYTES = npy_header((6 << 18, 64, 64))
_bad(
  'npz: 6 GB of zeros',
  USER,
  _written('x.npz', lambda: zip_of('images.npy', _GIGABYTES, zeros=6 << 30)),
)
_bad(
  'npz: 6 TB of zeros',
  USER,
  _written(
    'x.npz',
    lambda: zip_of(
      'images.npy', npy_header((6 << 28, 64, 64)), zeros=6 << 40, whole=False
    ),
  ),
)
_bad(
  'npz: encrypted',
  DAMAGED,
  _changed(
    _GOOD['npz'],
    lambda c: c.replace(b'PK\1\2\x2d\3\x2d\0\0', b'PK\1\2\x2d\3\x2d\0\1'),
  ),
)
_bad(
  'npz: packed in an unknown way',
  DAMAGED,
  _written('x.npz', lambda: zip_of('images.npy', bytes(400), method=97)),
)


def _sparse(place, shape, fortran=False):
  header = npy_header(shape, fortran=fortran)
  with open(place / 'x.npy', 'wb') as file:
    file.write(header)
    file.truncate(len(header) + int(np.prod(shape)))
  return {'path': place / 'x.npy'}


_bad(
  'npy: 1 GB in Fortran order',
  USER,
  _sparse,
  shape=(1 << 18, 64, 64),
  fortran=True,
)
_bad('npy: an image of 1 GB', USER, _sparse, shape=(2, 1 << 15, 1 << 14))


# HDF5 that leads elsewhere, or is of a kind that is no array.


def _other(place):
  with h5py.File(place / 'other.h5', 'w') as file:
    file['images'] = IMAGES
  return str(place / 'other.h5')


def _h5_elsewhere(place, fill):
  other = _other(place)
  return _h5(place, lambda file: fill(file, other))


def _external(file, other):
  file.create_dataset(
    'images', (7, 4, 4), 'u1', external=[(other, 0, h5py.h5f.UNLIMITED)]
  )


def _virtual(file, other):
  layout = h5py.VirtualLayout(shape=(7, 4, 4), dtype='u1')
  layout[:] = h5py.VirtualSource(other, 'images', shape=(7, 4, 4))
  file.create_virtual_dataset('images', layout)


def _link(file, other):
  file['images'] = h5py.ExternalLink(other, '/images')


def _soft(file, other):
  file['there'] = h5py.ExternalLink(other, '/')
  file['images'] = h5py.SoftLink('/there/images')


for _fill in (_external, _virtual, _link, _soft):
  _name = _fill.__name__.lstrip('_')
  _bad(f'h5: {_name} to another file', USER, _h5_elsewhere, fill=_fill)


def _label_link(file, other):
  file['images'] = IMAGES
  file['labels'] = h5py.ExternalLink(other, '/images')


def _references(file):
  file['images'] = np.array([file.ref] * 7, dtype=h5py.ref_dtype)


def _lists(file):
  kind = h5py.vlen_dtype(np.uint8)
  file.create_dataset('images', (7,), kind)[0] = [1, 2]


_H5 = {
  'images are a group': lambda f: f.create_group('images'),
  'nothing': lambda f: None,
  'imgs for images': lambda f: f.create_dataset('imgs', data=IMAGES),
  'a single value': lambda f: f.create_dataset('images', data=3),
  'nothing as images': lambda f: f.create_dataset(
    'images', data=h5py.Empty('u1')
  ),
  'references': _references,
  'lists': _lists,
  'records': lambda f: f.create_dataset('images', data=_IMAGES['records']),
  'raw bytes': lambda f: f.create_dataset('images', data=_IMAGES['raw bytes']),
  'terabytes never written': lambda f: f.create_dataset(
    'images', (10**9, 64, 64), 'u1', chunks=(64, 64, 64)
  ),
  'chunks of a gigabyte': lambda f: f.create_dataset(
    'images', (10, 64, 64), 'u1', chunks=(1 << 18, 64, 64),
    maxshape=(None, 64, 64),
  ),
  'labels that are nothing': lambda f: (
    f.create_dataset('images', data=IMAGES),
    f.create_dataset('labels', data=h5py.Empty('i8')),
  ),
  'labels of one value': lambda f: (
    f.create_dataset('images', data=IMAGES),
    f.create_dataset('labels', data=1),
  ),
  'labels in words': lambda f: (
    f.create_dataset('images', data=IMAGES),
    f.create_dataset('labels', data=[b'caf\xe9'] * 7),
  ),
}  # fmt: skip
for _name, _fill in _H5.items():
  _bad(f'h5: {_name}', USER, _h5, fill=_fill)
_bad('h5: labels in another file', USER, _h5_elsewhere, fill=_label_link)


# Pictures.


def _picture(kind, image=None):
  image = image or Image.fromarray(NOISE[0]).resize((64, 64))
  content = io.BytesIO()
  image.save(content, kind)
  return content.getvalue()


def _folder(place, **contents):
  for name, content in contents.items():
    path = place / 'root' / name.replace('__', '/').replace('_', '.')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content() if callable(content) else content)
  return {'path': place / 'root'}


_PNG = _picture('PNG')
for _kind in ('png', 'jpeg', 'gif', 'bmp', 'tiff', 'webp'):
  _content = _picture(_kind.upper())
  _named = {f'a_{_kind}': _cut(0.5)(_content), 'b_png': _PNG}
  _bad(f'{_kind}: half of it', DAMAGED, _folder, **_named)
for _name, _content in {
  'empty': b'',
  'a web page': HTML,
  'text': b'no picture',
  'its signature alone': _PNG[:8],
  'its header alone': _PNG[:33],
  'an archive': lambda: zip_of('a', b'b'),
  'a drawing': b'<svg xmlns="http://www.w3.org/2000/svg"/>',
  'a program in PostScript': eps(),
  'a PDF': b'%PDF-1.7\n%%EOF',
  'noise after the signature': _PNG[:8] + NOISE[0].tobytes(),
}.items():
  _bad(f'png: {_name}', DAMAGED, _folder, a_png=_content, b_png=_PNG)
for _seed in range(4):
  _content = _flipped(_PNG, _seed, 0.1, 0.9)
  _bad(f'png: bit {_seed} flipped', DAMAGED, _folder, a_png=_content)


def _huge_png(side):
  size = struct.pack('>IIBBBBB', side, side, 8, 0, 0, 0, 0)
  chunk = b'IHDR' + size
  checked = chunk + struct.pack('>I', zlib.crc32(chunk))
  return _PNG[:12] + checked[:0] + checked + _PNG[33:]


_bad(
  'png: a header of 100,000 x 100,000', USER, _folder, a_png=_huge_png(10**5)
)
_bad('png: a header of 10,000 x 10,000', USER, _folder, a_png=_huge_png(10**4))
_bad('png: no size', DAMAGED, _folder, a_png=_huge_png(0))
_bad(
  'tiff: floats', USER, _folder,
  a_tif=lambda: _picture('TIFF', Image.new('F', (8, 8), 0.5)),
)  # fmt: skip
_bad(
  'tiff: 32 bits', USER, _folder,
  a_tif=lambda: _picture('TIFF', Image.new('I', (8, 8), 70_000)),
)  # fmt: skip
_bad(
  'png: another size', USER, _folder,
  a_png=_PNG, b_png=lambda: _picture('PNG', Image.new('L', (8, 9))),
)  # fmt: skip
_bad('a size of 10 ** 6', USER, lambda place: {
  **_folder(place, a_png=_PNG), 'image_size': 10**6,
})  # fmt: skip
_bad('a size below 0', USER, lambda place: {
  **_folder(place, a_png=_PNG), 'image_size': -1,
})  # fmt: skip
_bad('two channels', USER, lambda place: {
  **_folder(place, a_png=_PNG), 'channels': 2,
})  # fmt: skip


def folder(place):
  """A good folder of one class, cat, which has a.png."""
  return _folder(place, cat__a_png=_PNG)


# Folders.


def _linked(place, link, target, **contents):
  options = _folder(place, **contents)
  path = place / 'root' / link
  path.parent.mkdir(parents=True, exist_ok=True)
  (place / 'out').mkdir()
  (place / 'out' / 'x.png').write_bytes(_PNG)
  path.symlink_to(target)
  return options


_FOLDERS = {
  'no images': {'a_txt': b'x', 'b_npy': b'y'},
  'hidden images alone': {'_a__x_png': _PNG, '__MACOSX__x_png': _PNG},
  'classes and images beside them': {'cat__x_png': _PNG, 'y_png': _PNG},
  'test alone': {'test__x_png': _PNG},
  'splits and classes': {'train__x_png': _PNG, 'cat__x_png': _PNG},
  'test among classes': {'Test__x_png': _PNG, 'cat__x_png': _PNG},
  'one split twice': {
    'train__x_png': _PNG, 'val__x_png': _PNG, 'valid__x_png': _PNG,
  },
  'images beside splits': {'train__x_png': _PNG, 'y_png': _PNG},
  'classes in one split': {'train__cat__x_png': _PNG, 'test__x_png': _PNG},
  'an empty split': {'train__x_png': _PNG, 'test__x_txt': b''},
}  # fmt: skip
for _name, _contents in _FOLDERS.items():
  _bad(f'folder: {_name}', USER, _folder, **_contents)
_LINKS = {
  'out of it': ('cat/b.png', '../../out/x.png'),
  'to a folder out of it': ('cat', '../out'),
  'to nothing': ('cat/b.png', 'nothing.png'),
  'to itself': ('cat/b.png', 'b.png'),
  'to the folder above': ('cat/up', '..'),
}
for _name, (_where, _target) in _LINKS.items():
  _bad(
    f'folder: a link {_name}', USER, _linked, _where, _target, dog__a_png=_PNG
  )


def _pipe(place, name):
  os.mkfifo(place / name)
  return {'path': place / name}


def _pipe_among(place, name, **contents):
  options = _folder(place, **contents)
  os.mkfifo(options['path'] / name)
  return options


def _socket(place):
  here = os.getcwd()
  os.chdir(place)  # The name of a socket may have a hundred letters.
  with socket.socket(socket.AF_UNIX) as opened:
    opened.bind('x.h5')
  os.chdir(here)
  return {'path': place / 'x.h5'}


def _path(text):
  return lambda place: {'path': text(place) if callable(text) else text}


def _made(name):
  def make(place):
    (place / name).mkdir()
    return {'path': place / name}

  return make


for _name in ('x.npz', 'x.npy', 'x.h5', 'x'):
  _bad(f'a pipe called {_name}', USER, _pipe, _name)
_bad('a pipe among pictures', USER, _pipe_among, 'b.png', a_png=_PNG)
_bad('a socket', USER, _socket)
_bad('a device', USER, _path('/dev/zero'))
_bad('a folder called x.npz', USER, _made('x.npz'))
_bad('an empty folder', USER, _made('empty'))
_bad('no path', USER, _path(''))
_bad('nothing there', USER, _path(lambda place: place / 'none'))
_bad('below a file', USER, lambda place: {
  'path': _written('a.npz', b'')(place)['path'] / 'b'
})  # fmt: skip
_bad('a name too long', USER, _path('x' * 5000))
_bad('a name with a zero', USER, _path('a\0b.npz'))
for _name in ('x.csv', 'x.zip', 'x.tar.gz', 'x', 'x.png', 'x.pt'):
  _bad(f'a file called {_name}', USER, _written(_name, b'1,2\n'))


def _loop(place):
  (place / 'a.npz').symlink_to('b.npz')
  (place / 'b.npz').symlink_to('a.npz')
  return {'path': place / 'a.npz'}


_bad('links in a circle', USER, _loop)


# The files of MNIST.

IDX = 'train-images-idx3-ubyte'


def _idx(place, content, name=f'{IDX}.gz'):
  (place / name).write_bytes(content() if callable(content) else content)
  return {'name': 'mnist', 'manual_dir': place}


_NOTHING = struct.pack('>HBB3I', 0, 8, 3, 60_000, 28, 28)
for _name, _content in {
  'empty': b'',
  'a web page': HTML,
  'another archive': lambda: zip_of('a', b'b'),
  'another file in it': gzip.compress(b'something else'),
  'half of it': _cut(0.5)(gzip.compress(NOISE.tobytes())),
  'a gigabyte of zeros': lambda: gzip.compress(bytes(1 << 20)) * 1024,
  'a bit flipped': _flipped(gzip.compress(NOISE.tobytes()), 3, 0.2, 0.8),
}.items():
  _bad(f'idx: {_name}', DAMAGED, _idx, content=_content)
_bad(
  'idx: zeros', DAMAGED, _idx, content=_NOTHING + bytes(47_040_000), name=IDX
)
_bad('idx: a header', DAMAGED, _idx, content=_NOTHING, name=IDX)
_bad('idx: not there', USER, lambda place: {
  'name': 'mnist', 'manual_dir': place
})  # fmt: skip
_bad('idx: a pipe', USER, lambda place: {
  'name': 'mnist', 'manual_dir': _pipe(place, f'{IDX}.gz')['path'].parent
})  # fmt: skip
