"""Seven factors, seven slots: the latent space has the shape of the data.

  python -m jaxvae.main --config=configs/rooms3d_product.py

rooms3d has the six factors of 3D Shapes and the object's azimuth. Three hues
and the azimuth are loops, scale and the camera's orientation segments, shape is
one of four points. One image in a hundred is labelled (counted; three quarters
of each batch are drawn from these), and a tenth of all images is held out:
training never sees them, labelled or not, and evaluation sees nothing else. The
likelihood begins coarse and sharpens. `:unlabelled` is the same without a
label, `:still` has no azimuth, `:loops` takes every latent for a loop, from
which jaxvae.topology reads what each one is.

Measured: 35 minutes on 1 x cpu; reconstruction -3412.7 and KL 24.4 nats,
median of 3 seeds; 7 of 7 latents active by KL, 7 with a variance below 0.05;
MIG 0.96; NMI of the best latent: floor_hue 1.00, wall_hue 1.00, object_hue
1.00, scale 1.00, shape 1.00, orientation 0.99, azimuth 0.86; slots against
factors: floor_hue 0.01 steps, wall_hue 0.02 steps, object_hue 0.04 steps,
scale 0.09 steps, shape 0.9999, orientation 0.09 steps, azimuth 0.13 steps.
"""

from jaxvae.config import default, with_variant

LATENT = (
  "loop(anchor=0.05, factor='floor_hue') + loop(anchor=0.05, factor='wall_hue')"
  " + loop(anchor=0.05, factor='object_hue') + segment(factor='scale')"
  " + points(4, factor='shape') + segment(factor='orientation')"
)
VARIANTS = {
  'unlabelled': {'labels.fraction': 0.0},
  'still': {'data.variant': 'still', 'latent': LATENT},
  'loops': {
    'num_steps': 6_000,
    'save_every': 3_000,
    'schedule.learning_rate': 'cosine(1e-3, 6000)',
    # With the KL whole from the start all seven give up.
    'schedule.beta': 'linear(0., 2000)',
    'schedule.noise': 'geometric(2., 3000)',
    'labels.fraction': 0.0,
    'latent': ' + '.join(['loop'] * 7),
  },
}


def get_config(variant: str = ''):
  config = default()
  config.num_steps = 20_000
  config.save_every = 5_000
  config.data.name = 'rooms3d'
  config.data.holdout = 0.1
  config.labels.fraction = 0.01
  config.labels.share = 0.75
  config.latent = f"{LATENT} + loop(anchor=0.05, factor='azimuth')"
  config.net = 'locatello'
  config.likelihood = 'gaussian'
  config.objective = 'beta_vae'
  config.hyper.learning_rate = 1e-4
  config.schedule.learning_rate = 'cosine(1e-3, 20000)'
  config.hyper.noise = 0.3
  config.schedule.noise = 'geometric(8., 12000)'
  return with_variant(config, variant, VARIANTS)
