"""NumPy's npz files, read without running code and without trusting the sizes that they claim."""

from __future__ import annotations

import io
import math
import os
import zlib

import numpy as np

from fastnn._checks import path as checked_path
from fastnn._typing import Array
from fastnn.errors import DataFileError

__all__ = ["read_npz"]

_READ_HEADER = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npz(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Reads the arrays of an npz file, as ``numpy.savez`` and ``numpy.savez_compressed`` write it.

    Args:
        path: the file.

    Returns:
        The arrays by name.

    Raises:
        DataFileError: it is no npz file, was damaged, or holds objects: those need pickles, which
            can run code.
    """
    import zipfile  # slow to import

    path = checked_path("read_npz", "path", path)  # ZipFile takes open files, too
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".npy")]
            return {name.removesuffix(".npy"): _array(name, archive.read(name)) for name in names}
    except (zipfile.BadZipFile, EOFError, zlib.error, RuntimeError, ValueError) as error:
        raise DataFileError(f"{os.fspath(path)}: {error}"[:390]) from None


def _array(name: str, content: bytes) -> Array:
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        if version not in _READ_HEADER:
            raise DataFileError(f"the entry {name!r} has the unknown version {version}")
        shape, by_columns, dtype = _READ_HEADER[version](file)
    except ValueError as error:
        raise DataFileError(f"the entry {name!r} is not an array: {error}"[:200]) from None
    if dtype.hasobject:
        raise DataFileError(f"the entry {name!r} holds objects; save it as numbers or text")
    if math.prod(shape) * dtype.itemsize != len(content) - file.tell():
        raise DataFileError(f"the entry {name!r} is not as long as its shape {shape} says")
    flat = np.frombuffer(content, dtype, offset=file.tell())
    return flat.reshape(shape, order="F" if by_columns else "C").copy()
