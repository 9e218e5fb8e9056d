"""A beta-VAE on scikit-learn's 8 x 8 digits: nothing to download, seconds.

  python -m jaxvae.main --config=configs/digits_beta.py

For a first look, for tests, and for a machine without a network.

Measured: 11 seconds on 1 x cpu; reconstruction 20.1 and KL 3.7 nats; 4 of 6
latents active by KL.
"""

from jaxvae.config import default, with_variant

VARIANTS = {
  'smoke': {'num_steps': 200, 'log_every': 100, 'save_every': 100},
}


def get_config(variant: str = ''):
  config = default()
  config.num_steps = 10_000
  config.log_every = 1_000
  config.data.name = 'digits'
  config.latent = 'gaussian(6)'
  config.net = (
    'mlp(encoder=(128, 128), decoder=(128, 128), decoder_activation="relu")'
  )
  config.likelihood = 'bernoulli'
  config.objective = 'beta_vae'
  config.hyper.beta = 1.0
  config.hyper.learning_rate = 1e-3
  return with_variant(config, variant, VARIANTS)
