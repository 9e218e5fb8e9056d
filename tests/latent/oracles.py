"""Reference values of the priors' mathematics, on machines that have them."""

import functools
import json
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
PATH = ROOT / 'shared' / 'oracles' / 'priors.json'


def entries(group: str) -> list[dict]:
  """The entries of a group, with 'id', 'inputs' and 'value'; or a skip.

  They are from mpmath with 45 digits, and most were found a second way.
  """
  if not PATH.exists():
    pytest.skip('the oracles are not on this machine: no shared/ beside it')
  return _read()[group]['entries']


@functools.cache
def _read() -> dict:
  return json.loads(PATH.read_text())
