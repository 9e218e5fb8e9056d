"""MNIST in two latents: a plane of digits, to look at.

  python -m jaxvae.main --config=configs/mnist_plane.py

The four files are downloaded; --config.data.manual_dir=DIR takes yours.
figures/manifold.png is what is decoded at quantiles of the prior,
figures/embedding.png the codes of test images by digit. What beta does to such
a model: studies/mnist_plane.py.

Measured: 3 minutes on 1 x cpu; reconstruction 132.8 and KL 6.8 nats; 2 of 2
latents active by KL.
"""

from jaxvae.config import default, with_variant

VARIANTS = {
  'smoke': {'num_steps': 200, 'log_every': 100, 'save_every': 100},
}


def get_config(variant: str = ''):
  config = default()
  config.num_steps = 20_000
  config.batch_size = 128
  config.log_every = 1_000
  config.save_every = 10_000
  config.data.name = 'mnist'
  config.latent = 'gaussian(2)'
  config.net = (
    'mlp(encoder=(500, 120), decoder=(120, 500), decoder_activation="relu")'
  )
  config.likelihood = 'bernoulli'
  config.hyper.learning_rate = 1e-4
  config.schedule.learning_rate = 'cosine(1e-3, 20000)'
  return with_variant(config, variant, VARIANTS)
