"""Networks by name: an encoder and a decoder that belong together.

`locatello`, `burgess` and `mlp` are those of the published studies; their sizes
are arguments, so that `mlp(encoder=(512, 512), decoder=(512, 512, 512))` in a
config is a smaller one. A new network is one function and one line in NETS.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from flax import linen as nn
from jax import Array

from jaxvae import ranges, spec
from jaxvae.nets.conv import check_lowering
from jaxvae.nets.convnet import ConvDecoder, ConvEncoder
from jaxvae.nets.mlp import MLPDecoder, MLPEncoder

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
  'relu': nn.relu,
  'tanh': nn.tanh,
  'gelu': nn.gelu,
  'leaky_relu': partial(nn.leaky_relu, negative_slope=0.2),
}
LAYERS = 64  # each is compiled
KERNEL = 64  # pixels


class Net(NamedTuple):
  """Constructors of the two halves of an autoencoder.

  Attributes:
    encoder: outputs -> a module, image `[b, h, w, c]` -> `[b, outputs]`.
    decoder: image_shape -> a module, code `[b, d]` -> `[b, *image_shape]`.
  """

  encoder: Callable[[int], nn.Module]
  decoder: Callable[[tuple[int, int, int]], nn.Module]


def locatello(
  kernels: tuple[int, ...] = (4, 4, 2, 2), lowering: str = 'auto'
) -> Net:
  """The network of the 12,600-model study [Locatello et al. 2019, table 1].

  Args:
    kernels: of the encoder; several later studies use (4, 4, 4, 4).
    lowering: of the convolutions, see `jaxvae.nets.conv`.

  Raises:
    ValueError: either argument is not allowed.
  """
  _check_sizes('kernels', kernels, KERNEL)
  if len(kernels) != 4:
    raise ValueError(f'kernels={kernels!r}; allowed: four sizes')
  check_lowering(lowering)
  return Net(
    lambda outputs: ConvEncoder(
      (32, 32, 64, 64), kernels, (256,), outputs, lowering
    ),
    lambda shape: ConvDecoder(
      (64, 64, 32, 32), (4, 4, 4, 4), (256,), shape, lowering
    ),
  )


def burgess(lowering: str = 'auto') -> Net:
  """The network of Burgess et al. [2018, appendix A], for 64 x 64 pixels.

  Args:
    lowering: of the convolutions, see `jaxvae.nets.conv`.

  Raises:
    ValueError: an unknown lowering.
  """
  check_lowering(lowering)
  sizes = (32,) * 4, (4,) * 4, (256, 256)
  return Net(
    lambda outputs: ConvEncoder(*sizes, outputs, lowering),
    lambda shape: ConvDecoder(*sizes, shape, lowering),
  )


def mlp(
  encoder: tuple[int, ...] = (1200, 1200),
  decoder: tuple[int, ...] = (1200, 1200, 1200),
  encoder_activation: str | tuple[str, ...] = 'relu',
  decoder_activation: str | tuple[str, ...] = 'tanh',
) -> Net:
  """The dense network of the beta-VAE paper [Higgins et al. 2017, table 1].

  Args:
    encoder: widths of the encoder's hidden layers.
    decoder: widths of the decoder's hidden layers.
    encoder_activation: 'relu', 'tanh', 'gelu' or 'leaky_relu'; or a tuple of
      them, one for each hidden layer.
    decoder_activation: the same choice.

  Raises:
    ValueError: widths or an activation that are not allowed.
  """
  _check_sizes('encoder', encoder, ranges.WIDTH)
  _check_sizes('decoder', decoder, ranges.WIDTH)
  enter = _activations('encoder_activation', encoder_activation, len(encoder))
  leave = _activations('decoder_activation', decoder_activation, len(decoder))
  return Net(
    lambda outputs: MLPEncoder(encoder, enter, outputs),
    lambda shape: MLPDecoder(decoder, leave, shape),
  )


NETS = {'locatello': locatello, 'burgess': burgess, 'mlp': mlp}


def net(text: str) -> Net:
  """The network that a text such as 'burgess' or 'mlp(encoder=(400,))' names.

  Raises:
    UserError: not one known network with fitting arguments.
  """
  return spec.build_one(text, NETS, 'network')


def _activations(
  key: str, names: str | tuple[str, ...], layers: int
) -> tuple[Callable[[Array], Array], ...]:
  each = (names,) * layers if isinstance(names, str) else names
  if not isinstance(each, tuple) or len(each) != layers:
    raise ValueError(
      f'{key}={ranges.shown(names)}; allowed: one name, or {layers} of them'
    )
  for name in each:
    ranges.one_of(f'{key}: activation', name, ACTIVATIONS)
  return tuple(ACTIVATIONS[name] for name in each)


def _check_sizes(name: str, sizes: tuple[int, ...], most: int) -> None:
  if (
    not isinstance(sizes, tuple)
    or len(sizes) > LAYERS
    or not all(type(size) is int and 1 <= size <= most for size in sizes)
  ):
    raise ValueError(
      f'{name}={ranges.shown(sizes)}; allowed: whole numbers from 1 to {most}'
      f' in brackets, such as (400,), and at most {LAYERS} of them'
    )
