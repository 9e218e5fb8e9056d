"""Full disks."""

import pathlib

from tests.faults import machine


def hello(place: pathlib.Path) -> str | None:
  with machine.disk(place / 'disk', '48k'):
    done = machine.run('-c', 'print(1)', cwd=place)
  return machine.mishandled(done, 0, '1', where='out')


CASES = {'a disk': hello}
