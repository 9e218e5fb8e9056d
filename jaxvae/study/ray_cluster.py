"""Jobs as tasks of Ray, on a cluster or on a private one on this machine."""

import contextlib
import os
import pathlib
import secrets
import signal
import tempfile
import threading
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from jaxvae.errors import UserError
from jaxvae.study import jobs as jobs_lib
from jaxvae.study.jobs import Command, Ended, Job, Run
from jaxvae.train.signals import Stop

_LOOPBACK = ('127.', 'localhost', '[::1]')
_STORE_BYTES = 80 * 2**20  # Ray's least: exit codes are all that is stored.
_PATIENCE_SECONDS = 60.0


def ray(
  address: str = '', cpus: int = 1, gpus: float = 0, retries: int = 3
) -> Run:
  """Tasks of Ray; what a dead worker or node ran is run by another one.

  On a cluster the working directory has to be on a file system that the nodes
  share, and jaxvae installed on each.

  Args:
    address: of a running cluster, or 'auto' for the one that Ray finds; ''
      starts one on this machine, with everything on the loopback interface.
    cpus: that Ray keeps for each job, and the threads that a job uses.
    gpus: that Ray keeps for each job and shows it; it may be a part of one.
    retries: how often a job is run again that was killed.

  Returns:
    The back end.

  Raises:
    ValueError: an argument is of the wrong kind.
    UserError: Ray is not installed.
  """
  jobs_lib.check_count('cpus', cpus, 1)
  jobs_lib.check_count('retries', retries, 0)
  if type(gpus) not in (int, float) or not 0 <= gpus < float('inf'):
    raise ValueError(f'gpus is {gpus!r}; allowed: numbers from 0')
  if not isinstance(address, str):
    raise ValueError(f'address is {address!r}; allowed: a text')
  jobs_lib.check_installed('ray', 'ray')

  def run(
    jobs: Sequence[Job], home: pathlib.Path, stop: Stop
  ) -> Iterator[Ended]:
    del home  # Its path may be too long for Ray's sockets.
    if stop.requested:
      return
    with _connected(address, cpus, gpus) as library:
      task = library.remote(num_cpus=cpus, num_gpus=gpus, max_retries=retries)(
        _call
      )
      running = {}

      def submit(job: Job, left: int) -> None:
        reference = task.remote(jobs_lib.to_command(job, cpus))
        running[reference] = job, left

      asked = False
      try:
        for job in jobs:
          submit(job, retries)
        while running:
          if stop.requested and not asked:
            asked = True
            _cancel(library, running)
          done, _ = library.wait(list(running), timeout=jobs_lib.POLL_SECONDS)
          for reference in done:
            job, left = running.pop(reference)
            code = _code(library, reference, job)
            if code is None:  # Cancelled before it started.
              continue
            if jobs_lib.killed(code) and left and not stop.requested:
              submit(job, left - 1)
            else:
              yield Ended(job, code)
      finally:
        if running:
          if not asked:
            _cancel(library, running)
          references = list(running)
          library.wait(
            references,
            num_returns=len(references),
            timeout=_PATIENCE_SECONDS,
          )

  return run


def _call(command: Command) -> int:
  return command()


def _cancel(library: Any, references: Any) -> None:
  for reference in references:
    library.cancel(reference)


def _code(library: Any, reference: Any, job: Job) -> int | None:
  """The exit code, None for what never started, LOST where a worker is gone."""
  try:
    return library.get(reference)
  except library.exceptions.TaskCancelledError:
    return None
  except library.exceptions.RayError as error:
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open('a') as log:
      print(error, file=log)
    return jobs_lib.LOST


@contextlib.contextmanager
def _connected(address: str, cpus: int, gpus: float) -> Iterator[Any]:
  """The ray package, connected; a cluster that was started here ends after."""
  settle_environment(address)
  with contextlib.ExitStack() as stack:
    options = {} if address else _private(stack)
    with _own_handlers():
      import ray as library

      stack.callback(library.shutdown)
      try:
        with warnings.catch_warnings():
          # JAX warns of forks; Ray's become other programs at once.
          warnings.filterwarnings('ignore', r'os\.fork\(\)', RuntimeWarning)
          library.init(
            address or 'local',
            log_to_driver=False,
            logging_level='warning',
            **options,
          )
      except (OSError, RuntimeError, ValueError) as error:
        said = ' '.join(str(error).split())
        raise UserError(
          f'no Ray at {address or "this machine"!r}: {said}',
          hint="'ray start --head' starts a cluster; ray() needs none",
        ) from error
    if not address:
      _check_room(library.cluster_resources(), cpus, gpus)
    yield library


def _private(stack: contextlib.ExitStack) -> dict[str, Any]:
  """The options of a cluster that nobody else can see or reach."""
  # Ray's own place for sockets and logs is open to all users of the machine.
  directory = tempfile.TemporaryDirectory(
    prefix='ray-', ignore_cleanup_errors=True
  )
  return {
    'include_dashboard': False,
    'object_store_memory': _STORE_BYTES,
    '_node_ip_address': '127.0.0.1',
    '_temp_dir': stack.enter_context(directory),
  }


def _check_room(there: dict[str, float], cpus: int, gpus: float) -> None:
  # Ray would wait for ever for a node that is large enough.
  for name, wanted in (('CPU', cpus), ('GPU', gpus)):
    if wanted > there.get(name, 0):
      raise UserError(
        f'a job wants {wanted} {name}; this machine has {there.get(name, 0):g}'
      )


def settle_environment(address: str) -> None:
  """What Ray reads when it is imported; what the user has set stands."""
  wanted = {
    'RAY_USAGE_STATS_ENABLED': '0',
    # Ray hides no GPU from a job that asked for none, and says nothing of it.
    'RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO': '0',
  }
  if not address or address.startswith(_LOOPBACK):
    # Away from Linux Ray uses loopback alone if it is no cluster; on Linux it
    # takes 127.0.0.1 for a mistake and listens on all interfaces, if not told.
    wanted['RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER'] = '0'
  if not address and 'RAY_AUTH_MODE' not in os.environ:
    # As Ray does by itself, but it leaves the token in a file for all to read.
    wanted['RAY_AUTH_MODE'] = 'token'
    wanted['RAY_AUTH_TOKEN'] = secrets.token_hex(32)
  for name, value in wanted.items():
    os.environ.setdefault(name, value)


@contextlib.contextmanager
def _own_handlers() -> Iterator[None]:
  """Puts SIGTERM back, which `ray.init` takes: it would end the driver."""
  before = signal.getsignal(signal.SIGTERM)
  yield
  if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGTERM, before)
