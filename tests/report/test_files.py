import pytest

from jaxvae.errors import ResourceError
from jaxvae.report import files


def test_the_folder_is_made_and_nothing_else_is_left(tmp_path):
  files.write_text(tmp_path / 'figures' / 'a.md', 'β\n\n')
  assert [path.name for path in tmp_path.rglob('*.*')] == ['a.md']
  assert (tmp_path / 'figures' / 'a.md').read_bytes() == 'β\n'.encode()


def test_what_cannot_be_written_is_said_in_a_line(tmp_path):
  (tmp_path / 'a').write_text('a file, where a folder should be')
  with pytest.raises(ResourceError, match=r'cannot write .*a/b\.md: '):
    files.write_text(tmp_path / 'a' / 'b.md', 'text')


def test_a_failure_keeps_what_was_there(tmp_path):
  path = tmp_path / 'a.png'
  path.write_text('old')
  with pytest.raises(RuntimeError), files.replacing(path) as unfinished:
    unfinished.write_text('half of the n')
    assert path.read_text() == 'old'
    raise RuntimeError
  assert path.read_text() == 'old'
  assert list(tmp_path.iterdir()) == [path]
