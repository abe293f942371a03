"""`fastnn evaluate`: how good a model is on data whose answers are known."""

from __future__ import annotations

import argparse
from typing import Any

from fastnn.cli import output
from fastnn.cli.arguments import (
    WHAT_DATA,
    add_json,
    add_text,
    add_threads,
    command,
    existing,
    picture_file,
    source,
)

__all__ = ["add"]

_ABOUT = """Compares what a model predicts with what is true, and prints metrics; for classes
also how often each was taken for which. The data is of the kind that `fastnn train` was
given, with the target; of an npz file x_test and y_test if they are there. Rows without a
target, or with another class than the model knows, are left out, and counted in a note."""

_EXAMPLES = """  fastnn evaluate houses.fastnn test.csv
  fastnn evaluate flowers.fastnn test/ --json
  fastnn evaluate flowers.fastnn test/ --plot confusion.png"""


def add(commands: Any) -> None:
    """Add the command."""
    parser = command(
        commands,
        "evaluate",
        _run,
        help="how good a model is on data whose answers are known",
        about=_ABOUT,
        examples=_EXAMPLES,
    )
    parser.add_argument("model", type=existing, metavar="MODEL", help="a file that train saved")
    parser.add_argument("data", type=source, metavar="DATA", help=WHAT_DATA)
    parser.add_argument("--plot", type=picture_file, metavar="FILE", help="draw the result")
    add_text(parser)
    add_threads(parser)
    add_json(parser)


def _run(options: argparse.Namespace) -> int:
    from fastnn import extras
    from fastnn.cli import building, models, scores, sources
    from fastnn.data.schema import Columns

    if options.plot:
        extras.require("matplotlib", "a picture")
    model = models.load(options)
    if model.schema is None:
        raise ValueError(
            f"{options.model}: the model has no schema, which says what its outputs mean; evaluate "
            "it in Python; one that `fastnn train` made has a schema"
        )
    path = models.data_file(options.data)
    if path != options.data:
        output.note("digits: `fastnn train digits` has learnt from four in five of these images")
    text = models.text_options(options, isinstance(model.schema.inputs, Columns))
    x, y = sources.labelled(model.schema, path, output.note, **text)
    models.tell_range(model, x)
    found = scores.of(building.compiled(model), x, y)
    if options.plot:
        from fastnn.cli.pictures import result

        result(found).savefig(options.plot)
    if options.json:
        files = {"picture": options.plot}
        target = {"target": found.target.names, "classes": found.target.classes}
        output.document(
            "evaluate",
            model=options.model,
            data=options.data,
            rows=found.rows,
            task=found.target.task,
            **target,
            **found.facts(),
            files=files,
        )
    else:
        print(output.printable_lines(found.text(f"of {options.data}")))
        if options.plot:
            print(f"picture in {options.plot}")
    return 0
