#!/usr/bin/env bash
# Every TFDS builder that is made leaves an empty folder in the temporary folder.
#
# Guess:    making a builder object writes nothing; data sets are written by
#           download_and_prepare, and temporary folders are removed.
# Version:  tensorflow-datasets 4.9.10, array_record 0.8.6
# Happens:  the constructor of GeneratorBasedBuilder makes a folder whose name
#           ends in 'tfds', before it knows whether anything is to be fetched,
#           and never removes it: three builders, three folders.
# Output:   3 folders after 3 builders
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  tensorflow-datasets==4.9.10 array_record==0.8.6 importlib_resources==6.5.2
mkdir "$scratch/temporary"
TMPDIR=$scratch/temporary "$scratch/venv/bin/python" - "$scratch" <<'PY'
import os
import sys

import numpy as np
import tensorflow_datasets as tfds


class Numbers(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  VERSION = tfds.core.Version('1.0.0')

  def _info(self):
    features = tfds.features.FeaturesDict({'number': np.int64})
    return tfds.core.DatasetInfo(builder=self, features=features)

  def _split_generators(self, dl_manager):
    return {'train': self._generate_examples()}

  def _generate_examples(self):
    yield 0, {'number': 1}


place = os.environ['TMPDIR']
before = set(os.listdir(place))
for _ in range(3):
  Numbers(data_dir=os.path.join(sys.argv[1], 'data'), file_format='array_record')
left = [name for name in set(os.listdir(place)) - before if 'tfds' in name]
print(f'{len(left)} folders after 3 builders')
assert len(left) == 3, left
PY
