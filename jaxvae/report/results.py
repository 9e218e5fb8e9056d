"""Numbers for people, written from results/*.json and from nowhere else.

  python -m jaxvae.report.results                  writes the documents
  python -m jaxvae.report.results --check          fails if one is stale
  python -m jaxvae.report.results --collect NAME RUN...
                                                   results/configs/NAME.json

A document holds `<!-- results:NAME -->` and `<!-- /results -->` on lines of
their own, and what stands between them is replaced. The docstring of a config
or of a study holds a paragraph that begins with `Measured:`, which is replaced
likewise. docs/figures/NAME_scores.png is drawn where a document refers to it.
"""

import argparse
import json
import pathlib
import re
import sys
from collections.abc import Sequence
from typing import Any

from jaxvae.errors import UserError, exit_code
from jaxvae.report import runs_table, scores, study_table

DOCUMENTS = (
  'README.md',
  'docs/results.md',
  'docs/ensembles.md',
  'docs/metrics.md',
  'docs/conditional.md',
)
_KINDS = {'runs': runs_table, 'study': study_table}
_BLOCK = re.compile(
  r'(<!-- results:([\w./-]+) -->\n).*?(<!-- /results -->)', re.S
)
_MEASURED = re.compile(r'^Measured:.*?(?=\n\n|\n?""")', re.S | re.M)


def markdown(result: dict[str, Any]) -> str:
  """The tables of one results file, as Markdown."""
  if result['kind'] == 'bench':
    table = runs_table.markdown_table(result['header'], result['rows'])
    return f'{table}\n\n{result["note"]}'
  return _KINDS[result['kind']].markdown(result)


def sentence(result: dict[str, Any]) -> str:
  """The `Measured:` paragraph of a config or of a study."""
  return _KINDS[result['kind']].sentence(result)


def rendered(root: pathlib.Path) -> dict[pathlib.Path, str]:
  """Every document, config and study of `root`, as it should read.

  Raises:
    UserError: a document asks for results that are not there.
  """
  results = _load(root)

  def block(match):
    name = match[2]
    if name not in results:
      raise UserError(f'there is no results/{name}.json')
    return f'{match[1]}\n{markdown(results[name])}\n\n{match[3]}'

  texts = {}
  for name in _documents(root):
    path = root / name
    texts[path] = _BLOCK.sub(block, path.read_text())
  for folder, prefix, kind in (
    ('configs', 'configs/', 'runs'),
    ('studies', '', 'study'),
  ):
    for path in sorted((root / folder).glob('*.py')):
      result = results.get(f'{prefix}{path.stem}')
      if result and result['kind'] == kind:
        text = sentence(result)
        texts[path] = _MEASURED.sub(lambda _, t=text: t, path.read_text())
  return texts


def write(root: pathlib.Path) -> list[pathlib.Path]:
  """Writes what `rendered` says; returns the files that changed.

  Raises:
    UserError: a document asks for results that are not there.
  """
  stale = _stale(root)
  for path, text in stale.items():
    path.write_text(text)
  return list(stale)


def figures(root: pathlib.Path, only: str = '') -> list[pathlib.Path]:
  """Draws the scores of each study that a document of `root` shows.

  Args:
    root: of the checkout.
    only: the name of a study; empty for all.

  Returns:
    The figures, docs/figures/NAME_scores.png.
  """
  told = ''.join((root / name).read_text() for name in _documents(root))
  drawn = []
  for name, result in _load(root).items():
    path = root / 'docs' / 'figures' / f'{name}_scores.png'
    wanted = result['kind'] == 'study' and only in ('', name)
    wanted = wanted and f'figures/{path.name}' in told
    # Of a study that has only failures there is nothing to see yet.
    if wanted and study_table.completed(result['entries']):
      scores.study_scores(path, result)
      drawn.append(path)
  return drawn


def _documents(root: pathlib.Path) -> list[str]:
  return [name for name in DOCUMENTS if (root / name).exists()]


def _load(root: pathlib.Path) -> dict[str, Any]:
  """Studies and benchmarks by name, runs of a config as 'configs/NAME'."""
  place = root / 'results'
  return {
    path.relative_to(place).with_suffix('').as_posix(): json.loads(
      path.read_text()
    )
    for path in sorted(place.rglob('*.json'))
  }


def _stale(root: pathlib.Path) -> dict[pathlib.Path, str]:
  return {
    path: text
    for path, text in rendered(root).items()
    if path.read_text() != text
  }


def main(argv: Sequence[str] | None = None) -> int:
  """Runs the command; returns the exit code."""
  parser = argparse.ArgumentParser(description='numbers from results/')
  parser.add_argument('--check', action='store_true')
  parser.add_argument('--collect', nargs='+', metavar=('NAME', 'RUN'))
  args = parser.parse_args(argv)
  return exit_code(lambda: _do(args, pathlib.Path.cwd()))


def _do(args: argparse.Namespace, root: pathlib.Path) -> None:
  if args.collect:
    name, *runs = args.collect
    found = runs_table.collect([pathlib.Path(run) for run in runs])
    path = root / 'results' / 'configs' / f'{name}.json'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + '\n')
  elif args.check:
    # Texts only: the bytes of a PNG depend on the versions that drew it.
    if stale := _stale(root):
      names = ', '.join(str(p.relative_to(root)) for p in stale)
      raise UserError(
        f'differ from results/: {names}',
        hint='run python -m jaxvae.report.results',
      )
  else:
    for path in [*write(root), *figures(root)]:
      print(f'wrote {path.relative_to(root)}')


if __name__ == '__main__':
  sys.exit(main())
