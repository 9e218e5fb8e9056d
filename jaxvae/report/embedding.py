"""Two-dimensional latent spaces: codes by class, and what is decoded there."""

from collections.abc import Sequence

import numpy as np
from matplotlib.patheffects import withStroke

from jaxvae.report import sheet, style

# Paul Tol's 'muted' scheme, told apart by all forms of colour blindness, and a
# tenth; the number at the middle of a class says which it is.
CLASSES = (
  *('#332288', '#88ccee', '#44aa99', '#117733', '#999933'),
  *('#ddcc77', '#cc6677', '#882255', '#aa4499', '#661100'),
)
_WIDE = 5  # panels in a row


def codes(
  path,
  panels: Sequence[tuple[str, np.ndarray]],
  classes,
  title: str,
  names: tuple[str, str] = ('', ''),
  called: Sequence[str] = (),
) -> None:
  """A panel for each model: a point for each image, coloured by its class.

  Args:
    path: a .png, .pdf or .svg.
    panels: (what is over it, `[n, 2]` places).
    classes: `[n]` numbers from 0; from the eleventh on the colours repeat.
    title: of the figure.
    names: of the two axes; where there are none, distances alone mean something
      and no ticks are drawn.
    called: what each class is called, in a legend; without, its number stands
      in the middle of its points.
  """
  classes = np.asarray(classes)
  wide = min(_WIDE, len(panels))
  high = -(-len(panels) // wide)
  size = 3.1 if len(panels) > 1 else 5.2
  with style.applied():
    figure = style.figure(size * wide, 0.5 + size * high, title)
    axes = figure.subplots(high, wide, squeeze=False).ravel()
    for panel, (said, places) in zip(axes, panels, strict=False):
      _points(panel, np.asarray(places), classes, called)
      panel.set_title(said)
      panel.set_xlabel(names[0])
      panel.set_ylabel(names[1])
      if not any(names):
        panel.set_xticks([])
        panel.set_yticks([])
    for panel in axes[len(panels) :]:
      panel.set_axis_off()
    style.save_figure(path, figure)


def manifold(
  path, images, quantiles, title: str, names: tuple[str, str] = ('z0', 'z1')
) -> None:
  """What is decoded at a grid of the two latents, in one piece.

  Args:
    path: a .png, .pdf or .svg.
    images: `[rows, columns, h, w, c]`, the first row at the top, where the
      second latent is largest.
    quantiles: `[columns]` of the standard normal prior, where the columns are,
      from the left, and the rows, from below.
    title: of the figure.
    names: of the latents: along the columns, along the rows.
  """
  images = sheet.to_rgb(images, 'images', 'rows columns h w c')
  rows, columns, height, width, _ = images.shape
  whole = images.transpose(0, 2, 1, 3, 4).reshape(
    rows * height, columns * width, 3
  )
  shown = np.linspace(0, columns - 1, 5).round().astype(int)
  texts = [f'{quantiles[at]:.0%}' for at in shown]
  with style.applied():
    figure = style.figure(6.6, 7.0, title)
    panel = figure.subplots()
    panel.grid(visible=False)
    panel.imshow(whole, interpolation='lanczos')
    panel.set_xticks((shown + 0.5) * width, texts)
    panel.set_yticks((rows - shown - 0.5) * height, texts)
    panel.set_xlabel(f'{names[0]}, quantile of the prior')
    panel.set_ylabel(f'{names[1]}, quantile of the prior')
    style.save_figure(path, figure)


def _points(panel, places, classes: np.ndarray, called) -> None:
  colours = [CLASSES[label % len(CLASSES)] for label in classes]
  panel.scatter(*places.T, s=4, c=colours, alpha=0.6, linewidths=0)
  panel.grid(visible=False)
  if called:
    # Names would cover each other, and the points.
    for label in np.unique(classes):
      colour = CLASSES[label % len(CLASSES)]
      panel.plot([], [], 'o', ms=5, color=colour, label=called[label])
    panel.legend(loc='center left', bbox_to_anchor=(1.0, 0.5))
    return
  for label in np.unique(classes):
    middle = np.median(places[classes == label], axis=0)
    panel.text(
      *middle,
      called[label] if called else str(label),
      ha='center',
      va='center',
      weight='bold',
      size=11,
      color=style.INK,
      path_effects=[withStroke(linewidth=3, foreground=style.PAPER)],
    )
