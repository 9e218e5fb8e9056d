"""Latents drawn round and along, found again by their colours."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageColor
from topology.toys import Toy

from jaxvae.report import style, topology, topology_table
from jaxvae.topology import seam
from jaxvae.topology.diagnose import Diagnosis
from jaxvae.topology.verdict import verdict

ANGLES = 2 * np.pi * np.arange(72) / 72


def where(path, colour):
  """Columns and rows of the pixels of a colour, from 0 to 1."""
  with Image.open(path) as image:
    shown = np.asarray(image.convert('RGB'))
  y, x = np.nonzero((shown == ImageColor.getrgb(colour)).all(axis=-1))
  return x / shown.shape[1], y / shown.shape[0]


def row(kind, k=0, says=None):
  toy = Toy(kind, k)
  sweep = toy.decode(ANGLES)
  off = seam.off_data(sweep, toy.images)
  found = verdict(3.0, toy.codes, off, seam.apart(sweep))
  return SimpleNamespace(
    latent='z0',
    slot='loop',
    kl=3.0,
    says=says or found.slot,
    verdict=found,
    codes=toy.codes,
    off=off,
    strip=sweep[::6].reshape(12, 8, 8, 1),
    winding=None,
    factor=None,
    nmi=None,
    correlation=None,
  )


def test_posteriors_stand_in_their_panels(tmp_path):
  rng = np.random.default_rng(0)
  n = 500
  codes = np.stack(
    [
      rng.uniform(0, 1, n),  # a sixth of the loop, right and above
      rng.uniform(-1, 1, n),
      rng.integers(0, 3, n),
      rng.normal(size=n),
      rng.normal(size=n),
    ],
    axis=1,
  )
  path = tmp_path / 'slots.png'
  topology.slot_posteriors(
    path,
    ['z0', 'z1', 'z2', 'z3', 'z4'],
    ['loop', 'segment', 'points', 'line', 'sphere'],
    codes,
    codes[::-1],
    active=[True, True, True, True, False],
  )
  x, y = where(path, topology.CODES)
  first = x < 0.25
  # The arc of the loop, from 0 to 57 degrees; the ring's middle is at 1 / 8.
  assert first.sum() > 100 and x[first].min() > 0.12 and y[first].max() < 0.32


def test_a_cut_is_marked_on_the_ring_and_the_curve(tmp_path):
  path = tmp_path / 'found.png'
  topology.discovery(path, [row('segment')], 'Found')
  x, _ = where(path, topology.BREAK)
  assert (x < 0.25).any() and (x > 0.25).any()
  topology.discovery(path, [row('loop')], 'Found')
  x, _ = where(path, topology.BREAK)
  assert not len(x)


def test_every_kind_of_row_is_drawn(tmp_path):
  path = tmp_path / 'found.png'
  plain = row('loop', says='line')
  plain.verdict, plain.off, plain.strip = None, None, None
  rows = [row('points', 3), row('loop', says='unused'), plain]
  topology.discovery(path, rows, 'Found')
  with Image.open(path) as image:
    assert image.size[0] == 10 * style.DPI
  text = topology_table.discovery(rows)
  assert 'points(3)' in text and text.count('\n') == 4
  header, cells = topology_table.discovery_cells(rows)
  assert len(header) == len(cells[0]) and cells[0][:2] == ['z0', 'loop']


def test_scores_as_text():
  rows = [
    Diagnosis('z0', 'loop', 'hue', True, 'loop', steps=0.5, radians=0.26,
              median_steps=0.4, correlation=0.99, winding=1.0, monotone=1.0,
              circles=0.75),
    Diagnosis('z1', 'points(4)', 'shape', False, 'points', accuracy=0.975),
  ]  # fmt: skip
  text = topology_table.diagnosis(rows)
  loop, points = text.splitlines()[2:]
  words = ' '.join(loop.split())
  assert words == 'z0 loop hue yes - 0.50 0.26 0.99 1.0 100% 75%'
  assert points.split()[:5] == ['z1', 'points(4)', 'shape', 'no', '98%']


@pytest.mark.parametrize('codes', [np.zeros((3, 2)), np.zeros((0, 1))])
def test_refusals(tmp_path, codes):
  with pytest.raises(ValueError, match='for 1 latents'):
    topology.slot_posteriors(
      tmp_path / 'a.png', ['z0'], ['loop'], codes, np.zeros((5, 1))
    )
