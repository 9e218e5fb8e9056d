"""TensorBoard's files, written by the thread that asks for it.

tensorboardX writes them on a thread of its own, which dies of a full disk in
silence; whoever then adds to its queue waits for ever. So only its protocol
buffers and checksums are used, and there is nothing to wait for.
"""

import contextlib
import pathlib
import socket
import struct
import time
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from tensorboardX import record_writer
from tensorboardX.proto import event_pb2, summary_pb2

from jaxvae.train import disk


class Events:
  """One file of events; `open_events` makes it."""

  def __init__(self, file: BinaryIO, purge_step: int):
    self._file = file
    self._waiting: list[bytes] = []
    self._add(file_version='brain.Event:2')
    start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
    self._add(step=purge_step, session_log=start)

  def add(self, step: int, scalars: Iterable[tuple[str, float]]) -> None:
    """Keeps the numbers of a step, by tag, for `flush`."""
    values = [
      summary_pb2.Summary.Value(tag=tag, simple_value=value)
      for tag, value in scalars
    ]
    self._add(step=step, summary=summary_pb2.Summary(value=values))

  def flush(self) -> None:
    """Writes what was kept.

    Raises:
      ResourceError: the disk is full.
    """
    data = b''.join(self._waiting)
    self._waiting.clear()
    disk.append(self._file, data)

  def _add(self, **fields: Any) -> None:
    data = event_pb2.Event(wall_time=time.time(), **fields).SerializeToString()
    length = struct.pack('<Q', len(data))  # A TFRecord.
    self._waiting += [length, _checksum(length), data, _checksum(data)]


@contextlib.contextmanager
def open_events(home: pathlib.Path, purge_step: int) -> Iterator[Events]:
  """Begins a file in home/tensorboard; steps of earlier ones become void.

  Args:
    home: the run's directory, which exists.
    purge_step: the first step that is void.

  Raises:
    ResourceError: it cannot be written.
  """
  name = f'events.out.tfevents.{time.time():.6f}.{socket.gethostname()}'
  path = home / 'tensorboard' / name
  with contextlib.ExitStack() as stack:
    with disk.writing(path):
      path.parent.mkdir(exist_ok=True)
      file = stack.enter_context(path.open('wb', buffering=0))
    yield Events(file, purge_step)


def _checksum(data: bytes) -> bytes:
  return struct.pack('<I', record_writer.masked_crc32c(data))
