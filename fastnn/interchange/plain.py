"""Files of named arrays and nothing else: NumPy's npz, and safetensors."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from fastnn._typing import Array
from fastnn.data.npz import arrays_of
from fastnn.errors import DataFileError, ModelFileError
from fastnn.extras import require

__all__ = ["as_float32", "pieces", "read"]

#: What a compressed npz may become: bytes of any, and times the size of the file.
_FREE, _EXPANSION = 1 << 24, 8

#: safetensors' names of types -> NumPy's; BF16 is the upper half of a float32.
_TYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U8": "|u1",
    "BOOL": "|b1",
}


def read(file: BinaryIO, size: int, kind: str) -> dict[str, Array]:
    """Return the arrays of a file by name.

    Args:
        file: where to read from.
        size: the bytes that there are.
        kind: ``"npz"`` or ``"safetensors"``.

    Raises:
        ModelFileError: if it is damaged, or holds what is no array of numbers.
        ImportError: if the library for it is missing.
    """
    if kind == "safetensors":
        return _read_safetensors(file.read(size))
    try:
        return arrays_of(file, most=_FREE + _EXPANSION * size)
    except DataFileError as error:
        raise ModelFileError(str(error)) from None


def pieces(kind: str, arrays: Mapping[str, Array]) -> Iterator[bytes]:
    """Yield the content of a file of arrays.

    Args:
        kind: ``"npz"`` or ``"safetensors"``.
        arrays: by name.
    """
    yield _npz(arrays) if kind == "npz" else _safetensors(arrays)


def _npz(arrays: Mapping[str, Array]) -> bytes:
    """Return what ``numpy.savez`` writes, whatever the names."""
    import zipfile  # slow to import

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asarray(array, order="C"), allow_pickle=False)
    return content.getvalue()


def _safetensors(arrays: Mapping[str, Array]) -> bytes:
    library = require("safetensors.numpy", "a .safetensors file")
    whole = {name: np.asarray(each, order="C") for name, each in arrays.items()}  # also of no axis
    content: bytes = library.save(whole)
    return content


def _read_safetensors(content: bytes) -> dict[str, Array]:
    library = require("safetensors", "a .safetensors file")
    try:
        # the library holds all offsets against the size before it makes anything
        found = library.deserialize(content)
    except library.SafetensorError as error:
        raise ModelFileError(f"not a safetensors file, or damaged: {error}"[:300]) from None
    return {name: _array(name, tensor) for name, tensor in found}


def _array(name: str, tensor: Mapping[str, Any]) -> Array:
    kind = str(tensor["dtype"])
    if kind not in _TYPES:
        raise ModelFileError(
            f"the tensor {name!r:.80} is of the type {kind}, not one of {', '.join(_TYPES)}"
        )
    array = np.frombuffer(tensor["data"], _TYPES[kind])
    shape = tuple(tensor["shape"])
    if array.size != math.prod(shape):
        raise ModelFileError(f"the tensor {name!r:.80} is not as long as its shape {shape} says")
    return as_float32(array.reshape(shape)) if kind == "BF16" else array.reshape(shape)


def as_float32(halves: Array) -> Array:
    """Return bfloat16, given as whole numbers of 16 bits, as float32."""
    return (halves.astype(np.uint32) << np.uint32(16)).view(np.float32)
