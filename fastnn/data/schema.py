"""What a model's inputs and outputs are outside of it: columns of a table, images, classes.

``fastnn train`` makes a schema and leaves it with the model, so that the model's file knows how
to read more data of the kind: ``model.schema.read("new.csv")``.  A schema in a file is data of
somebody else: ``Schema.from_config`` takes nothing for granted.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from fastnn._checks import shown
from fastnn._typing import Array
from fastnn._warnings import warn_caller
from fastnn.data.arrays import as_array, reshape_hint
from fastnn.data.notation import (
    MISSING,
    NO_WORD,
    are_codes,
    as_number,
    given,
    other_sign,
    padded,
    unit_of,
)
from fastnn.data.sheets import Sheet, read_sheet, sheet_of
from fastnn.errors import DataFileError
from fastnn.naming import closest

__all__ = [
    "LARGEST",
    "SMALLEST",
    "TASKS",
    "Arrays",
    "Columns",
    "Images",
    "Inputs",
    "Schema",
    "Target",
    "canonical",
    "numbers",
    "one_way",
]

#: What a model can be trained to predict: one of two classes, one of several, several times yes or
#: no, numbers.
TASKS = ("binary", "classes", "labels", "numbers")

#: Squares of larger numbers are beyond the range of float32.
LARGEST = 1e19

#: Smaller deviations from the mean cannot be divided by in float32.
SMALLEST = 1e-37

_LONGEST = 1000  # letters of a name
_LONGEST_SIGN = 40  # of a currency or a unit

#: How truth is written, in small letters: by R and Excel, SQL, pandas.
_TRUTH = {"true": 1.0, "false": 0.0}

_MODES = {"grayscale": 1, "rgb": 3}

Note = Callable[[str], object]


class Gap(str):
    """A note of numbers that are missing, for which the model has another: that is no surprise."""

    __slots__ = ()


def _warn(text: str) -> None:
    """Warn of what a note says, unless it is no surprise."""
    if not isinstance(text, Gap):
        warn_caller(f"read: {text}", UserWarning)


def _silent(text: str) -> None:
    """Take a note, and leave it at that."""


class Inputs(Protocol):
    """How a file becomes samples."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a sample."""

    @property
    def features(self) -> list[str]:
        """What the numbers of a sample are, where each means something by itself."""

    def read(self, path: str | os.PathLike[str], note: Note = _silent) -> Array:
        """Return the samples of a file."""


@dataclass(frozen=True)
class Columns:
    """The columns of a CSV file that a model reads.

    Attributes:
        header: whether the file has names; else those here are the columns' numbers, from 0.
        names: of the columns, in the order in which the model takes them.
        fills: what stands for a number that is missing; ``None`` where nothing does, so that it is
            refused, and for a column of words.
        words: for each column of words those that the model knows.  Each becomes a feature, which
            is 1 where the column has that word; of any other word all are 0.
        decimal: the mark before the fraction in the table of the training, for numbers that can be
            read in two ways: ``"."``, ``","``, or ``""`` where they could not be told.
        gaps: for columns of words, that which stands for a missing one, if another does.
        dropped: for columns of words, one that is known and has no feature.
        signs: the sign beside the numbers of a column, or of a target, in the table of the
            training: of a currency, of percent or of a unit.
        complete: columns of numbers of which none was missing in the training, as far as known.
        sizes: how large the numbers of a column, or of a target, were in the training: the mean
            without signs.
    """

    header: bool
    names: list[str]
    fills: list[float | None]
    words: dict[str, list[str]]
    decimal: str = ""
    gaps: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    signs: dict[str, str] = field(default_factory=dict)
    complete: list[str] = field(default_factory=list)
    sizes: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        unfilled = {name for name, fill in zip(self.names, self.fills, strict=True) if fill is None}
        if len(set(self.names)) < len(self.names) or not set(self.words) <= unfilled:
            raise ValueError("schema: each column has one name, and a number to fill in, or words")
        if not all(fill is None or math.isfinite(fill) for fill in self.fills):
            raise ValueError("schema: what stands for a missing number is not finite")
        if not all(len(set(words)) == len(words) for words in self.words.values()):
            raise ValueError("schema: a column has one of its words twice")
        if self.decimal not in ("", ".", ","):
            raise ValueError("schema: the mark before a fraction is a point or a comma")
        if not all(word in self._known(name) for name, word in self.gaps.items()):
            raise ValueError("schema: what stands for a missing word is none of the column's")
        if not all(0 < len(sign) <= _LONGEST_SIGN for sign in self.signs.values()):
            raise ValueError(f"schema: a sign has 1 to {_LONGEST_SIGN} letters")
        if not set(self.complete) <= set(self.names) - set(self.words):
            raise ValueError("schema: a column without missing numbers is none of numbers")
        if not all(math.isfinite(size) and size >= 0 for size in self.sizes.values()):
            raise ValueError("schema: how large numbers were is not finite, or below 0")
        if any(len(name) > _LONGEST for name in self.names):  # which is said again for each word
            raise ValueError(f"schema: the name of a column has more than {_LONGEST} letters")

    @cached_property
    def features(self) -> list[str]:
        """What the numbers of a sample are."""
        return [feature for name in self.names for feature in self._features(name)]

    @property
    def meanings(self) -> list[str]:
        """What the numbers of a sample are, and what stands for one that is missing."""
        columns = zip(self.names, self.fills, strict=True)
        return [
            feature if fill is None else f"{feature} ({fill:.9g} if missing)"
            for name, fill in columns
            for feature in self._features(name)
        ]

    def _features(self, name: str) -> list[str]:
        words = self.words.get(name)
        return [name] if words is None else [f"{name}={word or '(missing)'}" for word in words]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a sample."""
        return (len(self.names) - len(self.words) + sum(map(len, self.words.values())),)

    def read(self, path: str | os.PathLike[str], note: Note = _silent, **text: Any) -> Array:
        """Return the samples of a CSV file, (rows, features), float64, read as by ``sheet``."""
        return self.encode(self.sheet(path, note=note, **text), note)

    def sheet(
        self,
        path: str | os.PathLike[str],
        known: Sequence[str] = (),
        delimiter: str | None = None,
        encoding: str | None = None,
        note: Note = _silent,
    ) -> Sheet:
        """Return the sheet of a CSV file like that of the training, or of such a data frame."""
        if isinstance(path, str | os.PathLike):
            named = [*self.names, *known]
            how = (delimiter, self.header, encoding, named, self.decimal, self.signs, self.sizes)
            sheet = read_sheet(path, *how)
        else:
            sheet = sheet_of(path, self.decimal, self.signs, self.sizes)
        if not sheet.header and self._begins_with_names(sheet):
            note(f"{os.fspath(path)}: its first line has names, of which the model knows none")
            sheet = sheet.part(range(1, len(sheet.rows)))
        if not sheet.rows:
            where = os.fspath(path) if sheet.separator else "the data frame"
            raise DataFileError(f"{where}: there is no row under the names")
        return sheet

    def _begins_with_names(self, sheet: Sheet) -> bool:
        """Return whether the first row of a sheet without names has nothing but such."""
        if not sheet.rows or not set(self.names) <= set(sheet.names):
            return False
        first = sheet.part([0])
        numeric = [name for name in self.names if name not in self.words]
        words = {name: first.column(name)[0] for name in self.names}
        named = all(as_number(first.plain(name)[0]) is None for name in numeric)
        given = not any(word.lower() in MISSING for word in words.values())
        unknown = not any(words[name] in self._known(name) for name in self.words)
        distinct = len({*words.values()}) == len(words) > 1
        return bool(numeric) and named and given and unknown and distinct

    def encode(self, sheet: Sheet, note: Note = _silent, learning: bool = False) -> Array:
        """Return samples, (rows, features), float64.

        Args:
            sheet: that of a file; it may have more columns, in any order.
            note: called with what had to be guessed.
            learning: whether it is the training's, whose other words were left out on purpose.

        Raises:
            DataFileError: if a column is missing.
        """
        missing = [name for name in self.names if name not in sheet.names]
        if missing:
            what = "is no column" if len(missing) == 1 else "are no columns"
            others = [name for name in sheet.names if name not in self.names]
            none = missing == self.names and any(as_number(name) is not None for name in others)
            mend = "the first line has numbers and no names: put these before it; " if none else ""
            raise DataFileError(
                f"there {what} {', '.join(missing):.120}, which the model takes; "
                f"{mend or _likely(missing, others)}there are {', '.join(sheet.names)}"[:390]
            )
        parts = [
            self._encoded(name, fill, sheet, note, learning)
            for name, fill in zip(self.names, self.fills, strict=True)
        ]
        return np.concatenate([np.empty((len(sheet.rows), 0)), *parts], axis=1)

    def _encoded(
        self, name: str, fill: float | None, sheet: Sheet, note: Note, learning: bool
    ) -> Array:
        if name in self.words:
            return self._indicators(name, sheet, _silent if learning else note)
        if not learning:
            self.check_sign(name, sheet, note)
        found = numbers(name, sheet, note, self.signs.get(name, ""))
        _check_size(name, found, sheet)
        if fill is not None and not 0 <= fill <= 1:  # the mean of what is true and false
            _tell_truths(name, found, sheet, note)
        return self._filled(name, fill, found, sheet, note)[:, None]

    def _filled(
        self, name: str, fill: float | None, found: Array, sheet: Sheet, note: Note
    ) -> Array:
        """Return numbers with what stands for those that are missing, after telling of these."""
        gone = np.isnan(found)
        if not gone.any():
            return found
        if fill is None:
            raise _without_fill(name, gone, sheet)
        note(self._gaps_told(name, fill, gone))
        return np.where(gone, fill, found)

    def _gaps_told(self, name: str, fill: float, gone: Array) -> str:
        """Return what to say of numbers that are missing: a surprise where the training had none,
        or the file has no other."""
        told = f"{name}: {gone.sum()} missing, taken as {fill:.6g}, usual in the training"
        if name in self.complete:
            return f"{told}, where none was missing"
        return told if 1 < gone.sum() == len(gone) else Gap(told)

    def _known(self, name: str) -> list[str]:
        """Return the words of a column that are known, those with features first."""
        rest = [self.dropped[name]] if name in self.dropped else []
        return [*self.words.get(name, ()), *rest]

    def check_sign(self, name: str, sheet: Sheet, note: Note = _silent) -> None:
        """Compare the sign beside the numbers of a column with that of the training.

        Raises:
            DataFileError: if it is another.
        """
        usual, found = self.signs.get(name, ""), sheet.signs.get(name, "")
        if usual and found and unit_of(usual) != unit_of(found):
            raise DataFileError(f"{name:.60}: numbers with {found}, {_trained_on(usual)}")
        if found and not usual:
            note(
                f"{name}: numbers are read without their {found}, of which the model knows nothing"
            )
        bare = sheet.count_unsigned(name) if usual else 0
        if bare:
            some = _counted(range(bare), "number") if found else "numbers"
            note(f"{name}: {some} without the {usual} of the training, taken as if with it")

    def _indicators(self, name: str, sheet: Sheet, note: Note) -> Array:
        words = self._words_given(name, sheet)
        ids = _Words(self._known(name)).places(words, -1)
        others = [words[int(row)] for row in np.flatnonzero(ids < 0)]
        if unknown := list(filter(None, others)):
            what, rows = _counted({*unknown}, "word"), _counted(unknown, "row")
            where = f" in {rows}" if len({*unknown}) < len(unknown) else ""
            note(
                f"{name}: {what}{where} that the model does not know, {self._meant(name, unknown)}"
            )
        if len(unknown) < len(others):
            note(f"{name}: {len(others) - len(unknown)} missing, as none was in the training")
        return np.asarray(ids[:, None] == np.arange(len(self.words[name])), np.float64)

    def _meant(self, name: str, unknown: Sequence[str]) -> str:
        """Return one of some unknown words as an example, one that differs from a known one in
        capitals only if there is such, and that one."""
        known = {word.casefold(): word for word in self._known(name)}
        word = next((each for each in unknown if each.casefold() in known), unknown[0])
        meant = known.get(word.casefold())
        return f"such as {word!r:.40}" + (f"; did you mean {meant!r:.40}?" if meant else "")

    def _words_given(self, name: str, sheet: Sheet) -> list[str]:
        """Return the words of a column: what stands for none is ``""``, unless it is known, or the
        only known one such; and ``""`` what stands for that."""
        known, values = {*self._known(name)}, sheet.column(name)
        only = "" if "" in known or name in self.gaps else _gap(known, sheet)
        meant = {each: only for each in {*values} - known if each.lower() in NO_WORD}
        meant[""] = "" if "" in known else self.gaps.get(name, only)
        return [meant.get(each, each) for each in values]


def _gap(known: Iterable[str], sheet: Sheet) -> str:
    """Return the word of the training that an empty cell is, if there is but one such as ``NA``,
    which pandas reads as nothing, and in a frame also ``None``."""
    signs = NO_WORD if sheet.separator else NO_WORD | {"none"}
    found = [word for word in known if word.lower() in signs]
    return found[0] if len(found) == 1 else ""


def _likely(missing: Sequence[str], names: Sequence[str]) -> str:
    """Return which of a file's columns may be one that is missing, if one is named alike."""
    pairs = ((name, closest(name, names)) for name in missing)
    name, close = next((pair for pair in pairs if pair[1]), ("", ""))
    return f"if {close!r:.60} is {name!r:.60}, rename it; " if close else ""


def _counted(these: Sized, noun: str) -> str:
    return f"{len(these)} {noun}{'' if len(these) == 1 else 's'}"


def _check_size(name: str, values: Array, sheet: Sheet) -> None:
    """Refuse numbers that cannot be scaled in float32, by the line of the first."""
    large = np.abs(values) > LARGEST
    if large.any():
        row = int(large.argmax())
        raise DataFileError(
            f"{name:.60}: {values[row]:g} in {sheet.place(row)} is above {LARGEST:g}, the "
            "most that can be scaled in float32; mend it, or leave it empty: that is the mean"
        )


def _without_fill(name: str, gone: Array, sheet: Sheet) -> DataFileError:
    """Return the exception for numbers that are missing where none is known to be usual."""
    return DataFileError(
        f"{name:.60}: {_counted(np.flatnonzero(gone), 'number')} missing, such as that in "
        f"{sheet.place(int(gone.argmax()))}, and the model knows none that is usual there; fill "
        "them in, or leave these rows out"
    )


def _tell_truths(name: str, values: Array, sheet: Sheet, note: Note) -> None:
    """Tell which numbers are so only for what is true or false, as columns of frames may be."""
    texts = sheet.column(name)
    rows = np.flatnonzero((values == 0) | (values == 1))
    truths = [row for row in rows.tolist() if texts[row].lower() in _TRUTH]
    if truths:
        what = _counted(truths, "value")
        note(f"{name}: {what} true or false, where the model takes numbers: taken as 1 and 0")


def _check_share(name: str, strange: Sized, values: Sequence[str], first: str, mend: str) -> None:
    """Refuse a column of which most is no number: its mean for all of them would tell nothing."""
    present = len(given(values))
    if 2 * len(strange) > present:
        raise DataFileError(
            f"{name:.60}: {len(strange):,} of {present:,} values are no numbers, such as {first}; "
            + mend
        )


def _trained_on(usual: str) -> str:
    """Return what to say of numbers with another sign than that of the training."""
    return (
        f"the model was trained on numbers with {usual}; convert them, or write {usual} if that is "
        "meant"
    )


def numbers(name: str, sheet: Sheet, note: Note = _silent, usual: str = "") -> Array:
    """Return a column as numbers, float64, NaN where there is none.

    Args:
        name: that of the column.
        sheet: all of the file's.
        note: called with what is neither a number nor a usual sign that there is none, and with
            how numbers are read where that had to be guessed.
        usual: the sign beside the column's numbers in the training; else it is the sheet's.

    Raises:
        DataFileError: if more than half of what is there is that.
    """
    values = sheet.plain(name)
    if guess := sheet.guess(name):
        note(f"{name}: {guess}")
    try:
        found = np.array(list(map(float, values)))
        if not any("_" in value for value in values):
            return _finite(name, found, sheet, note)
    except ValueError:
        pass
    known = [_TRUTH.get(value.lower(), as_number(value)) for value in values]
    strange = [
        row
        for row, (value, text) in enumerate(zip(known, values, strict=True))
        if value is None and text.lower() not in MISSING
    ]
    if strange:
        _tell_strange(name, strange, sheet, note, usual or sheet.signs.get(name, ""))
    found = np.array([np.nan if value is None else value for value in known], np.float64)
    return _finite(name, found, sheet, note)


def _tell_strange(name: str, strange: Sequence[int], sheet: Sheet, note: Note, usual: str) -> None:
    """Tell of values that are no numbers; first of those with another sign than the usual one."""
    values = sheet.plain(name)
    signed = [row for row in strange if usual and other_sign(values[row], usual)]
    row = [*signed, *strange][0]
    first = f"{values[row]!r:.40} in {sheet.place(row)}"
    leave = "the model takes numbers there; where one is not known, leave it empty"
    _check_share(name, strange, values, first, _trained_on(usual) if signed else leave)
    others = f", where others are in {usual}" if signed else ""
    note(f"{name}: {_counted(strange, 'value')} not a number, such as {first}{others}: missing")


def _finite(name: str, found: Array, sheet: Sheet, note: Note) -> Array:
    """Return numbers with NaN for those that are infinite."""
    infinite = np.flatnonzero(np.isinf(found))
    if len(infinite):
        what = _counted(infinite, "number")
        note(f"{name}: {what} infinite, such as that in {sheet.place(int(infinite[0]))}: missing")
    return np.where(np.isinf(found), np.nan, found)


@dataclass(frozen=True)
class Arrays:
    """An array of an npz file.

    Attributes:
        name: its name in the file.
        sample: the shape of a sample.
        target: the name of the array of targets.
    """

    name: str
    sample: list[int]
    target: str

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if not all(size > 0 for size in self.sample):
            raise ValueError("schema: the sizes of a sample are positive")

    @property
    def features(self) -> list[str]:
        """What the numbers of a sample are."""
        return (
            [f"{self.name}[{place}]" for place in range(*self.sample)]
            if len(self.sample) == 1
            else []
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a sample."""
        return tuple(self.sample)

    def read(self, path: str | os.PathLike[str], note: Note = _silent) -> Array:
        """Return the samples of an npz file, or of an array."""
        from fastnn.data.npz import read_npz

        if not isinstance(path, str | os.PathLike):
            return self.take({self.name: as_array("read", "x", path)}, "read", self.name)
        arrays = read_npz(path)
        name, _ = self.pair(arrays, answered=False)
        if name != self.name and self.name in arrays:
            note(f"{os.fspath(path)}: {name!r} is read, not {self.name!r}, which was learnt from")
        return self.take(arrays, path, name)

    def pair(self, arrays: Mapping[str, Array], answered: bool) -> tuple[str, str]:
        """Return which arrays of a file are samples and targets: those to test on, such as
        ``x_test``, if it has them; else those of the training; else ``x``, whatever these were.

        Args:
            arrays: those of the file.
            answered: whether targets have to be there.
        """
        pair = (self.name, self.target)
        stems = (self.name.replace("_train", ""), self.target.replace("_train", ""))
        tests = (self.name.replace("train", "test"), self.target.replace("train", "test"))
        others = (f"{stems[0]}_test", f"{stems[1]}_test")
        for way in (tests, pair, stems, others):
            renamed = way == pair or not {*way} & {*pair}  # both names, or none
            there = way[0] in arrays and (way[1] in arrays or not answered)
            if renamed and there and way[0] != way[1]:
                return way
        return pair

    def take(self, arrays: Mapping[str, Array], path: str | os.PathLike[str], name: str) -> Array:
        """Return the samples of a file, (rows, ...): those of a name, or of the only array."""
        if len(arrays) == 1:
            name = next(iter(arrays))
        if name not in arrays:
            raise DataFileError(
                f"{os.fspath(path)}: there is no array {self.name!r}; there are "
                f"{', '.join(arrays)}"[:390]
            )
        x = arrays[name]
        if x.shape[1:] == self.shape[:-1] and self.shape[-1:] == (1,):
            x = x[..., None]  # images without an axis of channels
        if x.shape[1:] != self.shape:
            hint = reshape_hint(name, x, (None, *self.shape))
            raise DataFileError(
                f"{os.fspath(path)}: the array {name!r} has the shape {x.shape}, the model takes "
                f"(rows, {', '.join(map(str, self.shape))}){hint}"[:390]
            )
        return x


@dataclass(frozen=True)
class Images:
    """Images in files.

    Attributes:
        height: pixels that each is resized to.
        width: likewise.
        color_mode: ``"grayscale"`` or ``"rgb"``.
    """

    height: int
    width: int
    color_mode: str

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if not (0 < self.height < 1 << 15 and 0 < self.width < 1 << 15):
            raise ValueError("schema: images have 1 to 32,767 pixels a side")
        if self.color_mode not in _MODES:
            raise ValueError(f"schema: color_mode is one of {', '.join(_MODES)}")

    @property
    def features(self) -> list[str]:
        """Nothing: no pixel means anything by itself."""
        return []

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a sample."""
        return (self.height, self.width, _MODES[self.color_mode])

    def read(self, path: str | os.PathLike[str], note: Note = _silent) -> Array:
        """Return the images of a folder, in the order of their paths, or a single one."""
        return self.of(self.paths(path, note))

    def paths(self, path: str | os.PathLike[str], note: Note = _silent) -> list[str]:
        """Return the files of a folder, sorted, or the file itself."""
        from fastnn.data.folders import image_paths, unread

        found = image_paths(path)
        if rest := unread(path, found):
            note(f"{os.fspath(path)}: {rest}")
        return list(map(os.fspath, found))

    def of(self, paths: Sequence[str]) -> Array:
        """Return the images of some files, uint8."""
        from pathlib import Path

        from fastnn.data.folders import ImageFolder
        from fastnn.extras import require

        require("PIL", "an image")
        size = (self.height, self.width)
        files = list(map(Path, paths))
        (x,) = ImageFolder(
            files, None, [], self.color_mode, 1, size, None, "bilinear", False
        ).load()
        return np.asarray(x)


@dataclass(frozen=True)
class Target:
    """What a model tells.

    Attributes:
        task: one of ``TASKS``.
        names: of the columns, or of the array, that it tells.
        classes: for each name what there is to choose from, by number; none for numbers.
    """

    task: str
    names: list[str]
    classes: list[list[str]]

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        choices = [len(each) for each in self.classes]
        one = len(self.names) == 1 and len(choices) == 1
        fits = {
            "binary": one and choices == [2],
            "classes": one and choices[0] >= 2,
            "labels": len(choices) == len(self.names) and set(choices) == {2},
            "numbers": bool(self.names) and not choices,
        }
        if not fits.get(self.task, False):
            raise ValueError("schema: the task, the target and its classes do not go together")
        if not all(len(set(each)) == len(each) for each in [self.names, *self.classes]):
            raise ValueError("schema: a target, or a class, is there twice")

    @property
    def units(self) -> int:
        """The outputs of a model that tells it."""
        return len(self.classes[0]) if self.task == "classes" else len(self.names)

    @property
    def outputs(self) -> list[str]:
        """What each output of the model is."""
        if self.task == "numbers":
            return self.names
        if self.task == "classes":
            return [f"{self.names[0]}={each}" for each in self.classes[0]]
        return [f"{name}={yes}" for name, (_, yes) in zip(self.names, self.classes, strict=True)]

    def encode(self, sheet: Sheet, note: Note = _silent) -> Array:
        """Return targets, (rows, names): numbers, or those of classes; NaN where there is none.

        Raises:
            DataFileError: if a column is missing.
        """
        for name in self.names:
            if name not in sheet.names:
                mend = (
                    _likely([name], sheet.names)
                    or f"if another column is it, rename that to {name!r:.60}; "
                )
                raise DataFileError(
                    f"there is no column {name!r:.60} to compare with; {mend}"
                    f"there are {', '.join(sheet.names)}"[:390]
                )
        columns = [self._encoded(place, sheet, note) for place in range(len(self.names))]
        return np.stack(columns, axis=1)

    def _encoded(self, place: int, sheet: Sheet, note: Note) -> Array:
        name = self.names[place]
        if self.task == "numbers":
            return numbers(name, sheet, note)
        return self.ids(place, sheet.plain(name), note)

    def ids(self, place: int, values: Sequence[str], note: Note = _silent) -> Array:
        """Return the numbers of classes, float64, NaN for what is none."""
        ids, name = _Words(self.classes[place]).places(values, np.nan), self.names[place]
        unknown = [each for each, none in zip(values, np.isnan(ids), strict=True) if none]
        if unknown:
            have = "1 row has" if len(unknown) == 1 else f"{len(unknown)} rows have"
            note(f"{name}: {have} none of the model's classes ({_most(unknown)}): left out")
        return ids

    def answers(self, outputs: Array) -> list[list[Any]]:
        """Return, for each name, what the model tells of each row: classes, or numbers."""
        if self.task == "numbers":
            return [[float(each) for each in column] for column in outputs.T]
        ids = outputs.argmax(axis=1)[:, None] if self.task == "classes" else outputs > 0.5
        return [
            [classes[int(each)] for each in column]
            for classes, column in zip(self.classes, ids.T, strict=True)
        ]


def _most(words: Sequence[str]) -> str:
    """Return the most frequent of some words, with how often there are such."""
    most = Counter(words).most_common(3)
    told = [f"{count} {shown(word) if word else 'empty'}" for word, count in most]
    return ", ".join(told) + (", ..." if len(set(words)) > len(most) else "")


class _Words:
    """The places of words, each also as it may be written elsewhere: ``1067`` for ``01067``,
    ``true`` or ``1`` for ``TRUE``."""

    def __init__(self, words: Sequence[str]):
        self._are_truths = _are_truths(words)
        self._places = {word: place for place, word in enumerate(words)}
        for place, word in enumerate(words):
            self._places.setdefault(self._plain(word), place)

    def places(self, texts: Iterable[str], other: float) -> Array:
        """Return the places of texts, float64, ``other`` where one is none of the words."""
        known = self._places
        found = (known.get(text, known.get(self._plain(text), other)) for text in texts)
        return np.fromiter(found, np.float64)

    def _plain(self, text: str) -> str:
        return _as_number_is(text) if self._are_truths else canonical(text)


def _are_truths(words: Iterable[str]) -> bool:
    """Return whether words are true and false, but for those that stand for none."""
    return {word.lower() for word in words} - MISSING <= {*_TRUTH, "0", "1"}


def _as_number_is(text: str) -> str:
    """Return the text of a class, of what is true that of 1."""
    truth = _TRUTH.get(text.lower())
    return canonical(text if truth is None else repr(truth))


def one_way(counts: Counter[str]) -> Counter[str]:
    """Return how often words come, where codes, and true and false, are written in one way: the
    most frequent, of equally frequent ones the longest.

    Example:
        >>> one_way(Counter({"TRUE": 5, "true": 3, "False": 2})), one_way(Counter({"A": 1, "a": 2}))
        (Counter({'TRUE': 8, 'False': 2}), Counter({'a': 2, 'A': 1}))
        >>> one_way(Counter({"01067": 9, "1067": 1}))
        Counter({'01067': 10})
    """
    if _are_truths(counts):
        same = _as_number_is
    elif padded(counts) and are_codes(list(counts.elements())):
        same = canonical
    else:
        return counts
    ways: dict[str, Counter[str]] = {}
    for word, times in counts.items():
        ways.setdefault(same(word), Counter())[word] = times
    usual = {max(way, key=lambda word: (way[word], len(word))): way for way in ways.values()}
    return Counter({word: way.total() for word, way in usual.items()})


def canonical(text: str) -> str:
    """Return the text of a class: of a number the shortest, as it may be 1 here, and 1.0 there.

    Example:
        >>> canonical("1.0"), canonical("01067"), canonical("0"), canonical("12345678901234567890")
        ('1', '1067', '0', '12345678901234567890')
    """
    if text.isascii() and text.isdecimal():  # which may have more digits than a float
        return text.lstrip("0") or "0"
    number = as_number(text)
    if number is None or not math.isfinite(number):
        return text
    return repr(int(number) if number == int(number) else number)


@dataclass(frozen=True)
class Schema:
    """What a model's inputs and outputs are outside of it.

    Attributes:
        inputs: how a file becomes samples.
        target: what the model tells of them.
    """

    inputs: Columns | Arrays | Images
    target: Target

    def read(self, source: Any) -> Array:
        """Return the samples of a file, or of a data frame, as the model takes them.

        Args:
            source: a CSV file with the columns of the training, or a data frame of pandas or polars
                that has them; an npz file, or an array; or a folder of images.

        Raises:
            DataFileError: if the file, or the data frame, is not of that kind.
            DTypeError: if it is neither a file nor what the model reads besides.

        Example:
            >>> import os, tempfile
            >>> inputs = Columns(True, ["n", "colour"], [0.5, None], {"colour": ["blue", "red"]})
            >>> schema = Schema(inputs, Target("numbers", ["price"], []))
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     path = os.path.join(folder, "new.csv")
            ...     with open(path, "w") as file:
            ...         _ = file.write("colour;n\\nred;2\\nblue;7\\n")
            ...     schema.read(path)
            array([[2., 0., 1.],
                   [7., 1., 0.]])

        What had to be guessed is warned of: words that the model does not know, values that are no
        numbers, signs and units other than those of the training, marks that may be before a
        fraction or between thousands.
        """
        return self.inputs.read(source, _warn)

    def check(self, inputs: Any, outputs: Any) -> None:
        """Refuse the shapes of another model, (None, ...)."""
        shapes = {
            "takes": (inputs, (None, *self.inputs.shape)),
            "gives": (outputs, (None, self.target.units)),
        }
        for verb, (found, wanted) in shapes.items():
            if found != wanted:
                raise ValueError(
                    f"schema: it is of a model that {verb} {wanted}, not {found!s:.80}"
                )

    def get_config(self) -> dict[str, Any]:
        """Return what JSON can hold of it."""
        kind = type(self.inputs).__name__
        return {"inputs": {kind: asdict(self.inputs)}, "target": asdict(self.target)}

    @classmethod
    def from_config(cls, config: Any) -> Schema:
        """Return the schema that ``get_config`` described.

        Raises:
            ValueError: if it describes none.
        """
        inputs, target = _fields(config, ("inputs", "target"))
        if not isinstance(inputs, dict) or len(inputs) != 1 or not set(inputs) <= set(_INPUTS):
            raise ValueError(f"schema: its inputs are one of {', '.join(_INPUTS)}")
        ((kind, described),) = inputs.items()
        return cls(_made(_INPUTS[kind], described), _made(Target, target))


#: What fields were before they were there.
_USUAL: dict[Any, dict[str, Any]] = {
    Columns: {"gaps": {}, "dropped": {}, "signs": {}, "complete": [], "sizes": {}}
}

_INPUTS: dict[str, Any] = {each.__name__: each for each in (Arrays, Columns, Images)}

_KINDS: dict[str, Callable[[Any], bool]] = {
    "bool": lambda value: type(value) is bool,
    "int": lambda value: type(value) is int,
    "str": lambda value: type(value) is str,
    "list[int]": lambda value: _list_of(value, int),
    "list[str]": lambda value: _list_of(value, str),
    "list[float | None]": lambda value: _list_of(value, float, int, type(None)),
    "list[list[str]]": lambda value: type(value) is list and all(_list_of(v, str) for v in value),
    "dict[str, str]": lambda value: (
        type(value) is dict and all(type(each) is str for each in value.values())
    ),
    "dict[str, float]": lambda value: (
        type(value) is dict and all(type(each) in (float, int) for each in value.values())
    ),
    "dict[str, list[str]]": lambda value: (
        type(value) is dict and all(_list_of(each, str) for each in value.values())
    ),
}


def _list_of(value: Any, *types: type) -> bool:
    return type(value) is list and all(type(each) in types for each in value)


def _fields(config: Any, names: Sequence[str], usual: Mapping[str, Any] | None = None) -> list[Any]:
    """Return what a config has for some names; those of files before there was one are usual."""
    known = {**(usual or {}), **config} if isinstance(config, dict) else {}
    if set(known) != set(names):
        raise ValueError(f"schema: expected {', '.join(names)}, got {str(config)[:60]}")
    return [known[name] for name in names]


def _made(kind: Any, config: Any) -> Any:
    """Return a part of a schema whose fields have the types that their annotations say."""
    types: dict[str, str] = kind.__annotations__
    values = _fields(config, list(types), _USUAL.get(kind))
    for (name, wanted), value in zip(types.items(), values, strict=True):
        if not _KINDS[wanted](value):
            raise ValueError(f"schema: {name} is no {wanted}: {str(value)[:60]}")
    return kind(*values)
