"""What hangs shows its stacks; what moves shows nothing."""

import time

from jaxvae.train import watchdog


def data_that_never_come():
  time.sleep(0.5)


def test_what_hangs_shows_where(tmp_path):
  with (tmp_path / 'stacks').open('w') as file, watchdog.watching(0.1, file):
    data_that_never_come()
  said = (tmp_path / 'stacks').read_text()
  assert 'most recent call first' in said
  assert 'data_that_never_come' in said


def test_what_moves_shows_nothing(tmp_path):
  with (tmp_path / 'stacks').open('w') as file:
    with watchdog.watching(5.0, file) as moved:
      until = time.monotonic() + 0.6
      while time.monotonic() < until:
        moved()
    time.sleep(0.1)
  assert (tmp_path / 'stacks').read_text() == ''
