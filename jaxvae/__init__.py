"""jaxvae: disentangling variational autoencoders, put together from parts.

`load` gives a trained model as functions on NumPy arrays; to train one, see
`python -m jaxvae.main --help`. Importing this imports nothing heavy.
"""

import sys

__version__ = '0.1.0'

# `python -m jaxvae.main` and its like: their imports take seconds.
if sys.argv[:1] == ['-m'] and any(
  argument.removeprefix('-m').startswith('jaxvae.')
  for argument in sys.orig_argv[1:]
):
  from jaxvae.train import signals

  signals.stop_at_once_while_importing()


def load(workdir, step=None):
  """A trained model from a work directory: encode, decode, sample, traverse.

  The data set need not be on the machine; arrays and JSON are read, no code.

  Args:
    workdir: the run's directory.
    step: of the checkpoint; the newest that is not damaged by default.

  Returns:
    A `jaxvae.pretrained.Pretrained`, a NamedTuple of functions and facts.

  Raises:
    UserError: there is no such checkpoint, or another version saved it.
    IntegrityError: the one asked for, or all of them, are damaged.
  """
  from jaxvae import pretrained  # JAX takes seconds to import.

  return pretrained.load(workdir, step)
