"""Every key of a config: its default, what is allowed, what it does."""

from collections.abc import Callable
from typing import Any, NamedTuple

from jaxvae import ranges, spec
from jaxvae.structs import Hyper


class Key(NamedTuple):
  """One key of a config.

  Attributes:
    default: also gives the type.
    allowed: (text for people, test of a value).
    about: what it does.
    free: whether a run may be resumed with another value.
  """

  default: Any
  allowed: tuple[str, Callable[[Any], bool]]
  about: str
  free: bool = False


MOST = 2**31 - 1  # steps are counted in int32
LENGTH = 4096  # characters: of a path, on most systems
FLOAT32 = 3.4e38


def _whole(low: int, high: int = MOST) -> tuple[str, Callable[[Any], bool]]:
  text = f'a whole number, at least {low}, at most {high}'
  return text, lambda v: low <= v <= high


def _number(high: float) -> tuple[str, Callable[[Any], bool]]:
  text = f'a finite number, at least 0, at most {high:g}'
  return (
    f'{text} (from {ranges.TINY:g} if it is not 0)',
    lambda v: v == 0 or ranges.TINY <= v <= high,
  )


def _above(low: float, high: float) -> tuple[str, Callable[[Any], bool]]:
  text = f'a finite number above 0, from {low:g} to {high:g}'
  return text, lambda v: low <= v <= high


_TEXT = (
  f'text of at most {LENGTH} characters, without \\0',
  lambda v: len(v) <= LENGTH and '\0' not in v,
)
_SPEC = (
  'text such as name or name(arguments)',
  lambda v: 0 < len(v.strip()) <= spec.MOST,
)
_BOOL = ('True or False', lambda v: True)
_WHOLE = _whole(1)
_COUNT = _whole(0)
_WEIGHT = _number(ranges.WEIGHT)
_SCALE = _above(ranges.LOW, ranges.HIGH)


def _one_of(*names: Any) -> tuple[str, Callable[[Any], bool]]:
  return f'one of {", ".join(map(repr, names))}', lambda v: v in names


KEYS: dict[str, Key] = {
  'seed': Key(
    0,
    ('a whole number from 0 to 4294967295', lambda v: 0 <= v < 2**32),
    'of parameters, noise and the order of the data',
  ),
  'num_steps': Key(20_000, _WHOLE, 'length of the run', free=True),
  'batch_size': Key(64, _WHOLE, 'images a step, over all devices'),
  'steps_per_call': Key(
    100, _WHOLE, 'steps in one compiled call; the host waits between calls'
  ),
  'log_every': Key(500, _WHOLE, 'steps between lines of progress', free=True),
  'save_every': Key(2_500, _WHOLE, 'steps between checkpoints', free=True),
  'keep_checkpoints': Key(2, _WHOLE, 'newest checkpoints to keep', free=True),
  'shard': Key(
    'auto',
    _one_of('auto', 'run', 'batch'),
    'what devices share: the runs of an ensemble (auto), or each batch',
    free=True,
  ),
  'lanes': Key(
    'auto',
    _one_of('auto', 'vmap', 'map'),
    'the runs of a device: at once, or one after another (auto on a CPU)',
    free=True,
  ),
  'latent': Key('gaussian(10)', _SPEC, 'the latent space: slots joined by +'),
  'net': Key('mlp', _SPEC, 'locatello, burgess or mlp'),
  'classifier': Key(
    '', _TEXT, 'network that reads labels (label, head); empty: as net'
  ),
  'likelihood': Key('bernoulli', _SPEC, 'bernoulli, gaussian or laplace'),
  'objective': Key('beta_vae', _SPEC, 'beta_vae or annealed_vae'),
  'optimizer': Key('adam', _SPEC, 'adam, adamw, momentum or sgd'),
  'data.name': Key('dsprites', _SPEC, 'the data set'),
  'data.variant': Key('', _TEXT, "'original': the published file"),
  'data.data_dir': Key(
    '',
    _TEXT,
    'prepared data; empty: $TFDS_DATA_DIR or ~/tensorflow_datasets',
    free=True,
  ),
  'data.manual_dir': Key('', _TEXT, 'files that you downloaded', free=True),
  'data.path': Key('', _TEXT, 'images of your own: a folder, npz, npy or h5'),
  'data.image_size': Key(
    0, _whole(0, 4096), 'pixels; resize to a square; 0: as they are'
  ),
  'data.channels': Key(0, _one_of(0, 1, 3), 'of the images; 0: as they are'),
  'data.placement': Key(
    'auto',
    _one_of('auto', 'host', 'device', 'stream'),
    'where the images wait',
    free=True,
  ),
  'data.binarize': Key(False, _BOOL, 'pixels above 0.5 are 1, others 0'),
  'data.pairs': Key(
    0, _COUNT, 'images come in pairs that differ in so many factors; 0: alone'
  ),
  'data.holdout': Key(
    0.0,
    ('a number from 0, below 1', lambda v: 0 <= v < 1),
    'part of the training images that only evaluation sees; images that are'
    ' the same as one of them are left out of training',
  ),
  'labels.fraction': Key(
    0.0,
    ('a number from 0 to 1', lambda v: 0 <= v <= 1),
    'part of the images whose factors are told',
  ),
  'labels.share': Key(
    0.5,
    ('a number above 0, below 1', lambda v: 0 < v < 1),
    'part of each batch that is drawn from the labelled images',
  ),
  'labels.pick': Key(
    'random',
    _one_of('random', 'even', 'balanced'),
    'which images are labelled: any, evenly spaced ones, as many of each class',
  ),
  'labels.shift': Key(
    0, _COUNT, 'pixels; in training the classifier sees images moved by so many'
  ),
  'hyper.learning_rate': Key(
    5e-4, _above(ranges.TINY, FLOAT32), 'step size of the optimiser'
  ),
  'hyper.beta': Key(1.0, _WEIGHT, 'weight of the KL (beta_vae)'),
  'hyper.gamma': Key(100.0, _WEIGHT, 'weight of |KL - C| (annealed_vae)'),
  'hyper.capacity': Key(0.0, _WEIGHT, 'C in nats (annealed_vae)'),
  'hyper.noise': Key(
    0.1, _SCALE, 'scale of the gaussian and laplace likelihoods'
  ),
  'hyper.temperature': Key(
    1.0, _SCALE, 'of the priors of points, segment, loop and tilted'
  ),
  'hyper.tilt': Key(
    1.0, _number(ranges.HIGH), 'multiplies tau of tilted priors'
  ),
  'hyper.keep': Key(
    1.0, _SCALE, 'multiplies k of ksparse and head in training'
  ),
  'hyper.alpha': Key(
    1.0, _WEIGHT, "weight of the labels' cross-entropy (label, head)"
  ),
  **{
    f'schedule.{name}': Key(
      'constant', _SPEC, f'how hyper.{name} gets to its value'
    )
    for name in Hyper.__dataclass_fields__
  },
  'eval.examples': Key(
    10_000,
    _whole(1, 1_000_000),
    'images that the table and MIG are computed from',
    free=True,
  ),
  'eval.metrics': Key(
    'quick',
    _SPEC,
    'scores: quick, fast, paper, all, or metrics with commas between',
    free=True,
  ),
  'eval.bins': Key(20, _whole(1, 10_000), 'of the histogram in MIG', free=True),
  'eval.active_kl': Key(
    0.1, _WEIGHT, 'nats from which a latent counts as active', free=True
  ),
  'eval.embedding': Key(
    False, _BOOL, 'draw a t-SNE of the codes by class, in seconds', free=True
  ),
  'eval.figures': Key(True, _BOOL, 'draw figures and animations', free=True),
}
