"""One line that says how far a run is, how fast, and what it has learnt.

  step  1200/30000   4 %  loss 61.2  recon 48.0  kl 13.2 (6/10 active by KL)
    212 steps/s  eta 2m16s  ckpt 1000                     (all on one line)

On a terminal the line is rewritten; elsewhere it is printed once a log
interval, without control characters.
"""

import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TextIO

import tqdm

_SHORT = {'reconstruction': 'recon'}


class Timer:
  """Where the time goes: training, and everything that pauses it.

  The rate is of training alone, without compiling, evaluating and saving. Of
  the training time, `host` is what passed between the end of one compiled call
  and the start of the next: the devices had nothing to do.
  Totals go on over restarts: put `state()` into the checkpoint's info, and
  give it back as `state`. Nothing is measured before the first `start`.
  """

  def __init__(
    self,
    state: Mapping[str, Any] | None = None,
    clock: Callable[[], float] = time.perf_counter,
  ):
    state = state or {'steps': 0, 'seconds': {}}
    self._clock = clock
    self._steps = state['steps']
    self._seconds = {'train': 0.0, 'host': 0.0} | state['seconds']
    self._begun = self._steps, self._seconds['train']
    self._marked = self._begun
    self._since: float | None = None
    self._idle_since: float | None = None

  def start(self) -> None:
    """A compiled call begins; starts the training clock if it stands."""
    now = self._clock()
    if self._since is None:
      self._since = now
    if self._idle_since is not None:
      self._seconds['host'] += now - self._idle_since
      self._idle_since = None

  def advance(self, steps: int) -> None:
    """A compiled call of so many steps has ended; the clock runs on."""
    self.stop()
    self._steps += steps
    self._since = self._idle_since = self._clock()

  @contextlib.contextmanager
  def pause(self, what: str) -> Iterator[None]:
    """Stops the training clock; its block's time is counted as `what`."""
    was_running = self._since is not None
    self.stop()
    begun = self._clock()
    try:
      yield
    finally:
      spent = self._clock() - begun
      self._seconds[what] = self._seconds.get(what, 0.0) + spent
      if self._idle_since is not None:
        self._idle_since += spent
      if was_running:
        self._since = self._clock()

  def stop(self) -> None:
    """The training clock stands; after the last call, or before a pause."""
    if self._since is not None:
      self._seconds['train'] += self._clock() - self._since
      self._since = None

  def rate(self) -> float:
    """Steps a second since the last call of `rate`; nan when unknown."""
    rate, self._marked = self._rate_since(self._marked), self._totals()
    return rate

  def eta(self, steps: int) -> float:
    """Seconds that `steps` take at the rate since this process began."""
    rate = self._rate_since(self._begun)
    return steps / rate if rate > 0 else math.nan

  def state(self) -> dict[str, Any]:
    """Steps and seconds by purpose since the run began, as JSON."""
    steps, train = self._totals()
    return {'steps': steps, 'seconds': self._seconds | {'train': train}}

  def _totals(self) -> tuple[int, float]:
    running = 0.0 if self._since is None else self._clock() - self._since
    return self._steps, self._seconds['train'] + running

  def _rate_since(self, mark: tuple[int, float]) -> float:
    steps, seconds = self._totals()
    if seconds <= mark[1]:
      return math.nan
    return (steps - mark[0]) / (seconds - mark[1])


class Display(NamedTuple):
  """Where progress is shown.

  Attributes:
    show: step, line -> shows the line.
    note: text -> prints a line that stays, above the one that is rewritten.
  """

  show: Callable[[int, str], None]
  note: Callable[[str], None]


@contextlib.contextmanager
def display(
  total: int, initial: int = 0, stream: TextIO | None = None
) -> Iterator[Display]:
  """A line rewritten on a terminal, plain lines elsewhere.

  Args:
    total: the number of steps of the whole run.
    initial: the restored step.
    stream: standard output by default.
  """
  stream = stream or sys.stdout
  if not stream.isatty():

    def print_line(text: str) -> None:
      print(text, file=stream, flush=True)

    yield Display(lambda step, line: print_line(line), print_line)
    return
  with tqdm.tqdm(
    total=total,
    initial=initial,
    file=stream,
    bar_format='{desc}',
    dynamic_ncols=True,
  ) as bar:

    def show(step: int, line: str) -> None:
      bar.n = step
      bar.set_description_str(line)

    yield Display(show, lambda text: bar.write(text, file=stream))


def format_line(
  step: int,
  total: int,
  terms: Mapping[str, float],
  active: tuple[int, int] | None = None,
  rate: float = math.nan,
  eta: float = math.nan,
  checkpoint: int | None = None,
) -> str:
  """The progress line.

  Args:
    step: steps done.
    total: steps of the whole run.
    terms: mean loss terms in nats by name, in the order to show them.
    active: active latents and all latents, said after the term `kl`.
    rate: training steps a second; left out when nan.
    eta: seconds to the end; left out when nan.
    checkpoint: the last step that is safe on disk.
  """
  width = len(str(total))
  parts = [f'step {step:{width}}/{total} {math.floor(100 * step / total):3d} %']
  for name, value in terms.items():
    part = f'{_SHORT.get(name, name)} {format_number(value)}'
    if name == 'kl' and active is not None:
      part += f' ({active[0]}/{active[1]} active by KL)'
    parts.append(part)
  timing = []
  if math.isfinite(rate):
    timing.append(f'{_format_rate(rate)} steps/s')
  if math.isfinite(eta):
    timing.append(f'eta {format_duration(eta)}')
  if checkpoint is not None:
    timing.append(f'ckpt {checkpoint}')
  if timing:
    parts.append(' ' + '  '.join(timing))
  return '  '.join(parts)


def format_number(value: float) -> str:
  """A loss to read: 1234, 61.2, 0.51, 4.2e-03, nan."""
  size = abs(value)
  if size >= 1000:
    return f'{value:.0f}'
  if size >= 10:
    return f'{value:.1f}'
  if size >= 0.01 or value == 0 or math.isnan(value):
    return f'{value:.2f}'
  return f'{value:.1e}'


def format_duration(seconds: float) -> str:
  """Two units that matter: 45s, 2m16s, 1h02m, 3d04h."""
  seconds = round(seconds)
  minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
  if days:
    return f'{days}d{hours % 24:02d}h'
  if hours:
    return f'{hours}h{minutes % 60:02d}m'
  if minutes:
    return f'{minutes}m{seconds % 60:02d}s'
  return f'{seconds}s'


def _format_rate(rate: float) -> str:
  return f'{rate:.0f}' if rate >= 100 else format_number(rate)
