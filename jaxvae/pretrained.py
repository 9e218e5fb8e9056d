"""A trained model as functions on NumPy arrays: `jaxvae.load(workdir)`.

Everything comes from the checkpoint; the data set need not be on the machine.
Arrays and JSON are read and no code is run. Letters in shapes: `n` images of
`h w c` pixels, `d` numbers of a latent point, `l` latents; for a Gaussian
latent space d is l, and the charts are the coordinates themselves.
"""

import operator
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

import jaxvae
from jaxvae import config as schema
from jaxvae import keys, schedules, traverse
from jaxvae.errors import UserError
from jaxvae.model import Model, build
from jaxvae.train import checkpoint

BATCH = 256  # images in one call of the model


class Encoding(NamedTuple):
  """Posteriors of images, as NumPy arrays.

  Attributes:
    mean: `[n, d]` float32, the point that stands for each posterior; `decode`
      takes it.
    chart: `[n, l]` float32, the same in the coordinates that people plot and
      metrics score.
    variance: `[n, l]` float32 of the posterior, in the chart's unit, squared.
    kl: `[n, l]` float32 nats, the divergence of each latent from its prior.
  """

  mean: np.ndarray
  chart: np.ndarray
  variance: np.ndarray
  kl: np.ndarray


class Pretrained(NamedTuple):
  """What `load` gives.

  Images given are `[n, h, w, c]`, all of `image_shape`: uint8 in 0 ... 255,
  bool, or floating point in [0, 1]. Images returned are float32 in [0, 1]. All
  functions raise a UserError, in one line, on what does not fit. They work
  through large inputs in batches.

  Attributes:
    encode: images `[n, h, w, c]` -> Encoding.
    decode: z `[n, d]` -> expected images `[n, h, w, c]`.
    sample: (n, seed=0) -> images `[n, h, w, c]`, decoded from draws of the
      prior; the same for the same n and seed.
    traverse: (image `[h, w, c]`, latent=None, steps=11, span=None) -> images
      `[latents, steps, h, w, c]`. The image's latents one after another, or
      only `latent`, a number or a name, in `steps` values from low to high of
      `span`, in the chart's unit, the slot's own by default.
    config: of the run.
    step: after which the parameters were saved.
    title: of the data set, for people.
    image_shape: `(h, w, c)`.
    latent_names: `l` names, the columns of `Encoding.chart`.
    factor_names: of the data's factors; may be empty.
  """

  encode: Callable[..., Encoding]
  decode: Callable[..., np.ndarray]
  sample: Callable[..., np.ndarray]
  traverse: Callable[..., np.ndarray]
  config: ml_collections.ConfigDict
  step: int
  title: str
  image_shape: tuple[int, int, int]
  latent_names: tuple[str, ...]
  factor_names: tuple[str, ...]


def load(
  workdir: str | os.PathLike[str], step: int | None = None
) -> Pretrained:
  """The model of a run, with the parameters of one of its checkpoints.

  Args:
    workdir: the run's directory.
    step: of the checkpoint; the newest that is not damaged by default.

  Raises:
    UserError: there is no such checkpoint, or another version saved it.
    IntegrityError: the one asked for, or all of them, are damaged.
  """
  saved = checkpoint.read(workdir, step, prefix=('params',))
  config = schema.from_dict(saved.config)
  about = saved.info['data']
  shape = tuple(about['image_shape'])
  model = build(config, shape)
  params = saved.state['params']
  expected = jax.eval_shape(model.init, jax.random.key(0))
  if jax.tree.map(_kind, params) != jax.tree.map(_kind, expected):
    raise UserError(
      f'checkpoint {saved.step} in {workdir} has other parameters than the '
      f'model that jaxvae {jaxvae.__version__} builds from its config',
      hint='install the version that run.json names',
    )
  encode, decode, sample = _functions(model, config, params, shape)
  names = model.space.names

  def traversals(image, latent=None, steps=11, span=None):
    image = np.asarray(image)
    if image.shape != shape:
      raise UserError(
        f'the image has shape {list(image.shape)}; allowed: {list(shape)}'
      )
    images, _ = traverse.traverse(
      model.space,
      decode,
      encode(image[None]).mean,
      _latents(latent, names),
      _whole('steps', steps, 2),
      None if span is None else _span(span),
    )
    return images[:, 0]

  return Pretrained(
    encode=encode,
    decode=decode,
    sample=sample,
    traverse=traversals,
    config=config,
    step=saved.step,
    title=about['title'],
    image_shape=shape,
    latent_names=names,
    factor_names=tuple(name for name, *_ in about['factors']),
  )


def _functions(
  model: Model,
  config: ml_collections.ConfigDict,
  params: Any,
  shape: tuple[int, int, int],
) -> tuple[Callable, Callable, Callable]:
  params = jax.device_put(params)
  hyper = schedules.targets(config.hyper)
  space = model.space

  # The parameters are arguments: as constants they would be compiled in.
  @jax.jit
  def posterior(params, images):
    q = model.posterior(params, images)
    z = space.mean(q)
    # Mixtures have no exact divergence; always the same noise.
    drawn = space.sample(keys.stream(jax.random.key(0), 'posterior'), q)
    kl = space.kl(q, hyper, drawn, model.prior(params))
    return Encoding(z, space.chart(z), space.variance(q), kl)

  @jax.jit
  def expected(params, z):
    return jnp.clip(model.decode(params, z), 0.0, 1.0)

  def encode(images):
    images = _images(images, shape)

    def pixels(part):
      if part.dtype == np.uint8:
        part = part.astype(np.float32) / np.float32(255)
      if config.data.binarize:
        part = part > 0.5
      return part.astype(np.float32)

    return _in_batches(lambda part: posterior(params, pixels(part)), images)

  def decode(z):
    z = _points(z, space.sample_dim)
    return _in_batches(lambda part: expected(params, part), z)

  def sample(n, seed=0):
    n, seed = _whole('n', n, 1), _whole('seed', seed, 0, 2**32 - 1)
    key = keys.stream(jax.random.key(seed), 'samples')
    return decode(space.sample_prior(key, (n,), hyper, model.prior(params)))

  return encode, decode, sample


def _in_batches(function: Callable, rows: np.ndarray) -> Any:
  """`function` of all rows, concatenated."""
  parts = []
  for at in range(0, len(rows), BATCH):
    part = rows[at : at + BATCH]
    n = len(part)
    # To a power of two: few shapes, and each is compiled once.
    padding = np.zeros(((1 << (n - 1).bit_length()) - n, *part.shape[1:]))
    padded = np.concatenate([part, padding.astype(part.dtype)])
    found = jax.device_get(function(padded))
    parts.append(jax.tree.map(lambda x, n=n: x[:n], found))
  return jax.tree.map(lambda *x: np.concatenate(x), *parts)


def _kind(leaf: Any) -> tuple[tuple[int, ...], str]:
  return tuple(leaf.shape), str(leaf.dtype)


def _array(given: Any, name: str, allowed: str) -> np.ndarray:
  try:
    return np.asarray(given)
  except ValueError as error:
    raise UserError(
      f'{name} are rows of unequal length; allowed: {allowed}'
    ) from error


def _images(given: Any, shape: tuple[int, int, int]) -> np.ndarray:
  allowed = f'[n, {", ".join(map(str, shape))}] with n at least 1'
  images = _array(given, 'images', allowed)
  if images.ndim != 4 or images.shape[1:] != shape or not len(images):
    raise UserError(
      f'images have shape {list(images.shape)}; allowed: {allowed}',
      hint='one image is image[None]' if images.shape == shape else '',
    )
  if images.dtype not in (np.uint8, bool) and images.dtype.kind != 'f':
    raise UserError(
      f'images have dtype {images.dtype}; allowed: uint8 in 0 ... 255, bool, '
      'or floating point in [0, 1]'
    )
  low, high = images.min(), images.max()
  if np.isnan(low):
    raise UserError('images have a pixel that is NaN; allowed: 0 to 1')
  if images.dtype.kind == 'f' and not 0 <= low <= high <= 1:
    raise UserError(
      f'images have pixels from {low:g} to {high:g}; allowed: 0 to 1 for '
      'floating point',
      hint='divide by the largest value that a pixel can have',
    )
  if images.dtype == np.uint8 and high == 1:
    raise UserError(
      'images are uint8 and no pixel is above 1; allowed: 0 ... 255 for uint8',
      hint='if 1 is white, give images.astype(bool)',
    )
  return images


def _points(given: Any, width: int) -> np.ndarray:
  allowed = f'[n, {width}] with n at least 1'
  z = _array(given, 'z', allowed)
  if z.ndim != 2 or z.shape[1] != width or not len(z):
    raise UserError(f'z has shape {list(z.shape)}; allowed: {allowed}')
  if z.dtype.kind not in 'fiu':
    raise UserError(f'z has dtype {z.dtype}; allowed: real numbers')
  with np.errstate(over='ignore'):
    z = z.astype(np.float32)
  finite = np.isfinite(z).all(axis=1)
  if not finite.all():
    raise UserError(
      f'row {int(np.argmin(finite))} of z is not finite; allowed: finite '
      'numbers that float32 can hold'
    )
  return z


def _whole(name: str, given: Any, low: int, high: float = np.inf) -> int:
  allowed = f'at least {low}' if high == np.inf else f'from {low} to {high}'
  try:
    value = operator.index(given)
  except TypeError:
    value = low - 1
  if isinstance(given, bool) or value < low or value > high:
    raise UserError(f'{name}={given!r}; allowed: a whole number {allowed}')
  return value


def _latents(given: Any, names: tuple[str, ...]) -> list[int]:
  if given is None:
    return list(range(len(names)))
  if isinstance(given, str):
    if given not in names:
      raise UserError(f'latent={given!r}; allowed: {", ".join(names)}')
    return [names.index(given)]
  return [_whole('latent', given, 0, len(names) - 1)]


def _span(given: Any) -> tuple[float, float]:
  try:
    low, high = map(float, given)
  except (TypeError, ValueError):
    low = high = np.nan
  if not -np.inf < low < high < np.inf:
    raise UserError(
      f'span={given!r}; allowed: (low, high), two finite numbers, low below '
      'high'
    )
  return low, high
