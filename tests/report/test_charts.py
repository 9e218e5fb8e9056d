import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageColor

from jaxvae.report import charts, style


def history(count=40):
  steps = np.arange(1, count + 1) * 250
  return [
    {
      'step': int(step),
      'loss': 600 * np.exp(-step / 2000) + 40,
      'reconstruction': 500 * np.exp(-step / 2000) + 30,
      'kl': [step / 1000, step / 2000, 0.001],
      'capacity': step / 700,
      'learning_rate': 1e-3,
    }
    for step in steps
  ]


def pixels(path):
  with Image.open(path) as image:
    return np.asarray(image.convert('RGB'))


def where(path, colour):
  """Rows and columns of the pixels of a colour, 0 to 1 of the figure."""
  shown = pixels(path)
  colour = ImageColor.getrgb(colour)
  y, x = np.nonzero((shown == colour).all(axis=-1))
  return y / shown.shape[0], x / shown.shape[1]


def test_each_curve_is_in_its_panel_in_its_colour(tmp_path):
  path = tmp_path / 'training.png'
  charts.training_curves(path, history(), 'A run')
  assert pixels(path).shape == (992, 1600, 3)
  y, x = where(path, style.RECONSTRUCTION)
  assert len(y) > 100 and y.max() < 0.5 < x.min()
  y, x = where(path, style.KL)
  assert len(y) > 100 and x.max() < 0.5 < y.min()
  y, x = where(path, style.LATENTS[0])
  assert len(y) > 100 and min(x.min(), y.min()) > 0.5
  # It rises to the right.
  assert np.corrcoef(x, y)[0, 1] < -0.8


@pytest.mark.parametrize(
  'records',
  [
    history(1),
    [{'step': 1, 'loss': None, 'kl': [None, 1.0]}],
    [{'step': 1, 'loss': -3.0}, {'step': 2, 'loss': 900.0, 'kl': 5.0}],
    [*history(), {'step': 10_250, 'loss': np.inf, 'kl': [np.nan] * 3}],
    [{'step': 5}, {'evaluation': 0.3}],
  ],
)
def test_short_broken_and_partial_histories_are_drawn(tmp_path, records):
  charts.training_curves(tmp_path / 'a.png', records, '$\\frac{ 形')
  assert pixels(tmp_path / 'a.png').shape == (992, 1600, 3)


def test_no_history_is_an_error(tmp_path):
  with pytest.raises(ValueError, match='no record with a step'):
    charts.training_curves(tmp_path / 'a.png', [{'loss': 1.0}])
  assert not any(tmp_path.iterdir())


def test_the_heat_map_shows_each_factors_best_latent(tmp_path):
  path = tmp_path / 'nmi.png'
  nmi = np.zeros((4, 2))
  nmi[3, 0] = 1.0
  charts.nmi_heatmap(path, nmi, ['z0', 'z1', 'z2', 'z3'], ['a_$x', 'b'])
  # The frame is drawn once: no latent tells anything of the other factor.
  y, x = where(path, style.BEST)
  assert y.min() > 0.6 and x.max() < 0.5


def test_importances_are_shown_as_shares_of_a_factor(tmp_path):
  path = tmp_path / 'importance.png'
  # Of the second factor nothing is important.
  charts.importance_heatmap(path, [[3, 0], [1, 0]], ['z0', 'z1'], ['a', 'b'])
  other = tmp_path / 'nmi.png'
  charts.nmi_heatmap(
    other,
    [[0.75, 0], [0.25, 0]],
    ['z0', 'z1'],
    ['a', 'b'],
    'How much each latent matters to each factor',
  )
  # The same pixels but for the words beside the colours.
  one, two = (np.asarray(Image.open(p)) for p in (path, other))
  left = one.shape[1] * 3 // 5
  np.testing.assert_array_equal(one[:, :left], two[:, :left])


def test_a_heat_map_that_does_not_fit_is_named(tmp_path):
  with pytest.raises(
    ValueError, match=r'\[2, 3\] but there are 2 latent names'
  ):
    charts.nmi_heatmap(tmp_path / 'a.png', np.zeros((2, 3)), 'ab', 'ab')
  with pytest.raises(ValueError, match='is of finite'):
    charts.nmi_heatmap(tmp_path / 'a.png', [[np.nan]], ['z'], ['f'])


def test_labels_do_not_overlap():
  heights = charts.spread([0.5, 0.49, 0.48, 0.0, 0.0], 0.1)
  assert heights == sorted(heights, reverse=True)
  assert np.diff(heights).max() <= -0.1 + 1e-12
  assert charts.spread([0.9, 0.5], 0.1) == [0.9, 0.5]
  assert charts.spread([1.0, 1.0, 1.0], 0.5) == [1.0, 0.5, 0.0]
  assert charts.spread([], 0.1) == []


def test_the_users_settings_neither_matter_nor_change(tmp_path):
  charts.training_curves(tmp_path / 'a.png', history())
  with matplotlib.rc_context({'axes.facecolor': 'black', 'font.size': 30}):
    before = dict(matplotlib.rcParams)
    charts.training_curves(tmp_path / 'b.png', history())
    assert dict(matplotlib.rcParams) == before
  assert (pixels(tmp_path / 'a.png') == pixels(tmp_path / 'b.png')).all()


def test_neither_pyplot_nor_jax_is_imported():
  code = (
    'import sys; from jaxvae.report import charts, figures, gif, table; '
    'import jaxvae.metrics; '
    "print([m for m in ('matplotlib.pyplot', 'jax') if m in sys.modules])"
  )
  done = subprocess.run(
    [sys.executable, '-c', code], capture_output=True, text=True, check=True
  )
  assert done.stdout == '[]\n'
