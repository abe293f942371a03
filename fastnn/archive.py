"""Archives: a zip of stored arrays and one JSON text, in NumPy's npz layout.

``numpy.load(path, allow_pickle=False)`` opens one.  There is one way to write an archive: headers
hold nothing that does not follow from names, types, shapes and contents, and entries lie side by
side.  A reader makes the headers anew and compares, so that it trusts no number that it has not
checked, and understands nothing that the writer does not write: no compression, no types of Python
objects, no gaps.  Every entry has a SHA-256 in the JSON text, whose own comes at its end; that of
the whole file is the zip's comment.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from fastnn._typing import Array
from fastnn.errors import ModelFileError

__all__ = ["parse", "pieces", "read", "seal"]

_CONFIG = "config.npy"
_SEAL = 64  # hexadecimal digits of a SHA-256
_CHUNK = 1 << 22  # bytes that are read, and hashed, between two looks at signals
_BIG = 0xFFFFFFFF  # what a field of 32 bits says if the number is in a field of 64
_MANY = 0xFFFF
_TYPES = ("<f4", "<f8", "<i4", "<i8", "|u1")
_DEPTH = 64  # of lists and dicts in the JSON text

_LOCAL = struct.Struct("<4s2B4HL2L2H")
_CENTRAL = struct.Struct("<4s4B4HL2L5H2L")
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_PLAIN, _UTF_8, _LARGE = 20, 0x800, 45  # version needed; flag of names; version for 64 bits
_STORED = (0, 0, 33)  # method, time, date: 1 January 1980, as zipfile writes without a date

_NPY = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    rb"\{'descr': '([^'\\]{1,20})', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,19}(?:, |,|(?=\))))*)\), \} *\n"
)

#: How files of other formats begin.
_FOREIGN = {
    b"": "it is empty",
    b"\x89HDF": "it is an HDF5 file, as Keras writes for .h5",
    b"\x93NUM": "it is a single array",
    b"PK\5\6": "it is an empty zip",
}


def _begun(magic: bytes) -> str:
    """Return what begins with some bytes that are no sign of a kind of file."""
    if magic[:1] == b"\x80":
        return "it is a pickle, which could run any code"
    text = magic.removeprefix(b"\xef\xbb\xbf").translate(None, b"\t\r\n")
    if text.isascii() and text.decode().isprintable():
        return "it is text; `fastnn train --save` makes a model of a table"
    return "its beginning is another, or damaged"


class Entry(NamedTuple):
    """What the headers of a zip say of an entry."""

    name: str
    crc: int
    size: int
    offset: int


# ---- headers -------------------------------------------------------------------------------------


def _common(entry: Entry, extra: bytes, narrow: int) -> tuple[int, ...]:
    """Return what both headers of an entry hold in a row, from the flags on."""
    name = entry.name.encode()
    flags = 0 if entry.name.isascii() else _UTF_8
    return (flags, *_STORED, entry.crc, narrow, narrow, len(name), len(extra))


def _local(entry: Entry) -> bytes:
    """Return the header before the content of an entry."""
    large = entry.size >= _BIG
    extra = struct.pack("<2H2Q", 1, 16, entry.size, entry.size) if large else b""
    common = _common(entry, extra, _BIG if large else entry.size)
    version = _LARGE if large else _PLAIN
    return _LOCAL.pack(b"PK\3\4", version, 0, *common) + entry.name.encode() + extra


def _central(entry: Entry) -> bytes:
    """Return the header of an entry in the directory."""
    large = entry.size >= _BIG
    wide = [entry.size] * 2 * large + [entry.offset] * (entry.offset >= _BIG)
    extra = struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    common = _common(entry, extra, _BIG if large else entry.size)
    version = _LARGE if wide else _PLAIN
    rest = (0, 0, 0, 0o600 << 16, min(entry.offset, _BIG))
    packed = _CENTRAL.pack(b"PK\1\2", version, 3, version, 0, *common, *rest)
    return packed + entry.name.encode() + extra


def _directory(entries: list[Entry], at: int) -> bytes:
    """Return the directory of an archive, which begins at byte ``at``, up to the comment."""
    central = b"".join(map(_central, entries))
    count, size, wide = len(entries), len(central), b""
    if count >= _MANY or size >= _BIG or at >= _BIG:
        wide = _END_64.pack(
            b"PK\6\6", 44, _LARGE, _LARGE, 0, 0, count, count, size, at
        ) + _LOCATOR.pack(b"PK\6\7", 0, at + size, 1)
    counts = (min(count, _MANY),) * 2
    end = _END.pack(b"PK\5\6", 0, 0, *counts, min(size, _BIG), min(at, _BIG), _SEAL)
    return central + wide + end


def _npy_header(descr: str, shape: tuple[int, ...]) -> bytes:
    """Return the header of an array, as NumPy writes it."""
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    growth = 21 - len(repr(shape[0])) if shape else 0  # NumPy's room for more rows
    padded = -(-(len(_NPY) + 2 + len(text) + growth + 1) // 64) * 64 - len(_NPY) - 2
    return _NPY + struct.pack("<H", padded) + text.ljust(padded - 1).encode() + b"\n"


# ---- writing -------------------------------------------------------------------------------------


def pieces(config: Mapping[str, Any], arrays: Mapping[str, Array]) -> Iterator[bytes | memoryview]:
    """Yield the bytes of an archive, those of the arrays where they lie.

    Args:
        config: what JSON can hold.
        arrays: by their names, such as ``"weights/dense/kernel"``.

    Raises:
        ValueError: if the config is larger than a reader would take.
    """
    whole, at = hashlib.sha256(), 0
    entries: list[Entry] = []
    digests: dict[str, str] = {}

    def count(piece: bytes | memoryview) -> bytes | memoryview:
        nonlocal at
        whole.update(piece)
        at += len(piece)
        return piece

    def entry(name: str, header: bytes, content: memoryview) -> Iterator[bytes | memoryview]:
        crc = zlib.crc32(content, zlib.crc32(header))
        entries.append(Entry(name, crc, len(header) + len(content), at))
        for piece in (_local(entries[-1]) + header, content):
            yield count(piece)

    for name, array in arrays.items():
        array = np.asarray(array, order="C")
        if array.dtype.str not in _TYPES:
            raise TypeError(f"{name}: no file holds an array of {array.dtype}")
        header, content = _npy_header(array.dtype.str, array.shape), _bytes_of(array)
        digest = hashlib.sha256(header)
        digest.update(content)
        digests[f"{name}.npy"] = digest.hexdigest()
        yield from entry(f"{name}.npy", header, content)
    text = json.dumps({**config, "sha256": digests}).encode()
    _check_text(text, at + len(text), ValueError)
    sealed = np.frombuffer(seal(text), np.uint8)
    yield from entry(_CONFIG, _npy_header("|u1", sealed.shape), _bytes_of(sealed))
    yield count(_directory(entries, at))
    yield whole.hexdigest().encode()


def _bytes_of(array: Array) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def seal(content: bytes) -> bytes:
    """Return ``content`` with its SHA-256 after it."""
    return content + hashlib.sha256(content).hexdigest().encode()


# ---- reading -------------------------------------------------------------------------------------


def read(file: BinaryIO, size: int) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the config and the arrays of an archive, whole and unchanged.

    It allocates no more than the arrays, whose sizes are held against that of the file before, and
    some megabytes.

    Args:
        file: where to read from.
        size: the bytes that there are.

    Raises:
        ModelFileError: if it is no archive, or not as it was written; says which entry.
    """
    source = _Source(file, size)
    entries: list[Entry] = []
    arrays: dict[str, Array] = {}
    digests: dict[str, str] = {}
    while _CONFIG not in digests:
        entry = source.entry(first=not entries)
        if len(entries) >= 4096 + size // 512:
            raise ModelFileError("it has more entries than a model of this size can have")
        if entry.name in digests:
            raise ModelFileError(f"two entries have the same name, {entry.name!r}")
        if entry.name == _CONFIG and entry.size > _most_text(size):
            raise ModelFileError(f"the config is larger than it can be: {entry.size:,} bytes")
        arrays[entry.name], digests[entry.name] = source.array(entry)
        entries.append(entry)
    source.end(entries)
    config = _config(arrays.pop(_CONFIG), size)
    del digests[_CONFIG]
    _compare(digests, config.pop("sha256", None))
    return config, {name.removesuffix(".npy"): array for name, array in arrays.items()}


class _Source:
    """A file that is read once, from its beginning, and hashed meanwhile."""

    def __init__(self, file: BinaryIO, size: int):
        self._file, self._size, self._at = file, size, 0
        self._whole = hashlib.sha256()

    def take(self, count: int, what: str) -> bytes:
        """Return the next bytes."""
        if count > self._size - self._at:
            raise ModelFileError(self._truncated(what, self._size - self._at, count))
        taken = self._file.read(count)
        if len(taken) != count:
            raise ModelFileError(self._truncated(what, len(taken), count))
        self._whole.update(taken)
        self._at += count
        return taken

    @staticmethod
    def _truncated(what: str, there: int, count: int) -> str:
        return f"the file is truncated: of {what} there are {there:,} of {count:,} bytes"

    def entry(self, first: bool) -> Entry:
        """Return what the next header says, which has to be one that the writer writes."""
        offset = self._at
        what = "the header of the first entry" if first else "the header of the next entry"
        self._recognise(self.take(min(4, self._size) if first else 4, what), first)
        fields = _LOCAL.unpack(b"PK\3\4" + self.take(_LOCAL.size - 4, what))
        _, version, _, flags, method, _, _, crc, packed, size, length, rest = fields
        raw = self.take(length, what)
        extra = self.take(rest, what)
        try:
            name = raw.decode("utf-8" if flags & _UTF_8 else "ascii")
        except UnicodeDecodeError:
            raise ModelFileError(f"the name of an entry, {raw[:40]!r}, is no text") from None
        _refuse_features(name, version, flags, method, packed != size)
        if size == _BIG and len(extra) == 20:
            size = struct.unpack("<4xQ8x", extra)[0]
        entry = Entry(name, crc, size, offset)
        if _local(entry) != _LOCAL.pack(*fields) + raw + extra:
            raise ModelFileError(
                f"the header of the entry {_shown(name)} is damaged, or not fastnn's"
            )
        return entry

    def _recognise(self, magic: bytes, first: bool) -> None:
        """Say what the beginning of something else is."""
        if magic == b"PK\3\4":
            return
        if not first:
            raise ModelFileError("the config is missing, or what comes before it is damaged")
        what = _FOREIGN.get(magic) or _begun(magic)
        raise ModelFileError(f"not a fastnn model file: {what}")

    def array(self, entry: Entry) -> tuple[Array, str]:
        """Return the array of an entry, and its SHA-256."""
        name = _shown(entry.name)
        if entry.size > self._size - self._at:
            left = self._size - self._at
            raise ModelFileError(self._truncated(f"the entry {name}", left, entry.size))
        header = self.take(min(entry.size, len(_NPY) + 2), name)
        length = int.from_bytes(header[len(_NPY) :], "little")
        header += self.take(min(entry.size - len(header), length), name)
        try:
            array = _room(header, entry.size)
        except ValueError as error:
            raise ModelFileError(f"the entry {name} is not such an array: {error}") from None
        return array, self._fill(entry, header, array)

    def _fill(self, entry: Entry, header: bytes, array: Array) -> str:
        """Read the numbers of an entry into an array; return the SHA-256 of the entry."""
        digest, crc = hashlib.sha256(header), zlib.crc32(header)
        room = _bytes_of(array)
        for begin in range(0, len(room), _CHUNK):
            part = room[begin : begin + _CHUNK]
            got = self._file.readinto(part)  # type: ignore[attr-defined]
            if got != len(part):
                what = f"the entry {_shown(entry.name)}"
                raise ModelFileError(self._truncated(what, begin + got, len(room)))
            digest.update(part)
            self._whole.update(part)
            crc = zlib.crc32(part, crc)
        self._at += len(room)
        if crc != entry.crc:
            raise ModelFileError(
                f"the entry {_shown(entry.name)} is damaged: its CRC-32 is another"
            )
        return digest.hexdigest()

    def end(self, entries: list[Entry]) -> None:
        """Compare what comes after the entries, which follows from them."""
        expected = _directory(entries, self._at)
        if self.take(len(expected), "the directory") != expected:
            raise ModelFileError("the directory of the entries is damaged, or not fastnn's")
        digest = self._whole.hexdigest().encode()
        if self.take(_SEAL, "the checksum") != digest:
            raise ModelFileError("the file is damaged between its entries: its SHA-256 is another")
        if self._at != self._size:
            raise ModelFileError(f"there are {self._size - self._at:,} bytes after the end")


def _refuse_features(name: str, version: int, flags: int, method: int, packed: bool) -> None:
    """Name what a zip may have and a model file has not."""
    found = {
        "is encrypted; model files are not": flags & 1,
        "is compressed; model files store their entries": method or packed,
        "has its size after its content; model files have it before": flags & 8,
        "needs a newer zip": version > _LARGE,
    }
    for what, there in found.items():
        if there:
            raise ModelFileError(f"the entry {_shown(name)} {what}")
    parts = name.split("/")
    if not name.endswith(".npy") or not name.isprintable() or {"", ".", ".."} & set(parts):
        raise ModelFileError(f"an entry has the name {_shown(name)}, which no array of a model has")


def _shown(name: str) -> str:
    """Return the name of an entry for a message."""
    return repr(name if len(name) <= 80 else f"{name[:77]}...")


def _room(header: bytes, size: int) -> Array:
    """Return an array that an entry of ``size`` bytes with this header fills.

    NumPy's own reader evaluates the header, and allocates what it says.
    """
    found = _HEADER.fullmatch(header, len(_NPY) + 2)
    if not header.startswith(_NPY) or found is None:
        raise ValueError("it does not begin as NumPy's arrays of version 1.0 do")
    descr, fortran, dims = found.groups()
    if descr.decode("latin-1") not in _TYPES:
        raise ValueError(f"its type is {descr.decode('latin-1')!r}, not one of {', '.join(_TYPES)}")
    if fortran == b"True":
        raise ValueError("it is in Fortran's order")
    shape = tuple(int(n) for n in re.findall(rb"\d+", dims))
    dtype = np.dtype(descr.decode())
    if len(shape) > 32 or math.prod(shape) * dtype.itemsize != size - len(header):
        raise ValueError(f"its shape {str(shape)[:60]} does not go with its {size:,} bytes")
    if _npy_header(dtype.str, shape) != header:
        raise ValueError("its header is not as NumPy writes it")
    return np.empty(shape, dtype)


# ---- the JSON text -------------------------------------------------------------------------------


def _most_text(size: int) -> int:
    """Return the bytes that the JSON text of a file may have: parsed, it takes several times as
    much."""
    return (1 << 20) + size // 8


def _check_text(text: bytes, size: int, error: type[ValueError]) -> None:
    """Refuse a text that takes too much memory once it is parsed, before it is."""
    containers = text.count(b"[") + text.count(b"{") + text.count(b":")
    if len(text) > _most_text(size) - 1024 or containers > 16_000 + size // 64:
        raise error(f"the config has {len(text):,} bytes, more than one of a model can have")
    if text.count(b",") > 40_000 + size // 16:
        raise error(f"the config has {text.count(b','):,} values, more than a model can have")
    if not text.isascii():
        raise error("the config has characters that are not ASCII; JSON can escape them")


def _config(array: Array, size: int) -> dict[str, Any]:
    """Return what the JSON text of an archive says."""
    text = array[:-_SEAL].tobytes() if array.dtype == np.uint8 and array.ndim == 1 else b""
    if hashlib.sha256(text).hexdigest().encode() != array[-_SEAL:].tobytes():
        raise ModelFileError("the config is damaged: its SHA-256 is another")
    return parse(text, size)


def parse(text: bytes, size: int) -> dict[str, Any]:
    """Return what a JSON text says.

    Args:
        text: the text.
        size: the bytes of the file that it comes from, which limit what it may take.

    Raises:
        ModelFileError: if it is no JSON object, or too large or too deep for such a file.
    """
    _check_text(text, size, ModelFileError)
    try:
        config = json.loads(text.decode("ascii"), object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"the config is no JSON: {error}"[:200]) from None
    if not isinstance(config, dict):
        raise ModelFileError("the config is no JSON object")
    _check_depth(config)
    return config


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; readers would differ on which of two equal keys counts."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ModelFileError(f"the config has the key {key[:60]!r} twice")
        found[key] = value
    return found


def _check_depth(config: dict[str, Any]) -> None:
    level: list[Any] = [config]
    for _ in range(_DEPTH):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise ModelFileError(f"the config is nested deeper than {_DEPTH} levels")


def _compare(found: dict[str, str], known: Any) -> None:
    """Compare the entries with what the config knows of them."""
    if not isinstance(known, dict):
        raise ModelFileError("the config does not list the entries: it has no 'sha256'")
    for name in (*known, *found):
        if name not in found:
            raise ModelFileError(f"the entry {_shown(name)} is missing")
        if name not in known:
            raise ModelFileError(f"the config does not know the entry {_shown(name)}")
        if found[name] != known[name]:
            raise ModelFileError(f"the entry {_shown(name)} is damaged: its SHA-256 is another")
