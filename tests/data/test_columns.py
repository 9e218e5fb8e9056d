"""What columns of numbers are: written down by hand."""

import numpy as np
import pytest

from jaxvae.data import Factor
from jaxvae.data.columns import Said, read
from jaxvae.errors import UserError

RNG = np.random.default_rng(0)
MANY = RNG.uniform(-3.0, 5.0, 500)


def column(values, ranked=False, **said):
  return read(np.asarray(values), Said('x', **said), 'here', ranked)


@pytest.mark.parametrize('ranked', [False, True])
def test_values_that_hardly_return_are_a_segment(ranked):
  factor, stored = column(MANY, ranked)
  single = MANY.astype(np.float32)
  span = float(single.min()), float(single.max())
  assert factor == Factor('x', 0, 'segment', span=span)
  np.testing.assert_array_equal(stored, single)
  # 150 values, each on ten images: more than a hundred are no classes.
  assert column(np.repeat(MANY[:150], 10), ranked)[0].span


def test_a_period_makes_a_loop():
  for values in (MANY, np.array([-90, 0, 270, 360, 725])):
    factor, stored = column(values, period=360)
    assert factor == Factor('x', 0, 'loop', period=360.0, span=(0.0, 360.0))
    np.testing.assert_allclose(stored, values % 360, atol=1e-4)
  assert stored.tolist() == [270, 0, 270, 0, 5]
  # Just below a turn is a whole turn in float32, and that is 0.
  assert column([1.0, 359.99999999], period=360.0)[1].tolist() == [1, 0]


@pytest.mark.parametrize('ranked', [False, True])
def test_few_values_that_return_are_classes(ranked):
  # Hues and angles as 3D Shapes has them, shuffled.
  hues = RNG.permutation(np.repeat(np.linspace(0, 0.9, 10), 8))
  factor, classes = column(hues, ranked)
  assert factor == Factor('x', 10, 'points')
  np.testing.assert_array_equal(classes, np.rint(hues * 10))
  # As many as dSprites has orientations, each on twenty images.
  angles = np.repeat(np.linspace(0, 6.28, 40), 20)
  assert column(angles, ranked)[0] == Factor('x', 40, 'points')
  assert column(hues, ranked, topology='segment')[0].size == 10


def test_whole_numbers_are_classes():
  kinds = np.arange(600) % 30
  assert column(kinds) == (Factor('x', 30, 'points'), pytest.approx(kinds))
  assert column(kinds.astype(float))[0].size == 30
  assert column(2.0 * kinds)[0].size == 59  # gaps are classes without images
  assert column(2.0 * kinds, ranked=True)[0].size == 30
  assert column(np.arange(500))[0].size == 500


def test_labels_that_are_not_known():
  kinds = np.array([0.0, np.nan, 2, 0, 2, np.nan])
  for ranked, size in ((False, 3), (True, 2)):
    factor, stored = column(kinds, ranked)
    assert factor == Factor('x', size, 'points', unknown=True)
    np.testing.assert_array_equal(np.isnan(stored), np.isnan(kinds))
  some = np.where(RNG.random(500) < 0.2, np.nan, MANY)
  factor, stored = column(some)
  assert factor.unknown and factor.topology == 'segment'
  np.testing.assert_array_equal(stored, some.astype(np.float32))
  factor, stored = column(np.full(5, np.nan), ranked=True)
  assert factor == Factor('x', 1, 'points', unknown=True)
  assert np.isnan(stored).all()
  assert column(some % 3, period=3.0)[0].unknown


MEANT = 'may be classes or values of a continuous factor'


@pytest.mark.parametrize(
  ('values', 'said', 'message'),
  [
    (
      np.repeat(MANY[:50], 5),
      {},
      f'50 .* 250 images, which {MEANT}',
    ),
    (MANY[:16], {}, MEANT),
    (np.arange(500.0), {}, MEANT),
    (
      MANY,
      {'topology': 'loop'},
      '500 different values and no period is',
    ),
    ([0.5, np.inf], {}, 'the value inf; allowed: finite and below 1e.15'),
    ([0.5, -1e30], {}, 'the value -1e.30; allowed: finite'),
    (1.7e9 + MANY, {}, 'too close to each other for float32'),
    (1e-40 * MANY, {}, 'too close to each other for float32'),
    (MANY, {'period': -1.0}, 'the period -1.0; allowed: a number above 0'),
    (MANY, {'period': 'pi'}, "the period 'pi'; allowed: a number above 0"),
    (MANY, {'period': 360.0, 'topology': 'segment'}, 'a period, and segment'),
    (MANY, {'period': 360.0, 'size': 4}, 'a period, and classes'),
  ],
)
def test_what_cannot_be_or_may_be_two_things_is_refused(values, said, message):
  with pytest.raises(UserError, match=message) as raised:
    column(values, **said)
  assert raised.value.hint


def test_what_may_be_two_things_can_be_said():
  values = np.repeat(MANY[:50], 5)
  assert column(values, topology='points')[0].size == 50
  assert column(values, topology='segment')[0].span
  assert column(np.arange(500.0), topology='segment')[0].span == (0.0, 499.0)
  assert column(np.arange(500.0), topology='points')[0].size == 500
