"""The latent table as text, Markdown and JSON.

The columns are those of the beta-VAE replications: latent, mean posterior
variance, KL, active, and the factor with its normalised mutual information.
Rows are `jaxvae.metrics.Latent`s, in the order in which they come.
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

# Not to be taken for the metric `active_units`, which goes by the variance.
ACTIVE = 'active by KL'
HEADER = ('latent', 'variance', 'KL (nats)', ACTIVE, 'factor', 'NMI')
_LEFT = (True, False, False, True, True, False)


def text(rows: Sequence, mig: float | None = None) -> str:
  """Aligned plain text, with the MIG on the last line if it is given."""
  return '\n'.join([*_aligned(rows), '', summary(rows, mig)])


def show(
  rows: Sequence,
  mig: float | None = None,
  console: Console | None = None,
  digits: int = 4,
) -> None:
  """Prints `text`; on a terminal, inactive latents are dim.

  Args:
    rows: the latents.
    mig: for the last line.
    console: to print to.
    digits: at most, of information and MIG.
  """
  console = console or Console(highlight=False)
  header, line, *body = _aligned(rows, digits)
  styles = ['bold', 'dim'] + ['' if row.active else 'dim' for row in rows]
  lines = [
    Text(content, look)
    for content, look in zip([header, line, *body], styles, strict=True)
  ]
  lines += [Text(), Text(summary(rows, mig, digits), 'bold')]
  # In one piece: a notebook spaces what is printed in several.
  console.print(Text('\n').join(lines), soft_wrap=True)


def markdown(rows: Sequence, mig: float | None = None) -> str:
  """A Markdown table, and the summary as a paragraph below it."""
  rules = [':---' if left else '---:' for left in _LEFT]
  lines = [HEADER, rules, *map(_cells, rows)]
  table = ['| ' + ' | '.join(map(_escaped, line)) + ' |' for line in lines]
  return '\n'.join([*table, '', summary(rows, mig)])


def as_json(rows: Sequence, mig: float | None = None) -> dict:
  """What `json.dump` takes: the rows in full, active units and the MIG."""
  return {
    'active_units': sum(row.active for row in rows),
    'mig': mig,
    'latents': [
      {**row._asdict(), 'nmi_per_factor': list(row.nmi_per_factor)}
      for row in rows
    ],
  }


def summary(rows: Sequence, mig: float | None = None, digits: int = 4) -> str:
  """'5 of 10 latents active by KL, MIG 0.31'."""
  active = sum(row.active for row in rows)
  line = f'{active} of {len(rows)} latents active by KL'
  return line if mig is None else f'{line}, MIG {mig:.{min(3, digits)}f}'


def label(row) -> str:
  """Two lines for a row of a traversal sheet: what it tells, what it costs."""
  head = row.name
  if row.active and row.factor is not None:
    head += f'   {row.factor} {row.nmi:.2f}'
  return f'{head}\nKL {_two_decimals(row.kl)}   var {variance(row.variance)}'


def device(devices: Mapping[str, Any]) -> str:
  """'2 CPU cores', '1 x NVIDIA H200'; '1 x cpu' of runs that count no cores."""
  if 'cores' in devices:
    return f'{devices["cores"]} CPU core{"s" * (devices["cores"] != 1)}'
  return f'{devices["count"]} x {devices["kind"]}'


def variance(value: float) -> str:
  """Four decimals, as the replications print it."""
  return f'{value:.4f}' if value >= 0.00005 else '<0.0001'


def span(values: Sequence[float], digits: str) -> str:
  """'0.41 (0.30 to 0.45)': the median, and from the lowest to the highest."""
  if not values:
    return '-'
  middle, low, high = (
    f'{value:{digits}}'
    for value in (statistics.median(values), min(values), max(values))
  )
  return middle if low == high else f'{middle} ({low} to {high})'


def _two_decimals(value: float) -> str:
  # A KL of zero may come as -1e-9, and would print as -0.00.
  return f'{round(value, 2) + 0:.2f}'


def _cells(row, digits: int = 4) -> tuple[str, ...]:
  return (
    row.name,
    variance(row.variance),
    _two_decimals(row.kl),
    'yes' if row.active else 'no',
    '-' if row.factor is None else row.factor,
    '-' if row.nmi is None else f'{row.nmi:.{min(2, digits)}f}',
  )


def _aligned(rows: Sequence, digits: int = 4) -> list[str]:
  lines = [HEADER, *(_cells(row, digits) for row in rows)]
  widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
  lines.insert(1, tuple('-' * width for width in widths))
  aligned = []
  for line in lines:
    cells = [
      cell.ljust(width) if left else cell.rjust(width)
      for cell, width, left in zip(line, widths, _LEFT, strict=True)
    ]
    aligned.append('  '.join(cells).rstrip())
  return aligned


def _escaped(cell: str) -> str:
  return cell.replace('|', '\\|').replace('\n', ' ')
