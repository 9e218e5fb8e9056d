"""Two processes of two devices each train one run; on loopback, for real."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from jaxvae.errors import UserError
from jaxvae.train import checkpoint, hosts, steps, workdir

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHORT = (
  *('--config=digits_beta', '--config.net=mlp(encoder=(32,), decoder=(32,))'),
  *('--config.batch_size=16', '--config.steps_per_call=5'),
  *('--config.log_every=5', '--config.save_every=20'),
  *('--config.eval.examples=50', '--config.eval.figures=false'),
)


class Place:
  """Runs of the same config, by one process or by two."""

  def __init__(self, root):
    self.root = root

  def start(self, name, *more, devices, join=()):
    return subprocess.Popen(
      [
        *(sys.executable, '-m', 'jaxvae.main', *SHORT),
        *(f'--workdir={self.root / name}', *more, *join),
        f'--config.data.data_dir={self.root / "data"}',
      ],
      cwd=ROOT,
      env=os.environ | {'JAX_NUM_CPU_DEVICES': str(devices)},
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )

  def start_two(self, name, *more):
    with socket.socket() as free:
      free.bind(('127.0.0.1', 0))
      port = free.getsockname()[1]
    return [
      self.start(
        name,
        *more,
        devices=2,
        join=(
          f'--coordinator=127.0.0.1:{port}',
          '--num_processes=2',
          f'--process_id={number}',
        ),
      )
      for number in (0, 1)
    ]

  def losses(self, name):
    lines = (self.root / name / 'metrics.jsonl').read_text().splitlines()
    return np.array([json.loads(line)['loss'] for line in lines])


def ended(process):
  try:
    out, err = process.communicate(timeout=200)
  finally:
    process.kill()
  return process.returncode, out, err


@pytest.fixture(scope='module')
def place(tmp_path_factory):
  return Place(tmp_path_factory.mktemp('hosts'))


@pytest.fixture(scope='module')
def four(place):
  """Forty steps of one process with four devices."""
  done = ended(place.start('four', '--config.num_steps=40', devices=4))
  assert done[0] == 0, done
  return place.losses('four')


def test_two_processes_are_one_with_as_many_devices(place, four):
  lead, other = map(ended, place.start_two('two', '--config.num_steps=40'))
  assert (lead[0], other[0]) == (0, 0), (lead, other)
  assert '| 4 x cpu |' in lead[1]
  np.testing.assert_allclose(place.losses('two'), four, rtol=1e-5)
  # One of them wrote, one evaluated.
  run = workdir.read_run(place.root / 'two')
  assert (run['status'], run['step']) == ('completed', 40)
  assert run['devices']['count'] == 4
  assert 'latents active' in lead[1] and 'latents active' not in other[1]
  # What two have written, one reads, to the bit, and goes on from.
  saved = checkpoint.read(place.root / 'two')
  digest = checkpoint.params_digest(saved.state['params'])
  assert (saved.step, digest) == (40, run['params_sha256'])
  code, out, err = ended(place.start('two', '--config.num_steps=60', devices=1))
  assert code == 0, err
  assert 'resume from checkpoint 40\n' in out
  assert 'saved on 4 devices, now on 1' in out
  assert workdir.read_run(place.root / 'two')['step'] == 60


def test_one_is_told_to_stop_and_both_do_and_go_on(place, four):
  both = place.start_two('stopped', '--config.num_steps=100000')
  until = time.monotonic() + 200
  while not steps.finished(place.root / 'stopped' / 'checkpoints'):
    assert time.monotonic() < until
    assert all(process.poll() is None for process in both)
    time.sleep(0.01)
  both[1].send_signal(signal.SIGTERM)
  lead, other = map(ended, both)
  assert (lead[0], other[0]) == (143, 143), (lead, other)
  run = workdir.read_run(place.root / 'stopped')
  assert run['status'] == 'preempted'
  assert run['step'] == checkpoint.read(place.root / 'stopped').step
  length = run['step'] + 20
  both = place.start_two('stopped', f'--config.num_steps={length}')
  lead, other = map(ended, both)
  assert (lead[0], other[0]) == (0, 0), (lead, other)
  assert f'resume from checkpoint {run["step"]}\n' in lead[1]
  np.testing.assert_allclose(
    place.losses('stopped')[: len(four)], four, rtol=1e-5
  )


@pytest.mark.parametrize(
  ('coordinator', 'count', 'number', 'said'),
  [
    ('here', 2, 0, '--coordinator=here; allowed: HOST:PORT, auto'),
    ('127.0.0.1:port', 2, 0, 'allowed: HOST:PORT, auto'),
    ('127.0.0.1:99999', 2, 0, 'allowed: HOST:PORT, auto'),
    ('127.0.0.1:1234', 2, 2, '--process_id=2; allowed: 0 to 1, below'),
    ('127.0.0.1:1234', 0, 0, '--num_processes=0'),
  ],
)
def test_refusals(coordinator, count, number, said):
  with pytest.raises(UserError, match=said):
    hosts.connect(coordinator, count, number)


def test_nobody_comes():
  code = (
    'import sys; from jaxvae import errors; from jaxvae.train import hosts;'
    "connect = lambda: hosts.connect('127.0.0.1:1', 2, 1, 1);"
    'sys.exit(errors.exit_code(connect))'
  )
  started = subprocess.Popen(
    [sys.executable, '-c', code],
    env=os.environ | {'PYTHONPATH': str(ROOT)},
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )
  code, out, err = ended(started)
  assert code == 5
  assert out == 'process 1 of 2 joins 127.0.0.1:1, for at most 1 s\n'
  first, _ = err.splitlines()
  assert first.endswith(
    'could not join 127.0.0.1:1 within 1 s: nobody answers there'
    ' (Connection refused)'
  )


def test_one_process_agrees_with_itself():
  assert hosts.leads()
  assert hosts.agree(7) == 7
