"""What every slot must hold, whatever its prior: the contract, checked.

The checks take a slot as it is; `log_q` is the density of its posterior, which
the contract does not ask for: (Posterior, z `[n, d]`) -> `[n]` nats, in NumPy
or JAX, written in the test and not taken from the code under test.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxvae.latent.slot import TOPOLOGIES, Slot
from jaxvae.structs import Hyper

KEY = jax.random.key(0)


def hyper(**changes: Any) -> Hyper:
  """Scalars that change nothing, but for `changes`."""
  neutral = dict.fromkeys(Hyper.__dataclass_fields__, 1.0)
  numbers = {**neutral, **changes}
  return Hyper(**{k: jnp.asarray(v, float) for k, v in numbers.items()})


def numbers(slot: Slot, *shape: int, seed: int = 0, scale: float = 1.0):
  """Numbers as an encoder gives them, `[*shape, p]`."""
  rng = np.random.default_rng(seed)
  return jnp.asarray(scale * rng.normal(size=(*shape, slot.params_dim)), float)


def check_contract(slot: Slot, settings: Hyper | None = None) -> None:
  """Shapes and types of everything, with batch axes, under jit and vmap.

  For slots whose divergence needs no learned prior.
  """
  settings = hyper() if settings is None else settings
  assert slot.topology in TOPOLOGIES
  columns = range(slot.latents)
  low, high = slot.span
  assert low < high

  def everything(params, other, settings):
    q, far = slot.posterior(params), slot.posterior(other)
    z = slot.sample(KEY, q)
    shared = jnp.ones((*params.shape[:-1], slot.latents), bool)
    mean = slot.mean(slot.average(q, far, shared))
    label = jnp.zeros(params.shape[:-1], params.dtype)
    found = {
      'd': [z, slot.mean(q), mean],
      'l': [
        slot.variance(q),
        slot.kl(q, settings, z),
        slot.divergence(q, far),
        slot.chart(z),
      ],
      'code': [slot.code(z)],
      '': [slot.log_prob(z, settings)],
    }
    value = jnp.full(params.shape[:-1], 0.5 * (low + high), params.dtype)
    found['d'] += [slot.move(z, i, value) for i in columns]
    if slot.label_kl is not None:
      found['l'] += [slot.label_kl(q, label, settings)]
    return found

  sizes = {
    'd': (slot.sample_dim,),
    'l': (slot.latents,),
    'code': (slot.code_dim,),
    '': (),
  }
  run = jax.jit(everything)
  for batch in [(), (2, 3)]:
    params, other = (numbers(slot, *batch, seed=s) for s in (0, 1))
    found = run(params, other, settings)
    for name, arrays in found.items():
      for array in arrays:
        assert array.shape == (*batch, *sizes[name]), name
        assert array.dtype == params.dtype, name
        assert jnp.isfinite(array).all(), name
  z = slot.sample_prior(KEY, (2, 3), settings)
  assert (z.shape, z.dtype) == ((2, 3, slot.sample_dim), jnp.float32)

  # A fleet: one setting per member, its own encoder numbers.
  fleet = jax.tree.map(lambda x: jnp.stack([x, x]), settings)
  params, other = (numbers(slot, 2, 2, 3, seed=s) for s in (0, 1))
  lanes = jax.jit(jax.vmap(everything))(params, other, fleet)
  for i in range(2):
    alone = run(params[i], other[i], settings)['l'][1]
    np.testing.assert_allclose(lanes['l'][1][i], alone, 1e-4, 1e-5)


def check_moves(slot: Slot, settings: Hyper | None = None) -> None:
  """`chart` reads what `move` wrote, and the other columns stay."""
  settings = hyper() if settings is None else settings
  z = slot.sample_prior(KEY, (5,), settings)
  before = np.asarray(slot.chart(z))
  low, high = slot.span
  value = jnp.linspace(low, high, 7)[1:-1]
  for i in range(slot.latents):
    after = np.array(slot.chart(slot.move(z, i, value)))
    np.testing.assert_allclose(after[:, i], value, rtol=1e-5, atol=1e-6)
    after[:, i] = before[:, i]
    np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-6)


def check_monte_carlo(
  slot: Slot,
  params: Any,
  settings: Hyper,
  log_q: Callable[[Any, Any], Any],
  draws: int = 100_000,
  reference: Callable[[Any], Any] | None = None,
) -> None:
  """The divergence is the mean of log q(z) - log p(z), in 5 standard errors.

  Args:
    slot: with an exact divergence.
    params: `[p]` encoder numbers.
    settings: of the prior.
    log_q: density of the posterior.
    draws: how many samples of it.
    reference: z -> log p(z) in place of the slot's own `log_prob`.
  """
  params = jnp.asarray(params, float)
  many = jnp.broadcast_to(params, (draws, *params.shape))

  @jax.jit
  def draw(many, settings):
    q = slot.posterior(many)
    z = slot.sample(KEY, q)
    return q, z, slot.log_prob(z, settings)

  q, z, log_p = draw(many, settings)
  log_p = log_p if reference is None else reference(z)
  ratio = np.asarray(log_q(q, z), np.float64) - np.asarray(log_p, np.float64)
  assert ratio.shape == (draws,)
  error = ratio.std() / math.sqrt(draws)
  exact = jax.jit(lambda p, h: slot.kl(slot.posterior(p), h))(params, settings)
  exact = float(exact.sum())
  # Where q is the prior every ratio is 0, but for rounding.
  assert abs(ratio.mean() - exact) < 5 * error + 2e-5 * (1 + abs(exact)), (
    ratio.mean(),
    exact,
    error,
  )


def check_gradients(slot: Slot, settings: Hyper, corners: Any) -> None:
  """Value and gradient are finite at each of `corners`, `[n, p]`.

  Of the divergence, of a sample, and of the divergence with a label.
  """

  def everything(params):
    q = slot.posterior(params)
    z = slot.sample(KEY, q)
    total = jnp.sum(slot.kl(q, settings, z)) + jnp.sum(slot.code(z))
    if slot.label_kl is not None:
      total += jnp.sum(slot.label_kl(q, jnp.asarray(0.5), settings))
    return total

  run = jax.jit(jax.value_and_grad(everything))
  for params in jnp.asarray(corners, float):
    value, gradient = run(params)
    assert jnp.isfinite(value), (params, value)
    assert jnp.isfinite(gradient).all(), (params, gradient)


def check_nonnegative(
  slot: Slot, settings: Hyper, scale: float = 2.0, tolerance: float = 2e-5
) -> None:
  """No divergence of 2000 random posteriors is below 0, but for rounding."""
  params = numbers(slot, 2000, seed=3, scale=scale)
  kl = jax.jit(lambda p, h: slot.kl(slot.posterior(p), h))(params, settings)
  kl = jnp.sum(kl, -1)
  assert jnp.isfinite(kl).all()
  assert float(kl.min()) > -tolerance, float(kl.min())


def check_prior_on_a_line(
  slot: Slot, settings: Hyper, low: float, high: float, draws: int = 20_000
) -> None:
  """A density of one number: its integral is 1, and the draws are from it.

  The draws are compared by the Kolmogorov-Smirnov statistic, which is above
  2.2 / sqrt(n) once in 8000 times.
  """
  x = np.linspace(low, high, 20_001)
  density = np.exp(
    np.asarray(
      slot.log_prob(jnp.asarray(x[:, None], jnp.float32), settings), np.float64
    )
  )
  steps = 0.5 * (density[1:] + density[:-1]) * np.diff(x)
  below = np.concatenate([[0.0], np.cumsum(steps)])
  assert abs(below[-1] - 1) < 1e-4, below[-1]
  z = np.asarray(slot.sample_prior(KEY, (draws,), settings), np.float64)
  assert z.shape == (draws, 1)
  assert ((z >= low) & (z <= high)).all()
  expected = np.interp(np.sort(z[:, 0]), x, below)
  gap = np.abs(expected - (np.arange(draws) + 0.5) / draws).max()
  assert gap < 2.2 / math.sqrt(draws), gap


def check_prior_in_a_plane(
  slot: Slot, settings: Hyper, reach: float, draws: int = 20_000
) -> None:
  """A density of two numbers: its integral over a square of half width `reach`
  is 1, and the draws have its mean, spread and mean radius."""
  x = np.linspace(-reach, reach, 801)
  grid = np.stack(np.meshgrid(x, x, indexing='ij'), -1)
  density = np.exp(
    np.asarray(
      slot.log_prob(jnp.asarray(grid, jnp.float32), settings), np.float64
    )
  )
  density *= (x[1] - x[0]) ** 2
  assert abs(density.sum() - 1) < 1e-4, density.sum()
  z = np.asarray(slot.sample_prior(KEY, (draws,), settings), np.float64)
  assert z.shape == (draws, 2)
  statistics = (
    lambda p: p[..., 0],
    lambda p: p[..., 1],
    lambda p: p[..., 0] * p[..., 1],
    lambda p: np.linalg.norm(p, axis=-1),
    lambda p: (p**2).sum(-1),
  )
  for statistic in statistics:
    on_grid, drawn = statistic(grid), statistic(z)
    mean = (density * on_grid).sum()
    error = math.sqrt((density * (on_grid - mean) ** 2).sum() / draws)
    assert abs(drawn.mean() - mean) < 5 * error
