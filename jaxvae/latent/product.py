"""A latent space: a product of slots, side by side, in the order written."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxvae import keys, spec
from jaxvae.errors import UserError
from jaxvae.latent.gaussian import gaussian
from jaxvae.latent.ksparse import ksparse
from jaxvae.latent.loop import loop
from jaxvae.latent.mixture import mixture, vamp
from jaxvae.latent.points import points
from jaxvae.latent.quantized import quantized
from jaxvae.latent.segment import segment
from jaxvae.latent.slot import Slot
from jaxvae.latent.tilted import tilted

# A new prior is one file and one line here.
SLOTS = {
  'gaussian': gaussian,
  'tilted': tilted,
  'loop': loop,
  'points': points,
  'segment': segment,
  'mixture': mixture,
  'vamp': vamp,
  'quantized': quantized,
  'ksparse': ksparse,
}


class LatentSpace(NamedTuple):
  """A tuple of slots; every array is the slots' arrays, concatenated.

  What priors have learned travels as a tuple too, one entry per slot, None
  where the slot's prior is given; `prior=None` stands for no learned prior.

  Attributes:
    slots: in the order in which the config names them.
    factors: for each slot, the factor whose labels it is told, or None.
  """

  slots: tuple[Slot, ...]
  factors: tuple[str | None, ...]

  @property
  def params_dim(self) -> int:
    return sum(s.params_dim for s in self.slots)

  @property
  def sample_dim(self) -> int:
    return sum(s.sample_dim for s in self.slots)

  @property
  def code_dim(self) -> int:
    return sum(s.code_dim for s in self.slots)

  @property
  def latents(self) -> int:
    return sum(s.latents for s in self.slots)

  @property
  def names(self) -> tuple[str, ...]:
    """What tables, figures and people call the latents: z0, z1, ..."""
    return tuple(f'z{i}' for i in range(self.latents))

  def posterior(
    self, params: Array, prior: tuple[Any, ...] | None = None
  ) -> tuple[Any, ...]:
    """`[..., params_dim]` -> one posterior per slot."""
    parts = _split(params, [s.params_dim for s in self.slots])
    rows = zip(self.slots, parts, self._each(prior), strict=True)
    return tuple(
      s.posterior(p) if s.penalty is None else s.posterior(p, known)
      for s, p, known in rows
    )

  def sample(self, key: Array, q: tuple[Any, ...]) -> Array:
    """One reparameterised sample, `[..., sample_dim]`."""
    return _join(
      s.sample(keys.stream(key, 'slot', i), p)
      for i, (s, p) in enumerate(zip(self.slots, q, strict=True))
    )

  def mean(self, q: tuple[Any, ...]) -> Array:
    """The point that stands for each posterior, `[..., sample_dim]`."""
    return _join(s.mean(p) for s, p in zip(self.slots, q, strict=True))

  def variance(self, q: tuple[Any, ...]) -> Array:
    """Posterior variance of each latent, `[..., latents]`."""
    return _join(s.variance(p) for s, p in zip(self.slots, q, strict=True))

  def kl(
    self,
    q: tuple[Any, ...],
    hyper: Any,
    z: Array | None = None,
    prior: tuple[Any, ...] | None = None,
  ) -> Array:
    """Divergence of each latent from its prior, `[..., latents]` nats.

    Args:
      q: the posteriors.
      hyper: of this step.
      z: a sample of them; needed by slots whose divergence is sampled.
      prior: what the priors have learned.
    """
    samples = [None] * len(self.slots) if z is None else self.samples(z)
    parts = zip(self.slots, q, samples, self._each(prior), strict=True)
    return _join(s.kl(p, hyper, x, known) for s, p, x, known in parts)

  def label_kl(
    self,
    q: tuple[Any, ...],
    labels: Array,
    kl: Array,
    hyper: Any,
    prior: tuple[Any, ...] | None = None,
  ) -> Array:
    """`kl` with p(z | label) in place of p(z) where a label is known.

    Args:
      q: the posteriors.
      labels: `[..., slots]` in the slots' own units, NaN for unknown.
      kl: `[..., latents]` nats, from the priors without labels.
      hyper: of this step.
      prior: what the priors have learned.

    Returns:
      `[..., latents]` nats.
    """
    ends = np.cumsum([s.latents for s in self.slots])[:-1].tolist()
    parts = list(jnp.split(kl, ends, axis=-1))
    known = ~jnp.isnan(labels)
    # Zero where it is not used, for a gradient without NaN.
    safe = jnp.where(known, labels, 0.0)
    rows = zip(self.slots, self.factors, q, self._each(prior), strict=True)
    for i, (slot, factor, posterior, learned) in enumerate(rows):
      if factor is not None:
        told = slot.label_kl(posterior, safe[..., i], hyper, learned)
        parts[i] = jnp.where(known[..., i, None], told, parts[i])
    return _join(parts)

  def log_prob(
    self, z: Array, hyper: Any, prior: tuple[Any, ...] | None = None
  ) -> Array:
    """Log-density of z under the prior, `[...]` nats."""
    parts = zip(self.slots, self.samples(z), self._each(prior), strict=True)
    return jnp.sum(
      jnp.stack([s.log_prob(p, hyper, known) for s, p, known in parts], -1),
      axis=-1,
    )

  def sample_prior(
    self,
    key: Array,
    shape: tuple[int, ...],
    hyper: Any,
    prior: tuple[Any, ...] | None = None,
  ) -> Array:
    """Draws from the prior, `[*shape, sample_dim]`."""
    return _join(
      s.sample_prior(keys.stream(key, 'slot', i), shape, hyper, known)
      for i, (s, known) in enumerate(
        zip(self.slots, self._each(prior), strict=True)
      )
    )

  def penalties(
    self, params: Array, prior: tuple[Any, ...] | None = None
  ) -> dict[str, Array]:
    """What slots add to the loss beside their divergence, by slot, `[...]`."""
    parts = _split(params, [s.params_dim for s in self.slots])
    rows = zip(self.slots, parts, self._each(prior), strict=True)
    return {
      f'penalty_{i}': slot.penalty(part, known)
      for i, (slot, part, known) in enumerate(rows)
      if slot.penalty is not None
    }

  def divergence(self, q: tuple[Any, ...], other: tuple[Any, ...]) -> Array:
    """KL(q || other) of each latent, `[..., latents]` nats."""
    parts = zip(self.slots, q, other, strict=True)
    return _join(s.divergence(a, b) for s, a, b in parts)

  def average(
    self, q: tuple[Any, ...], other: tuple[Any, ...], shared: Array
  ) -> tuple[Any, ...]:
    """q with the latents `shared` `[..., latents]` between both posteriors."""
    parts = _split(shared, [s.latents for s in self.slots])
    rows = zip(self.slots, q, other, parts, strict=True)
    return tuple(s.average(a, b, where) for s, a, b, where in rows)

  def code(self, z: Array) -> Array:
    """What the decoder reads, `[..., code_dim]`."""
    parts = zip(self.slots, self.samples(z), strict=True)
    return _join(s.code(p) for s, p in parts)

  def chart(self, z: Array) -> Array:
    """The coordinate that people plot, of each latent, `[..., latents]`."""
    parts = zip(self.slots, self.samples(z), strict=True)
    return _join(s.chart(p) for s, p in parts)

  def move(self, z: Array, latent: int, value: Array) -> Array:
    """z `[..., d]` with the chart coordinate of one latent set to `value`."""
    slot, column = self._column(latent)
    parts = self.samples(z)
    parts[slot] = self.slots[slot].move(parts[slot], column, value)
    return _join(parts)

  def span(self, latent: int) -> tuple[float, float]:
    """Where a traversal of this latent begins and ends."""
    return self.slots[self._column(latent)[0]].span

  def topology(self, latent: int) -> str:
    """What this latent's coordinate runs along, see `slot.TOPOLOGIES`."""
    return self.slots[self._column(latent)[0]].topology

  def samples(self, z: Array) -> list[Array]:
    """z `[..., d]` cut into the slots' own samples."""
    return _split(z, [s.sample_dim for s in self.slots])

  def _each(self, prior: tuple[Any, ...] | None) -> tuple[Any, ...]:
    return (None,) * len(self.slots) if prior is None else prior

  def _column(self, latent: int) -> tuple[int, int]:
    if not 0 <= latent < self.latents:
      raise IndexError(f'latent {latent} of {self.latents}')
    ends = np.cumsum([s.latents for s in self.slots])
    slot = int(np.searchsorted(ends, latent, side='right'))
    return slot, latent - int(ends[slot] - self.slots[slot].latents)


def latent_space(text: str) -> LatentSpace:
  """The product that a text such as 'gaussian(10)' describes.

  Any slot may be told which factor's labels it gets, if the data have some:
  "loop(factor='orientation') + gaussian(6)".

  Raises:
    UserError: the text is not a sum of slots, a slot is unknown, or its
      arguments do not fit.
  """
  slots, factors = [], []
  for call in spec.parse(text):
    kwargs = dict(call.kwargs)
    factor = kwargs.pop('factor', None)
    built = spec.build(
      call._replace(kwargs=tuple(kwargs.items())), SLOTS, 'latent slot'
    )
    if factor is not None and built.label_kl is None:
      raise UserError(
        f'latent slot {built.name} cannot be told a factor: factor={factor!r}',
        hint='points, segment, loop, mixtures of classes and one-dimensional'
        ' gaussians can',
      )
    slots.append(built)
    factors.append(factor)
  return LatentSpace(tuple(slots), tuple(factors))


def _split(x: Array, sizes: list[int]) -> list[Array]:
  return jnp.split(x, np.cumsum(sizes)[:-1].tolist(), axis=-1)


def _join(parts) -> Array:
  return jnp.concatenate(list(parts), axis=-1)


__all__ = ['SLOTS', 'LatentSpace', 'latent_space']
