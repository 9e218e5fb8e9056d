"""A beta-VAE on images of your own.

  python -m jaxvae.main --config=configs/image_folder.py \\
    --config.data.path=FOLDER

FOLDER holds images, perhaps in one sub-folder per class; or it is an .npz or
.h5 file with `images` and, if you have them, `factors` or `labels`, or an .npy
file of images. Folders train and test are splits; without a test split,
config.data.holdout keeps images back for evaluation. Images are made square,
64 x 64 pixels. The likelihood learns one noise level for all pixels, so that
beta = 1 needs no tuning to the range of the data; a larger beta presses the
latents apart. A folder too large for memory is read as it goes.
"""

from jaxvae.config import default, with_variant

VARIANTS = {
  'smoke': {'num_steps': 20, 'steps_per_call': 10, 'log_every': 10,
            'save_every': 10, 'batch_size': 16, 'eval.examples': 32},
}  # fmt: skip


def get_config(variant: str = ''):
  config = default()
  config.num_steps = 30_000
  config.data.name = 'image_folder'
  config.data.image_size = 64
  config.latent = 'gaussian(10)'
  config.net = 'burgess'
  config.likelihood = 'gaussian(learned=True)'
  config.objective = 'beta_vae'
  config.hyper.beta = 1.0
  config.hyper.learning_rate = 5e-4
  return with_variant(config, variant, VARIANTS)
