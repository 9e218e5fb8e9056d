"""What the circles of a run are: `python -m jaxvae.topology --workdir=RUN`.

  --workdir=RUN                a run whose latents are loops, or some of them
  --images=4096                of the data, to encode and to compare with
  --bases=8                    images at whose codes the other latents are held
  --angles=180                 of a sweep once round a latent
  --out=FILE                   the table as JSON too, as results/ holds it
  --write                      even if FILE holds more than that
  --swap                       prints the latent space to train next, no more
  --finetune=NEWDIR            and trains it, from the parameters of this run
  --config.KEY=VALUE           of the new run; data.* are also where the data
                               of this one are now

Every one-dimensional latent can be trained as a loop. The seam test then says
which are loops, which are cut and are segments, and which hold points; the last
line is the latent space to train next. Writes topology.json and
figures/topology.png into the run. Exit codes: see jaxvae/errors.py.
"""

import pathlib
import sys
from collections.abc import Mapping

from absl import flags

from jaxvae import cli
from jaxvae.errors import UserError

_WORKDIR = flags.DEFINE_string('workdir', '', 'the run to look at')
_IMAGES = flags.DEFINE_integer('images', 4096, 'of the data')
_BASES = flags.DEFINE_integer('bases', 8, 'where the other latents are held')
_ANGLES = flags.DEFINE_integer('angles', 180, 'of a sweep')
_FINETUNE = flags.DEFINE_string('finetune', '', 'where the new run lives')
_OUT = flags.DEFINE_string('out', '', 'a JSON file for the table')
_WRITE = flags.DEFINE_bool('write', False, 'replace --out by less')
_SWAP = flags.DEFINE_bool('swap', False, 'print the latent space only')


def main(overrides: Mapping[str, str]) -> int:
  """Does what the flags say; returns the exit code.

  Args:
    overrides: `--config.KEY=VALUE`, by key.
  """
  if not _WORKDIR.value:
    raise UserError('no --workdir given', hint='name the run to look at')
  # Not before the flags are known to be right: these imports take seconds.
  from jaxvae.report import stored
  from jaxvae.report import topology as drawn
  from jaxvae.report import topology_table as table
  from jaxvae.topology import discover
  from jaxvae.train import workdir

  of_data = {k: v for k, v in overrides.items() if k.startswith('data.')}
  found = discover.discover(
    _WORKDIR.value,
    of_data if _FINETUNE.value else overrides,
    _IMAGES.value,
    _BASES.value,
    _ANGLES.value,
  )
  if _SWAP.value:
    print(found.latent)
    return 0
  with workdir.claim(_WORKDIR.value) as home:
    workdir.write_json(home / 'topology.json', discover.as_json(found))
    (home / 'figures').mkdir(exist_ok=True)
    place = home / 'figures' / 'topology.png'
    drawn.discovery(place, found.rows, f'{found.title}: what the latents are')
  print(table.discovery(found.rows))
  against = f'against {found.images:,} images, {table.METHODS[found.method]}'
  print(f'\n{against}')
  if _OUT.value:
    header, cells = table.discovery_cells(found.rows)
    note = f'{found.title}, {found.step:,} steps; {against}.'
    config = workdir.read_config(home)
    if config is None:
      raise UserError(f'{home} holds no config.json, to say whose table it is')
    run = stored.run_name(config)
    measured = {f'{row.latent} of {run}': found.images for row in found.rows}
    result = stored.bench(header, cells, note, measured)
    stored.put(pathlib.Path(_OUT.value), result, _WRITE.value)
  print(f'figure: {place}')
  print(f'swap in the matching priors and fine-tune: {found.latent or "-"}')
  if _FINETUNE.value:
    from jaxvae.topology import finetune

    return finetune.finetune(found, _WORKDIR.value, _FINETUNE.value, overrides)
  return 0


if __name__ == '__main__':
  sys.exit(cli.run(main, sys.argv))
