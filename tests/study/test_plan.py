"""How a study is cut into ensembles; two (virtual) devices, see conftest.py."""

import itertools
import re

import jax
import pytest

from jaxvae import config as schema
from jaxvae.errors import UserError
from jaxvae.study import plan
from jaxvae.study.grid import Study
from jaxvae.train import cost, sharding

SMALL = {
  'data.name': 'digits',
  'net': 'mlp(encoder=(32,), decoder=(32,))',
  'latent': 'gaussian(2)',
  'batch_size': '16',
  'num_steps': '2000',
}


@pytest.fixture(scope='module')
def base(tmp_path_factory):
  """(changes) -> a config on the digits, which are prepared once."""
  place = str(tmp_path_factory.mktemp('data'))

  def make(**changes):
    texts = SMALL | {'data.data_dir': place} | changes
    return schema.override(schema.default(), texts)

  return make


@pytest.fixture
def priced(monkeypatch):
  """A run holds 100 bytes, and a step takes 50 more; no data are opened."""
  monkeypatch.setattr(cost, 'of_step', lambda config: cost.Cost(100, 50, 1000))


def seeds(count, config):
  return Study('mine', '', config, tuple({'seed': at} for at in range(count)))


def cut(study, **options):
  made = plan.make(study, range(len(study.sets)), **options)
  return [one.indices for one in made.ensembles]


def sizes(study, **options):
  return [len(part) for part in cut(study, **options)]


def test_equal_structure_is_a_program(base):
  """Seeds, values and numbers of schedules are not structure."""
  sets = (
    {'seed': 0},
    {'latent': 'gaussian(3)'},
    {'seed': 1, 'hyper.beta': 4.0},
    {'schedule.beta': 'linear(0., 100)'},
    {'latent': 'gaussian(3)', 'hyper.learning_rate': 1e-4},
    {'schedule.beta': 'linear(1., 50)', 'seed': 3},
    {'num_steps': 100},
    {'schedule.beta': 'cosine(0., 100)'},
  )
  # Optax's Adam takes a float to the power of an integer.
  with jax.numpy_dtype_promotion('standard'):
    made = plan.make(Study('mine', '', base(), sets), range(8))
  found = [(one.indices, one.program) for one in made.ensembles]
  # Programs are counted as they come.
  expected = [((0, 2), 0), ((1, 4), 1), ((3, 5), 2), ((6,), 3), ((7,), 4)]
  assert found == expected
  assert made.steps == (2000, 2000, 2000, 100, 2000)
  # One more latent: 32 x 2 + 2 more numbers in the encoder's head, mean and
  # scale, and 32 more in the decoder; Adam has each three times, four bytes.
  larger = made.costs[1].state - made.costs[0].state
  assert larger == (32 * 2 + 2 + 32) * 3 * 4
  assert plan.summary(made) == '8 runs, 5 programs, 5 ensembles of at most 2'


@pytest.mark.parametrize(
  ('count', 'members', 'expected'),
  [
    # Of at most 8, which are 4 lanes on each of two devices: 25 / 8 is more
    # than 3, so four parts, and 25 = 4 * 6 + 1.
    (25, 0, [7, 6, 6, 6]),
    (8, 0, [8]),
    (9, 0, [5, 4]),
    (17, 0, [6, 6, 5]),
    (1, 0, [1]),
    (25, 8, [7, 6, 6, 6]),
    (25, 12, [9, 8, 8]),
    (25, 100, [25]),
    (25, 5, [5] * 5),
    (4, 3, [2, 2]),
    (3, 1, [1, 1, 1]),
  ],
)
def test_ensembles_are_nearly_equal(priced, base, count, members, expected):
  study = seeds(count, base())
  found = cut(study, members=members)
  assert [len(part) for part in found] == expected
  # All of them once and in order.
  assert list(itertools.chain(*found)) == list(range(count))


def test_an_accelerator_takes_all_at_once(priced, base):
  assert sizes(seeds(25, base(lanes='vmap'))) == [25]
  assert sizes(seeds(25, base(lanes='map'))) == [7, 6, 6, 6]


@pytest.mark.parametrize(
  ('lanes', 'memory', 'expected'),
  [
    # At once each holds 100 bytes, and 100 + 50 while it steps: 250.
    ('vmap', 1500, [6]),
    ('vmap', 1499, [3, 3]),
    ('vmap', 749, [2, 2, 2]),
    ('vmap', 500, [2, 2, 2]),
    ('vmap', 499, [1] * 6),
    ('vmap', 1, [1] * 6),
    # One after another on two devices, only two step: 100 each, and 300.
    ('map', 900, [6]),
    ('map', 899, [3, 3]),
    ('map', 599, [2, 2, 2]),
    ('map', 499, [1] * 6),
  ],
)
def test_memory_limits_an_ensemble(priced, base, lanes, memory, expected):
  study = seeds(6, base(lanes=lanes))
  made = plan.make(study, range(6), memory=memory)
  assert [len(one.indices) for one in made.ensembles] == expected
  assert made.memory == memory
  count = expected[0]
  each = 100 * count + 150 * (count if lanes == 'vmap' else min(count, 2))
  assert {one.bytes for one in made.ensembles} == {each}


def test_the_lesser_of_two_limits(priced, base):
  study = seeds(6, base(lanes='vmap'))
  assert sizes(study, memory=749, members=4) == [2, 2, 2]
  assert sizes(study, memory=1500, members=4) == [3, 3]


def test_processes_share_the_memory_of_the_machine(priced, base, monkeypatch):
  monkeypatch.setattr(sharding, 'memory', lambda: 10_000)
  study = seeds(30, base(lanes='vmap'))
  # Six tenths of it: 6000 bytes hold 24 of 250, and 2000 hold 8.
  assert sizes(study) == [15, 15]
  assert sizes(study, workers=3) == [8, 8, 7, 7]


def test_programs_are_cut_apart_and_listed_by_their_first_index(priced, base):
  """Two networks, one every third index."""
  sets = tuple(
    {'seed': at} | ({'net': 'burgess'} if at % 3 == 0 else {})
    for at in range(12)
  )
  made = plan.make(Study('mine', '', base(), sets), range(12), members=3)
  assert [(one.indices, one.program) for one in made.ensembles] == [
    ((0, 3), 0),
    ((1, 2, 4), 1),
    ((5, 7, 8), 1),
    ((6, 9), 0),
    ((10, 11), 1),
  ]


def test_a_job_trains_the_ensemble_that_was_planned(priced, base):
  """What is asked for decides, and nothing that lies in a directory."""
  study = seeds(25, base())
  whole = plan.make(study, range(25))
  assert plan.make(study, range(25)) == whole
  for one in whole.ensembles:
    # So run.through starts it: its indices and its size.
    alone = plan.make(study, one.indices, members=len(one.indices))
    assert alone.ensembles == (one,)


def test_some_indices(priced, base):
  made = plan.make(seeds(25, base()), [3, 4, 20], members=2)
  assert [one.indices for one in made.ensembles] == [(3, 4), (20,)]


def test_a_thousand(priced, base):
  sets = tuple(
    {'latent': f'gaussian({latents})', 'hyper.beta': beta, 'seed': seed}
    for latents in (2, 4, 6, 8, 10)
    for beta in (1, 2, 4, 8)
    for seed in range(50)
  )
  study = Study('mine', '', base(), sets)
  made = plan.make(study, range(1000))
  # Five programs of 200, cut into 25 of 8.
  assert [len(one.indices) for one in made.ensembles] == [8] * 125
  assert len(made.costs) == 5
  found = itertools.chain(*(one.indices for one in made.ensembles))
  assert list(found) == list(range(1000))
  said = plan.text(study, made, workers=1).splitlines()
  # A line for the whole, and for each program one, seven ensembles and the
  # rest of them; two about memory and time.
  assert len(said) == 1 + 5 * 9 + 2
  assert said[0] == ('mine: 1,000 runs, 5 programs, 125 ensembles of at most 8')
  assert said[9] == '  and 18 ensembles more'


def test_a_config_that_cannot_be_trained_is_refused(base):
  study = seeds(2, base(objective='vae'))
  with pytest.raises(UserError, match="unknown objective 'vae'"):
    plan.make(study, [0, 1])
  study = Study('mine', '', base(), ({'seed': 0}, {'seed': -1}))
  with pytest.raises(UserError, match=r'^index 1: config\.seed=-1; '):
    plan.make(study, [0, 1])


def test_the_text_says_programs_ensembles_memory_and_time(base):
  sets = tuple(
    {'latent': f'gaussian({latents})', 'seed': seed}
    for latents in (2, 3)
    for seed in range(3)
  )
  study = Study('mine', '', base(), sets)
  with jax.numpy_dtype_promotion('standard'):
    made = plan.make(study, range(6), members=2, memory=3 * 10**9)
  lines = plan.text(study, made, workers=1).splitlines()
  assert lines[0] == 'mine: 6 runs, 2 programs, 4 ensembles of at most 2'
  cut = ['0-1: 2 members', '2: 1 member', '3-4: 2 members', '5: 1 member']
  shown = [line for line in lines if line.startswith('  ')]
  assert [line.strip().partition(',')[0] for line in shown] == cut
  for number, line in zip((0, 1), (lines[1], lines[4]), strict=True):
    assert re.fullmatch(
      rf'program {number}: 3 runs in 2 ensembles, 2,000 steps of 0\.00 GFLOP, '
      r'at most 0\.00 GB, about [0-9hms]+',
      line,
    )
  assert lines[-2] == 'memory for an ensemble: 3.0 GB'
  assert re.match(r'about [0-9hms]+ on this machine, from the op', lines[-1])


def test_the_time_is_that_of_the_operations_at_half_speed():
  runs = plan.Ensemble((0, 1, 2), 0, 0)
  made = plan.Plan((runs,), (cost.Cost(0, 0, 5 * 10**6),), (2000,), 0)
  # 3 runs of 2,000 steps of 5 million are 3e10, at half of 1e10 a second.
  assert plan.seconds(made, runs, 1e10) == pytest.approx(6.0)
  assert 1e8 < plan.speed() < 1e16
