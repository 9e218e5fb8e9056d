"""What beta does to a small VAE: MNIST, 784-500-120 and 2 or 10 latents.

  python -m jaxvae.study --study=studies/mnist_plane.py --workdir=runs/plane
  python -m jaxvae.analysis.judge runs/plane/0000 --out judge.npz
  python -m jaxvae.analysis.quality runs/plane/[0-9]* --judge judge.npz \
    --out results/mnist_quality.json --figures docs/figures

The network and the betas of a student's notebook that many have copied, with
its likelihood: the sum of squares of standardised pixels, that is a Gaussian
whose standard deviation is 0.3081 / sqrt(2). Its softplus for the posterior's
standard deviation beside the usual logarithm of the variance. Five seeds each.

Measured: 70 runs in 24 minutes on 1 x cpu; best at latent=gaussian(10,
scale='softplus'), beta=1: ELBO 305.24 (301.88 to 307.00), median of 5 seeds.
"""

CONFIG = 'mnist_beta'
SHARED = {
  'num_steps': 3_000,
  'steps_per_call': 100,
  'log_every': 1_000,
  'save_every': 3_000,
  'batch_size': 128,
  'net': 'mlp(encoder=(500, 120), decoder=(120, 500), '
  "decoder_activation='relu')",
  'likelihood': 'gaussian',
  'hyper.noise': 0.21786,
  'hyper.learning_rate': 1e-3,
  'eval.figures': False,
}


BETAS = {'': (0.0, 1.0, 8.0, 12.0, 200.0), ", scale='softplus'": (1.0, 12.0)}


def sweep():
  for latents in (2, 10):
    for scale, betas in BETAS.items():
      for beta in betas:
        for seed in range(5):
          yield {
            'latent': f'gaussian({latents}{scale})',
            'hyper.beta': beta,
            'seed': seed,
          }
