"""What the circles of a trained model are: encodes data, sweeps, judges."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxvae import config as schema
from jaxvae import data, measure, metrics, pretrained
from jaxvae.errors import UserError
from jaxvae.latent.product import LatentSpace
from jaxvae.latent.slots import latent_space
from jaxvae.topology import circle, seam
from jaxvae.topology.verdict import PART, UNUSED, Verdict, verdict

STRIP = 12  # images around the circle, for the figure


class Row(NamedTuple):
  """One latent.

  Attributes:
    latent: name of the column.
    slot: that it belongs to, as written in the config.
    kl: nats, mean over images.
    verdict: of a loop; None of others, which are what they are.
    says: the verdict, or what a slot that is no loop is and uses, in words.
    factor: that the latent tells most of; None where none are known.
    nmi: I(latent; factor) / H(factor), of that factor.
    winding: turns of the latent along a turn of that factor, if it is a loop
      and the data are a grid; the median over where the others are held.
    correlation: circular, if the factor and the latent are loops.
    codes: `[n]` of the encoded images, on the chart.
    off: `[a]` distances from the data along the circle; None if it is none.
    strip: `[12, h, w, c]` decoded around the circle; None likewise.
  """

  latent: str
  slot: str
  kl: float
  verdict: Verdict | None
  says: str
  factor: str | None
  nmi: float | None
  winding: float | None
  correlation: float | None
  codes: np.ndarray
  off: np.ndarray | None
  strip: np.ndarray | None


class Discovery(NamedTuple):
  """What `discover` found.

  Attributes:
    rows: one for each latent.
    latent: the latent space to train next, as a config writes it; empty if no
      latent is used.
    method: 'nearest': against all images; 'cycle': against what the model makes
      of its own images, because the data are too many to search.
    images: how many were encoded.
    step: of the checkpoint.
    title: of the data.
    factors: of the data, (name, size, topology).
  """

  rows: list[Row]
  latent: str
  method: str
  images: int
  step: int
  title: str
  factors: tuple[tuple[str, int, str], ...]


def discover(
  workdir: str,
  overrides: Mapping[str, str] | None = None,
  images: int = 4096,
  bases: int = 8,
  angles: int = 180,
  seed: int = 0,
) -> Discovery:
  """Judges every latent of a run's newest checkpoint.

  Args:
    workdir: of the run.
    overrides: keys of the data that are different here, such as
      {'data.data_dir': '...'}, as text.
    images: of the data that are encoded; if there are more, the seam test goes
      through the model instead of searching them.
    bases: images at whose codes the other latents are held.
    angles: of a sweep.
    seed: of the choice of images.

  Raises:
    UserError: there is no checkpoint, or an argument or the data do not fit.
    IntegrityError: every checkpoint is damaged.
  """
  for name, value, least in (
    ('images', images, 64), ('bases', bases, 1), ('angles', angles, 36)
  ):  # fmt: skip
    if value < least:
      raise UserError(f'--{name}={value}; allowed: at least {least}')
  run = pretrained.load(workdir)
  source, points = _data(run, overrides or {}, images, seed)
  space = latent_space(run.config.latent)
  pictures, factors = source.examples(points)
  if run.image_shape != source.spec.image_shape:
    raise UserError(
      f'the model was trained on images of {list(run.image_shape)}; the data '
      f'have {list(source.spec.image_shape)}'
    )
  encoded = run.encode(pictures)
  rng = np.random.default_rng([seed, bases])
  held = rng.choice(len(points), min(bases, len(points)), replace=False)
  if space.latents == 1:
    held = held[:1]  # Nothing is held there.
  whole = len(points) == source.spec.size
  flat = pictures.reshape(len(pictures), -1)

  def off(decoded):
    if whole:
      return seam.off_data(decoded, flat)
    return seam.off_cycle(decoded, lambda x: _again(run, x))

  described, bins = source.spec.factors, run.config.eval.bins
  untold = measure.left_out(factors, described, bins)
  graded = [at for at in range(len(described)) if at not in untold]
  nmi = None
  if graded:
    classes = metrics.in_steps(factors, measure.spans(described), bins)
    nmi = metrics.normalised_mutual_information(
      encoded.chart, classes[:, graded], bins
    )
  rows = []
  for latent, (name, slot) in enumerate(_columns(space)):
    codes, kl = encoded.chart[:, latent], float(encoded.kl[:, latent].mean())
    judged, away, strip, says = None, None, None, _plain(slot, kl, codes)
    if slot.topology == 'loop':
      swept = _sweep(run, space, encoded.mean[held], latent, angles)
      shape = swept.shape[2:]
      swept = swept.reshape(*swept.shape[:2], -1)
      away = np.median(off(swept), axis=0)
      apart = np.median(seam.apart(swept), axis=0)
      judged = verdict(kl, codes, away, apart)
      says = judged.slot if judged.kind == 'points' else judged.kind
      at = (np.arange(STRIP) * angles) // STRIP
      strip = swept[0, at].reshape(STRIP, *shape)
    best = None if nmi is None else graded[int(nmi[latent].argmax())]
    winding, correlation = None, None
    if best is not None and slot.topology == 'loop':
      winding, correlation = _agreement(
        run, source, latent, best, codes, factors, factors[held]
      )
    rows.append(
      Row(
        name, slot.name, kl, judged, says,
        None if best is None else described[best].name,
        None if best is None else float(nmi[latent].max()),
        winding, correlation, codes, away, strip,
      )
    )  # fmt: skip
  return Discovery(
    rows,
    _next(space, rows, source.spec.factors),
    'nearest' if whole else 'cycle',
    len(points),
    run.step,
    run.title,
    tuple(factor[:3] for factor in source.spec.factors),
  )


def as_json(found: Discovery) -> dict[str, Any]:
  """What topology.json holds: everything but the arrays."""
  rows = []
  for row in found.rows:
    plain = row._asdict()
    for name in ('codes', 'off', 'strip'):
      del plain[name]
    if row.verdict is not None:
      plain['verdict'] = {
        key: None if isinstance(value, float) and value != value else value
        for key, value in row.verdict._asdict().items()
      }
    rows.append(plain)
  return {**found._asdict(), 'rows': rows}


def _data(run, overrides, images, seed) -> tuple[data.Source, np.ndarray]:
  if wrong := sorted(k for k in overrides if not k.startswith('data.')):
    raise UserError(
      f'--config.{wrong[0]} is not of the data; allowed: config.data.*',
      hint='the rest of the config is that of the run',
    )
  config = schema.override(run.config, overrides)
  schema.validate(config)
  splits = data.splits(config.data)
  source = data.open_source(
    config.data,
    split='test' if 'test' in splits else 'train',
    batch_size=2 if config.data.pairs else 1,  # Pairs ask for an even one.
    seed=config.seed,
  )
  if source.spec.size <= images:
    return source, np.arange(source.spec.size)
  rng = np.random.default_rng([seed, images])
  return source, np.sort(rng.permutation(source.spec.size)[:images])


def _columns(space: LatentSpace):
  """(name, slot) of each latent."""
  slots = [slot for slot in space.slots for _ in range(slot.latents)]
  return zip(space.names, slots, strict=True)


def _sweep(run, space, held, latent, angles) -> np.ndarray:
  """Images `[bases, angles, h, w, c]` decoded once round a latent circle."""
  turn = np.arange(angles, dtype=np.float32) * np.float32(2 * np.pi / angles)
  z = jnp.asarray(np.repeat(held[:, None], angles, axis=1))
  z = space.move(z, latent, jnp.broadcast_to(turn, z.shape[:2]))
  images = run.decode(np.asarray(z).reshape(-1, z.shape[-1]))
  return images.reshape(len(held), angles, *images.shape[1:])


def _again(run, flat: np.ndarray) -> np.ndarray:
  images = run.decode(run.encode(flat.reshape(-1, *run.image_shape)).mean)
  return images.reshape(len(flat), -1)


def _agreement(run, source, latent, best, codes, factors, held):
  """Winding and circular correlation with a factor that is a loop."""
  factor = source.spec.factors[best]
  if factor.topology != 'loop':
    return None, None
  truth = factors[:, best] * (2 * np.pi / factor.turn)
  known = ~np.isnan(truth)
  correlation = circle.circular_correlation(
    codes[known], truth[known], uniform=True
  )
  if not source.spec.grid:
    return None, correlation
  grid = data.FactorGrid(source.spec.factors)
  turns = []
  for base in held:
    classes = np.repeat(base[None], factor.once, axis=0)
    classes[:, best] = np.arange(factor.once)
    images, _ = source.examples(grid.index(classes))
    turns.append(circle.winding(run.encode(images).chart[:, latent]))
  return float(np.median(turns)), correlation


def _plain(slot, kl, codes) -> str:
  """What a slot that is no loop is, and how much of it is used."""
  if kl < UNUSED:
    return 'unused'
  low, high = slot.span
  if slot.topology == 'points':
    places = np.clip(np.rint(codes), low, high).astype(int)
    used = np.bincount(places, minlength=int(high) + 1) / len(codes) >= PART
    return f'points, {used.sum()} of {len(used)} in use'
  if slot.topology == 'segment':
    bins = np.histogram(np.clip(codes, low, high), 20, (low, high))[0]
    return f'segment, {(bins > 0).mean():.0%} in use'
  return slot.topology


def _next(space, rows, factors) -> str:
  """The latent space to train next; what is no loop stays what it is.

  A slot is told its factor again, unless it has other points than that.
  """
  sizes = {factor.name: factor.size for factor in factors}
  parts, at = [], 0
  for slot, factor in zip(space.slots, space.factors, strict=True):
    row = rows[at]
    seen = row.verdict
    text = slot.name if seen is None else seen.slot
    if seen is not None and seen.kind in ('loop', 'unclear'):
      text = slot.name
    other = seen is not None and seen.points not in (0, sizes.get(factor))
    if text and factor is not None and not other:
      head, _, rest = text.removesuffix(')').partition('(')
      inside = ', '.join(filter(None, [rest, f'factor={factor!r}']))
      text = f'{head}({inside})'
    if text:
      parts.append(text.removesuffix('()'))
    at += slot.latents
  return ' + '.join(parts)
