"""A hundred labelled digits of each class, the rest summed over classes: M2.

  python -m jaxvae.study --study=studies/mnist_few.py --workdir=runs/few
  python -m jaxvae.analysis.style runs/few/[0-9]* --judge judge.npz \
    --out results/mnist_few_style.json

Five seeds, each with other labels. How good the classifier is, and what the
class and the style then are; the judge is that of `studies/mnist_ksparse.py`.

Measured: 5 runs in 70 minutes on 1 x cpu; ELBO -118.73 (-119.03 to -113.80),
median of 5 seeds.
"""

CONFIG = 'mnist_conditional:few'
SHARED = {'eval.figures': False}


def sweep():
  for seed in range(5):
    yield {'name': '100 labels a class', 'seed': seed}
