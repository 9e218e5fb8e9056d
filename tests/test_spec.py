"""Texts of a config: what they say, what is refused, and that nothing runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxvae import spec
from jaxvae.errors import UserError
from jaxvae.spec import Call

LITERALS = st.recursive(
  st.none()
  | st.booleans()
  | st.integers()
  | st.floats(allow_nan=False, allow_infinity=False)
  | st.text(),
  lambda inner: st.lists(inner, max_size=3).map(tuple),
  max_leaves=4,
)
NAMES = st.sampled_from(['a', 'gaussian', 'loop', 'x1', '_y'])


def _scale(number, by=2.0):
  if number < 0:
    raise ValueError(f'number={number!r}; allowed: 0 or more')
  return number * by


TABLE = {'scale': _scale, 'pair': lambda: (1, 2)}


@pytest.mark.parametrize(
  ('text', 'calls'),
  [
    ('gaussian', [Call('gaussian')]),
    ('gaussian()', [Call('gaussian')]),
    (' gaussian( 10 )\n', [Call('gaussian', (10,))]),
    ('linear(0., 15_000)', [Call('linear', (0.0, 15000))]),
    ('loop(tau=-5.)', [Call('loop', (), (('tau', -5.0),))]),
    (
      "a(1) + b(x='y') + a((4, 4))",
      [Call('a', (1,)), Call('b', (), (('x', 'y'),)), Call('a', ((4, 4),))],
    ),
    ('a + (b + c)', [Call('a'), Call('b'), Call('c')]),
  ],
)
def test_what_a_text_says(text, calls):
  assert spec.parse(text) == tuple(calls)


@given(
  st.lists(
    st.tuples(
      NAMES,
      st.lists(LITERALS, max_size=3),
      st.dictionaries(NAMES, LITERALS, max_size=2),
    ),
    min_size=1,
    max_size=4,
  )
)
def test_any_literals_come_back(terms):
  text = ' + '.join(
    f'{name}({", ".join([*map(repr, args), *_pairs(kwargs)])})'
    for name, args, kwargs in terms
  )
  expected = [
    Call(name, tuple(args), tuple(kwargs.items()))
    for name, args, kwargs in terms
  ]
  assert list(spec.parse(text)) == expected


def _pairs(kwargs):
  return [f'{name}={value!r}' for name, value in kwargs.items()]


@pytest.mark.parametrize(
  'text',
  [
    '',
    '   ',
    '10',
    "'gaussian'",
    'gaussian(10',
    'gaussian(10) loop',
    'gaussian(10) - loop',
    'gaussian(10) * 2',
    '2 * gaussian(10)',
    '-gaussian(10)',
    'a.gaussian(10)',
    'gaussian(10)(2)',
    'gaussian[10]',
    'gaussian(n)',
    'gaussian(2 * 5)',
    'gaussian(loop)',
    'gaussian(*(1, 2))',
    "gaussian(**{'latents': 3})",
    'gaussian(latents=1, latents=2)',
    'gaussian({[]: 1})',
    'gaussian(lambda: 3)',
    'gaussian(10); loop',
    'x := gaussian(10)',
    '[gaussian(10)]',
    'gaussian(\0)',
    'gaussian(' + '(' * 5_000 + ')' * 5_000 + ')',
    ' + '.join(['a'] * 5_000),
    'gaussian(' + '-' * 5_000 + '1)',
  ],
  ids=lambda text: text[:30],
)
def test_anything_else_is_refused(text):
  with pytest.raises(UserError, match='is not of the form') as error:
    spec.parse(text)
  assert len(str(error.value)) < 300
  assert 'gaussian(10)' in error.value.hint


@pytest.mark.parametrize(
  'code',
  [
    '__import__("pathlib").Path({path!r}).touch()',
    'open({path!r}, "w")',
    'gaussian(open({path!r}, "w"))',
    'gaussian(latents=open({path!r}, "w"))',
    'gaussian(f"{{open({path!r}, chr(119))}}")',
    'gaussian([open(p, "w") for p in ({path!r},)])',
  ],
)
def test_nothing_is_evaluated(code, tmp_path):
  trap = tmp_path / 'evaluated'
  with pytest.raises(UserError):
    spec.build_one(code.format(path=str(trap)), TABLE, 'toy')
  assert not trap.exists()


def test_building_calls_what_the_table_names():
  assert spec.build_one('scale(3)', TABLE, 'toy') == 6.0
  assert spec.build_one('scale(3, by=0.5)', TABLE, 'toy') == 1.5
  assert spec.build_one('pair', TABLE, 'toy') == (1, 2)


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('scal(3)', r"unknown toy 'scal'; allowed: pair, scale"),
    ('print(3)', r"unknown toy 'print'; allowed: pair, scale"),
    ('scale', r'toy scale: missing a required argument.*; allowed: scale\('),
    (
      'scale(1, to=2)',
      r'toy scale: .*unexpected keyword argument .*; allowed: scale\(',
    ),
    ("scale('a')", r'toy scale: '),
    ('scale(-1)', r'toy scale: number=-1; allowed: 0 or more'),
    ('pair + pair', r"'pair \+ pair' names 2 of: toy; allowed: one"),
  ],
)
def test_what_does_not_fit_is_explained(text, message):
  with pytest.raises(UserError, match=message) as error:
    spec.build_one(text, TABLE, 'toy')
  assert '\n' not in str(error.value)
