"""Numbers for people, written from results/*.json and from nowhere else.

  python -m jaxvae.report.results                  writes the documents
  python -m jaxvae.report.results --check          fails if one is stale
  python -m jaxvae.report.results --collect NAME RUN...
                                                   results/configs/NAME.json
                                  --write          even if that has more in it

A document holds `<!-- results:NAME -->` and `<!-- /results -->` on lines of
their own, and what stands between them is replaced. The docstring of a config
or of a study holds a paragraph that begins with `Measured:`, which is replaced
likewise. docs/figures/NAME_scores.png is drawn where a document refers to it.
A study of which nothing is completed replaces none of them.
"""

import argparse
import ast
import pathlib
import re
import sys
from collections.abc import Sequence
from typing import Any

from jaxvae.errors import IntegrityError, UserError, exit_code
from jaxvae.report import files, runs_table, scores, stored, study_table

DOCUMENTS = (
  'README.md',
  'docs/results.md',
  'docs/ensembles.md',
  'docs/metrics.md',
  'docs/conditional.md',
)
_KINDS = {'runs': runs_table, 'study': study_table}
_BLOCK = re.compile(
  r'^(<!-- results:([\w./-]+) -->\n).*?^(<!-- /results -->)$', re.S | re.M
)
_MARKER = re.compile(r'^<!-- (?:results:([\w./-]+)|/results) -->$', re.M)
_MEASURED = re.compile(
  r'^Measured:.*?(?=\n\n|\n?(?:"""|\'\'\')|\Z)', re.S | re.M
)
_SHOWN = (('configs', 'configs/', 'runs'), ('studies', '', 'study'))


def markdown(result: dict[str, Any]) -> str:
  """The tables of one results file, as Markdown."""
  if result['kind'] == 'bench':
    table = runs_table.markdown_table(result['header'], result['rows'])
    return f'{table}\n\n{result["note"]}'
  return _KINDS[result['kind']].markdown(result)


def sentence(result: dict[str, Any]) -> str:
  """The `Measured:` paragraph of a config or of a study."""
  return _KINDS[result['kind']].sentence(result)


def rendered(root: pathlib.Path, only: str = '') -> dict[pathlib.Path, str]:
  """Every document, config and study of `root`, as it should read.

  Args:
    root: of the checkout.
    only: of results/NAME.json, to render what shows it; empty for all.

  Raises:
    UserError: a document asks for results that are not there, or its markers
      do not come in pairs; a config or a study is no Python.
    IntegrityError: a results file is damaged.
  """
  results = _load(root, only)

  def block(match):
    name = match[2]
    if only not in ('', name):
      return match[0]
    if name not in results:
      raise UserError(f'there is no results/{name}.json')
    if not _says(results[name]):
      return match[0]
    return f'{match[1]}\n{_shown(name, results[name], markdown)}\n\n{match[3]}'

  texts = {}
  for name in _documents(root):
    path = root / name
    texts[path] = _BLOCK.sub(block, _checked(path))
  for folder, prefix, kind in _SHOWN:
    for path in sorted((root / folder).glob('*.py')):
      name = f'{prefix}{path.stem}'
      result = results.get(name)
      if result and result['kind'] == kind and _says(result):
        texts[path] = _measured(path, _shown(name, result, sentence))
  return texts


def shown(root: pathlib.Path, name: str) -> list[str]:
  """What of a checkout shows results/NAME.json: paths within it.

  Raises:
    UserError: the markers of a document do not come in pairs.
  """
  texts = {path: _checked(root / path) for path in _documents(root)}
  marker = f'<!-- results:{name} -->'
  found = [path for path, text in texts.items() if marker in text]
  study = root / 'studies' / f'{name}.py'
  if study.exists() and _MEASURED.search(study.read_text()):
    found.append(f'studies/{study.name}')
  if any(f'figures/{name}_scores.png' in text for text in texts.values()):
    found.append(f'docs/figures/{name}_scores.png')
  return found


def write(root: pathlib.Path, only: str = '') -> list[pathlib.Path]:
  """Writes what `rendered` says; returns the files that changed."""
  stale = _stale(root, only)
  for path, text in stale.items():
    files.write_text(path, text)
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
  for name, result in _load(root, only).items():
    path = root / 'docs' / 'figures' / f'{name}_scores.png'
    wanted = result['kind'] == 'study' and f'figures/{path.name}' in told
    if wanted and _says(result):
      scores.study_scores(path, result)
      drawn.append(path)
  return drawn


def _documents(root: pathlib.Path) -> list[str]:
  return [name for name in DOCUMENTS if (root / name).exists()]


def _says(result: dict[str, Any]) -> bool:
  """Whether there is anything to see yet."""
  if result['kind'] != 'study':
    return True
  return bool(study_table.completed(result['entries']))


def _shown(name: str, result: dict[str, Any], how) -> str:
  try:
    return how(result)
  except stored.MALFORMED as error:
    raise IntegrityError(
      f'results/{name}.json does not hold what {result["kind"]} results hold',
      hint='bring back what it was, or make it anew with --write',
    ) from error


def _checked(path: pathlib.Path) -> str:
  """The text of a document in which each opening marker has its closing one."""
  text, open_ = path.read_text(), None
  for marker in _MARKER.finditer(text):
    if bool(marker[1]) is bool(open_):
      raise UserError(
        f'{path}: {open_ or marker[0]} has no other end',
        hint='put <!-- results:NAME --> above a table, <!-- /results --> below',
      )
    open_ = marker[0] if marker[1] else None
  if open_:
    raise UserError(
      f'{path}: {open_} has no other end', hint='add <!-- /results --> below it'
    )
  return text


def _measured(path: pathlib.Path, said: str) -> str:
  """A Python file with another `Measured:` paragraph in its docstring."""
  text = path.read_text()
  try:
    (first, *_) = ast.parse(text).body or [None]
  except (SyntaxError, ValueError) as error:
    raise UserError(f'{path} is no Python: {error}') from error
  if not (
    isinstance(first, ast.Expr)
    and isinstance(first.value, ast.Constant)
    and isinstance(first.value.value, str)
  ):
    return text
  lines = text.splitlines(keepends=True)
  docstring = ''.join(lines[: first.end_lineno])
  rest = ''.join(lines[first.end_lineno :])
  return _MEASURED.sub(lambda _: said, docstring, count=1) + rest


def _load(root: pathlib.Path, only: str = '') -> dict[str, Any]:
  """Studies and benchmarks by name, runs of a config as 'configs/NAME'."""
  place = root / 'results'
  # A leading dot: what a command that was killed had not yet put in place.
  every = sorted(p for p in place.rglob('*.json') if p.name[0] != '.')
  found = {}
  for path in [place / f'{only}.json'] if only else every:
    result = stored.read(path)
    if result is not None:
      found[path.relative_to(place).with_suffix('').as_posix()] = result
  return found


def _stale(root: pathlib.Path, only: str = '') -> dict[pathlib.Path, str]:
  return {
    path: text
    for path, text in rendered(root, only).items()
    if path.read_text() != text
  }


def main(argv: Sequence[str] | None = None) -> int:
  """Runs the command; returns the exit code."""
  parser = argparse.ArgumentParser(description='numbers from results/')
  parser.add_argument('--check', action='store_true')
  parser.add_argument('--collect', nargs='+', metavar=('NAME', 'RUN'))
  parser.add_argument(
    '--write', action='store_true', help='with --collect: whatever is there'
  )
  args = parser.parse_args(argv)
  return exit_code(lambda: _do(args, pathlib.Path.cwd()))


def _do(args: argparse.Namespace, root: pathlib.Path) -> None:
  if args.collect:
    name, *runs = args.collect
    found = runs_table.collect([pathlib.Path(run) for run in runs])
    print(markdown(found))
    path = root / 'results' / 'configs' / f'{name}.json'
    stored.put(path, found, args.write)
    print(f'wrote {path.relative_to(root)}')
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
