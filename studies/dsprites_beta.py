"""Beta against the seed: the beta-VAE on dSprites, re-rendered, shortened.

  python -m jaxvae.study --study=studies/dsprites_beta.py

Five values of beta [Higgins et al. 2017] with five seeds each, as in the large
studies of the field, on 3,000 steps, a seventh of those of
`configs/dsprites_beta.py`, so that two cores do all 25 runs in well under 80
minutes. What it shows is how far the seeds lie apart, next to what beta does.

Measured: 25 runs in 38 minutes on 2 x cpu; best at beta=8: MIG 0.128 (0.055 to
0.196), median of 5 seeds.
"""

CONFIG = 'dsprites_beta:plain'
SHARED = {
  'num_steps': 3_000,
  'steps_per_call': 50,
  'log_every': 100,
  'save_every': 500,
  'hyper.learning_rate': 1e-3,
  'schedule.learning_rate': 'constant',
  'eval.figures': False,
}


def sweep():
  for beta in (1.0, 2.0, 4.0, 8.0, 16.0):
    for seed in range(5):
      yield {'hyper.beta': beta, 'seed': seed}
