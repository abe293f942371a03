"""NumPy's npz files, read without running code and without trusting the sizes that they claim."""

from __future__ import annotations

import io
import math
import os
import zlib
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from fastnn._checks import path as checked_path
from fastnn._typing import Array
from fastnn.data.kinds import kind_of
from fastnn.errors import DataFileError

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

__all__ = ["arrays_of", "read_npz"]

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
    path = checked_path("read_npz", "path", path)  # ZipFile takes open files, too
    try:
        _refuse_others(path)
        return arrays_of(path)
    except DataFileError as error:
        raise DataFileError(f"{os.fspath(path)}: {error}"[:390]) from None


def _refuse_others(path: str) -> None:
    """Say what a file is that is no zip at all."""
    import zipfile  # slow to import

    if os.path.exists(path) and not zipfile.is_zipfile(path):
        what = kind_of(path) or "numpy.savez writes such files"
        raise DataFileError(f"no npz file of arrays: {what}")


def arrays_of(source: str | BinaryIO, most: float = math.inf) -> dict[str, Array]:
    """Return the arrays of an npz file by name.

    Args:
        source: its path, or the open file.
        most: the bytes that its entries may have once they are unpacked.

    Raises:
        DataFileError: as ``read_npz`` does; also if the entries have more bytes.
    """
    import zipfile  # slow to import

    try:
        with zipfile.ZipFile(source) as archive:
            entries = [each for each in archive.infolist() if each.filename.endswith(".npy")]
            if sum(entry.file_size for entry in entries) > most:
                raise DataFileError(f"unpacked, it has more than {most:,} bytes")
            return dict(_named(archive, entry) for entry in entries)
    except (zipfile.BadZipFile, EOFError, zlib.error, RuntimeError, ValueError) as error:
        raise DataFileError(str(error)[:300]) from None


def _named(archive: ZipFile, entry: ZipInfo) -> tuple[str, Array]:
    """Return the name and the array of an entry, which may be said to lie outside of the file."""
    try:
        content = archive.read(entry)
    except OSError as error:
        raise DataFileError(f"the entry {entry.filename!r} cannot be read: {error}"[:200]) from None
    return entry.filename.removesuffix(".npy"), _array(entry.filename, content)


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
