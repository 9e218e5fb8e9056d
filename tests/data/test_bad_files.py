"""Some of the bad files of `make faults`: one line each, and its exit code."""

import pytest

from jaxvae.data import prepare
from tests.faults import bad_files, files


@pytest.mark.parametrize(
  'name',
  [
    'npz: images, int16 of 0 and -1',
    'npz: images, three channels or four',
    'npz: images, flat rows',
    'npz: imgs for images',
    'npz: labels, 2 ** 40',
    'npz: labels, 1e30',
    'npz: a size of 10 ** 9',
    'npz: a size in words',
    'npz: a name of two lines',
    'npz: 6 GB of zeros',
    'npz: a header of terabytes',
    'npy: a header of a length of gigabytes',
    'npy: half of the file',
    'h5: virtual to another file',
    'h5: nothing as images',
    'h5: terabytes never written',
    'png: a program in PostScript',
    'png: a header of 10,000 x 10,000',
    'folder: test among classes',
    'folder: a link to the folder above',
    'folder: a link to itself',
    'a pipe called x.npz',
    'a device',
    'idx: half of it',
  ],
)
def test_bad_files_are_refused_in_one_line(tmp_path, capsys, name):
  make, expected = bad_files.BAD[name]
  code = prepare.main(files.arguments(tmp_path, make(tmp_path)))
  assert files.wrong(code, capsys.readouterr().err, expected) is None
