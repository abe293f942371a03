"""IDX files, the format of MNIST: http://yann.lecun.com/exdb/mnist, "the IDX file format".

Two zero bytes, a byte for the type, a byte for the number of axes, the size of each axis in four
bytes, then the numbers; all of it big-endian.  The file may be compressed by gzip.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from fastnn._checks import path as checked_path
from fastnn.errors import DataFileError

__all__ = ["read_idx"]

_File = BinaryIO | gzip.GzipFile

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Reads an array from an IDX file, as it is or compressed by gzip.

    Args:
        path: the file; its content counts, not its suffix.

    Returns:
        The array, of the type in the file: uint8 for images and labels of MNIST.

    Raises:
        DataFileError: it is no IDX file, is cut off, goes on after its end, or was damaged.
    """
    path = checked_path("read_idx", "path", path)  # open takes the numbers of open files, too
    with open(path, "rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path, "rb") if compressed else open(path, "rb") as file:
            return _read(file)
    except (EOFError, ValueError, zlib.error, gzip.BadGzipFile) as error:
        raise DataFileError(f"{os.fspath(path)}: {error}"[:390]) from None


def _read(file: _File) -> NDArray[Any]:
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _TYPES or not head[3]:
        raise DataFileError(
            f"not an IDX file: it begins with {head.hex(' ')}, expected 00 00, a type (08 for "
            "bytes) and the number of axes"
        )
    sizes = file.read(4 * head[3])
    if len(sizes) < 4 * head[3]:
        raise DataFileError(f"cut off among the sizes of its {head[3]} axes")
    shape = tuple(np.frombuffer(sizes, ">u4").tolist())
    kind = np.dtype(_TYPES[head[2]])
    content = _exactly(file, math.prod(shape) * kind.itemsize, shape)
    return np.frombuffer(content, kind).reshape(shape).astype(kind.newbyteorder("="), copy=False)


def _exactly(file: _File, size: int, shape: tuple[int, ...]) -> bytearray:
    """Return the rest of a file, of which nothing is read that its shape does not need."""
    content = bytearray()
    while len(content) <= size:  # in pieces: the size is what the file says, not what it has
        piece = file.read(min(size + 1 - len(content), 1 << 24))
        if not piece:
            break
        content += piece
    if len(content) != size:
        found = "more" if len(content) > size else str(len(content))
        raise DataFileError(f"its shape {shape} needs {size} bytes, there are {found}")
    return content
