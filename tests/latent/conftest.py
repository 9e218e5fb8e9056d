"""Most of the time of these tests is compilation, of code that runs once."""

import jax
import pytest


@pytest.fixture(scope='module', autouse=True)
def _compile_quickly():
  jax.config.update('jax_disable_most_optimizations', True)
  yield
  jax.config.update('jax_disable_most_optimizations', False)
