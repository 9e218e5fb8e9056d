"""Jobs under SLURM, as a job array, through submitit."""

import contextlib
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from jaxvae.errors import UserError
from jaxvae.study import jobs as jobs_lib
from jaxvae.study.jobs import Command, Ended, Job, Run
from jaxvae.train.signals import Stop

# How often SLURM's time limit may end a job, which then goes on where it was:
# a long training under a short limit is not an error.
_TIME_LIMITS = 100
_ASK_AGAIN_SECONDS = 30.0
_CLUSTERS = ('local', 'slurm')


class Shipped(NamedTuple):
  """What submitit pickles and calls on the node: text, and nothing else."""

  command: Command

  def __call__(self) -> int:
    """Runs the command to its end; returns its exit code."""
    return self.command()

  def checkpoint(self) -> Any:
    """Submitit asks for this when time is up: saves, to be called again."""
    import submitit.helpers

    jobs_lib.finish()
    return submitit.helpers.DelayedSubmission(self)


class _Submitted(NamedTuple):
  handle: Any  # submitit's Job
  job: Job
  left: int


def slurm(
  partition: str = '',
  timeout_min: int = 60,
  cpus: int = 1,
  gpus: int = 0,
  mem_gb: int = 0,
  array: int = 16,
  cluster: str = 'slurm',
  retries: int = 3,
) -> Run:
  """A job array; what is preempted or out of time is queued again.

  The working directory has to be on a file system that the nodes share.
  What is not an argument here, such as the account, sbatch takes from the
  environment: SBATCH_ACCOUNT, SBATCH_QOS, SBATCH_CONSTRAINT. Jobs that a node
  took with it are noticed by sacct, which therefore has to work.

  Args:
    partition: '' for the default one.
    timeout_min: minutes after which a job has to save and queue again.
    cpus: per job.
    gpus: per job.
    mem_gb: per job; 0 for what the cluster gives.
    array: how many jobs run at a time.
    cluster: 'slurm', or 'local' for submitit's processes on this machine.
    retries: how often a job is submitted again that was killed.

  Returns:
    The back end.

  Raises:
    ValueError: an argument is of the wrong kind.
    UserError: submitit is not installed.
  """
  for name, value, least in (
    ('timeout_min', timeout_min, 1),
    ('cpus', cpus, 1),
    ('gpus', gpus, 0),
    ('mem_gb', mem_gb, 0),
    ('array', array, 1),
    ('retries', retries, 0),
  ):
    jobs_lib.check_count(name, value, least)
  if not isinstance(partition, str):
    raise ValueError(f'partition is {partition!r}; allowed: a text')
  if cluster not in _CLUSTERS:
    raise ValueError(f'cluster is {cluster!r}; allowed: {", ".join(_CLUSTERS)}')
  jobs_lib.check_installed('submitit', 'slurm')
  parameters = {
    'name': 'jaxvae',
    'timeout_min': timeout_min,
    'cpus_per_task': cpus,
    'gpus_per_node': gpus or None,
    'mem_gb': mem_gb or None,
    'slurm_partition': partition or None,
    'slurm_array_parallelism': array,
    # Since SLURM 22.05 srun does not take it from sbatch.
    'slurm_srun_args': [f'--cpus-per-task={cpus}'],
  }

  def run(
    jobs: Sequence[Job], home: pathlib.Path, stop: Stop
  ) -> Iterator[Ended]:
    executor = _executor(home / 'slurm', cluster, parameters)
    # SLURM counts itself how many run at a time.
    room = len(jobs) if cluster == 'slurm' else array
    waiting = [(job, retries) for job in jobs]
    running: list[_Submitted] = []
    ask_at = 0.0
    try:
      while running or (waiting and not stop.requested):
        if not stop.requested:
          free = room - len(running)
          running += _submit(executor, waiting[:free])
          waiting = waiting[free:]
        elif time.monotonic() >= ask_at:
          # Again, since a signal that comes while a job starts is lost.
          ask_at = time.monotonic() + _ASK_AGAIN_SECONDS
          running = _ask_to_stop(running, cluster)
        for one in [r for r in running if r.handle.done()]:
          running.remove(one)
          if stop.requested and not _has_started(one):
            continue
          code = _code(one)
          if jobs_lib.killed(code) and one.left and not stop.requested:
            # SLURM may have queued it again by itself: not both.
            one.handle.cancel(check=False)
            waiting.append((one.job, one.left - 1))
          else:
            yield Ended(one.job, code)
        time.sleep(jobs_lib.POLL_SECONDS)
    finally:
      _ask_to_stop(running, cluster)

  return run


def _executor(
  folder: pathlib.Path, cluster: str, parameters: dict[str, Any]
) -> Any:
  import submitit

  limits = {f'{cluster}_max_num_timeout': _TIME_LIMITS}
  try:
    executor = submitit.AutoExecutor(folder, cluster, **limits)
  except RuntimeError as error:
    raise UserError(
      f'SLURM is not on this machine: {error}',
      hint='start the study on a login node of the cluster',
    ) from error
  executor.update_parameters(**parameters)
  return executor


def _submit(
  executor: Any, pairs: Sequence[tuple[Job, int]]
) -> list[_Submitted]:
  if not pairs:
    return []
  from submitit.core.utils import FailedJobError, FailedSubmissionError

  shipped = [Shipped(jobs_lib.to_command(job)) for job, _ in pairs]
  try:
    handles = executor.submit_array(shipped)
  except (FailedJobError, FailedSubmissionError) as error:
    said = ' '.join(str(error).split())
    raise UserError(f'sbatch refused the jobs: {said}') from error
  return [_Submitted(h, *pair) for h, pair in zip(handles, pairs, strict=True)]


def _has_started(one: _Submitted) -> bool:
  return one.handle.paths.stdout.exists()


def _code(one: _Submitted) -> int:
  """The exit code of the command, or LOST where the node told none."""
  error = one.handle.exception()
  if error is None:
    return one.handle.result()
  one.job.log.parent.mkdir(parents=True, exist_ok=True)
  with one.job.log.open('a') as log:
    print(error, file=log)
  return jobs_lib.LOST


def _ask_to_stop(
  running: Sequence[_Submitted], cluster: str
) -> list[_Submitted]:
  """Drops what is still in the queue, and asks the rest to save and stop."""
  if cluster == 'local':
    for one in running:
      with contextlib.suppress(ProcessLookupError):
        os.kill(int(one.handle.job_id), signal.SIGTERM)
    return list(running)
  started = [one for one in running if _has_started(one)]
  _scancel([one.handle.job_id for one in running if one not in started])
  # With --signal there is no SIGKILL half a minute later: saving takes time.
  # Where SLURM signals the training too, USR1 and our TERM count as one.
  _scancel([one.handle.job_id for one in started], '--signal=USR1')
  return started


def _scancel(names: Sequence[str], *how: str) -> None:
  if names:
    subprocess.run(['scancel', '--quiet', *how, *names], check=False)
