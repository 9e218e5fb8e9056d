"""The slots by name, and latent spaces as a config writes them."""

from jaxvae import ranges, spec
from jaxvae.errors import UserError
from jaxvae.latent import told
from jaxvae.latent.gaussian import gaussian
from jaxvae.latent.head import head
from jaxvae.latent.ksparse import ksparse
from jaxvae.latent.label import label
from jaxvae.latent.loop import loop
from jaxvae.latent.mixture import mixture, vamp
from jaxvae.latent.points import points
from jaxvae.latent.product import LatentSpace
from jaxvae.latent.quantized import quantized
from jaxvae.latent.segment import segment
from jaxvae.latent.tilted import tilted

# A new prior is one file and one line here.
SLOTS = {
  'gaussian': gaussian,
  'tilted': tilted,
  'loop': loop,
  'points': points,
  'segment': segment,
  'mixture': mixture,
  'vamp': vamp,
  'quantized': quantized,
  'ksparse': ksparse,
  'label': label,
  'head': head,
}
MOST = 100  # slots: each has a code of its own in the compiled program


def latent_space(text: str) -> LatentSpace:
  """The product that a text such as 'gaussian(10)' describes.

  Any slot may be told which factor's labels it gets, if the data have some:
  "loop(factor='orientation') + gaussian(6)".

  Raises:
    UserError: the text is not a sum of slots, a slot is unknown, or its
      arguments do not fit.
  """
  slots, factors = [], []
  calls = spec.parse(text)
  if len(calls) > MOST:
    raise UserError(f'latent has {len(calls)} slots; allowed: {MOST}')
  for call in calls:
    kwargs = dict(call.kwargs)
    factor = kwargs.pop('factor', None)
    built = spec.build(
      call._replace(kwargs=tuple(kwargs.items())), SLOTS, 'latent slot'
    )
    if factor is not None and built.label_kl is None:
      raise UserError(
        f'latent slot {built.name} cannot be told a factor: factor={factor!r}',
        hint='points, segment, loop, label, head, mixtures of classes and'
        ' one-dimensional gaussians can',
      )
    if factor is not None and not isinstance(factor, str):
      raise UserError(
        f'latent slot {built.name}: factor={ranges.shown(factor)}; allowed: the'
        ' name of a factor'
      )
    slots.append(built)
    factors.append(factor)
  space = LatentSpace(tuple(slots), tuple(factors))
  told.check(space, text)
  return space
