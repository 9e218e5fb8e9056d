"""Classes by name and number, in flags and in labels."""

import numpy as np
import pytest
from ml_dtypes import bfloat16

from jaxvae import checked
from jaxvae.data import Factor
from jaxvae.errors import UserError

DIGIT = Factor('digit', 10, 'points')
SHAPE = Factor('shape', 3, 'points', ('square', 'ellipse', 'heart'))
# Folders that are called by numbers, which are not those of their classes.
FOLDER = Factor('class', 2, 'points', ('7', '1'))


@pytest.mark.parametrize(
  ('text', 'factors', 'meant'),
  [
    ('', (DIGIT,), {}),
    ('4', (DIGIT,), {'digit': 4}),
    ('heart', (SHAPE,), {'shape': 2}),
    ('1', (SHAPE,), {'shape': 1}),
    ('1', (FOLDER,), {'class': 1}),
    ('7', (FOLDER,), {'class': 0}),
    ('0', (FOLDER,), {'class': 0}),
    ('shape=heart, digit=3', (SHAPE, DIGIT), {'shape': 2, 'digit': 3}),
  ],
)
def test_a_class_is_a_name_or_a_number(text, factors, meant):
  by_name = {factor.name: factor for factor in factors}
  assert checked.classes('--to', text, by_name) == meant


@pytest.mark.parametrize(
  ('text', 'factors', 'said'),
  [
    ('heart', (DIGIT,), "digit='heart'; allowed: a whole number from 0 to 9"),
    ('star', (SHAPE,), '0 to 2, or of square, ellipse, heart'),
    ('3', (SHAPE,), 'shape=3; allowed: a whole number from 0 to 2'),
    ('-1', (SHAPE,), 'shape=-1; allowed: a whole number from 0 to 2'),
    ('3', (SHAPE, DIGIT), "--to='3'; allowed: FACTOR=CLASS, for shape, digit"),
    ('digit=', (DIGIT,), "digit=''; allowed: a whole number from 0 to 9"),
    ('shape=', (SHAPE,), "shape=''; allowed: a whole number from 0 to 2"),
    ('size=2', (SHAPE,), "label of 'size'; allowed for this model: shape"),
    ('3,6', (DIGIT,), "--to='3,6'; allowed: one class of digit"),
  ],
)
def test_what_is_no_class_is_refused(text, factors, said):
  by_name = {factor.name: factor for factor in factors}
  with pytest.raises(UserError) as error:
    checked.classes('--to', text, by_name)
  assert said in str(error.value)


def test_labels_are_numbers_or_names():
  known = {'shape': SHAPE, 'digit': DIGIT}
  given = {'shape': ['heart', 'square'], 'digit': 7}
  found = checked.labels(given, known, 2)
  np.testing.assert_array_equal(found['shape'], [2, 0])
  np.testing.assert_array_equal(found['digit'], [7, 7])
  column = np.array(['heart', 'square'], object)
  found = checked.labels({'shape': column}, known, 2)['shape']
  np.testing.assert_array_equal(found, [2, 0])
  assert checked.labels(None, known, 2) == {}
  with pytest.raises(UserError, match=r"labels=4; allowed: .*{'shape': 0}"):
    checked.labels(4, known, 2)
  for wrong in ({'shape': 'star'}, {'digit': 'one'}, {'shape': ['heart'] * 3}):
    with pytest.raises(UserError, match='allowed: a whole number from 0 to'):
      checked.labels(wrong, known, 2)


IMAGES = np.full((2, 4, 4, 1), 0.5)
MASKED = np.ma.masked_array(IMAGES, IMAGES > 1)


@pytest.mark.parametrize(
  ('call', 'said'),
  [
    (lambda: checked.images(MASKED, (4, 4, 1)), 'images: a mask'),
    (lambda: checked.images(list(MASKED), (4, 4, 1)), 'images: a masked array'),
    (lambda: checked.points(MASKED[:, 0, :, 0], 4), 'z: a masked array'),
    (lambda: checked.labels({'digit': MASKED[:, 0, 0, 0]}, {'digit': DIGIT}, 2),
     'labels of digit: a masked array'),
    (lambda: checked.span(np.ma.masked_array([0.0, 1.0])), 'span: a mask'),
    (lambda: checked.span('01'), "span='01'; allowed"),
    (lambda: checked.span((0, 1e300)), 'span=(0, 1e+300); allowed'),
    (lambda: checked.span((0, 10**400)), 'span=(0, 1000'),
    (lambda: checked.whole('n', np.True_, 1), 'n=np.True_; allowed'),
    (lambda: checked.whole('n', IMAGES, 1), 'n=array([[[[0.5'),
    (lambda: checked.few('n', 10**12, 4, 4, 1), 'n=1000000000000; allowed: at'),
    (lambda: checked.latents(['z0'], ('z0',)), "latent=['z0']; allowed"),
    (lambda: checked.labels(IMAGES, {'digit': DIGIT}, 2), 'labels=array([[[['),
    (lambda: checked.labels({'digit': IMAGES}, {'digit': DIGIT}, 2),
     'digit=array([[[['),
  ],
)  # fmt: skip
def test_what_is_given_is_shown_in_a_line(call, said):
  with pytest.raises(UserError) as error:
    call()
  assert said in str(error.value)
  assert '\n' not in str(error.value) and len(str(error.value)) < 200


def test_half_precisions_that_numpy_does_not_know():
  half = IMAGES.astype(bfloat16)
  found = checked.images(half, (4, 4, 1))
  np.testing.assert_array_equal(found, IMAGES.astype(np.float32))
  points = checked.points(half[:, 0, :, 0], 4)
  assert points.dtype == np.float32 and (points == 0.5).all()


def test_numbers_of_thousands_of_digits_are_refused_in_one_line():
  for given in (10**5000, -(10**5000)):
    with pytest.raises(UserError, match=r'n=... \(int, too long to show\); al'):
      checked.whole('n', given, 1, 9)
    with pytest.raises(UserError, match='too long to show'):
      checked.span((0, given))
