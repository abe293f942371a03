"""Text files of rows and columns as people have them.

What is unknown of a file is found out: how its text is encoded, what separates its values, whether
its first line has names, and which marks its numbers have.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from fastnn.data.kinds import kind_of, kind_of_text
from fastnn.data.notation import (
    Guess,
    as_number,
    decimal_marks,
    guess,
    is_number,
    plain,
    quantity,
    sign_of,
    unsigned,
)
from fastnn.errors import DataFileError, DTypeError

__all__ = ["Sheet", "read_sheet", "sheet_of"]

_SEPARATORS = (",", ";", "\t", "|")
_LOOKED_AT = 200  # lines, to find the separator
_NAMED_SEPARATOR = re.compile(r'"?sep=(.)"?\s*?\n', re.I)

#: A minus apart from what may be its number, or as people print it.
_MINUS = re.compile(r"(?:-\s+|\u2212\s*)(?=[\d.,])")

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class _Known(str):
    """What a data frame has beside texts, such as a number: it is known how that is written."""

    __slots__ = ()


@dataclass(frozen=True)
class Sheet:
    """The values of a text file, without spaces around them.

    Attributes:
        names: of the columns, no two alike: ``"a.1"`` is the second ``"a"``, ``"column 3"`` has
            none of its own; ``"0"``, ``"1"``, ... where the file has none.
        rows: as many values each as there are names.
        lines: the number of the line where each row ends, from 1; of a data frame the row's place,
            from 0.
        separator: what is between two values; nothing, of a data frame.
        header: whether the file has names.
        repeated: names that the file has more than once.
        decimals: the mark before the fraction, for columns where it may be a comma.
        signs: the sign beside the numbers of a column, of a currency, of percent or of a unit.
    """

    names: list[str]
    rows: list[list[str]]
    lines: list[int]
    separator: str
    header: bool
    repeated: list[str]
    decimals: dict[str, str]
    signs: dict[str, str]

    @cached_property
    def columns(self) -> list[tuple[str, ...]]:
        """The values by column."""
        return list(zip(*self.rows, strict=True)) or [()] * len(self.names)

    def column(self, name: str) -> tuple[str, ...]:
        """Return the values of a column."""
        return self.columns[self.names.index(name)]

    def plain(self, name: str) -> Sequence[str]:
        """Return the values of a column, its numbers as Python writes them."""
        values, mark = self._bare(name), self.decimals.get(name)
        if not mark:
            return values
        return [each if isinstance(each, _Known) else plain(each, mark) for each in values]

    def guess(self, name: str) -> str:
        """Return how the numbers of a column are read, as text, if that had to be guessed."""
        mark = self.decimals.get(name)
        return guess(self._bare(name), mark) if isinstance(mark, Guess) else ""

    def count_unsigned(self, name: str) -> int:
        """Return how many numbers of a column are without a sign."""
        return sum(map(is_number, self.column(name)))

    def _bare(self, name: str) -> Sequence[str]:
        return _bare(self.column(name), self.signs.get(name, ""))

    def decimal(self, names: Iterable[str]) -> str:
        """Return the mark before the fraction in most of some columns; ``""`` if all are plain."""
        marked = [name for name in names if name in self.decimals]
        kinds = [self.decimals[each] for each in marked if self.plain(each) != [*self._bare(each)]]
        return str(max(kinds, key=kinds.count, default=""))  # also of a guess

    def place(self, row: int) -> str:
        """Return where a row is, as text."""
        return f"{'line' if self.separator else 'row'} {self.lines[row]}"

    def part(self, rows: Iterable[int]) -> Sheet:
        """Return some of the rows."""
        chosen = list(rows)
        return replace(
            self,
            rows=[self.rows[row] for row in chosen],
            lines=[self.lines[row] for row in chosen],
        )


def read_sheet(
    path: str | os.PathLike[str],
    delimiter: str | None = None,
    header: bool | None = None,
    encoding: str | None = None,
    known: Collection[str] = (),
    decimal: str = "",
    signs: Mapping[str, str] | None = None,
    sizes: Mapping[str, float] | None = None,
) -> Sheet:
    """Read a text file.

    Args:
        path: the file.
        delimiter: what is between two values; ``None``: a comma, a semicolon, a tab or a bar,
            whichever makes most lines as long as the first.
        header: whether the first line has names; ``None``: if it has one of ``known``, or else no
            number.  In a line of numbers alone 2 is a value, and as a name the third column, unless
            the line is 0, 1, 2, ..., as pandas names columns that have no names.
        encoding: of the text; ``None``: what its first bytes say, or UTF-8, or else that of
            Windows.
        known: names that the first line may have.
        decimal: the mark before the fraction in tables of the kind, for numbers that can be read in
            two ways.
        signs: the sign beside the numbers of a column in tables of the kind.
        sizes: how large the numbers of a column are in tables of the kind.

    Raises:
        DataFileError: if there is nothing in it, or no table.
    """
    try:
        before, found, text = _table_of(_decoded(path, encoding), delimiter, known)
        reader = _rows(text, found)
        numbered = [(before + reader.line_num, list(map(_cell, row))) for row in reader if row]
    except csv.Error as error:
        raise DataFileError(f"{os.fspath(path)}: no table of text: {error}"[:390]) from None
    numbered = [(line, row) for line, row in numbered if len(row) == 1 or any(row)]
    _check_widths(path, numbered, found, delimiter)
    first = numbered[0][1]
    if header is None:
        header = _names_one(first, known) or not any(map(_is_number, first))
    names = _distinct(first) if header else list(map(str, range(len(first))))
    repeated = [name for name, times in Counter(first).items() if times > 1] if header else []
    rest = numbered[header:]
    rows, lines = [row for _, row in rest], [line for line, _ in rest]
    columns = dict(zip(names, zip(*rows, strict=True), strict=False))  # none without rows
    notation = _notation(columns, found, decimal, signs or {}, sizes)
    return Sheet(names, rows, lines, found, header, repeated, *notation)


def sheet_of(
    frame: Any,
    decimal: str = "",
    signs: Mapping[str, str] | None = None,
    sizes: Mapping[str, float] | None = None,
) -> Sheet:
    """Return a data frame of pandas or polars as a sheet.

    Args:
        frame: the data frame.
        decimal: the mark before the fraction in texts of tables of the kind, for numbers that can
            be read in two ways; its numbers have none.
        signs: the sign beside the numbers of a column in tables of the kind.
        sizes: how large the numbers of a column are in tables of the kind.

    Raises:
        DTypeError: if it is none, or two columns are called the same.
    """
    if not hasattr(frame, "columns") or isinstance(frame, np.ndarray):
        kind = type(frame).__name__
        raise DTypeError(f"read: expected the path of a file, or a data frame, got {kind}")
    names = list(map(str, frame.columns))
    if len(set(names)) < len(names):
        alike = [name for name, times in Counter(names).items() if times > 1]
        raise DTypeError(f"read: the data frame has two columns {', '.join(alike):.200}")
    columns = {str(name): frame[name].to_list() for name in frame.columns}
    texts = {
        name: list(map(_beside_texts, values))
        for name, values in columns.items()
        if any(isinstance(value, str) for value in values)
    }
    columns = {name: texts.get(name) or list(map(_text, each)) for name, each in columns.items()}
    rows = list(map(list, zip(*columns.values(), strict=True)))
    lines = list(range(len(rows)))
    notation = _notation(texts, "", decimal or ".", signs or {}, sizes)
    return Sheet(names, rows, lines, "", True, [], *notation)


def _cell(text: str) -> str:
    """Return a value of a file without spaces around it, with the minus as Python reads it."""
    bare = text.strip()
    minus = _MINUS.match(bare)
    rest = bare[minus.end() :] if minus else ""
    return f"-{rest}" if quantity(rest) else bare


def _text(value: object) -> str:
    """Return what a file has for a value of a data frame."""
    text = "" if value is None else str(value)
    return "" if text in ("nan", "NaT", "<NA>") else _cell(text)


def _beside_texts(value: object) -> str:
    """Return the same of a value in a column with texts."""
    return _text(value) if isinstance(value, str) else _Known(_text(value))


def _notation(
    columns: Mapping[str, Sequence[str]],
    separator: str,
    decimal: str,
    usual: Mapping[str, str],
    sizes: Mapping[str, float] | None,
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the marks before fractions, and the signs beside numbers, of those columns that have
    some."""
    found = {name: _sign(values, usual.get(name, "")) for name, values in columns.items()}
    signs = {name: sign for name, sign in found.items() if sign}
    bare = {name: _bare(values, signs.get(name, "")) for name, values in columns.items()}
    written = {
        name: [each for each in values if not isinstance(each, _Known)]
        for name, values in bare.items()
    }
    return decimal_marks(written, separator, decimal, sizes), signs


def _sign(values: Sequence[str], usual: str) -> str:
    """Return the sign of a column: the usual one if any number has it, else that of most."""
    known = usual and any(unsigned(value, usual) != value for value in values)
    return usual if known else sign_of(values)


def _bare(values: Sequence[str], sign: str) -> Sequence[str]:
    return [unsigned(value, sign) for value in values] if sign else values


def _names_one(first: Sequence[str], known: Collection[str]) -> bool:
    """Return whether a first line has one of some names, which may also be columns' places."""
    width = len(first)
    counted = width > 2 and list(first) == list(map(str, range(width)))
    values = all(map(_is_number, first)) and not counted
    places = set(map(str, range(-width, width))) if values else set()
    return bool((set(known) & set(first)) - places)


def _is_number(text: str) -> bool:
    """Return whether a text is a number; one with a unit may well be a name, such as "5 years"."""
    return as_number(plain(unsigned(text, sign_of([text], units=False)), ".")) is not None


def _distinct(given: Sequence[str]) -> list[str]:
    """Return names of which no two are alike, as pandas makes them."""
    names: dict[str, None] = {}
    for place, name in enumerate(given):
        stem = name or f"column {place}"
        numbered = (f"{stem}.{n}" for n in itertools.count(1))
        names[next(each for each in itertools.chain([stem], numbered) if each not in names)] = None
    return list(names)


def _decoded(path: str | os.PathLike[str], encoding: str | None) -> str:
    if what := kind_of(path):
        raise DataFileError(f"{os.fspath(path)}: no table of text: {what}"[:390])
    with open(path, "rb") as file:
        content = file.read()
    try:
        text = content.decode(encoding or _encoding(content))
    except (UnicodeDecodeError, LookupError) as error:
        mend = "; leave --encoding out, or give encoding=None: it is found out" if encoding else ""
        problem = f"{os.fspath(path)}: no table of text: {error}"
        raise DataFileError(f"{problem[:300]}{mend}") from None
    if what := kind_of_text(text):
        raise DataFileError(f"{os.fspath(path)}: no table of text: {what}"[:390])
    return text


def _encoding(content: bytes) -> str:
    if content.startswith(_UTF_16):
        return "utf-16"
    try:
        codecs.utf_8_decode(content, "strict", True)
    except UnicodeDecodeError:
        return "cp1252" if b"\0" not in content else "utf-8"  # which then refuses it
    return "utf-8-sig"


def _table_of(text: str, delimiter: str | None, known: Collection[str]) -> tuple[int, str, str]:
    """Return how many lines are before the table of a text, what separates its values, and it.

    Excel writes ``sep=;`` there, others remarks, which begin with ``#``.
    """
    named = _NAMED_SEPARATOR.match(text)
    rest = text[named.end() :] if named else text
    remarks = [*itertools.takewhile(lambda line: line.startswith("#"), io.StringIO(rest))]
    table = rest[sum(map(len, remarks)) :]
    found = delimiter or (named[1] if named else _separator(table))
    first: list[str] = next(_rows(table, found), [])
    for line in reversed(remarks):
        if len(next(_rows(line, found))) == len(first) and not _names_one(first, known):
            table = line + table  # the names, or the only column
            break
    return text.count("\n") - table.count("\n"), found, table


def _rows(text: str, separator: str) -> Any:
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator)


def _separator(text: str) -> str:
    """Return what makes most lines as long as the first, and the first as long as may be."""
    head = text.split("\n", _LOOKED_AT)[:_LOOKED_AT]

    def fit(separator: str) -> tuple[int, int]:
        rows = [row for row in csv.reader(head, delimiter=separator) if row]
        width = len(rows[0]) if rows else 0
        return (sum(len(row) == width for row in rows) if width > 1 else 0, width)

    return max(_SEPARATORS, key=fit)


def _check_widths(
    path: str | os.PathLike[str],
    numbered: Sequence[tuple[int, list[str]]],
    separator: str,
    given: str | None,
) -> None:
    if not numbered:
        raise DataFileError(f"{os.fspath(path)}: there is nothing in it")
    width = len(numbered[0][1])
    mend = "; without --delimiter, or by delimiter=None, it is found out" if given else ""
    for line, row in numbered:
        if len(row) != width:
            raise DataFileError(
                f"{os.fspath(path)}: line {line} has {len(row)} value{'s' * (len(row) > 1)}, the "
                f"first has {width}; "
                f"is {separator!r} what separates them?{mend}"
            )
