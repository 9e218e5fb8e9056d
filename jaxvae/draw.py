"""Pictures of a trained model: what it rebuilds, moves and dreams."""

import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np
from sklearn.manifold import TSNE

from jaxvae import classes, data, keys, schedules, traverse
from jaxvae.model import Model
from jaxvae.report import charts, embedding, figures, gif, table, topology
from jaxvae.train import writer

STEPS = 11  # of a traversal: from -3 to 3 in steps of 0.6
FRAMES = 21  # of an animated one
STARTS = 3  # images that an animation begins from
PAIRS = 20  # reconstructions shown
SAMPLES = 64
DRAWS = 4_000  # of the prior, beside the codes
CLASSES = 20  # at most, of a factor: the first of them are drawn
LETTERS = 12  # of the name of a class, under a column and in a legend
DRAWN = 12  # samples of a class
MOVES = 9  # images from one class to another
PLANE = 15  # steps along each latent of a plane
EMBEDDED = 2_000  # images
LEAST = 4  # images, of which t-SNE makes anything


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


def draw(
  model: Model,
  config: ml_collections.ConfigDict,
  params: Any,
  encoded: Encoded,
  rows: Any,
  graded: Sequence[str],
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
    graded: the factors of its information.
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
  kinds = [model.space.topology(at) for at in order]
  figures.traversals(
    place / 'traversals.png',
    moved[:, 0],
    labels,
    spans,
    f'{title}: traversals',
    active=active,
    kinds=kinds,
  )
  moved, spans = traverse.traverse(model.space, images, starts, order, FRAMES)
  gif.write_traversals(
    place / 'traversals.gif',
    moved,
    labels,
    spans,
    f'{title}: traversals',
    active=active,
  )
  height = moved.shape[3]
  for row, frames, kind in zip(rows, moved, kinds, strict=True):
    gif.write_gif(
      place / 'latents' / f'{row.name}.gif',
      frames[0],
      scale=max(1, 256 // height),
      closed=kind == 'loop',
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
  drawn = model.space.sample_prior(key, (DRAWS,), hyper, model.prior(params))
  topology.slot_posteriors(
    place / 'posteriors.png',
    [
      f'{row.name}: {row.factor}' if row.active and row.factor else row.name
      for row in rows
    ],
    kinds,
    encoded.codes[:, order],
    np.asarray(model.space.chart(drawn))[:, order],
    f'{title}: codes and their priors',
    active=active,
  )
  _draw_classes(model, params, hyper, key, encoded, images, spec, place)
  _draw_plane(model, config, encoded, images, spec, place)
  history = home / writer.METRICS
  lines = history.read_bytes().splitlines() if history.exists() else []
  if records := list(filter(None, map(writer.record, lines))):
    rated = model.space.rated
    charts.training_curves(
      place / 'training.png',
      [one | {'kl': [one['kl'][i] for i in rated]} for one in records],
      latent_names=[model.space.names[i] for i in rated],
      active_threshold=config.eval.active_kl,
    )
  if rows and rows[0].nmi_per_factor:
    charts.nmi_heatmap(
      place / 'information.png',
      np.array([row.nmi_per_factor for row in rows]),
      [row.name for row in rows],
      graded,
    )


def _draw_classes(
  model, params, hyper, key, encoded, images, spec, place
) -> None:
  """What the first label or head does: samples by class, one into another."""
  space = model.space
  told = classes.slots(space)
  if not told:
    return
  factor, (_, whole) = next(iter(told.items()))
  count = min(whole, CLASSES)
  some = f', {count} of {whole}' if count < whole else ''
  column = [one.name for one in spec.factors].index(factor)
  names = [spec.factors[column].called(label) for label in range(count)]
  plain = [
    f'as {_short(name)}'
    for name in spec.factors[column].classes or map(str, range(count))
  ]
  # The same noise for every class, so that a column is one style where the
  # prior of the style is the same for all of them.
  drawn = [
    space.sample_prior(
      key,
      (DRAWN,),
      hyper,
      model.prior(params),
      classes.labels(space, {factor: label}, DRAWN),
    )
    for label in range(count)
  ]
  figures.grid(
    place / 'classes.png',
    np.stack([images(z) for z in drawn]),
    names,
    [''] * DRAWN,
    f'{spec.title}: samples of each {factor}{some}',
    'draws from the prior',
  )
  found, first = _first(encoded.factors[:, column])
  found, first = found[found < count], first[found < count]
  if not len(found):
    return
  starts, count = encoded.z[first], len(found)
  ends = np.stack(
    [classes.at(space, starts, {factor: label}) for label in found], axis=1
  )
  share = np.linspace(0.0, 1.0, MOVES, dtype=np.float32)
  shape = (count, count, MOVES)
  frames = jax.jit(model.between)(
    params,
    _each(starts[:, None, None], shape),
    _each(ends[:, :, None], shape),
    np.broadcast_to(share, shape).reshape(-1),
  )
  frames = np.clip(frames, 0.0, 1.0).reshape(*shape, *frames.shape[1:])
  figures.grid(
    place / 'transforms.png',
    np.concatenate([encoded.images[first, None], frames[:, :, -1]], axis=1),
    [names[label] for label in found],
    ['image', *(plain[label] for label in found)],
    f'{spec.title}: one image of each {factor}, told every other{some}',
  )
  gif.write_traversals(
    place / 'transforms.gif',
    frames,
    [names[label] for label in found],
    np.linspace(0.0, 1.0, MOVES),
    f'{spec.title}: from each {factor} to each other{some}',
    column_labels=[plain[label] for label in found],
  )


def _draw_plane(model, config, encoded, images, spec, place) -> None:
  """Codes by class; what a plane of two latents holds."""
  space, names = model.space, model.space.names
  plane = (space.sample_dim, space.latents) == (2, 2)
  plane = plane and space.topology(0) == 'line'
  if plane:
    figures_at, quantiles = traverse.plane(space, images, PLANE)
    embedding.manifold(
      place / 'manifold.png',
      figures_at,
      quantiles,
      f'{spec.title}: what lies where',
      names,
    )
  sets = [i for i, f in enumerate(spec.factors) if f.topology == 'points']
  if not sets or not (plane or config.eval.embedding):
    return
  kind = spec.factors[sets[0]]
  classes_of = encoded.factors[:EMBEDDED, sets[0]]
  known = ~np.isnan(classes_of)
  classes_of = classes_of[known].astype(int)
  shown = encoded.codes[:EMBEDDED][known]
  said = 'codes'
  if not len(shown):
    return
  if not plane:
    # A class has a number, which is no place among the others.
    style = np.repeat(
      [not slot.classifier for slot in space.slots],
      [slot.latents for slot in space.slots],
    )
    if len(shown) < LEAST or style.sum() < 2:
      return
    # Each has this many neighbours, of the others.
    perplexity = min(30.0, len(shown) - 1.0)
    tsne = TSNE(perplexity=perplexity, init='pca', random_state=config.seed)
    shown = tsne.fit_transform(shown[:, style])
    said = f't-SNE of the {"codes" if style.all() else "style"}'
  embedding.codes(
    place / 'embedding.png',
    [(f'by {kind.name}', shown)],
    classes_of,
    f'{spec.title}: {said}',
    names if plane else ('', ''),
    [_short(name) for name in kind.classes],
  )


def _short(name: str) -> str:
  return name if len(name) <= LETTERS else name[: LETTERS - 1] + '…'


def _each(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
  """Points [..., d] for each place of `shape`, in rows."""
  width = points.shape[-1]
  return np.broadcast_to(points, (*shape, width)).reshape(-1, width)


def _first(column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """The classes there are, NaN not among them, and the first image of each."""
  found, first = np.unique(column, return_index=True)
  known = ~np.isnan(found)
  return found[known].astype(int), first[known]


def _starts(factors: np.ndarray, spec: data.DataSpec) -> list[int]:
  """Images to begin from: one of each class of a factor that is a set."""
  for column, factor in enumerate(spec.factors):
    if factor.topology == 'points':
      _, first = _first(factors[:, column])
      if len(first):
        return first[:STARTS].tolist()
  return list(range(min(STARTS, len(factors))))
