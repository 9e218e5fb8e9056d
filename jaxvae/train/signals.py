"""Signals as flags: the loop ends its step, saves, and then stops.

SIGTERM and Ctrl-C ask once to stop, and a second one ends the process on the
spot: checkpoints are finished by a rename, so the last one stays good. SIGUSR1
is SLURM's early notice; the SIGTERM that follows it is not yet a second one.
SIGUSR2 prints the stack of every thread and stops nothing.
"""

import contextlib
import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Iterator

_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


class Stopped(BaseException):  # Like KeyboardInterrupt, not an error.
  """A signal came when nothing was left to save.

  Attributes:
    signal: which one.
  """

  def __init__(self, which: signal.Signals):
    super().__init__(which.name)
    self.signal = which


class Stop:
  """Whether somebody asked the run to stop.

  Attributes:
    requested: the first signal that asked, or None.
    raises: it raises Stopped, in place of waiting for somebody to look.
  """

  def __init__(self):
    self.requested: signal.Signals | None = None
    self.raises = False

  def raise_from_now_on(self) -> None:
    """Raises Stopped at the next signal, or now if one has come already."""
    self.raises = True
    if self.requested:
      raise Stopped(self.requested)


@contextlib.contextmanager
def listen() -> Iterator[Stop]:
  """Sets `stop.requested` on a signal; handlers are put back on leaving.

  Only the main thread can set handlers; elsewhere nothing is ever requested,
  and the signals do what they did.
  """
  stop = Stop()
  if threading.current_thread() is not threading.main_thread():
    yield stop
    return
  last_word = False

  def handle(number, frame):
    nonlocal last_word
    del frame
    if last_word:
      os._exit(exit_code(number))
    last_word = number != signal.SIGUSR1
    stop.requested = stop.requested or signal.Signals(number)
    if stop.raises:
      raise Stopped(stop.requested)

  with contextlib.ExitStack() as stack:
    for number in _STOPPING:
      stack.callback(signal.signal, number, signal.signal(number, handle))
    if sys.__stderr__ is not None:
      faulthandler.register(signal.SIGUSR2, file=sys.__stderr__)
      stack.callback(faulthandler.unregister, signal.SIGUSR2)
    yield stop


def stop_at_once_while_importing() -> None:
  """Lets Ctrl-C end the process while modules are imported, without a trace.

  A KeyboardInterrupt gets lost there, or comes out as another error. Nothing
  has been written yet; later it is raised as ever.
  """
  if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
    return  # Somebody has decided otherwise, such as a shell for a job.

  def handle(number, frame):
    at = frame
    while at is not None:
      if 'importlib._bootstrap' in at.f_code.co_filename:
        os.write(2, b'jaxvae: stopped by Ctrl-C\n')
        os._exit(exit_code(number))
      at = at.f_back
    signal.default_int_handler(number, frame)

  signal.signal(signal.SIGINT, handle)


def exit_code(number: int) -> int:
  """130 for Ctrl-C, 143 for SIGTERM and for the notice before it."""
  return 130 if number == signal.SIGINT else 143
