"""One circular factor from pixels: which recipes find the circle, how often.

  python -m jaxvae.study --study=studies/circle.py

A sprite turns through 360 pictures, and one latent has to learn its angle. A
run succeeds if its code goes round exactly once, and always forward, while the
sprite turns (winding number 1 or -1 and 98 % of the steps in one direction).
Sixteen seeds of each recipe train in one compiled program. Priors: standard
normal in the plane, uniform on the circle, and tilted in the plane. The noise
of the likelihood is 0.1 throughout, or falls to it from 1; labels are four of
the 360 angles.

Measured: not yet.
"""

CONFIG = 'sprites_circ_turn'
SHARED = {'eval.figures': False, 'num_steps': 2_000}
SHARP = 'constant'
COOLED = 'geometric(1., 1200)'
PLANE = 'gaussian(2)'
CIRCLE = "loop(factor='orientation')"
RING = "loop(tau=10., factor='orientation')"
FOUR = 4 / 360
RECIPES = (
  {'latent': PLANE, 'schedule.noise': SHARP, 'labels.fraction': 0.0},
  {'latent': PLANE, 'schedule.noise': COOLED, 'labels.fraction': 0.0},
  {'latent': CIRCLE, 'schedule.noise': SHARP, 'labels.fraction': 0.0},
  {'latent': CIRCLE, 'schedule.noise': COOLED, 'labels.fraction': 0.0},
  {'latent': CIRCLE, 'schedule.noise': SHARP, 'labels.fraction': FOUR},
  {'latent': CIRCLE, 'schedule.noise': COOLED, 'labels.fraction': FOUR},
  {'latent': RING, 'schedule.noise': COOLED, 'labels.fraction': 0.0},
  {'latent': RING, 'schedule.noise': COOLED, 'labels.fraction': FOUR},
)


def sweep():
  for recipe in RECIPES:
    for seed in range(16):
      yield {**recipe, 'labels.pick': 'even', 'seed': seed}
