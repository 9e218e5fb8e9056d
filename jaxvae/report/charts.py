"""Charts: training curves, and what each latent tells of each factor.

Nothing here touches pyplot or the user's matplotlib settings.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import ticker
from matplotlib.patches import Rectangle

from jaxvae.report import style

TOLD = 0.05  # of a factor's entropy


def training_curves(
  path,
  history: Sequence[Mapping],
  title: str = 'Training',
  latent_names: Sequence[str] = (),
  active_threshold: float = 0.1,
) -> None:
  """Loss, reconstruction, KL with its target, and the KL of each latent.

  Args:
    path: a .png, .pdf or .svg.
    history: records with `step` and any of `loss`, `reconstruction`, `kl`
      (numbers, or lists with one for each latent, whose sum is drawn) and
      `capacity`, all in nats per image. Other keys and records without a
      step are passed over; null and what is not finite are gaps.
    title: of the figure.
    latent_names: z0, z1, ... by default.
    active_threshold: nats; latents that end below it are grey.
  """
  records = [record for record in history if 'step' in record]
  if not records:
    raise ValueError('the history has no record with a step: nothing to draw')
  with style.applied():
    figure = style.figure(10, 6.2, title)
    panels = figure.subplots(2, 2, sharex=True)
    loss, reconstruction, total, latents = panels.flat
    _curve(loss, records, 'loss', 'Loss', style.LOSS)
    _curve(
      reconstruction, records, 'reconstruction', 'Reconstruction',
      style.RECONSTRUCTION,
    )  # fmt: skip
    _kl_and_target(total, records)
    _kl_of_latents(latents, records, latent_names, active_threshold)
    for panel in panels.flat:
      panel.margins(x=0.01)
      panel.set_ylabel('nats per image')
      panel.xaxis.set_major_formatter(_thousands)
      panel.xaxis.set_major_locator(ticker.MaxNLocator(6, integer=True))
    for panel in panels[1]:
      panel.set_xlabel('training step')
    style.save_figure(path, figure)


def nmi_heatmap(
  path,
  nmi,
  latent_names: Sequence[str],
  factor_names: Sequence[str],
  title: str = 'What each latent tells of each factor',
) -> None:
  """Normalised mutual information [d, f]; each factor's best is framed.

  A factor of which no latent tells 0.05 has no frame: latents that know nothing
  reach 0.03 on ten thousand points by chance.
  """
  _heatmap(
    path,
    nmi,
    latent_names,
    factor_names,
    title,
    'I(latent; factor) / H(factor)',
  )


def importance_heatmap(
  path,
  importance,
  latent_names: Sequence[str],
  factor_names: Sequence[str],
  title: str = 'How much each latent matters to each factor',
) -> None:
  """Importances [d, f] of DCI, a factor's in all 1; its largest is framed."""
  importance = np.asarray(importance, np.float64)
  whole = importance.sum(axis=0, keepdims=True)
  share = np.divide(
    importance, whole, out=np.zeros_like(importance), where=whole > 0
  )
  _heatmap(
    path, share, latent_names, factor_names, title, 'share of importance'
  )


def _heatmap(path, values, latent_names, factor_names, title, label) -> None:
  values = np.asarray(values, np.float64)
  if values.ndim != 2 or 0 in values.shape or not np.isfinite(values).all():
    raise ValueError(
      'a heat map is of finite [latents, factors]; '
      f'the shape is {list(values.shape)}'
    )
  if values.shape != (len(latent_names), len(factor_names)):
    raise ValueError(
      f'the values are {list(values.shape)} but there are {len(latent_names)} '
      f'latent names and {len(factor_names)} factor names'
    )
  with style.applied():
    latents, factors = values.shape
    wide = max(5.2, 2.4 + 0.95 * factors)
    figure = style.figure(wide, 1.5 + 0.42 * latents, title)
    inset = 0.04 * factors / (wide - 1.6)
    panel = figure.subplots()
    shown = panel.imshow(
      values, cmap=style.SEQUENTIAL, vmin=0, vmax=1, aspect='auto'
    )
    panel.set_xticks(range(factors), factor_names)
    panel.set_yticks(range(latents), latent_names)
    panel.tick_params(length=0, labelcolor=style.INK)
    panel.spines[:].set_visible(False)
    panel.grid(False)
    panel.set_xticks(np.arange(1, factors) - 0.5, minor=True)
    panel.set_yticks(np.arange(1, latents) - 0.5, minor=True)
    panel.grid(which='minor', color=style.PAPER, linewidth=2)
    panel.tick_params(which='minor', length=0)
    for (latent, factor), value in np.ndenumerate(values):
      best = latent == values[:, factor].argmax() and value >= TOLD
      panel.text(
        factor, latent, f'{value:.2f}', ha='center', va='center', size=9,
        weight='bold' if best else 'normal',
        color=style.PAPER if value > 0.55 else style.INK,
      )  # fmt: skip
      if best:
        panel.add_patch(
          Rectangle(
            (factor - 0.5 + inset, latent - 0.4), 1 - 2 * inset, 0.8,
            fill=False, edgecolor=style.BEST, linewidth=1.8,
          )
        )  # fmt: skip
    bar = figure.colorbar(shown, ax=panel, pad=0.02, aspect=30)
    bar.outline.set_visible(False)
    bar.set_label(label)
    style.save_figure(path, figure)


def _series(records, key) -> tuple[np.ndarray, np.ndarray]:
  """Steps, and values [t] or [t, latents], of the records with the key."""
  found = [record for record in records if key in record]
  steps = np.array([record['step'] for record in found], np.float64)
  # As float64, the null that JSON has for NaN is NaN again.
  return steps, np.array([record[key] for record in found], np.float64)


def _marker(steps) -> str:
  """Few records are points; many are a line."""
  return 'o' if len(steps) < 10 else ''


def _curve(panel, records, key, title, colour) -> None:
  steps, values = _series(records, key)
  panel.set_title(title)
  panel.plot(steps, values, color=colour, marker=_marker(steps))
  finite = values[np.isfinite(values)]
  # The first steps dwarf the rest, so that only a log scale shows both.
  if finite.size and finite.min() > 0 and finite.max() > 5 * finite.min():
    panel.set_yscale('log')
    panel.yaxis.set_major_locator(ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
    panel.yaxis.set_major_formatter(_plain)
    panel.yaxis.set_minor_formatter(ticker.NullFormatter())
    panel.set_title(f'{title}, log scale')


def _kl_and_target(panel, records) -> None:
  panel.set_title('KL')
  steps, total = _series(records, 'kl')
  total = total.sum(axis=1) if total.ndim == 2 else total
  panel.plot(steps, total, color=style.KL, label='KL', marker=_marker(steps))
  steps, capacity = _series(records, 'capacity')
  if np.nan_to_num(capacity).any():
    panel.plot(
      steps, capacity, color=style.TARGET, linestyle='--', label='capacity'
    )
    panel.legend(loc='lower right')
    panel.set_title('KL and its target')
  panel.set_ylim(bottom=0)


def _kl_of_latents(panel, records, names, threshold) -> None:
  panel.set_title('KL of each latent')
  steps, values = _series(records, 'kl')
  if values.ndim < 2:
    panel.text(
      0.5, 0.5, 'not recorded', ha='center', va='center',
      transform=panel.transAxes, color=style.MUTED,
    )  # fmt: skip
    panel.set_axis_off()
    return
  names = names or [f'z{index}' for index in range(values.shape[1])]
  finite = np.isfinite(values).all(axis=1)
  last = values[finite][-1] if finite.any() else np.zeros(values.shape[1])
  order = np.argsort(-last, kind='stable')
  labels = []
  for rank, index in enumerate(order):
    alive = last[index] > threshold
    colour = style.LATENTS[rank % len(style.LATENTS)] if alive else style.DEAD
    dash = (rank // len(style.LATENTS)) % len(style.LATENT_DASHES)
    panel.plot(
      steps, values[:, index], color=colour, marker=_marker(steps),
      linestyle=style.LATENT_DASHES[dash] if alive else '-',
      linewidth=1.6 if alive else 0.9, zorder=2.5 if alive else 2,
    )  # fmt: skip
    if alive:
      labels.append((last[index], names[index], colour))
  panel.set_ylim(bottom=0)
  top = panel.get_ylim()[1]
  dead = len(order) - len(labels)
  if dead:
    labels.append((0.0, f'{dead} inactive', style.MUTED))
  room = min(0.065, 1 / max(1, len(labels)))
  heights = spread([height / top for height, _, _ in labels], room)
  for height, (_, name, colour) in zip(heights, labels, strict=True):
    panel.text(
      1.01, height, name, color=colour, transform=panel.transAxes,
      va='center', size=min(9, 140 * room), weight='bold',
    )  # fmt: skip


def spread(heights: Sequence[float], distance: float) -> list[float]:
  """Moves descending label heights apart, within 0 and 1, to `distance`."""
  lifted, floor = [], 0.0
  for height in reversed(heights):
    lifted.append(max(height, floor))
    floor = lifted[-1] + distance
  placed, ceiling = [], 1.0
  for height in reversed(lifted):
    placed.append(min(height, ceiling))
    ceiling = placed[-1] - distance
  return placed


def _thousands(value: float, _) -> str:
  if value and value % 1000 == 0:
    return f'{value / 1000:,.0f}k'
  return f'{value:,.0f}'


def _plain(value: float, _) -> str:
  return f'{value:,g}'
