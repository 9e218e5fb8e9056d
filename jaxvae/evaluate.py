"""What a trained model learned: numbers into metrics.json, pictures beside.

The protocol of MIG and of the latent table is disentanglement_lib's: 10,000
points whose factors are independent and uniform, means of the posterior as
codes. Where the data are no grid of factors, the points are those of the test
split, in an order drawn from the seed; where a part of the images is held out,
they are of that part.
"""

import json
import pathlib
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np

from jaxvae import config as schema
from jaxvae import data, keys, metrics, schedules, traverse
from jaxvae.errors import DivergedError
from jaxvae.model import Model, build
from jaxvae.report import charts, figures, gif, table
from jaxvae.structs import Batch
from jaxvae.train import checkpoint, workdir

BATCH = 500
STEPS = 11  # of a traversal: from -3 to 3 in steps of 0.6
FRAMES = 21  # of an animated one
STARTS = 3  # images that an animation begins from
PAIRS = 20  # reconstructions shown
SAMPLES = 64


class Encoded(NamedTuple):
  """The evaluation set, as the model sees it.

  Attributes:
    images: `[n, h, w, c]` float32.
    factors: `[n, f]` int32.
    z: `[n, d]` posterior means.
    codes: `[n, l]` the same in the charts that people plot.
    variance: `[n, l]` of the posterior.
    kl: `[n, l]` nats.
    reconstruction: `[n]` nats, with one sample of z.
  """

  images: np.ndarray
  factors: np.ndarray
  z: np.ndarray
  codes: np.ndarray
  variance: np.ndarray
  kl: np.ndarray
  reconstruction: np.ndarray


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
  rows = metrics.latent_table(
    encoded.variance.mean(axis=0),
    encoded.kl.mean(axis=0),
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
    **table.as_json(rows, None if gap is None else gap.value),
  }
  if gap is not None:
    nmi = gap.mutual_information / gap.entropy
    found['mig_variant'] = gap.variant
    found['factors'] = [
      best._asdict() for best in metrics.best_latent_per_factor(nmi, names)
    ]
  workdir.write_json(home / 'metrics.json', found)
  table.show(rows, found['mig'])
  print(
    f'reconstruction {found["reconstruction"]:.2f}  kl {found["kl"]:.2f} '
    f'nats per image, on {len(points):,} images'
  )
  if config.eval.figures:
    draw(model, config, params, encoded, rows, source.spec, home)
    print(f'figures and animations: {home / "figures"}', flush=True)
  return found


def draw(
  model: Model,
  config: ml_collections.ConfigDict,
  params: Any,
  encoded: Encoded,
  rows: Any,
  spec: data.DataSpec,
  home: pathlib.Path,
) -> None:
  """Writes home/figures: pairs, traversals, samples, curves, heat map.

  Args:
    model: as built from the config.
    config: of the run.
    params: trained parameters.
    encoded: the evaluation set.
    rows: the latent table, in the order of the traversals' rows.
    spec: of the data.
    home: the work directory.
  """
  place, title = home / 'figures', spec.title
  (place / 'latents').mkdir(parents=True, exist_ok=True)
  decode = jax.jit(lambda z: model.decode(params, z))

  def images(z):
    return np.clip(np.asarray(decode(z)), 0.0, 1.0)

  figures.reconstructions(
    place / 'reconstructions.png',
    encoded.images[:PAIRS],
    images(encoded.z[:PAIRS]),
    f'{title}: reconstructions',
  )
  order = [row.index for row in rows]
  starts = encoded.z[_starts(encoded.factors, spec)]
  moved, spans = traverse.traverse(
    model.space, images, starts[:1], order, STEPS
  )
  labels = [table.label(row) for row in rows]
  active = [row.active for row in rows]
  figures.traversals(
    place / 'traversals.png',
    moved[:, 0],
    labels,
    spans[-1],
    f'{title}: traversals',
    active=active,
  )
  moved, spans = traverse.traverse(model.space, images, starts, order, FRAMES)
  gif.write_traversals(
    place / 'traversals.gif',
    moved,
    labels,
    spans[-1],
    f'{title}: traversals',
    active=active,
  )
  height = moved.shape[3]
  for row, frames in zip(rows, moved, strict=True):
    gif.write_gif(
      place / 'latents' / f'{row.name}.gif',
      frames[0],
      scale=max(1, 256 // height),
    )
  hyper = schedules.targets(config.hyper)
  key = keys.stream(jax.random.key(config.seed), 'samples')
  figures.samples(
    place / 'samples.png',
    images(
      model.space.sample_prior(key, (SAMPLES,), hyper, model.prior(params))
    ),
    f'{title}: samples of the prior',
  )
  history = home / 'metrics.jsonl'
  if history.exists():
    lines = history.read_text().splitlines()
    charts.training_curves(
      place / 'training.png', [json.loads(line) for line in lines]
    )
  if rows and rows[0].nmi_per_factor:
    charts.nmi_heatmap(
      place / 'information.png',
      np.array([row.nmi_per_factor for row in rows]),
      [row.name for row in rows],
      [factor.name for factor in spec.factors],
    )


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


def _starts(factors: np.ndarray, spec: data.DataSpec) -> list[int]:
  """Images to begin from: one of each class of a factor that is a set."""
  for column, factor in enumerate(spec.factors):
    if factor.topology == 'points':
      _, first = np.unique(factors[:, column], return_index=True)
      return first[:STARTS].tolist()
  return list(range(min(STARTS, len(factors))))


def _encode(model, config, params, source, points) -> Encoded:
  hyper = schedules.targets(config.hyper)
  root = jax.random.key(config.seed)

  @jax.jit
  def one(image, factors, at):
    key = keys.stream(root, 'evaluate', at)
    outputs = model.outputs(params, Batch(image, factors), hyper, key)
    z = model.space.mean(outputs.posterior)
    return (
      z,
      model.space.chart(z),
      model.space.variance(outputs.posterior),
      outputs.kl,
      -outputs.log_likelihood,
    )

  parts = []
  for at in range(0, len(points), BATCH):
    image, factors = source.examples(points[at : at + BATCH])
    parts.append((image, factors, *jax.device_get(one(image, factors, at))))
  return Encoded(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _check_finite(encoded: Encoded, step: int) -> None:
  """The last update of a run is not followed by a loss that would show it."""
  for name in ('z', 'variance', 'kl', 'reconstruction'):
    if not np.isfinite(getattr(encoded, name)).all():
      raise DivergedError(
        f'after step {step} the {name} of the evaluation is not finite',
        hint='lower config.hyper.learning_rate',
      )
