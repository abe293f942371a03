"""Pickles that hold plain data, read without running anything.

A pickle is a program, and Python's own reader runs it.  This one knows the few instructions that
dicts, lists, tuples, bytes, text, whole numbers and NumPy arrays of bytes need, and does itself
what the pickles of such arrays ask NumPy for; any other instruction, and any other name, is
refused.  So whatever a file holds, nothing comes out but such data, and nothing is imported or
called.
"""

from __future__ import annotations

import math
import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.errors import DataFileError

__all__ = ["read_pickle"]

#: What the pickles of an array name, and what is made for it here.
_KNOWN = {
    "numpy.core.multiarray _reconstruct": "array",
    "numpy._core.multiarray _reconstruct": "array",
    "numpy ndarray": "ndarray",
    "numpy dtype": "dtype",
    # of bytes, in pickles of protocol 2 that Python 3 wrote
    "_codecs encode": "encode",
    "__builtin__ bytes": "no bytes",
}


class _Name:
    """A name in ``_KNOWN``; it cannot be called."""

    def __init__(self, what: str):
        self.what = what


class _Array:
    """An array whose content comes in a later instruction."""

    value: Any = None


class _Bytes:
    """The type of an array's elements: bytes."""


_MARK = object()


def read_pickle(content: bytes) -> Any:
    """Return what a pickle holds: dicts, lists, tuples, bytes, text, whole numbers, ``None``, truth
    values, and NumPy arrays of uint8.

    Args:
        content: the bytes of the file.

    Raises:
        DataFileError: if it holds anything else, or is no pickle.
    """
    machine = _Machine()
    try:
        for op, argument, _ in pickletools.genops(content):
            if op.name != "STOP":
                machine.do(op.name, argument)
        return _Finish()(machine.result())
    except DataFileError:
        raise
    except Exception as error:  # whatever a made-up file leads to
        raise DataFileError(f"not a pickle of plain data: {error!r}"[:300]) from None


class _Machine:
    """The stack and the memo of a pickle."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def do(self, name: str, argument: Any) -> None:
        """Carry out an instruction."""
        if name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name]())
        elif name in _LITERALS:
            self._stack.append(_LITERALS[name](argument))
        elif name in _BY_NAME:
            _BY_NAME[name](self, argument)
        elif name not in ("PROTO", "FRAME"):
            raise DataFileError(f"the pickle has the instruction {name}, which plain data does not")

    def result(self) -> Any:
        """Return what is left."""
        (value,) = self._stack
        return value

    def _since_mark(self) -> list[Any]:
        at = len(self._stack) - 1 - self._stack[::-1].index(_MARK)
        found, self._stack[at:] = self._stack[at + 1 :], []
        return found

    def _last(self, count: int) -> list[Any]:
        if len(self._stack) < count:
            raise DataFileError("the pickle takes more than it has")
        found = self._stack[len(self._stack) - count :]
        del self._stack[len(self._stack) - count :]
        return found

    def mark(self, argument: Any) -> None:
        self._stack.append(_MARK)

    def pop(self, argument: Any) -> None:
        self._stack.pop()

    def put(self, argument: Any) -> None:
        self._memo[len(self._memo) if argument is None else argument] = self._stack[-1]

    def get(self, argument: Any) -> None:
        self._stack.append(self._memo[argument])

    def tuple_of(self, count: int | None) -> None:
        self._stack.append(tuple(self._since_mark() if count is None else self._last(count)))

    def append(self, items: list[Any]) -> None:
        _plain(self._stack[-1], list).extend(items)

    def set_items(self, pairs: list[Any]) -> None:
        target = _plain(self._stack[-1], dict)
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if type(key) not in (bytes, str, int):  # of nested tuples a hash can take for ever
                raise DataFileError(f"the pickle has a key of type {type(key).__name__}")
            target[key] = value

    def dict_of(self, argument: Any) -> None:
        pairs = self._since_mark()
        self._stack.append({})
        self.set_items(pairs)

    def name(self, argument: Any) -> None:
        if argument is None:  # STACK_GLOBAL
            argument = " ".join(_plain(each, str) for each in self._last(2))
        if argument not in _KNOWN:
            raise DataFileError(f"the pickle names {argument[:80]!r}, which is not data")
        self._stack.append(_Name(_KNOWN[argument]))

    def reduce(self, argument: Any) -> None:
        name, arguments = self._last(2)
        what = _plain(name, _Name).what
        if what == "array":
            self._stack.append(_Array())
        elif what == "no bytes" and arguments == ():
            self._stack.append(b"")
        elif what == "dtype" and arguments[0] in ("u1", b"u1"):
            self._stack.append(_Bytes())
        elif what == "encode" and arguments[1] in ("latin1", "latin-1"):
            self._stack.append(_plain(arguments[0], str).encode("latin-1"))
        else:
            raise DataFileError(f"the pickle makes a {what} of {str(arguments)[:60]}")

    def build(self, argument: Any) -> None:
        (state,) = self._last(1)
        target = self._stack[-1]
        if isinstance(target, _Bytes):
            return  # its state says that bytes have no order
        array = _plain(target, _Array)
        _, shape, kind, by_columns, content = _plain(state, tuple)
        _plain(kind, _Bytes)
        array.value = _array(shape, bool(by_columns), _plain(content, bytes))


_CONSTANTS: dict[str, Callable[[], Any]] = {
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
}


def _raw(text: str) -> bytes:
    """Return a string of Python 2, which pickletools shows as text."""
    return text.encode("latin-1")


_LITERALS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4"), int),
    **dict.fromkeys(("SHORT_BINSTRING", "BINSTRING"), _raw),
    **dict.fromkeys(("SHORT_BINBYTES", "BINBYTES", "BINBYTES8"), bytes),
    **dict.fromkeys(("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"), str),
    "STRING": _raw,
}

_BY_NAME: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine.put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.get),
    "TUPLE": lambda m, _: m.tuple_of(None),
    "TUPLE1": lambda m, _: m.tuple_of(1),
    "TUPLE2": lambda m, _: m.tuple_of(2),
    "TUPLE3": lambda m, _: m.tuple_of(3),
    "LIST": lambda m, _: m._stack.append(m._since_mark()),
    "DICT": _Machine.dict_of,
    "APPEND": lambda m, _: m.append(m._last(1)),
    "APPENDS": lambda m, _: m.append(m._since_mark()),
    "SETITEM": lambda m, _: m.set_items(m._last(2)),
    "SETITEMS": lambda m, _: m.set_items(m._since_mark()),
    **dict.fromkeys(("GLOBAL", "STACK_GLOBAL"), _Machine.name),
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
}


def _plain(value: Any, kind: type) -> Any:
    """Return a value if it is of a kind."""
    if type(value) is not kind:
        raise DataFileError(f"the pickle has {type(value).__name__} where {kind.__name__} goes")
    return value


def _array(shape: Any, by_columns: bool, content: bytes) -> Any:
    sizes = [_plain(size, int) for size in _plain(shape, tuple)]
    if any(size < 0 for size in sizes) or math.prod(sizes) != len(content):
        raise DataFileError(f"the pickle's array {shape} does not have {len(content)} bytes")
    flat = np.frombuffer(content, np.uint8)
    return flat.reshape(sizes, order="F" if by_columns else "C").copy()


class _Finish:
    """Puts arrays in the place of what stood for them; what is there twice stays so."""

    def __init__(self) -> None:
        self._done: dict[int, Any] = {}

    def __call__(self, value: Any) -> Any:
        """Return the data that ``value`` stands for."""
        if not isinstance(value, list | tuple | dict | _Array | _Name | _Bytes):
            return value
        if id(value) not in self._done:
            self._done[id(value)] = _MARK
            self._done[id(value)] = self._made_of(value)
        if self._done[id(value)] is _MARK:
            raise DataFileError("the pickle holds itself")
        return self._done[id(value)]

    def _made_of(self, value: Any) -> Any:
        if isinstance(value, _Array):
            if value.value is None:
                raise DataFileError("the pickle has an array without content")
            return value.value
        if isinstance(value, list | tuple):
            return type(value)(map(self, value))
        if isinstance(value, dict):
            return {key: self(each) for key, each in value.items()}
        raise DataFileError("the pickle holds a name instead of data")
