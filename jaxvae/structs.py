"""The few shapes that pass between the rooms of the house.

Letters in shapes: `b` examples, `h w c` pixels, `f` factors, `d` numbers of a
latent sample, `l` latents (the columns of `kl`: what is plotted and traversed).
"""

from typing import Any, NamedTuple

from flax import struct
from jax import Array


class Batch(NamedTuple):
  """What one training step sees.

  Attributes:
    image: `[b, h, w, c]` float32 in [0, 1].
    factors: `[b, f]` int32, the classes of the factors that made the image; a
      class label is a factor too. `f` may be 0. float32 where some are values,
      or NaN, which is unknown.
    labelled: `[b]` bool, of which images the model may see the factors; None
      where it may see none.
  """

  image: Array
  factors: Array
  labelled: Array | None = None


class Outputs(NamedTuple):
  """What the model makes of a batch; objectives read nothing else of it.

  Attributes:
    kl: `[b, l]` nats, the divergence of each latent's posterior from its prior,
      given the label where one is known.
    log_likelihood: `[b]` nats, summed over pixels and channels.
    penalties: named `[b]` terms that slots add to the loss beside their
      divergence; mostly there are none.
    posterior: a tuple with one posterior (a NamedTuple of arrays) per slot.
    z: `[b, d]` one sample of the posterior.
  """

  kl: Array
  log_likelihood: Array
  penalties: dict[str, Array]
  posterior: Any
  z: Array


class Terms(NamedTuple):
  """The loss of each example, and the parts it was summed from.

  Attributes:
    loss: `[b]` nats; the step takes the one mean over the global batch.
    reconstruction: `[b]` nats, minus the log-likelihood.
    kl: `[b, l]` nats.
    regularisers: named `[b]` terms as they enter the loss, weights included, so
      that `loss = reconstruction + sum(regularisers)`.
  """

  loss: Array
  reconstruction: Array
  kl: Array
  regularisers: dict[str, Array]


@struct.dataclass
class Hyper:
  """Scalars that may change with the step and differ between ensemble members.

  Attributes:
    learning_rate: of the optimiser.
    beta: weight of the KL in the beta-VAE.
    gamma: weight of |KL - capacity| in the annealed beta-VAE.
    capacity: nats that the annealed beta-VAE lets through.
    noise: scale of the Gaussian and Laplace likelihoods when it is fixed, in
      units of pixel values.
    temperature: T of the energies whose low places are points, a segment, a
      loop or a sphere: the prior is exp(-E / T), normalised. Above 1 it is
      flatter than the config's.
    tilt: multiplies tau of tilted priors; at 0 they are standard normal.
    keep: multiplies k of what keeps the k largest: `ksparse` and `head`.
    alpha: weight of the cross-entropy of labels in `label` and `head`.
  """

  learning_rate: Any
  beta: Any
  gamma: Any
  capacity: Any
  noise: Any
  temperature: Any
  tilt: Any
  keep: Any
  alpha: Any


@struct.dataclass
class TrainState:
  """Everything the next step is computed from.

  Attributes:
    step: int32 scalar, the number of finished steps.
    params: the model's parameters.
    opt_state: the optimiser's state.
    key: the root of all random streams; never split, see `jaxvae.keys`.
  """

  step: Array
  params: Any
  opt_state: Any
  key: Array
