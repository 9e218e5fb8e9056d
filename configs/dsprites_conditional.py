"""A conditional VAE on dSprites: told the shape, a class, and the scale.

  python -m jaxvae.main --config=configs/dsprites_conditional.py

The scale is told as one number from -1 to 1, the shape as one of three; what
the Gaussian latents have left to say is orientation and place. The images are
rendered by jaxvae after the published description (see `dsprites_beta.py`);
`:original` reads DeepMind's file.

Measured: not yet.
"""

from jaxvae.config import default, with_variant

VARIANTS = {
  'original': {'data.variant': 'original'},
  'smoke': {'num_steps': 100, 'log_every': 100, 'save_every': 100},
}


def get_config(variant: str = ''):
  config = default()
  config.num_steps = 8_000
  config.batch_size = 64
  config.log_every = 500
  config.save_every = 4_000
  config.data.name = 'dsprites'
  config.latent = (
    "label(3, factor='shape') + label(6, kind='segment', factor='scale')"
    ' + gaussian(6)'
  )
  config.net = 'burgess'
  config.likelihood = 'bernoulli'
  config.labels.fraction = 1.0
  config.hyper.beta = 4.0
  config.hyper.alpha = 10.0
  config.hyper.learning_rate = 1e-4
  config.schedule.learning_rate = 'cosine(1e-3, 8000)'
  return with_variant(config, variant, VARIANTS)
