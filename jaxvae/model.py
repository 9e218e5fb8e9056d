"""The autoencoder: networks around a latent space, as pure functions.

Labels that are latents (`latent/label.py`) are told to both networks. An image
whose label is known is taken at it. Where some labels are missing, an image
without one is taken at every class, and what follows is averaged under q(y |
x): the bound of M2 [Kingma et al. 2014, equations 6 and 7], exactly. Otherwise,
and for what stands for one image in figures and metrics, it is taken at its
likeliest class.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxvae import keys
from jaxvae.errors import UserError
from jaxvae.latent import labels, learned, pairs, told
from jaxvae.latent.product import LatentSpace
from jaxvae.latent.slots import latent_space
from jaxvae.likelihoods import Likelihood, likelihood
from jaxvae.nets import Net, conditional, net
from jaxvae.nets.shift import shifted
from jaxvae.structs import Outputs


class VAE(nn.Module):
  """An encoder, a decoder, and what the likelihood and the priors learn.

  Attributes:
    encoder: image `[b, h, w, c]` -> the posterior's numbers.
    decoder: code -> the likelihood's numbers, `[b, h, w, c]`.
    classifier: image -> scores of the classes of all labels; None where the
      latent space has none.
    learned_scale: the model holds the logarithm of the likelihood's scale.
    priors: (name, key -> arrays) of each prior that learns something.
  """

  encoder: nn.Module
  decoder: nn.Module
  classifier: nn.Module | None = None
  learned_scale: bool = False
  priors: tuple[tuple[str, Callable[[Array], Any]], ...] = ()

  def setup(self):
    if self.learned_scale:
      zeros = nn.initializers.zeros_init()
      # Relative to the fixed scale, so that it starts there.
      self.log_scale = self.param('log_scale', zeros, ())
    self.learned = {name: self.param(name, init) for name, init in self.priors}

  def encode(self, image: Array, *given: Array) -> Array:
    return self.encoder(image, *given)

  def decode(self, code: Array, *given: Array) -> Array:
    return self.decoder(code, *given)

  def classify(self, image: Array) -> Array:
    return self.classifier(image)

  def relative_log_scale(self) -> Array:
    return self.log_scale if self.learned_scale else jnp.zeros(())

  def __call__(
    self,
    image: Array,
    code: Array,
    enters: tuple[Array, ...],
    leaves: tuple[Array, ...],
  ) -> None:
    """Touches every parameter, for initialisation."""
    self.encode(image, *enters)
    self.decode(code, *leaves)
    if self.classifier is not None:
      self.classify(image)


class Model(NamedTuple):
  """What a config builds; every function takes the parameters first.

  Attributes:
    init: key -> params, a plain tree {'encoder': ..., 'decoder': ...}.
    posterior: (params, image, labels=None) -> one posterior per slot, at the
      labels `[b, slots]` that are known, NaN for those that are not.
    prior: params -> what the priors have learned, as the space takes it.
    decode: (params, z `[b, d]`) -> expected image `[b, h, w, c]`.
    between: (params, z, other z, share `[b]`) -> the same of what lies between
      the codes of two points, at 0 the first and at 1 the second.
    kl: (params, q, z, hyper, labels=None) -> `[b, l]` nats, the divergence of
      each latent, given the labels `[b, slots]` that are known.
    outputs: (params, batch, hyper, key, training=False) -> Outputs, with one
      sample of z. Only in training do pairs share latents.
    space: the latent space.
    likelihood: of an image, given the decoder's output.
  """

  init: Callable[[Array], Any]
  posterior: Callable[[Any, Array], tuple[Any, ...]]
  prior: Callable[[Any], tuple[Any, ...]]
  decode: Callable[[Any, Array], Array]
  between: Callable[[Any, Array, Array, Array], Array]
  kl: Callable[..., Array]
  outputs: Callable[..., Outputs]
  space: LatentSpace
  likelihood: Likelihood


def parts(config: Any) -> tuple[LatentSpace, Likelihood, Net, Net]:
  """What `config.latent`, `.likelihood`, `.net`, `.classifier` say, no data.

  Raises:
    UserError: one of them is unknown or has arguments that do not fit, or
      slots need labels and there are none.
  """
  space = latent_space(config.latent)
  for slot in space.slots:
    if slot.classifier and not config.labels.fraction:
      raise UserError(
        f'latent slot {slot.name} needs labels, and config.labels.fraction is'
        ' 0; allowed: above 0, to 1',
        hint='1 where all images are labelled',
      )
  for key, value in (
    ('classifier', config.classifier),
    ('labels.shift', config.labels.shift),
  ):
    if value and not space.scores_dim:
      raise UserError(
        f'config.{key}={value!r}, and no slot of config.latent='
        f'{config.latent!r} has a classifier; allowed: {type(value)()!r}'
      )
  nets = net(config.net)
  return (
    space,
    likelihood(config.likelihood),
    nets,
    net(config.classifier) if config.classifier else nets,
  )


def build(
  config: Any,
  image_shape: tuple[int, int, int],
  factors: Sequence[Any] | None = None,
) -> Model:
  """The model that `config.net`, `.latent` and `.likelihood` describe.

  Args:
    config: the run's config.
    image_shape: `(h, w, c)` of the data.
    factors: of the data, as `data.Factor` describes them; the slots
      that are told labels name some of them. Only training needs them.

  Raises:
    UserError: one of the three is unknown or has arguments that do not fit.
  """
  space, pixels, nets, classes = parts(config)
  shape = tuple(image_shape)
  if config.labels.shift >= min(shape[:2]):
    raise UserError(
      f'config.labels.shift={config.labels.shift}; allowed for images of'
      f' {shape[0]} x {shape[1]}: below {min(shape[:2])}'
    )
  vae = _networks(space, pixels, nets, classes, shape)
  told_by = labels.columns(space, factors)
  film = any(slot.film for slot in space.slots)
  every = None
  untold = any(factor.unknown for factor in factors or ())
  if space.given_dim and (config.labels.fraction < 1 or untold):
    every = told.every(space)

  def init(key):
    given = (jnp.zeros((1, space.given_dim)),) if space.given_dim else ()
    image = jnp.zeros((1, *shape))
    code = jnp.zeros((1, space.code_dim))
    return vae.init(key, image, code, given, given if film else ())['params']

  def apply(params, method, *args):
    return vae.apply({'params': params}, *args, method=method)

  def scored(params, image):
    """What the classifier says, or None."""
    return apply(params, VAE.classify, image) if space.scores_dim else None

  def encode(params, image, at):
    """The encoder's numbers; it is told the labels `at`, if it is told any."""
    if not space.given_dim:
      return apply(params, VAE.encode, image)
    given = told.given(space, at)
    return apply(params, VAE.encode, image, given)

  def nothing_known(image):
    return jnp.full((image.shape[0], len(space.slots)), jnp.nan)

  def likeliest(scores, known):
    return told.likely(space, scores, known) if space.given_dim else known

  def posterior(params, image, labels=None):
    known = nothing_known(image) if labels is None else labels
    scores = scored(params, image)
    at = likeliest(scores, known)
    return space.posterior(encode(params, image, at), prior(params), scores)

  def prior(params):
    def numbers(image):
      at = likeliest(scored(params, image), nothing_known(image))
      return encode(params, image, at)

    return learned.priors(space, params, numbers)

  def read(z, hyper=None):
    """What the decoder is given of z."""
    code = space.code(z, hyper)
    return (code, space.given(z)) if film else (code,)

  def decode(params, z):
    return pixels.mean(apply(params, VAE.decode, *read(z)))

  def between(params, z, other, share):
    far = share[:, None]
    ends = zip(read(z), read(other), strict=True)
    middle = [(1 - far) * a + far * b for a, b in ends]
    return pixels.mean(apply(params, VAE.decode, *middle))

  def kl(params, q, z, hyper, labels=None):
    known_priors = prior(params)
    apart = space.kl(q, hyper, z, known_priors)
    if labels is None and not space.given_dim:
      return apart
    at = told.read(space, z)
    known = jnp.full_like(at, jnp.nan) if labels is None else labels
    # What is not known has its divergence from the prior, whichever class the
    # image is taken at; what goes with a label is told that class.
    sure = told.keep(space, known, at)
    return space.label_kl(q, sure, apart, hyper, known_priors)

  def outputs(params, batch, hyper, key, training=False):
    known = nothing_known(batch.image)
    if batch.labelled is not None:
      known = labels.of_slots(batch.factors, batch.labelled, told_by)
    seen = batch.image
    if training and config.labels.shift:
      seen = shifted(keys.stream(key, 'shift'), seen, config.labels.shift)
    scores = scored(params, seen)
    relative = apply(params, VAE.relative_log_scale)
    log_scale = jnp.log(hyper.noise) + relative if pixels.scaled else relative

    def taken(at):
      """KL `[b, l]`, log-likelihood `[b]`, numbers, q and z, at labels."""
      numbers = encode(params, batch.image, at)
      q = space.posterior(numbers, prior(params), scores)
      if training and config.data.pairs:
        q = pairs.share(space, q)
      z = space.sample(keys.stream(key, 'posterior'), q)
      if space.given_dim:
        z = told.tell(space, z, at)
      told_labels = None if batch.labelled is None else known
      apart = kl(params, q, z, hyper, told_labels)
      images = apply(params, VAE.decode, *read(z, hyper if training else None))
      fit = pixels.log_prob(images, batch.image, log_scale)
      return apart, fit, numbers, q, z

    apart, fit, numbers, q, z = taken(likeliest(scores, known))
    if every is not None:
      apart, fit = _over_classes(space, taken, every, scores, known)
    penalties = space.penalties(numbers, prior(params))
    if space.scores_dim and batch.labelled is not None:
      missed = told.cross_entropy(space, scores, known)
      penalties['cross_entropy'] = hyper.alpha * missed
    return Outputs(apart, fit, penalties, q, z)

  return Model(
    init, posterior, prior, decode, between, kl, outputs, space, pixels
  )


def _networks(space, pixels, nets, classes, shape) -> VAE:
  encoder, decoder = nets.encoder(space.params_dim), nets.decoder(shape)
  if space.given_dim:
    film = any(slot.film for slot in space.slots)
    encoder = conditional.ConditionalEncoder(
      nets.encoder(conditional.WIDTH), space.params_dim, film
    )
    decoder = conditional.ConditionalDecoder(decoder) if film else decoder
  return VAE(
    encoder,
    decoder,
    classes.encoder(space.scores_dim) if space.scores_dim else None,
    pixels.learned_scale,
    tuple(learned.starts(space, shape)),
  )


def _over_classes(space, taken, every, scores, known) -> tuple[Array, Array]:
  """KL `[b, l]` and log-likelihood `[b]`, means under q(y | x, labels)."""

  def one(way):
    log_weight = told.log_weight(space, scores, known, way)
    at = jnp.broadcast_to(way, known.shape)
    return jnp.exp(log_weight), *taken(told.spread(space, at))[:2]

  weight, kl, fit = jax.vmap(one)(jnp.asarray(every))
  return (
    jnp.sum(weight[..., None] * kl, axis=0),
    jnp.sum(weight * fit, axis=0),
  )


def parameters(params: Any) -> list[tuple[str, tuple[int, ...], int]]:
  """A row per array: its path, its shape, how many numbers."""
  leaves = jax.tree_util.tree_leaves_with_path(params)
  return [
    ('/'.join(str(k.key) for k in path), leaf.shape, leaf.size)
    for path, leaf in leaves
  ]
