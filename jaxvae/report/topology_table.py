"""What latent circles are, and slots against their factors, as text.

Rows are those of `jaxvae.topology.discover` and `jaxvae.topology.diagnose`.
"""

from collections.abc import Sequence

METHODS = {
  'nearest': 'all there are',
  'cycle': 'some of many: decoded images against their own reconstructions',
}
_FOUND = (
  ('latent', True), ('slot', True), ('KL', False), ('verdict', True),
  ('seam', False), ('break', False), ('breaks', False), ('occupied', False),
  ('arcs', False), ('factor', True), ('NMI', False), ('winding', False),
  ('corr', False),
)  # fmt: skip
_SCORED = (
  ('latent', True), ('slot', True), ('factor', True), ('told', True),
  ('accuracy', False), ('error (steps)', False), ('error (rad)', False),
  ('corr', False), ('winding', False), ('one way', False), ('circles', False),
)  # fmt: skip


def discovery(rows: Sequence) -> str:
  """Aligned plain text, a line for each latent.

  'seam' is the largest over the median distance from the data around the
  circle, 'break' the largest in units of how far the latent moves images.
  """
  return _aligned(_FOUND, [_found(row) for row in rows])


def discovery_cells(rows: Sequence) -> tuple[list[str], list[list[str]]]:
  """The head of `discovery` and its cells, for results/."""
  return [name for name, _ in _FOUND], [list(_found(row)) for row in rows]


def diagnosis(rows: Sequence) -> str:
  """Aligned plain text, a line for each slot that was scored."""
  cells = []
  for row in rows:
    cells.append(
      (
        row.latent, row.slot, row.factor, 'yes' if row.told else 'no',
        _share(row.accuracy), _number(row.steps), _number(row.radians),
        _number(row.correlation), _number(row.winding, 1),
        _share(row.monotone), _share(row.circles),
      )
    )  # fmt: skip
  return _aligned(_SCORED, cells)


def _found(row) -> tuple[str, ...]:
  seen = row.verdict
  evidence = ('-',) * 5
  if seen is not None:
    evidence = (
      _number(seen.ratio, 1), _number(seen.height), str(seen.breaks),
      _share(seen.share), str(seen.arcs),
    )  # fmt: skip
  return (
    row.latent, row.slot, _number(row.kl), row.says, *evidence,
    row.factor or '-', _number(row.nmi), _number(row.winding, 1),
    _number(row.correlation),
  )  # fmt: skip


def _number(value: float | None, digits: int = 2) -> str:
  # What rounds to zero may come as -1e-9, and would print as -0.00.
  return '-' if value is None else f'{round(value, digits) + 0:.{digits}f}'


def _share(value: float | None) -> str:
  return '-' if value is None else f'{value:.0%}'


def _aligned(columns, rows: Sequence[tuple[str, ...]]) -> str:
  lines = [tuple(name for name, _ in columns), *rows]
  widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
  lines.insert(1, tuple('-' * width for width in widths))
  return '\n'.join(
    '  '.join(
      cell.ljust(width) if left else cell.rjust(width)
      for cell, width, (_, left) in zip(line, widths, columns, strict=True)
    ).rstrip()
    for line in lines
  )
