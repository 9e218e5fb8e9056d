"""Oracles: closed values by hand; disentanglement_lib's test of its anneal."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxvae import schedules
from jaxvae.errors import UserError
from jaxvae.structs import Hyper

VALUES = Hyper(
  learning_rate=1e-3,
  beta=4.0,
  gamma=100.0,
  capacity=20.0,
  noise=0.1,
  temperature=1.0,
  tilt=1.0,
  keep=1.0,
  alpha=1.0,
)


def _course(values=VALUES, **texts):
  return schedules.course(vars(values), texts)


def _at(text, step, value):
  moving, course = _course(VALUES.replace(capacity=value), capacity=text)
  return float(schedules.at_step(moving, course, jnp.int32(step)).capacity)


@pytest.mark.parametrize(
  ('text', 'value', 'expected'),
  [
    ('constant', 20.0, {0: 20, 1: 20, 10**9: 20}),
    # disentanglement_lib, vae_test.py: anneal(c_max=100, threshold=100).
    ('linear(0., 100)', 100.0, {0: 0, 10: 10, 100: 100, 101: 100}),
    # Burgess et al. 2018: C from 0 to 25 nats over 100,000 steps.
    ('linear(0., 100000)', 25.0, {0: 0, 40_000: 10, 100_000: 25, 300_000: 25}),
    ('linear(8., 4, delay=10)', 4.0, {0: 8, 10: 8, 11: 7, 13: 5, 14: 4, 99: 4}),
    ('geometric(1., 4)', 16.0, {0: 1, 1: 2, 2: 4, 3: 8, 4: 16, 5: 16}),
    ('geometric(100., 2, 5)', 1.0, {0: 100, 5: 100, 6: 10, 7: 1, 8: 1}),
    # Half a cosine: a quarter of the way at a third of the time.
    ('cosine(0., 300)', 8.0, {0: 0, 100: 2, 150: 4, 200: 6, 300: 8, 301: 8}),
    ('cosine(2., 2, delay=1)', 0.0, {0: 2, 1: 2, 2: 1, 3: 0, 4: 0}),
    (
      'piecewise(((2, 1.), (4, 5.)), 14)',
      20.0,
      {0: 1, 2: 1, 3: 3, 4: 5, 6: 8, 14: 20, 15: 20},
    ),
  ],
)
def test_values_by_hand(text, value, expected):
  for step, wanted in expected.items():
    assert _at(text, step, value) == pytest.approx(wanted, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize('name', ['linear', 'geometric', 'cosine'])
@pytest.mark.parametrize(('start', 'value'), [(1.0, 1e-6), (1e-6, 1.0)])
def test_both_ends_are_met(name, start, value):
  text = f'{name}({start}, 1000)'
  assert _at(text, 0, value) == pytest.approx(start, rel=1e-6)
  assert _at(text, 1000, value) == pytest.approx(value, rel=1e-6)
  path = [_at(text, step, value) for step in range(0, 1001, 50)]
  assert (np.diff(path) * (value - start) > 0).all()


def test_only_what_is_named_moves():
  moving, course = _course(beta='linear(0., 10)', noise='constant')
  assert moving.keys() == course.numbers.keys() == {'beta'}
  now = schedules.at_step(moving, course, jnp.int32(5))
  assert float(now.beta) == 2.0
  for name, value in vars(VALUES).items():
    field = getattr(now, name)
    assert (field.shape, field.dtype) == ((), jnp.float32)
    if name != 'beta':
      assert float(field) == np.float32(value)


def test_traced_steps_and_values():
  moving, course = _course(
    capacity='linear(0., 100)', learning_rate='cosine(0., 100)'
  )

  @jax.jit
  def now(course, step):
    return schedules.at_step(moving, course, step)

  capacities = [
    float(now(course, jnp.int32(step)).capacity) for step in (0, 25, 100, 300)
  ]
  np.testing.assert_allclose(capacities, [0, 5, 20, 20], rtol=1e-6)
  # An ensemble: members of one program go to different values, in different
  # times, from different ends.
  many = jax.tree.map(lambda v: jnp.full(3, v), course)
  values = many.values.replace(capacity=jnp.array([10.0, 20.0, 40.0]))
  _, steps, delay = many.numbers['capacity']
  start = jnp.array([0.0, 0.0, 20.0])
  steps = jnp.array([100.0, 200.0, 100.0])
  many = schedules.Course(
    values, many.numbers | {'capacity': (start, steps, delay)}
  )
  members = jax.vmap(now, in_axes=(0, None))(many, jnp.int32(50))
  np.testing.assert_allclose(members.capacity, [5, 5, 30], rtol=1e-6)
  np.testing.assert_allclose(members.learning_rate, [5e-4] * 3, rtol=1e-6)
  at_steps = jax.vmap(now, in_axes=(None, 0))(course, jnp.array([0, 50, 200]))
  np.testing.assert_allclose(at_steps.capacity, [0, 10, 20], rtol=1e-6)


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('linaer(0., 100)', "unknown schedule 'linaer'; allowed: constant, cosine"),
    ('linear(0.)', 'schedule linear: .*missing'),
    ('linear(0., 0)', 'steps=0; allowed: a whole number from 1'),
    ('cosine(0., -5)', 'steps=-5; allowed: a whole number from 1'),
    ("linear(0., 'long')", 'schedule linear: '),
    ("linear('low', 100)", "start='low'; allowed: a number"),
    ('linear(1e999, 100)', 'start=inf; allowed: a number'),
    ("linear(0., 100, 'late')", "delay='late'; allowed: a whole number"),
    ('linear(0., 100, later=3)', 'schedule linear: .*unexpected keyword'),
    ('geometric(0., 100)', 'start=0.0; allowed: a number from 1e-30'),
    ('geometric(-1., 100)', 'start=-1.0; allowed: a number from 1e-30'),
    ('piecewise((0, 0.), 10)', r'allowed: \(\(step, number\), ...\)'),
    ('piecewise(((0, 0.), (10, 5.)), 10)', 'allowed: each above the last'),
    ("piecewise(((0, 'low'),), 10)", "'low'; allowed: a number"),
    ('constant(3.)', 'schedule constant: '),
    ('linear(0., 100) + linear(0., 100)', 'names 2 of: schedule'),
  ],
)
def test_refusals(text, message):
  with pytest.raises(UserError, match=message):
    schedules.schedule(text)


def test_equal_ratios_do_not_end_at_zero():
  values = dict.fromkeys(Hyper.__dataclass_fields__, 1.0) | {'capacity': 0.0}
  texts = dict.fromkeys(values, 'constant')
  texts['capacity'] = 'geometric(1., 100)'
  with pytest.raises(UserError, match=r'capacity=0\.0; allowed with .*above 0'):
    schedules.course(values, texts)
  texts['capacity'] = 'linear(1., 100)'
  assert set(schedules.course(values, texts)[0]) == {'capacity'}


@pytest.mark.parametrize(
  ('name', 'text', 'message'),
  [
    (
      'noise',
      'linear(-0.1, 100)',
      'goes through -0.1; allowed for hyper.noise',
    ),
    ('noise', 'linear(0., 100)', 'goes through 0.0; allowed for hyper.noise: '),
    ('temperature', 'cosine(0, 9)', 'through 0; allowed for hyper.temperature'),
    ('beta', 'piecewise(((0, 1.), (5, -2.)), 9)', 'goes through -2.0; allowed'),
    ('beta', 'linear(1e39, 100)', 'start=1e.39; allowed: a number from'),
    ('learning_rate', 'linear(-1e-3, 9)', 'goes through -0.001; allowed'),
  ],
)
def test_values_on_the_way_are_allowed_ones(name, text, message):
  with pytest.raises(UserError, match=message) as caught:
    _course(**{name: text})
  assert len(str(caught.value).splitlines()) == 1


def test_a_learning_rate_may_grow_from_nothing():
  moving, course = _course(learning_rate='linear(0., 10)')
  now = schedules.at_step(moving, course, jnp.int32(0))
  assert float(now.learning_rate) == 0.0
