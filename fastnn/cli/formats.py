"""The formats of others that a model is written in, which the suffix of a file chooses."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastnn.cli.arguments import suffixed

__all__ = ["exported", "known", "write"]

_LONGEST = 36  # letters of a name in C, which may get "net_" before them


def exported(text: str) -> Path:
    """Return the path of a file that a model can be written to: a type of argparse's options."""
    path = suffixed(*_WRITERS)(text)
    if path.is_file() and not _may_go(path):
        raise argparse.ArgumentTypeError(
            f"{text} is there, and was not exported by fastnn; give another name"
        )
    return path


def _may_go(path: Path) -> bool:
    """Return whether a file is empty, or one that an export would have written."""
    try:
        return not path.stat().st_size or _OURS.get(path.suffix.lower(), bool)(path)
    except OSError:  # it cannot be read
        return False


def known(name: str) -> bool:
    """Return whether the name of a file ends as one of these formats."""
    return name.lower().endswith(tuple(_WRITERS))


def write(model: Any, path: Path, test: Any = None) -> None:
    """Write a model in the format that the suffix says.

    Args:
        model: the model.
        path: the file.
        test: samples that a file in C is given to be tested with.
    """
    suffix = next(each for each in _WRITERS if path.name.lower().endswith(each))
    if suffix == ".c":
        _write_c(model, path, test)
    else:
        _WRITERS[suffix](model, path)


def _write_c(model: Any, path: Path, test: Any = None) -> None:
    import fastnn

    fastnn.export_c(model, path, _identifier(path.stem), test=test)


def _identifier(stem: str) -> str:
    """Return what the names in a file in C begin with, whatever its own name is."""
    from fastnn.c99.export import KEYWORDS

    name = re.sub(r"\W", "_", stem, flags=re.ASCII)[:_LONGEST]
    return name if name[0].isalpha() and name not in KEYWORDS else f"net_{name}"


def _write_onnx(model: Any, path: Path) -> None:
    import fastnn.onnx

    fastnn.onnx.export(model, path)


def _write_keras(model: Any, path: Path) -> None:
    model.save(path, format="keras")


def _write_weights(model: Any, path: Path) -> None:
    model.save_weights(path)


def _write_keras_weights(model: Any, path: Path) -> None:
    model.save_weights(path, format="keras")


def _write_meaning(model: Any, path: Path) -> None:
    from fastnn import atomic

    if model.schema is None:
        raise ValueError(
            f"{path.name}: the model has no schema, which says what its inputs and outputs mean; "
            "one that `fastnn train` made has"
        )
    known = {
        "inputs": model.schema.inputs.features or list(model.schema.inputs.shape),
        "outputs": model.schema.target.outputs,
        "schema": model.schema.get_config(),
    }
    atomic.replace(path, [json.dumps(known, indent=2).encode()])


def _has_weights(path: Path) -> bool:
    """Return whether all arrays of an npz file have names of weights, dense/kernel."""
    from zipfile import BadZipFile, ZipFile

    try:
        with ZipFile(path) as archive:
            return all("/" in name for name in archive.namelist())
    except BadZipFile:
        return False


def _is_exported_c(path: Path) -> bool:
    return b": a network in C99, written by fastnn " in path.read_bytes()[:400]


def _is_meaning(path: Path) -> bool:
    try:
        return {"inputs", "outputs", "schema"} <= set(json.loads(path.read_bytes()))
    except (TypeError, ValueError):
        return False


#: Suffixes that files of the user's own may well have -> whether a file is one that was exported.
_OURS: dict[str, Callable[[Path], bool]] = {
    ".c": _is_exported_c,
    ".npz": _has_weights,
    ".json": _is_meaning,
}

_WRITERS: dict[str, Callable[[Any, Path], None]] = {
    ".c": _write_c,
    ".onnx": _write_onnx,
    ".keras": _write_keras,
    ".safetensors": _write_weights,
    ".npz": _write_weights,
    ".weights.h5": _write_keras_weights,
    ".json": _write_meaning,
}
