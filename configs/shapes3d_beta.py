"""A capacity-annealed beta-VAE on rooms3d, or on 3D Shapes itself.

  python -m jaxvae.main --config=configs/shapes3d_beta.py

rooms3d without azimuth has 3D Shapes' six factors and sizes, re-rendered.
`:original` reads DeepMind's 3dshapes.h5, which you have to download yourself:
--config.data.manual_dir=DIR.

Measured: 13 minutes on 1 x cpu; reconstruction 4036.2 and KL 20.0 nats; 5 of
10 latents active by KL, 3 with a variance below 0.05; MIG 0.39; NMI of the
best latent: floor_hue 1.00, wall_hue 0.95, object_hue 0.70, scale 0.04, shape
0.04, orientation 0.01.
"""

from jaxvae.config import default, with_variant

VARIANTS = {
  'original': {'data.variant': 'original'},
}


def get_config(variant: str = ''):
  config = default()
  config.num_steps = 10_000
  config.data.name = 'rooms3d'
  config.data.variant = 'still'
  config.latent = 'gaussian(10)'
  config.net = 'locatello'
  config.likelihood = 'bernoulli'
  config.objective = 'annealed_vae'
  config.hyper.learning_rate = 5e-4
  config.hyper.gamma = 100.0
  config.hyper.capacity = 20.0
  config.schedule.capacity = 'linear(0., 8000)'
  return with_variant(config, variant, VARIANTS)
