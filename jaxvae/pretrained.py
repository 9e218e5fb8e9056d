"""A trained model as functions on NumPy arrays: `jaxvae.load(workdir)`.

Everything comes from the checkpoint; the data set need not be on the machine.
Arrays and JSON are read and no code is run. Letters in shapes: `n` images of
`h w c` pixels, `d` numbers of a latent point, `l` latents; for a Gaussian
latent space d is l, and the charts are the coordinates themselves.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

import jaxvae
from jaxvae import checked, classes, keys, schedules, traverse
from jaxvae import config as schema
from jaxvae.data import Factor, factors_from_json
from jaxvae.errors import UserError
from jaxvae.latent import told
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
    encode: (images `[n, h, w, c]`, labels=None) -> Encoding. Where the model is
      told labels, those that are known: {'digit': 3}, or one for each image,
      or the names in `factors`; the others are read off the images.
    decode: z `[n, d]` -> expected images `[n, h, w, c]`.
    sample: (n, seed=0, labels=None) -> images `[n, h, w, c]`, decoded from
      draws of the prior, of the classes that `labels` name; the same for the
      same n and seed.
    transform: (images, labels, steps=2) -> images `[n, steps, h, w, c]`, from
      each image as it is decoded to the same at other classes, all else held;
      what the decoder reads goes from one to the other in a straight line.
    traverse: (image `[h, w, c]`, latent=None, steps=11, span=None) -> images
      `[latents, steps, h, w, c]`. The image's latents one after another, or
      only `latent`, a number or a name, in `steps` values from low to high of
      `span`, in the chart's unit, the slot's own by default.
    config: of the run.
    step: after which the parameters were saved.
    title: of the data set, for people.
    image_shape: `(h, w, c)`.
    latent_names: `l` names, the columns of `Encoding.chart`.
    factors: of the data, with the names of their classes; may be empty.
  """

  encode: Callable[..., Encoding]
  decode: Callable[..., np.ndarray]
  sample: Callable[..., np.ndarray]
  transform: Callable[..., np.ndarray]
  traverse: Callable[..., np.ndarray]
  config: ml_collections.ConfigDict
  step: int
  title: str
  image_shape: tuple[int, int, int]
  latent_names: tuple[str, ...]
  factors: tuple[Factor, ...]


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
  try:
    workdir = os.fsdecode(workdir)
  except TypeError as error:
    raise UserError(
      f'workdir={workdir!r}; allowed: the directory of a run, as text or a path'
    ) from error
  if not workdir:
    raise UserError("workdir=''; allowed: the directory of a run")
  if step is not None:
    step = checked.whole('step', step, 0)
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
  factors = factors_from_json(about['factors'])
  by_name = {factor.name: factor for factor in factors}
  encode, decode, sample, transform = _functions(
    model, config, params, shape, by_name
  )
  names = model.space.names

  def traversals(image, latent=None, steps=11, span=None):
    image = checked.array(image, 'image', f'{list(shape)}')
    if image.shape != shape:
      raise UserError(
        f'the image has shape {list(image.shape)}; allowed: {list(shape)}'
      )
    images, _ = traverse.traverse(
      model.space,
      decode,
      encode(image[None]).mean,
      checked.latents(latent, names),
      checked.few(
        'steps', checked.whole('steps', steps, 2), len(names), *shape
      ),
      None if span is None else checked.span(span),
    )
    return images[:, 0]

  return Pretrained(
    encode=encode,
    decode=decode,
    sample=sample,
    transform=transform,
    traverse=traversals,
    config=config,
    step=saved.step,
    title=about['title'],
    image_shape=shape,
    latent_names=names,
    factors=factors,
  )


def _functions(
  model: Model,
  config: ml_collections.ConfigDict,
  params: Any,
  shape: tuple[int, int, int],
  factors: Mapping[str, Factor],
) -> tuple[Callable, Callable, Callable, Callable]:
  params = jax.device_put(params)
  hyper = schedules.targets(config.hyper)
  space = model.space

  factors = {name: factors[name] for name in classes.slots(space)}

  # The parameters are arguments: as constants they would be compiled in.
  @jax.jit
  def posterior(params, images, labels):
    q = model.posterior(params, images, labels)
    # Mixtures have no exact divergence; always the same noise.
    drawn = space.sample(keys.stream(jax.random.key(0), 'posterior'), q)
    z = space.mean(q)
    if space.given_dim:
      z, drawn = (told.tell(space, point, labels) for point in (z, drawn))
    kl = model.kl(params, q, drawn, hyper, labels)
    return Encoding(z, space.chart(z), space.variance(q), kl)

  @jax.jit
  def expected(params, z):
    return jnp.clip(model.decode(params, z), 0.0, 1.0)

  @jax.jit
  def moved(params, z, other, share):
    return jnp.clip(model.between(params, z, other, share), 0.0, 1.0)

  def encode(images, labels=None):
    images = checked.images(images, shape)
    given = checked.labels(labels, factors, len(images))
    known = classes.labels(space, given, len(images))

    def pixels(part):
      if part.dtype == np.uint8:
        part = part.astype(np.float32) / np.float32(255)
      if config.data.binarize:
        part = part > 0.5
      return part.astype(np.float32)

    return _in_batches(
      lambda part, known: posterior(params, pixels(part), known), images, known
    )

  def decode(z):
    z = checked.points(z, space.sample_dim)
    return _in_batches(lambda part: expected(params, part), z)

  def sample(n, seed=0, labels=None):
    n = checked.few('n', checked.whole('n', n, 1), *shape)
    seed = checked.whole('seed', seed, 0, 2**32 - 1)
    given = checked.labels(labels, factors, n)
    key = keys.stream(jax.random.key(seed), 'samples')
    told_labels = classes.labels(space, given, n)
    prior = model.prior(params)
    return decode(space.sample_prior(key, (n,), hyper, prior, told_labels))

  def transform(images, labels, steps=2):
    z = encode(images).mean
    given = checked.labels(labels, factors, len(z))
    steps = checked.few(
      'steps', checked.whole('steps', steps, 2), len(z), *shape
    )
    end = np.asarray(classes.at(space, z, given))
    rows = [np.repeat(points, steps, axis=0) for points in (z, end)]
    share = np.tile(np.linspace(0.0, 1.0, steps, dtype=np.float32), len(z))
    flat = _in_batches(lambda *part: moved(params, *part), *rows, share)
    return flat.reshape(len(z), steps, *shape)

  return encode, decode, sample, transform


def _in_batches(function: Callable, *rows: np.ndarray) -> Any:
  """`function` of all rows, concatenated."""
  parts = []
  for at in range(0, len(rows[0]), BATCH):
    n = len(rows[0][at : at + BATCH])
    # To a power of two: few shapes, and each is compiled once.
    more = (1 << (n - 1).bit_length()) - n
    padded = [
      np.concatenate([x[at : at + n], np.zeros((more, *x.shape[1:]), x.dtype)])
      for x in rows
    ]
    found = jax.device_get(function(*padded))
    parts.append(jax.tree.map(lambda x, n=n: x[:n], found))
  return jax.tree.map(lambda *x: np.concatenate(x), *parts)


def _kind(leaf: Any) -> tuple[tuple[int, ...], str]:
  return tuple(leaf.shape), str(leaf.dtype)
