"""The tilted Gaussian: p(z) = exp(tau |z|) N(z; 0, I) / Z in d dimensions.

Its density is greatest where |z| = tau [Floto et al. 2023, "The tilted
variational autoencoder"]. The paper's Kummer functions overflow in float32;
what stands here is made of positive terms and keeps its digits in float32 to
d = 512 and tau = 50. `tau` is a scalar, 0 or more, and may be traced; results
have its type, or that of the posterior.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import log_ndtr

from jaxvae import keys

LOG_2PI = math.log(2 * math.pi)


def log_z_centred(d: int, tau: Array) -> Array:
  """log Z - tau^2 / 2, a scalar in nats; 0 at tau = 0.

  With J_k the integral of r^k exp(tau r - r^2 / 2) over r > 0, which obeys
  J_k+1 = tau J_k + k J_k-1, Z is J_d-1 at tau over J_d-1 at 0.
  """
  return _recursion(d, jnp.asarray(tau))[1]


def mean_radius(d: int, tau: Array) -> Array:
  """E |z| under the prior, a scalar; also d log Z / d tau."""
  ratio, _ = _recursion(d, jnp.asarray(tau))
  return ratio * float(_standard_radii(d)[-1])


def variance_radius(d: int, tau: Array) -> Array:
  """Variance of |z| under the prior, a scalar; also d^2 log Z / d tau^2."""
  tau = jnp.asarray(tau)
  # The derivative, and not d + tau R - R^2, which cancels for large tau.
  one = jnp.ones_like(tau)
  return jax.jvp(lambda t: mean_radius(d, t), (tau,), (one,))[1]


def log_prob(z: Array, tau: Array) -> Array:
  """log p(z) of z `[..., d]`, `[...]` nats."""
  d = z.shape[-1]
  tau = jnp.asarray(tau, z.dtype)
  height = -0.5 * d * LOG_2PI - log_z_centred(d, tau)
  return height - 0.5 * (norm(z) - tau) ** 2


def kl(mean: Array, log_std: Array, tau: Array) -> Array:
  """KL(q || p) of a diagonal Gaussian q, exact. Returns `[...]` nats.

  1/2 (m - tau)^2 + tau (m - E|z|) + log Z - tau^2 / 2 - sum(1/2 + log std),
  where m^2 = E |z|^2. The paper has the case std = 1, in Kummer functions.

  Args:
    mean: `[..., d]`.
    log_std: `[..., d]`.
    tau: a scalar.
  """
  tau = jnp.asarray(tau, mean.dtype)
  m = root_mean_square(mean, log_std)
  return (
    0.5 * (m - tau) ** 2
    + tau * gap(mean, log_std)
    + log_z_centred(mean.shape[-1], tau)
    - jnp.sum(0.5 + log_std, axis=-1)
  )


def root_mean_square(mean: Array, log_std: Array) -> Array:
  """m = sqrt(E |z|^2) of diagonal Gaussians `[..., d]`, `[...]`."""
  return jnp.sqrt(_mean_square(mean, log_std))


@jax.custom_jvp
def gap(mean: Array, log_std: Array) -> Array:
  """m - E |z| of diagonal Gaussians `[..., d]`, `[...]`, 0 or more.

  From E sqrt(Q) = integral of (1 - E exp(-s^2 Q)) / s^2 over s > 0, divided by
  sqrt(pi), with Q = |z|^2 and s = x / ((1 - x) m), by Gauss-Legendre quadrature
  over x from 0 to 1: 32 nodes in float32, 64 in float64. The relative error is
  that of rounding if the standard deviations are alike or the mean is large,
  and at most 1e-6 and 2e-7 where one is 10^4 times all others.
  """
  return _gap(mean, log_std)[0]


@gap.defjvp
def _gap_jvp(primals, tangents):
  value, of_mean, of_log_std = _gap(*primals)
  mean, log_std = tangents
  return value, jnp.sum(of_mean * mean + of_log_std * log_std, axis=-1)


@functools.partial(jax.jit, static_argnums=0)
def minimiser(d: int, tau: Array) -> Array:
  """mu*, the |mean| for which KL(N(mean, I) || p) is least, a scalar.

  0 for tau up to sqrt(2) Gamma(d / 2 + 1) / Gamma((d + 1) / 2), close to
  sqrt(tau^2 - d + 1) far above; no gradient. The paper's code descends by
  finite differences. Here the derivative is 0 where 1 / G^2 = 1, with
  G = tau sqrt(2 / pi) integral of cos^d(t) exp(-mu^2 sin^2(t) / 2), t from 0 to
  pi / 2; as a function of mu^2 it is all but a straight line, so that a few
  steps of Newton's method reach full precision.
  """
  tau = jax.lax.stop_gradient(jnp.asarray(tau))
  x, w = (jnp.asarray(part, tau.dtype) for part in _legendre(64))

  def step(_, square):
    # Nothing is left of the integrand beyond nine of its widths.
    reach = jnp.minimum(0.5 * jnp.pi, 9 / jnp.sqrt(square + d))
    sine2 = jnp.sin(reach * x) ** 2
    terms = w * jnp.exp(0.5 * (d * jnp.log1p(-sine2) - square * sine2))
    integral = jnp.sum(terms)
    # d log(G) / d square.
    slope = -0.5 * jnp.sum(terms * sine2) / integral
    g2 = (tau * reach * integral) ** 2 * (2 / jnp.pi)
    return jnp.maximum(square + (1 - g2) / (2 * slope), 0.0)

  start = jnp.maximum(tau**2 - (d - 1), 0.0)
  return jnp.sqrt(jax.lax.fori_loop(0, 8, step, start))


def sample(key: Array, shape: tuple[int, ...], d: int, tau: Array) -> Array:
  """Exact draws z `[*shape, d]` of the prior; not reparameterised."""
  tau = jnp.asarray(tau)
  direction = jax.random.normal(
    keys.stream(key, 'direction'), (*shape, d), tau.dtype
  )
  # A direction even where all is 0, which in one dimension does happen.
  direction = jnp.where(direction == 0, 1e-9, direction)
  r = sample_radius(keys.stream(key, 'radius'), shape, d, tau)
  return direction * (r / norm(direction))[..., None]


@functools.partial(jax.jit, static_argnums=(1, 2))
def sample_radius(
  key: Array, shape: tuple[int, ...], d: int, tau: Array
) -> Array:
  """Exact draws of |z|, `shape`, by rejection until all are accepted.

  The density r^(d-1) exp(tau r - r^2 / 2) over that of N(mode, 1) is greatest
  at the mode, since the second derivative of its logarithm is -1 or less. At
  least half of the proposals are accepted, mostly over 0.8.
  """
  tau = jnp.asarray(tau)
  mode = 0.5 * (tau + jnp.sqrt(tau**2 + 4 * (d - 1)))
  normals, uniforms = (keys.stream(key, n) for n in ('normal', 'uniform'))

  def propose(state):
    i, r, done = state
    ours = jax.random.fold_in(normals, i), jax.random.fold_in(uniforms, i)
    normal = jax.random.normal(ours[0], shape, tau.dtype)
    uniform = jax.random.uniform(ours[1], shape, tau.dtype)
    proposal = mode + normal
    accepted = proposal > 0
    if d > 1:
      ratio = jnp.where(accepted, proposal, mode) / mode
      log_chance = (d - 1) * (jnp.log(ratio) - (ratio - 1))
      accepted &= jnp.log(uniform) < log_chance
    return i + 1, jnp.where(done, r, proposal), done | accepted

  state = jnp.int32(0), jnp.zeros(shape, tau.dtype), jnp.zeros(shape, bool)
  return jax.lax.while_loop(lambda s: ~jnp.all(s[2]), propose, state)[1]


def norm(z: Array) -> Array:
  """|z| of z `[..., d]`, `[...]`, with the gradient 0 at 0."""
  square = jnp.sum(z**2, axis=-1)
  zero = square == 0
  # One where it is not used, for a gradient without NaN.
  return jnp.where(zero, 0.0, jnp.sqrt(jnp.where(zero, 1.0, square)))


def _standard_radii(d: int) -> np.ndarray:
  """E |z| of standard normals of 1 to d dimensions: sqrt(2) G((k+1)/2)/G(k/2).

  [d] float64; two neighbours multiply to the dimension of the first.
  """
  radii = [math.sqrt(2 / math.pi)]
  for k in range(1, d):
    # By twos, so that rounding does not pile up.
    radii.append(radii[k - 2] * k / (k - 1) if k > 1 else 1 / radii[0])
  return np.array(radii)


@functools.partial(jax.jit, static_argnums=0)
def _recursion(d: int, tau: Array) -> tuple[Array, Array]:
  """Mean radius over that at tau = 0, and log Z - tau^2 / 2.

  The ratios R_k = J_k+1 / J_k are tau + k / R_k-1; over their values at tau = 0
  they are r_k = tau / R_k(0) + 1 / r_k-1, all 1 or more. Errors shrink.
  """
  radii = _standard_radii(d)
  log_cdf = log_ndtr(tau)
  # phi / Phi.
  mills = jnp.exp(-0.5 * tau**2 - 0.5 * LOG_2PI - log_cdf)
  first = (tau + mills) / float(radii[0])  # else a float64 that promotes

  def step(carry, radius):
    ratio, total = carry
    return (tau / radius + 1 / ratio, total + jnp.log(ratio)), None

  start = first, log_cdf + math.log(2.0)
  rest = jnp.asarray(radii[1:], tau.dtype)
  return jax.lax.scan(step, start, rest, unroll=16)[0]


def _mean_square(mean: Array, log_std: Array) -> Array:
  total = jnp.sum(mean**2 + jnp.exp(2 * log_std), axis=-1)
  # Not 0, for a gradient without NaN.
  return total + jnp.finfo(mean.dtype).tiny


def _gap(mean: Array, log_std: Array) -> tuple[Array, Array, Array]:
  """`gap`, and its derivatives by mean and log_std, from the same integrals.

  Written out because they need nothing that the value does not, and are much
  cheaper so than by differentiation.
  """
  nodes = _nodes(64 if mean.dtype == jnp.float64 else 32)
  # Of s^2 m^2, and of the integrals over ds / s^2 and over ds.
  u, over, along = (
    jnp.asarray(part, mean.dtype).reshape((1,) * mean.ndim + (-1,))
    for part in nodes
  )
  square = _mean_square(mean, log_std)[..., None]
  # Shares of m^2, `[..., d, 1]` against `[..., 1, nodes]`.
  of_mean = (mean**2 / square)[..., None]
  of_variance = (jnp.exp(2 * log_std) / square)[..., None]
  a = 2 * u * of_variance
  inverse = 1 / (1 + a)
  pull = u * of_mean * inverse
  logs = _sum_log1p(a)
  # log E exp(-s^2 |z|^2), and how far it is above -s^2 m^2: nothing cancels.
  moment = jnp.exp(-0.5 * logs - jnp.sum(pull, axis=-2))
  excess = jnp.sum(a * (0.5 + pull), axis=-2) - 0.5 * logs
  m = jnp.sqrt(square)
  value = m[..., 0] * jnp.sum(
    over[..., 0, :] * -moment * jnp.expm1(-excess), axis=-1
  )
  rate = (2 * along[..., 0, :] * moment)[..., None, :] * inverse
  by_mean = 1 - jnp.sum(rate, axis=-1)
  by_log_std = 1 - jnp.sum(rate * (1 - 2 * pull), axis=-1)
  return value, mean / m * by_mean, jnp.exp(2 * log_std) / m * by_log_std


def _sum_log1p(a: Array) -> Array:
  """Sum of log(1 + a) over the last axis but one; a is from 0 to 2e7.

  Up to four at a time, which is as far as their product goes in float32.
  """
  for _ in range(2):
    if a.shape[-2] > 1:
      if a.shape[-2] % 2:
        a = jnp.concatenate([a, jnp.zeros_like(a[..., :1, :])], axis=-2)
      one, two = a[..., ::2, :], a[..., 1::2, :]
      a = one + two + one * two
  return jnp.sum(jnp.log1p(a), axis=-2)


def _legendre(n: int) -> tuple[np.ndarray, np.ndarray]:
  """Nodes and weights of Gauss-Legendre quadrature from 0 to 1."""
  x, w = np.polynomial.legendre.leggauss(n)
  return 0.5 * (x + 1), 0.5 * w


def _nodes(n: int) -> tuple[np.ndarray, ...]:
  """s^2 = (x / (1 - x))^2, weights of integrals over ds / s^2, and over ds."""
  x, w = _legendre(n)
  over = w / x**2 / math.sqrt(math.pi)
  along = w / (1 - x) ** 2 / math.sqrt(math.pi)
  return (x / (1 - x)) ** 2, over, along
