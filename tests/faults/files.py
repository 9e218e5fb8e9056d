"""Bad files: each is refused in one line with the right exit code.

None may take 10 seconds or 2 GB. Each file is tried in a fork of this process,
with a limit on its memory; what cannot be refused in time is killed.
"""

import contextlib
import os
import pathlib
import resource
import shutil
import signal
import tempfile
import time
import traceback
from collections.abc import Callable

from jaxvae.data import prepare
from tests.faults import bad_files

SECONDS = 600
FILE_SECONDS = 10
FILE_BYTES = 2 << 30


def arguments(place: pathlib.Path, options: dict) -> list[str]:
  """The command line of `jaxvae.data.prepare` for one bad file."""
  name = options.get('name', 'image_folder')
  flags = {key: value for key, value in options.items() if key != 'name'}
  flags['data_dir'] = place / 'data'
  return [name, *(f'--{key}={value}' for key, value in flags.items())]


def wrong(code: int | None, said: str, expected: int) -> str | None:
  """What is wrong with how the command ended, None if nothing is."""
  lines = [line for line in said.splitlines() if not line.startswith('prepar')]
  if 'Traceback' in said:
    return f'a traceback: {lines[-1]}'
  if code != expected:
    return f'exit code {code}, not {expected}: {lines[-2:]}'
  if not lines or not lines[0].startswith('jaxvae: error: '):
    return f'no word of an error: {lines}'
  if len(lines) > 2 or (len(lines) == 2 and not lines[1].startswith('hint: ')):
    return f'{len(lines)} lines: {lines}'
  return None


def tried(
  place: pathlib.Path, name: str, before: Callable[[], None] | None = None
) -> str | None:
  """Prepares one bad file in a fork; says what went wrong, if anything."""
  make, expected = bad_files.BAD[name]
  place.mkdir()
  return run(place, arguments(place, make(place)), expected, before)


def run(
  place: pathlib.Path,
  argv: list[str],
  expected: int,
  before: Callable[[], None] | None = None,
) -> str | None:
  """Runs the command in a fork, after `before` was called there."""
  begun = time.monotonic()
  child = os.fork()
  if not child:
    _child(place / 'said', argv, before)
  _, status, used = os.wait4(child, 0)
  seconds = time.monotonic() - begun
  said = (place / 'said').read_text()
  if os.WIFSIGNALED(status):
    return f'killed by signal {os.WTERMSIG(status)} after {seconds:.1f} s'
  if used.ru_maxrss << 10 > FILE_BYTES:
    return f'{used.ru_maxrss >> 10:,} MiB of memory'
  return wrong(os.waitstatus_to_exitcode(status), said, expected)


def _child(said: pathlib.Path, argv: list[str], before) -> None:
  """Does not come back."""
  code = 1
  signal.alarm(FILE_SECONDS)
  with said.open('w') as file, contextlib.redirect_stderr(file):
    try:
      text = pathlib.Path('/proc/self/statm').read_text()
      now = int(text.split()[0]) * resource.getpagesize()
      limit = now + FILE_BYTES
      resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
      if before is not None:
        before()
      code = prepare.main(argv)
    except BaseException:
      traceback.print_exc(file=file)
  os._exit(code)


def _bad(place: pathlib.Path) -> str | None:
  begun = time.monotonic()
  failed = []
  for number, name in enumerate(bad_files.BAD):
    if what := tried(place / str(number), name):
      failed.append(f'{name}: {what}')
  for line in failed:
    print(line)
  count, seconds = len(bad_files.BAD), time.monotonic() - begun
  print(f'{len(failed)} of {count} bad files mishandled, {seconds:.0f} s')
  return f'{len(failed)} of {count}: {failed[0]}' if failed else None


def _nobody() -> None:
  """Root may read everything, so it is somebody else who tries."""
  if not os.geteuid():
    os.setgroups([])
    os.setegid(65534)
    os.seteuid(65534)


def _denied(place: pathlib.Path) -> str | None:
  """What may not be read or written is no damage, and stays."""
  del place  # which others might not enter
  place = pathlib.Path(tempfile.mkdtemp())
  place.chmod(0o755)
  try:
    for name, options, closed in _closed(place):
      (place / name).mkdir()
      (place / name).chmod(0o755 if name == 'data_dir' else 0o777)
      argv = arguments(place / name, options)
      closed.chmod(0)
      what = run(place / name, argv, bad_files.RESOURCE, _nobody)
      text = (place / name / 'said').read_text()
      if not what and ('delete' in text or 'damaged' in text):
        what = f'it is called damaged: {text}'
      if what or not closed.exists():
        return f'{name}: {what or "it is gone"}'
  finally:
    shutil.rmtree(place)
  return None


def _closed(place: pathlib.Path):
  """Names, options, and the path that is closed to everybody."""
  for name in ('x.npz', 'x.npy', 'x.h5', f'{bad_files.IDX}.gz'):
    (place / name).write_bytes(bytes(1000))
    options = {'path': place / name}
    if name.endswith('.gz'):
      options = {'name': 'mnist', 'manual_dir': place}
    yield name.rpartition('.')[2], options, place / name
  for name, closed in (
    ('picture', 'root/cat/a.png'),
    ('class', 'root/cat'),
    ('folder', 'root'),
  ):
    (place / f'of {name}').mkdir()
    options = bad_files.folder(place / f'of {name}')
    yield name, options, place / f'of {name}' / closed
  # Nobody may make a directory for the data of this one.
  yield 'data_dir', bad_files.folder(place), place / 'x.npz'


CASES = {
  'bad files are refused in one line': _bad,
  'files without permission are not called damaged': _denied,
}
