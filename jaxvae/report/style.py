"""How everything in a report looks: one font, one colour for one meaning.

The colours are those of Okabe and Ito (2008), told apart by all forms of
colour blindness, and by their lightness in print.
"""

import contextlib
import functools
import math
import pathlib
import warnings
from collections.abc import Iterator

import matplotlib
import matplotlib.style
from matplotlib.figure import Figure
from PIL import ImageFont

from jaxvae.report import files

PAPER = '#ffffff'
INK = '#222222'
MUTED = '#6b6b6b'
DEAD = '#a6a6a6'
HAIRLINE = '#c9c9c9'

LOSS = INK
RECONSTRUCTION = '#0072b2'
KL = '#d55e00'
TARGET = MUTED
BEST = '#e69f00'
SCORE = '#009e73'  # a share between 0 and 1; never beside single latents
LATENTS = ('#009e73', '#56b4e9', '#cc79a7', '#8c510a')
LATENT_DASHES = ('-', (0, (5, 1.5)), (0, (1, 1)))
SEQUENTIAL = 'Blues'

DPI = 160

_RC = {
  'font.family': 'DejaVu Sans',
  'font.size': 10.0,
  'text.color': INK,
  'text.parse_math': False,
  'axes.titlesize': 11.0,
  'axes.titleweight': 'bold',
  'axes.titlelocation': 'left',
  'axes.titlepad': 8.0,
  'axes.edgecolor': HAIRLINE,
  'axes.labelcolor': MUTED,
  'axes.spines.top': False,
  'axes.spines.right': False,
  'axes.grid': True,
  'axes.axisbelow': True,
  'grid.color': '#ebebeb',
  'grid.linewidth': 0.8,
  'xtick.color': HAIRLINE,
  'ytick.color': HAIRLINE,
  'xtick.labelcolor': MUTED,
  'ytick.labelcolor': MUTED,
  'lines.linewidth': 1.6,
  'legend.frameon': False,
  'figure.dpi': DPI,
  'savefig.dpi': DPI,
}


@contextlib.contextmanager
def applied() -> Iterator[None]:
  """The style for matplotlib figures made inside; the user's own comes back."""
  with matplotlib.style.context(['default', _RC]):
    yield


def figure(wide: float, high: float, title: str) -> Figure:
  """An empty matplotlib figure, in inches, with its title at the left."""
  empty = Figure(figsize=(wide, high), layout='constrained')
  empty.get_layout_engine().set(h_pad=0.08, w_pad=0.08)
  empty.suptitle(title, x=0.01, ha='left', weight='bold', size=13)
  return empty


def save_figure(path, drawn: Figure) -> None:
  """Writes a figure whole; the ending of the path says as what."""
  with files.replacing(path) as unfinished, warnings.catch_warnings():
    # A name in a script that the font lacks shows as boxes: no news to users.
    warnings.filterwarnings('ignore', 'Glyph .* missing from font')
    drawn.savefig(unfinished)


@functools.cache
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
  """The same font for Pillow, `size` pixels high; matplotlib carries it."""
  name = 'DejaVuSans-Bold.ttf' if bold else 'DejaVuSans.ttf'
  folder = pathlib.Path(matplotlib.get_data_path()) / 'fonts' / 'ttf'
  return ImageFont.truetype(
    folder / name, size, layout_engine=ImageFont.Layout.BASIC
  )


def number(value: float) -> str:
  """A coordinate as people write it: '−1.5', '0', '3'."""
  text = f'{round(value, 2) + 0:g}'
  return text.replace('-', '−')


def coordinate(value: float, kind: str) -> str:
  """`number`, with its unit: an angle of a 'loop', in radians, in degrees."""
  if kind == 'loop':
    return f'{number(round(math.degrees(value)))}°'
  return number(value)
