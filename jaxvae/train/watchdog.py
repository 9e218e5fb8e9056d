"""A run that hangs shows where: the stack of every thread on standard error.

Once, and it stops nothing: a disk or a device may come back. SIGUSR2 shows the
same at any time (signals.py).
"""

import contextlib
import faulthandler
import sys
import time
from collections.abc import Callable, Iterator
from typing import TextIO

SECONDS = 600.0  # without the end of a compiled call


@contextlib.contextmanager
def watching(
  seconds: float = SECONDS, file: TextIO | None = None
) -> Iterator[Callable[[], None]]:
  """Watches over its block.

  Args:
    seconds: how long nothing may move.
    file: where the stacks go; standard error by default.

  Yields:
    A function to be called whenever something has moved.
  """
  file = file or sys.__stderr__
  if file is None:
    yield lambda: None
    return
  wound = time.monotonic()

  def moved() -> None:
    nonlocal wound
    # To wind it up takes a thread, and calls may end a thousand times a second.
    if time.monotonic() - wound > seconds / 10:
      wound = time.monotonic()
      faulthandler.dump_traceback_later(seconds, file=file)

  faulthandler.dump_traceback_later(seconds, file=file)
  try:
    yield moved
  finally:
    faulthandler.cancel_dump_traceback_later()
