"""The beta-VAE [Higgins et al. 2017, eq. 4]; beta = 1 is the ELBO."""

from collections.abc import Callable

import jax.numpy as jnp

from jaxvae.structs import Batch, Hyper, Outputs, Terms


def beta_vae() -> Callable[[Outputs, Batch, Hyper], Terms]:
  """Loss = -log p(x | z) + beta KL(q(z | x) || p(z)), in summed nats.

  Beta is the paper's: nothing is divided by pixels or by latents.
  """

  def terms(outputs: Outputs, batch: Batch, hyper: Hyper) -> Terms:
    del batch
    reconstruction = -outputs.log_likelihood
    weighted = hyper.beta * jnp.sum(outputs.kl, axis=-1)
    return Terms(
      loss=reconstruction + weighted + sum(outputs.penalties.values()),
      reconstruction=reconstruction,
      kl=outputs.kl,
      regularisers={'beta_kl': weighted} | outputs.penalties,
    )

  return terms
