"""metrics.jsonl through crashes, and TensorBoard's events."""

import json
import os
import pathlib
import resource
import signal
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from jaxvae import errors
from jaxvae.train import writer

ROOT = pathlib.Path(__file__).resolve().parents[2]


def lines(workdir, name='metrics.jsonl'):
  return [
    json.loads(line) for line in (workdir / name).read_text().splitlines()
  ]


def write_steps(workdir, steps, resume_step=None):
  with writer.open_writer(workdir, resume_step) as out:
    for step in steps:
      out.write(step, {'loss': step / 4})


def test_a_line_is_json_whatever_the_arrays(tmp_path):
  with writer.open_writer(tmp_path) as out:
    out.write(
      np.int64(3),
      {
        'loss': jnp.float32(0.5),
        'half': jnp.bfloat16(2.5),
        'kl': jnp.array([1.0, np.inf, 0.25]),
        'active': np.int32(6),
        'nan': float('nan'),
        'plain': 7,
      },
    )
  assert (tmp_path / 'metrics.jsonl').read_text() == (
    '{"step": 3, "loss": 0.5, "half": 2.5, "kl": [1.0, null, 0.25],'
    ' "active": 6, "nan": null, "plain": 7}\n'
  )


def test_resuming_drops_what_the_checkpoint_does_not_know(tmp_path):
  write_steps(tmp_path, (10, 20, 30, 40))
  with (tmp_path / 'metrics.jsonl').open('a') as file:
    file.write('{"step": 50, "lo')
  write_steps(tmp_path, (30, 40, 50), resume_step=20)
  assert [line['step'] for line in lines(tmp_path)] == [10, 20, 30, 40, 50]
  orphans = lines(tmp_path, 'metrics.jsonl.orphan')
  assert [line['step'] for line in orphans] == [30, 40]


def test_orphans_of_every_crash_are_kept(tmp_path):
  write_steps(tmp_path, (10, 20))
  write_steps(tmp_path, (20, 30), resume_step=10)
  write_steps(tmp_path, (20,), resume_step=10)
  assert [line['step'] for line in lines(tmp_path)] == [10, 20]
  orphans = lines(tmp_path, 'metrics.jsonl.orphan')
  assert [line['step'] for line in orphans] == [20, 20, 30]


def test_starting_afresh_keeps_nothing_of_before(tmp_path):
  write_steps(tmp_path, (0, 10))
  write_steps(tmp_path, (0,))
  assert [line['step'] for line in lines(tmp_path)] == [0]


def test_resuming_without_a_crash_changes_nothing(tmp_path):
  write_steps(tmp_path, (10, 20))
  before = (tmp_path / 'metrics.jsonl').read_bytes()
  write_steps(tmp_path, (), resume_step=20)
  assert (tmp_path / 'metrics.jsonl').read_bytes() == before
  assert not (tmp_path / 'metrics.jsonl.orphan').exists()


def test_a_whole_line_that_lost_its_end_is_kept(tmp_path):
  (tmp_path / 'metrics.jsonl').write_text('{"step": 10}\n{"step": 20}')
  write_steps(tmp_path, (30,), resume_step=20)
  assert [line['step'] for line in lines(tmp_path)] == [10, 20, 30]


@pytest.mark.parametrize(
  'line', [b'', b'{"step": 3, "lo', b'[1]', b'3', b'{"step": "3"}', b'{"a": 1}']
)
def test_what_is_no_record(line):
  assert writer.record(b'{"step": 3, "loss": null}')['loss'] is None
  assert writer.record(line) is None


WRITE = """
import sys
from jaxvae.train import writer
with writer.open_writer(sys.argv[1]) as out:
  for step in range(10**9):
    out.write(step, {'loss': 1.0, 'kl': [0.1] * 10})
    if step == 500:
      print('going', flush=True)
"""


def test_a_killed_writer_leaves_whole_lines(tmp_path):
  process = subprocess.Popen(
    [sys.executable, '-c', WRITE, str(tmp_path)],
    env=os.environ | {'PYTHONPATH': str(ROOT)},
    stdout=subprocess.PIPE,
  )
  with process:
    assert process.stdout.readline() == b'going\n'
    process.send_signal(signal.SIGKILL)
  write_steps(tmp_path, (401,), resume_step=400)
  assert [line['step'] for line in lines(tmp_path)] == list(range(402))


def test_a_full_disk_is_a_resource_error(tmp_path):
  soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
  with writer.open_writer(tmp_path) as out:
    out.write(1, {'loss': 1.0})
    size = (tmp_path / 'metrics.jsonl').stat().st_size
    try:
      resource.setrlimit(resource.RLIMIT_FSIZE, (size + 4, hard))
      with pytest.raises(errors.ResourceError, match='File too large'):
        out.write(2, {'loss': 1.0})  # half of a line fits
      with pytest.raises(errors.ResourceError, match='File too large'):
        out.write(3, {'loss': 1.0})
    finally:
      resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
  write_steps(tmp_path, (2,), resume_step=1)
  assert [line['step'] for line in lines(tmp_path)] == [1, 2]


def events(workdir):
  """(tag, step, value) of all event files, and the steps purged from."""
  pytest.importorskip('tensorboardX', reason='the extra tb is not installed')
  from tensorboardX.proto import event_pb2

  scalars, purged = [], []
  for path in sorted((workdir / 'tensorboard').iterdir()):
    data = path.read_bytes()
    while data:  # TFRecord: length, its crc, the event, its crc
      length = int.from_bytes(data[:8], 'little')
      event = event_pb2.Event.FromString(data[12 : 12 + length])
      data = data[16 + length :]
      if event.HasField('session_log'):
        purged.append(event.step)
      for value in event.summary.value:
        scalars.append((value.tag, event.step, value.simple_value))
  return scalars, purged


def test_tensorboard_has_the_same_numbers_and_purges(tmp_path):
  pytest.importorskip('tensorboardX', reason='the extra tb is not installed')
  with writer.open_writer(tmp_path) as out:
    out.write(10, {'loss': 0.5, 'kl': np.array([1.0, 2.0]), 'nan': np.nan})
  assert events(tmp_path)[0] == [
    ('loss', 10, 0.5),
    ('kl/0', 10, 1.0),
    ('kl/1', 10, 2.0),
  ]
  write_steps(tmp_path, (20,), resume_step=10)
  scalars, purged = events(tmp_path)
  assert scalars[-1] == ('loss', 20, 5.0)
  assert purged[-1] == 11


def test_a_full_disk_for_events_costs_no_line_and_no_patience(tmp_path):
  pytest.importorskip('tensorboardX', reason='the extra tb is not installed')
  soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
  with writer.open_writer(tmp_path) as out:
    try:
      resource.setrlimit(resource.RLIMIT_FSIZE, (300, hard))
      for step in (1, 2):
        out.write(step, {'kl': [0.0] * 20})  # 125 bytes here, 300 there
        with pytest.raises(errors.ResourceError, match=r'tfevents.* too large'):
          out.flush()
    finally:
      resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
  assert [line['step'] for line in lines(tmp_path)] == [1, 2]


def test_resuming_needs_no_room_for_what_stays(tmp_path):
  write_steps(tmp_path, range(0, 100, 10))
  before = (tmp_path / 'metrics.jsonl').stat().st_ino
  write_steps(tmp_path, (), resume_step=90)
  assert (tmp_path / 'metrics.jsonl').stat().st_ino == before


def test_without_tensorboard_there_are_lines_only(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, 'tensorboardX', None)  # as if not installed
  write_steps(tmp_path, (1,))
  assert [path.name for path in tmp_path.iterdir()] == ['metrics.jsonl']
