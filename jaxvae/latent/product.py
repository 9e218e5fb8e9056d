"""A latent space: a product of slots, side by side, in the order written."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxvae import keys
from jaxvae.latent import told
from jaxvae.latent.slot import Slot


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
    """How many numbers the encoder must give."""
    return sum(s.params_dim for s in self.slots if not s.classifier)

  @property
  def scores_dim(self) -> int:
    """How many the classifier must give; 0 if there is none."""
    return sum(s.params_dim for s in self.slots if s.classifier)

  @property
  def given_dim(self) -> int:
    """How many the encoder is given beside the image."""
    return sum(s.given_dim for s in self.slots)

  @property
  def sample_dim(self) -> int:
    return sum(s.sample_dim for s in self.slots)

  @property
  def code_dim(self) -> int:
    return sum(s.code_dim for s in self.slots if not s.added)

  @property
  def latents(self) -> int:
    return sum(s.latents for s in self.slots)

  @property
  def names(self) -> tuple[str, ...]:
    """What tables, figures and people call the latents: z0, z1, ..."""
    return tuple(f'z{i}' for i in range(self.latents))

  @property
  def rated(self) -> tuple[int, ...]:
    """The columns that have a divergence; a head has none."""
    slots = [slot for slot in self.slots for _ in range(slot.latents)]
    return tuple(i for i, slot in enumerate(slots) if slot.tells is None)

  def posterior(
    self,
    params: Array,
    prior: tuple[Any, ...] | None = None,
    scores: Array | None = None,
  ) -> tuple[Any, ...]:
    """One posterior per slot.

    Args:
      params: `[..., params_dim]`, the encoder's numbers.
      prior: what the priors have learned.
      scores: `[..., scores_dim]`, the classifier's.
    """
    rows = zip(
      self.slots, self.numbers(params, scores), self._each(prior), strict=True
    )
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
    labels: Array | None = None,
  ) -> Array:
    """Draws from the prior, `[*shape, sample_dim]`.

    Args:
      key: of the draws.
      shape: of them.
      hyper: of the prior.
      prior: what the priors have learned.
      labels: `[*shape, slots]`, what is told to slots that draw from p(z |
        label), NaN for nothing. What a label is drawn to be, the slots of the
        same factor are told.
    """
    nothing = jnp.full((*shape, len(self.slots)), jnp.nan)
    labels = nothing if labels is None else jnp.asarray(labels)
    drawn: list[Any] = [None] * len(self.slots)
    known = self._each(prior)
    # Labels first: what they are is told to the others.
    for i in sorted(
      range(len(drawn)), key=lambda i: self.slots[i].given is None
    ):
      slot, stream = self.slots[i], keys.stream(key, 'slot', i)
      drawn[i] = slot.sample_prior(stream, shape, hyper, known[i])
      if slot.draw_told is not None:
        is_told = ~jnp.isnan(labels[..., i])
        safe = jnp.where(is_told, labels[..., i], 0.0)
        chosen = slot.draw_told(stream, safe, hyper, known[i])
        drawn[i] = jnp.where(is_told[..., None], chosen, drawn[i])
      if slot.given is not None:
        chosen = slot.chart(drawn[i])[..., 0]
        labels = told.spread(self, labels.at[..., i].set(chosen))
    return _join(drawn)

  def penalties(
    self, params: Array, prior: tuple[Any, ...] | None = None
  ) -> dict[str, Array]:
    """What slots add to the loss beside their divergence, by slot, `[...]`."""
    rows = zip(
      self.slots, self.numbers(params, None), self._each(prior), strict=True
    )
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

  def code(self, z: Array, hyper: Any = None) -> Array:
    """What the decoder reads, `[..., code_dim]`.

    Args:
      z: `[..., sample_dim]`.
      hyper: of this step, while the model is trained.
    """
    beside, added = [], []
    for slot, part in zip(self.slots, self.samples(z), strict=True):
      training = hyper is not None and slot.training_code is not None
      code = slot.training_code(part, hyper) if training else slot.code(part)
      (added if slot.added else beside).append(code)
    return sum(added, _join(beside))

  def given(self, z: Array) -> Array | None:
    """What labels give to the networks, `[..., given_dim]`; None: nothing."""
    parts = zip(self.slots, self.samples(z), strict=True)
    labels = [s.given(p) for s, p in parts if s.given is not None]
    return _join(labels) if labels else None

  def numbers(self, params: Array, scores: Array | None) -> list[Any]:
    """Each slot's own part of what encoder and classifier give."""
    encoded = [s.params_dim for s in self.slots if not s.classifier]
    ranked = [s.params_dim for s in self.slots if s.classifier]
    parts, classes = (
      iter([None] * len(sizes) if given is None else _split(given, sizes))
      for given, sizes in ((params, encoded), (scores, ranked))
    )
    return [next(classes if s.classifier else parts) for s in self.slots]

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


def _split(x: Array, sizes: list[int]) -> list[Array]:
  return jnp.split(x, np.cumsum(sizes)[:-1].tolist(), axis=-1)


def _join(parts) -> Array:
  return jnp.concatenate(list(parts), axis=-1)
