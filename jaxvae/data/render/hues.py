"""Colours round the circle of hues, as bytes."""

import numpy as np


def table(count: int) -> tuple[tuple[int, int, int], ...]:
  """Hues k / count of full saturation and value, HSV (h, 1, 1) as RGB bytes.

  The last is as far from the first as any other two neighbours, up to rounding.
  """
  hue = np.arange(count)[:, None] / count
  # [Smith, "Color gamut transform pairs", 1978]: each channel is a trapezium.
  k = (np.array([5, 3, 1]) + 6 * hue) % 6
  rgb = 1 - np.clip(np.minimum(k, 4 - k), 0, 1)
  return tuple(map(tuple, np.rint(255 * rgb).astype(int).tolist()))
