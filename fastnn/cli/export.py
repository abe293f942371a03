"""`fastnn export`: a model in the formats of others."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastnn.cli import output
from fastnn.cli.arguments import add_json, command, existing, suffixed

__all__ = ["add"]

_ABOUT = """Writes a model in another format, which the suffix of FILE chooses:
  .c             the model as a file in C99 that needs no library
  .onnx          for onnxruntime and others (pip install 'fastnn[onnx]')
  .keras         for Keras's load_model (pip install 'fastnn[h5]')
  .safetensors   the weights alone (pip install 'fastnn[safetensors]')
  .npz           the weights alone, for NumPy
  .weights.h5    the weights alone, for Keras's load_weights
  .json          what the inputs and outputs mean: columns, words, means, classes

Scaling is part of the model. What comes before it is not: whoever calls the exported model
makes the features of a CSV file as the .json says, in the order of its inputs."""

_EXAMPLES = """  fastnn export houses.fastnn houses.c
  fastnn export houses.fastnn houses.onnx
  fastnn export houses.fastnn houses.json     # which feature is which"""


def add(commands: Any) -> None:
    """Add the command."""
    parser = command(
        commands,
        "export",
        _run,
        help="a model in C, for ONNX or Keras, or its weights",
        about=_ABOUT,
        examples=_EXAMPLES,
    )
    parser.add_argument("model", type=existing, metavar="MODEL", help="a file that save wrote")
    parser.add_argument("file", type=suffixed(*_WRITERS), metavar="FILE", help="what to write")
    add_json(parser)


def _run(options: argparse.Namespace) -> int:
    from fastnn.cli import models

    model = models.load(options)
    suffix = next(each for each in _WRITERS if options.file.name.endswith(each))
    _WRITERS[suffix](model, options.file)
    size = options.file.stat().st_size
    if options.json:
        output.document("export", model=options.model, file=options.file, bytes=size)
    else:
        print(f"{options.file}: {size:,} bytes")
    return 0


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
            f"{path}: the model has no schema, which says what its inputs and outputs mean; one "
            "that `fastnn train` saved has"
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
