"""Data configs that write below temporary directories only."""

import pytest
from ml_collections import ConfigDict


@pytest.fixture
def config(tmp_path):
  """`config(name, key=value, ...)`: a data config with the defaults."""

  def make(name, **changes):
    values = {
      'name': name,
      'variant': '',
      'data_dir': str(tmp_path / 'tfds'),
      'manual_dir': '',
      'path': '',
      'image_size': 0,
      'channels': 0,
      'placement': 'auto',
      'binarize': False,
      'pairs': 0,
      'holdout': 0.0,
    }
    return ConfigDict(values | changes)

  return make
