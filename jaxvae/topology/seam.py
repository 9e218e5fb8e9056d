"""The seam test: does a decoder stay on the data all the way round?

A latent circle is swept and decoded. Where it had to be cut to hold what is no
circle, the decoder has to get from one end of the data to the other, and what
it draws on the way is far from every image. Measured on toys, the largest of
these distances is 1.3 to 1.5 times the median for loops, 20 and more for
segments, 25 and more for points. The speed of the decoder does not tell them
apart, because the posterior's noise smooths a seam.

Distances are Euclidean, over all pixels of an image. Plain NumPy arrays.
"""

from collections.abc import Callable

import numpy as np

_CHUNK = 1 << 22  # numbers in one block of distances


def off_data(decoded, images) -> np.ndarray:
  """From each decoded image to the nearest data image.

  Args:
    decoded: `[..., p]` pixels, flattened.
    images: `[n, p]` of the data; all of them, or so many that the nearest of
      them is near.

  Returns:
    `[...]` distances.
  """
  decoded, images = np.asarray(decoded), np.asarray(images)
  if images.ndim != 2 or not len(images) or decoded.ndim < 1:
    raise ValueError(
      f'images have shape {list(images.shape)}; allowed: [n, p] with n at '
      'least 1'
    )
  if decoded.shape[-1] != images.shape[1]:
    raise ValueError(
      f'decoded images have {decoded.shape[-1]} pixels and the data '
      f'{images.shape[1]}; allowed: the same'
    )
  # About a common centre the square of a difference loses fewer digits.
  centre = images.mean(axis=0)
  images = (images - centre).astype(np.float32)
  flat = decoded.reshape(-1, decoded.shape[-1])
  squares = np.einsum('np,np->n', images, images)
  found = np.empty(len(flat))
  step = max(1, _CHUNK // len(images))
  for at in range(0, len(flat), step):
    part = (flat[at : at + step] - centre).astype(np.float32)
    nearest = (squares - 2 * part @ images.T).argmin(axis=1)
    found[at : at + step] = np.linalg.norm(part - images[nearest], axis=1)
  return found.reshape(decoded.shape[:-1])


def off_cycle(decoded, again: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
  """From each decoded image to what the model makes of it.

  For data that are too many to search: off the data an autoencoder pulls back
  to them, on them it keeps what it is given.

  Args:
    decoded: `[..., p]` pixels, flattened.
    again: images `[m, p]` -> their reconstructions `[m, p]`.

  Returns:
    `[...]` distances.
  """
  decoded = np.asarray(decoded, np.float32)
  flat = decoded.reshape(-1, decoded.shape[-1])
  away = np.linalg.norm(flat - np.asarray(again(flat)), axis=1)
  return away.reshape(decoded.shape[:-1]).astype(np.float64)


def apart(decoded) -> np.ndarray:
  """Distances between the images of sweeps `[..., a, p]`: `[..., a, a]`."""
  decoded = np.asarray(decoded, np.float32)
  centred = decoded - decoded.mean(axis=-2, keepdims=True)
  products = centred @ np.swapaxes(centred, -1, -2)
  squares = np.diagonal(products, axis1=-2, axis2=-1)
  square = squares[..., :, None] + squares[..., None, :] - 2 * products
  return np.sqrt(np.maximum(square, 0.0)).astype(np.float64)


def ratio(off) -> float:
  """Largest over median of the distances `[a]`; 1 where all are zero."""
  off = np.asarray(off, np.float64)
  median = np.median(off)
  if median > 0:
    return float(off.max() / median)
  return 1.0 if off.max() == 0 else np.inf
