"""The contract of a slot: one piece of a latent space, as pure functions.

A slot owns the mathematics of one small topology. It has `latents` columns: the
one-dimensional coordinates that people plot, traverse and score. A Gaussian of
ten dimensions is one slot of ten independent columns; a circle, whose sample is
two numbers, is one slot of one column. All divergences are in nats.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from jax import Array

# What a column can be. On a line a coordinate is any number; of a sphere the
# columns are its ambient coordinates, which have no meaning one by one.
TOPOLOGIES = ('line', 'sphere', 'points', 'segment', 'loop')


class Slot(NamedTuple):
  """Letters: `...` batch axes, `p` encoder numbers, `d` sample, `l` columns.

  `prior` below is what the prior has learned, and None in most slots, whose
  prior is given: the arrays that `learned` began with, or the posteriors of the
  pseudo-inputs. `z` is a sample of the posterior; slots whose divergence is
  exact do not read it.

  Attributes:
    name: as written in the config, e.g. 'gaussian(10)'.
    topology: of its columns, one of `TOPOLOGIES`.
    params_dim: p, how many numbers the encoder must give.
    sample_dim: d, how many numbers a sample has.
    code_dim: how many numbers the decoder reads.
    latents: l, how many columns.
    posterior: `[..., p]` -> Posterior, a NamedTuple of arrays. That of a slot
      with a penalty takes prior=None too: the values that it rounds to.
    sample: (key, Posterior) -> z `[..., d]`, reparameterised.
    mean: Posterior -> z `[..., d]`, the point that stands for the posterior in
      metrics, reconstructions and traversals.
    variance: Posterior -> `[..., l]`, in the unit of the chart, squared.
    kl: (Posterior, Hyper, z=None, prior=None) -> `[..., l]` nats; says in its
      docstring if it is exact.
    log_prob: (z, Hyper, prior=None) -> `[...]` nats under the prior.
    sample_prior: (key, shape, Hyper, prior=None) -> z `[*shape, d]`.
    code: z -> `[..., code_dim]`, what the decoder reads.
    chart: z -> `[..., l]`: a value, an angle from -pi to pi, or a class, where
      point j of k is at j.
    move: (z, column, value `[...]`) -> z with that column's chart coordinate
      replaced; traversals are made of it.
    span: (low, high) of a traversal, in the unit of the chart; of a loop one
      turn, of points the first and the last.
    divergence: (Posterior, other Posterior) -> `[..., l]` nats, KL(q || other)
      of each column, exact or close; which factors a pair shares is read off.
    average: (Posterior, other Posterior, shared `[..., l]` bool) -> the first
      with the shared columns replaced by what lies between the two, on the
      chart: of two angles the middle of the shorter arc.
    label_kl: (Posterior, label `[...]`, Hyper, prior=None) -> `[..., l]` nats,
      KL(q || p(z | label)). A label is a class where there are `classes`; it is
      in the unit of the chart for loops, and runs from -1 to 1, end to end,
      otherwise. It is a number, never NaN. None: the slot cannot be told one.
    learned: key -> the arrays that the prior learns, at their start.
    pseudo_inputs: how many images the prior learns, whose posteriors it is
      made of; 0 for none [Tomczak and Welling 2018].
    penalty: (encoder numbers `[..., p]`, prior=None) -> `[...]`, added to the
      loss unweighted; for quantisation. None: there is none.
    classes: of slots whose labels are classes, how many: label j says that it
      is class j, from 0. 0 where a label is a coordinate.
    draw_told: (key, label `[...]`, Hyper, prior=None) -> z, a draw from
      p(z | label). None: the slot draws from p(z), whatever the label.
    classifier: the numbers are scores of classes, and come from the classifier
      in place of the encoder; where a label is known its cross-entropy is added
      to the loss.
    given: z -> `[..., g]`, what the encoder is given beside the image, which
      makes the slot a label: its sample is a class and nothing is learned
      through it. None: nothing.
    given_dim: g.
    film: the decoder is given that too, as the scale and shift of a layer
      [Perez et al. 2018, "FiLM"], where other slots have `code`.
    added: `code` is added to that of the other slots, not put beside it.
    training_code: (z, Hyper) -> `[..., code_dim]`, in place of `code` while the
      model is trained. None: the same.
    tells: z `[n, d]` of images -> `[l]` nats that the latent tells of them, of
      slots whose samples are no random numbers: their `kl` is 0.
  """

  name: str
  topology: str
  params_dim: int
  sample_dim: int
  code_dim: int
  latents: int
  posterior: Callable[[Array], Any]
  sample: Callable[[Array, Any], Array]
  mean: Callable[[Any], Array]
  variance: Callable[[Any], Array]
  kl: Callable[..., Array]
  log_prob: Callable[..., Array]
  sample_prior: Callable[..., Array]
  code: Callable[[Array], Array]
  chart: Callable[[Array], Array]
  move: Callable[[Array, int, Array], Array]
  span: tuple[float, float]
  divergence: Callable[[Any, Any], Array]
  average: Callable[[Any, Any, Array], Any]
  label_kl: Callable[..., Array] | None = None
  learned: Callable[[Array], Any] | None = None
  pseudo_inputs: int = 0
  penalty: Callable[..., Array] | None = None
  classes: int = 0
  draw_told: Callable[..., Array] | None = None
  classifier: bool = False
  given: Callable[[Array], Array] | None = None
  given_dim: int = 0
  film: bool = False
  added: bool = False
  training_code: Callable[..., Array] | None = None
  tells: Callable[[Array], Array] | None = None
