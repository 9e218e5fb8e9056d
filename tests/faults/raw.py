"""Bytes of files that no library would write."""

import struct
import zlib


def npy_header(
  shape: tuple, descr: str = '|u1', fortran: bool = False
) -> bytes:
  """The start of an .npy file, version 1.0. [NEP 1]"""
  said = {'descr': descr, 'fortran_order': fortran, 'shape': shape}
  text = f'{said!r}'.encode()
  text += b' ' * (-(len(text) + 11) % 64) + b'\n'
  return b'\x93NUMPY\x01\x00' + struct.pack('<H', len(text)) + text


def zip_of(
  name: str,
  content: bytes,
  *,
  zeros: int = 0,
  whole: bool = True,
  method: int | None = None,
) -> bytes:
  """A zip archive of one file. [APPNOTE 6.3.10]

  Args:
    name: of the file in it.
    content: of the file.
    zeros: so many follow it; then the file is deflated.
    whole: the zeros are there, else they are only announced.
    method: number of the way in which the file is said to be packed.
  """
  packed, kind = content, 0
  if zeros:
    kind = 8
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(content) + packer.flush(zlib.Z_FULL_FLUSH)
    # Nothing reaches across a full flush, so a piece may be said again.
    piece = packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)
    packed += piece * (zeros >> 24 if whole else 16) + packer.flush()
  kind = kind if method is None else method
  checksum = zlib.crc32(content)  # of the zeros nobody gets to the end
  sizes = struct.pack('<QQ', len(content) + zeros, len(packed))
  more = struct.pack('<HH', 1, 16) + sizes  # zip64
  start = struct.pack(
    *('<HHHHHIIIHH', 45, 0, kind, 0, 33, checksum, 2**32 - 1, 2**32 - 1),
    *(len(name), len(more)),
  )
  file = b'PK\3\4' + start + name.encode() + more + packed
  entry = b'PK\1\2' + struct.pack('<H', 45) + start
  entry += struct.pack('<HHHII', 0, 0, 0, 0, 0) + name.encode() + more
  end = struct.pack('<HHHHIIH', 0, 0, 1, 1, len(entry), len(file), 0)
  return file + entry + b'PK\5\6' + end


def eps() -> bytes:
  """A drawing that Pillow would give to Ghostscript to run."""
  return (
    b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n'
    b'0 0 64 64 rectfill\nshowpage\n%%EOF\n'
  )
