"""Prepares a data set and reports it: `python -m jaxvae.data.prepare NAME`.

Without NAME it lists the data sets. Training prepares by itself; this is for
doing it beforehand, and for seeing what there is. Exit codes are those of
`jaxvae.errors`.
"""

import argparse
import sys
import time
from collections.abc import Sequence

from jaxvae.data.builders import DATASETS
from jaxvae.data.prepared import Prepared
from jaxvae.data.store import ensure_prepared
from jaxvae.errors import exit_code


def main(arguments: Sequence[str] | None = None) -> int:
  """Runs the command and returns its exit code."""
  options = _parser().parse_args(arguments)
  if not options.name:
    width = max(map(len, DATASETS))
    for name, recipe in DATASETS.items():
      variants = [f':{variant}' for variant in recipe.variants if variant]
      print(f'{name:{width}}  {recipe.about}', *variants)
    return 0
  start = time.monotonic()
  return exit_code(
    lambda: report(ensure_prepared(options), time.monotonic() - start)
  )


def report(prepared: Prepared, seconds: float) -> None:
  """Prints what was prepared and where it is."""
  sizes = [
    file.stat().st_size
    for file in prepared.directory.iterdir()
    if file.is_file()
  ]
  height, width, channels = prepared.image_shape
  pixels = '0 or 1' if prepared.bits else '0 to 255'
  print(f'data set   {prepared.title}')
  print(f'images     {height} x {width} x {channels}, pixels {pixels}')
  for name, split in prepared.splits.items():
    print(f'split      {name}: {split.size:,} images, sha256 {split.sha256}')
  for factor in prepared.factors:
    print(f'factor     {factor.name}: {factor.about}')
  if prepared.grid:
    print('grid       every combination once, the last factor fastest')
  if prepared.layers is not None:
    stored = prepared.rows(next(iter(prepared.splits)))
    print(f'composed   of {stored:,} rows of {prepared.row_bytes:,} bytes')
  for note in prepared.notes:
    print(f'note       {note}')
  print(f'on disk    {sum(sizes) / 1e6:.1f} MB in {prepared.directory}')
  print(f'seconds    {seconds:.1f}')


def _parser() -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser(
    prog='python -m jaxvae.data.prepare', description=__doc__.partition(':')[0]
  )
  parser.add_argument('name', nargs='?', help='lists the data sets if left out')
  text = {
    'variant': 'one of those that the list shows after a colon',
    'data_dir': 'default: $TFDS_DATA_DIR or ~/tensorflow_datasets',
    'manual_dir': 'folder with files that you have already',
    'path': 'for image_folder: a folder, an .npz, .npy or .h5 file',
  }
  for name, about in text.items():
    parser.add_argument(*_spelled(name), default='', help=about)
  for name in ('image_size', 'channels'):
    parser.add_argument(
      *_spelled(name), type=int, default=0, help='for image_folder: 0 as it is'
    )
  return parser


def _spelled(name: str) -> tuple[str, ...]:
  """A flag, and what messages and training call the same key."""
  return f'--{name}', f'--data.{name}', f'--config.data.{name}'


if __name__ == '__main__':
  sys.exit(main())
