"""Many runs and what they say: `python -m jaxvae.study --study=studies/...`.

  --study=FILE.py              what to compare; --config.KEY=VALUE changes a key
  --workdir=DIR                where it lives, a directory for each index
  --index=0-5,8                only these indices; all by default
  --backend=here               one after another in this process, or
            local(workers=2)     processes on this machine
            slurm(gpus=1)        a job array; needs jaxvae[slurm]
            ray(gpus=1)          tasks of a cluster; needs jaxvae[ray]
  --members=N                  at most so many runs in a program
  --memory_gb=G                for a program; a share of the machine by default
  --status                     what is done, running and left, and for how long
  --dry_run                    programs, ensembles, memory and time
  --table                      prints its table; in a checkout, writes
                               results/NAME.json, tables and figure from it, if
                               these lose nothing by it
  --write                      and whatever they lose
  --select=elbo                the best run of each setting, by any metric

The same command goes on from where a study stands, after any kind of end.
Exit codes: see jaxvae/errors.py; 3 when some runs diverged and the others are
completed, 4 when files of some are damaged, which keeps no other from its end.
"""

import pathlib
import sys
from collections.abc import Mapping

from absl import flags

from jaxvae import cli, spec
from jaxvae import config as schema
from jaxvae.errors import UserError

_STUDY = flags.DEFINE_string('study', '', 'a study file or its name')
_WORKDIR = flags.DEFINE_string(
  'workdir', '', 'where the study lives; empty: runs/NAME'
)
_INDEX = flags.DEFINE_string('index', '', 'indices, such as 3 or 0-5,8')
_BACKEND = flags.DEFINE_string('backend', 'local', 'here, or a back end')
_MEMBERS = flags.DEFINE_integer(
  'members', 0, 'at most so many runs in a program; 0: what fits', 0
)
_MEMORY = flags.DEFINE_float(
  'memory_gb', 0, 'memory for a program; 0: a share of this machine', 0
)
_STATUS = flags.DEFINE_bool('status', False, 'how far the study is')
_DRY_RUN = flags.DEFINE_bool('dry_run', False, 'how it would be computed')
_TABLE = flags.DEFINE_bool('table', False, 'results/NAME.json and tables')
_WRITE = flags.DEFINE_bool(
  'write', False, 'with --table: replaces more complete results as well'
)
_SELECT = flags.DEFINE_string('select', '', 'elbo, mig, or another metric')


def main(overrides: Mapping[str, str]) -> int:
  """Does what the flags say; returns the exit code.

  Args:
    overrides: `--config.KEY=VALUE`, by key.
  """
  if not _STUDY.value:
    raise UserError(
      'no --study given', hint='try --study=studies/dsprites_beta.py'
    )
  from jaxvae.study import grid

  study = grid.load(_STUDY.value, overrides)
  home = pathlib.Path(_WORKDIR.value or f'runs/{study.name}').absolute()
  asked = grid.indices(_INDEX.value, len(study.sets))
  if _STATUS.value:
    return _status(study, home, asked)
  if _TABLE.value or _SELECT.value:
    return _results(study, home)
  return _train(study, home, asked, overrides)


def _status(study, home, asked) -> int:
  from jaxvae.study import status

  stands = status.look(home, asked)
  print(status.text(study, stands, _workers()))
  return status.damage(stands)


def _results(study, home) -> int:
  from jaxvae.report import results
  from jaxvae.study import grid, status, table

  found = table.collect(
    study.name, schema.to_dict(study.base), study.sets, home, study.names
  )
  broken = [e for e in found['entries'] if e['status'] in status.BROKEN]
  for entry in broken:
    index = entry['index']
    why = table.trouble(grid.directory(home, index))
    print(f'jaxvae: error: {grid.called(study, index)} {why}', file=sys.stderr)
  if _SELECT.value:
    for entry in table.select(found, _SELECT.value):
      index = entry['index']
      print(f'{grid.called(study, index)}  {grid.directory(home, index)}')
  if _TABLE.value:
    print(results.markdown(found))
    root = pathlib.Path.cwd()
    if broken and not _WRITE.value:
      print('\nnothing is written while runs are damaged, unless by --write')
    elif (root / 'results').is_dir() or _WRITE.value:
      for path in table.write(found, root, _WRITE.value):
        print(f'wrote {path}')
      if not results.shown(root, study.name):
        print(f'no document has a line <!-- results:{study.name} -->')
    else:
      print(f'\nnot written: {root} has no results/; --write makes one')
  return min((status.BROKEN[e['status']] for e in broken), default=0)


def _train(study, home, asked, overrides) -> int:
  from jaxvae.study import backends, plan
  from jaxvae.train import sharding

  workers = _workers()
  backend = None
  if _BACKEND.value != 'here':
    backend = backends.backend(_BACKEND.value)
  # Before the devices are first used: the cores share an ensemble's members.
  sharding.one_device_per_core(max(1, sharding.cores() // workers))
  if backend is not None:
    sharding.look_only()
  made = plan.make(
    study, asked, _MEMBERS.value, int(_MEMORY.value * 2**30), workers
  )
  if _DRY_RUN.value:
    print(plan.text(study, made, workers))
    return 0
  from jaxvae.study import run, status  # which draw, and take a second

  print(f'{study.name}: {plan.summary(made)}', flush=True)
  if backend is None:
    codes = run.here(study, made, home)
  else:
    path, _ = cli.find(_STUDY.value, 'studies')
    arguments = run.command(path.absolute(), home, overrides)
    codes = run.through(backend, study, arguments, made, home, workers)
  stands = status.look(home, asked)
  print(status.text(study, stands, workers))
  return status.exit_code(stands, codes)


def _workers() -> int:
  """Processes that share this machine, as `local(workers=2)` says."""
  (call, *_) = spec.parse(_BACKEND.value)
  given = dict(call.kwargs).get('workers', (*call.args, 1)[0])
  whole = type(given) is int and given > 0  # Else no job is ever begun.
  return given if call.name == 'local' and whole else 1


if __name__ == '__main__':
  sys.exit(cli.run(main, sys.argv))
