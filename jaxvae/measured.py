"""Which images of a run are measured, and what of that is known beforehand.

They are 10,000 points whose factors are independent and uniform. Where the data
are no grid of factors, they are of the test split, in an order drawn from the
seed; where a part of the images is held out, they are of that part.
"""

from typing import Any

import numpy as np

from jaxvae import data, measure

ORIGINS = {
  'test': 'of the test split',
  'held out': 'held out of training',
  'train': 'of those trained on',
}


def points(config: Any) -> tuple[data.Source, np.ndarray, np.ndarray | None]:
  """What is measured.

  Args:
    config: of the run.

  Returns:
    The evaluation split, the positions of the images that are encoded, and of
    half as many others; None where the data have no further images.
  """
  splits = data.splits(config.data)
  source = data.open_source(
    config.data,
    split='test' if 'test' in splits else 'train',
    # Nothing is trained; data in pairs ask for an even one.
    batch_size=2 if config.data.pairs else 1,
    seed=config.seed,
  )
  count, more = config.eval.examples, config.eval.examples // 2
  rng = np.random.default_rng([config.seed, count])
  held = data.held_out(source.spec.size, config.data.holdout)
  if source.spec.grid and held is None:
    grid = data.FactorGrid(source.spec.factors)
    first, second = (grid.index(grid.sample(rng, n)) for n in (count, more))
    return source, first, second if more else None
  if held is None or 'test' in splits:
    held = np.arange(source.spec.size)
  order = rng.permutation(held)
  test = order[count : count + more]
  return source, order[:count], test if len(test) == more > 0 else None


def origin(config: Any) -> str:
  """What the measured images are: 'test', 'held out' or 'train'."""
  if 'test' in data.splits(config.data):
    return 'test'
  return 'held out' if config.data.holdout else 'train'


def foreseen(config: Any) -> list[str]:
  """How columns of numbers were read, and what the evaluation will remark."""
  source, index, _ = points(config)
  factors, described = source.factors(index), source.spec.factors
  untold = measure.left_out(factors, described, config.eval.bins)
  values = [
    f'factor {factor.name} has values: {factor.about}'
    for factor in described
    if factor.span
  ]
  return values + measure.remarks(factors, described, untold, origin(config))
