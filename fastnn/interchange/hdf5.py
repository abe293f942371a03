"""HDF5 files of arrays in groups, read without trusting what they say, and written.

Links to other files, and arrays whose numbers are elsewhere, are refused; so is what is larger
than the bytes that are stored of it.  Nothing is read before somebody asks for it.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from fastnn._typing import Array
from fastnn.errors import ModelFileError
from fastnn.extras import require
from fastnn.interchange.plain import as_float32

__all__ = ["Group", "opened", "written"]

_DEPTH = 64  # of groups in groups

#: What h5py raises of damaged files.
_DAMAGED = (AttributeError, KeyError, OSError, OverflowError, RuntimeError, TypeError, ValueError)

#: Arrays, or groups of such, by name.
Group = Mapping[str, Any]


class Stored:
    """An array in an open file, which is read when it is indexed.

    Args:
        data: h5py's data set.
        size: the bytes of the file.

    Raises:
        ModelFileError: if it is not numbers that lie in the file, uncompressed.
    """

    def __init__(self, data: Any, size: int):
        self._data = data
        self.shape: tuple[int, ...] = tuple(data.shape or ())
        self._is_bfloat16 = data.dtype.kind == "V" and data.dtype.itemsize == 2
        name = f"the array {data.name[:80]!r}"
        if data.is_virtual or data.external:
            raise ModelFileError(f"{name} lies in other files, which is not allowed")
        if data.dtype.kind not in "fiub" and not self._is_bfloat16:
            raise ModelFileError(f"{name} holds {data.dtype!s:.40}, no numbers")
        stored = min(int(data.id.get_storage_size()), size)
        if data.shape is None or data.id.get_create_plist().get_nfilters() or data.nbytes > stored:
            raise ModelFileError(
                f"{name} has {data.nbytes:,} bytes, of which {stored:,} are stored: it is "
                "compressed or was never written, which weights that Keras writes are not"
            )

    def __getitem__(self, key: Any) -> Array:
        """Return the numbers, of which ``key`` selects some: ``()`` all."""
        with _damage():
            if self._is_bfloat16:
                halves: Array = np.asarray(self._data[()]).view("<u2")
                return np.asarray(as_float32(halves)[key])
            return np.asarray(self._data[key])


@contextlib.contextmanager
def opened(
    file: BinaryIO, size: int, named: bool = False
) -> Iterator[tuple[dict[str, Stored], dict[str, str]]]:
    """Hand out the arrays of an HDF5 file by their paths, and the names that its groups have.

    Args:
        file: the file, which has to stay open.
        size: its bytes.
        named: whether the names are wanted, for which HDF5 takes as much memory as a file says.

    Raises:
        ModelFileError: if it is damaged, or holds what no file of weights does.
        ImportError: if h5py is missing.
    """
    library = require("h5py", "a file of Keras's weights")
    with contextlib.ExitStack() as stack:
        with _damage():
            handle = stack.enter_context(library.File(file, "r"))
            arrays: dict[str, Stored] = {}
            names: dict[str, str] = {}
            for path, thing in _things(library, handle, size):
                if isinstance(thing, library.Dataset):
                    arrays[path] = Stored(thing, size)
                elif named and isinstance(name := thing.attrs.get("name"), str):
                    names[path] = name
        yield arrays, names


@contextlib.contextmanager
def _damage() -> Iterator[None]:
    """Say of what h5py raises that the file is damaged."""
    try:
        yield
    except ModelFileError:
        raise
    except _DAMAGED as error:
        raise ModelFileError(f"not an HDF5 file of weights, or damaged: {error}"[:300]) from error


def _things(library: Any, handle: Any, size: int) -> Iterator[tuple[str, Any]]:
    """Yield the groups and arrays of a file with their paths, each once."""
    waiting, seen = [("", handle, 0)], 0
    met: set[int] = set()
    while waiting:
        prefix, group, depth = waiting.pop()
        for name in group:
            path, seen = f"{prefix}{name}", seen + 1
            if not isinstance(group.get(name, getlink=True), library.HardLink):
                raise ModelFileError(f"{path[:80]!r} is a link, which is not allowed")
            thing = group[name]
            address = library.h5o.get_info(thing.id).addr
            if address in met or depth > _DEPTH or seen > 4096 + size // 64:
                raise ModelFileError(f"{path[:80]!r} is there twice, too deep, or one of too many")
            met.add(address)
            if isinstance(thing, library.Group):
                waiting.append((f"{path}/", thing, depth + 1))
            elif not isinstance(thing, library.Dataset):
                raise ModelFileError(f"{path[:80]!r} is neither a group nor an array")
            yield path, thing


def written(arrays: Mapping[str, Array], names: Iterable[tuple[str, str]]) -> bytes:
    """Return the content of an HDF5 file.

    Args:
        arrays: by their paths.
        names: paths of groups, and the names that they have.
    """
    library = require("h5py", "a file of Keras's weights")
    content = io.BytesIO()
    with library.File(content, "w") as handle:
        for path, name in names:
            handle.require_group(path).attrs["name"] = name
        for path, array in arrays.items():
            handle.create_dataset(path, data=array)
    return content.getvalue()
