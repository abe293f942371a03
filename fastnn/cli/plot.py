"""`fastnn plot`: a picture of a model."""

from __future__ import annotations

import argparse
from typing import Any

from fastnn.cli import output
from fastnn.cli.arguments import add_json, command, existing, suffixed

__all__ = ["add"]

_ABOUT = """Draws a model: a box for each layer with the shapes of what goes in and comes out. By
Graphviz where its program dot is installed, else by matplotlib (pip install 'fastnn[plot]')."""

_EXAMPLES = """  fastnn plot houses.fastnn houses.png
  fastnn plot houses.fastnn houses.svg --direction LR
  fastnn plot houses.fastnn houses.dot        # the text that Graphviz reads"""


def add(commands: Any) -> None:
    """Add the command."""
    parser = command(
        commands,
        "plot",
        _run,
        help="a picture of a model",
        about=_ABOUT,
        examples=_EXAMPLES,
    )
    parser.add_argument("model", type=existing, metavar="MODEL", help="a file that save wrote")
    parser.add_argument(
        "file",
        type=suffixed(".png", ".pdf", ".svg", ".dot"),
        metavar="PICTURE",
        help="a .png, .pdf, .svg or .dot file to write",
    )
    parser.add_argument(
        "--direction",
        choices=("TB", "BT", "LR", "RL"),
        default="TB",
        help="where arrows lead: to the bottom, the top, the right, the left (default: TB)",
    )
    parser.add_argument("--nested", action="store_true", help="show models inside of the model")
    add_json(parser)


def _run(options: argparse.Namespace) -> int:
    import fastnn
    from fastnn.cli import models

    fastnn.utils.plot_model(
        models.load(options),
        options.file,
        show_shapes=True,
        show_layer_names=True,
        show_layer_activations=True,
        rankdir=options.direction,
        expand_nested=options.nested,
    )
    if options.json:
        output.document("plot", model=options.model, files={"picture": options.file})
    else:
        print(f"picture in {options.file}")
    return 0
