"""Which format a file has: its content says so, and a suffix where one is written."""

from __future__ import annotations

import os
from typing import BinaryIO

from fastnn import _checks
from fastnn.errors import ModelFileError

__all__ = ["FORMATS", "format_of", "format_to_write", "instead_of", "refuse_suffix"]

#: What files hold: fastnn's own archive, NumPy's npz, safetensors, Keras's HDF5, Keras's zip.
FORMATS = ("fastnn", "npz", "safetensors", "h5", "keras")

#: Suffixes that say how to write.  Keras's do not: see docs/differences.md.
_SUFFIXES = {".npz": "npz", ".safetensors": "safetensors"}

#: Suffixes of files that neither ``save`` nor ``save_weights`` writes -> what does.
_FOREIGN = {
    ".onnx": "fastnn.onnx.export(model, path) writes ONNX",
    ".c": "fastnn.export_c(model, path) writes C",
    ".tflite": "fastnn.export_c(model, 'net.c') writes C, and fastnn.onnx.export ONNX",
    **dict.fromkeys(
        (".pt", ".pth"),
        "torch.save writes it, where PyTorch is, of the arrays of fastnn.state_dict(model) "
        "(docs/weights.md)",
    ),
}

#: Suffixes of pickles other than PyTorch's.
_OF_PICKLES = (".pkl", ".pickle", ".joblib")

# fmt: off
#: Suffixes of data, texts, pictures, programs, archives and pickles, one of which a model would
#: replace without a word.
_OF_OTHERS = frozenset((
    ".csv", ".tsv", ".tab", ".txt", ".json", ".jsonl", ".npy", ".xls", ".xlsx", ".ods", ".parquet",
    ".feather", ".mat", ".sqlite", ".db", ".pb", *_OF_PICKLES,
    ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".svg", ".pdf", ".dot",
    ".html", ".htm", ".xml", ".md", ".rst", ".doc", ".docx", ".log", ".yaml", ".yml", ".toml",
    ".py", ".ipynb", ".h", ".sh", ".zip", ".gz", ".bz2", ".xz", ".tar", ".tgz", ".7z",
))
# fmt: on

#: Those of HDF5: Keras 2's models, data, and, as ``.weights.h5``, Keras's weights.
_HDF5_SUFFIXES = (".h5", ".hdf5")
_KERAS_WEIGHTS = ".weights.h5"

_HDF5 = b"\x89HDF\r\n\x1a\n"
#: Tags in a protocol buffer of ONNX after that of its version: of the producer, the graph, opsets.
_AFTER_VERSION = (b"\x12", b"\x3a", b"\x42")
#: How far into a pickle of an estimator the module of its class stands.
_HEAD = 100
_END, _SEALED = b"PK\5\6", 64  # the comment of fastnn's archives is a SHA-256

_PICKLE = (
    "it holds a pickle, as PyTorch's .pt and .pth do, which could run any code; write it anew "
    "where PyTorch is: numpy.savez('w.npz', **{k: v.numpy() for k, v in "
    "model.state_dict().items()}), and read that with fastnn.load_state_dict(model, 'w.npz')"
)
_ESTIMATOR = (
    "it holds a pickle, as joblib.dump and pickle.dump write of estimators, which could run any "
    "code, so that fastnn does not read it; if you trust it, joblib.load or pickle.load does, and "
    "fastnn.sklearn.to_model makes a model of a fitted estimator"
)


def format_to_write(who: str, path: str | os.PathLike[str], chosen: str | None) -> str:
    """Return the format in which a file of weights is written.

    Args:
        who: the method that was called, for messages.
        path: the file.
        chosen: what the caller says; ``None`` leaves it to the suffix.

    Raises:
        ValueError: if it is none of these, or the suffix is that of another kind of file.
    """
    refuse_suffix(who, path, weights=True, chosen=chosen)
    if chosen is not None:
        return _checks.one_of(who, "format", chosen, ("fastnn", "npz", "safetensors", "keras"))
    return _SUFFIXES.get(_suffix(path), "fastnn")


def refuse_suffix(
    who: str, path: str | os.PathLike[str], *, weights: bool = False, chosen: str | None = None
) -> None:
    """Refuse to write a file whose suffix says that it is of another kind.

    Args:
        who: the method that was called, for messages.
        path: the file.
        weights: whether weights alone are to be written.
        chosen: the format, if the caller says it.

    Raises:
        TypeError: if it is no path.
        ValueError: if its suffix does.
    """
    if not isinstance(path, bytes):
        _checks.path(who, "filepath", path)
    mend = instead_of(path, weights=weights, chosen=chosen)
    if mend is not None:
        raise ValueError(
            f"{who}: expected the path of a file of fastnn's or Keras's, got one that ends in "
            f"{_suffix(path)}; {mend}"
        )


def instead_of(
    path: str | os.PathLike[str], *, weights: bool = False, chosen: str | None = None
) -> str | None:
    """Return what to do instead of writing to a path, or ``None`` if its suffix is as good as any.

    Args:
        path: the file.
        weights: whether weights alone are to be written, instead of a model.
        chosen: the format, if the caller says it.
    """
    suffix = _suffix(path)
    if suffix in _FOREIGN:
        return _FOREIGN[suffix]
    if suffix in _OF_OTHERS:
        return "other kinds of files end so, one of which it would replace; name it .fastnn"
    if suffix in _HDF5_SUFFIXES and not (weights and _is_for_weights(path, chosen)):
        return f"a model's file is named .keras or .fastnn, one of save_weights {_KERAS_WEIGHTS}"
    if suffix in _SUFFIXES and not weights:
        return "save_weights writes weights alone to such files; name a model's .fastnn"
    return None


def _is_for_weights(path: str | os.PathLike[str], chosen: str | None) -> bool:
    """Return whether a file of HDF5 is called one of weights, or asked for."""
    return chosen == "keras" or os.fsdecode(path).lower().endswith(_KERAS_WEIGHTS)


def _suffix(path: str | os.PathLike[str]) -> str:
    return os.path.splitext(os.fsdecode(path))[1].lower()


def format_of(file: BinaryIO, size: int) -> str:
    """Return the format of a file's content, ``"fastnn"`` for what is none of the others.

    Raises:
        ModelFileError: if it is a pickle, or ONNX.
    """
    head = file.read(_HEAD)
    is_dumped = _suffix(getattr(file, "name", "")) in _OF_PICKLES
    try:
        if head[:8] == _HDF5:
            return "h5"
        if head[:4] == b"PK\3\4":
            return _format_of_zip(file, size)
        if head[:1] == b"\x80" and head[8:9] != b"{":
            raise ModelFileError(_ESTIMATOR if is_dumped or b"sklearn" in head else _PICKLE)
        if head[:1] == b"\x08" and head[2:3] in _AFTER_VERSION:
            raise ModelFileError("it is an ONNX file, which fastnn.onnx.load reads")
        if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= size - 8:
            return "safetensors"
        if head and is_dumped:  # compressed, as joblib does, or of an old protocol
            raise ModelFileError(_ESTIMATOR)
        return "fastnn"
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
