#!/usr/bin/env bash
# Orbax restores an array as another type without a word, wrapping what does not
# fit.
#
# Guess:    a target whose dtype is not the stored one is refused, as a target of
#           another shape is ("Requested shape ... is not compatible").
# Version:  orbax-checkpoint 0.12.8, jax 0.10.2
# Happens:  StandardCheckpointer.restore casts: float32 to int32 drops the
#           fraction, int32 300 and 70000 become int8 44 and 112, and int32 -1
#           becomes uint8 255.
# Output:   [0, 1, -2] [44, -1, 112] [44, 255, 112]
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  orbax-checkpoint==0.12.8 jax==0.10.2
JAX_PLATFORMS=cpu "$scratch/venv/bin/python" - "$scratch" <<'PY'
import pathlib
import sys

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp

place = pathlib.Path(sys.argv[1], 'saved')
tree = {
  'weights': jnp.array([0.5, 1.7, -2.9], jnp.float32),
  'counts': jnp.array([300, -1, 70000], jnp.int32),
}
with ocp.StandardCheckpointer() as checkpointer:
  checkpointer.save(place, tree)
  checkpointer.wait_until_finished()

  def restored(weights, counts):
    target = {
      'weights': jax.ShapeDtypeStruct((3,), weights),
      'counts': jax.ShapeDtypeStruct((3,), counts),
    }
    found = checkpointer.restore(place, target)
    return {name: array.tolist() for name, array in found.items()}

  signed = restored(jnp.int32, jnp.int8)
  unsigned = restored(jnp.int32, jnp.uint8)
print(signed['weights'], signed['counts'], unsigned['counts'])
assert signed == {'weights': [0, 1, -2], 'counts': [44, -1, 112]}, signed
assert unsigned['counts'] == [44, 255, 112], unsigned
PY
