"""Which columns of a table a model learns from, and how: decided on the rows to train on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from fastnn._typing import Array
from fastnn.cli.sizes import too_large, too_small
from fastnn.data.notation import (
    alike,
    are_codes,
    are_numbers,
    beside,
    dates,
    given,
    one_gap,
    padded,
    strange,
)
from fastnn.data.schema import Columns, numbers, one_way
from fastnn.data.sheets import Sheet
from fastnn.errors import DataFileError
from fastnn.naming import closest

__all__ = ["infer", "some", "unknown"]

Say = Callable[[str], object]
Chosen = Mapping[str, set[str]]

_SHOWN = 8  # names on a line
_MOST_WORDS = 100  # features of a column
_RARE = 3  # times that a word comes at the least, to be one of them
_ROWS_OF_RARE = 200  # below these any word is
_MANY_WORDS = 20  # fewer are categories, whatever the number of rows
_IGNORED = "--ignore"
_ID = re.compile(r"(^|[ _-])(id|idx|index|key|no|nr|rownum)$|(?-i:[a-z]I[Dd]$)", re.I)


def infer(
    sheet: Sheet, training: Array, target: Sequence[str], chosen: Chosen, say: Say
) -> Columns:
    """Return the columns to learn from, after saying which are left out, and why.

    Args:
        sheet: all rows.
        training: the rows to train on.
        target: the columns that are to be predicted.
        chosen: the columns that the caller wants to ``ignore``, to ``keep``, as ``categorical``.
        say: takes lines.
    """
    choice = _Choice(sheet, training, chosen)
    for name in sheet.names:
        if name not in target:
            choice.add(name)
    for name, reason in choice.left_out.items():
        say(f"{'left out':<13}{name}: {reason}")
    if not choice.fills and not choice.words:
        raise DataFileError(f"there is no column to learn from: {_why_none(choice.left_out)}"[:390])
    _tell(choice.fills, choice.counted, say)
    for name, remark in choice.remarks:
        say(f"{'':<13}{name}: {remark}")
    names = [name for name in sheet.names if name in choice.fills or name in choice.words]
    told = {sheet.column(name) for name in target}
    for name in (name for name in names if sheet.column(name) in told):
        say(f"{'':<13}{name}: the same as the target in every row; --ignore {name} leaves it out")
    fills = [choice.fills.get(each) for each in names]
    decimal = sheet.decimal([*choice.fills, *target])
    signed = {name: sheet.signs[name] for name in [*names, *target] if name in sheet.signs}
    return Columns(
        sheet.header,
        names,
        fills,
        choice.words,
        decimal,
        signs=signed,
        complete=choice.complete,
        sizes=choice.sizes | _sizes(sheet.part(training), target),
    )


def _sizes(training: Sheet, target: Sequence[str]) -> dict[str, float]:
    """Return how large the numbers of targets are, of those that have numbers."""
    of_numbers = [name for name in target if are_numbers(training.plain(name))]
    return {name: _size(numbers(name, training)) for name in of_numbers}


def _size(values: Array) -> float:
    return float(np.nanmean(np.abs(values)))


def unknown(name: str, names: Sequence[str]) -> str:
    """Return what to say of a column that is not there."""
    close = closest(name, names)
    hint = f"did you mean {close!r:.60}? There" if close else "there"
    return f"there is no column {name!r:.60}; {hint} are {', '.join(names)}"[:390]


class _Choice:
    """The columns that were looked at so far.

    Attributes:
        fills: for columns of numbers their means.
        sizes: how large these are without their signs.
        complete: those of which none is missing in the rows to train on.
        words: for columns of words those that become features.
        counted: how many these are, and why not all.
        left_out: for the others, why.
        remarks: names, with what else there is to say of a column that is not left out.
    """

    def __init__(self, sheet: Sheet, training: Array, chosen: Chosen):
        self._sheet, self._training = sheet, sheet.part(training)
        self._ignore, self._keep = chosen["ignore"], chosen["keep"]
        self._categorical = chosen["categorical"]
        self.fills: dict[str, float] = {}
        self.sizes: dict[str, float] = {}
        self.complete: list[str] = []
        self.words: dict[str, list[str]] = {}
        self.counted: dict[str, str] = {}
        self.left_out: dict[str, str] = {}
        self.remarks: list[tuple[str, str]] = []
        self._codes = {name for name in sheet.names if are_codes(sheet.column(name))}

    def add(self, name: str) -> None:
        """Look at a column."""
        if name in self._ignore:
            self.left_out[name] = _IGNORED
        elif name not in self._categorical | self._codes and are_numbers(
            self._training.plain(name)
        ):
            self._add_numbers(name)
        else:
            self._add_words(name)

    def _has_numbers(self, name: str) -> bool:
        named = name in self._categorical or name in self._codes
        return not named and are_numbers(self._training.plain(name))

    def _add_numbers(self, name: str) -> None:
        values = numbers(name, self._training)
        every = numbers(name, self._sheet)
        lines = np.diff(self._sheet.lines)
        reason = _no_quantity(every, values, self._index(name), lines)
        if no_size := too_large(every) or too_small(values):
            self.left_out[name] = no_size
        elif reason and (name not in self._keep or np.isnan(values).all()):
            self.left_out[name] = reason
        else:
            self.fills[name], self.sizes[name] = float(np.nanmean(values)), _size(values)
            self.complete += [] if np.isnan(values).any() else [name]
            zeros = padded(self._sheet.plain(name))
            self._remark(name, zeros and f"{zeros} (--categorical takes such as words)")

    def _index(self, name: str) -> str:
        """Return what whole numbers make an id of: its name, or that it is first and without one,
        where pandas writes the index of a frame; and how to take it all the same."""
        if _ID.search(name):
            return "it is called as one, whole numbers, no two alike (--keep takes it)"
        first = name == self._sheet.names[0] and self._sheet.header
        if first and name in ("column 0", "Unnamed: 0"):
            return f"first, no name, whole numbers, no two alike (--keep {name!r} takes it)"
        return ""

    def _add_words(self, name: str) -> None:
        values = one_gap(self._training.column(name))
        plain = self._training.plain(name)
        quantities = beside(plain, units=len(set(values)) <= _MANY_WORDS)
        if reason := _no_kinds(values, wanted=name in self._keep | self._categorical):
            self.left_out[name] = "; ".join(filter(None, [reason, strange(plain), quantities]))
        else:
            self.words[name], self.counted[name] = _categories(values)
            codes = "numbers with zeros before them, as codes have: taken as words"
            remarks = (codes if name in self._codes else "", quantities, alike(self.words[name]))
            self._remark(name, *remarks)

    def _remark(self, name: str, *remarks: str) -> None:
        self.remarks += [(name, each) for each in remarks if each]


def _why_none(left_out: Mapping[str, str]) -> str:
    """Return why no column is left, and what would leave one."""
    reasons = {name: why for name, why in left_out.items() if why != _IGNORED}
    if reasons:
        name = next((name for name in reasons if "--keep" in reasons[name]), next(iter(reasons)))
        return f"all are left out, such as {name:.60}: {reasons[name]}"
    return "there is the target alone; if others are there, say what separates them by --delimiter"


def _tell(fills: dict[str, float], words: dict[str, str], say: Say) -> None:
    if fills:
        say(f"{'numbers':<13}{some(list(fills))}")
    if words:
        counted = [f"{name} ({count})" for name, count in words.items()]
        say(f"{'words':<13}{some(counted)}: a feature each, 1 or 0")


def some(names: Sequence[str]) -> str:
    """Return the first of some names as text."""
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f", and {rest} more" if rest > 0 else "")


def _no_quantity(every: Array, values: Array, index: str, lines: Array) -> str:
    """Return why numbers tell nothing of other rows, if they do not.

    Args:
        every: those of all rows.
        values: those of the rows to train on.
        index: what makes them an id, if no two are alike; nothing where they cannot be one.
        lines: from each row to the next, between which there may be rows without a target.
    """
    present = values[~np.isnan(values)]
    if not present.size or (present == present[0]).all():
        return "it is the same in all rows to train on"
    if len(every) <= _MANY_WORDS or np.isnan(every).any() or not (every == np.rint(every)).all():
        return ""
    steps = np.abs(np.diff(every))
    all_along = abs(every[-1] - every[0]) == steps.sum()  # up, or down
    if all_along and ((steps == 1).all() or (steps == lines).all()):
        return "it counts the rows"
    if index and len(np.unique(every)) == len(every):
        return f"it looks like an id: {index}"
    return ""


def _no_kinds(values: Sequence[str], wanted: bool) -> str:
    """Return why words tell nothing of other rows, if they do not."""
    counts, least = one_way(Counter(values)), _least(values)
    if len(counts) == 1:
        return "it is the same in all rows to train on"
    rare = max(counts.values()) < least
    if not wanted and (reason := _no_words(values, "" if rare else " (--keep takes them)")):
        return reason
    many = len(counts) > max(_MANY_WORDS, len(values) // 2) and not wanted
    if not (rare or many):
        return ""
    example = f"such as {next(iter(given(values)), '')!r:.40}"
    kept = f", none of them {least} times" if rare else " (--keep takes them)"
    return f"{len(counts):,} different words in {len(values):,} rows, {example}{kept}"


def _no_words(values: Sequence[str], mend: str) -> str:
    """Return what values are that are no words, and what takes them all the same."""
    if not given(values):
        return "it has no value in the rows to train on (--keep takes its signs of that)"
    said = dates(values)
    return said and said + mend


def _least(values: Sequence[str]) -> int:
    """Return how often a word comes at the least, to become a feature."""
    return 1 if len(values) < _ROWS_OF_RARE else _RARE


def _categories(values: Sequence[str]) -> tuple[list[str], str]:
    """Return the words that become features, and how many they are, and why not all."""
    counts, least = one_way(Counter(values)), _least(values)
    frequent = counts.most_common(_MOST_WORDS)
    common = [word for word, times in frequent if times >= least]
    rare = f"come fewer than {least} times" if len(common) < len(frequent) else ""
    return sorted(common), _counted(common, counts, rare)


def _counted(words: Sequence[str], every: Collection[str], rare: str) -> str:
    """Return how many words were chosen of those that there are, beside the missing one."""
    chosen, different = (len(each) - ("" in each) for each in (words, every))
    missing = " and missing" if "" in words else ""
    if chosen == different:
        return f"{chosen}{missing}"
    return f"{chosen} of {different} words{missing}: the others {rare or 'are no more frequent'}"
