"""Members of an ensemble are ordinary runs; compared with runs alone."""

import json
import re
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxvae import cli, pretrained
from jaxvae.errors import ResourceError, UserError
from jaxvae.train import (
  checkpoint,
  ensemble,
  loop,
  setup,
  sharding,
  steps,
  workdir,
)

CHANGES = {
  'data.name': 'digits',
  'net': 'mlp(encoder=(32,), decoder=(32,))',
  'latent': 'gaussian(2)',
  'batch_size': '16',
  'num_steps': '40',
  'steps_per_call': '10',
  'log_every': '10',
  'save_every': '20',
  'eval.examples': '50',
  'eval.figures': 'false',
  'objective': 'annealed_vae',
  'optimizer': 'momentum',
  'hyper.learning_rate': '1e-4',
  'hyper.gamma': '1.0',
}
# Everything that members may differ in: seeds, values, ends of a schedule.
MEMBERS = (
  {'seed': '0', 'schedule.capacity': 'linear(0., 20)'},
  {'seed': '1', 'schedule.capacity': 'linear(2., 20)'},
  {'seed': '1', 'schedule.capacity': 'linear(2., 30, delay=5)'},
  {'seed': '2', 'hyper.learning_rate': '3e-4', 'hyper.capacity': '4.0'},
)


@pytest.fixture(scope='module')
def config(tmp_path_factory):
  """(changes) -> a config; the data are prepared once."""
  page = tmp_path_factory.mktemp('config') / 'page.py'
  page.write_text('from jaxvae.config import default as get_config\n')
  data = str(page.parent / 'data')

  def make(**changes):
    shared = CHANGES | {'schedule.capacity': 'linear(0., 20)'}
    texts = shared | {'data.data_dir': data} | changes
    return cli.load_config(str(page), texts)

  return make


def losses(home):
  lines = (home / 'metrics.jsonl').read_text().splitlines()
  return np.array([json.loads(line)['loss'] for line in lines])


@pytest.fixture(scope='module')
def alone(config, tmp_path_factory):
  """Each member as a run of its own."""
  root = tmp_path_factory.mktemp('alone')
  for at, changes in enumerate(MEMBERS):
    assert loop.train(config(**changes), str(root / f'{at:04d}')) == 0
  return root


@pytest.mark.parametrize(
  ('shard', 'lanes'),
  [('run', 'map'), ('run', 'vmap'), ('batch', 'map'), ('batch', 'vmap')],
)
def test_members_are_the_runs_alone(config, alone, tmp_path, shard, lanes):
  """On two devices, which share the members or each batch."""
  configs = [config(shard=shard, lanes=lanes, **each) for each in MEMBERS]
  homes = [tmp_path / f'{at:04d}' for at in range(len(MEMBERS))]
  assert loop.train_members(configs, list(map(str, homes))) == (0, {})
  for home in homes:
    # To rounding: an ensemble adds in another order.
    expected = losses(alone / home.name)
    np.testing.assert_allclose(losses(home), expected, rtol=1e-5)
    run = workdir.read_run(home)
    assert (run['status'], run['step'], run['lanes']) == ('completed', 40, 4)
  # They are different runs.
  assert len({losses(home)[-1] for home in homes}) == len(homes)


@pytest.fixture(scope='module')
def together(config, tmp_path_factory):
  root = tmp_path_factory.mktemp('together')
  configs = [config(**each) for each in MEMBERS[:3]]
  homes = [str(root / f'{at:04d}') for at in range(3)]
  assert loop.train_members(configs, homes) == (0, {})
  return root


def test_a_member_is_taken_out_resumed_and_used(config, together, tmp_path):
  home = shutil.copytree(together / '0001', tmp_path / 'taken')
  vae = pretrained.load(home)
  assert (vae.step, vae.config.seed) == (40, 1)
  assert vae.sample(2).shape == (2, 8, 8, 1)
  longer = config(num_steps='50', **MEMBERS[1])
  assert loop.train(longer, str(home)) == 0
  assert workdir.read_run(home)['step'] == 50
  whole = tmp_path / 'whole'
  assert loop.train(longer, str(whole)) == 0
  np.testing.assert_allclose(losses(home), losses(whole), rtol=1e-5)


def digests(root):
  return [
    checkpoint.params_digest(checkpoint.read(home).state['params'])
    for home in sorted(root.iterdir())
  ]


def test_members_of_unequal_steps_meet_and_end_with_the_same_bits(
  config, together, tmp_path
):
  """As a kill between two of their saves leaves them."""
  root = tmp_path / 'torn'
  shutil.copytree(together, root)
  for home in root.iterdir():
    run = workdir.read_run(home)
    workdir.write_json(home / 'run.json', run | {'status': 'preempted'})
  shutil.rmtree(root / '0002' / 'checkpoints' / '40')
  configs = [config(**each) for each in MEMBERS[:3]]
  homes = [str(root / f'{at:04d}') for at in range(3)]
  assert loop.train_members(configs, homes) == (0, {})
  assert digests(root) == digests(together)
  for home in sorted(root.iterdir()):
    wanted = (together / home.name / 'metrics.jsonl').read_text()
    assert (home / 'metrics.jsonl').read_text() == wanted


def test_a_member_without_a_checkpoint_takes_all_to_the_start(
  config, together, tmp_path, capsys
):
  root = tmp_path / 'torn'
  shutil.copytree(together, root)
  shutil.rmtree(root / '0000')
  for name in ('0001', '0002'):
    run = workdir.read_run(root / name)
    workdir.write_json(root / name / 'run.json', run | {'status': 'failed'})
    shutil.rmtree(root / name / 'checkpoints' / '40')
  configs = [config(**each) for each in MEMBERS[:3]]
  homes = [str(root / f'{at:04d}') for at in range(3)]
  assert loop.train_members(configs, homes) == (0, {})
  assert 'resume' not in capsys.readouterr().out
  assert digests(root) == digests(together)


def test_a_member_that_was_lost_does_not_cost_the_others_theirs(
  config, together, tmp_path
):
  root = tmp_path / 'lost'
  shutil.copytree(together, root)
  shutil.rmtree(root / '0000')
  configs = [config(num_steps='50', **each) for each in MEMBERS[:3]]
  homes = [str(root / f'{at:04d}') for at in range(3)]
  with pytest.raises(UserError, match='without a checkpoint: 0000'):
    loop.train_members(configs, homes)
  shutil.rmtree(root / '0000')
  assert digests(root) == digests(together)[1:]


def test_one_whose_disk_is_full_is_not_left_two_steps_behind(
  config, tmp_path, small_disk
):
  """Which would leave the members no step in common to go on from."""
  configs = [config(seed=seed, num_steps='60') for seed in '01']

  def train(*homes):
    assert loop.train_members(configs, list(map(str, homes))) == (0, {})
    return [workdir.read_run(home)['params_sha256'] for home in homes]

  homes = tmp_path / '0000', small_disk / '0001'
  ballast = small_disk / 'ballast'
  ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 64_000))
  with pytest.raises(ResourceError, match='No space left on device'):
    train(*homes)
  saved = [steps.finished(home / 'checkpoints') for home in homes]
  assert saved == [[20], []]
  ballast.unlink()
  assert train(*homes) == train(tmp_path / 'a', tmp_path / 'b')


def test_one_that_diverges_does_not_stop_the_others(config, tmp_path, capsys):
  wild = {'seed': '1', 'hyper.learning_rate': '1e30'}
  configs = [config(**each) for each in (MEMBERS[0], wild, MEMBERS[3])]
  homes = [tmp_path / f'{at:04d}' for at in range(3)]
  code, errors = loop.train_members(configs, list(map(str, homes)))
  assert (code, list(errors)) == (0, [1])
  told = str(errors[1])
  assert told.startswith('step 2 is not finite: ')
  assert told.endswith('(learning rate 1e+30)')
  runs = [workdir.read_run(home) for home in homes]
  assert [run['status'] for run in runs] == [
    'completed',
    'diverged',
    'completed',
  ]
  assert (runs[1]['error'], runs[1]['step']) == (told, 0)
  assert not list((homes[1] / 'checkpoints').iterdir())
  said = re.search(r'0001 \((.*)\) diverged: (.*)', capsys.readouterr().out)
  assert 'seed=1' in said.group(1)
  assert said.group(2) == told
  # Asked again, it keeps its lane and is not trained again.
  before = [(home / 'run.json').stat().st_mtime_ns for home in homes[1:2]]
  longer = [
    config(num_steps='60', **each) for each in (MEMBERS[0], wild, MEMBERS[3])
  ]
  assert loop.train_members(longer, list(map(str, homes))) == (0, {})
  assert [workdir.read_run(home)['step'] for home in homes] == [60, 0, 60]
  assert before == [
    (home / 'run.json').stat().st_mtime_ns for home in homes[1:2]
  ]
  # The others are what they would have been without it.
  calm = [tmp_path / f'calm{at}' for at in (0, 2)]
  assert loop.train_members([longer[0], longer[2]], list(map(str, calm))) == (
    0,
    {},
  )
  for home, other in zip((homes[0], homes[2]), calm, strict=True):
    np.testing.assert_allclose(losses(home), losses(other), rtol=1e-5)


def test_all_that_diverge_end_the_loop(config, tmp_path):
  wild = [
    config(seed=str(seed), **{'hyper.learning_rate': '1e30'}) for seed in (0, 1)
  ]
  homes = [str(tmp_path / f'{at}') for at in (0, 1)]
  code, errors = loop.train_members(wild, homes)
  assert (code, sorted(errors)) == (0, [0, 1])


def test_where_memory_ends_is_no_bug(config, tmp_path):
  def too_much(fresh):
    raise MemoryError

  with pytest.raises(ResourceError, match='no memory is left') as left:
    loop.train(config(), str(tmp_path), initial_params=too_much)
  assert left.value.hint.startswith('lower config.batch_size, ')
  run = workdir.read_run(tmp_path)
  assert (run['status'], run['error']) == ('failed', 'no memory is left')
  assert not list(tmp_path.glob('crash-*'))


def test_what_is_structure_and_what_is_a_number(config):
  program = ensemble.program
  base = program(config())
  assert all(program(config(**each)) == base for each in MEMBERS)
  for key, text in (
    ('net', 'mlp'),
    ('batch_size', '32'),
    ('num_steps', '50'),
    ('schedule.capacity', 'cosine(0., 20)'),
    ('schedule.beta', 'linear(0., 20)'),
    ('data.binarize', 'true'),
  ):
    assert program(config(**{key: text})) != base
  with pytest.raises(UserError, match='differ in more than numbers'):
    setup.set_up([config(), config(net='mlp')])


def test_states_are_joined_and_split_to_the_bit():
  layout = sharding.layout(3, 4, 'run', 'map')
  states = [
    {'w': jnp.arange(4.0) + n, 'key': jax.random.key(n), 'n': jnp.int32(n)}
    for n in range(3)
  ]
  joined = ensemble.join(states, layout)
  # The last one twice, to fill two devices.
  assert joined['w'].shape == (4, 4)
  np.testing.assert_array_equal(joined['n'], [0, 1, 2, 2])
  for state, found in zip(
    (states[2], states[0]), ensemble.split(joined, [2, 0]), strict=True
  ):
    np.testing.assert_array_equal(found['w'], state['w'])
    assert found['n'] == state['n']
    np.testing.assert_array_equal(
      jax.random.key_data(found['key']), jax.random.key_data(state['key'])
    )
