#!/usr/bin/env bash
# Under JAX's strict promotion Adam cannot take a step, other optimisers can.
#
# Guess:    all of Optax's optimisers, or none, run with
#           jax_numpy_dtype_promotion='strict', under which Python scalars are
#           weakly typed and mix with any array.
# Version:  optax 0.2.8, jax 0.10.2
# Happens:  adam and adamw raise TypePromotionError, for the decay, a Python float,
#           is raised to an int32 count; sgd with momentum, rmsprop, lion and
#           adafactor run. A cosine schedule fails in the same way.
# Output:   fail: adam adamw cosine; run: momentum rmsprop lion adafactor
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  optax==0.2.8 jax==0.10.2
JAX_PLATFORMS=cpu "$scratch/venv/bin/python" - <<'PY'
import jax
import jax.numpy as jnp
import optax

optimisers = {
  'adam': optax.adam(1e-3),
  'adamw': optax.adamw(1e-3),
  'cosine': optax.sgd(optax.cosine_decay_schedule(1.0, 10)),
  'momentum': optax.sgd(1e-3, momentum=0.9),
  'rmsprop': optax.rmsprop(1e-3),
  'lion': optax.lion(1e-3),
  'adafactor': optax.adafactor(1e-3),
}
params = {'w': jnp.ones(3, jnp.float32)}
said = {'fail': [], 'run': []}
for name, optimiser in optimisers.items():
  with jax.numpy_dtype_promotion('strict'):
    try:
      optimiser.update(params, optimiser.init(params), params)
      said['run'].append(name)
    except ValueError as error:
      assert 'promotion' in str(error), error
      said['fail'].append(name)
print('; '.join(f'{what}: {" ".join(names)}' for what, names in said.items()))
assert said['fail'] == ['adam', 'adamw', 'cosine'], said
PY
