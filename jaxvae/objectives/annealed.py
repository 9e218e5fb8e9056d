"""The capacity-annealed beta-VAE [Burgess et al. 2018, eq. 8]."""

from collections.abc import Callable

import jax.numpy as jnp

from jaxvae.structs import Batch, Hyper, Outputs, Terms


def annealed_vae() -> Callable[[Outputs, Batch, Hyper], Terms]:
  """Loss = -log p(x | z) + gamma |KL - C|, in summed nats.

  KL is the mean over the global batch, as in the paper's code and in
  disentanglement_lib: |mean KL - C|, not the mean of |KL - C|, which would ask
  every single image for the same information. C is `hyper.capacity`, raised by
  its schedule.
  """

  def terms(outputs: Outputs, batch: Batch, hyper: Hyper) -> Terms:
    del batch
    reconstruction = -outputs.log_likelihood
    mean_kl = jnp.mean(jnp.sum(outputs.kl, axis=-1))
    gap = hyper.gamma * jnp.abs(mean_kl - hyper.capacity)
    gaps = jnp.broadcast_to(gap, reconstruction.shape)
    return Terms(
      loss=reconstruction + gaps + sum(outputs.penalties.values()),
      reconstruction=reconstruction,
      kl=outputs.kl,
      regularisers={'gamma_gap': gaps} | outputs.penalties,
    )

  return terms
