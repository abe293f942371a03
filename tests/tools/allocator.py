"""NumPy's allocations counted, and refused on demand (NEP 49): running out of memory, in tests."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np

SOURCE = Path(__file__).with_name("allocator.c")
SET_HANDLER = 304  # the place of PyDataMem_SetHandler in numpy/__multiarray_api.h

api = ctypes.pythonapi
api.PyCapsule_New.restype = ctypes.py_object
api.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
api.PyCapsule_GetPointer.restype = ctypes.c_void_p
api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


class Allocator:
    """The compiled handler.

    Args:
        folder: where to compile it.
    """

    def __init__(self, folder: Path):
        library = folder / "allocator.so"
        compiler = os.environ.get("CC", "cc").split()
        subprocess.run(
            [*compiler, "-shared", "-fPIC", "-O1", str(SOURCE), "-o", str(library)], check=True
        )
        # Arrays outlive us and are freed by its code: it is never unloaded.
        self._library = ctypes.CDLL(str(library))
        address = ctypes.addressof(ctypes.c_char.in_dll(self._library, "handler"))
        self._capsule = api.PyCapsule_New(address, b"mem_handler", None)
        table = np._core._multiarray_umath._ARRAY_API  # type: ignore[attr-defined]
        pointers = ctypes.cast(
            api.PyCapsule_GetPointer(table, None), ctypes.POINTER(ctypes.c_void_p)
        )
        kind = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)
        self._set = kind(pointers[SET_HANDLER])

    def _number(self, name: str) -> ctypes.c_int64:
        return ctypes.c_int64.in_dll(self._library, name)

    @property
    def live_bytes(self) -> int:
        """Bytes of the arrays made under this handler that still live."""
        return self._number("live_bytes").value

    @contextlib.contextmanager
    def counting(self) -> Iterator[None]:
        """Within it arrays come from this handler, in this thread."""
        before = self._set(self._capsule)
        try:
            yield
        finally:
            self._set(before)

    @contextlib.contextmanager
    def refusing(self, number: int, for_ever: bool) -> Iterator[None]:
        """Within it allocation ``number``, from 0, is refused, and all later ones if so asked."""
        allowed = self._number("allowed")
        with self.counting():
            self._number("refused").value = 0
            self._number("for_ever").value = int(for_ever)
            allowed.value = number
            try:
                yield
            finally:
                allowed.value = -1

    @property
    def refused(self) -> int:
        """How many allocations were refused in the last ``refusing``."""
        return self._number("refused").value
