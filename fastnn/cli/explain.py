"""`fastnn explain`: what is in a model's file, and what will run."""

from __future__ import annotations

import argparse
from typing import Any

from fastnn.cli import output
from fastnn.cli.arguments import add_json, add_threads, command, existing, positive, suffixed

__all__ = ["add"]

_ABOUT = """Prints what a model takes and predicts, its layers, and the program that runs: each
operation with its operands, their places in memory, floating-point operations and bytes."""

_EXAMPLES = """  fastnn explain houses.fastnn
  fastnn explain houses.fastnn --profile --batch-size 256    # with time, GFLOP/s, GB/s
  fastnn explain houses.fastnn --training                    # a step of training
  fastnn explain houses.fastnn --html houses.html            # as a page besides"""


def add(commands: Any) -> None:
    """Add the command."""
    parser = command(
        commands,
        "explain",
        _run,
        help="what is in a model's file, and the program that runs",
        about=_ABOUT,
        examples=_EXAMPLES,
    )
    parser.add_argument("model", type=existing, metavar="MODEL", help="a file that save wrote")
    parser.add_argument(
        "--profile", action="store_true", help="run it on made-up data, and time it"
    )
    parser.add_argument(
        "--training", action="store_true", help="a step of training instead of a prediction"
    )
    parser.add_argument(
        "--batch-size", type=positive, default=32, metavar="N", help="rows (default: 32)"
    )
    parser.add_argument(
        "--html", type=suffixed(".html"), metavar="FILE", help="write it as a page, too"
    )
    add_threads(parser)
    add_json(parser)


def _run(options: argparse.Namespace) -> int:
    from fastnn import atomic, notebook
    from fastnn.cli import models
    from fastnn.explain import listing

    model = models.load(options)
    mode = "train" if options.training else "predict"
    found = listing(model, options.profile, options.batch_size, mode)
    meaning = _meaning(model)
    said = [f"{what}: {', '.join(map(str, names))}" for what, names in meaning.items() if names]
    if options.html:
        shown = notebook.page(model.name, said, [model._repr_html_(), found._repr_html_()])
        atomic.replace(options.html, [shown.encode()])
    if options.json:
        output.document(
            "explain",
            model=options.model,
            **meaning,
            parameters=model.count_params(),
            **found.facts(),
            files={"page": options.html},
        )
        return 0
    for line in said:
        print(output.printable(line))
    model.summary()
    print(found)
    if options.html:
        print(f"page in {options.html}")
    return 0


def _meaning(model: Any) -> dict[str, Any]:
    """Return what the inputs and outputs of a model are."""
    if model.schema is None:
        return {"inputs": list(model.input_shape[1:]), "outputs": list(model.output_shape[1:])}
    inputs = model.schema.inputs
    names = inputs.features or list(inputs.shape)
    return {"inputs": names, "outputs": model.schema.target.outputs}
