"""A run goes on by the rules of the data that it was begun with."""

import numpy as np

from jaxvae import config as schema
from jaxvae import data
from jaxvae.train import checkpoint, resume


def test_a_checkpoint_that_says_nothing_is_of_the_first_rules(tmp_path):
  config = schema.default()
  config.data.holdout = 0.1
  for name, about, wanted in (
    ('before', {}, 1),
    ('since', {'rules': 2}, 2),
    ('new', None, data.RULES),
  ):
    home = tmp_path / name
    if about is not None:
      with checkpoint.open(home / 'checkpoints') as saves:
        saves.save(1, {'step': np.int32(1)}, {}, {'data': about})
    assert resume.rules(config, [str(home)]) == wanted
    # Nothing is read of a run that the rules do not touch.
    assert resume.rules(schema.default(), [str(home)]) == data.RULES
    config.labels.fraction, config.data.holdout = 0.5, 0.0
    assert resume.rules(config, [str(home)]) == wanted
