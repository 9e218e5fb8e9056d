"""Latents drawn as what they are: circles round, segments and points along.

Angles are in radians where they are given and in degrees where they are shown,
0 at the right and counter-clockwise.
"""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.patches import Circle, Wedge

from jaxvae.report import sheet, style

CODES = style.RECONSTRUCTION
PRIOR = style.INK
BREAK = style.KL
_BINS = 72  # of a circle
_WIDE = 4  # panels in a row


def slot_posteriors(
  path,
  names: Sequence[str],
  kinds: Sequence[str],
  codes,
  prior,
  title: str = 'Latents and their priors',
  *,
  active: Sequence[bool] = (),
) -> None:
  """The aggregate posterior of each latent over its prior.

  A loop is a ring: the prior is grey, codes stand outside it. Segments, lines
  and coordinates of a sphere are densities along an axis, points are bars at
  the classes.

  Args:
    path: a .png, .pdf or .svg.
    names: over each panel, `[l]`.
    kinds: the topology of each latent, `[l]`.
    codes: `[n, l]` posterior means, on the chart.
    prior: `[m, l]` draws of the prior, on the chart.
    title: of the figure.
    active: latents that are not grey; all by default.
  """
  codes, prior = np.asarray(codes, float), np.asarray(prior, float)
  count = len(names)
  for given, what in ((codes, 'codes'), (prior, 'prior')):
    if given.ndim != 2 or given.shape[1] != count or not len(given):
      raise ValueError(f'{what} are {list(given.shape)} for {count} latents')
  wide = min(_WIDE, count)
  high = math.ceil(count / wide)
  with style.applied():
    figure = style.figure(max(4.4, 2.7 * wide), 0.6 + 2.5 * high, title)
    panels = figure.subplots(high, wide, squeeze=False).ravel()
    for at, panel in enumerate(panels):
      if at >= count:
        panel.set_axis_off()
        continue
      colour = CODES if not active or active[at] else style.DEAD
      panel.set_title(names[at])
      drawn = {'loop': _ring, 'points': _bars}.get(kinds[at], _density)
      drawn(panel, codes[:, at], prior[:, at], colour)
    style.save_figure(path, figure)


def discovery(path, rows: Sequence, title: str) -> None:
  """A row for each latent: where its codes are, and the seam test.

  The curve is how far decoded images are from the data, over how far the latent
  moves images; above the dashed line is a break, and its place is red.

  Args:
    path: a .png, .pdf or .svg.
    rows: of `jaxvae.topology.discover`.
    title: of the figure.
  """
  with style.applied():
    figure = style.figure(10, 0.7 + 2.7 * len(rows), title)
    grid = figure.add_gridspec(len(rows), 2, width_ratios=(1, 3.4))
    for at, row in enumerate(rows):
      panel = figure.add_subplot(grid[at, 0])
      panel.set_title(f'{row.latent}: {row.says}')
      alive = row.says != 'unused'
      colour = CODES if alive else style.DEAD
      if row.verdict is None:
        _density(panel, row.codes, None, colour)
        panel.set_box_aspect(0.8)
        continue
      _ring(panel, row.codes, None, colour, row.verdict.places)
      inner = grid[at, 1].subgridspec(2, 1, height_ratios=(2.1, 1), hspace=0)
      curve = figure.add_subplot(inner[0])
      _seam(curve, row, colour)
      _strip(figure.add_subplot(inner[1]), row.strip)
    style.save_figure(path, figure)


def _seam(panel, row, colour) -> None:
  seen = row.verdict
  off = np.append(row.off, row.off[0]) / max(seen.reach, 1e-12)
  degrees = np.linspace(0, 360, len(off))
  panel.fill_between(degrees, off, color=colour, alpha=0.12, linewidth=0)
  panel.plot(degrees, off, color=colour)
  for place in row.verdict.places:
    panel.axvline(math.degrees(place), color=BREAK, linewidth=1.2, zorder=1)
  panel.axhline(seen.level, color=style.TARGET, linewidth=1, linestyle='--')
  panel.set_xlim(0, 360)
  # What is further away than any two images need not be seen to its end.
  top = min(off.max(), max(1.2, 2 * seen.level))
  panel.set_ylim(0, 1.08 * max(top, 1.1 * seen.level))
  panel.set_xticks([])
  panel.set_ylabel('off the data')
  words = f'seam {seen.ratio:.1f}   break {seen.height:.2f}'
  words += f'   occupied {seen.share:.0%}   KL {seen.kl:.2f}'
  if row.winding is not None:
    words += f'   winding {round(row.winding) + 0:d} along {row.factor}'
  panel.set_title(words, weight='normal', size=9, color=style.MUTED)


def _strip(panel, strip) -> None:
  """Images side by side, each over the angle that it was decoded at."""
  images = sheet.to_rgb(strip, 'strip', 'n h w c')
  count, high, wide = images.shape[:3]
  step = 360 / count
  half = 0.47 * step
  for at, image in enumerate(images):
    # The image at 0 is cut by the edge of the axes, and shown at 360 as well.
    for middle in (at * step, 360.0) if at == 0 else (at * step,):
      panel.imshow(
        image,
        extent=(middle - half, middle + half, 0, 2 * half * high / wide),
        interpolation='nearest',
        clip_on=False,
      )
  panel.set_xlim(0, 360)
  panel.set_ylim(0, 2 * half * high / wide)
  panel.set_aspect('equal', anchor='N')
  panel.set_xticks(range(0, 361, 60), [f'{d}°' for d in range(0, 361, 60)])
  panel.set_yticks([])
  panel.grid(False)
  panel.spines[:].set_visible(False)
  panel.tick_params(length=0)


def _ring(panel, codes, prior, colour, places=()) -> None:
  """Codes outside a circle, the prior as a ring of bars inside it."""
  edges = np.linspace(-180, 180, _BINS + 1)
  counts = np.histogram(np.degrees(_wrapped(codes)), edges)[0]
  top = max(counts.max(), 1)
  panel.add_patch(
    Circle((0, 0), 1, fill=False, edgecolor=style.HAIRLINE, linewidth=1)
  )
  for low, high, count in zip(edges, edges[1:], counts, strict=False):
    if count:
      # The square root, so that an arc is not hidden by a heap.
      length = 0.75 * math.sqrt(count / top)
      wedge = Wedge((0, 0), 1.02 + length, low, high, width=length)
      wedge.set(facecolor=colour, linewidth=0)
      panel.add_patch(wedge)
  if prior is not None:
    counts = np.histogram(np.degrees(_wrapped(prior)), edges[::3])[0]
    for low, high, count in zip(edges[::3], edges[3::3], counts, strict=False):
      length = 0.22 * count / max(counts.max(), 1)
      wedge = Wedge((0, 0), 0.97, low, high, width=length)
      wedge.set(facecolor=style.HAIRLINE, linewidth=0)
      panel.add_patch(wedge)
  for place in places:
    x, y = math.cos(place), math.sin(place)
    panel.plot([0.75 * x, 1.3 * x], [0.75 * y, 1.3 * y], color=BREAK, lw=2)
  for degrees in (0, 90, 180, 270):
    angle = math.radians(degrees)
    panel.text(
      0.55 * math.cos(angle), 0.55 * math.sin(angle), f'{degrees}°',
      ha='center', va='center', size=7.5, color=style.MUTED,
    )  # fmt: skip
  panel.set_xlim(-1.85, 1.85)
  panel.set_ylim(-1.85, 1.85)
  panel.set_aspect('equal')
  panel.set_axis_off()


def _density(panel, codes, prior, colour) -> None:
  both = codes if prior is None else np.concatenate([codes, prior])
  low, high = np.quantile(both, [0.001, 0.999])
  pad = 0.06 * max(high - low, 1e-3)
  edges = np.linspace(low - pad, high + pad, 37)
  _histogram(panel, codes, edges, colour)
  if prior is not None:
    heights = np.histogram(prior, edges, density=True)[0]
    panel.stairs(heights, edges, color=PRIOR, linewidth=1.1)
  panel.set_xlim(edges[0], edges[-1])
  panel.set_yticks([])
  panel.grid(False)
  panel.spines['left'].set_visible(False)


def _histogram(panel, codes, edges, colour) -> None:
  heights = np.histogram(codes, edges, density=True)[0]
  panel.stairs(heights, edges, fill=True, color=colour, alpha=0.75)


def _bars(panel, codes, prior, colour) -> None:
  """Share of the codes at each class, and the prior's shares or its peaks."""
  last = max(1, round(max(codes.max(), np.quantile(prior, 0.99))))
  nearest = np.clip(np.rint(codes), 0, last).astype(int)
  shares = np.bincount(nearest, minlength=last + 1) / len(nearest)
  panel.bar(range(last + 1), shares, width=0.62, color=colour, alpha=0.75)
  if (prior == np.rint(prior)).all():  # classes themselves: a bar as well
    at = np.arange(last + 1)
    shares = np.mean(prior[:, None] == at, axis=0)
    panel.bar(at, shares, width=0.62, fill=False, edgecolor=PRIOR)
  else:
    edges = np.linspace(-0.5, last + 0.5, 20 * (last + 1) + 1)
    heights = np.histogram(prior, edges)[0].astype(float)
    # Peaks as high as the bar of a class that has its share.
    heights *= 1 / (last + 1) / max(heights.max(), 1)
    panel.stairs(heights, edges, color=PRIOR, linewidth=1.1)
  panel.set_xlim(-0.6, last + 0.6)
  panel.set_xticks(range(last + 1) if last < 12 else range(0, last + 1, 5))
  panel.set_yticks([])
  panel.grid(False)
  panel.spines['left'].set_visible(False)


def _wrapped(angles):
  return np.mod(np.asarray(angles) + math.pi, 2 * math.pi) - math.pi
