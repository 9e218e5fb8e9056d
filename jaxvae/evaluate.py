"""What a trained model learned: numbers into metrics.json, pictures beside.

The protocol of MIG and of the latent table is disentanglement_lib's: 10,000
points whose factors are independent and uniform, means of the posterior as
codes. Where the data are no grid of factors, the points are those of the test
split, in an order drawn from the seed; where a part of the images is held out,
they are of that part.
"""

import functools
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import ml_collections
import numpy as np

from jaxvae import config as schema
from jaxvae import data, draw, keys, metrics, schedules
from jaxvae.draw import Encoded
from jaxvae.errors import DivergedError
from jaxvae.latent import floor as floors
from jaxvae.model import Model, build
from jaxvae.report import table, topology_table
from jaxvae.structs import Batch
from jaxvae.topology import diagnose
from jaxvae.train import checkpoint, workdir

BATCH = 500


def evaluate(
  model: Model,
  config: ml_collections.ConfigDict,
  params: Any,
  home: pathlib.Path,
  step: int,
) -> dict[str, Any]:
  """Measures and draws; prints the table and where to look.

  Args:
    model: as built from the config.
    config: of the run.
    params: trained parameters.
    home: the work directory; writes metrics.json and figures/ there.
    step: after which the parameters were taken.

  Returns:
    What metrics.json holds.

  Raises:
    DivergedError: the model makes numbers that are not finite.
  """
  source, points = _points(config)
  encoded = _encode(model, config, params, source, points)
  _check_finite(encoded, step)
  names = [factor.name for factor in source.spec.factors]
  graded = encoded.factors if names else None
  hyper = schedules.targets(config.hyper)
  floor = np.concatenate([floors.floor(s, hyper) for s in model.space.slots])
  rows = metrics.latent_table(
    encoded.variance.mean(axis=0),
    encoded.kl.mean(axis=0) - floor,
    encoded.codes if names else None,
    graded,
    names,
    names=model.space.names,
    active_threshold=config.eval.active_kl,
    bins=config.eval.bins,
  )
  gap = None
  if names and model.space.latents > 1:
    gap = metrics.mig(encoded.codes, encoded.factors, config.eval.bins)
  found = {
    'step': step,
    'data': source.spec.title,
    'examples': len(points),
    'reconstruction': float(encoded.reconstruction.mean()),
    'kl': float(encoded.kl.sum(axis=1).mean()),
    'kl_floor': floor.tolist(),
    **table.as_json(rows, None if gap is None else gap.value),
  }
  if gap is not None:
    nmi = gap.details['mutual_information'] / gap.details['entropy']
    found['mig_variant'] = gap.variant
    found['factors'] = [
      best._asdict() for best in metrics.best_latent_per_factor(nmi, names)
    ]
  space = model.space
  if not config.labels.fraction:
    # Slots name factors whose labels they did not get.
    space = space._replace(factors=(None,) * len(space.slots))
  scored = _topology(model, params, encoded, source, space)
  if scored:
    found['topology'] = {row.latent: row._asdict() for row in scored}
    round_once = [row.circles for row in scored if row.circles is not None]
    if len(names) == 1 and round_once:
      found['circles'] = max(round_once)
  workdir.write_json(home / 'metrics.json', found)
  table.show(rows, found['mig'])
  if scored:
    print(f'\n{topology_table.diagnosis(scored)}\n')
  print(
    f'reconstruction {found["reconstruction"]:.2f}  kl {found["kl"]:.2f} '
    f'nats per image, on {len(points):,} images'
  )
  if config.eval.figures:
    draw.draw(model, config, params, encoded, rows, source.spec, home)
    print(f'figures and animations: {home / "figures"}', flush=True)
  return found


def evaluate_workdir(place: str) -> int:
  """Evaluates the newest checkpoint of a run once more; 0 when done.

  Raises:
    UserError: there is no checkpoint, or its config is of another version.
    IntegrityError: every checkpoint is damaged.
  """
  saved = checkpoint.read(place, prefix=('params',))
  config = schema.from_dict(saved.config)
  model = build(config, tuple(saved.info['data']['image_shape']))
  with workdir.claim(place) as home:
    evaluate(model, config, saved.state['params'], home, saved.step)
  return 0


def _points(config) -> tuple[data.Source, np.ndarray]:
  """The evaluation split, and which of its images are measured."""
  splits = data.splits(config.data)
  source = data.open_source(
    config.data,
    split='test' if 'test' in splits else 'train',
    batch_size=1,
    seed=config.seed,
  )
  rng = np.random.default_rng([config.seed, config.eval.examples])
  held = data.held_out(source.spec.size, config.data.holdout)
  if held is not None and 'test' not in splits:
    count = min(config.eval.examples, len(held))
    return source, rng.permutation(held)[:count]
  if source.spec.grid:
    grid = data.FactorGrid(source.spec.factors)
    return source, grid.index(grid.sample(rng, config.eval.examples))
  count = min(config.eval.examples, source.spec.size)
  return source, rng.permutation(source.spec.size)[:count]


def _topology(model, params, encoded, source, space):
  """Slots that have a shape, against the factors that have it."""
  if not source.spec.factors:
    return []
  grid = data.FactorGrid(source.spec.factors)

  def encode(classes):
    index = grid.index(classes)
    parts = [index[at : at + BATCH] for at in range(0, len(index), BATCH)]
    images = (source.examples(part)[0] for part in parts)
    return np.concatenate([_codes(model)(params, image) for image in images])

  return diagnose.diagnose(
    space,
    encoded.codes,
    encoded.factors,
    source.spec.factors,
    encode if source.spec.grid else None,
  )


def _encode(model, config, params, source, points) -> Encoded:
  hyper = schedules.targets(config.hyper)
  root = jax.random.key(config.seed)
  parts = []
  for at in range(0, len(points), BATCH):
    image, factors = source.examples(points[at : at + BATCH])
    key = keys.stream(root, 'evaluate', at)
    found = _measured(model)(params, Batch(image, factors), hyper, key)
    parts.append((image, factors, *jax.device_get(found)))
  return Encoded(*(np.concatenate(part) for part in zip(*parts, strict=True)))


# The members of an ensemble share a model, and so what is compiled.
@functools.lru_cache(maxsize=2)
def _measured(model: Model) -> Callable:
  """(params, batch, hyper, key) -> the numbers of `Encoded`, compiled."""

  def measured(params, batch, hyper, key):
    outputs = model.outputs(params, batch, hyper, key)
    z = model.space.mean(outputs.posterior)
    return (
      z,
      model.space.chart(z),
      model.space.variance(outputs.posterior),
      outputs.kl,
      -outputs.log_likelihood,
    )

  return jax.jit(measured)


@functools.lru_cache(maxsize=2)
def _codes(model: Model) -> Callable:
  """(params, images) -> posterior means on their charts, compiled."""

  def codes(params, image):
    return model.space.chart(model.space.mean(model.posterior(params, image)))

  return jax.jit(codes)


def _check_finite(encoded: Encoded, step: int) -> None:
  """The last update of a run is not followed by a loss that would show it."""
  for name in ('z', 'variance', 'kl', 'reconstruction'):
    if not np.isfinite(getattr(encoded, name)).all():
      raise DivergedError(
        f'after step {step} the {name} of the evaluation is not finite',
        hint='lower config.hyper.learning_rate',
      )
