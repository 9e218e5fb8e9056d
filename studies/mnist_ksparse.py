"""Content and style on MNIST: a K-sparse head, none, and labels.

  python -m jaxvae.study --study=studies/mnist_ksparse.py --workdir=runs/style
  python -m jaxvae.analysis.judge runs/style/0000 --out judge.npz
  python -m jaxvae.analysis.style runs/style/[0-9]* --judge judge.npz \
    --out results/mnist_style.json

The decoder is given the largest of the classifier's probabilities or all of
them, beside six latents, or the 'separation factor' of them added to ten; last,
encoder and decoder are told the digit itself, a conditional VAE. Five seeds
each.

Measured: 20 runs in 33 minutes on 1 x cpu; best at no layer: ELBO -87.66
(-87.75 to -87.31), median of 5 seeds.
"""

CONFIG = 'mnist_ksparse'
SHARED = {'eval.figures': False}
KINDS = {
  'K-sparse, k = 1': {},
  'no layer': {'latent': "head(10, k=10, factor='digit') + gaussian(6)"},
  'separation factor': {
    'latent': "head(10, k=1, a=10., b=0.25, join='add', factor='digit')"
    ' + gaussian(10)'
  },
  'label': {'latent': "label(10, factor='digit') + gaussian(10)"},
}


def sweep():
  for name, changes in KINDS.items():
    for seed in range(5):
      yield {'name': name, **changes, 'seed': seed}
