"""Standard streams that nobody takes: a line and a code, no trace of Python."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
PRINT = """
import sys
from jaxvae import errors
count, how = int(sys.argv[1]), sys.argv[2]
sys.exit(errors.exit_code(lambda: print('x' * count, flush=how == 'now')))
"""
CLOSED = """
import os, sys
from jaxvae import cli
def main(overrides):
  with open(os.devnull) as file:
    print('lost'), print('lost', file=sys.stderr), sys.stdin.read()
    return file.fileno()
sys.exit(cli.run(main, ['closed']))
"""


def shell(script, code, *arguments):
  """Runs `script`, in which "$@" is Python with the code."""
  argv = (sys.executable, '-c', code, *map(str, arguments))
  return subprocess.run(
    ['bash', '-c', script, 'bash', *argv],
    env=os.environ | {'PYTHONPATH': str(ROOT)},
    capture_output=True,
    text=True,
    timeout=60,
  )


@pytest.mark.parametrize(
  ('count', 'how'), [(9, 'later'), (9, 'now'), (100_000, '')]
)
@pytest.mark.parametrize(
  ('script', 'reason'),
  [
    ('"$@" > /dev/full', 'No space left on device'),
    ('"$@" | true; exit ${PIPESTATUS[0]}', 'Broken pipe'),
  ],
)
def test_output_that_nobody_takes(script, reason, count, how):
  if '/dev/full' in script and not pathlib.Path('/dev/full').exists():
    pytest.skip('/dev/full is of Linux')
  done = shell(script, PRINT, count, how)
  assert done.returncode == 5
  assert done.stderr == f'jaxvae: error: standard output: {reason}\n'


def test_nobody_takes_errors_either():
  done = shell('"$@" 2>&1 | true; exit ${PIPESTATUS[0]}', PRINT, 9, 'now')
  assert (done.returncode, done.stdout, done.stderr) == (5, '', '')


SAY = """
import sys
from jaxvae import errors
sys.exit(errors.exit_code(lambda: print('run\\udce9', '\\u732b')))
"""


@pytest.mark.parametrize(
  ('encoding', 'said'),
  [
    ('ascii', rb'run\udce9 \u732b'),
    ('utf-8', rb'run\udce9 ' + '\u732b'.encode()),
    ('utf-8:surrogateescape', b'run\xe9 ' + '\u732b'.encode()),
  ],
)
def test_what_a_stream_cannot_say_is_escaped(encoding, said):
  """Names of runs and of classes are whatever people call them."""
  done = subprocess.run(
    [sys.executable, '-c', SAY],
    env=os.environ | {'PYTHONPATH': str(ROOT), 'PYTHONIOENCODING': encoding},
    capture_output=True,
    timeout=60,
  )
  assert (done.returncode, done.stdout, done.stderr) == (0, said + b'\n', b'')


def test_streams_that_the_caller_closed():
  """Else the next file that is opened would be taken for one of them."""
  done = shell('"$@" <&- >&- 2>&-', CLOSED)
  assert done.returncode > 2
