"""The formats of others that a model is written in, which the suffix of a file chooses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastnn.cli.arguments import suffixed

__all__ = ["exported", "known", "write"]


def exported(text: str) -> Path:
    """Return the path of a file that a model can be written to: a type of argparse's options."""
    return suffixed(*_WRITERS)(text)


def known(name: str) -> bool:
    """Return whether the name of a file ends as one of these formats."""
    return name.endswith(tuple(_WRITERS))


def write(model: Any, path: Path) -> None:
    """Write a model in the format that the suffix says."""
    suffix = next(each for each in _WRITERS if path.name.endswith(each))
    _WRITERS[suffix](model, path)


def _write_c(model: Any, path: Path) -> None:
    import fastnn

    fastnn.export_c(model, path)


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


_WRITERS: dict[str, Callable[[Any, Path], None]] = {
    ".c": _write_c,
    ".onnx": _write_onnx,
    ".keras": _write_keras,
    ".safetensors": _write_weights,
    ".npz": _write_weights,
    ".weights.h5": _write_keras_weights,
    ".json": _write_meaning,
}
