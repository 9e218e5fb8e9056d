"""What the command line answers: one line, one hint, an exit code, no traces.

Most cases call `cli.run` with the real `main` in this process; a few are real
processes, for what only they can show.
"""

import os
import pathlib
import signal
import subprocess
import sys

import pytest
from absl import flags

from jaxvae import cli, config, main
from jaxvae.errors import UserError

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILE = """
from jaxvae.config import default, with_variant
VARIANTS = {'short': {'num_steps': 100}, 'bad': {'hyper.betta': 1.0}}
def get_config(variant=''):
  config = default()
  {}
  return with_variant(config, variant, VARIANTS)
"""
BODY_LINE = 6
FLAGS = (
  *('config', 'workdir', 'mode', 'dry_run', 'allow_config_change'),
  *('num_processes', 'process_id'),
)


def forget():
  """Puts our flags back to their defaults; absl's are for the process."""
  for name in FLAGS:
    flags.FLAGS[name].unparse()


@pytest.fixture
def config_file(tmp_path):
  def write(body='pass', text=None):
    path = tmp_path / 'mine.py'
    path.write_text(FILE.replace('{}', body) if text is None else text)
    return path

  return write


@pytest.fixture
def refused(tmp_path, capsys, monkeypatch):
  """Runs `main` in an empty directory; returns the error line and the hint."""
  place = tmp_path / 'empty'
  place.mkdir()
  monkeypatch.chdir(place)

  def call(*arguments):
    code = cli.run(main.main, ['main.py', *arguments])
    forget()
    out, err = capsys.readouterr()
    assert (code, out) == (2, '')
    assert list(place.iterdir()) == []
    first, *rest = err.splitlines()
    assert first.startswith('jaxvae: error: ')
    assert len(rest) <= 1 and all(line.startswith('hint: ') for line in rest)
    hint = rest[0].removeprefix('hint: ') if rest else ''
    return first.removeprefix('jaxvae: error: '), hint

  return call


@pytest.mark.parametrize(
  ('body', 'message'),
  [
    ('config.hyper.betta = 4.', 'unknown key betta; did you mean config.hyper'),
    ('config.betta = 4.', 'unknown key betta; did you mean config.hyper.beta?'),
    ('config.model = {}', 'unknown key model; did you mean'),
    ("config.batch_size = 'many'", 'TypeError: Could not override field'),
    ('config.batch_size = 6.5', 'TypeError: Could not override field'),
    ('1 / 0', 'ZeroDivisionError: division by zero'),
    ("open('absent.txt')", 'FileNotFoundError: [Errno 2] No such file'),
    ('import absent', "ModuleNotFoundError: No module named 'absent'"),
    ('absent', "NameError: name 'absent' is not defined"),
    ('assert 1 > 2', 'AssertionError'),
    ('config.hyper.beta = = 1', 'invalid syntax'),
    ('raise SystemExit(0)', 'SystemExit: 0'),
    ('import sys; sys.exit()', 'SystemExit'),
    ("raise type('Mine', (Exception,), {})('x y')", 'Mine: x y'),
    ("raise type('Mine', (BaseException,), {})()", 'Mine'),
    ("raise type('Mine', (Exception,), {'__str__': 1 / 1})()", 'Mine: <'),
    ('f = lambda: f(); f()', 'RecursionError: maximum recursion depth'),
    ('raise ExceptionGroup("two", [KeyError(1)])', 'ExceptionGroup: two'),
  ],
)
def test_a_mistake_in_a_file_says_where(refused, config_file, body, message):
  path = config_file(body)
  said, _ = refused(f'--config={path}')
  assert said.startswith(f'{path}:{BODY_LINE}: {message}')


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('', 'has no function get_config'),
    ('def get_config(): return None', 'returns NoneType, not a ConfigDict'),
    ('def get_config(): return {}', 'returns dict, not a ConfigDict'),
    ('\0', 'source code string cannot contain null bytes'),
    (
      'from ml_collections import ConfigDict\n'
      'def get_config(): return ConfigDict()',
      'config.batch_size is missing; ',
    ),
  ],
)
def test_a_file_that_gives_no_config(refused, config_file, text, message):
  said, _ = refused(f'--config={config_file(text=text)}')
  assert message in said


def test_variants(refused, config_file):
  path = config_file()
  found = cli.load_config(f'{path}:short', {'seed': '3'})
  assert (found.num_steps, found.seed) == (100, 3)
  said, _ = refused(f'--config={path}:long')
  assert said == "unknown variant 'long'; allowed: short, bad"
  assert 'unknown key betta; did you mean' in refused(f'--config={path}:bad')[0]
  path = config_file(text='def get_config(): return 1')
  said, _ = refused(f'--config={path}:short')
  assert 'get_config() takes 0 positional arguments' in said


@pytest.mark.parametrize(
  ('arguments', 'message', 'hint'),
  [
    (['--conifg=x'], 'unknown flag --conifg', 'did you mean --config?'),
    (['--work_dir=x'], 'unknown flag --work_dir', 'did you mean --workdir?'),
    (['--num_processes=2'], '--num_processes=2 --process_id=0 without', 'give'),
    (['--process_id=1'], '--num_processes=1 --process_id=1 without', 'give'),
    (['--zzz'], 'unknown flag --zzz', '--help lists them'),
    (['--path=x'], 'unknown flag --path', 'did you mean --config.data.path?'),
    (['--data.path=x'], 'unknown flag --data.path', 'mean --config.data.path?'),
    (['--noconfig.data.binarize'], 'unknown flag --noconfig.data.bin', ''),
    (['--config.=1'], 'unknown flag --config.', ''),
    (['train'], "unexpected argument 'train'", ''),
    (['--config.seed'], '--config.seed has no value', ''),
    (['--config.seed', '--dry_run'], '--config.seed has no value', ''),
    (['--config.seed=x'], "config.seed='x'; allowed: int, ", ''),
    (['--config.seed=-1'], 'config.seed=-1; allowed: a whole number from', ''),
    (['--config.hyper.betta=1'], 'unknown key config.hyper.betta; did', ''),
    (['--workdir'], 'Missing value for flag --workdir', ''),
    (['--mode=tain'], 'flag --mode=tain: value should be one of', ''),
    (['--dry_run=perhaps'], 'flag --dry_run=perhaps: ', ''),
    (['--allow_config_change=sed'], '--allow_config_change=sed; did you', ''),
    (['--config.latent=gauss(3)'], 'unknown latent slot', ''),
    (['--config.latent=gaussian(0)'], 'latent slot gaussian: ', ''),
    (['--config.latent=gaussian(3'], "'gaussian(3' is not of the form", ''),
    (['--config.net=cnn'], "unknown network 'cnn'; allowed: burgess", ''),
    (['--config.likelihood=poisson'], 'unknown likelihood', ''),
    (['--config.objective=vae'], "unknown objective 'vae'; allowed: ", ''),
    (['--config.optimizer=adam(b=1)'], 'optimizer adam: ', ''),
    (['--config.schedule.beta=steps(1)'], "unknown schedule 'steps'", ''),
    (['--config.batch_size=63'], 'batch_size=63 is not divisible by 2', '62'),
    (['--config.data.name=digit'], "unknown data set 'digit'; did you", ''),
    (['--config.data.variant=x'], "data.variant='x' is not known to", ''),
  ],
)
def test_a_mistake_on_the_command_line(
  refused, config_file, tmp_path, arguments, message, hint
):
  path = config_file("config.data.name = 'digits'; config.batch_size = 2")
  workdir = tmp_path / 'run'
  said, hinted = refused(
    f'--config={path}',
    f'--config.data.data_dir={tmp_path / "data"}',
    f'--workdir={workdir}',
    *arguments,
  )
  assert said.startswith(message)
  assert hint in hinted
  assert not workdir.exists()


def test_no_config(refused):
  said = 'no --config given', 'try --config=configs/dsprites_beta.py'
  assert refused() == said
  assert refused('--config.seed=1') == said
  assert (
    refused('--config=configs/absent.py')[0]
    == "there is no config 'configs/absent.py'"
  )
  assert refused('--config=.')[0] == "there is no config '.'"


def test_eval_needs_a_run_and_makes_none(refused, tmp_path):
  assert refused('--mode=eval')[0].startswith('--mode=eval needs --workdir')
  absent = tmp_path / 'absent'
  said, hint = refused('--mode=eval', f'--workdir={absent}')
  assert said == f'there is no checkpoint in {absent}'
  assert hint == 'give the workdir of a run that has saved'
  assert not absent.exists()
  (tmp_path / 'other' / 'checkpoints' / '100').mkdir(parents=True)
  _, hint = refused('--mode=eval', f'--workdir={absent}')
  assert hint == 'beside it, these have some: other'


def test_eval_takes_what_does_not_decide_the_run(refused, tmp_path):
  place = f'--workdir={tmp_path / "absent"}'
  said, _ = refused('--mode=eval', place, '--config.hyper.beta=2')
  assert said.startswith('config.hyper.beta is of the run and stays; allowed')
  said, _ = refused('--mode=eval', place, '--config.eval.metrics=mgi')
  assert said == f'there is no checkpoint in {tmp_path / "absent"}'


def test_a_config_by_name(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  shared = tmp_path / 'prefix' / 'share' / 'jaxvae' / 'configs'
  shared.mkdir(parents=True)
  (shared / 'dsprites_beta.py').touch()
  (shared / 'digits_beta.py').touch()
  monkeypatch.setattr(
    cli.sysconfig, 'get_path', {'data': str(tmp_path / 'prefix')}.get
  )
  installed = shared / 'dsprites_beta.py'
  assert cli.find('dsprites_beta', 'configs') == (installed, '')
  assert cli.find('dsprites_beta:smoke', 'configs') == (installed, 'smoke')
  own = pathlib.Path('configs', 'dsprites_beta.py')
  own.parent.mkdir()
  own.touch()
  assert cli.find('dsprites_beta:smoke', 'configs') == (own, 'smoke')
  assert cli.find(f'{installed}:a:b', 'configs') == (installed, 'a:b')
  for wrong, near in [
    ('dsprite_beta', own),
    ('digit_beta:smoke', shared / 'digits_beta.py'),
    ('configs/dsprites.py', own),
    ('configs/dsprites_beta', own),
  ]:
    with pytest.raises(UserError) as error:
      cli.find(wrong, 'configs')
    assert error.value.hint == f'did you mean {near}?'
  with pytest.raises(UserError) as error:
    cli.find('zzz', 'configs')
  assert error.value.hint == 'there are: digits_beta, dsprites_beta'


def test_a_name_that_no_file_can_have(capfd):
  code = cli.run(lambda overrides: cli.find('a' * 300, 'configs'), ['x'])
  assert code == 5
  assert capfd.readouterr().err.endswith('aaa: File name too long\n')


def test_a_colon_in_a_path(tmp_path, monkeypatch):
  path = tmp_path / 'a:b' / 'c.py'
  path.parent.mkdir()
  path.touch()
  assert cli.find(f'{path}', 'configs') == (path, '')
  assert cli.find(f'{path}:short', 'configs') == (path, 'short')
  with pytest.raises(UserError, match=r"a:b/d.py'"):
    cli.find(f'{tmp_path}/a:b/d.py:short', 'configs')
  monkeypatch.chdir(path.parent)
  pathlib.Path('e:f.py').touch()
  assert cli.split('e:f.py:g') == ('e:f.py', 'g')
  assert cli.split('dsprites_beta:smoke') == ('dsprites_beta', 'smoke')


def test_overrides():
  def parse(*arguments):
    found = cli.parse(['main.py', *arguments]), main._CONFIG.value
    forget()
    return found

  assert parse('--config=a.py', '--config.seed=1') == ({'seed': '1'}, 'a.py')
  assert parse('--config.seed=1', '--config=a.py') == ({'seed': '1'}, 'a.py')
  assert parse('--config', 'a.py', '--config.seed', '-3', '--dry_run') == (
    {'seed': '-3'},
    'a.py',
  )
  assert parse('-config.latent=loop(tau=1.)')[0] == {'latent': 'loop(tau=1.)'}
  assert parse('--config.data.binarize')[0] == {'data.binarize': 'true'}
  assert parse('--config.seed=1', '--config.seed=2')[0] == {'seed': '2'}
  assert parse('--config.data.path=')[0] == {'data.path': ''}


def test_help_names_every_flag_and_key(capsys):
  assert cli.run(main.main, ['main.py', '--help']) == 0
  said = capsys.readouterr().out
  for flag in FLAGS:
    assert f'--{flag}' in said
  for key in config.KEYS:
    assert f'\n  {key}=' in said


def test_a_bug_keeps_its_traceback():
  def fails(overrides):
    raise RuntimeError(f'{overrides}')

  with pytest.raises(RuntimeError, match='seed'):
    cli.run(fails, ['main.py', '--config.seed=1'])


def python(*arguments, cwd):
  return subprocess.Popen(
    [sys.executable, '-W', 'error', *arguments],
    cwd=cwd,
    env=os.environ | {'PYTHONPATH': str(ROOT), 'PYTHONDONTWRITEBYTECODE': '1'},
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


# A shell starts what runs in its background deaf to Ctrl-C, tests included.
HEARING = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module('jaxvae.main', run_name='__main__')
"""


def test_a_process_ends_with_the_code_and_nothing_else(tmp_path):
  arguments = [f'--config={ROOT / "configs" / "digits_beta.py"}']
  arguments += ['--config.hyper.beta=nan', f'--workdir={tmp_path / "run"}']
  process = python('-m', 'jaxvae.main', *arguments, cwd=tmp_path)
  out, err = process.communicate(timeout=100)
  assert (process.returncode, out) == (2, '')
  assert err == (
    'jaxvae: error: config.hyper.beta=nan; allowed: a finite number,'
    ' at least 0, at most 1e+12 (from 1e-30 if it is not 0)\n'
  )
  assert list(tmp_path.iterdir()) == []


def test_a_platform_that_is_not_here(tmp_path, monkeypatch):
  monkeypatch.setenv('JAX_PLATFORMS', 'cuda')
  arguments = [f'--config={ROOT / "configs" / "digits_beta.py"}']
  arguments += [f'--workdir={tmp_path / "run"}']
  process = python('-m', 'jaxvae.main', *arguments, cwd=tmp_path)
  out, err = process.communicate(timeout=100)
  assert (process.returncode, out, err.count('\n')) == (2, '', 2)
  assert err.startswith('jaxvae: error: JAX_PLATFORMS=cuda cannot be used: ')
  assert not (tmp_path / 'run').exists()


def test_ctrl_c_while_modules_are_imported(tmp_path):
  # JAX is imported in the first seconds; what is found first is ours.
  slow = tmp_path / 'ml_collections.py'
  slow.write_text(
    'import signal, time\n'
    'print(signal.getsignal(signal.SIGINT).__module__, flush=True)\n'
    'try:\n  time.sleep(100)\nexcept BaseException:\n  pass\n'
  )
  process = subprocess.Popen(
    [sys.executable, '-m', 'jaxvae.main'],
    cwd=tmp_path,
    env=os.environ | {'PYTHONPATH': f'{tmp_path}{os.pathsep}{ROOT}'},
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
    preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
  )
  with process:
    try:
      assert process.stdout.readline() == 'jaxvae.train.signals\n'
      process.send_signal(signal.SIGINT)
      out, err = process.communicate(timeout=60)
    finally:
      process.kill()
  assert (process.returncode, out) == (130, '')
  assert err == 'jaxvae: stopped by Ctrl-C\n'


def test_ctrl_c_before_the_run_began(tmp_path):
  slow = tmp_path / 'slow.py'
  slow.write_text(
    'import time\n'
    'def get_config():\n'
    "  print('ready', flush=True)\n"
    '  time.sleep(100)\n'
  )
  process = python('-c', HEARING, f'--config={slow}', cwd=tmp_path)
  with process:
    try:
      assert process.stdout.readline() == 'ready\n'
      process.send_signal(signal.SIGINT)
      out, err = process.communicate(timeout=60)
    finally:
      process.kill()
  assert (process.returncode, out) == (130, '')
  assert err == 'jaxvae: stopped by Ctrl-C\n'
