"""What is wrong with a file, and what with the machine."""

import errno

import pytest

from jaxvae.data import files
from jaxvae.errors import IntegrityError, ResourceError, lacking


@pytest.mark.parametrize(
  ('error', 'reason'),
  [
    (PermissionError(errno.EACCES, 'x'), 'Permission denied'),
    (BlockingIOError(errno.EAGAIN, 'x'), 'Resource temporarily unavailable'),
    (OSError(errno.EMFILE, 'x'), 'Too many open files'),
    (OSError(errno.EIO, 'x'), 'Input/output error'),
    # As array_record, h5py and Python say it.
    (RuntimeError('open() failed: Permission denied; opening x'), 'Permission'),
    (OSError("unable to lock file, errno = 11, 'Resource temporarily "
             "unavailable'"), 'Resource temporarily unavailable'),
    (RuntimeError("can't start new thread"), 'Resource temporarily'),
    (MemoryError(), 'Cannot allocate memory'),
    (FileNotFoundError(errno.ENOENT, 'x'), ''),
    (IsADirectoryError(errno.EISDIR, 'x'), ''),
    (OSError('truncated file'), ''),
    (ValueError('Permission'), ''),
  ],
)  # fmt: skip
def test_what_the_system_did_not_grant(tmp_path, error, reason):
  found = lacking(error)
  assert found.startswith(reason) and bool(found) == bool(reason)
  (tmp_path / 'x').write_bytes(b'x')
  said = files.unreadable(tmp_path / 'x', 'no good', error)
  assert type(said) is (ResourceError if reason else IntegrityError)
  assert ('left as it is' in said.hint) == bool(reason)


def test_names_that_are_no_utf_8():
  assert files.text('café'.encode()) == 'café'
  assert files.text('café'.encode('latin-1')) == 'café'
