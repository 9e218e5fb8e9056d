"""A run that goes on with another latent space than it was trained with.

The networks keep every parameter but those that touch the latents: of the last
layer of the encoder and the first of the decoder, the slots that stay what they
were keep their columns and rows, and the others start fresh.
"""

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxvae import config as schema
from jaxvae.errors import UserError
from jaxvae.latent.product import LatentSpace
from jaxvae.latent.slots import latent_space
from jaxvae.topology.discover import Discovery
from jaxvae.train import checkpoint, loop


def finetune(
  found: Discovery, workdir: str, place: str, overrides: Mapping[str, str]
) -> int:
  """Trains the latent space that was found in `place`, an ordinary run there.

  The likelihood's noise is not annealed again, and the new slots get as many
  steps as the run had, unless the overrides say otherwise.

  Args:
    found: of the run in `workdir`.
    workdir: of the run whose parameters are used.
    place: work directory of the new run; the same call resumes it.
    overrides: keys of the new config, as text.

  Returns:
    The exit code, as of `loop.train`.

  Raises:
    UserError: nothing was found to train, the directories are the same, or the
      networks are others.
    JaxvaeError: what `loop.train` raises.
  """
  if not found.latent:
    raise UserError(
      'no latent of the run is used, so there is nothing to fine-tune',
      hint='train it longer, or begin with more noise',
    )
  if pathlib.Path(workdir).resolve() == pathlib.Path(place).resolve():
    raise UserError(f'--finetune={place} is the run itself; name a new folder')
  saved = checkpoint.read(workdir, found.step, prefix=('params',))
  config = schema.from_dict(saved.config)
  before = latent_space(config.latent)
  config.latent = found.latent
  config.schedule.noise = 'constant'
  schema.override(config, overrides)
  after = latent_space(config.latent)
  same = kept(before, after, found)

  def initial_params(fresh):
    return carry(saved.state['params'], fresh, before, after, same)

  print(f'fine-tune {config.latent} in {place}', flush=True)
  return loop.train(config, place, initial_params=initial_params)


def kept(
  before: LatentSpace, after: LatentSpace, found: Discovery
) -> list[tuple[int, int]]:
  """Slots that stay what they are: (place before, place after)."""
  pairs, old, new = [], 0, 0
  for at, slot in enumerate(before.slots):
    row = found.rows[old]
    old += slot.latents
    if row.verdict is not None and not row.verdict.slot:
      continue  # It is unused, and left out.
    if new < len(after.slots) and after.slots[new].name == slot.name:
      pairs.append((at, new))
    new += 1
  return pairs


def carry(
  params: Mapping[str, Any],
  fresh: Mapping[str, Any],
  before: LatentSpace,
  after: LatentSpace,
  same: list[tuple[int, int]],
) -> dict[str, Any]:
  """Parameters for the space `after`, from those of a model with `before`.

  Args:
    params: trained, {'encoder': {layer: {name: array}}, 'decoder': ...}.
    fresh: of the new model, likewise.
    before: whose encoder numbers and codes `params` have.
    after: whose `fresh` has.
    same: from `kept`.

  Raises:
    UserError: the networks differ in more than what the latents ask for.
  """
  # The numbers of labels and heads come from the classifier.
  numbers = _places(
    before, after, same, lambda s: 0 if s.classifier else s.params_dim
  )
  code = _places(before, after, same, lambda s: 0 if s.added else s.code_dim)
  first = 'dense0' if 'dense0' in params['decoder'] else 'head'
  # Path of the layers that touch the latents -> axis, and what moves where.
  touching = {
    ('encoder', 'head', 'kernel'): (1, numbers),
    ('encoder', 'head', 'bias'): (0, numbers),
    ('decoder', first, 'kernel'): (0, code),
  }

  def merge(old, new, path):
    if isinstance(new, Mapping):
      return {
        name: merge(old.get(name), new[name], (*path, name)) for name in new
      } if isinstance(old, Mapping) else new  # fmt: skip
    if path in touching:
      axis, (source, target) = touching[path]
      if len(source):
        merged = np.moveaxis(np.array(new), axis, 0)
        merged[target] = np.moveaxis(np.asarray(old), axis, 0)[source]
        return np.moveaxis(merged, 0, axis)
      return new
    if path[0] not in ('encoder', 'decoder'):
      # What priors and likelihoods have learned, if it still fits.
      fits = old is not None and np.shape(old) == np.shape(new)
      return np.asarray(old) if fits else new
    if old is None or np.shape(old) != np.shape(new):
      raise UserError(
        f'parameter {"/".join(path)} is {list(np.shape(new))} in the new run '
        f'and {list(np.shape(old)) if old is not None else "not"} in the old',
        hint='fine-tune with the same net and data',
      )
    return np.asarray(old)

  return merge(params, fresh, ())


def _places(before, after, same, size) -> tuple[np.ndarray, np.ndarray]:
  """Where the numbers of the slots that stay were, and where they go."""
  old = np.cumsum([0, *map(size, before.slots)])
  new = np.cumsum([0, *map(size, after.slots)])
  source = [np.arange(old[a], old[a + 1]) for a, _ in same]
  target = [np.arange(new[b], new[b + 1]) for _, b in same]
  empty = [np.zeros(0, int)]
  return np.concatenate(source + empty), np.concatenate(target + empty)
