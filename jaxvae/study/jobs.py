"""Jobs, and how one process runs the command of one job, on any machine.

A job's command skips what is finished and goes on with what is not, so that to
run it again is right after any kind of death.
"""

import contextlib
import importlib.util
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from jaxvae.errors import UserError
from jaxvae.train.signals import Stop

POLL_SECONDS = 0.1
LOST = -signal.SIGKILL  # The code where nobody is left to tell one.
_CHILD = pathlib.Path(__file__).with_name('child.py')
_THREADS = ('OMP_NUM_THREADS', 'NPROC')  # XLA's thread pool reads NPROC.


class Job(NamedTuple):
  """One command that a back end runs until it ends by itself.

  Attributes:
    name: for logs and listings of queues.
    command: its argv, run in the working directory of the study.
    log: its standard output and error are appended here.
  """

  name: str
  command: tuple[str, ...]
  log: pathlib.Path


class Ended(NamedTuple):
  """How a job ended.

  Attributes:
    job: which.
    code: the exit code; negative: killed by that signal.
  """

  job: Job
  code: int


# (jobs, the directory for the back end's own files, stop) -> each job as it
# ends, in any order. When `stop.requested` is set, what runs gets SIGTERM and
# its end is still told; what has not started is dropped in silence.
Run = Callable[[Sequence[Job], pathlib.Path, Stop], Iterator[Ended]]


def killed(code: int) -> bool:
  """Whether something outside ended the job, so that it may be run again."""
  return code < 0 or code == 128 + signal.SIGTERM


class Command(NamedTuple):
  """A job as text, to be sent to another machine and called there.

  Attributes:
    argv: what to run.
    cwd: where.
    log: the file to which its output is appended, absolute.
    threads: how many threads it may use, unless the user has said; '' for all.
  """

  argv: tuple[str, ...]
  cwd: str
  log: str
  threads: str = ''

  def __call__(self) -> int:
    """Runs it to its end; SIGTERM, SIGINT and SIGUSR1 become its SIGTERM.

    The command is killed if this process is: whoever runs the job again does
    so at once, and must not find its directory busy.

    Returns:
      The exit code; negative: killed by that signal.
    """
    asked = []
    with _handling(lambda *_: asked.append(True)):
      process = start(self, signal.SIGKILL)
      _RUNNING[process.pid] = False
      while process.poll() is None:
        if asked:
          _ask(process.pid)
        time.sleep(POLL_SECONDS)
      del _RUNNING[process.pid]
    return process.returncode


# The process id of each command that is called, and whether it was asked to
# stop: it is asked once, since a second SIGTERM ends a training on the spot.
_RUNNING: dict[int, bool] = {}


def finish() -> None:
  """Asks the commands that are being called to stop, and waits for their end.

  For signal handlers: it takes no lock and leaves the exit code to the caller.
  """
  for pid in tuple(_RUNNING):
    _ask(pid)
    with contextlib.suppress(ChildProcessError):
      os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def _ask(pid: int) -> None:
  if not _RUNNING[pid]:
    _RUNNING[pid] = True
    with contextlib.suppress(ProcessLookupError):
      os.kill(pid, signal.SIGTERM)


@contextlib.contextmanager
def _handling(handler: Callable[..., None]) -> Iterator[None]:
  # Ray cancels a task by SIGINT; submitit ends one by SIGTERM and SIGINT.
  with contextlib.ExitStack() as stack:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
      stack.callback(signal.signal, number, signal.signal(number, handler))
    yield


def to_command(job: Job, threads: int = 0) -> Command:
  """The job as text; `threads` 0 sets no limit."""
  log = str(job.log.absolute())
  return Command(job.command, os.getcwd(), log, str(threads or ''))


def start(command: Command, farewell: signal.Signals) -> subprocess.Popen:
  """Starts a command in a session of its own, away from Ctrl-C.

  Args:
    command: what to run. One that is not there ends with code 127.
    farewell: the signal that it gets when this process dies, or on Linux the
      thread that calls this.

  Returns:
    The process.
  """
  log = pathlib.Path(command.log)
  log.parent.mkdir(parents=True, exist_ok=True)
  limits = dict.fromkeys(_THREADS, command.threads) if command.threads else {}
  # -I -S: the user's environment is for the command, not for what starts it.
  watched = [sys.executable, '-I', '-S', str(_CHILD)]
  with log.open('ab') as stream:
    return subprocess.Popen(
      [*watched, str(os.getpid()), str(int(farewell)), *command.argv],
      stdin=subprocess.DEVNULL,
      stdout=stream,
      stderr=subprocess.STDOUT,
      cwd=command.cwd,
      env=limits | os.environ,
      start_new_session=True,
    )


def check_count(name: str, value: Any, least: int) -> None:
  """Refuses what is not a whole number of at least `least`.

  Raises:
    ValueError: says the name, what was given and what is allowed.
  """
  if type(value) is not int or value < least:
    raise ValueError(
      f'{name} is {value!r}; allowed: whole numbers from {least}'
    )


def check_installed(package: str, extra: str) -> None:
  """Refuses a back end whose package is missing, before anything is started.

  Raises:
    UserError: with the extra that brings the package.
  """
  if importlib.util.find_spec(package) is None:
    raise UserError(
      f'the {extra} back end needs {package}',
      hint=f"pip install 'jaxvae[{extra}]'",
    )
