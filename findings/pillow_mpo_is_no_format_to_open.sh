#!/usr/bin/env bash
# Pillow opens and saves MPO, and asked to open nothing but MPO raises KeyError.
#
# Guess:    Image.open(file, formats=('MPO',)) opens an MPO file, whose format
#           Pillow itself says is 'MPO', or says that the file is none.
# Version:  Pillow 13.0.0
# Happens:  KeyError: 'MPO'. MPO is opened by the JPEG plugin and is registered
#           for saving alone, so a list of formats needs 'JPEG' to allow it.
# Output:   MPO KeyError
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  pillow==13.0.0
"$scratch/venv/bin/python" - <<'PY'
import io

from PIL import Image

left, right = (Image.new('RGB', (8, 8), colour) for colour in ('red', 'blue'))
file = io.BytesIO()
left.save(file, 'MPO', save_all=True, append_images=[right])
with Image.open(io.BytesIO(file.getvalue()), formats=('JPEG',)) as image:
  opened = image.format
try:
  Image.open(io.BytesIO(file.getvalue()), formats=('MPO',))
  said = 'opened'
except KeyError as error:
  said = type(error).__name__
print(opened, said)
assert (opened, said) == ('MPO', 'KeyError'), (opened, said)
PY
