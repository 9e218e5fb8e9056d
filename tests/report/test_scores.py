import numpy as np
import pytest
from PIL import Image, ImageColor

from jaxvae.report import scores, style


def study(betas=(1.0, 2.0), seeds=5, failed=(), spread=1.0, factors=2):
  entries = []
  for beta in betas:
    for seed in range(seeds):
      entry = {
        'index': len(entries),
        'set': {'hyper.beta': beta, 'seed': seed},
        'status': 'completed',
        'metrics': {
          'reconstruction': 50.0 + 5 * len(str(beta)) + spread * seed,
          'kl': 20.0 - spread * seed,
          'mig': 0.2 + 0.01 * seed,
          'factors': [{'factor': f, 'nmi': 0.1} for f in 'xyz'[:factors]],
        },
      }
      if entry['index'] in failed:
        entry |= {'status': 'diverged'}
        del entry['metrics']
      entries.append(entry)
  config = {'hyper': {'beta': 1.0}}
  return {'kind': 'study', 'name': 'mine', 'config': config, 'entries': entries}


def pixels(path):
  with Image.open(path) as image:
    return np.asarray(image.convert('RGB'))


def where(shown, colour):
  """Rows and columns of the pixels of a colour, 0 to 1 of the figure."""
  y, x = np.nonzero((shown == ImageColor.getrgb(colour)).all(axis=-1))
  return y / shown.shape[0], x / shown.shape[1]


def test_each_metric_has_its_panel_in_its_colour(tmp_path):
  scores.study_scores(tmp_path / 'a.png', study())
  shown = pixels(tmp_path / 'a.png')
  # Four panels of 2.9 inches, at 160 dots each.
  assert shown.shape == (608, 1856, 3)
  colours = (style.RECONSTRUCTION, style.KL, style.SCORE)
  for at, colour in enumerate(colours, start=1):
    y, x = where(shown, colour)
    assert len(y) > 100
    assert at / 4 < x.min() < x.max() < (at + 1) / 4
  y, x = where(shown, style.RECONSTRUCTION)
  left, right = (y[side] for side in (x < x.mean(), x > x.mean()))
  # Both settings are as good, and each spans the same heights.
  assert abs(left.min() - right.min()) < 0.01 > abs(left.max() - right.max())


def test_settings_stand_in_the_order_of_their_numbers(tmp_path):
  # Names of 3, 4 and 5 letters: 65, 70 and 75 nats, in whatever order.
  for name, betas in (('a', (100.0, 9.0, 10.0)), ('b', (9.0, 10.0, 100.0))):
    found = study(betas, seeds=1)
    scores.study_scores(tmp_path / f'{name}.png', found, ['reconstruction'])
  y, x = where(pixels(tmp_path / 'a.png'), style.RECONSTRUCTION)
  assert np.corrcoef(x, y)[0, 1] < -0.9
  assert (pixels(tmp_path / 'a.png') == pixels(tmp_path / 'b.png')).all()


def test_failed_seeds_are_crosses_at_the_foot(tmp_path):
  scores.study_scores(tmp_path / 'a.png', study(), ['kl'])
  scores.study_scores(tmp_path / 'b.png', study(failed=(3, 9)), ['kl'])
  # Without the title above, the axes and the legend.
  (_, before), (y, x) = (
    where(pixels(tmp_path / name)[100:458, 110:], style.MUTED)
    for name in ('a.png', 'b.png')
  )
  assert len(before) == 0 and len(x) > 10
  assert y.min() > 0.85
  assert (x < 0.5).any() and (x > 0.5).any()


@pytest.mark.parametrize(
  'changed',
  [
    {'seeds': 1},
    {'seeds': 9},
    {'seeds': 9, 'spread': 0.0},  # of which no density can be estimated
    {'betas': (1.0,)},
    {'betas': tuple(map(float, range(30))), 'seeds': 2},
    {'betas': ('a_$x', 'name(with="arguments", and=("more",))')},
    {'failed': range(9)},
  ],
)
def test_few_many_and_equal_seeds_are_drawn(tmp_path, changed):
  scores.study_scores(tmp_path / 'a.png', study(**changed), title='$\\frac{')
  assert len(where(pixels(tmp_path / 'a.png'), style.KL)[0]) > 20


def test_a_violin_stands_around_eight_seeds(tmp_path):
  def tinted(seeds):
    path = tmp_path / f'{seeds}.png'
    scores.study_scores(path, study((1.0,), seeds), ['reconstruction'])
    shown = pixels(path).astype(int)
    # Blue on white, where the red is weakest.
    return (shown[..., 2] - shown[..., 0] > 20).any(axis=0).sum()

  assert tinted(8) > 1.2 * tinted(7)


def test_two_varied_keys_are_named_in_full(tmp_path):
  found = study((1.0, 2.0), 4)
  scores.study_scores(tmp_path / 'one.png', found, ['kl'])
  for entry in found['entries']:
    entry['set']['hyper.gamma'] = float(entry['index'] % 2)
  scores.study_scores(tmp_path / 'two.png', found, ['kl'])
  one, two = (pixels(tmp_path / f'{name}.png') for name in ('one', 'two'))
  # The names are written aslant, and have room.
  assert two.shape[0] > one.shape[0] + 80 and two.shape[1] == one.shape[1]


def test_what_no_run_has_gets_no_panel(tmp_path):
  # A class label is one factor: there is nothing to disentangle.
  scores.study_scores(tmp_path / 'a.png', study(factors=1))
  assert pixels(tmp_path / 'a.png').shape == (608, 1392, 3)
  with pytest.raises(ValueError, match='no completed run'):
    scores.study_scores(tmp_path / 'b.png', study(failed=range(10)))
  assert not (tmp_path / 'b.png').exists()
