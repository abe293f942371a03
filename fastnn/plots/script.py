"""The option by which a script draws its result."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from fastnn.extras import require

__all__ = ["plot_option"]


def plot_option(description: str | None, arguments: Sequence[str] | None = None) -> Path | None:
    """Reads the option ``--plot PATH`` of a script's command line.

    Args:
        description: what ``--help`` says of the script, such as its ``__doc__``.
        arguments: words after the script's name; by default those of this process.

    Returns:
        Where the picture shall go, a name that ends in .png, .pdf or .svg; None without the option.

    Raises:
        ImportError: a picture is wanted, and matplotlib is not installed.
        SystemExit: after help, with 0, and after wrong usage, with 2.

    Example:
        >>> plot_option("Trains.", ["--plot", "result.png"]).name
        'result.png'
    """
    from fastnn.cli import picture_file

    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--plot",
        type=picture_file,
        metavar="PATH",
        help="draw the result: a .png, .pdf or .svg file",
    )
    path: Path | None = parser.parse_args(arguments).plot
    if path:
        require("matplotlib", "a picture")
    return path
