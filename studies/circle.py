"""One circular factor from pixels: which recipes find the circle, how often.

  python -m jaxvae.study --study=studies/circle.py --members=16

A sprite turns through 360 pictures, and one latent has to learn its angle. A
run succeeds if its code goes round exactly once, and always forward, while the
sprite turns (winding number 1 or -1 and 98 % of the steps in one direction).
Sixteen seeds of each recipe train in one compiled program. Priors: standard
normal in the plane, uniform on the circle (`loop`), and tilted in the plane, a
ring whose temperature falls too. The noise of the likelihood is 0.5 throughout,
or cooled to it from 3; labels are four of the 360 angles.

Measured: 96 runs in 4.2 hours on 1 x NVIDIA H200 and 2 x cpu; circle found:
plane 0 of 16; plane, cooled 1 of 16; loop 8 of 16; loop, cooled 16 of 16;
loop, cooled, 4 labels 16 of 16; ring, cooled 14 of 16.
"""

CONFIG = 'sprites_circ_turn'
SHARED = {
  'eval.figures': False,
  'eval.examples': 1_000,
  'labels.pick': 'even',
}
SHARP = {'schedule.noise': 'constant'}
COOLED = {'schedule.noise': 'geometric(3., 2400)'}
PLANE = {'latent': 'gaussian(2)'}
CIRCLE = {'latent': "loop(factor='orientation')"}
RING = {
  'latent': "loop(tau=10., factor='orientation')",
  'schedule.temperature': 'geometric(100., 2400)',
}
FOUR = {'labels.fraction': 4 / 360}
RECIPES = {
  'plane': PLANE | SHARP,
  'plane, cooled': PLANE | COOLED,
  'loop': CIRCLE | SHARP,
  'loop, cooled': CIRCLE | COOLED,
  'loop, cooled, 4 labels': CIRCLE | COOLED | FOUR,
  'ring, cooled': RING | COOLED,
}


def sweep():
  for name, recipe in RECIPES.items():
    for seed in range(16):
      yield {'name': name, **recipe, 'seed': seed}
