"""The line, its numbers, the clock behind it and where it is shown."""

import contextlib
import fcntl
import io
import math
import os
import pty
import struct
import termios

import pytest

from jaxvae.train import progress


class Clock:
  """A clock that goes only when told to."""

  def __init__(self):
    self.now = 100.0

  def __call__(self):
    return self.now


def test_the_line_of_the_documentation():
  line = progress.format_line(
    1200,
    30000,
    {'loss': 61.2, 'reconstruction': 48.0, 'kl': 13.2},
    active=(6, 10),
    rate=212.3,
    eta=136,
    checkpoint=1000,
  )
  assert line == (
    'step  1200/30000   4 %  loss 61.2  recon 48.0  kl 13.2 (6/10 active by KL)'
    '   212 steps/s  eta 2m16s  ckpt 1000'
  )


def test_the_line_leaves_out_what_is_not_known():
  line = progress.format_line(5, 200, {'loss': math.nan})
  assert line == 'step   5/200   2 %  loss nan'


def test_only_the_end_is_all_of_it():
  assert ' 99 %' in progress.format_line(29999, 30000, {})
  assert '100 %' in progress.format_line(30000, 30000, {})


@pytest.mark.parametrize(
  ('seconds', 'text'),
  [
    (0.2, '0s'),
    (45, '45s'),
    (59.7, '1m00s'),
    (136, '2m16s'),
    (3599.6, '1h00m'),
    (3720, '1h02m'),
    (86400, '1d00h'),
    (3 * 86400 + 4 * 3600 + 59 * 60, '3d04h'),
  ],
)
def test_durations(seconds, text):
  assert progress.format_duration(seconds) == text


@pytest.mark.parametrize(
  ('value', 'text'),
  [
    (12345.6, '12346'),
    (184.62, '184.6'),
    (61.2, '61.2'),
    (-3.14159, '-3.14'),
    (0.5, '0.50'),
    (0.0042, '4.2e-03'),
    (0.0, '0.00'),
    (math.nan, 'nan'),
    (-math.inf, '-inf'),
  ],
)
def test_numbers(value, text):
  assert progress.format_number(value) == text


def test_the_rate_is_of_training_alone():
  clock = Clock()
  timer = progress.Timer(clock=clock)
  clock.now += 50  # before the start: nobody's
  with timer.pause('compile'):
    clock.now += 30
  timer.start()
  clock.now += 2
  timer.advance(100)
  with timer.pause('save'):
    clock.now += 7
  clock.now += 3
  timer.advance(150)
  assert timer.rate() == 250 / 5
  assert timer.eta(1000) == 1000 / 50
  with timer.pause('evaluate'):
    clock.now += 11
  clock.now += 5
  timer.advance(100)
  assert timer.rate() == 100 / 5  # since the last call
  assert timer.eta(700) == 700 / (350 / 10)  # since the beginning
  assert timer.state() == {
    'steps': 350,
    'seconds': {
      'train': 10,
      'host': 0,
      'compile': 30,
      'save': 7,
      'evaluate': 11,
    },
  }


def test_totals_go_on_over_restarts_and_the_rate_does_not():
  clock = Clock()
  saved = {'steps': 900, 'seconds': {'train': 10.0, 'save': 4.0}}
  timer = progress.Timer(saved, clock=clock)
  timer.start()
  clock.now += 4
  timer.advance(20)
  with timer.pause('save'):
    clock.now += 1
  assert timer.eta(10) == 10 / 5  # 5 steps a second, not 900 / 10
  assert timer.rate() == 5
  assert timer.state() == {
    'steps': 920,
    'seconds': {'train': 14, 'host': 0, 'save': 5},
  }
  assert saved == {'steps': 900, 'seconds': {'train': 10.0, 'save': 4.0}}


def test_what_follows_training_is_no_part_of_it():
  clock = Clock()
  timer = progress.Timer(clock=clock)
  timer.start()
  clock.now += 4
  timer.advance(10)
  clock.now += 1
  timer.stop()
  with timer.pause('save'):
    clock.now += 2
  clock.now += 300  # the evaluation of this member and of those before it
  assert timer.state()['seconds'] == {'train': 5.0, 'host': 0.0, 'save': 2.0}


def test_starting_twice_loses_no_time():
  clock = Clock()
  timer = progress.Timer(clock=clock)
  timer.start()
  clock.now += 2
  timer.start()
  clock.now += 3
  timer.advance(10)
  assert timer.rate() == 2


def test_host_time_is_what_passes_between_calls_without_pauses():
  clock = Clock()
  timer = progress.Timer(clock=clock)
  for _ in range(2):
    timer.start()
    clock.now += 10  # the compiled call
    timer.advance(100)
    clock.now += 1  # checks and a line of progress
    with timer.pause('save'):
      clock.now += 5
    clock.now += 2
  timer.start()
  assert timer.state()['seconds'] == {'train': 26, 'host': 6, 'save': 10}


def test_a_timer_without_steps_knows_no_rate():
  timer = progress.Timer(clock=Clock())
  assert math.isnan(timer.rate())
  timer.start()
  assert math.isnan(timer.rate())
  assert math.isnan(timer.eta(10))


def test_a_pause_that_fails_is_counted():
  clock = Clock()
  timer = progress.Timer(clock=clock)
  timer.start()
  with pytest.raises(OSError), timer.pause('save'):
    clock.now += 2
    raise OSError
  clock.now += 1
  timer.advance(1)
  assert timer.state()['seconds'] == {
    'train': 1,
    'host': 0,
    'save': 2,
  }


def test_elsewhere_plain_lines():
  stream = io.StringIO()
  with progress.display(30, stream=stream) as shown:
    shown.show(10, 'step 10/30')
    shown.note('evaluating')
    shown.show(20, 'step 20/30')
  assert stream.getvalue() == 'step 10/30\nevaluating\nstep 20/30\n'


def on_a_terminal(columns, act):
  """What `act(display)` sends to a terminal of that width."""
  ours, theirs = pty.openpty()
  size = struct.pack('HHHH', 24, columns, 0, 0)
  fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
  with (
    open(theirs, 'w') as stream,
    progress.display(30, 10, stream) as shown,
  ):
    act(shown)
  sent = b''
  with contextlib.suppress(OSError):  # EIO: all of it was read
    while True:
      sent += os.read(ours, 4096)
  os.close(ours)
  return sent.decode()


def test_on_a_terminal_one_line_is_rewritten():
  def act(shown):
    shown.show(15, 'step 15/30  loss 2.00')
    shown.show(20, 'step 20/30')
    shown.note('saved')

  sent = on_a_terminal(80, act)
  before_note, _, after = sent.partition('saved')
  assert '\n' not in before_note
  assert before_note.count('\r') >= 2
  assert after.count('\n') == 2  # after the note, and when it is left
  last = after.rstrip().split('\r')[-1]
  assert last.rstrip() == 'step 20/30'


def test_a_line_does_not_wrap():
  sent = on_a_terminal(40, lambda shown: shown.show(15, 'x' * 100))
  assert max(map(len, sent.replace('\n', '\r').split('\r'))) <= 40
