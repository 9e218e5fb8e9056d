"""Single factors and pairs of them, each latent trained as a loop.

  python -m jaxvae.study --study=studies/topology.py

What `jaxvae.topology` has to read: loops, a segment cut somewhere, points at
places of a circle. Five seeds of each factor alone (ten of the points), without
labels, and three of each pair, where one image in fifty tells which latent is
which. How often it reads right: `python -m jaxvae.analysis.discovery`.

Measured: 45 runs in 23 minutes on 1 x cpu; circle found: orientation 5 of 5;
hue 4 of 5; scale -; x_position -; shape -; orientation+scale -;
orientation+x_position -; hue+shape -; hue+scale -; scale+shape -.
"""

CONFIG = 'sprites_circ_turn'
SHARED = {
  'eval.figures': False,
  'eval.examples': 1_000,
  'labels.share': 0.5,
  'net': 'mlp(encoder=(32, 32), decoder=(32, 32))',
  'num_steps': 1_000,
  'save_every': 1_000,
  'schedule.learning_rate': 'cosine(1e-3, 1000)',
  'schedule.noise': 'geometric(3., 600)',
}
ALONE = ('orientation', 'hue', 'scale', 'x_position', 'shape')
PAIRS = (
  'orientation+scale',
  'orientation+x_position',
  'hue+shape',
  'hue+scale',
  'scale+shape',
)


# A picture that turns takes longer to draw, and so do two factors. One that
# turn and do something else besides need convolutions: what a dense decoder of
# 64 to 512 units leaves is half as far from the data as a scale moves them.
LONGER = {
  'net': 'mlp(encoder=(64, 64), decoder=(64, 64))',
  'num_steps': 4_000,
  'schedule.learning_rate': 'cosine(1e-3, 4000)',
  'schedule.noise': 'geometric(3., 2400)',
}
TURNING = {
  'net': 'burgess',
  'hyper.noise': 0.2,
  'num_steps': 5_000,
  'save_every': 5_000,
  'schedule.learning_rate': 'cosine(1e-3, 5000)',
  'schedule.noise': 'geometric(3., 3000)',
}


def sweep():
  for variant in ALONE:
    for seed in range(10 if variant == 'shape' else 5):
      yield {
        'name': variant,
        'data.variant': variant,
        'latent': 'loop',
        **(LONGER if 'orientation' in variant else {}),
        'seed': seed,
      }
  for variant in PAIRS:
    latent = ' + '.join(f"loop(factor='{f}')" for f in variant.split('+'))
    for seed in range(3):
      yield {
        'name': variant,
        'data.variant': variant,
        'latent': latent,
        'labels.fraction': 0.02,
        **(TURNING if 'orientation' in variant else LONGER),
        'seed': seed,
      }
