"""Tables of values separated by commas, as arrays."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastnn._checks import path as checked_path
from fastnn._typing import Array
from fastnn._warnings import warn_caller
from fastnn.data.notation import are_numbers, as_number, one_gap, strange
from fastnn.data.sheets import read_sheet
from fastnn.errors import DataFileError

__all__ = ["Table", "read_csv"]


@dataclass(frozen=True)
class Table:
    """What ``read_csv`` read.

    Attributes:
        x: (rows, columns), float64; a column of words holds the number of each word.
        y: (rows,), the target, if one was named: int64 for words and whole numbers, else float64.
        names: the names of the columns of ``x``.
        categories: for each column of words, by its name, the words, sorted; a word's number is its
            place.
    """

    x: NDArray[np.float64]
    y: Array | None
    names: list[str]
    categories: dict[str, list[str]]


def read_csv(
    path: str | os.PathLike[str],
    target: str | int | None = None,
    header: bool | None = None,
    delimiter: str | None = ",",
    categorical: Iterable[str | int] = (),
    encoding: str | None = "utf-8-sig",
) -> Table:
    """Reads a table of numbers and words.

    A column is one of numbers if nine in ten of its values are, as for ``fastnn train``.  NaN
    stands for the others: for an empty value and a usual sign that there is none, such as ``?``,
    and for a stray word, which is warned of.  Any other column is one of words, whose values become
    the numbers 0, 1, ... of the words in sorted order; an empty value in it is a word, too, and
    ``NA`` and other usual signs that there is none are the same one where there are such.  It is
    warned of if most of its values are numbers.  Lines without any value do not count.

    Args:
        path: the file.
        target: the name or the index of the column that is to be predicted; negative from the end.
        header: whether the first line has the names; ``None`` is unless it has a number in it.
            Without names, columns are called ``"0"``, ``"1"``, ...
        delimiter: what is between two values; ``None``: a comma, a semicolon, a tab or a bar,
            whichever makes most lines as long as the first.
        categorical: names or indices of columns of numbers to be taken as words.
        encoding: of the text; ``None``: what its first bytes say, or UTF-8, or else that of
            Windows.

    Returns:
        A ``Table``.

    Raises:
        DataFileError: there is no row, or one with more or fewer values than the first.
        ValueError: there is no such column, or two are called the same.

    Example:
        >>> import os, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "flowers.csv")
        ...     with open(path, "w") as file:
        ...         _ = file.write("length,colour,kind\\n1.5,red,rose\\n2,blue,iris\\n")
        ...     table = read_csv(path, target="kind")
        >>> table.x.tolist(), table.y.tolist(), table.names
        ([[1.5, 1.0], [2.0, 0.0]], [1, 0], ['length', 'colour'])
        >>> table.categories
        {'colour': ['blue', 'red'], 'kind': ['iris', 'rose']}
    """
    sheet = read_sheet(checked_path("read_csv", "path", path), delimiter, header, encoding)
    names, columns = sheet.names, sheet.columns
    if not sheet.rows:
        raise DataFileError(f"{os.fspath(path)}: there is no row under the names")
    if sheet.repeated:
        alike = ", ".join(sheet.repeated)
        raise ValueError(f"read_csv: two columns are called the same: {alike}"[:390])
    words = {_index(names, each) for each in categorical}
    at = None if target is None else _index(names, target)
    categories: dict[str, list[str]] = {}
    arrays = [
        _column(name, values, place in words, categories)
        for place, (name, values) in enumerate(zip(names, columns, strict=True))
    ]
    y = None if at is None else _target(arrays.pop(at), names[at] in categories)
    kept = [name for place, name in enumerate(names) if place != at]
    x = np.stack(arrays, axis=1) if arrays else np.empty((len(columns[0]), 0))
    return Table(x, y, kept, categories)


def _index(names: Sequence[str], column: str | int) -> int:
    if isinstance(column, str) and column in names:
        return names.index(column)
    if not isinstance(column, str) and -len(names) <= column < len(names):
        return range(len(names))[column]
    mend = "; delimiter=None finds out what separates them" if len(names) == 1 else ""
    there = f"there {'is only' if mend else 'are'} {', '.join(names):.200}"
    raise ValueError(f"read_csv: there is no column {column!r:.60}; {there}{mend}")


def _column(
    name: str, values: Sequence[str], as_words: bool, categories: dict[str, list[str]]
) -> NDArray[np.float64]:
    """Return a column as numbers; note its words, if it has some."""
    numbers = None if as_words else _numbers(name, values)
    if numbers is not None:
        return numbers
    values = one_gap(values)
    categories[name] = sorted(set(values))
    ids = {word: number for number, word in enumerate(categories[name])}
    return np.array([ids[word] for word in values], np.float64)


def _numbers(name: str, values: Sequence[str]) -> NDArray[np.float64] | None:
    """Return a column as numbers, NaN where there is none; ``None`` if it is one of words."""
    with contextlib.suppress(ValueError):  # most columns, and fast
        if not any("_" in value for value in values):  # float("1_0") is 10
            return np.array(list(map(float, values)))
    numeric, few = are_numbers(values), strange(values)
    if few:
        mend = "NaN stands for it" if numeric else "taken as words, whose numbers mean nothing"
        warn_caller(f"read_csv: column {name!r:.60}: {few}: {mend}", UserWarning)
    found = map(as_number, values)
    return np.array([np.nan if each is None else each for each in found]) if numeric else None


def _target(column: NDArray[np.float64], words: bool) -> Array:
    whole = words or bool(np.all(np.isfinite(column) & (column == np.rint(column))))
    return column.astype(np.int64) if whole else column
