"""What `fastnn train` learns from: arrays made of a file, and how more such files become arrays."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fastnn._typing import Array
from fastnn.cli import columns, targets
from fastnn.cli.models import check_separated, sheet_like
from fastnn.cli.output import counted
from fastnn.cli.sizes import too_small
from fastnn.data.notation import MISSING, strange
from fastnn.data.schema import Arrays, Images, Schema, Target
from fastnn.data.sheets import Sheet, read_sheet
from fastnn.errors import DataFileError
from fastnn.layers.preprocessing import coarse
from fastnn.model_selection import train_test_split

__all__ = ["Data", "columns_of", "labelled", "load"]

Say = Callable[[str], object]

#: Rows below which none are held out unless that is asked for.
_FEW = 10

_MOST_AXES = 4  # of images: rows, height, width, channels

_CHANNELS = 4  # of images as they come: of colours, and of how opaque they are

_ROOM = 4 << 30  # bytes of images that are held at once


@dataclass
class Data:
    """What a model is trained and tested on.

    Attributes:
        x: (rows, ...), samples to train on.
        y: (rows, ...), their targets as the model's loss takes them.
        held_out: samples and targets to test on, if there are some.
        schema: how files become these, and what the targets mean.
    """

    x: Array
    y: Array
    held_out: tuple[Array, Array] | None
    schema: Schema

    @property
    def test(self) -> tuple[Array, Array]:
        """What the finished model is tested on: for want of other rows those it has learnt."""
        return self.held_out or (self.x, self.y)

    def facts(self) -> dict[str, Any]:
        """Return what JSON tells of it."""
        target = self.schema.target
        return {
            "task": target.task,
            "target": target.names,
            "classes": target.classes,
            "inputs": self.schema.inputs.features or list(self.schema.inputs.shape),
            "rows": {
                "training": len(self.x),
                "held_out": len(self.held_out[0]) if self.held_out else 0,
            },
        }


def load(options: argparse.Namespace, say: Say) -> Data:
    """Return the data of a command's source, after saying what was made of it."""
    path = options.source
    if path.is_dir():
        return _of_images(path, options, say)
    if path.suffix == ".npz":
        return _of_arrays(path, options, say)
    return _of_table(path, options, say)


def labelled(
    schema: Schema, path: Path, note: Callable[[str], object], **text: Any
) -> tuple[Array, Array]:
    """Return the samples and targets of a file like that which a model was trained on.

    Rows whose target is missing, or none of the model's classes, are left out.

    Args:
        schema: the model's.
        path: the file.
        note: takes what had to be guessed.
        text: how a table is to be read, ``delimiter`` and ``encoding``.
    """
    inputs, target = schema.inputs, schema.target
    if isinstance(inputs, Images):
        paths = inputs.paths(path, note)
        classes = [_class_of(path, Path(each)) for each in paths]
        if all(name == Path(each).name for name, each in zip(classes, paths, strict=True)):
            raise DataFileError(
                f"{path}: expected a folder of images for each class, which it is called as, such "
                f"as {target.classes[0][0]!r:.60}; the images are in none"
            )
        y = target.ids(0, classes, note)[:, None]
        x = inputs.of(paths)
    elif isinstance(inputs, Arrays):
        from fastnn.data.npz import read_npz

        arrays = read_npz(path)
        name, answers = inputs.pair(arrays, answered=True)
        if problem := _no_array(arrays, answers):
            raise DataFileError(f"{path}: {problem}; the model needs that to compare with"[:390])
        x, y = inputs.take(arrays, path, name), targets.of_array(target, arrays[answers], note)
    else:
        sheet = sheet_like(inputs, path, target.names, **text)
        x, y = inputs.encode(sheet, note), target.encode(sheet, note)
        for name in target.names:
            inputs.check_sign(name, sheet, note)
    known = ~np.isnan(y).any(axis=1)
    if target.task == "numbers" and not known.all():
        note(f"{counted(int((~known).sum()), 'row')} without {', '.join(target.names)}: left out")
    if len(x) != len(y) or not known.any():
        raise DataFileError(
            f"{path}: no row has a target that the model predicts: {', '.join(target.names)}"
            + "".join(f"; its classes are {', '.join(each)}" for each in target.classes[:1])[:200]
        )
    if isinstance(inputs, Arrays):
        _check_finite(path, "the samples to test on", x[known])
    return x[known], targets.for_loss(target, y[known])


# ---- CSV -----------------------------------------------------------------------------------------


def _of_table(path: Path, options: argparse.Namespace, say: Say) -> Data:
    wanted: list[str] = options.target or []
    words = [*wanted, *(part for each in wanted for part in each.split(","))]
    sheet = read_sheet(path, options.delimiter, options.header, options.encoding, words)
    names_of = "" if sheet.header else "; no header: columns are 0, 1, ..."
    if not sheet.rows:
        raise DataFileError(f"{path}: there is no row under the names")
    check_separated(path, sheet)
    rows, width = counted(len(sheet.rows), "row"), counted(len(sheet.names), "column")
    say(f"{'data':<13}{path}: {rows}, {width}{names_of}")
    for sign in sorted(set(sheet.signs.values())):
        signed = [name for name, each in sheet.signs.items() if each == sign]
        say(f"{'':<13}numbers are read without their {sign}: {columns.some(signed)}")
        for name, bare in ((name, sheet.count_unsigned(name)) for name in signed):
            if bare:
                say(f"{'':<13}{name}: {bare:,} of {len(sheet.rows):,} have no {sign}")
    if not wanted:
        options.refuse(
            "--target is missing: which column is to be predicted? There are "
            f"{', '.join(sheet.names)}"[:390]
        )
    names = columns_of(wanted, sheet.names, options.refuse)
    for name in names:
        if name in sheet.repeated:
            options.refuse(f"--target {name}: two columns are called that; rename one")
    for name in sheet.repeated:
        say(f"{'':<13}columns of the same name: {name}, {name}.1 ...")
    chosen = _chosen(names, sheet.names, options)
    target, why = targets.of_sheet(sheet, names, options.task)
    say(f"{'task':<13}{why}")
    for name in names if target.task == "numbers" else []:
        if guess := sheet.guess(name):
            say(f"{'':<13}{name}: {guess}")
    y = target.encode(sheet)
    known = ~np.isnan(y).any(axis=1)
    if not known.all():
        say(f"{'left out':<13}{_without_target(target, sheet, np.flatnonzero(~known))}")
    sheet, y = sheet.part(np.flatnonzero(known)), targets.for_loss(target, y[known])
    if target.task == "numbers":
        _tell_coarse(target.names, y, say)
    training, rest = _split(target, y, options)
    inputs = columns.infer(sheet, training, names, chosen, say)
    x = inputs.encode(sheet, _noting(say), learning=True)
    _tell_coarse(inputs.features, x[training], say)
    held_out = (x[rest], y[rest]) if len(rest) else None
    return Data(x[training], y[training], held_out, Schema(inputs, target))


def _noting(say: Say) -> Say:
    """Return what says notes on lines of their own, under what they are of."""
    return lambda text: say(f"{'':<13}{text}")


def _tell_coarse(names: Sequence[str], values: Array, say: Say) -> None:
    """Say which numbers float32 hardly tells apart; those of two bytes it does."""
    if values.dtype.itemsize < 4:
        return
    middle, scale = (  # of one after the other: deviations take as much room as the numbers
        np.array([measure(each, dtype=np.float64) for each in values.T])
        for measure in (np.mean, np.std)
    )
    steps = coarse(middle, scale)
    for step in sorted({*steps.tolist()} - {0.0}):
        of_step = [name for name, each in zip(names, steps, strict=True) if each == step]
        say(
            f"{'':<13}{columns.some(of_step)}: float32 tells numbers of this size apart by "
            f"{step:g}; subtract a constant from them"
        )


def _without_target(target: Target, sheet: Sheet, rows: Array) -> str:
    """Return how many rows have no target, what stands for it, and which words are no number."""
    words = [strange(sheet.plain(name)) for name in target.names if target.task == "numbers"]
    gone = [sheet.column(name)[row] for name in target.names for row in rows.tolist()]
    without = f"{counted(len(rows), 'row')} {_gap(target.names, gone)}"
    return "; ".join(filter(None, [without, *words]))


def _gap(names: Sequence[str], gone: Sequence[str]) -> str:
    """Return which targets are not there, and what stands for the only one."""
    signs = sorted({*gone})
    if len(names) > 1 or signs == [""] or not {sign.lower() for sign in signs} <= MISSING:
        return f"without {' or '.join(names)}"
    return f"whose {names[0]} is {' or '.join(sign or 'empty' for sign in signs)}"


def _chosen(
    target: list[str], names: list[str], options: argparse.Namespace
) -> dict[str, set[str]]:
    """Return the columns that each option of the columns to learn from names, if they agree."""
    chosen = {
        option: set(columns_of(getattr(options, option) or [], names, options.refuse))
        for option in ("ignore", "keep", "categorical")
    }
    for name in target:
        if target.count(name) > 1:
            options.refuse(f"--target names {name} twice")
        for option in (option for option, each in chosen.items() if name in each):
            options.refuse(f"--{option} {name}: this is the target, which is not learnt from")
    if {*names} > {*target} == {*names} - chosen["ignore"]:
        options.refuse("--ignore names all but the target; name fewer")
    for name in chosen["ignore"] & chosen["keep"]:
        options.refuse(f"{name} is named by --ignore and by --keep; leave one out")
    return chosen


def columns_of(given: list[str], names: list[str], refuse: Say) -> list[str]:
    """Return the columns that words name, each one or several, by names or places.

    Args:
        given: the words of an option.
        names: of the columns.
        refuse: ends the command, with what to say of a column that is not there.
    """
    return [name for each in given for name in _names_of(each, names, refuse)]


def _names_of(given: str, names: list[str], refuse: Say) -> list[str]:
    """Return the columns that a word names, which may have commas in a name."""
    if given in names:
        return [given]
    return [_name_of(each.strip(), names, refuse) for each in given.split(",")]


def _name_of(given: str, names: list[str], refuse: Say) -> str:
    if given in names:
        return given
    if given.lstrip("-").isdigit() and -len(names) <= int(given) < len(names):
        return names[int(given)]
    refuse(columns.unknown(given, names))
    return given


def _split(target: Target, y: Array, options: argparse.Namespace) -> tuple[Array, Array]:
    """Return the rows to train on and those to hold out."""
    every = np.arange(len(y))
    if len(y) < 2:
        raise DataFileError(
            f"{options.source}: there is {len(y)} row with a target; a training needs 2 at the "
            "least, and better some hundreds"
        )
    if not options.validation or len(y) < _FEW:
        return every, every[:0]
    classes = target.task in ("binary", "classes")
    training, rest, _, _ = train_test_split(
        every, y.reshape(-1) if classes else every, options.validation, classes, options.seed
    )
    return np.sort(training), np.sort(rest)


# ---- npz -----------------------------------------------------------------------------------------


def _of_arrays(path: Path, options: argparse.Namespace, say: Say) -> Data:
    from fastnn.data.npz import read_npz

    arrays = read_npz(path)
    shapes = ", ".join(f"{name} {each.shape}" for name, each in arrays.items())
    say(f"{'data':<13}{path}: {shapes}")
    named = options.target or [_y_name(arrays)]
    if len(named) > 1:
        options.refuse(f"--target: one array of an npz file, which may have columns, got {named}")
    name, wanted = options.inputs or _x_name(arrays), named[0]
    for each in (name, wanted):
        if problem := _no_array(arrays, each):
            options.refuse(f"{problem}; choose by --inputs and --target"[:390])
    if name == wanted:
        options.refuse(_learnt_from_itself(name, arrays))
    x, values = _as_samples(path, name, arrays[name], say), arrays[wanted]
    if len(x) != len(values):
        raise DataFileError(f"{path}: {name!r} has {len(x)} rows, {wanted!r} has {len(values)}")
    target, why = targets.of_values(wanted, values, options.task)
    say(f"{'task':<13}{why}")
    y = targets.of_array(target, values, lambda _: None)  # how many are none is said here
    known = ~np.isnan(y).any(axis=1)
    if not known.all():
        gap = _gap([wanted], list(map(str, values[~known].reshape(-1))))
        say(f"{'left out':<13}{counted(int((~known).sum()), 'row')} {gap}")
    x, y = x[known], targets.for_loss(target, y[known])
    _check_finite(path, f"{name!r:.60}", x)
    _check_varies(path, f"{name!r:.60}", x)
    inputs = Arrays(name, list(x.shape[1:]), wanted)
    schema = Schema(inputs, target)
    if target.task == "numbers":
        _tell_coarse(target.names, y, say)
    if inputs.features:
        _tell_coarse(inputs.features, x, say)
    if inputs.pair(arrays, answered=True) != (name, wanted):
        if options.validation != options.defaults["validation"]:
            options.refuse("--validation: the file has rows of its own to test on, x_test")
        return Data(x, y, labelled(schema, path, _noting(say)), schema)
    training, rest = _split(target, y, options)
    held_out = (x[rest], y[rest]) if len(rest) else None
    return Data(x[training], y[training], held_out, schema)


def _no_array(arrays: Mapping[str, Array], name: str) -> str:
    """Return what to say of an array that is not there; else nothing."""
    if name in arrays and arrays[name].ndim:
        return ""
    return f"there is no array {name!r:.60}; there are {', '.join(arrays):.250}"


def _learnt_from_itself(name: str, arrays: Mapping[str, Array]) -> str:
    """Return what to say of an array that would be predicted from itself."""
    return (
        f"{name!r:.60} is both the array of samples and the target, which would be predicted from "
        f"itself; name another by --inputs or by --target; there are {', '.join(arrays)}"[:390]
    )


def _x_name(arrays: Mapping[str, Array]) -> str:
    return "x_train" if "x_train" in arrays else "X" if "x" not in arrays and "X" in arrays else "x"


def _y_name(arrays: Mapping[str, Array]) -> str:
    return "y_train" if "y_train" in arrays else "y"


def _as_samples(path: Path, name: str, x: Array, say: Say) -> Array:
    """Return images with an axis of channels, and anything else as rows of numbers."""
    if x.dtype.kind not in "fiub":
        raise DataFileError(f"{path}: {name!r:.60} has the type {x.dtype}; samples are numbers")
    if x.ndim > _MOST_AXES:
        raise DataFileError(
            f"{path}: {name!r:.60} has {x.ndim} axes; samples are rows of numbers or images; give "
            f"{name:.60}.reshape({len(x)}, -1) for rows"
        )
    if x.ndim == 1:
        return x[:, None]
    if x.ndim == 4 and x.shape[1] <= _CHANNELS < min(x.shape[2:]):
        _tell_channels(name, x.shape, say)
    return x[..., None] if x.ndim == 3 else x


def _tell_channels(name: str, shape: tuple[int, ...], say: Say) -> None:
    """Say what images are whose channels seem to come first; refuse those of a single line."""
    _, height, width, channels = shape
    mend = f"if channels come first, give np.moveaxis({name:.60}, 1, -1)"
    told = (
        f"{name:.60} is taken as images of {height} x {width} pixels, {channels} channels; {mend}"
    )
    if height == 1:
        raise DataFileError(f"{told}; images of one line are given as rows of numbers")
    say(f"{'':<13}{told}")


def _check_finite(path: Path, what: str, x: Array) -> None:
    """Refuse samples that nothing can be learnt from: an array has no mean to fill gaps with."""
    good = np.isfinite(x).reshape(len(x), -1).all(axis=1)
    if not good.all():
        raise DataFileError(
            f"{path}: NaN or infinity in {(~good).sum():,} of {len(x):,} rows of {what}, the "
            f"first is {good.argmin()}; leave these rows out, or fill them; of a CSV file gaps are "
            "filled with the mean"
        )


def _check_varies(path: Path, what: str, x: Array) -> None:
    """Refuse samples that do not differ, or not by as much as can be scaled in float32."""
    if len(x) < 2:
        return
    if all((row == x[0]).all() for row in x):
        raise DataFileError(f"{path}: {what} is the same in every row: nothing can be learnt")
    if no_size := too_small(x):
        raise DataFileError(f"{path}: {what} has {no_size}")


# ---- images --------------------------------------------------------------------------------------


def _of_images(path: Path, options: argparse.Namespace, say: Say) -> Data:
    from fastnn.data.folders import image_dataset_from_directory, unread

    folder = image_dataset_from_directory(path, shuffle=False)
    files = folder.file_paths
    _check_depth(path, files)
    used = {_class_of(path, each) for each in files}
    names = [name for name in folder.class_names if name in used]
    for name in sorted({*folder.class_names} - used):
        say(f"{'left out':<13}{name}: there is no image in it")
    if len(names) < 2:
        raise DataFileError(f"{path}: expected a folder for each of several classes, got {names}")
    inputs = _images_like(files, options.image_size)
    shape = " x ".join(map(str, inputs.shape))
    say(f"{'data':<13}{path}: {len(files):,} images in {len(names)} classes, taken as {shape}")
    if left := unread(path, files):
        say(f"{'':<13}{left}")
    if len(files) * int(np.prod(inputs.shape)) > _ROOM:
        raise DataFileError(f"{path}: the images take more than 4 GB; give a smaller --image-size")
    task = "binary" if len(names) == 2 else "classes"
    target = Target(task, ["class"], [list(names)])
    say(f"{'task':<13}classification: {targets.listed(names)}")
    ids = target.ids(0, [_class_of(path, each) for each in files])[:, None]
    x, y = inputs.of([str(each) for each in files]), targets.for_loss(target, ids)
    training, rest = _split(target, y, options)
    held_out = (x[rest], y[rest]) if len(rest) else None
    return Data(x[training], y[training], held_out, Schema(inputs, target))


def _check_depth(path: Path, files: list[Path]) -> None:
    """Refuse a folder whose parts, such as train and test, have the folders of the classes."""
    inner: dict[str, set[str]] = {}
    for file in files:
        part, *between = file.relative_to(path).parts[:-1]
        inner.setdefault(part, set()).update(between[:1] or [""])
    deep = [name for name, found in inner.items() if len(found) > 1]
    if not deep or any("" in found for found in inner.values()):
        return
    part = next((name for name in deep if "train" in name.lower()), deep[0])
    raise DataFileError(
        f"{path}: its folders {', '.join(inner):.60} hold folders alone, such as "
        f"{', '.join(sorted(inner[part])):.60}; if these are the classes, give {path / part}; if "
        "not, put the images into the folders of their classes"[:390]
    )


def _class_of(path: Path, file: Path) -> str:
    """Return the folder of an image's class, whatever folders there are in that."""
    return file.parent.name if file == path else file.relative_to(path).parts[0]


def _images_like(files: list[Path], side: int | None) -> Images:
    """Return what images become: of the middle size of the first hundred, in colour if one is."""
    from PIL import Image

    sizes, modes = [], set()
    for path in files[:: max(1, len(files) // 100)]:
        try:
            with Image.open(path) as file:
                sizes.append(file.size)
                modes.add(file.mode)
        except (OSError, ValueError) as error:
            raise DataFileError(f"{path}: no image that can be read: {error}"[:390]) from None
    width, height = (min(64, int(np.median(each))) for each in zip(*sizes, strict=True))
    mode = "grayscale" if modes <= {"1", "L", "I", "I;16", "F", "LA"} else "rgb"
    return Images(side or height, side or width, mode)
