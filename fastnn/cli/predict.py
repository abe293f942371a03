"""`fastnn predict`: what a model predicts for new data."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fastnn.cli import output
from fastnn.cli.arguments import (
    WHAT_DATA,
    add_json,
    add_text,
    add_threads,
    command,
    existing,
    source,
    suffixed,
)
from fastnn.data.schema import canonical

__all__ = ["add"]

_ABOUT = """Prints what a model predicts for each row of a file, as CSV, with a line of names.

The data is of the kind that the model was trained on: a CSV file with the same columns, in
any order and among others; an npz file, of which x_test is read if it is there; an image or a
folder of them. A word that the training had not is none of the known ones, a missing number
is the mean of the training; a note says how many. A model that `fastnn train` has not made
takes all columns of a CSV file, which have to be numbers, and its outputs are printed as they
are.

An npz file from --out has the arrays prediction (rows,) or (rows, n), numbers, or texts where
classes are words, and names, with --proba also probability (rows, n) and outputs, their names;
of images also paths; with --with also beside (rows, n), texts, and beside_names."""

_EXAMPLES = """  fastnn predict houses.fastnn new.csv
  fastnn predict flowers.fastnn new.csv --proba --out predictions.csv
  fastnn predict houses.fastnn new.csv --with house_id
  fastnn predict flowers.fastnn garden/ --json | jq .predictions"""


def add(commands: Any) -> None:
    """Add the command."""
    parser = command(
        commands,
        "predict",
        _run,
        help="what a model predicts for new data",
        about=_ABOUT,
        examples=_EXAMPLES,
    )
    parser.add_argument("model", type=existing, metavar="MODEL", help="a file that save wrote")
    parser.add_argument("data", type=source, metavar="DATA", help=WHAT_DATA)
    parser.add_argument(
        "--out",
        type=suffixed(".csv", ".npz"),
        metavar="FILE",
        help="a .csv or .npz file to write instead",
    )
    parser.add_argument(
        "--with",
        dest="beside",
        action="append",
        default=[],
        metavar="NAMES",
        help="columns of the data to print before the predictions, a,b,c; all: every one",
    )
    parser.add_argument(
        "--proba", action="store_true", help="add the probability of each class or label"
    )
    add_text(parser)
    add_threads(parser)
    add_json(parser)


def _run(options: argparse.Namespace) -> int:
    import numpy as np

    from fastnn.cli import models

    model = models.load(options)
    if options.proba and (model.schema is None or model.schema.target.task == "numbers"):
        options.refuse("--proba is for a model whose schema says that it predicts classes")
    x, beside = _read(model, options)
    models.tell_range(model, x)
    outputs = model.predict_proba(x)
    if not isinstance(outputs, np.ndarray):
        raise ValueError(f"{options.model}: the model has several outputs; call it in Python")
    found = replace(_answers(model, outputs, options), beside=beside)
    if options.out is not None:
        _keep(options.out, found)
    if options.json:
        facts = {"model": options.model, "data": options.data, "rows": len(x)}
        output.document("predict", **facts, predictions=found.columns(), file=options.out)
    elif options.out is None:
        _write_csv(sys.stdout, found, output.printable if sys.stdout.isatty() else str)
    else:
        print(f"{output.counted(len(x), 'row')} in {options.out}")
    return 0


@dataclass
class _Answers:
    """What a model predicts for some rows.

    Attributes:
        answers: by the names of the targets, of each row.
        chances: the probabilities, by what they are of.
        paths: the files of images.
        precision: what numbers were computed in.
        beside: columns of the data, by name.
    """

    answers: dict[str, list[Any]]
    chances: dict[str, list[float]]
    paths: list[str]
    precision: Any
    beside: dict[str, Sequence[str]] = field(default_factory=dict)

    def columns(self) -> dict[str, list[Any]]:
        """Return all of it by column; what is called as a column of the data is said to be
        predicted."""
        told = {**self.answers, **self.chances}
        named = {f"predicted {n}" if n in self.beside else n: each for n, each in told.items()}
        beside = {name: list(each) for name, each in self.beside.items()}
        return {**({"file": self.paths} if self.paths else {}), **beside, **named}


def _read(model: Any, options: argparse.Namespace) -> tuple[Any, dict[str, Sequence[str]]]:
    """Return the samples, and the columns of the data that are wanted beside the predictions, as
    they are there; a file may be a pipe, which can be read once."""
    from fastnn.cli import models, sources
    from fastnn.data.schema import Columns

    if not options.beside:
        return models.samples(model, options, options.data), {}
    if model.schema is None or not isinstance(model.schema.inputs, Columns):
        options.refuse("--with is for a model that `fastnn train` made of a CSV file")
    inputs = model.schema.inputs
    sheet = models.sheet_like(inputs, options.data, **models.text_options(options, is_table=True))
    names = sheet.names
    if options.beside != ["all"] or "all" in names:
        names = sources.columns_of(options.beside, names, options.refuse)
    return inputs.encode(sheet, output.note), {name: sheet.column(name) for name in names}


def _answers(model: Any, outputs: Any, options: argparse.Namespace) -> _Answers:
    if model.schema is None:
        flat = outputs.reshape(len(outputs), -1).T.tolist()
        return _Answers(
            {f"output_{place}": column for place, column in enumerate(flat)}, {}, [], outputs.dtype
        )
    inputs, target = model.schema.inputs, model.schema.target
    answers = dict(zip(target.names, target.answers(outputs), strict=True))
    chances = _chances(target, outputs) if options.proba else {}
    paths = inputs.paths(options.data) if hasattr(inputs, "paths") else []
    return _Answers(answers, chances, paths, outputs.dtype)


def _chances(target: Any, outputs: Any) -> dict[str, list[float]]:
    """Return the probability of each class, of which a model of two has one, or of each label."""
    if target.task == "binary":
        no, yes = (f"{target.names[0]}={each}" for each in target.classes[0])
        return {no: (1 - outputs[:, 0]).tolist(), yes: outputs[:, 0].tolist()}
    return dict(zip(target.outputs, outputs.T.tolist(), strict=True))


def _keep(path: Path, found: _Answers) -> None:
    """Write predictions to a file, whole or not at all."""
    from fastnn import atomic

    text = io.StringIO(newline="")
    if path.suffix == ".csv":
        _write_csv(text, found)
    atomic.replace(path, [text.getvalue().encode() or _npz(found)])


def _npz(found: _Answers) -> bytes:
    import numpy as np

    answers = np.array(list(map(_whole, found.answers.values()))).T
    arrays: dict[str, Any] = {"prediction": answers[:, 0] if answers.shape[1] == 1 else answers}
    arrays["names"] = np.array(list(found.answers))
    if found.chances:
        arrays["probability"] = np.array(list(found.chances.values())).T
        arrays["outputs"] = np.array(list(found.chances))
    if found.beside:
        arrays["beside"] = np.array(list(found.beside.values())).T
        arrays["beside_names"] = np.array(list(found.beside))
    if found.paths:
        arrays["paths"] = np.array(found.paths)
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _whole(answers: list[Any]) -> list[Any]:
    """Return classes that are whole numbers as numbers, as who asks for arrays has them."""
    texts = {each for each in answers if isinstance(each, str)}
    whole = all(canonical(each) == each and each.lstrip("-").isdecimal() for each in texts)
    return list(map(int, answers)) if texts and whole else answers


def _write_csv(file: Any, found: _Answers, shown: Callable[[str], str] = str) -> None:
    """Write columns; numbers have the fewest digits that tell them from others of the precision."""
    columns = found.columns()
    writer = csv.writer(file, lineterminator="\n")
    for row in ([*columns], *zip(*columns.values(), strict=True)):
        digits = (found.precision.type(v) if isinstance(v, float) else v for v in row)
        writer.writerow([shown(str(each)) for each in digits])
