"""`fastnn predict`: what a model tells of new data."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastnn.cli import output
from fastnn.cli.arguments import add_json, add_threads, command, existing, suffixed

__all__ = ["add"]

_ABOUT = """Prints what a model predicts for each row of a file, as CSV, with a line of names.

The data is of the kind that the model was trained on: a CSV file with the same columns, in
any order and among others; an npz file; an image or a folder of them. A word that the
training had not is none of the known ones, a missing number is the mean of the training; a
note says how many. A model that `fastnn train` has not made takes all columns of a CSV file,
which have to be numbers, and its outputs are printed as they are.

An npz file from --out has the arrays prediction (rows,) or (rows, n) and names, with --proba
also probability (rows, n) and outputs, their names; of images also paths."""

_EXAMPLES = """  fastnn predict houses.fastnn new.csv
  fastnn predict flowers.fastnn new.csv --proba --out told.csv
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
    parser.add_argument("data", type=existing, metavar="DATA", help="a .csv, an .npz or images")
    parser.add_argument(
        "--out",
        type=suffixed(".csv", ".npz"),
        metavar="FILE",
        help="a .csv or .npz file to write instead",
    )
    parser.add_argument(
        "--proba", action="store_true", help="add the probability of each class or label"
    )
    add_threads(parser)
    add_json(parser)


def _run(options: argparse.Namespace) -> int:
    import numpy as np

    from fastnn.cli import models

    model = models.load(options)
    x = models.samples(model, options.data)
    found = model.predict_proba(x)
    if not isinstance(found, np.ndarray):
        raise ValueError(f"{options.model}: the model has several outputs; call it in Python")
    told = _told(model, found, options)
    if options.out is not None:
        _keep(options.out, told)
    if options.json:
        facts = {"model": options.model, "data": options.data, "rows": len(x)}
        output.document("predict", **facts, predictions=told.columns(), file=options.out)
    elif options.out is None:
        _write_csv(sys.stdout, told, output.printable if sys.stdout.isatty() else str)
    return 0


@dataclass
class _Told:
    """What a model tells of some rows.

    Attributes:
        answers: by the names of the targets, of each row.
        chances: the probabilities, by what they are of.
        paths: the files of images.
        precision: what numbers were computed in.
    """

    answers: dict[str, list[Any]]
    chances: dict[str, list[float]]
    paths: list[str]
    precision: Any

    def columns(self) -> dict[str, list[Any]]:
        """Return all of it by column."""
        return {**({"file": self.paths} if self.paths else {}), **self.answers, **self.chances}


def _told(model: Any, found: Any, options: argparse.Namespace) -> _Told:
    if model.schema is None:
        flat = found.reshape(len(found), -1).T.tolist()
        return _Told(
            {f"output_{place}": column for place, column in enumerate(flat)}, {}, [], found.dtype
        )
    inputs, target = model.schema.inputs, model.schema.target
    answers = dict(zip(target.names, target.answers(found), strict=True))
    chances: dict[str, list[float]] = {}
    if options.proba and target.task != "numbers":
        chances = dict(zip(target.outputs, found.T.tolist(), strict=True))
    paths = inputs.paths(options.data) if hasattr(inputs, "paths") else []
    return _Told(answers, chances, paths, found.dtype)


def _keep(path: Path, told: _Told) -> None:
    """Write what was told to a file, whole or not at all."""
    from fastnn import atomic

    text = io.StringIO(newline="")
    if path.suffix == ".csv":
        _write_csv(text, told)
    atomic.replace(path, [text.getvalue().encode() or _npz(told)])


def _npz(told: _Told) -> bytes:
    import numpy as np

    answers = np.array(list(told.answers.values())).T
    arrays: dict[str, Any] = {"prediction": answers[:, 0] if answers.shape[1] == 1 else answers}
    arrays["names"] = np.array(list(told.answers))
    if told.chances:
        arrays["probability"] = np.array(list(told.chances.values())).T
        arrays["outputs"] = np.array(list(told.chances))
    if told.paths:
        arrays["paths"] = np.array(told.paths)
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _write_csv(file: Any, told: _Told, shown: Callable[[str], str] = str) -> None:
    """Write columns; numbers have the fewest digits that tell them from others of the precision."""
    columns = told.columns()
    writer = csv.writer(file, lineterminator="\n")
    for row in ([*columns], *zip(*columns.values(), strict=True)):
        digits = (told.precision.type(v) if isinstance(v, float) else v for v in row)
        writer.writerow([shown(str(each)) for each in digits])
