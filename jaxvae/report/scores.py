"""The figure of a study: what each setting scores, seed by seed."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from jaxvae.report import study_table, style

MANY = 8  # seeds from which a violin says more than a box
METRICS = ('one_way', 'elbo', 'reconstruction', 'kl', 'mig')


class _Look(NamedTuple):
  title: str
  unit: str
  colour: str


_LOOKS = {
  'one_way': _Look('One way round ↑', 'share of the steps', style.SCORE),
  'elbo': _Look('ELBO ↑', 'nats per image', style.LOSS),
  'reconstruction': _Look(
    'Reconstruction ↓', 'nats per image', style.RECONSTRUCTION
  ),
  'kl': _Look('KL', 'nats per image', style.KL),
  'mig': _Look('MIG ↑', 'mutual information gap', style.SCORE),
  'udr': _Look('UDR ↑', 'agreement of the seeds', style.SCORE),
}


def study_scores(
  path,
  result: Mapping[str, Any],
  metrics: Sequence[str] = METRICS,
  title: str = '',
) -> None:
  """A panel for each metric: a point for each seed over each setting.

  The box is from the first to the third quartile, with the median; from eight
  seeds on a violin stands around it. A seed is at the same place of its
  setting in all panels. Crosses at the foot are runs that failed or have not
  ended. An arrow points to where better is.

  Args:
    path: a .png, .pdf or .svg.
    result: results/NAME.json of kind 'study'.
    metrics: keys as `study_table.measures` has them; those that no completed
      run has are passed over, and MIG where there are no factors to tell
      apart.
    title: of the figure; the name of the study by default.

  Raises:
    ValueError: no completed run has any of the metrics.
  """
  rows = _sorted(study_table.settings(result))
  scores = {
    entry['index']: study_table.measures(entry)
    for entry in study_table.completed(result['entries'])
  }
  metrics = [
    key
    for key in metrics
    if any(key in score for score in scores.values())
    and (key != 'mig' or study_table.graded(result))
  ]
  if not metrics:
    raise ValueError('no completed run of the study has these metrics')
  labels = _labels(rows)
  longest = max(map(len, labels))
  wide = max(2.9, 0.9 + 0.3 * len(rows))
  # A letter is about 0.085 inches wide, and the axis takes 0.9 of a panel.
  steep = 0.085 * (longest + 1) * len(rows) > wide - 0.9
  across = len(metrics) if wide * len(metrics) <= 16 else 2
  down = -(-len(metrics) // across)
  high = 3.0 + 0.055 * steep * longest
  with style.applied():
    figure = style.figure(
      across * wide, down * high + 0.8, title or f'{result["name"]}: scores'
    )
    panels = figure.subplots(down, across, squeeze=False).flat
    for panel, key in zip(panels, metrics, strict=False):
      _panel(panel, key, rows, scores)
      panel.set_xticks(
        range(len(rows)), labels, rotation=40 * steep,
        ha='right' if steep else 'center', rotation_mode='anchor',
      )  # fmt: skip
      panel.set_xlabel(_axis(rows))
    for panel in panels[len(metrics) :]:
      panel.set_axis_off()
    _legend(figure, len(result['entries']) - len(scores))
    style.save_figure(path, figure)


def _panel(panel, key, rows, scores) -> None:
  look = _LOOKS.get(key) or _Look(key, '', style.INK)
  panel.set_title(look.title)
  panel.set_ylabel(look.unit)
  panel.grid(False, axis='x')
  side = 0.6 + 0.4 * max(0, 3 - len(rows))
  panel.set_xlim(-side, len(rows) - 1 + side)
  panel.margins(y=0.1)
  foot = []
  for at, row in enumerate(rows):
    places = _places(at, len(row.entries))
    points = []
    for place, entry in zip(places, row.entries, strict=True):
      if entry['index'] not in scores:
        foot.append(place)
      elif key in scores[entry['index']]:
        points.append((place, scores[entry['index']][key]))
    if points:
      x, y = zip(*points, strict=True)
      _spread(panel, at, y, look.colour)
      panel.scatter(
        x, y, s=17, color=look.colour, edgecolors=style.PAPER, linewidths=0.6,
        zorder=3,
      )  # fmt: skip
  if foot:
    # Room below the lowest point, so that no cross is taken for a value.
    low, high = panel.get_ylim()
    panel.set_ylim(low - 0.1 * (high - low), high)
    panel.plot(
      foot, [0.045] * len(foot), 'x', color=style.MUTED, markersize=5,
      markeredgewidth=1.3, transform=panel.get_xaxis_transform(),
    )  # fmt: skip


def _spread(panel, at: int, values: Sequence[float], colour: str) -> None:
  """The box, with its median, of two or more seeds; the violin of many."""
  if len(values) < 2:
    return
  box = 0.6
  # The density of seeds that all agree is not defined.
  if len(values) >= MANY and min(values) < max(values):
    shape = panel.violinplot(
      values, [at], widths=0.85, showextrema=False
    )  # fmt: skip
    for body in shape['bodies']:
      body.set(facecolor=colour, alpha=0.16, edgecolor='none')
    box = 0.22
  panel.boxplot(
    values, positions=[at], widths=box, manage_ticks=False, patch_artist=True,
    showfliers=False, showcaps=False, whis=(0, 100),
    boxprops={'facecolor': colour + '2b', 'edgecolor': 'none'},
    whiskerprops={'color': colour, 'linewidth': 0.8, 'alpha': 0.5},
    medianprops={'color': colour, 'linewidth': 1.8},
  )  # fmt: skip


def _places(at: int, count: int) -> np.ndarray:
  """Where the seeds of a setting stand: side by side, in their order."""
  half = 0.2 if count > 1 else 0.0
  return np.linspace(at - half, at + half, count)


def _sorted(rows):
  """By number where values are numbers, else in order of appearance."""
  keys = list(rows[0].values)
  ranks = []
  for key in keys:
    values = list(dict.fromkeys(row.values[key] for row in rows))
    if all(isinstance(value, int | float) for value in values):
      values.sort()
    ranks.append({value: rank for rank, value in enumerate(values)})
  return sorted(
    rows,
    key=lambda row: [
      rank[row.values[key]] for key, rank in zip(keys, ranks, strict=True)
    ],
  )


def _labels(rows) -> list[str]:
  if len(rows[0].values) == 1 and not rows[0].name:
    return [study_table.shown(*row.values.values()) for row in rows]
  return [
    row.name or study_table.label(row.values) or 'all seeds' for row in rows
  ]


def _axis(rows) -> str:
  names = study_table.short_names(rows[0].values).values()
  return next(iter(names)) if len(names) == 1 else ''


def _legend(figure, failed: int) -> None:
  handles = [
    Line2D(
      [], [], color=style.MUTED, marker='o', markersize=4, linestyle='',
      label='a seed',
    ),
    Patch(
      facecolor=style.MUTED + '2b', edgecolor='none', label='quartiles'
    ),
    Line2D([], [], color=style.MUTED, linewidth=1.8, label='median'),
  ]  # fmt: skip
  if failed:
    handles.append(
      Line2D(
        [], [], color=style.MUTED, marker='x', markersize=5,
        markeredgewidth=1.3, linestyle='',
        label=f'failed or not ended: {failed}',
      )
    )  # fmt: skip
  figure.legend(
    handles=handles, loc='outside lower left', ncols=len(handles), fontsize=9,
    labelcolor=style.MUTED, handlelength=1.2, columnspacing=1.4,
  )  # fmt: skip
