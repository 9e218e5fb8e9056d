"""Trains, evaluates and draws: `python -m jaxvae.main --config=configs/...`.

  --config=FILE.py[:VARIANT]   what to train; --config.KEY=VALUE changes a key
  --workdir=DIR                where the run lives; the same command resumes it
  --mode=train|eval            eval: the newest checkpoint of --workdir again,
                               with --config.eval.* as you like
  --dry_run                    checks everything and estimates the time
  --allow_config_change=KEYS   resume although these keys differ
  --coordinator=HOST:PORT      several processes train together; or auto, where
  --num_processes=N            the cluster says how many there are, and which
  --process_id=K               this one is

Exit codes: see jaxvae/errors.py.
"""

import pathlib
import sys
from collections.abc import Mapping

from absl import flags

from jaxvae import cli
from jaxvae import config as schema
from jaxvae.errors import UserError

_CONFIG = flags.DEFINE_string(
  'config', '', 'a config file or its name, with a variant after a colon'
)
_WORKDIR = flags.DEFINE_string(
  'workdir', '', 'where the run lives; empty: runs/CONFIG-HASH'
)
_MODE = flags.DEFINE_enum('mode', 'train', ['train', 'eval'], 'what to do')
_DRY_RUN = flags.DEFINE_bool(
  'dry_run', False, 'check config, data, compile, save and restore; train not'
)
_ALLOW = flags.DEFINE_list(
  'allow_config_change', [], 'keys that may differ from the run in the workdir'
)
_COORDINATOR = flags.DEFINE_string(
  'coordinator', '', 'HOST:PORT of process 0, or auto; empty: one process'
)
_NUM_PROCESSES = flags.DEFINE_integer('num_processes', 1, 'that train together')
_PROCESS_ID = flags.DEFINE_integer('process_id', 0, 'of this one, from 0 on')


def main(overrides: Mapping[str, str]) -> int:
  """Does what the flags say; returns the exit code.

  Args:
    overrides: `--config.KEY=VALUE`, by key.
  """
  alone = _NUM_PROCESSES.value == 1 and _PROCESS_ID.value == 0
  if not _COORDINATOR.value and not alone:
    raise UserError(
      f'--num_processes={_NUM_PROCESSES.value} --process_id='
      f'{_PROCESS_ID.value} without --coordinator',
      hint='give --coordinator=HOST:PORT of process 0, or --coordinator=auto',
    )
  if _MODE.value == 'eval':
    if not _WORKDIR.value:
      raise UserError('--mode=eval needs --workdir, the run to evaluate')
    from jaxvae import evaluate

    return evaluate.evaluate_workdir(_WORKDIR.value, overrides)
  if not _CONFIG.value:
    raise UserError(
      'no --config given', hint='try --config=configs/dsprites_beta.py'
    )
  config = cli.load_config(_CONFIG.value, overrides)
  allowed = [key for key in _ALLOW.value if key]
  if unknown := sorted(set(allowed) - schema.KEYS.keys()):
    raise UserError(
      f'--allow_config_change={unknown[0]}; {schema.did_you_mean(unknown[0])}'
    )
  # Not before the flags are known to be right: these imports take seconds.
  from jaxvae.train import dry_run, loop, workdir

  if _COORDINATOR.value:
    from jaxvae.train import hosts

    hosts.connect(_COORDINATOR.value, _NUM_PROCESSES.value, _PROCESS_ID.value)
  place = _WORKDIR.value or workdir.default(
    cli.split(_CONFIG.value)[0], schema.to_dict(config)
  )
  if config.ensemble:
    if allowed:
      raise UserError('--allow_config_change is for one run, not an ensemble')
    return _ensemble(config, place)
  if _DRY_RUN.value:
    return dry_run.dry_run(config, place, allowed)
  return loop.train(config, place, allowed)


def _ensemble(config, place: str) -> int:
  """Trains the product that `config.ensemble` describes, or says how."""
  from jaxvae.study import grid, plan, run, status
  from jaxvae.train import sharding

  home = pathlib.Path(place).absolute()
  study = grid.of_ensemble(config, home.name)
  # Before the devices are first used: the cores share the members.
  sharding.one_device_per_core(sharding.cores())
  made = plan.make(study, range(len(study.sets)))
  if _DRY_RUN.value:
    print(plan.text(study, made, workers=1))
    return 0
  codes = run.here(study, made, home)
  stands = status.look(home, range(len(study.sets)))
  print(status.text(study, stands, workers=1))
  return status.exit_code(stands, codes)


if __name__ == '__main__':
  sys.exit(cli.run(main, sys.argv))
