"""Becomes a command that dies when the process that started it dies.

Run as a script, `python -I -S child.py PARENT SIGNAL COMMAND...`, so that it
starts in milliseconds and imports nothing of jaxvae.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_MISSING = 127  # As a shell has it.


def main(argv: list[str]) -> None:
  """Replaces this process by the command; returns never.

  Args:
    argv: the process id of the parent, the number of the signal that comes
      when it dies (on Linux; elsewhere none comes), and the command.
  """
  parent, farewell, *command = argv
  if sys.platform == 'linux':
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(int(farewell)))
    if os.getppid() != int(parent):  # It died before it could be watched.
      sys.exit(128 + signal.SIGTERM)
  # What Ray and Python have blocked or ignored, the command starts without.
  signal.pthread_sigmask(signal.SIG_SETMASK, ())
  signal.signal(signal.SIGPIPE, signal.SIG_DFL)
  try:
    os.execvp(command[0], command)
  except OSError as error:
    print(f'{command[0]}: {error.strerror}', file=sys.stderr)
    sys.exit(_MISSING)


if __name__ == '__main__':
  main(sys.argv[1:])
