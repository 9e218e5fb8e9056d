"""The autoencoder: networks around a latent space, as pure functions."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxvae import keys
from jaxvae.latent import labels, learned, pairs
from jaxvae.latent.product import LatentSpace, latent_space
from jaxvae.likelihoods import Likelihood, likelihood
from jaxvae.nets import Net, net
from jaxvae.structs import Outputs


class VAE(nn.Module):
  """An encoder, a decoder, and what the likelihood and the priors learn.

  Attributes:
    encoder: image `[b, h, w, c]` -> the posterior's numbers.
    decoder: code -> the likelihood's numbers, `[b, h, w, c]`.
    learned_scale: the model holds the logarithm of the likelihood's scale.
    priors: (name, key -> arrays) of each prior that learns something.
  """

  encoder: nn.Module
  decoder: nn.Module
  learned_scale: bool = False
  priors: tuple[tuple[str, Callable[[Array], Any]], ...] = ()

  def setup(self):
    if self.learned_scale:
      zeros = nn.initializers.zeros_init()
      # Relative to the fixed scale, so that it starts there.
      self.log_scale = self.param('log_scale', zeros, ())
    self.learned = {name: self.param(name, init) for name, init in self.priors}

  def encode(self, image: Array) -> Array:
    return self.encoder(image)

  def decode(self, code: Array) -> Array:
    return self.decoder(code)

  def relative_log_scale(self) -> Array:
    return self.log_scale if self.learned_scale else jnp.zeros(())

  def __call__(self, image: Array, code: Array) -> tuple[Array, Array]:
    """Touches every parameter, for initialisation."""
    return self.encode(image), self.decode(code)


class Model(NamedTuple):
  """What a config builds; every function takes the parameters first.

  Attributes:
    init: key -> params, a plain tree {'encoder': ..., 'decoder': ...}.
    posterior: (params, image) -> one posterior per slot.
    prior: params -> what the priors have learned, as the space takes it.
    decode: (params, z `[b, d]`) -> expected image `[b, h, w, c]`.
    outputs: (params, batch, hyper, key, training=False) -> Outputs, with one
      sample of z. Only in training do pairs share latents.
    space: the latent space.
    likelihood: of an image, given the decoder's output.
  """

  init: Callable[[Array], Any]
  posterior: Callable[[Any, Array], tuple[Any, ...]]
  prior: Callable[[Any], tuple[Any, ...]]
  decode: Callable[[Any, Array], Array]
  outputs: Callable[..., Outputs]
  space: LatentSpace
  likelihood: Likelihood


def parts(config: Any) -> tuple[LatentSpace, Likelihood, Net]:
  """What `config.latent`, `.likelihood` and `.net` describe, without data.

  Raises:
    UserError: one of the three is unknown or has arguments that do not fit.
  """
  return (
    latent_space(config.latent),
    likelihood(config.likelihood),
    net(config.net),
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
    factors: of the data, each with a name, a size and a topology; the slots
      that are told labels name some of them. Only training needs them.

  Raises:
    UserError: one of the three is unknown or has arguments that do not fit.
  """
  space, pixels, nets = parts(config)
  shape = tuple(image_shape)
  vae = VAE(
    nets.encoder(space.params_dim),
    nets.decoder(shape),
    pixels.learned_scale,
    tuple(learned.starts(space, shape)),
  )
  told_by = labels.columns(space, factors)

  def init(key):
    image = jnp.zeros((1, *shape))
    code = jnp.zeros((1, space.code_dim))
    return vae.init(key, image, code)['params']

  def apply(params, method, *args):
    return vae.apply({'params': params}, *args, method=method)

  def encode(params, image):
    return apply(params, VAE.encode, image)

  def posterior(params, image):
    return space.posterior(encode(params, image), prior(params))

  def prior(params):
    return learned.priors(space, params, lambda image: encode(params, image))

  def decode(params, z):
    return pixels.mean(apply(params, VAE.decode, space.code(z)))

  def outputs(params, batch, hyper, key, training=False):
    numbers = encode(params, batch.image)
    known = prior(params)
    q = space.posterior(numbers, known)
    if training and config.data.pairs:
      q = pairs.share(space, q)
    z = space.sample(keys.stream(key, 'posterior'), q)
    kl = space.kl(q, hyper, z, known)
    if batch.labelled is not None:
      told = labels.of_slots(batch.factors, batch.labelled, told_by)
      kl = space.label_kl(q, told, kl, hyper, known)
    drawn = apply(params, VAE.decode, space.code(z))
    relative = apply(params, VAE.relative_log_scale)
    log_scale = jnp.log(hyper.noise) + relative if pixels.scaled else relative
    return Outputs(
      kl=kl,
      log_likelihood=pixels.log_prob(drawn, batch.image, log_scale),
      penalties=space.penalties(numbers, known),
      posterior=q,
      z=z,
    )

  return Model(init, posterior, prior, decode, outputs, space, pixels)


def parameters(params: Any) -> list[tuple[str, tuple[int, ...], int]]:
  """A row per array: its path, its shape, how many numbers."""
  leaves = jax.tree_util.tree_leaves_with_path(params)
  return [
    ('/'.join(str(k.key) for k in path), leaf.shape, leaf.size)
    for path, leaf in leaves
  ]
