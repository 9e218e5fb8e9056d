"""Verdicts on decoders that are known, at several levels of noise."""

import numpy as np
import pytest
from topology.toys import Toy

from jaxvae.topology import seam
from jaxvae.topology.verdict import Verdict, verdict

ANGLES = 2 * np.pi * np.arange(180) / 180


def judge(toy, pixels=0.0, turn=0.0, mirror=1, kl=3.0, bases=4):
  """The verdict on a toy whose latent circle is turned and mirrored.

  `pixels` is the standard deviation of what the decoder gets wrong.
  """
  rng = np.random.default_rng(5)
  decoded = toy.decode(mirror * (ANGLES - turn))
  decoded = decoded + pixels * rng.normal(size=(bases, *decoded.shape))
  off = np.median(seam.off_data(decoded, toy.images), axis=0)
  apart = np.median(seam.apart(decoded), axis=0)
  return verdict(kl, mirror * toy.codes + turn, off, apart)


@pytest.mark.parametrize('pixels', [0.0, 0.01, 0.03])
@pytest.mark.parametrize('sd', [0.0, 0.05])
@pytest.mark.parametrize(
  ('kind', 'k'),
  [
    ('loop', 0),
    ('twice', 0),
    ('segment', 0),
    *(('points', k) for k in range(2, 7)),
  ],
)
def test_every_kind_is_recognised(kind, k, sd, pixels):
  found = judge(Toy(kind, k, sd=sd), pixels)
  wanted = {'points': f'points({k})', 'twice': 'loop'}.get(kind, kind)
  assert found.slot == wanted
  if kind == 'points':
    assert found.arcs == k == len(found.places)


@pytest.mark.parametrize('turn', [0.0, 1.0, 3.0, 5.0])
@pytest.mark.parametrize('mirror', [1, -1])
def test_a_turned_or_mirrored_circle_is_the_same(turn, mirror):
  for kind, k in (('loop', 0), ('segment', 0), ('points', 3)):
    toy = Toy(kind, k)
    plain, moved = judge(toy), judge(toy, turn=turn, mirror=mirror)
    assert (plain.kind, plain.points) == (moved.kind, moved.points)
    assert moved.height == pytest.approx(plain.height, rel=0.2)


@pytest.mark.parametrize('share', [0.3, 0.6, 0.95])
def test_a_segment_has_one_break_where_it_was_cut(share):
  found = judge(Toy('segment', share=share))
  assert found.kind == 'segment' and found.breaks == 1
  # Over a small gap the median is that of the data.
  assert found.ratio > 5 or share < 0.5
  middle = np.pi * (1 + share)
  assert abs(found.places[0] - middle) < 0.6 * np.pi * (1 - share) + 0.05


def test_a_cut_without_a_gap_is_seen_in_the_images_alone():
  """Codes fill the circle; the decoder crosses the seam in a few degrees."""
  toy = Toy('segment', share=0.98)
  toy.codes = np.random.default_rng(0).uniform(0, 2 * np.pi, 2000)
  found = judge(toy)
  assert found.share == 1 and found.kind == 'segment'


def test_levels_of_a_loop_are_no_points():
  """Ten of its places have codes; the decoder jumps from one to the next."""
  toy = Toy('loop')
  levels = np.floor(np.random.default_rng(0).uniform(size=1000) * 10) / 10
  toy.codes = 2 * np.pi * levels
  toy.images = toy.decode(2 * np.pi * np.arange(10) / 10)
  smooth = toy.decode

  def steps(angles):
    at = np.asarray(angles) * 10 / (2 * np.pi)
    part = np.clip((at - np.floor(at) - 1 / 3) * 3, 0, 1)[..., None]
    low, high = (2 * np.pi * (np.floor(at) + i) / 10 for i in (0, 1))
    return (1 - part) * smooth(low) + part * smooth(high)

  toy.decode = steps
  found = judge(toy)
  assert found.arcs == 10 and found.kind == 'loop'


def test_a_fold_is_no_loop():
  """Half of the circle has codes, and the way back is off the data."""
  toy = Toy('loop')
  once = toy.decode
  toy.codes = np.mod(toy.codes, np.pi)

  def folded(angles):
    u = np.mod(np.asarray(angles), 2 * np.pi)
    part = np.clip(u / np.pi - 1, 0, 1)[..., None]
    there = once(np.minimum(u, np.pi))
    return np.where(part > 0, (1 - part) * once(np.pi) + part * once(0), there)

  toy.decode = folded
  assert judge(toy).kind == 'segment'


def test_two_pieces_that_move_inside_are_unclear():
  toy = Toy('segment', share=0.9)
  once = toy.decode
  cut = Toy('points', 2)

  def torn(angles):
    u = np.mod(np.asarray(angles) / (2 * np.pi), 1)
    blend = np.exp(-0.5 * ((u - 0.45) / 0.02) ** 2)[..., None]
    return (1 - blend) * once(angles) + blend * cut.decode(0.0)

  toy.decode = torn
  found = judge(toy)
  assert found.kind == 'unclear' and found.slot == 'loop'


def test_what_is_not_used_or_not_learned_is_said():
  found = judge(Toy('loop'), kl=0.05)
  assert found.kind == 'unused' and found.slot == ''
  toy = Toy('loop')
  toy.decode = lambda angles: np.zeros((*np.shape(angles), 64))
  assert judge(toy).kind == 'unused'
  assert judge(Toy('loop'), pixels=0.2).kind == 'unclear'


def test_the_text_leaves_out_what_is_unused():
  toys = [Toy('loop'), Toy('segment'), Toy('points', 4)]
  found = [judge(toy) for toy in toys]
  found.insert(1, judge(Toy('loop'), kl=0.0))
  assert [each.slot for each in found if each.slot] == [
    'loop',
    'segment',
    'points(4)',
  ]
  assert isinstance(found[0], Verdict)


@pytest.mark.parametrize(
  ('off', 'apart', 'words'),
  [
    (np.zeros(8), np.zeros((8, 8)), 'at least 16'),
    (np.zeros(20), np.zeros((20, 19)), r'\[a, a\]'),
    (np.full(20, np.nan), np.zeros((20, 20)), 'NaN'),
  ],
)
def test_refusals(off, apart, words):
  with pytest.raises(ValueError, match=words):
    verdict(1.0, np.zeros(10), off, apart)
