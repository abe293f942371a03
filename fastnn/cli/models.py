"""Models and data that a command is given by their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fastnn._typing import Array
from fastnn.cli import arguments, output
from fastnn.datasets.digits import DIGITS
from fastnn.errors import DataFileError

__all__ = ["data_file", "load", "samples"]


def load(options: Any) -> Any:
    """Return the model of a command, after setting the number of threads."""
    import fastnn

    if hasattr(options, "threads"):
        fastnn.set_num_threads(options.threads)
    return fastnn.models.load_model(options.model)


def data_file(source: Path) -> Path:
    """Return where the data of a command is."""
    return DIGITS if str(source) == arguments.DIGITS else source


def samples(model: Any, source: Path) -> Array:
    """Return the samples of a file, as a model takes them: by its schema, or as they are."""
    path = data_file(source)
    if model.schema is not None:
        return np.asarray(model.schema.inputs.read(path, output.note))
    if path.suffix == ".npz":
        from fastnn.data.npz import read_npz

        arrays = read_npz(path)
        if len(arrays) != 1 and "x" not in arrays:
            raise DataFileError(f"{path}: expected an array 'x', got {', '.join(arrays)}"[:390])
        return arrays["x"] if "x" in arrays else next(iter(arrays.values()))
    from fastnn.data.tables import read_csv

    table = read_csv(path, delimiter=None, encoding=None)
    if table.categories:
        raise DataFileError(
            f"{path}: the columns {', '.join(table.categories)} have words, and the model has no "
            "schema that says what they mean; one that `fastnn train` saved has"[:390]
        )
    return table.x
