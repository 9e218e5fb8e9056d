"""The walls of the house, held by reading the code without running it."""

import ast
import configparser
import doctest
import graphlib
import importlib
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / 'jaxvae').rglob('*.py'))
PARSED = {path: ast.parse(path.read_text()) for path in FILES}

# What each part may import of the rest; docs/architecture.md draws it.
FLOOR = {'errors', 'keys', 'ranges', 'spec', 'structs'}
MODEL = FLOOR | {'latent', 'likelihoods', 'nets', 'model'}
BELOW = MODEL | {
  *('config', 'data', 'metrics', 'objectives', 'options', 'schedules'),
}
TRAINING = BELOW | {
  *(
    'checked',
    'classes',
    'cli',
    'draw',
    'evaluate',
    'measure',
    'measured',
    'pretrained',
    'report',
    'study',
    'topology',
  ),
  *('train', 'traverse'),
}
MAY_IMPORT = {
  'errors': set(),
  'keys': set(),
  'structs': set(),
  'ranges': set(),
  'spec': {'errors', 'ranges'},
  'metrics': set(),
  'topology': {'metrics'},
  'measure': {'errors', 'metrics'},
  'measured': {'data', 'measure'},
  'latent': FLOOR,
  'likelihoods': FLOOR,
  'nets': FLOOR,
  'schedules': FLOOR | {'options'},
  'model': MODEL,
  'objectives': MODEL | {'schedules'},
  'traverse': {'latent'},
  'classes': {'latent'},
  'checked': {'data', 'errors', 'ranges'},
  'data.render': set(),
  'data': FLOOR | {'data.render'},
  'options': {'ranges', 'spec', 'structs'},
  'config': BELOW,
  'cli': {'config', 'errors'},
  **dict.fromkeys(('draw', 'train', 'evaluate', 'report', 'study'), TRAINING),
  **dict.fromkeys(('pretrained', 'bench'), TRAINING),
  'analysis': TRAINING | {'topology.discover'},
  # Entry points: nothing imports them.
  'data.prepare': FLOOR | {'cli', 'config', 'data'},
  'doctor': TRAINING,
  'main': TRAINING | {'doctor'},
  'transform': TRAINING,
  'topology.discover': TRAINING,
  'topology.finetune': TRAINING | {'topology.discover'},
  'topology.__main__': TRAINING | {'topology.discover', 'topology.finetune'},
}

# A package that only these files (or folders) may import.
ONLY_IN = {
  'orbax': ('train/checkpoint.py', 'train/restore.py'),
  'matplotlib': ('report/',),
  'tensorflow_datasets': ('data/',),
  'grain': ('data/',),
  'array_record': ('data/',),
  'h5py': ('data/',),
  'ray': ('study/ray_cluster.py',),
  'submitit': ('study/slurm.py',),
  'tensorboardX': ('train/events.py',),
}
FLAG_FILES = (
  *('main.py', 'cli.py', 'data/prepare.py', 'study/__main__.py'),
  *('topology/__main__.py', 'transform.py'),
)
MESH_FILES = ('train/sharding.py',)
MESH_NAMES = {'Mesh', 'NamedSharding', 'PartitionSpec', 'make_mesh', 'pmap'}

BANNED_MODULES = {
  *('cloudpickle', 'dill', 'joblib', 'marshal', 'pickle', 'shelve'),
  *('clu', 'distrax', 'tensorflow', 'tensorflow_probability', 'torch'),
}
BANNED_CALLS = {
  *('__import__', 'eval', 'exec', 'os.popen', 'os.system'),
  *('yaml.full_load', 'yaml.load', 'yaml.unsafe_load'),
}
BANNED_ARGUMENTS = {('allow_pickle', True), ('shell', True)}

# Where the name that is imported is not the name that is installed.
DISTRIBUTIONS = {
  'PIL': 'pillow',
  'absl': 'absl-py',
  'orbax': 'orbax-checkpoint',
  'sklearn': 'scikit-learn',
  'yaml': 'pyyaml',
}


def relative(path: pathlib.Path) -> str:
  return path.relative_to(ROOT / 'jaxvae').as_posix()


def module_name(path: pathlib.Path) -> str:
  parts = path.relative_to(ROOT).with_suffix('').parts
  return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


MODULES = {module_name(path) for path in FILES}


def imports(path: pathlib.Path) -> Iterator[str]:
  """Every dotted name that a file imports, wherever in the file it does."""
  package = module_name(path)
  if path.name != '__init__.py':
    package = package.rpartition('.')[0]
  for node in ast.walk(PARSED[path]):
    if isinstance(node, ast.Import):
      yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      source = node.module or ''
      if node.level:
        above = package.split('.')[: len(package.split('.')) - node.level + 1]
        source = '.'.join([*above, source]).rstrip('.')
      yield from (f'{source}.{alias.name}' for alias in node.names)


def own_modules(path: pathlib.Path) -> set[str]:
  """The modules of jaxvae that a file imports, without `jaxvae` itself."""
  found = set()
  for name in imports(path):
    while name not in MODULES and '.' in name:
      name = name.rpartition('.')[0]
    if name.startswith('jaxvae.'):
      found.add(name)
  return found


def part(module: str) -> str:
  """`jaxvae.data.render.sprites` -> `data.render`, the longest known part."""
  name = module.removeprefix('jaxvae.')
  while name not in MAY_IMPORT and '.' in name:
    name = name.rpartition('.')[0]
  return name


def dotted(node: ast.expr) -> str:
  """`a.b.c` of a name or an attribute, '' of anything else."""
  if isinstance(node, ast.Name):
    return node.id
  if isinstance(node, ast.Attribute):
    return f'{dotted(node.value)}.{node.attr}'
  return ''


def within(path: pathlib.Path, places: tuple[str, ...]) -> bool:
  name = relative(path)
  return any(
    name.startswith(place) if place.endswith('/') else name == place
    for place in places
  )


@pytest.fixture(params=FILES, ids=relative)
def path(request) -> pathlib.Path:
  return request.param


def test_imports_point_down(path):
  if relative(path) == '__init__.py':
    return  # what it imports on demand stands above everything
  here = part(module_name(path))
  assert here in MAY_IMPORT, f'say in MAY_IMPORT where {here} stands'
  above = {part(module) for module in own_modules(path)}
  assert above <= MAY_IMPORT[here] | {here}


def test_no_module_imports_itself_in_a_circle():
  graph = {
    module_name(path): own_modules(path) - {module_name(path)}
    for path in FILES
    if relative(path) != '__init__.py'
  }
  graphlib.TopologicalSorter(graph).prepare()


def test_each_package_is_imported_where_it_belongs(path):
  for name in imports(path):
    top = name.split('.')[0]
    assert top not in BANNED_MODULES
    assert within(path, ONLY_IN.get(top, ('',))) or top not in ONLY_IN
    if name.startswith(('absl.flags', 'absl.app')) or 'config_flags' in name:
      assert within(path, FLAG_FILES), f'{name} in {relative(path)}'


def test_meshes_are_made_in_one_file(path):
  """Elsewhere one is handed on; its type may be named."""
  made = {name.rpartition('.')[2] for name in imports(path)}
  for node in ast.walk(PARSED[path]):
    if isinstance(node, ast.Call):
      made.add(dotted(node.func).rpartition('.')[2])
  assert within(path, MESH_FILES) or not made & MESH_NAMES


def test_what_is_imported_is_installed(path):
  """A package that only comes with another one is not ours to import."""
  setup = configparser.ConfigParser()
  setup.read(ROOT / 'setup.cfg')
  extras = dict(setup['options.extras_require'])
  del extras['test']
  lines = [setup['options']['install_requires'], *extras.values()]
  words = re.findall(r'^[\w.-]+', '\n'.join(lines), re.MULTILINE)
  asked = {word.lower().replace('_', '-') for word in words}
  for name in imports(path):
    top = name.split('.')[0]
    if top != 'jaxvae' and top not in sys.stdlib_module_names:
      wanted = DISTRIBUTIONS.get(top, top).lower().replace('_', '-')
      assert wanted in asked, f'{wanted} is missing from setup.cfg'


def test_nothing_unsafe(path):
  for node in ast.walk(PARSED[path]):
    if isinstance(node, ast.Call):
      assert dotted(node.func) not in BANNED_CALLS, f'line {node.lineno}'
      for word in node.keywords:
        value = getattr(word.value, 'value', None)
        assert (word.arg, value) not in BANNED_ARGUMENTS, f'line {node.lineno}'


def test_no_broad_except(path):
  """Unless its last line is `raise`: to tidy up is not to swallow.

  What a user's file raises may be anything, and is the user's: cli.py says so.
  """
  for node in ast.walk(PARSED[path]):
    if isinstance(node, ast.ExceptHandler):
      kinds = (
        node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
      )
      broad = {'None', 'Exception', 'BaseException'}
      last = node.body[-1]
      passed_on = isinstance(last, ast.Raise) and (
        last.exc is None or relative(path) == 'cli.py'
      )
      names = {dotted(kind) if kind else 'None' for kind in kinds}
      assert passed_on or not names & broad, f'line {node.lineno}'


def test_a_file_is_one_idea(path):
  assert len(path.read_text().splitlines()) <= 320


def test_a_file_says_what_it_is(path):
  if PARSED[path].body:
    assert ast.get_docstring(PARSED[path])


def test_no_module_shadows_the_standard_library(path):
  assert path.stem not in sys.stdlib_module_names


def test_every_folder_is_a_package(path):
  """setup.cfg finds packages by their __init__.py; without it they are lost."""
  assert (path.parent / '__init__.py').exists()


def test_docstring_examples(path):
  if '>>> ' in path.read_text():
    module = importlib.import_module(module_name(path))
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
  ('module', 'unwanted'),
  [
    ('jaxvae', {'absl', 'flax', 'jax', 'matplotlib', 'numpy'}),
    # For people who use nothing else of this project.
    ('jaxvae.metrics', {'flax', 'jax', 'matplotlib', 'tensorflow_datasets'}),
  ],
)
def test_light_imports(module, unwanted):
  done = subprocess.run(
    [sys.executable, '-c', f'import sys, {module}; print(*sys.modules)'],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=True,
  )
  loaded = set(done.stdout.split())
  assert module in loaded
  assert not loaded & unwanted


def tracked() -> list[pathlib.Path]:
  """The files under version control, or a skip where git is not at hand."""
  try:
    listed = subprocess.run(
      ['git', 'ls-files', '-z'], cwd=ROOT, capture_output=True, check=True
    )
  except (OSError, subprocess.CalledProcessError):
    pytest.skip('this is not a git clone: nothing says which files are ours')
  names = os.fsdecode(listed.stdout).split('\0')
  return [ROOT / name for name in names if (ROOT / name).is_file()]


# Written so that this file does not hold what it forbids.
MACHINE = re.compile(
  rb'(?<![\w.$}>)\]*-])/(?:work|root|home|Users|mnt|opt|tmp)/\w|'
  rb'find[-]links|extra[-]index|index[-]url|pypi[.]'
)


def test_no_tracked_file_names_a_machine_or_a_registry():
  for file in tracked():
    found = MACHINE.search(file.read_bytes())
    assert not found, f'{file.relative_to(ROOT)}: {found.group()!r}'


def test_promises_name_tests_that_there_are():
  text = (ROOT / 'docs' / 'reliability.md').read_text()
  named = re.findall(r'`((?:tests|faults)/[^:`]+)::([^`]+)`', text)
  assert len(named) > 60
  for path, name in named:
    if path.startswith('faults/'):
      assert f"'{name}'" in (ROOT / 'tests' / path).read_text(), (path, name)
    else:
      assert f'def {name}(' in (ROOT / path).read_text(), (path, name)
