"""Which format a file has: its content says so, and a suffix where one is written."""

from __future__ import annotations

import os
from typing import BinaryIO

from fastnn import _checks
from fastnn.errors import ModelFileError

__all__ = ["FOREIGN", "FORMATS", "format_of", "format_to_write", "refuse_suffix"]

#: What files hold: fastnn's own archive, NumPy's npz, safetensors, Keras's HDF5, Keras's zip.
FORMATS = ("fastnn", "npz", "safetensors", "h5", "keras")

#: Suffixes that say how to write.  Keras's do not: see docs/differences.md.
_SUFFIXES = {".npz": "npz", ".safetensors": "safetensors"}

#: Suffixes of files that neither ``save`` nor ``save_weights`` writes -> what does.
FOREIGN = {
    ".onnx": "fastnn.onnx.export(model, path) writes ONNX",
    ".c": "fastnn.export_c(model, path) writes C",
    ".tflite": "fastnn.export_c(model, 'net.c') writes C, and fastnn.onnx.export ONNX",
    **dict.fromkeys(
        (".pt", ".pth"),
        "torch.save writes it, where PyTorch is, of the arrays of fastnn.state_dict(model) "
        "(docs/weights.md)",
    ),
}

_HDF5 = b"\x89HDF\r\n\x1a\n"
#: Tags in a protocol buffer of ONNX after that of its version: of the producer, the graph, opsets.
_AFTER_VERSION = (b"\x12", b"\x3a", b"\x42")
_END, _SEALED = b"PK\5\6", 64  # the comment of fastnn's archives is a SHA-256

_PICKLE = (
    "it holds a pickle, as PyTorch's .pt and .pth do, which could run any code; write it anew "
    "where PyTorch is: numpy.savez('w.npz', **{k: v.numpy() for k, v in "
    "model.state_dict().items()}), and read that with fastnn.load_state_dict(model, 'w.npz')"
)


def format_to_write(who: str, path: str | os.PathLike[str], chosen: str | None) -> str:
    """Return the format in which a file of weights is written.

    Args:
        who: the method that was called, for messages.
        path: the file.
        chosen: what the caller says; ``None`` leaves it to the suffix.

    Raises:
        ValueError: if it is none of these, or the suffix is that of another program's files.
    """
    refuse_suffix(who, path)
    if chosen is not None:
        return _checks.one_of(who, "format", chosen, ("fastnn", "npz", "safetensors", "keras"))
    return _SUFFIXES.get(_suffix(path), "fastnn")


def refuse_suffix(who: str, path: str | os.PathLike[str]) -> None:
    """Refuse to write a file whose suffix says that it is another program's.

    Args:
        who: the method that was called, for messages.
        path: the file.

    Raises:
        TypeError: if it is no path.
        ValueError: if its suffix does.
    """
    if not isinstance(path, bytes):
        _checks.path(who, "filepath", path)
    suffix = _suffix(path)
    if suffix in FOREIGN:
        raise ValueError(
            f"{who}: expected the path of a file of fastnn's or Keras's, got one that ends in "
            f"{suffix}; {FOREIGN[suffix]}"
        )


def _suffix(path: str | os.PathLike[str]) -> str:
    return os.path.splitext(os.fsdecode(path))[1].lower()


def format_of(file: BinaryIO, size: int) -> str:
    """Return the format of a file's content, ``"fastnn"`` for what is none of the others.

    Raises:
        ModelFileError: if it is a pickle, or ONNX.
    """
    head = file.read(9)
    try:
        if head[:8] == _HDF5:
            return "h5"
        if head[:4] == b"PK\3\4":
            return _format_of_zip(file, size)
        if head[:1] == b"\x80" and head[8:9] != b"{":
            raise ModelFileError(_PICKLE)
        if head[:1] == b"\x08" and head[2:3] in _AFTER_VERSION:
            raise ModelFileError("it is an ONNX file, which fastnn.onnx.load reads")
        header = int.from_bytes(head[:8], "little")
        return "safetensors" if head[8:9] == b"{" and header <= size - 8 else "fastnn"
    finally:
        file.seek(0)


def _format_of_zip(file: BinaryIO, size: int) -> str:
    """Return the format of a zip: fastnn's own has a comment, or an entry, that no other has."""
    end = size - 22 - _SEALED
    file.seek(max(end, 0))
    if end >= 0 and file.read(4) == _END:
        return "fastnn"
    import zipfile  # slow to import

    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError):
        return "fastnn"  # whose reader says what is damaged
    if "config.npy" in names:
        return "fastnn"
    if any(name.endswith("data.pkl") for name in names):
        raise ModelFileError(_PICKLE)
    if "config.json" in names:
        return "keras"
    return "npz" if names and all(name.endswith(".npy") for name in names) else "fastnn"
