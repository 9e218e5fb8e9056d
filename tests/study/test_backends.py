"""Jobs on real back ends: how they end, are killed, run again, and stop."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter

import pytest

from jaxvae.errors import UserError
from jaxvae.study import backends, ray_cluster
from jaxvae.study.backends import Job
from jaxvae.train.signals import Stop

LINUX = pytest.mark.skipif(
  sys.platform != 'linux', reason='only Linux has PR_SET_PDEATHSIG and /proc'
)
LOCAL = 'local(workers=2)'
SLURM = 'slurm(cluster="local", array=2)'
RAY = 'ray()'
PATIENCE = 40.0

# Like a training: locked while it runs, skips what is done, saves on SIGTERM.
WORK = """
import fcntl, os, pathlib, signal, sys, time

record = pathlib.Path(sys.argv[1])
done = record.read_text().split() if record.exists() else []
file = record.open('a')
try:
  fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
  sys.exit(5)

def note(*words):
  print(*words, file=file, flush=True)

def stop(number, frame):
  note('stopped')
  sys.exit(143)

signal.signal(signal.SIGTERM, stop)
print('hello', flush=True)
note(f'pid={os.getpid()}')
if 'finished' not in done:
  for step in range(int(sys.argv[2])):
    if f'step={step}' not in done:
      time.sleep(0.05)
      note(f'step={step}')
  note('finished')
"""


@pytest.fixture(params=[LOCAL, SLURM, RAY])
def text(request):
  need(request.param)
  return request.param


def need(text):
  """Skips without the package; Ray reads its environment on import."""
  if text == SLURM:
    pytest.importorskip('submitit', reason='the slurm extra')
  if text == RAY:
    ray_cluster.settle_environment('')
    pytest.importorskip('ray', reason='the ray extra')


def python(home, name, code, *arguments) -> Job:
  argv = (sys.executable, '-c', code, *map(str, arguments))
  return Job(name, argv, home / 'logs' / f'{name}.txt')


def work(home, name, steps) -> Job:
  return python(home, name, WORK, home / name, steps)


def record(job: Job) -> list[str]:
  path = pathlib.Path(job.command[3])
  return path.read_text().split() if path.exists() else []


def pids(job: Job) -> list[int]:
  return [int(w[4:]) for w in record(job) if w.startswith('pid=')]


def wait_for(what) -> None:
  end = time.monotonic() + PATIENCE
  while not what():
    assert time.monotonic() < end, 'waited in vain'
    time.sleep(0.02)


@contextlib.contextmanager
def meanwhile(action):
  """`action()` on a thread, whose failure fails the test."""
  errors = []

  def safely():
    try:
      action()
    except BaseException as error:
      errors.append(error)
      raise

  thread = threading.Thread(target=safely)
  thread.start()
  yield
  thread.join()
  assert not errors


def run(text, jobs, home, stop=None) -> dict[str, int]:
  ended = list(backends.backend(text)(jobs, home, stop or Stop()))
  assert len({e.job.name for e in ended}) == len(ended)  # each ends once
  return {e.job.name: e.code for e in ended}


def assert_done_once(job: Job, steps: int) -> None:
  words = [w for w in record(job) if not w.startswith('pid=')]
  assert Counter(words) == Counter(
    ['finished', *(f'step={s}' for s in range(steps))]
  )


def test_codes_come_through_and_output_is_in_the_log(text, tmp_path):
  jobs = [
    work(tmp_path, 'good', 3),
    python(tmp_path, 'two', 'import sys; print("no"); sys.exit(2)'),
    python(tmp_path, 'three', 'raise SystemExit(3)'),
    Job('missing', ('no-such-command', '--x'), tmp_path / 'logs' / 'm.txt'),
  ]
  jobs[1].log.parent.mkdir()
  jobs[1].log.write_text('before\n')
  codes = run(text, jobs, tmp_path)
  assert codes == {'good': 0, 'two': 2, 'three': 3, 'missing': 127}
  assert_done_once(jobs[0], 3)
  assert jobs[0].log.read_text() == 'hello\n'
  assert jobs[1].log.read_text() == 'before\nno\n'
  said = jobs[3].log.read_text()
  assert said == 'no-such-command: No such file or directory\n'


def test_a_killed_job_is_run_again_and_loses_nothing(text, tmp_path):
  jobs = [work(tmp_path, 'one', 20), work(tmp_path, 'two', 20)]

  def kill():
    wait_for(lambda: 'step=3' in record(jobs[0]))
    os.kill(pids(jobs[0])[0], signal.SIGKILL)

  with meanwhile(kill):
    assert run(text, jobs, tmp_path) == {'one': 0, 'two': 0}
  assert (len(pids(jobs[0])), len(pids(jobs[1]))) == (2, 1)
  for job in jobs:
    assert_done_once(job, 20)


def test_stop_ends_what_runs_and_starts_nothing_else(text, tmp_path):
  # Ray runs one for each core, the others two.
  jobs = [work(tmp_path, f'job-{n}', 400) for n in range(8 + os.cpu_count())]
  first = jobs[:1] if text == RAY else jobs[:2]
  stop = Stop()

  def ask():
    wait_for(lambda: all('step=1' in record(job) for job in first))
    stop.requested = signal.SIGTERM

  with meanwhile(ask):
    codes = run(text, jobs, tmp_path, stop)
  started = [job for job in jobs if record(job)]
  assert {job.name for job in started} <= set(codes)
  assert len(codes) < len(jobs)
  assert 143 in codes.values()
  assert set(codes.values()) <= {143, -signal.SIGTERM}  # -: before its handler
  for job in started:
    assert record(job).count('stopped') == (codes[job.name] == 143)
    assert 'finished' not in record(job)


def test_nothing_starts_after_a_stop(text, tmp_path):
  stop = Stop()
  stop.requested = signal.SIGINT
  jobs = [work(tmp_path, 'never', 1)]
  assert run(text, jobs, tmp_path, stop) == {}
  assert not record(jobs[0])


@pytest.mark.parametrize(
  ('text', 'ending', 'code', 'starts'),
  [
    ('local(retries=2)', 'os.kill(os.getpid(), 9)', -9, 3),
    ('local(retries=1)', 'sys.exit(143)', 143, 2),
    ('local()', 'sys.exit(130)', 130, 1),
    ('slurm(cluster="local", retries=1)', 'sys.exit(143)', 143, 2),
  ],
)
def test_a_job_that_is_always_killed_is_given_up(
  text, ending, code, starts, tmp_path
):
  need(SLURM if text.startswith('slurm') else LOCAL)
  says = f'import os, sys; print("start", flush=True); {ending}'
  job = python(tmp_path, 'doomed', says)
  assert run(text, [job], tmp_path) == {'doomed': code}
  assert job.log.read_text() == 'start\n' * starts


@pytest.mark.parametrize('theirs', [None, '7'])
def test_workers_share_the_cores_unless_told(theirs, tmp_path, monkeypatch):
  for name in ('OMP_NUM_THREADS', 'NPROC'):
    monkeypatch.delenv(name, raising=False)
  if theirs:
    monkeypatch.setenv('NPROC', theirs)
  says = 'import os; print(*map(os.environ.get, ("OMP_NUM_THREADS", "NPROC")))'
  job = python(tmp_path, 'job', says)
  run('local()', [job], tmp_path)
  run('local(workers=64)', [job], tmp_path)
  assert job.log.read_text() == (
    f'None {theirs}\n' + ('1 7\n' if theirs else '1 1\n')
  )


def test_a_loop_that_is_left_leaves_nothing_running(tmp_path):
  jobs = [
    python(tmp_path, 'quick', 'raise SystemExit(2)'),
    work(tmp_path, 'slow', 400),
  ]
  ends = backends.backend(LOCAL)(jobs, tmp_path, Stop())
  assert next(ends).job.name == 'quick'
  ends.close()
  for pid in pids(jobs[1]):
    with pytest.raises(ProcessLookupError):
      os.kill(pid, 0)
  assert 'finished' not in record(jobs[1])


DRIVER = """
import pathlib, sys
from jaxvae.study import backends
from jaxvae.train.signals import Stop

home = pathlib.Path(sys.argv[1])
job = backends.Job('job', tuple(sys.argv[2:]), home / 'log.txt')
list(backends.backend('local()')([job], home, Stop()))
"""


@LINUX
def test_jobs_save_and_stop_when_their_driver_is_killed(tmp_path):
  job = work(tmp_path, 'orphan', 400)
  driver = [sys.executable, '-c', DRIVER, str(tmp_path), *job.command]
  with subprocess.Popen(driver) as process:
    wait_for(lambda: 'step=1' in record(job))
    process.kill()
  wait_for(lambda: 'stopped' in record(job))


def test_submitit_is_told_to_come_again_after_a_save(tmp_path):
  """Its own signal, SIGUSR2: time is up; the job saves and is queued again."""
  need(SLURM)
  job = work(tmp_path, 'job', 40)

  def time_is_up():
    wait_for(lambda: 'step=3' in record(job))
    os.kill(parent(parent(pids(job)[0])), 0)  # The controller is there.
    os.kill(parent(pids(job)[0]), signal.SIGUSR2)

  with meanwhile(time_is_up):
    assert run(SLURM, [job], tmp_path) == {'job': 0}
  words = record(job)
  assert words.count('stopped') == 1
  assert [w for w in words if w.startswith('step=')] == [
    f'step={s}' for s in range(40)
  ]
  assert len(pids(job)) == 2


def parent(pid: int) -> int:
  status = pathlib.Path(f'/proc/{pid}/status').read_text()
  return int(status.split('PPid:')[1].split()[0])


def listeners() -> set[str]:
  """The addresses, in hex, on which a descendant of this process listens.

  Reads /proc as ss(8) does: sockets in state 0A, by inode, of our descendants.
  """
  parents = {}
  for status in pathlib.Path('/proc').glob('[0-9]*'):
    with contextlib.suppress(OSError):
      parents[int(status.name)] = parent(int(status.name))
  ours = {os.getpid()}
  while more := {p for p, up in parents.items() if up in ours} - ours:
    ours |= more
  inodes = set()
  for pid in ours:
    with contextlib.suppress(OSError):
      for file in pathlib.Path(f'/proc/{pid}/fd').iterdir():
        with contextlib.suppress(OSError):
          inodes.add(os.readlink(file).removeprefix('socket:[').rstrip(']'))
  found = set()
  for table in ('tcp', 'tcp6'):
    for line in pathlib.Path(f'/proc/net/{table}').read_text().splitlines():
      words = line.split()
      if words[3] == '0A' and words[9] in inodes:
        found.add(words[1].split(':')[0])
  return found


@pytest.fixture
def cluster(monkeypatch):
  """A head without processors, and two nodes with one each, on loopback."""
  need(RAY)
  from ray import cluster_utils

  node = {'node_ip_address': '127.0.0.1', 'object_store_memory': 80 * 2**20}
  # Not tmp_path: the names of sockets are short.
  with tempfile.TemporaryDirectory(
    prefix='ray-', ignore_cleanup_errors=True
  ) as directory:
    monkeypatch.setenv('RAY_TMPDIR', directory)
    head = {'num_cpus': 0, 'include_dashboard': False}
    made = cluster_utils.Cluster(
      initialize_head=True, head_node_args=node | head
    )
    for _ in range(2):
      made.add_node(num_cpus=1, **node)
    yield made
    made.shutdown()


@LINUX
def test_a_killed_ray_worker_loses_nothing(cluster, tmp_path):
  jobs = [work(tmp_path, 'one', 40), work(tmp_path, 'two', 40)]
  heard = set()

  def kill():
    wait_for(lambda: all('step=3' in record(job) for job in jobs))
    heard.update(listeners())
    worker = parent(pids(jobs[0])[0])
    assert b'ray::' in pathlib.Path(f'/proc/{worker}/cmdline').read_bytes()
    os.kill(worker, signal.SIGKILL)

  with meanwhile(kill):
    codes = run(f'ray(address="{cluster.address}")', jobs, tmp_path)
  assert codes == {'one': 0, 'two': 0}
  assert (len(pids(jobs[0])), len(pids(jobs[1]))) == (2, 1)
  for job in jobs:
    assert_done_once(job, 40)
  # 127.0.0.1, and the same as an IPv6 address, as /proc/net writes them.
  assert heard
  assert heard <= {'0100007F', '0000000000000000FFFF00000100007F'}


@LINUX
def test_a_private_ray_is_heard_on_loopback_only(tmp_path):
  need(RAY)
  job = work(tmp_path, 'job', 15)
  heard = set()

  def listen():
    wait_for(lambda: 'step=3' in record(job))
    heard.update(listeners())

  before = signal.getsignal(signal.SIGTERM)
  with meanwhile(listen):
    assert run(RAY, [job], tmp_path) == {'job': 0}
  assert heard
  assert heard <= {'0100007F', '0000000000000000FFFF00000100007F'}
  assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
  ('text', 'said'),
  [
    ('pbs()', "unknown back end 'pbs'; allowed: local, ray, slurm"),
    ('local(workers=0)', 'workers is 0; allowed: whole numbers from 1'),
    ('local(retries=-1)', 'retries is -1; allowed: whole numbers from 0'),
    ('local(workers=1.5)', 'workers is 1.5'),
    ('local(cores=2)', "unexpected keyword argument 'cores'"),
    ('local() + ray()', 'names 2 of: back end'),
    ('slurm(gpus="a")', "gpus is 'a'"),
    ('slurm(partition=3)', 'partition is 3; allowed: a text'),
    ('slurm(cluster="pbs")', "cluster is 'pbs'; allowed: local, slurm"),
    ('ray(cpus=True)', 'cpus is True'),
    ('ray(gpus=-1)', 'gpus is -1; allowed: numbers from 0'),
    ('ray(address=1)', 'address is 1; allowed: a text'),
  ],
)
def test_wrong_arguments_are_the_users_errors(text, said):
  with pytest.raises(UserError) as raised:
    backends.backend(text)
  assert said in str(raised.value)
  assert '\n' not in str(raised.value)


@pytest.mark.parametrize('name', ['slurm', 'ray'])
def test_a_missing_package_is_named_with_its_extra(name, monkeypatch):
  package = {'slurm': 'submitit', 'ray': 'ray'}[name]
  monkeypatch.setitem(sys.modules, package, None)
  with pytest.raises(UserError) as raised:
    backends.backend(name)
  assert str(raised.value) == f'the {name} back end needs {package}'
  assert raised.value.hint == f"pip install 'jaxvae[{name}]'"


def test_a_machine_without_slurm_says_so(tmp_path, monkeypatch):
  need(SLURM)
  monkeypatch.setenv('PATH', str(tmp_path))
  with pytest.raises(UserError, match='SLURM is not on this machine'):
    run('slurm', [work(tmp_path, 'job', 1)], tmp_path)


def test_a_job_that_is_larger_than_the_machine_says_so(tmp_path):
  need(RAY)
  with pytest.raises(UserError, match='a job wants 999 CPU; this machine has'):
    run('ray(cpus=999)', [work(tmp_path, 'job', 1)], tmp_path)


def test_a_ray_that_is_not_there_says_so(tmp_path, monkeypatch):
  need(RAY)
  monkeypatch.delenv('RAY_ADDRESS', raising=False)
  with pytest.raises(UserError, match="no Ray at 'auto'"):
    run('ray(address="auto")', [work(tmp_path, 'job', 1)], tmp_path)
