"""Whole studies as real processes: through each back end, killed, diverging."""

import itertools
import os
import pathlib
import runpy
import shutil
import signal
import subprocess
import sys
import time

import pytest

from jaxvae.study import table
from jaxvae.train import workdir

ROOT = pathlib.Path(__file__).resolve().parents[2]
STUDY = """
CONFIG = 'digits_beta'
SHARED = {
  'net': 'mlp(encoder=(32,), decoder=(32,))',
  'latent': 'gaussian(2)',
  'batch_size': 16,
  'num_steps': 60,
  'steps_per_call': 10,
  'log_every': 10,
  'save_every': 10,
  'eval.examples': 100,
  'eval.figures': False,
}

def sweep():
  for latent in ('gaussian(2)', 'gaussian(3)'):
    for beta in (1., 4.):
      for seed in range(2):
        yield {'latent': latent, 'hyper.beta': beta, 'seed': seed}
  yield {'seed': 7, 'hyper.learning_rate': 1e30}
"""


class Place:
  """A study, its data, and where it is computed."""

  def __init__(self, root):
    self.root = root
    (root / 'studies').mkdir()
    (root / 'studies' / 'digits.py').write_text(STUDY)
    (root / 'configs').symlink_to(ROOT / 'configs')

  def start(self, name, *more, program=('jaxvae.study', '--study=digits')):
    return subprocess.Popen(
      [
        *(sys.executable, '-m', *program),
        f'--workdir={self.root / name}',
        f'--config.data.data_dir={self.root / "data"}',
        *more,
      ],
      cwd=self.root,
      # Two devices, as in the tests around this one; no user's setting.
      env={k: v for k, v in os.environ.items() if k != 'NPROC'}
      | {'PYTHONPATH': str(ROOT), 'JAX_NUM_CPU_DEVICES': '2'},
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )

  def run(self, name, *more, **program):
    """Runs to the end; returns (code, standard output, standard error)."""
    process = self.start(name, *more, **program)
    try:
      out, err = process.communicate(timeout=300)
    finally:
      process.kill()
    return process.returncode, out, err

  def entries(self, name, count):
    """What results/ would hold of the first indices, times apart."""
    sweep = runpy.run_path(str(self.root / 'studies' / 'digits.py'))['sweep']
    sets = list(itertools.islice(sweep(), count))
    found = table.collect('digits', {}, sets, self.root / name)
    return table.without_times(found)['entries']


@pytest.fixture(scope='module')
def place(tmp_path_factory):
  return Place(tmp_path_factory.mktemp('study'))


@pytest.fixture(scope='module')
def here(place):
  done = place.run('here', '--backend=here', '--index=0-5')
  assert done[0] == 0, done
  return place.entries('here', 6)


def test_the_first_six_in_this_process(here):
  assert [entry['status'] for entry in here] == ['completed'] * 6
  # Two programs, of four and of two runs: structure apart, numbers together.
  assert [entry['lanes'] for entry in here] == [4, 4, 4, 4, 2, 2]
  # Not one of them is like another.
  assert len({entry['params_sha256'] for entry in here}) == 6


@pytest.mark.parametrize(
  'backend',
  ['local', 'local(workers=2)', "slurm(cluster='local')", 'ray(cpus=1)'],
)
def test_every_back_end_gives_the_same_results(place, here, backend):
  if backend.startswith('slurm'):
    pytest.importorskip('submitit', reason='jaxvae[slurm] is not installed')
  if backend.startswith('ray'):
    pytest.importorskip('ray', reason='jaxvae[ray] is not installed')
  name = backend.partition('(')[0] + str(len(backend))
  code, out, err = place.run(name, f'--backend={backend}', '--index=0-5')
  assert code == 0, (out, err)
  assert out.count(': done\n') == 2
  found = place.entries(name, 6)
  if 'workers' in backend:  # Each process has one core, and adds differently.
    assert [e['status'] for e in found] == ['completed'] * 6
    assert [e['set'] for e in found] == [e['set'] for e in here]
  else:
    assert found == here
  # Asked again, there is nothing to do.
  before = (place.root / name / 'logs').stat().st_mtime_ns
  code, out, _ = place.run(name, f'--backend={backend}', '--index=0-5')
  assert (code, 'done\n' in out) == (0, False)
  assert (place.root / name / 'logs').stat().st_mtime_ns == before


def _until(condition, process):
  until = time.monotonic() + 200
  while not condition() and process.poll() is None:
    if time.monotonic() > until:
      process.kill()
      raise AssertionError(process.communicate())
    time.sleep(0.01)


def _step(home):
  run = workdir.read_run(home)
  return run['step'] if run else 0


def test_killed_twice_it_comes_out_as_if_it_had_not_been(place, here):
  for after in (10, 30):
    process = place.start('killed', '--backend=here', '--index=0-5')
    _until(lambda a=after: _step(place.root / 'killed' / '0000') >= a, process)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
  code, out, err = place.run('killed', '--backend=here', '--index=0-5')
  assert code == 0, (out, err)
  assert 'resume 4 members from checkpoint' in out
  assert place.entries('killed', 6) == here


def test_stopped_it_saves_and_goes_on(place, here):
  process = place.start('stopped', '--index=0-5')
  _until(lambda: _step(place.root / 'stopped' / '0000') >= 10, process)
  process.terminate()
  out, err = process.communicate(timeout=100)
  assert process.returncode == 143, (out, err)
  run = workdir.read_run(place.root / 'stopped' / '0003')
  assert run['status'] == 'preempted'
  assert '0 of 6 runs' in place.run('stopped', '--status', '--index=0-5')[1]
  assert place.run('stopped', '--index=0-5')[0] == 0
  assert place.entries('stopped', 6) == here


def test_one_bad_index_is_told_and_keeps_no_other_from_its_end(place):
  code, out, err = place.run('bad', '--index=0-1,8')
  assert code == 3, (out, err)
  told = 'step 2 is not finite: '
  assert f'  8 (seed=7, learning_rate=1e+30) diverged: {told}' in out
  assert '3 of 3 runs, 100 % of the steps' in out
  entries = place.entries('bad', 9)
  assert [entries[at]['status'] for at in (0, 1, 8)] == [
    'completed',
    'completed',
    'diverged',
  ]
  assert entries[8]['error'].startswith(told)
  assert entries[8]['error'].endswith('(learning rate 1e+30)')
  # It is over: nothing is trained again, and the code says so again.
  code, out, _ = place.run('bad', '--index=0-1,8')
  assert (code, 'done' in out) == (3, False)


def test_the_plan_the_table_and_the_best(place, here):
  code, out, _ = place.run('here', '--dry_run')
  assert code == 0
  assert out.startswith('digits: 9 runs, 2 programs, 2 ensembles of at most 5')
  (place.root / 'docs').mkdir()
  (place.root / 'results').mkdir()
  (place.root / 'README.md').write_text('no table\n')
  block = '<!-- results:digits -->\n<!-- /results -->\n'
  figure = '![Scores](figures/digits_scores.png)\n'
  (place.root / 'docs' / 'results.md').write_text(block + figure)
  code, out, err = place.run('here', '--table')
  assert code == 0, err
  told = (place.root / 'docs' / 'results.md').read_text()
  assert '| gaussian(2) |' in told
  assert (place.root / 'docs' / 'figures' / 'digits_scores.png').exists()
  # A table with less in it is printed, says so and changes nothing.
  files = {path: path.read_bytes() for path in place.root.glob('*/*.*')}
  code, out, err = place.run('nothing', '--table')
  assert (code, 'None of 9 runs is completed.' in out) == (2, True), err
  shutil.copytree(place.root / 'here', place.root / 'hurt')
  (place.root / 'hurt' / '0001' / 'run.json').write_text('[]')
  code, out, err = place.run('hurt', '--table')
  assert (code, '1 (latent=gaussian(2), beta=1, seed=1) damaged' in out) == (
    *(4, True),
  )
  assert 'hurt/0001/run.json holds no JSON object' in err
  assert {path: path.read_bytes() for path in place.root.glob('*/*.*')} == files
  code, out, err = place.run('hurt', '--status')
  assert (code, 'damaged         1  1\n' in out, err) == (4, True, '')
  code, out, err = place.run('here', '--select=elbo')
  assert (code, len(out.splitlines())) == (0, 3), err
  code, _, err = place.run('here', '--select=beauty')
  assert (code, "has a number 'beauty'" in err) == (2, True)


def test_what_is_wrong_is_one_line(place):
  for more, said in (
    (['--index=9'], '--index=9; allowed: 0 to 8'),
    (['--backend=cloud'], "unknown back end 'cloud'; allowed: local, ray"),
    (['--config.hyper.beta=2'], '--config.hyper.beta is set by the study'),
    (['--config.num_steps=x'], "config.num_steps='x'"),
  ):
    code, out, err = place.run('wrong', *more)
    assert (code, out) == (2, ''), (more, out)
    assert err.startswith(f'jaxvae: error: {said}'), err
  assert not (place.root / 'wrong').exists()


def test_the_ensemble_of_a_config(place):
  """`config.ensemble` through the main command: the product of its values."""
  program = ('jaxvae.main', '--config=digits_beta:smoke')
  product = (
    *('--config.ensemble.seed=range(2)', '--config.ensemble.beta=1.,4.'),
    *('--config.num_steps=20', '--config.steps_per_call=10'),
    *('--config.log_every=10', '--config.save_every=20'),
    *('--config.eval.examples=50', '--config.eval.figures=false'),
  )
  code, out, err = place.run('both', *product, '--dry_run', program=program)
  assert code == 0, err
  assert out.startswith('both: 4 runs, 1 program, 1 ensemble of at most 4')
  code, out, err = place.run('both', *product, program=program)
  assert code == 0, err
  assert '4 of 4 runs, 100 % of the steps' in out
  found = [
    workdir.read_config(place.root / 'both' / f'{at:04d}') for at in range(4)
  ]
  assert [(c['hyper']['beta'], c['seed']) for c in found] == [
    (1.0, 0),
    (1.0, 1),
    (4.0, 0),
    (4.0, 1),
  ]
  assert all(config['ensemble'] == {} for config in found)
  # What is done already is not taken for something else.
  other = (*product, '--config.batch_size=32')
  code, out, err = place.run('both', *other, program=program)
  assert code == 2, out
  assert 'holds a run with another config' in err
  assert 'batch_size' in err
  wrong = ('--config.ensemble.net=mlp', '--config.num_steps=20')
  code, out, err = place.run('wrong', *wrong, program=program)
  assert (code, out) == (2, '')
