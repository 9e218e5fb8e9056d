"""Strict where the code is tested: no silent broadcast, cast or warning."""

import os
import tempfile

# Most of the time of the tests is compilation, often of what another test or
# process has compiled. What is kept ends with the tests; set before JAX reads.
if 'PYTEST_XDIST_WORKER' not in os.environ:  # Those share that of the first.
  _COMPILED = tempfile.TemporaryDirectory(prefix='jaxvae-tests-')
  os.environ |= {
    'JAX_COMPILATION_CACHE_DIR': _COMPILED.name,
    'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
    'JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES': '-1',
  }

import jax
import pytest
from absl import flags
from ml_collections import ConfigDict

from jaxvae import data

jax.config.update('jax_num_cpu_devices', 2)
jax.config.update('jax_numpy_rank_promotion', 'raise')
jax.config.update('jax_numpy_dtype_promotion', 'strict')
# Grain reads absl flags, which nobody parses under pytest.
flags.FLAGS.mark_as_parsed()


# These compare bits, between processes too, and are compiled as for users.
OPTIMISED = {
  *('test_backends.py', 'test_ensemble.py', 'test_grid_ensemble.py'),
  *('test_hosts.py', 'test_runs.py', 'test_study.py'),
}


@pytest.fixture(scope='module', autouse=True)
def _compile_quickly(request):
  """The code of the others runs once; most of its time would be compilation."""
  quickly = request.path.name not in OPTIMISED
  jax.config.update('jax_disable_most_optimizations', quickly)


@pytest.fixture(scope='session')
def dsprites_dir(tmp_path_factory):
  """A data directory in which dSprites re-rendered is prepared."""
  directory = tmp_path_factory.mktemp('dsprites')
  data.ensure_prepared(
    ConfigDict(
      {
        'name': 'dsprites',
        'variant': '',
        'data_dir': str(directory),
        'manual_dir': '',
        'path': '',
        'image_size': 0,
        'channels': 0,
      }
    )
  )
  return str(directory)
