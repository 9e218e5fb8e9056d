"""Decoders of a circle that are known: a loop, one that was cut, points."""

import numpy as np

PIXELS = 64


def bumps(places, width=3.0):
  """Images of one bump on a line of pixels, `[..., 64]`."""
  away = np.asarray(places)[..., None] - np.arange(PIXELS)
  return np.exp(-0.5 * (away / width) ** 2)


def ring(angles):
  """Images of one bump on a circle of pixels, `[..., 64]`."""
  turn = 2 * np.pi * np.arange(PIXELS) / PIXELS
  return np.exp(8 * (np.cos(np.asarray(angles)[..., None] - turn) - 1))


class Toy:
  """A latent circle over data of a kind.

  Attributes:
    codes: `[n]` radians of data images.
    images: `[m, 64]` the data without noise, densely.
    decode: angles `[...]` -> `[..., 64]`.
  """

  def __init__(self, kind, k=0, share=0.9, n=1000, sd=0.0, seed=0):
    rng = np.random.default_rng(seed)
    self.kind, self.k, self.share = kind, k, share
    t = rng.uniform(size=n)
    if kind == 'points':
      codes = (np.floor(t * k) + 0.5) / k
      self.images = self._class(np.arange(k))
    elif kind == 'segment':
      codes = share * t
      self.images = bumps(8 + 48 * np.linspace(0, 1, 400))
    elif kind == 'twice':
      codes = t
      self.images = ring(4 * np.pi * np.arange(400) / 400)
    else:
      codes = t
      self.images = ring(2 * np.pi * np.arange(400) / 400)
    self.codes = 2 * np.pi * codes + sd * rng.normal(size=n)

  def _class(self, j):
    rng = np.random.default_rng(7)
    return rng.uniform(size=(self.k, PIXELS))[j]

  def decode(self, angles):
    u = np.mod(np.asarray(angles) / (2 * np.pi), 1.0)
    if self.kind == 'points':
      # Plateaus, and blends over a third of the way from one to the next.
      at = u * self.k - 0.5
      low = np.floor(at)
      part = np.clip((at - low - 1 / 3) * 3, 0, 1)[..., None]
      first = self._class(low.astype(int) % self.k)
      return (1 - part) * first + part * self._class(
        (low + 1).astype(int) % self.k
      )
    if self.kind == 'segment':
      inside = bumps(8 + 48 * np.clip(u / self.share, 0, 1))
      part = np.clip((u - self.share) / (1 - self.share), 0, 1)[..., None]
      return (1 - part) * inside + part * bumps(8.0)
    if self.kind == 'twice':
      return ring(4 * np.pi * u)
    return ring(2 * np.pi * u)
