"""Every metric on beta-VAEs of six betas: dSprites, re-rendered, shortened.

  python -m jaxvae.study --study=studies/dsprites_metrics.py

The models of `studies/dsprites_beta.py`, 3,000 steps each, with the betas of
disentanglement_lib's study [Locatello et al. 2019], two seeds, and the `fast`
set of metrics. The table of all of them against beta:
`python -m jaxvae.analysis.beta`.

Measured: 12 runs in 64 minutes on 2 x cpu; best at beta=8: MIG 0.176 (0.156 to
0.195), median of 2 seeds.
"""

CONFIG = 'dsprites_beta:plain'
SHARED = {
  'num_steps': 3_000,
  'steps_per_call': 50,
  'log_every': 500,
  'save_every': 1_500,
  'hyper.learning_rate': 1e-3,
  'schedule.learning_rate': 'constant',
  'eval.figures': False,
  'eval.metrics': 'fast',
}


def sweep():
  for beta in (1.0, 2.0, 4.0, 6.0, 8.0, 16.0):
    for seed in range(2):
      yield {'hyper.beta': beta, 'seed': seed}
