"""A classifier and a K-sparse layer between image and latents, on MNIST."""

from jaxvae.config import default, with_variant

VARIANTS = {
  'dense': {'latent': "head(10, k=10, factor='digit') + gaussian(10)"},
  'seed': {
    'latent': "head(10, k=1, a=10., b=0.25, join='add', factor='digit')"
    ' + gaussian(10)'
  },
}


def get_config(variant: str = ''):
  config = default()
  config.num_steps = 9_000
  config.batch_size = 128
  config.log_every = 900
  config.save_every = 4_500
  config.data.name = 'mnist'
  config.latent = "head(10, k=1, factor='digit') + gaussian(10)"
  config.net = 'mlp(encoder=(512, 256), decoder=(256, 512))'
  config.likelihood = 'bernoulli'
  config.labels.fraction = 1.0
  config.hyper.alpha = 10.0
  config.hyper.learning_rate = 1e-4
  config.schedule.learning_rate = 'cosine(1e-3, 9000)'
  return with_variant(config, variant, VARIANTS)
