"""What a trained model learned: numbers into metrics.json, pictures beside.

The protocol of MIG and of the latent table is disentanglement_lib's: 10,000
points (`measured.py`), means of the posterior as codes; half as many further
points test what a metric fits. A factor of which the points tell nothing is
left out, and metrics.json says why.
"""

import functools
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import ml_collections
import numpy as np

from jaxvae import config as schema
from jaxvae import data, draw, keys, measure, measured, metrics, schedules
from jaxvae.draw import Encoded
from jaxvae.errors import DivergedError, UserError
from jaxvae.latent import floor as floors
from jaxvae.model import Model, build
from jaxvae.report import charts, files, table, topology_table
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
    UndrawnError: all is done but the figures, which cannot be written.
  """
  source, index, test = measured.points(config)
  encoded = _encode(model, config, params, source, index)
  _check_finite(encoded, step)
  described, bins = source.spec.factors, config.eval.bins
  untold = measure.left_out(encoded.factors, described, bins)
  graded = [at for at in range(len(described)) if at not in untold]
  names = [described[at].name for at in graded]
  hyper = schedules.targets(config.hyper)
  floor = np.concatenate([floors.floor(s, hyper) for s in model.space.slots])
  told = _told_without_noise(model.space, encoded.z)
  rows = metrics.latent_table(
    encoded.variance.mean(axis=0),
    encoded.kl.mean(axis=0) - floor + told,
    encoded.codes if names else None,
    metrics.in_steps(encoded.factors, measure.spans(described), bins)[:, graded]
    if names
    else None,
    names,
    names=model.space.names,
    active_threshold=config.eval.active_kl,
    bins=bins,
  )
  scores = _scores(model, config, params, encoded, source, test)
  untold = {**scores.left_out, **untold}
  images = measured.origin(config)
  notes = measure.remarks(encoded.factors, described, untold, images)
  gap = {score.name: score.value for score in scores.scores}.get('mig')
  found = {
    'step': step,
    'data': source.spec.title,
    'examples': len(index),
    'images': images,
    'left_out': {described[at].name: why for at, why in untold.items()},
    'notes': notes,
    'reconstruction': float(encoded.reconstruction.mean()),
    'kl': float(encoded.kl.sum(axis=1).mean()),
    'kl_floor': floor.tolist(),
    **table.as_json(rows, gap),
    **measure.as_json(scores),
  }
  if names:
    ordered = sorted(rows, key=lambda row: row.index)
    found['factors'] = [
      best._asdict()
      for best in metrics.best_latent_per_factor(
        [row.nmi_per_factor for row in ordered], names
      )
    ]
  space = model.space
  if not config.labels.fraction:
    # Slots name factors whose labels they did not get.
    space = space._replace(factors=(None,) * len(space.slots))
  scored = _topology(model, params, encoded, source, space)
  if scored:
    found['topology'] = {row.latent: row._asdict() for row in scored}
    round_once = [row.circles for row in scored if row.circles is not None]
    if len(described) == 1 and round_once:
      found['circles'] = max(round_once)
  workdir.write_json(home / 'metrics.json', found)
  table.show(rows, found['mig'], digits=metrics.digits(len(index)))
  print(f'\n{metrics.table(scores.scores)}')
  if scores.skipped:
    print(f'no {", ".join(scores.skipped)}: metrics.json says why')
  if scored:
    print(f'\n{topology_table.diagnosis(scored)}\n')
  print(
    f'reconstruction {found["reconstruction"]:.2f}  kl {found["kl"]:.2f} '
    f'nats per image, on {len(index):,} images ({measured.ORIGINS[images]})'
  )
  for note in notes:
    print(f'note: {note}')
  if config.eval.figures:
    with files.drawing(home):
      draw.draw(model, config, params, encoded, rows, names, source.spec, home)
      _draw_importance(scores, rows, described, home)
    print(f'figures and animations: {home / "figures"}', flush=True)
  return found


def _told_without_noise(space, z: np.ndarray) -> np.ndarray:
  """Nats `[l]` that latents tell without a divergence; 0 for the others."""
  parts = zip(space.slots, space.samples(z), strict=True)
  return np.concatenate(
    [s.tells(p) if s.tells else np.zeros(s.latents) for s, p in parts]
  )


def evaluate_workdir(place: str, overrides: Mapping[str, str]) -> int:
  """Evaluates the newest checkpoint of a run once more; 0 when done.

  Args:
    place: the work directory.
    overrides: of keys that do not decide what was trained, as text:
      {'eval.metrics': 'all'}.

  Raises:
    UserError: there is no checkpoint, its config is of another version, or a
      key belongs to the run.
    IntegrityError: every checkpoint is damaged.
  """
  if fixed := sorted(
    overrides.keys() & schema.KEYS.keys() - set(schema.free_keys())
  ):
    raise UserError(
      f'config.{fixed[0]} is of the run and stays; allowed with --mode=eval: '
      'config.eval.*, config.data.data_dir, config.data.manual_dir'
    )
  saved = checkpoint.read(place, prefix=('params',))
  config = schema.override(schema.from_dict(saved.config), overrides)
  schema.validate(config)
  measure.check(config.eval.metrics)
  model = build(config, tuple(saved.info['data']['image_shape']))
  with workdir.claim(place) as home:
    evaluate(model, config, saved.state['params'], home, saved.step)
  return 0


def _scores(model, config, params, encoded, source, test) -> metrics.Found:
  """The metrics of `config.eval.metrics`."""
  described = source.spec.factors

  def coded(index):
    parts = [index[at : at + BATCH] for at in range(0, len(index), BATCH)]
    found = [source.examples(part) for part in parts]
    codes = [_codes(model)(params, image) for image, _ in found]
    return np.concatenate(codes), np.concatenate([one for _, one in found])

  turns = None
  if source.spec.grid and 'lsbd' in metrics.chosen(config.eval.metrics):
    rng = np.random.default_rng(config.seed)
    turns = measure.turning(described, rng)
  if turns is not None:
    turns = coded(data.FactorGrid(described).index(turns))
  measured = measure.points(
    model.space,
    described,
    (encoded.codes, encoded.factors),
    None if test is None else coded(test),
    turns,
  )
  return metrics.run(
    measured, config.eval.metrics, config.eval.bins, config.seed
  )


def _draw_importance(scores, rows, described, home) -> None:
  """A heat map of each estimator's importances, in the order of the table."""
  names = [
    x.name for at, x in enumerate(described) if at not in scores.left_out
  ]
  for score in scores.scores:
    if score.name.startswith('dci_completeness'):
      name = score.name.replace('completeness', 'importance')
      charts.importance_heatmap(
        home / 'figures' / f'{name}.png',
        score.details['importance'][[row.index for row in rows]],
        [row.name for row in rows],
        names,
        f'How much each latent matters to each factor ({score.variant})',
      )


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
