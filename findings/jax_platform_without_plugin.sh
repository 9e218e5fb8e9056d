#!/usr/bin/env bash
# JAX_PLATFORMS=cuda without the plugin is an AssertionError without a message.
#
# Guess:    a platform that is not installed is a RuntimeError which names it, as
#           JAX_PLATFORMS=nope is ("Unable to initialize backend 'nope'").
# Version:  jax 0.10.2
# Happens:  for 'cuda' jax.devices() raises AssertionError, and its text is empty.
# Output:   RuntimeError names nope; AssertionError ''
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  jax==0.10.2
cat > "$scratch/devices.py" <<'PY'
import jax

try:
  print(jax.devices())
except (AssertionError, RuntimeError) as error:
  named = 'names nope' if 'nope' in str(error) else repr(str(error))
  print(type(error).__name__, named)
PY
run() { JAX_PLATFORMS=$1 "$scratch/venv/bin/python" "$scratch/devices.py"; }
said="$(run nope); $(run cuda)"
echo "$said"
[ "$said" = "RuntimeError names nope; AssertionError ''" ]
