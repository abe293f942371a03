"""What there is to tell: which task a target makes, and the target as a loss takes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence

import numpy as np

from fastnn._typing import Array
from fastnn.cli.sizes import too_large, too_small
from fastnn.data.notation import (
    NO_WORD,
    alike,
    are_codes,
    are_numbers,
    as_number,
    beside,
    dates,
    given,
    padded,
    strange,
)
from fastnn.data.schema import Target, canonical, one_way
from fastnn.data.sheets import Sheet
from fastnn.errors import DataFileError

__all__ = ["for_loss", "listed", "of_array", "of_sheet", "of_values"]

#: As many different whole numbers may name classes; more of them are quantities.
_FEW = 20


def listed(classes: Sequence[str]) -> str:
    """Return the first few of some classes as text."""
    return f"{len(classes)} class{'es' * (len(classes) > 1)} ({_some(classes)})"


def _some(classes: Sequence[str]) -> str:
    return ", ".join(classes[:6]) + (", ..." if len(classes) > 6 else "")


def of_sheet(sheet: Sheet, names: Sequence[str], task: str | None) -> tuple[Target, str]:
    """Return the target that some columns of a table make, and why it is that."""
    columns = {name: _told(_present(sheet.plain(name)), task) for name in names}
    for name, values in columns.items():
        if not values:
            raise _without_value(name)
    if len(names) > 1:
        return _of_several(columns, task)
    name, values = names[0], columns[names[0]]
    taken, pairs = set(values), zip(sheet.plain(name), sheet.column(name), strict=True)
    return _of_one(name, values, task, [written for plain, written in pairs if plain not in taken])


def _without_value(name: str) -> DataFileError:
    return DataFileError(f"the target {name!r:.60} has no value in any row")


def _present(values: Sequence[str]) -> list[str]:
    there = given(values)
    if 2 * sum(as_number(value) is not None for value in there) > len(there):
        return there  # numbers, among which "-" is no class
    return [value for value in values if value.lower() not in NO_WORD]


def _told(values: list[str], task: str | None) -> list[str]:
    """Return the values to learn to tell: quantities without a stray word, or all."""
    numbers = [value for value in values if as_number(value) is not None]
    if not are_numbers(values) or task not in (None, "regression"):
        return values
    return numbers if task or _task(numbers, not are_codes(numbers)) == "regression" else values


def _task(values: Sequence[str], numeric: bool) -> str:
    """Return what values make, which may be quantities."""
    classes = len(_classes(values, numeric))
    few = classes == 2 or (classes <= _FEW and len(values) >= 5 * classes)
    whole = numeric and all(map(float.is_integer, map(float, values)))
    return "regression" if numeric and not (whole and few) else "classification"


def _of_one(
    name: str, values: list[str], task: str | None, left_out: Sequence[str] = ()
) -> tuple[Target, str]:
    numbers = all(as_number(value) is not None for value in values)
    numeric = numbers and (task == "regression" or not are_codes(values))
    classes = _classes(values, numeric)
    if len(values) > 1 or not numbers:
        _check_varies(name, list(classes), left_out)
    if task == "multi-label":
        raise DataFileError(f"multi-label needs several columns of yes and no: --target {name},...")
    if (task or _task(values, numeric)) == "regression":
        target, why = _of_numbers(name, values)
    else:
        _check_classes(name, classes, values)
        kind = "quantities" if numeric else "codes" if numbers else ""
        target, why = _of_classes(name, classes, kind)
    zeros = padded(values) if numeric else ""
    return target, f"{why}; {zeros}" if zeros else why


def _of_numbers(name: str, values: list[str]) -> tuple[Target, str]:
    word = next((each for each in values if as_number(each) is None), None)
    if word is not None:
        raise DataFileError(
            f"the target {name!r:.60} has {beside(values) or 'words'}, such as {word!r:.60}: a "
            "regression needs numbers in nine of ten rows, and leaves out the rest"
        )
    why = f"regression: {name} is numbers, {len(set(values)):,} different ones"
    return Target("numbers", [name], []), why


def _of_classes(name: str, classes: Counter[str], kind: str) -> tuple[Target, str]:
    """Return the target of some classes, whose texts may be numbers: quantities, or codes."""
    ends = {
        "codes": "; zeros before them make them codes, --task regression numbers",
        "quantities": "; --task regression takes them as numbers",
        "": "",
    }
    single = [each for each, rows in classes.items() if rows == 1]
    rare = f"; {_some(single)} {'has' if len(single) == 1 else 'have'} 1 row" if single else ""
    capitals = f"; {pair}" if (pair := alike(classes)) else ""
    no_names = dates([*classes]) or beside([*classes], units=len(classes) <= _FEW)
    remark = f"; {no_names}" if no_names else ""
    target = Target("binary" if len(classes) == 2 else "classes", [name], [list(classes)])
    told = f"{listed(list(classes))}{rare}{capitals}{remark}{ends[kind]}"
    return target, f"classification: {name} has {told}"


def _classes(values: Sequence[str], numeric: bool) -> Counter[str]:
    """Return how many rows each class has, in the order of classes."""
    counts = Counter(map(canonical, values)) if numeric else one_way(Counter(values))

    def place(each: str) -> tuple[float, str]:
        return (float(each) if numeric else 0, each)

    return Counter({each: counts[each] for each in sorted(counts, key=place)})


def _check_varies(name: str, different: Sequence[str], left_out: Sequence[str] = ()) -> None:
    """Refuse a target of one kind; ``left_out`` are the words that stand for none."""
    if len(different) > 1:
        return
    words = _some(sorted({word or "empty" for word in left_out}))
    but = f" but {len(left_out):,}, where it is {words}, which counts as none" if words else ""
    mend = "; give those of a kind of their own another word" if words else ""
    raise DataFileError(
        f"the target {name!r:.60} is {different[0]!r:.60} in every row{but}: there is nothing to "
        f"predict{mend}"[:390]
    )


def _check_classes(name: str, classes: Collection[str], values: Sequence[str]) -> None:
    if len(classes) > max(_FEW, len(values) // 2):
        words = strange(values) or f"such as {next(iter(classes))!r:.60}"
        raise DataFileError(
            f"the target {name!r:.60} has {len(classes):,} different values in {len(values):,} "
            f"rows, {words}: that is no class; {_mend_of_many(values)}"[:390]
        )


def _mend_of_many(values: Sequence[str]) -> str:
    """Return what to do about a target of too many different values to be classes."""
    if all(as_number(value) is not None for value in values):
        return "to predict them as numbers, use --task regression"
    few = (
        "each class needs several rows to be learnt from: name another column by --target, or put "
        "these together to a few kinds; for numbers nine in ten must be such"
    )
    return dates(values) or beside(values) or few


def _of_several(columns: dict[str, list[str]], task: str | None) -> tuple[Target, str]:
    numeric = all(as_number(value) is not None for values in columns.values() for value in values)
    pairs = {name: list(_classes(each, numeric)) for name, each in columns.items()}
    names = list(columns)
    if task == "multi-label" or (task is None and all(len(each) == 2 for each in pairs.values())):
        for name, pair in pairs.items():
            if len(pair) != 2:
                raise DataFileError(f"the label {name!r:.60} has {listed(pair)}, not yes and no")
        yes = ", ".join(f"{name}={pair[1]}" for name, pair in pairs.items())
        return Target("labels", names, list(pairs.values())), f"multi-label: {yes}"
    if task == "classification" or not numeric:
        raise DataFileError(
            "several targets are either yes and no each, or numbers; train a model for each of "
            f"{', '.join(names)}"[:390]
        )
    for name, different in pairs.items():
        _check_varies(name, different)
    return Target("numbers", names, []), f"regression: {', '.join(names)} are numbers"


# ---- arrays --------------------------------------------------------------------------------------


def of_values(name: str, values: Array, task: str | None) -> tuple[Target, str]:
    """Return the target that an array makes, (rows,), (rows, 1) or (rows, n), and why."""
    if values.ndim == 2 and values.shape[1] > 1:
        return _of_matrix(name, values, task)
    if values.ndim > 2 or values.size != len(values):
        raise DataFileError(
            f"the target {name!r:.60} has the shape {values.shape}; expected (rows,) or (rows, n)"
        )
    if not (present := _present(_texts(values))):
        raise _without_value(name)
    return _of_one(name, present, task)


def _of_matrix(name: str, values: Array, task: str | None) -> tuple[Target, str]:
    n = values.shape[1]
    if values.dtype.kind not in "fiub":
        raise DataFileError(f"the target {name!r:.60} has several columns, which are no numbers")
    names = [f"{name}[{place}]" for place in range(n)]
    marks = task != "regression" and bool(np.isin(values, (0, 1)).all())
    if marks and task != "multi-label" and (values.sum(axis=1) == 1).all():
        classes = [list(map(str, range(n)))]
        kind = "binary" if n == 2 else "classes"
        return Target(kind, [name], classes), f"classification: {name} marks one of {n} classes"
    for each, column in zip(names, values.T, strict=True):
        _check_column(each, column)
    if marks:
        return Target("labels", names, [["0", "1"]] * n), f"multi-label: {name} is {n} times 0 or 1"
    return _of_quantities(name, names, task)


def _of_quantities(name: str, names: list[str], task: str | None) -> tuple[Target, str]:
    if task not in (None, "regression"):
        raise DataFileError(
            f"the target {name!r:.60} has {len(names)} columns, whose numbers are not all 0 or 1: "
            f"that is no {task}; leave --task out to predict them as numbers"
        )
    return Target("numbers", names, []), f"regression: {name} is {len(names)} numbers a row"


def _check_column(name: str, values: Array) -> None:
    """Refuse a target among others that has no value, or in several rows the same."""
    present = values[np.isfinite(values)]
    if not present.size:
        raise _without_value(name)
    if present.size > 1 and (present == present[0]).all():
        _check_varies(name, [canonical(str(present[0]))])


def _texts(values: Array) -> list[str]:
    return [str(each) for each in values.reshape(-1).tolist()]


def of_array(target: Target, values: Array, note: Callable[[str], object]) -> Array:
    """Return the targets in an array, (rows, names), float64, NaN where there is none.

    Args:
        target: what they are of.
        values: the array, (rows,) or (rows, n).
        note: takes how many rows have none of the classes.
    """
    if target.task == "numbers":
        y = np.asarray(values.reshape(len(values), -1), np.float64)
        return np.where(np.isfinite(y), y, np.nan)
    if target.task == "labels":
        columns = enumerate(values.reshape(len(values), -1).T)
        return np.stack([target.ids(place, _texts(y), note) for place, y in columns], axis=1)
    if values.ndim == 2 and values.shape[1] == len(target.classes[0]):
        return np.asarray(values.argmax(axis=1)[:, None], np.float64)
    return target.ids(0, _texts(values), note)[:, None]


def for_loss(target: Target, y: Array) -> Array:
    """Return known targets, (rows, names), as the loss of their task takes them.

    Raises:
        DataFileError: if they are too large, or too much alike, to be learnt.
    """
    if target.task == "numbers":
        for name, column in zip(target.names, y.T, strict=True):
            _check_size(name, column)
    if target.task == "classes":
        return y[:, 0].astype(np.int64)
    return y


def _check_size(name: str, y: Array) -> None:
    """Refuse numbers that float32 has no room for."""
    if no_size := too_large(y) or too_small(y):
        raise DataFileError(f"the target {name:.60} has {no_size}")
