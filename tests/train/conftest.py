"""A run with two checkpoints, for reading and for spoiling; a small disk."""

import os
import pathlib
import shutil
import subprocess

import pytest
from train import states


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
  """A workdir with steps 10 and 20; copy it before changing it."""
  workdir = tmp_path_factory.mktemp('saved') / 'run'
  states.save_steps(workdir, (10, 20))
  return workdir


@pytest.fixture
def run(saved, tmp_path):
  return pathlib.Path(shutil.copytree(saved, tmp_path / 'run'))


@pytest.fixture
def small_disk(tmp_path):
  """A disk of 4 MiB, where this machine lets one be mounted."""
  disk = tmp_path / 'disk'
  disk.mkdir()
  mount = shutil.which('mount')
  if mount is None or os.geteuid():
    pytest.skip('only root can mount a small disk')
  command = [mount, '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', str(disk)]
  mounted = subprocess.run(command, capture_output=True, text=True)
  if mounted.returncode:
    pytest.skip(f'mounting a small disk is refused: {mounted.stderr.strip()}')
  yield disk
  subprocess.run(['umount', str(disk)], check=True)
