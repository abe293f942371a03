"""What callers hand over in place of arrays of numbers: data frames, masked arrays, other types.

Nothing is imported: frames are known by what they offer, and their columns speak NumPy's protocol.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from fastnn._checks import shown
from fastnn._typing import Array
from fastnn.errors import DTypeError, ShapeError

__all__ = [
    "BATCHES",
    "NUMBERS",
    "is_missing",
    "is_sparse",
    "names_of",
    "plain",
    "refusal_of",
    "refuse_batches",
    "refuse_sparse",
]

#: Kinds of dtypes that are real numbers.
NUMBERS = "fiub"

#: Kinds of dtypes that are not -> what to do about them.
_MENDS = {
    "c": "pass its .real, .imag or numpy.abs",
    "M": "subtract a date, and divide by a numpy.timedelta64",
    "m": "divide it by a numpy.timedelta64",
    "V": "numpy.lib.recfunctions.structured_to_unstructured makes columns of fields",
    **dict.fromkeys("US", "ids, names = fastnn.utils.class_ids(values) makes numbers of names"),
}
_CONVERT = "convert it: numpy.asarray(values, dtype='float32')"
_TO_NUMERIC = "pandas.to_numeric(values, errors='coerce')"


#: Texts that are looked at to tell what they are.
_LOOKED_AT = 100

#: What to do who has a list of batches.
BATCHES = (
    "batches come from a generator, an object with __iter__ or a fastnn.utils.PyDataset, not in a "
    "list"
)


def plain(who: str, name: str, data: Any) -> Array:
    """Return data as an array, a data frame as its columns side by side.

    Args:
        who: the method that was called, for messages.
        name: its argument.
        data: an array, or anything that NumPy makes one of.

    Raises:
        DTypeError: if a column holds no numbers, or numbers are masked, or it is a sparse matrix.
        ShapeError: if its rows have different lengths.
    """
    if type(data) is np.ndarray:
        return data
    refuse_sparse(who, name, data)
    if isinstance(data, np.ndarray) and np.any(getattr(data, "mask", False)):
        raise DTypeError(
            f"{who}: {name} is a masked array, and what is masked has no number; fill it: "
            f"{name}.filled(0), or leave the rows out"
        )
    # an own attribute of a lazy frame would be computed to see whether it is there
    if all(hasattr(type(data), each) for each in ("columns", "dtypes", "__array__")):
        return _side_by_side(who, name, data)
    try:
        return np.asarray(data)
    except ValueError:
        raise _ragged(who, name, data) from None


def names_of(data: Any) -> list[str]:
    """Return the names of the columns of a data frame, or of a row of one; none if there are none,
    or they are no texts."""
    if isinstance(data, np.ndarray):
        return []
    row = getattr(data, "index", ()) if getattr(data, "ndim", 0) == 1 else ()
    labels: Any = getattr(data, "columns", row)
    names = list(labels) if hasattr(type(labels), "__iter__") else []
    return names if all(isinstance(name, str) for name in names) else []


def is_missing(value: object) -> bool:
    """Return whether a value stands for none: ``None``, NaN, pandas's ``NA`` or ``NaT``."""
    if isinstance(value, float | np.floating):
        return bool(value != value)
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def is_sparse(data: object) -> bool:
    """Return whether data is a sparse matrix, as SciPy has them."""
    return hasattr(type(data), "toarray")


def refuse_sparse(who: str, name: str, data: object) -> None:
    """Refuse a sparse matrix, of which one kind is a dict, too.

    Raises:
        DTypeError: if data is one.
    """
    if is_sparse(data):
        raise DTypeError(
            f"{who}: {name} must hold real numbers, got a sparse matrix; make it an array: "
            "toarray()"
        )


def _are_batches(data: object) -> bool:
    """Return whether data is a list of batches (x, y), rather than of rows or of inputs."""
    return isinstance(data, list | tuple) and bool(data) and all(map(_is_batch, data))


def _is_batch(data: object) -> bool:
    if not isinstance(data, list | tuple) or len(data) not in (2, 3):
        return False
    x, *others = data
    if isinstance(x, list | tuple | dict):
        return all(map(_axes, others))
    return _axes(x) > 1 and all(_axes(y) or _is_list(y, x.shape[0]) for y in others)


def _is_list(data: object, length: int) -> bool:
    return isinstance(data, list | tuple) and len(data) == length


def _axes(data: object) -> int:
    """Return how many axes an array, a frame or a series has; what is none of these has none."""
    return len(getattr(data, "shape", None) or ())


def _is_sample(data: object) -> bool:
    """Return whether data is a pair of a sample, of some numbers, and one or few of a target."""
    if not isinstance(data, list | tuple) or len(data) != 2:
        return False
    x, y = data
    return _axes(x) > 0 and _is_row(y)


def _is_row(data: object) -> bool:
    """Return whether data is a number, or some side by side."""
    if isinstance(data, list | tuple):
        return not any(_axes(each) or isinstance(each, list | tuple) for each in data)
    return _axes(data) < 2


def _are_parts(data: object) -> bool:
    """Return whether data is a list of arrays that differ in the number of rows alone."""
    if not isinstance(data, list | tuple) or not all(getattr(x, "ndim", 0) > 1 for x in data):
        return False
    return len({x.shape[1:] for x in data}) == 1


def refuse_batches(who: str, data: object, name: str = "x") -> None:
    """Refuse a list of batches, whose arrays would be taken for rows or for several inputs.

    Raises:
        ShapeError: if data is one.
    """
    if _are_batches(data):
        raise ShapeError(f"{who}: {name} is a list of batches; {BATCHES}")


def _ragged(who: str, name: str, data: object) -> ShapeError:
    """Return the exception for what is no array since its rows differ in length."""
    if _are_parts(data):
        return ShapeError(
            f"{who}: {name} holds arrays of different lengths; if these are sequences, pad them to "
            f"one length; if they are batches, join them: numpy.concatenate({name})"
        )
    if _is_batch(data) or _are_batches(data):
        return ShapeError(
            f"{who}: {name} holds arrays of different shapes, as (x, y) does; give x and y by "
            f"themselves; {BATCHES}"
        )
    if isinstance(data, list | tuple) and all(map(_is_sample, data)):
        return ShapeError(
            f"{who}: {name} holds pairs of a sample and its target; part them: "
            "x, y = map(numpy.stack, zip(*pairs))"
        )
    return ShapeError(
        f"{who}: {name} is a nested sequence whose rows have different lengths; "
        "pad them to one length"
    )


def _side_by_side(who: str, name: str, frame: Any) -> Array:
    """Return the columns of a data frame, so that truths, whole numbers and those that may be
    missing need not be of one type; what is missing is NaN."""
    labels = list(frame.columns)
    if not labels or len({*labels}) < len(labels):
        return np.asarray(frame)
    columns = [(label, frame[label]) for label in labels]
    arrays = [np.asarray(column) for _, column in columns]
    for (label, column), array in zip(columns, arrays, strict=True):
        if array.dtype.kind not in NUMBERS:
            raise DTypeError(
                f"{who}: {name} must hold real numbers, got a column {shown(label)} of "
                f"{str(column.dtype)[:60]}; {_mend(array)}"
            )
    return np.stack(arrays, axis=1)


def refusal_of(data: object, array: Array) -> str:
    """Return what is no array of numbers, and what to do about it."""
    if array.dtype.kind == "O" and array.size and is_sparse(array.flat[0]):
        return "a list of a sparse matrix; make it an array: toarray()"
    return _no_array(data) or f"{_kind_of(data, array)}; {_mend(array)}"


def _kind_of(data: Any, array: Array) -> str:
    """Return what the numbers are not in: a series says its name and type, an array its type."""
    if not all(hasattr(data, each) for each in ("name", "dtype", "to_numpy")):
        return f"an array of dtype {str(array.dtype)[:150]}"
    name = f"column {shown(data.name)}" if data.name else "series"
    return f"a {name} of {str(data.dtype)[:60]}"


def _mend(array: Array) -> str:
    if array.dtype.kind in "OUT":
        return _mend_texts(array)
    return _MENDS.get(array.dtype.kind, _CONVERT)


def _mend_texts(array: Array) -> str:
    """Return what to do about texts, or objects some of which are: numbers, names, or both."""
    from fastnn.data.notation import are_numbers, sign_of  # slow to import, and seldom needed

    present = [each for each in array.ravel().tolist() if not is_missing(each)]
    texts = [each for each in present if isinstance(each, str)]
    if not texts:
        return _CONVERT
    if len(texts) < len(present):
        return f"some are texts: {_TO_NUMERIC} makes NaN of what is no number"
    if are_numbers(texts[:_LOOKED_AT]):
        return f"these are numbers as texts: {_TO_NUMERIC} reads them"
    if sign := sign_of(texts[:_LOOKED_AT]):
        return (
            f"these are numbers with {sign}: take it off first, values.str.replace({sign!r}, ''), "
            f"and marks between thousands; then {_TO_NUMERIC} reads them"
        )
    return _MENDS["U"]


def _no_array(data: object) -> str:
    """Return what is no array at all, and what to do about it; nothing for arrays and lists."""
    if data is None:
        return "None"
    if isinstance(data, str | bytes | os.PathLike):
        return "text; of a file pass what it holds: datasets.read_csv, numpy.load, ..."
    if hasattr(data, "collect"):
        return "a frame that is not computed yet; pass what collect() returns"
    if callable(data):
        return "a function; pass what it returns"
    return ""
