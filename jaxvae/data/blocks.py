"""Runs of consecutive images, as they are generated, stored and served."""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np


class Block(NamedTuple):
  """Some consecutive images.

  Attributes:
    rows: `[n, row]` uint8, one image a row: its pixels, or its bits packed.
    factors: `[n, f]` int32 classes, or float32 where some are continuous or
      unknown; None if the data set is a whole grid.
  """

  rows: np.ndarray
  factors: np.ndarray | None


def regroup(blocks: Iterator[Block], size: int) -> Iterator[Block]:
  """The same images in blocks of `size`; the last may be shorter."""
  waiting: list[Block] = []
  count = 0
  for block in blocks:
    for start in range(0, len(block.rows), size):
      part = cut(block, start, start + size)
      waiting.append(part)
      count += len(part.rows)
      if count >= size:
        joined = join(waiting)
        yield cut(joined, 0, size)
        waiting = [cut(joined, size, count)] if count > size else []
        count -= size
  if count:
    yield join(waiting)


def cut(block: Block, start: int, stop: int) -> Block:
  """Images `start ... stop - 1` of a block."""
  factors = None if block.factors is None else block.factors[start:stop]
  return Block(block.rows[start:stop], factors)


def join(blocks: list[Block]) -> Block:
  """Blocks one after the other as one."""
  if len(blocks) == 1:
    return blocks[0]
  rows = np.concatenate([block.rows for block in blocks])
  if blocks[0].factors is None:
    return Block(rows, None)
  return Block(rows, np.concatenate([block.factors for block in blocks]))


class Digest:
  """sha256 of rows and of factors, whatever the block size.

  Attributes:
    size: rows taken in.
  """

  def __init__(self, about: str = ''):
    """Args: about: text that is part of the data, '' for none."""
    self._about = about
    self._rows = hashlib.sha256()
    self._factors = hashlib.sha256()
    self.size = 0

  def update(self, block: Block) -> None:
    """Takes in the next block."""
    self.size += len(block.rows)
    self._rows.update(np.ascontiguousarray(block.rows))
    if block.factors is not None:
      kind = '<f4' if block.factors.dtype.kind == 'f' else '<i4'
      self._factors.update(np.ascontiguousarray(block.factors, kind))

  def hex(self) -> str:
    """The sha256 of everything taken in."""
    parts = self._rows.digest() + self._factors.digest() + self._about.encode()
    return hashlib.sha256(parts).hexdigest()
