"""What a step takes: against counts by hand, and against the compiler."""

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image
import pytest

from jaxvae import config as schema
from jaxvae import data, objectives, schedules
from jaxvae.errors import ResourceError, UserError
from jaxvae.model import build
from jaxvae.structs import Batch
from jaxvae.train import cost, state, step

MLP = 'mlp(encoder=(20,), decoder=(30,))'
# By hand: the digits have 64 pixels, and gaussian(3) asks for 6 numbers.
MLP_WEIGHTS = (64 * 20, 20 * 6, 3 * 30, 30 * 64)
MLP_BIASES = 20 + 6 + 30 + 64
# The convolutions of burgess on 32 x 32 x 3 pixels, all of 4 x 4 taps with
# stride 2 and 32 channels: (side of the smaller image, channels in, out).
ENCODER = ((16, 3, 32), (8, 32, 32), (4, 32, 32), (2, 32, 32))
DECODER = ((2, 32, 32), (4, 32, 32), (8, 32, 32), (16, 32, 3))
# Of one image: each pixel of the smaller image has a product of every tap.
FIRST, *OTHERS = (side**2 * 16 * i * o for side, i, o in ENCODER + DECODER)
DENSE = (128 * 256, 256 * 256, 256 * 6, 3 * 256, 256 * 256, 256 * 128)


@pytest.fixture(scope='module')
def digits(tmp_path_factory):
  """(changes) -> a config of 8 x 8 pixels, batches of 10."""
  place = str(tmp_path_factory.mktemp('digits'))

  def make(**changes):
    texts = {'data.name': 'digits', 'data.data_dir': place, 'net': MLP}
    texts |= {'latent': 'gaussian(3)', 'batch_size': '10'} | changes
    return schema.override(schema.default(), texts)

  return make


@pytest.fixture(scope='module')
def images(tmp_path_factory):
  """(changes) -> a config of 32 x 32 x 3 pixels, batches of 10."""
  place = tmp_path_factory.mktemp('images')
  (place / 'mine').mkdir()
  pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
  for number in range(20):
    PIL.Image.fromarray(pixels).save(place / 'mine' / f'{number}.png')

  def make(**changes):
    texts = {
      'data.name': 'image_folder',
      'data.path': str(place / 'mine'),
      'data.data_dir': str(place / 'data'),
      'data.image_size': '32',
      'latent': 'gaussian(3)',
      'batch_size': '10',
    }
    return schema.override(schema.default(), texts | changes)

  return make


def of_step(config):
  # Optax's Adam takes a float to the power of an integer.
  with jax.numpy_dtype_promotion('standard'):
    return cost.of_step(config)


def training(first, others):
  """Operations of an image: forward, and backward for weights and inputs; but
  nobody asks for the gradient of the pixels."""
  return 2 * (2 * first + 3 * sum(others))


def test_operations_of_dense_layers(digits):
  first, *others = MLP_WEIGHTS
  expected = 10 * training(first, others)
  assert expected == 10 * 2 * (2 * 1280 + 3 * (120 + 90 + 1920)) == 179_000
  assert of_step(digits()).operations == expected
  twice = of_step(digits(batch_size='20'))
  assert twice.operations == 2 * expected


def test_operations_of_convolutions(images):
  expected = 10 * training(FIRST, [*OTHERS, *DENSE])
  found = of_step(images(net="burgess(lowering='xla')")).operations
  assert found == expected
  # As matrix products they have the borders of the image beside.
  found = of_step(images(net="burgess(lowering='matmul')")).operations
  assert expected < found < 1.5 * expected


def test_of_what_is_repeated_each_time_counts():
  """Products of 2 x 4 and 4 x 4: ten in a loop, one within a jit."""
  matrix = jnp.ones((4, 4))

  def loop(x):
    return jax.lax.fori_loop(0, 10, lambda _, x: x @ matrix, x)

  def once(x):
    return jax.jit(jnp.matmul)(x, matrix)

  for function, times in ((loop, 10), (once, 1)):
    jaxpr = jax.make_jaxpr(function)(jnp.ones((2, 4))).jaxpr
    assert cost._operations(jaxpr) == times * 2 * 2 * 4 * 4


def test_the_state_is_the_parameters_and_what_the_optimiser_keeps(digits):
  parameters = sum(MLP_WEIGHTS) + MLP_BIASES
  # Adam keeps two moments; momentum one; the step, Adam's count and the key
  # are a few bytes more.
  for optimizer, copies in (('adam', 3), ('momentum', 2), ('sgd', 1)):
    held = of_step(digits(optimizer=optimizer)).state
    assert 0 < held - 4 * copies * parameters <= 16


def test_bytes_of_an_ensemble():
  one = cost.Cost(state=100, temporary=50, operations=7)
  # All hold theirs; those that step hold it twice, and what a step needs.
  assert cost.ensemble_bytes(one, 1, 1) == 250
  assert cost.ensemble_bytes(one, 5, 2) == 5 * 100 + 2 * 150


def test_the_worst_moment():
  """Arrays of 4 kB: what is dead is not counted, what is nested is."""
  x = jnp.ones(1000)

  def chain(x):
    return jnp.sin(jnp.cos(jnp.tan(x)))

  def later(x):
    return jax.jit(chain)(x) * x

  def both(x):
    return jnp.concatenate([x, jnp.cos(x)])

  for function, expected in (
    (chain, 8000),  # each needs the one before and itself
    (later, 12_000),  # and x is needed again
    (both, 16_000),  # x, its cosine, and the two of them in a row
  ):
    assert cost._peak(jax.make_jaxpr(function)(x).jaxpr) == expected


def compiled_bytes(config):
  """What the compiler says that a step takes, beside a state that it donates:
  its batch, its results that are no state, and its temporary arrays."""
  found = data.ensure_prepared(config.data)
  model = build(config, found.image_shape)
  tx = state.optimizer(config.optimizer)
  moving, course = schedules.course(config.hyper, config.schedule)
  objective = objectives.objective(config.objective)
  one = step.make_step(model, objective, tx, moving)
  begin = jax.eval_shape(lambda: state.initial(model, tx, np.uint32(0)))
  count = config.batch_size
  batch = Batch(
    jax.ShapeDtypeStruct((count, *found.image_shape), jnp.float32),
    jax.ShapeDtypeStruct((count, len(found.factors)), jnp.int32),
  )
  with jax.numpy_dtype_promotion('standard'):
    lowered = jax.jit(one, donate_argnums=0).lower(begin, batch, course)
  said = lowered.compile().memory_analysis()
  arguments = said.argument_size_in_bytes - said.alias_size_in_bytes
  results = said.output_size_in_bytes - said.alias_size_in_bytes
  return said.alias_size_in_bytes, (
    arguments + results + said.temp_size_in_bytes
  )


@pytest.mark.parametrize(
  ('kind', 'changes'),
  [
    ('digits', {'batch_size': '64'}),
    ('images', {'net': "burgess(lowering='matmul')", 'optimizer': 'sgd'}),
    ('images', {'net': "burgess(lowering='xla')", 'optimizer': 'sgd'}),
  ],
)
def test_the_estimate_and_the_compiler(kind, changes, request):
  """Not much less than it says, and not so much more as to waste a machine."""
  config = request.getfixturevalue(kind)(**changes)
  estimate = of_step(config)
  held, beside = compiled_bytes(config)
  assert estimate.state == pytest.approx(held, abs=16)
  assert 0.8 * beside < estimate.temporary < 4 * beside


@pytest.mark.parametrize(
  'changes',
  [
    {'batch_size': '1000000000'},
    {'net': 'mlp(encoder=(1000000, 1000000))'},
    {'latent': 'gaussian(100000)', 'net': 'mlp(encoder=(1000000,))'},
  ],
)
def test_what_no_machine_holds_is_refused(digits, changes):
  with jax.numpy_dtype_promotion('standard'):
    cost.check(digits(), 8)
    with pytest.raises(ResourceError, match=r'at least .* GB of memory, and'):
      cost.check(digits(**changes))


def test_the_end_of_memory_is_one_line():
  left = pytest.raises(ResourceError, match='no memory is left: Unable to allo')
  with left, cost.enough_memory():
    np.ones(2**58, np.uint8)
  said = 'RESOURCE_EXHAUSTED: Out of memory\nallocating 7 bytes.'
  left = pytest.raises(ResourceError, match=r'left: RESOURCE_.* allocating 7')
  with left, cost.enough_memory():
    raise jax.errors.JaxRuntimeError(said)
  bug = pytest.raises(jax.errors.JaxRuntimeError, match='INTERNAL')
  with bug, cost.enough_memory():
    raise jax.errors.JaxRuntimeError('INTERNAL: a bug')


def test_what_cannot_be_built_is_refused(digits):
  with pytest.raises(UserError, match="unknown network 'cnn'"):
    cost.of_step(digits(net='cnn'))
  with pytest.raises(UserError, match=r'data\.image_size=9 does not apply'):
    cost.of_step(digits(**{'data.image_size': '9'}))
