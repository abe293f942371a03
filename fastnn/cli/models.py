"""Models and data that a command is given by their files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastnn._typing import Array
from fastnn.cli import arguments, output
from fastnn.data.kinds import DAMAGED, FASTNN, kind_of
from fastnn.data.schema import Arrays, Columns
from fastnn.data.sheets import Sheet
from fastnn.datasets.digits import DIGITS
from fastnn.errors import DataFileError, ModelFileError

__all__ = [
    "check_separated",
    "data_file",
    "load",
    "samples",
    "sheet_like",
    "tell_range",
    "text_options",
]

_FAR = 50  # times that numbers are larger or smaller than those of the training, to be told

_AXES_OF_IMAGES = 3

#: How models of others become one of fastnn, by suffix.
_ELSEWHERE = {
    ".onnx": "it is ONNX: fastnn.onnx.load reads it in Python, and save makes a model of it",
    ".keras": "it is Keras's: fastnn.from_keras reads it in Python, and save makes a model of it",
}


def load(options: Any) -> Any:
    """Return the model of a command, after setting the number of threads."""
    import fastnn

    if hasattr(options, "threads"):
        fastnn.set_num_threads(options.threads)
    try:
        return fastnn.models.load_model(options.model)
    except (ModelFileError, IsADirectoryError) as error:
        raise ModelFileError(_no_model(options, error)) from None


def _no_model(options: Any, error: Exception) -> str:
    """Return what is wrong with a model's file, which may be that of the data."""
    data = getattr(options, "data", None)
    if data is not None and data.exists() and kind_of(data) == FASTNN:
        return f"{options.model}: no model; {data} is one: MODEL comes first, then DATA"[:390]
    if options.model.is_dir():
        return f"{options.model}: a folder; a model is a file, which `fastnn train --save` writes"
    what = kind_of(options.model)
    if what == FASTNN and "custom_objects" in str(error):
        return f"{error}; in Python, as the command line knows fastnn's own alone"[:390]
    if options.model.suffix in _ELSEWHERE and what not in (FASTNN, DAMAGED):
        return f"{options.model}: no fastnn model; {_ELSEWHERE[options.model.suffix]}"
    if what not in ("", FASTNN, DAMAGED):
        mend = "`fastnn train --save` writes models"
        return f"{options.model}: no fastnn model: {what}; {mend}"[:390]
    return str(error)


def data_file(source: Path) -> Path:
    """Return where the data of a command is."""
    return DIGITS if str(source) == arguments.DIGITS else source


def text_options(options: Any, is_table: bool) -> dict[str, Any]:
    """Return how the text of a table is to be read, refusing that for other data.

    Args:
        options: of a command; ``arguments.add_text`` adds those that are looked at.
        is_table: whether the data is a table in a file of text.
    """
    found = {name: getattr(options, name, None) for name in ("delimiter", "encoding")}
    given = [name for name, value in found.items() if value is not None]
    if given and not is_table:
        options.refuse(f"--{given[0]} is for a CSV file; the model reads other data")
    return found if is_table else {}


def sheet_like(inputs: Columns, path: Path, known: Sequence[str] = (), **text: Any) -> Sheet:
    """Return the sheet of a file like that of the training.

    Args:
        inputs: the columns that the model takes.
        path: the file.
        known: other columns that are looked for.
        text: how it is to be read, ``delimiter`` and ``encoding``.
    """
    sheet = inputs.sheet(path, known, note=output.note, **text)
    if sheet.names[0] not in (*inputs.names, *known):
        check_separated(path, sheet)
    return sheet


def check_separated(path: Path, sheet: Sheet) -> None:
    """Refuse a table of one column whose name looks like several."""
    (name, *others), signs = sheet.names, arguments.DELIMITERS
    between = [word for word, sign in signs.items() if sign in name and not others]
    if between:
        raise DataFileError(
            f"{path}: there is but one column, called {name!r:.120}; if its names are several, "
            f"what separates them is --delimiter {between[0]}"
        )


def tell_range(model: Any, x: Array) -> None:
    """Note numbers of arrays that are far from those of the training, as 0 to 1 is from 0 to 255.

    Args:
        model: what takes them.
        x: the samples.
    """
    if model.schema is None or not isinstance(model.schema.inputs, Arrays):
        return
    usual, largest = _largest_usual(model), max(float(x.max(initial=0)), -float(x.min(initial=0)))
    dark = x.dtype == np.uint8  # bytes are not scaled, however small they are
    if usual and (largest > _FAR * usual or (0 < largest < usual / _FAR and not dark)):
        output.note(
            f"{model.schema.inputs.name}: numbers up to {largest:.3g}, where those of the training "
            f"go up to about {usual:.3g}; scale them as those were"
        )


def _largest_usual(model: Any) -> float:
    """Return about the largest number that a model was trained on, by the layer that scales images,
    or bytes; 0: unknown."""
    from fastnn.layers import Normalization, Rescaling

    first = next(iter(model.layers), None)
    if isinstance(first, Rescaling) and not np.ndim(first.scale) and first.scale:
        return abs(float(np.max((1 - first.offset) / first.scale)))
    if isinstance(first, Normalization) and len(model.schema.inputs.shape) == _AXES_OF_IMAGES:
        return float(np.max(np.abs(first.mean.value) + 2 * np.sqrt(first.variance.value)))
    return 0.0


def samples(model: Any, options: Any, source: Path) -> Array:
    """Return the samples of a file, as a model takes them: by its schema, or as they are."""
    path = data_file(source)
    inputs = None if model.schema is None else model.schema.inputs
    arrays_alone = inputs is None and path.suffix == ".npz"
    text = text_options(options, isinstance(inputs, Columns | None) and not arrays_alone)
    if isinstance(inputs, Columns):
        return inputs.encode(sheet_like(inputs, path, **text), output.note)
    if inputs is not None:
        return np.asarray(inputs.read(path, output.note))
    if arrays_alone:
        from fastnn.data.npz import read_npz

        arrays = read_npz(path)
        if len(arrays) != 1 and "x" not in arrays:
            raise DataFileError(
                f"{path}: the model has no schema that names its array, so that it takes 'x', or "
                f"the only one; there are {', '.join(arrays)}"[:390]
            )
        return arrays["x"] if "x" in arrays else next(iter(arrays.values()))
    from fastnn.data.tables import read_csv

    table = read_csv(path, **text)
    if table.categories:
        raise DataFileError(
            f"{path}: the columns {', '.join(table.categories)} have words, and the model has no "
            "schema that says what they mean; one that `fastnn train` saved has"[:390]
        )
    _check_width(model, path, table.names)
    return table.x


def _check_width(model: Any, path: Path, names: Sequence[str]) -> None:
    """Refuse a table of more or fewer columns than a model without a schema takes."""
    shape = model.input_shape if model.built else None
    if not isinstance(shape, tuple) or len(shape) != 2 or shape[1] in (None, len(names)):
        return
    shown = ", ".join(f"{name:.30}" for name in names[:4]) + (", ..." if len(names) > 4 else "")
    raise DataFileError(
        f"{path}: the model takes {shape[1]} columns, all there are, as it has no schema that "
        f"names them; the file has {len(names)}: {shown}; give one with those alone, in their order"
    )
