"""Opens a data set and serves it from where it fits.

Three placements give the same batches:
  host    rows in memory, gathered there, sent to the device as uint8;
  device  all rows on the device, only positions are sent;
  stream  rows stay on disk, Grain reads those of a step in threads.
`batches.py` says which images a step sees.
"""

import difflib
import functools
import hashlib
import os
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxvae import ranges
from jaxvae.data import batches, sequence, twins, writer
from jaxvae.data import layers as composed
from jaxvae.data import prepared as prepared_data
from jaxvae.data.blocks import Block
from jaxvae.data.builders import DATASETS
from jaxvae.data.factors import Factor, FactorGrid
from jaxvae.data.layers import Layers
from jaxvae.data.prepared import Prepared
from jaxvae.data.recipe import Options
from jaxvae.errors import UserError
from jaxvae.structs import Batch

PLACEMENTS = ('auto', 'host', 'device', 'stream')
# Up to these sizes 'auto' keeps the rows on the device, or in host memory.
DEVICE_BYTES = 2 << 30
HOST_BYTES = 4 << 30
# How a config and its data become what training sees; a run keeps to the rules
# that it was begun with. 1, before runs said so: once round a loop were all its
# classes, and twins of held-out images were trained on.
RULES = 2


class DataSpec(NamedTuple):
  """What a model and a report need to know of the data.

  Attributes:
    name: in configs.
    title: for people, 'dSprites re-rendered'.
    image_shape: `(h, w, c)`.
    factors: what varies between images, slowest first; a class label is a
      factor too; empty if nothing is known.
    size: number of images in the split.
    grid: the split is the whole grid of the factors in `FactorGrid`'s order.
    bits: pixels are 0 or 1, stored packed.
    fingerprint: 16 hex digits that change with any pixel, label or order.
  """

  name: str
  title: str
  image_shape: tuple[int, int, int]
  factors: tuple[Factor, ...]
  size: int
  grid: bool
  bits: bool
  fingerprint: str


class Source(NamedTuple):
  """One split of a data set, as training and evaluation read it.

  Attributes:
    spec: describes it.
    fetch: `(first_step, count)` to a pytree of host arrays with leading axes
      `[count, batch_size]`. Pure: the same arguments give the same arrays.
    resident: a pytree of arrays on the device, for `decode`; on a mesh, place
      it once with the step's replicated sharding. Empty unless the placement is
      'device'.
    decode: `(resident, fetched)`, with the fetched arrays of one step `[batch,
      ...]`, to a `Batch`; may be traced.
    examples: positions `[n]` to images `[n, h, w, c]` float32 in [0, 1] and
      factors `[n, f]` of `dtype_of(spec.factors)`, both NumPy arrays.
    factors: positions `[n]` to the factors alone.
  """

  spec: DataSpec
  fetch: Callable[[int, int], Any]
  resident: Any
  decode: Callable[[Any, Any], Batch]
  examples: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
  factors: Callable[[np.ndarray], np.ndarray]


def open_source(
  data_config: Any,
  *,
  split: str,
  batch_size: int,
  seed: int,
  part: tuple[int, int] = (0, 1),
  labels: Any = None,
  rules: int = RULES,
) -> Source:
  """Opens a split for training, preparing the data if that is still to do.

  Args:
    data_config: with the keys name, variant, data_dir, manual_dir, path,
      image_size, channels, placement, binarize and pairs.
    split: 'train', or another that the data set has.
    batch_size: over all devices.
    seed: of the order.
    part: (which, of how many) equal parts of each batch `fetch` reads; the
      processes of one run share the work.
    labels: with the keys fraction, share and pick; None for no labels.
    rules: of the run, see `RULES`.

  Raises:
    UserError: the config or the data do not fit; one line says what.
    IntegrityError: a file is damaged or not the published one.
  """
  prepared = ensure_prepared(data_config)
  spec = _spec(data_config, prepared, split)
  if rules == 1:
    once = tuple(f._replace(period=None) for f in spec.factors)
    spec = spec._replace(factors=once)
  # A grid is all there is, so a batch may hold each of its images many times.
  if spec.size < batch_size and not spec.grid:
    raise UserError(
      f'split {split!r} of {spec.title} has {spec.size} images,'
      f' fewer than the batch of {batch_size}',
      hint=f'set batch_size to at most {spec.size}',
    )
  placement = _placement(data_config.placement, prepared, split)
  grid = FactorGrid(spec.factors)

  def classes():
    if spec.grid:
      return grid.factors_of(np.arange(spec.size))
    return _loaded(prepared, split).factors

  images = None
  if rules > 1:
    sha256, binarize = prepared.split(split).sha256, data_config.binarize
    images = twins.Images(prepared.directory, split, sha256, binarize)
  where, known = sequence.of(
    data_config, labels, spec, seed, batch_size, part, classes, images
  )
  to_pixels = functools.partial(
    batches.pixels,
    shape=spec.image_shape,
    bits=spec.bits,
    binarize=data_config.binarize,
    factors=spec.factors,
    layers=prepared.layers,
  )

  if placement == 'stream':
    records = prepared_data.records(prepared, split)
    read = functools.partial(_read_records, prepared, records)
    fetch = functools.partial(batches.fetch_stream, read, where)
  else:
    rows, factors = _loaded(prepared, split)
    read = functools.partial(_read_rows, rows, factors, grid, prepared.layers)
    fetch = functools.partial(batches.fetch_rows, read, where)

  resident = ()
  decode = functools.partial(batches.decode_rows, to_pixels)
  if placement == 'device':
    resident = (jnp.asarray(rows), None if spec.grid else jnp.asarray(factors))
    fetch = functools.partial(batches.fetch_positions, where)
    decode = functools.partial(
      batches.decode_positions, to_pixels, grid, prepared.layers
    )

  def examples(indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found = read(np.asarray(indices))
    return to_pixels(found.rows, found.factors, np), found.factors

  def told(indices: np.ndarray) -> np.ndarray:
    return grid.factors_of(indices) if spec.grid else read(indices).factors

  source = Source(spec, fetch, resident, decode, examples, told)
  return source if known is None else sequence.with_labels(source, where, known)


def splits(data_config: Any) -> dict[str, int]:
  """The splits of a data set and their sizes; prepares it if need be."""
  prepared = ensure_prepared(data_config)
  return {name: split.size for name, split in prepared.splits.items()}


def ensure_prepared(data_config: Any) -> Prepared:
  """The data set on disk, prepared now if it was not.

  Raises:
    UserError: there is no such data set or variant, or its files are missing.
  """
  options = _options(data_config)
  if options.name not in DATASETS:
    near = difflib.get_close_matches(options.name, DATASETS, n=1, cutoff=0)
    raise UserError(
      f'unknown data set {ranges.shown(options.name)}; did you mean'
      f' {near[0]!r}?',
      hint=f'there are: {", ".join(DATASETS)}',
    )
  recipe = DATASETS[options.name]
  if options.variant not in recipe.variants:
    raise UserError(
      f'data.variant={ranges.shown(options.variant)} is not known to'
      f' {options.name};'
      f' allowed: {", ".join(repr(name) for name in recipe.variants)}'
    )
  return writer.ensure(options, recipe)


def _options(config: Any) -> Options:
  data_dir = config.data_dir or os.environ.get('TFDS_DATA_DIR')
  return Options(
    name=config.name,
    variant=config.variant,
    # pathlib's own raises an error where nobody has that name.
    data_dir=pathlib.Path(
      os.path.expanduser(data_dir or '~/tensorflow_datasets')
    ),
    manual_dir=config.manual_dir,
    path=config.path,
    image_size=config.image_size,
    channels=config.channels,
  )


def _spec(config: Any, prepared: Prepared, split: str) -> DataSpec:
  size, sha256 = prepared.split(split)
  if config.binarize:
    sha256 = hashlib.sha256(f'{sha256} binarize'.encode()).hexdigest()
  return DataSpec(
    name=config.name,
    title=prepared.title,
    image_shape=prepared.image_shape,
    factors=prepared.factors,
    size=size,
    grid=prepared.grid,
    bits=prepared.bits,
    fingerprint=sha256[:16],
  )


def _placement(placement: str, prepared: Prepared, split: str) -> str:
  if placement not in PLACEMENTS:
    raise UserError(
      f'data.placement={placement!r}; allowed: {", ".join(PLACEMENTS)}'
    )
  size = prepared.rows(split) * prepared.row_bytes
  if placement == 'auto':
    if size > HOST_BYTES:
      return 'stream'
    # A CPU gathers images as fast before a step as within it, but the rows of
    # composed images are larger than the images.
    on_cpu = jax.default_backend() == 'cpu' and prepared.layers is None
    return 'host' if on_cpu or size > DEVICE_BYTES else 'device'
  return placement


def _loaded(prepared: Prepared, split: str) -> Block:
  sha256 = prepared.split(split).sha256
  return _load_once(prepared.directory, split, sha256)


@functools.lru_cache(maxsize=2)
def _load_once(directory: pathlib.Path, split: str, sha256: str) -> Block:
  """Training and evaluation share what is in memory."""
  del sha256  # Part of the key: data prepared anew are other data.
  return prepared_data.load(prepared_data.describe(directory), split)


def _read_rows(
  rows: np.ndarray,
  factors: np.ndarray | None,
  grid: FactorGrid,
  layers: Layers | None,
  indices: np.ndarray,
) -> Block:
  if factors is not None:
    return Block(rows[indices], factors[indices])
  classes = grid.factors_of(indices)
  return Block(rows[_stored_at(indices, classes, grid, layers)], classes)


def _read_records(
  prepared: Prepared, records: Any, indices: np.ndarray
) -> Block:
  if not prepared.grid:
    return prepared_data.pick(prepared, records, indices)
  grid = FactorGrid(prepared.factors)
  classes = grid.factors_of(indices)
  at = _stored_at(indices, classes, grid, prepared.layers)
  return Block(prepared_data.pick(prepared, records, at).rows, classes)


def _stored_at(
  indices: np.ndarray,
  classes: np.ndarray,
  grid: FactorGrid,
  layers: Layers | None,
) -> np.ndarray:
  """Which rows the images of a grid are made of, `[...]`."""
  if layers is None:
    return indices
  return composed.row_of(layers, grid.factors, classes, np)
