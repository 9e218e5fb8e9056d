"""Points on a line: categories as the low places of an energy.

Points j = 0 ... k - 1 lie `spacing` apart, centred. The posterior is a
Gaussian, and the prior one of

- 'voronoi': exp(-E), E = min_j (z - p_j)^2 / (2 s^2), normalised;
- 'mixture': the mean of the k densities N(p_j, s^2);

or the posterior is a distribution over the points themselves ('concrete', see
`jaxvae.latent.concrete`). At temperature T the scale s is s sqrt(T), and the
prior stays normalised; neighbours merge where s is half of the spacing.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import erf, ndtr

from jaxvae import keys, ranges
from jaxvae.latent.concrete import concrete
from jaxvae.latent.gaussian import (
  LOG_2PI,
  Posterior,
  average,
  divergence,
  sample,
)
from jaxvae.latent.numerics import along, gaussian_mean, std_of
from jaxvae.latent.slot import Slot

# The options that a kind reads, with their defaults; spacing is in units of s.
OPTIONS = {
  'voronoi': {'s': 1.0, 'spacing': 6.0, 'code': 'onehot'},
  'mixture': {'s': 1.0, 'spacing': 6.0, 'code': 'onehot'},
  'concrete': {'relaxation': 2 / 3},
}
CODES = ('line', 'onehot')
# Logits are divided by it, and a sample is no choice at all far above 1.
RELAXATION = 1e-3, 1e3

# Lengths over which an exponential falls to 7e-13.
_DECAY = 28.0


def points(
  k: int,
  kind: str = 'voronoi',
  spacing: float | None = None,
  s: float | None = None,
  code: str | None = None,
  relaxation: float | None = None,
) -> Slot:
  """One latent that is one of k points.

  Args:
    k: how many, from 2.
    kind: 'voronoi' (the KL in closed form), 'mixture' (by quadrature) or
      'concrete' (sampled; the points have no order).
    spacing: from one point to the next; 6 s by default, where a Gaussian
      posterior can tell all points apart. Not of 'concrete', nor are the next.
    s: standard deviation of the prior at a point; 1 by default.
    code: what the decoder reads: 'onehot' (the default), a smooth one, which
      has no order, or 'line', z / spacing.
    relaxation: temperature of the Concrete distribution, 2/3 by default; of
      'concrete' only.

  Raises:
    ValueError: an argument is not allowed.
  """
  ranges.whole('k', k, 2, ranges.CLASSES)
  ranges.one_of('kind', kind, OPTIONS)
  given = {'s': s, 'spacing': spacing, 'code': code, 'relaxation': relaxation}
  given = {name: value for name, value in given.items() if value is not None}
  for name, value in given.items():
    if name not in OPTIONS[kind]:
      raise ValueError(f'kind={kind!r} has no {name}')
    if name == 'code':
      ranges.one_of(name, value, CODES)
    elif name == 'relaxation':
      ranges.real(name, value, *RELAXATION)
    else:
      ranges.real(name, value, ranges.LOW, ranges.HIGH)
  options = OPTIONS[kind] | given
  suffix = '' if kind == 'voronoi' else f', kind={kind!r}'
  suffix += ''.join(f', {name}={value!r}' for name, value in given.items())
  name = f'points({k}{suffix})'
  if kind == 'concrete':
    return concrete(k, options['relaxation'])._replace(name=name)
  if spacing is None:
    options['spacing'] *= options['s']
  return _on_a_line(name, k, kind, **options)


def _on_a_line(name, k, kind, spacing, s, code) -> Slot:
  middle = (k - 1) / 2
  places = spacing * (np.arange(k) - middle)

  def scale(hyper, dtype=float):
    return s * jnp.sqrt(jnp.asarray(hyper.temperature, dtype))

  def posterior(params):
    # The encoder's numbers are of the size of the chart.
    mean, raw = spacing * params[..., :1], params[..., 1:]
    return Posterior(mean, 0.5 * raw + math.log(s))

  def kl(q, hyper, z=None, prior=None):
    del z, prior
    return KLS[kind](q, k, spacing, scale(hyper, q.mean.dtype))

  def log_prob(z, hyper, prior=None):
    del prior
    return LOG_PROBS[kind](z[..., 0], k, spacing, scale(hyper, z.dtype))

  def sample_prior(key, shape, hyper, prior=None):
    del prior
    return SAMPLERS[kind](key, shape, k, spacing, scale(hyper))[..., None]

  def soft(z):
    # At a point its neighbours have exp(-9/2); the slope reaches everywhere.
    away = (z - along(places, z)) * (3 / spacing)
    return jax.nn.softmax(-0.5 * away**2, axis=-1)

  def label_kl(q, label, hyper, prior=None):
    """KL(q || N(p_label, s^2)), exact, at any temperature."""
    del prior
    mean = spacing * (label[..., None] - middle)
    log_std = jnp.broadcast_to(jnp.log(scale(hyper, mean.dtype)), mean.shape)
    return divergence(q, Posterior(mean, log_std))

  def move(z, column, value):
    return z.at[..., column].set(spacing * (value - middle))

  return Slot(
    name=name,
    topology='points',
    params_dim=2,
    sample_dim=1,
    code_dim=k if code == 'onehot' else 1,
    latents=1,
    posterior=posterior,
    sample=sample,
    mean=lambda q: q.mean,
    variance=lambda q: jnp.exp(2 * q.log_std) / spacing**2,
    kl=kl,
    log_prob=log_prob,
    sample_prior=sample_prior,
    code=soft if code == 'onehot' else lambda z: z / spacing,
    chart=lambda z: z / spacing + middle,
    move=move,
    span=(0.0, k - 1.0),
    divergence=divergence,
    average=average,
    label_kl=label_kl,
    classes=k,
  )


def voronoi_kl(q: Posterior, k: int, spacing: float, s: Array) -> Array:
  """KL(q || the nearest-point prior), exact. Returns `[..., 1]` nats.

  Args:
    q: `[..., 1]`.
    k: how many points.
    spacing: from one to the next.
    s: scale of the energy, a number.
  """
  log_scale = _log_normaliser(k, spacing, s)
  entropy = 0.5 * (1 + LOG_2PI) + q.log_std
  return 0.5 * _mean_square(q, k, spacing) / s**2 + log_scale - entropy


def mixture_kl(q: Posterior, k: int, spacing: float, s: Array) -> Array:
  """KL(q || the mean of N(p_j, s^2)), by quadrature. Returns `[..., 1]` nats.

  To 1e-10 relative for deviations of q from 1e-3 s to 100 s. The prior is
  that of the nearest point times a softening, which lies about the borders.
  """
  log_scale = 0.5 * LOG_2PI + jnp.log(s) + math.log(k)
  entropy = 0.5 * (1 + LOG_2PI) + q.log_std
  nearest = 0.5 * _mean_square(q, k, spacing) / s**2 + log_scale - entropy
  return nearest - _mean_softening(q, k, spacing, s)


def voronoi_log_prob(z: Array, k: int, spacing: float, s: Array) -> Array:
  """Log-density `[...]` of z `[...]`, normalised."""
  away = z - spacing * (_nearest(z, k, spacing) - (k - 1) / 2)
  return -0.5 * (away / s) ** 2 - _log_normaliser(k, spacing, s)


def mixture_log_prob(z: Array, k: int, spacing: float, s: Array) -> Array:
  """Log-density `[...]` of z `[...]`."""
  away = (z[..., None] - _places(k, spacing, z[..., None])) / s
  density = jax.nn.logsumexp(-0.5 * away**2, axis=-1)
  return density - 0.5 * LOG_2PI - jnp.log(s) - math.log(k)


def voronoi_sample(key, shape, k: int, spacing: float, s: Array) -> Array:
  """Draws `shape`: a cell by its mass, then a Gaussian cut to the cell."""
  half = 0.5 * spacing / s
  ends = jnp.full((k,), erf(half / math.sqrt(2)))
  ends = ends.at[jnp.array([0, k - 1])].set(ndtr(half))
  index = jax.random.categorical(
    keys.stream(key, 'cell'), jnp.log(ends), shape=shape
  )
  low = jnp.where(index == 0, -jnp.inf, -half)
  high = jnp.where(index == k - 1, jnp.inf, half)
  noise = jax.random.truncated_normal(keys.stream(key, 'noise'), low, high)
  return spacing * (index.astype(noise.dtype) - (k - 1) / 2) + s * noise


def mixture_sample(key, shape, k: int, spacing: float, s: Array) -> Array:
  """Draws `shape`: a point, then a Gaussian around it."""
  index = jax.random.randint(keys.stream(key, 'point'), shape, 0, k)
  noise = jax.random.normal(keys.stream(key, 'noise'), shape)
  return spacing * (index.astype(noise.dtype) - (k - 1) / 2) + s * noise


def _log_normaliser(k, spacing, s):
  """Logarithm of the integral of exp(-min_j (z - p_j)^2 / (2 s^2))."""
  inner = (k - 1) * erf(spacing / (math.sqrt(8) * s))
  return 0.5 * LOG_2PI + jnp.log(s) + jnp.log1p(inner)


def _mean_square(q, k, spacing):
  """Mean under q of min_j (z - p_j)^2, exact, `[..., 1]`.

  From the square to the point that is nearest to the mean: beyond each border
  e between two points the square to the next one is less by 2 D |z - e|. All
  terms are so of the size of the result or of std^2.
  """
  std = std_of(q)
  nearest = _nearest(q.mean, k, spacing)
  away = q.mean - spacing * (nearest - (k - 1) / 2)
  number = np.arange(k - 1)
  borders = along(spacing * (number - (k - 2) / 2), q.mean)
  beyond = jnp.where(along(number, q.mean) < nearest, -1.0, 1.0)
  beyond = (q.mean - borders) * beyond.astype(std.dtype)
  # At most 0 but for rounding, with a margin: at the limit of a clip half of
  # the slope is lost. Nothing is left at -40.
  a = jnp.clip(beyond / std, -40.0, 1.0)
  ramp = std * (a * ndtr(a) + jnp.exp(-0.5 * a**2 - 0.5 * LOG_2PI))
  return away**2 + std**2 - 2 * spacing * jnp.sum(ramp, -1, keepdims=True)


def _mean_softening(q, k, spacing, s):
  """Mean under q of `_softening`, `[..., 1]`.

  It has a kink at each border between two points and decays from there over
  s^2 / spacing, so the intervals end there.
  """
  borders = spacing * (np.arange(k - 1) - (k - 2) / 2)
  reach = _DECAY * s**2 / spacing
  inner = jnp.full((k - 1,), jnp.minimum(reach, 0.5 * spacing))
  before, after = inner.at[0].set(reach), inner.at[-1].set(reach)
  borders = jnp.asarray(borders, inner.dtype)
  low = jnp.concatenate([borders - before, borders])
  high = jnp.concatenate([borders, borders + after])
  return gaussian_mean(lambda z: _softening(z, k, spacing, s), q, low, high)


def _softening(z, k, spacing, s):
  """log sum_j exp((min_i |z - p_i|^2 - |z - p_j|^2) / (2 s^2)), from 0 up."""
  nearest = _nearest(z, k, spacing)
  away = z - spacing * (nearest - (k - 1) / 2)
  # To the point that is j further on the distance is |away - j D|.
  step = along(np.arange(k), z[..., None]) - nearest[..., None]
  more = spacing * step * (away[..., None] - 0.5 * spacing * step) / s**2
  return jax.nn.logsumexp(more, axis=-1)


def _nearest(z, k, spacing):
  """Index of the point that is nearest to z, a whole number of z's type."""
  place = jax.lax.stop_gradient(z) / spacing + (k - 1) / 2
  return jnp.clip(jnp.round(place), 0, k - 1)


def _places(k, spacing, like):
  return along(spacing * (np.arange(k) - (k - 1) / 2), like)


KLS = {'voronoi': voronoi_kl, 'mixture': mixture_kl}
LOG_PROBS = {'voronoi': voronoi_log_prob, 'mixture': mixture_log_prob}
SAMPLERS = {'voronoi': voronoi_sample, 'mixture': mixture_sample}
