"""Whole runs as real processes: killed, stopped, refused, diverged, resumed.

Runs to the same bits are compared with one that was never stopped, on the same
machine with the same devices; between numbers of devices a tolerance stands in.
The chains of runs that the tests look at go on side by side, see `chains`.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from absl import flags

from jaxvae import cli, main
from jaxvae.train import checkpoint, steps, workdir

ROOT = pathlib.Path(__file__).resolve().parents[2]
STEPS = 600
CONFIG = f"""
from jaxvae.config import default
def get_config():
  config = default()
  config.data.name = 'digits'
  config.net = 'mlp(encoder=(32,), decoder=(32,))'
  config.latent = 'gaussian(2)'
  config.batch_size = 16
  config.num_steps = {STEPS}
  config.steps_per_call = 10
  config.log_every = 20
  config.save_every = 10
  config.eval.examples = 100
  return config
"""


class Place:
  """A config, its data, and the runs that are started there."""

  def __init__(self, root):
    self.root = root
    self.config = root / 'config.py'
    self.config.write_text(CONFIG)

  def arguments(self, name, *more):
    return [
      f'--config={self.config}',
      f'--config.data.data_dir={self.root / "data"}',
      f'--workdir={self.root / name}',
      *more,
    ]

  def start(self, name, *more, devices=1):
    return subprocess.Popen(
      [sys.executable, '-m', 'jaxvae.main', *self.arguments(name, *more)],
      cwd=self.root,
      env=os.environ
      | {'PYTHONPATH': str(ROOT), 'JAX_NUM_CPU_DEVICES': str(devices)},
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )

  def run(self, name, *more, devices=1):
    """Runs to the end; returns (code, standard output, standard error)."""
    return ended(self.start(name, *more, devices=devices))

  def saved(self, name):
    """The newest checkpoint, 0 where there is none."""
    return max(steps.finished(self.root / name / 'checkpoints'), default=0)

  def stopped(self, name, number, after):
    """Starts a run and sends a signal once checkpoint `after` is there."""
    process = self.start(name)
    until = time.monotonic() + 200
    while self.saved(name) < after and process.poll() is None:
      if time.monotonic() > until:
        process.kill()
        raise AssertionError(f'no checkpoint {after}: {ended(process)}')
      time.sleep(0.002)
    time.sleep(random.uniform(0, 0.05))
    process.send_signal(number)
    return ended(process), workdir.read_run(self.root / name)

  def result(self, name):
    """What two equal runs have in common, as text."""
    run = workdir.read_run(self.root / name)
    assert run['status'] == 'completed'
    lines = (self.root / name / 'metrics.jsonl').read_text()
    metrics = (self.root / name / 'metrics.json').read_text()
    return run['step'], run['params_sha256'], lines, metrics


def ended(process):
  try:
    out, err = process.communicate(timeout=300)
  finally:
    process.kill()
  return process.returncode, out, err


def unstopped(place):
  done = place.run('unstopped')
  first = place.result('unstopped')
  return done, place.run('unstopped', '--mode=eval'), first


def killed(place):
  ends, after = [], 0
  for _ in range(3):
    after = place.saved('killed') + 10 * random.randint(1, 15)
    ends.append(place.stopped('killed', signal.SIGKILL, after))
  return ends, place.run('killed')


def signalled(place):
  ends = [place.stopped('signalled', signal.SIGTERM, 50)]
  after = place.saved('signalled') + 50
  ends.append(place.stopped('signalled', signal.SIGINT, after))
  ends.append(place.stopped('signalled', signal.SIGTERM, STEPS))
  return ends, place.run('signalled')


def devices(place):
  each = ('--config.steps_per_call=1', '--config.log_every=1')
  short = (*each, '--config.num_steps=30')
  longer = (*each, '--config.num_steps=40')
  return (
    place.run('one', *longer),
    place.run('eight', *short, devices=8),
    place.run('eight', *longer),
  )


@pytest.fixture(scope='module')
def place(tmp_path_factory):
  return Place(tmp_path_factory.mktemp('runs'))


@pytest.fixture(scope='module')
def chains(place):
  """Chains of runs by name, as futures: none depends on another."""
  with concurrent.futures.ThreadPoolExecutor(2) as pool:
    named = (unstopped, killed, signalled, devices)
    yield {chain.__name__: pool.submit(chain, place) for chain in named}


@pytest.fixture
def here(place, chains, capsys):
  """Runs `main` in this process, of two devices; (code, output, error)."""
  chains['unstopped'].result()

  def call(name, *more):
    # Optax's Adam takes a float to the power of an integer.
    with jax.numpy_dtype_promotion('standard'):
      code = cli.run(main.main, ['main.py', *place.arguments(name, *more)])
    for flag in ('config', 'workdir', 'mode', 'allow_config_change', 'dry_run'):
      flags.FLAGS[flag].unparse()
    return code, *capsys.readouterr()

  return call


@pytest.fixture
def copied(place, chains):
  """Copies the run that was not stopped to `name`."""
  chains['unstopped'].result()

  def copy(name):
    return shutil.copytree(place.root / 'unstopped', place.root / name)

  return copy


def files(directory):
  """Path and time of change of everything below, without the lock."""
  return {
    (path.relative_to(directory), path.stat().st_mtime_ns)
    for path in directory.rglob('*')
    if path.name != '.lock' and path.is_file()
  }


def test_a_run_completes_and_evaluates_again_to_the_same(place, chains):
  done, again, first = chains['unstopped'].result()
  assert (done[0], again[0]) == (0, 0), (done, again)
  assert place.result('unstopped') == first
  step, digest, lines, metrics = first
  assert step == STEPS
  restored = checkpoint.read(place.root / 'unstopped')
  assert checkpoint.params_digest(restored.state['params']) == digest
  logged = [json.loads(line) for line in lines.splitlines()]
  assert [line['step'] for line in logged] == list(range(20, STEPS + 1, 20))
  assert logged[-1]['loss'] < 0.8 * logged[0]['loss']
  found = json.loads(metrics)
  assert (found['step'], found['examples']) == (STEPS, 100)
  names = {'reconstructions.png', 'traversals.png', 'traversals.gif'}
  names |= {'samples.png', 'training.png', 'information.png'}
  drawn = {file.name for file in (place.root / 'unstopped/figures').iterdir()}
  assert names <= drawn


def test_killed_three_times_it_ends_with_the_same_bits(place, chains):
  ends, last = chains['killed'].result()
  for (code, out, err), _ in ends:
    assert code == -signal.SIGKILL, (out, err)
  assert last[0] == 0, last
  chains['unstopped'].result()
  assert place.result('killed') == place.result('unstopped')
  unfinished = place.root / 'killed' / 'checkpoints'
  assert steps.unfinished(unfinished) == {}


def test_stopped_by_signals_it_saves_and_ends_with_the_same_bits(place, chains):
  ends, last = chains['signalled'].result()
  saved = 0
  for ((code, out, err), run), expected, name in zip(
    ends, (143, 130, 143), ('SIGTERM', 'SIGINT', 'SIGTERM'), strict=True
  ):
    assert (code, err) == (expected, ''), out
    assert (run['status'], run['step'] > saved) == ('preempted', True)
    if saved:
      assert f'resume from checkpoint {saved}\n' in out
    saved = run['step']
    assert out.splitlines()[-1].startswith(f'{name}: stopped at step {saved}')
  assert saved == STEPS
  assert last[0] == 0, last
  assert 'all steps are done already; evaluating' in last[1]
  chains['unstopped'].result()
  assert place.result('signalled') == place.result('unstopped')


def test_one_and_two_and_eight_devices(place, chains, here):
  code, out, _ = here(
    'two',
    '--config.steps_per_call=1',
    '--config.log_every=1',
    '--config.num_steps=30',
  )
  assert code == 0
  assert '| 2 x cpu |' in out
  one, eight, resumed = chains['devices'].result()
  assert (one[0], eight[0], resumed[0]) == (0, 0, 0), (one, eight, resumed)
  assert '| 8 x cpu |' in eight[1]
  assert 'saved on 8 devices, now on 1' in resumed[1]

  def losses(name):
    lines = (place.root / name / 'metrics.jsonl').read_text().splitlines()
    return np.array([json.loads(line)['loss'] for line in lines])

  expected = losses('one')
  assert len(expected) == len(losses('eight')) == 40
  np.testing.assert_allclose(losses('two'), expected[:30], rtol=1e-5)
  np.testing.assert_allclose(losses('eight'), expected, rtol=1e-5)


def test_another_config_is_refused_in_a_table(place, copied, here):
  before = files(copied('other'))
  code, out, err = here(
    'other', '--config.hyper.beta=6', '--config.net=mlp(encoder=(16,))'
  )
  assert (code, out) == (2, '')
  assert err.splitlines() == [
    'jaxvae: error: the workdir holds a run with another config:',
    '  key        | saved                               | now',
    '  hyper.beta | 1.0                                 | 6.0',
    '  net        | "mlp(encoder=(32,), decoder=(32,))" | "mlp(encoder=(16,))"',
    'hint: use a new workdir, or --allow_config_change=hyper.beta,net',
  ]
  code, _, err = here(
    'other', '--config.net=mlp(encoder=(16,))', '--allow_config_change=net'
  )
  assert code == 2
  assert 'does not fit this model (- saved, + now)' in err
  code, _, err = here('other', '--config.num_steps=300')
  assert code == 2
  assert f'config.num_steps=300; the run is at step {STEPS}' in err
  assert files(place.root / 'other') == before


def test_data_that_changed_are_refused(place, copied, here):
  # The same config, and pixels that are others than those it was trained on.
  step = copied('changed') / 'checkpoints' / str(STEPS)
  path = step / 'manifest' / 'metadata'
  manifest = json.loads(path.read_text())
  manifest['info']['data']['fingerprint'] = 'of other pixels'
  del manifest['sha256']
  text = json.dumps(manifest, sort_keys=True).encode()
  manifest['sha256'] = hashlib.sha256(text).hexdigest()
  path.write_text(json.dumps(manifest))
  before = files(place.root / 'changed')
  code, _, err = here('changed')
  assert (code, 'the data changed since checkpoint 600' in err) == (2, True)
  assert files(place.root / 'changed') == before


def test_the_checkpoint_knows_which_run_it_is(place, copied, here):
  """Without config.json and run.json too; they are written again."""
  home = copied('lost')
  (home / 'config.json').unlink()
  (home / 'run.json').unlink()
  before = files(home)
  code, out, err = here('lost', '--config.seed=1', '--config.hyper.beta=2')
  assert (code, out) == (2, '')
  assert 'hyper.beta | 1.0   | 2.0' in err and 'seed       | 0     | 1' in err
  assert files(home) == before
  code, out, _ = here('lost', '--config.eval.figures=false')
  assert code == 0
  assert '(found)\n' in out
  lost = 'config.json and run.json lost; written again from checkpoint'
  assert f'{lost} {STEPS}\nresume from checkpoint {STEPS}\n' in out
  run = workdir.read_run(home)
  digest = workdir.read_run(place.root / 'unstopped')['params_sha256']
  assert (run['status'], run['params_sha256']) == ('completed', digest)
  assert workdir.read_config(home)['seed'] == 0


def test_other_versions_are_said_and_kept(place, copied, here):
  home = copied('versions')
  run = workdir.read_run(home)
  # As an earlier version of this project left it, with another JAX.
  del run['sessions'], run['saved']
  run['versions'] |= {'jax': '0.10.0', 'jaxlib': '0.10.0'}
  workdir.write_json(home / 'run.json', run)
  code, out, _ = here('versions', '--config.eval.figures=false')
  assert code == 0
  now = jax.__version__
  assert f'jax 0.10.0 -> {now}, jaxlib 0.10.0 -> ' in out
  assert 'the bits of what follows may differ' in out
  first, last = workdir.read_run(home)['sessions']
  assert (first['versions']['jax'], last['versions']['jax']) == ('0.10.0', now)
  assert (first['since'], last['step']) == (run['started'], STEPS)


def test_what_is_gone_is_not_trained_again(place, copied, here):
  home = copied('gone')
  shutil.rmtree(home / 'checkpoints')
  before = files(home)
  for more in ([], ['--mode=eval'], ['--dry_run']):
    code, _, err = here('gone', *more)
    assert code == 4
    assert f'gone is completed, and checkpoint {STEPS}, which run.json' in err
  assert files(home) == before


def test_free_keys_may_change(place, copied, here):
  copied('longer')
  code, out, _ = here(
    'longer',
    f'--config.num_steps={STEPS + 20}',
    '--config.hyper.learning_rate=1e-3',
    '--allow_config_change=hyper.learning_rate',
  )
  assert code == 0
  assert f'resume from checkpoint {STEPS}\n' in out
  assert workdir.read_run(place.root / 'longer')['step'] == STEPS + 20
  last = (place.root / 'longer' / 'metrics.jsonl').read_text().splitlines()[-1]
  assert json.loads(last)['learning_rate'] == np.float32(1e-3)


def test_a_busy_workdir(place, copied, here):
  before = files(copied('busy'))
  with workdir.claim(place.root / 'busy'):
    for more in ([], ['--mode=eval']):
      code, _, err = here('busy', *more)
      assert code == 5
      assert f'busy is in use by pid {os.getpid()} on host' in err
  assert files(place.root / 'busy') == before


def test_divergence_stops_the_run_and_spares_the_checkpoints(
  place, copied, here
):
  copied('diverged')
  code, _, err = here(
    'diverged',
    f'--config.num_steps={STEPS + 100}',
    '--config.hyper.learning_rate=1e30',
    '--allow_config_change=hyper.learning_rate',
  )
  assert code == 3
  first, hint = err.splitlines()
  assert first.startswith(f'jaxvae: error: step {STEPS + 2} is not finite: ')
  assert 'loss ' in first and first.endswith('(learning rate 1e+30)')
  assert f'goes on from checkpoint {STEPS}' in hint
  run = workdir.read_run(place.root / 'diverged')
  assert (run['status'], run['error'] in first) == ('diverged', True)
  restored = checkpoint.read(place.root / 'diverged')
  assert restored.step == STEPS
  for leaf in restored.state['params']['encoder'].values():
    assert all(np.isfinite(array).all() for array in leaf.values())


def test_figures_that_cannot_be_drawn_do_not_fail_a_run(
  place, copied, here, caplog
):
  home = copied('undrawn')
  shutil.rmtree(home / 'figures')
  (home / 'figures').write_text('a file is where the directory would be')
  code, out, _ = here('undrawn', f'--config.num_steps={STEPS + 10}')
  assert (code, 'figures and animations' in out) == (0, False)
  (said,) = [r.getMessage() for r in caplog.records if r.name == 'jaxvae']
  assert said.startswith(f'cannot draw {home / "figures"}')
  assert said.endswith(f'--mode=eval --workdir={home}')
  assert workdir.read_run(home)['status'] == 'completed'
  assert json.loads((home / 'metrics.json').read_text())['step'] == STEPS + 10
  code, _, err = here('undrawn', '--mode=eval')
  assert (code, err.count('\n')) == (5, 2)
  assert err.startswith(f'jaxvae: error: cannot draw {home / "figures"}')


def test_a_run_whose_output_nobody_reads_is_kept(place, chains):
  process = place.start('unread')
  for line in process.stdout:
    if line.startswith('step '):
      break
  process.stdout.close()
  process.stdout = None
  code, _, err = ended(process)
  saved = place.saved('unread')
  assert (code, saved > 0) == (5, True)
  assert err.splitlines() == [
    'jaxvae: error: standard output: Broken pipe',
    'hint: make room, or put right what is in the way, and run the same command'
    f' again: it goes on from checkpoint {saved}',
  ]
  run = workdir.read_run(place.root / 'unread')
  assert (run['status'], run['step']) == ('failed', saved)
  assert place.run('unread')[0] == 0
  chains['unstopped'].result()
  assert place.result('unread') == place.result('unstopped')


ONE_STEP = (
  '--config.steps_per_call=1',
  '--config.num_steps=1',
  '--config.save_every=1',
  '--config.optimizer=sgd',
)


def test_an_update_that_overflows_is_not_saved(place, here):
  """Its loss and its gradient are finite; its parameters are not."""
  code, _, err = here(
    'overflow',
    *ONE_STEP,
    '--config.hyper.beta=1000',
    '--config.hyper.learning_rate=3e38',
  )
  assert code == 3
  assert 'step 1 leaves parameters that are not finite: ' in err
  assert place.saved('overflow') == 0


def test_a_model_that_diverged_in_its_last_step(place, here):
  """Its parameters are finite; what it makes of images is not."""
  code, _, err = here('last', *ONE_STEP, '--config.hyper.learning_rate=1e30')
  assert code == 3
  assert 'after step 1 the ' in err
  assert workdir.read_run(place.root / 'last')['status'] == 'diverged'


def test_a_dry_run_of_a_new_and_of_an_old_run(place, copied, here):
  beside = set(place.root.iterdir())
  code, out, _ = here('dry/run', '--dry_run')
  assert code == 0
  assert f'{STEPS} steps at that rate, 60 checkpoints' in out
  assert 'restored to the bit' in out
  assert set(place.root.iterdir()) == beside
  before = files(copied('old'))
  code, out, _ = here('old', '--dry_run', f'--config.num_steps={STEPS + 50}')
  assert code == 0
  assert f'resume from checkpoint {STEPS}: it is intact and fits' in out
  assert '50 steps at that rate, 5 checkpoints' in out
  code, _, err = here('old', '--dry_run', '--config.seed=1')
  assert (code, 'seed | 0     | 1' in err) == (2, True)
  assert files(place.root / 'old') == before
  assert set(place.root.iterdir()) == beside | {place.root / 'old'}
