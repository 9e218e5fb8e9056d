"""A segment: a coordinate with two ends, all of it equally likely.

The segment is [-L, L], and the prior one of

- 'flat': exp(-E), E = max(|z| - L, 0)^2 / (2 s^2), normalised;
- 'smooth': uniform on the segment, convolved with N(0, s^2);
- 'kumaraswamy': uniform on the segment, and the posterior lies on it too, see
  `jaxvae.latent.kumaraswamy`.

At temperature T the scale s is s sqrt(T), and the prior stays normalised.
Chart, code and span are in units of L. A Gaussian posterior of deviation std
tells 2 L / (sqrt(2 pi e) std) levels apart, so it must be allowed to be narrow.
"""

import math

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import erfc, ndtr

from jaxvae import keys, ranges
from jaxvae.latent.gaussian import (
  LOG_2PI,
  Posterior,
  average,
  divergence,
  sample,
)
from jaxvae.latent.kumaraswamy import kumaraswamy
from jaxvae.latent.numerics import gaussian_mean, log1mexp, std_of
from jaxvae.latent.slot import Slot

KINDS = ('flat', 'kumaraswamy', 'smooth')

# Where the intervals of `_mean_rounding` end, from an end of the segment, in
# units of s.
_INSIDE, _OUTSIDE = (9.0, 3.0), (0.0, 3.0, 12.0, 48.0, 192.0, 768.0)


def segment(
  kind: str = 'flat',
  length: float = 1.0,
  s: float | None = None,
  anchor: float = 0.05,
) -> Slot:
  """One latent on a segment from -length to length.

  Args:
    kind: 'flat' (the KL in closed form), 'smooth' (by quadrature) or
      'kumaraswamy' (in closed form; the only one whose KL can reach 0).
    length: L, half of the segment's length.
    s: how soft the ends are; L / 10 by default. Not of 'kumaraswamy'.
    anchor: standard deviation of the prior of a labelled image, in units of L.

  Raises:
    ValueError: an argument is not allowed.
  """
  ranges.one_of('kind', kind, KINDS)
  if s is not None and kind == 'kumaraswamy':
    raise ValueError(f'kind={kind!r} has no s')
  given = {'length': length, 's': s, 'anchor': anchor}
  for name, value in given.items():
    if value is not None or name != 's':
      ranges.real(name, value, ranges.LOW, ranges.HIGH)
  usual = {'length': 1.0, 's': None, 'anchor': 0.05}
  words = [] if kind == 'flat' else [f'kind={kind!r}']
  words += [f'{n}={v!r}' for n, v in given.items() if v != usual[n]]
  name = f'segment({", ".join(words)})'
  if kind == 'kumaraswamy':
    return kumaraswamy(length, anchor)._replace(name=name)
  s = length / 10 if s is None else s

  def scale(hyper, dtype=float):
    return s * jnp.sqrt(jnp.asarray(hyper.temperature, dtype))

  def posterior(params):
    # The encoder's numbers are in units of the length.
    mean, raw = length * params[..., :1], params[..., 1:]
    return Posterior(mean, 0.5 * raw + math.log(length))

  def kl(q, hyper, z=None, prior=None):
    del z, prior
    return KLS[kind](q, length, scale(hyper, q.mean.dtype))

  def log_prob(z, hyper, prior=None):
    del prior
    return LOG_PROBS[kind](z[..., 0], length, scale(hyper, z.dtype))

  def sample_prior(key, shape, hyper, prior=None):
    del prior
    return SAMPLERS[kind](key, shape, length, scale(hyper))[..., None]

  def label_kl(q, label, hyper=None, prior=None):
    """KL(q || N(L label, (L anchor)^2)), exact."""
    del hyper, prior
    mean = length * label[..., None]
    log_std = jnp.full_like(mean, math.log(length * anchor))
    return divergence(q, Posterior(mean, log_std))

  return Slot(
    name=name,
    topology='segment',
    params_dim=2,
    sample_dim=1,
    code_dim=1,
    latents=1,
    posterior=posterior,
    sample=sample,
    mean=lambda q: q.mean,
    variance=lambda q: jnp.exp(2 * q.log_std) / length**2,
    kl=kl,
    log_prob=log_prob,
    sample_prior=sample_prior,
    code=lambda z: z / length,
    chart=lambda z: z / length,
    move=lambda z, column, value: z.at[..., column].set(length * value),
    span=(-1.0, 1.0),
    divergence=divergence,
    average=average,
    label_kl=label_kl,
  )


def flat_kl(q: Posterior, length: float, s: Array) -> Array:
  """KL(q || the flat-top prior), exact. Returns `[..., 1]` nats.

  Args:
    q: `[..., 1]`.
    length: L.
    s: scale of the energy, a number.
  """
  entropy = 0.5 * (1 + LOG_2PI) + q.log_std
  log_scale = _log_flat(length, s)
  return 0.5 * _mean_square(q, length) / s**2 + log_scale - entropy


def smooth_kl(q: Posterior, length: float, s: Array) -> Array:
  """KL(q || U(-L, L) * N(0, s^2)), by quadrature. Returns `[..., 1]` nats.

  To 1e-11 nats for deviations of q from 1e-3 s to 100 s. The prior is the
  flat-top one times a rounding that lies about the ends.
  """
  entropy = 0.5 * (1 + LOG_2PI) + q.log_std
  flat = 0.5 * _mean_square(q, length) / s**2 + math.log(2 * length) - entropy
  return flat - _mean_rounding(q, length, s)


def flat_log_prob(z: Array, length: float, s: Array) -> Array:
  """Log-density `[...]` of z `[...]`, normalised."""
  beyond = jnp.maximum(jnp.abs(z) - length, 0.0) / s
  return -0.5 * beyond**2 - _log_flat(length, s)


def smooth_log_prob(z: Array, length: float, s: Array) -> Array:
  """Log-density `[...]` of z `[...]`."""
  beyond = jnp.maximum(jnp.abs(z) - length, 0.0) / s
  rounding = _rounding((jnp.abs(z) - length) / s, 2 * length / s)
  return rounding - 0.5 * beyond**2 - math.log(2 * length)


def flat_sample(key, shape, length: float, s: Array) -> Array:
  """Draws `shape`: on the segment, or beyond one of its ends."""
  inside = 2 * length / (2 * length + s * math.sqrt(2 * math.pi))
  flat = jax.random.uniform(keys.stream(key, 'inside'), shape, minval=-1.0)
  noise = jax.random.normal(keys.stream(key, 'noise'), shape)
  chosen = jax.random.uniform(keys.stream(key, 'part'), shape) < inside
  beyond = s * noise + jnp.copysign(length, noise)
  return jnp.where(chosen, length * flat, beyond)


def smooth_sample(key, shape, length: float, s: Array) -> Array:
  """Draws `shape`: uniform plus noise."""
  flat = jax.random.uniform(keys.stream(key, 'inside'), shape, minval=-1.0)
  noise = jax.random.normal(keys.stream(key, 'noise'), shape)
  return length * flat + s * noise


def _log_flat(length, s):
  """Logarithm of the integral of exp(-max(|z| - L, 0)^2 / (2 s^2))."""
  return jnp.log(2 * length + s * math.sqrt(2 * math.pi))


def _mean_square(q, length):
  """Mean under q of max(|z| - L, 0)^2, exact, `[..., 1]`."""
  std = std_of(q)

  def beyond(mean):
    # Where the normal density and distribution are 0 or 1 in float64.
    a = jnp.clip(mean / std, -40.0, 40.0)
    density = jnp.exp(-0.5 * a**2 - 0.5 * LOG_2PI)
    return (std**2 + mean**2) * ndtr(a) + std * mean * density

  return beyond(q.mean - length) + beyond(-q.mean - length)


def _mean_rounding(q, length, s):
  """Mean under q of `_rounding`, `[..., 1]`.

  From end to centre it falls within a few s to 0, outwards it grows like a
  logarithm: so intervals that grow, cut where q ends, once for each side.
  """
  inside = [jnp.maximum(length - s * x, 0.0) for x in _INSIDE]
  outside = [length + s * x for x in _OUTSIDE]
  near = jnp.stack([jnp.zeros_like(s), *inside, *outside])
  far = jnp.append(near[1:], jnp.inf)
  return gaussian_mean(
    lambda z: _rounding((jnp.abs(z) - length) / s, 2 * length / s),
    q,
    jnp.concatenate([near, -far]),
    jnp.concatenate([far, -near]),
  )


def _rounding(x, width):
  """log(Phi(-x) - Phi(-x - width)) + max(x, 0)^2 / 2.

  Args:
    x: from the end of the segment outwards, in units of s; not below
      -width / 2, the centre.
    width: of the segment, in units of s.
  """
  # Of log Phi(-x - width) - log Phi(-x) the squares apart: they go off exactly.
  squares = jnp.where(x > 0, width * (x + 0.5 * width), 0.5 * (x + width) ** 2)
  end = _log_tail(x)
  return end + log1mexp(_log_tail(x + width) - end - squares)


def _log_tail(x):
  """log Phi(-x) + max(x, 0)^2 / 2, with all digits at any x."""
  near = jnp.clip(x, -40.0, 8.0)
  tail = 0.5 * erfc(jnp.abs(near) * math.sqrt(0.5))
  # Each branch reads the tail on its own side only: where it underflows, the
  # logarithm that is not taken is -inf and its gradient would be NaN.
  inside = x < 0.0
  right = jnp.log(jnp.where(inside, 0.5, tail)) + 0.5 * near**2
  left = jnp.log1p(-jnp.where(inside, tail, 0.0))
  # Laplace's continued fraction of Mills' ratio (1 - Phi) / phi.
  far = jnp.maximum(x, 8.0)
  fraction = far
  # At 8, 4 of its terms are right to 1e-7, 10 to 1e-13.
  for i in range(10 if x.dtype == jnp.float64 else 4, 0, -1):
    fraction = far + i / fraction
  right = jnp.where(x < 8.0, right, -jnp.log(fraction) - 0.5 * LOG_2PI)
  return jnp.where(inside, left, right)


KLS = {'flat': flat_kl, 'smooth': smooth_kl}
LOG_PROBS = {'flat': flat_log_prob, 'smooth': smooth_log_prob}
SAMPLERS = {'flat': flat_sample, 'smooth': smooth_sample}
