"""Where jobs run: a few at a time on this machine, under SLURM, or on Ray."""

import collections
import pathlib
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence

from jaxvae import spec
from jaxvae.study import jobs as jobs_lib
from jaxvae.study.jobs import Ended, Job, Run
from jaxvae.study.ray_cluster import ray
from jaxvae.study.slurm import slurm
from jaxvae.train import sharding
from jaxvae.train.signals import Stop

__all__ = ['BACKENDS', 'Ended', 'Job', 'Run', 'backend', 'local']


def backend(text: str) -> Run:
  """A back end from its text, such as `local(workers=2)` or `slurm(gpus=1)`.

  Args:
    text: a name in BACKENDS with that function's arguments.

  Returns:
    A function (jobs, home, stop) -> iterator of Ended, as `jobs.Run` says.

  Raises:
    UserError: there is no such back end, its arguments do not fit, or the
      package that it needs is not installed.
  """
  return spec.build_one(text, BACKENDS, 'back end')


def local(workers: int = 1, retries: int = 3) -> Run:
  """Processes on this machine; they save and stop if this one dies.

  Args:
    workers: how many jobs run at a time. From two on they share the cores:
      each gets its part by OMP_NUM_THREADS and NPROC, unless these are set.
    retries: how often a job is run again that was killed.

  Returns:
    The back end.

  Raises:
    ValueError: an argument is not a count.
  """
  jobs_lib.check_count('workers', workers, 1)
  jobs_lib.check_count('retries', retries, 0)
  threads = max(1, sharding.cores() // workers) if workers > 1 else 0

  def run(
    jobs: Sequence[Job], home: pathlib.Path, stop: Stop
  ) -> Iterator[Ended]:
    del home
    waiting = collections.deque((job, retries) for job in jobs)
    running: dict[subprocess.Popen, tuple[Job, int]] = {}
    asked = False
    try:
      while running or (waiting and not stop.requested):
        while waiting and len(running) < workers and not stop.requested:
          job, left = waiting.popleft()
          command = jobs_lib.to_command(job, threads)
          running[jobs_lib.start(command, signal.SIGTERM)] = job, left
        if stop.requested and not asked:
          asked = True  # Once: a second SIGTERM would end them on the spot.
          _terminate(running)
        for process in [p for p in running if p.poll() is not None]:
          job, left = running.pop(process)
          code = process.returncode
          if jobs_lib.killed(code) and left and not stop.requested:
            waiting.append((job, left - 1))
          else:
            yield Ended(job, code)
        time.sleep(jobs_lib.POLL_SECONDS)
    finally:
      if not asked:
        _terminate(running)
      for process in running:
        process.wait()

  return run


def _terminate(processes) -> None:
  for process in processes:
    process.terminate()


BACKENDS = {'local': local, 'ray': ray, 'slurm': slurm}
