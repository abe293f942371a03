"""Types of options: what argparse makes of words, refused before any work is done."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastnn.interchange.formats import instead_of

__all__ = [
    "DELIMITERS",
    "DIGITS",
    "LEFT_OUT",
    "WHAT_DATA",
    "add_json",
    "add_text",
    "add_threads",
    "command",
    "existing",
    "model_file",
    "natural",
    "new_file",
    "new_folder",
    "picture_file",
    "positive",
    "positive_number",
    "seconds",
    "share",
    "source",
    "suffixed",
    "widths",
]

#: The name of the example, and of its data, as a source.
DIGITS = "digits"

#: What `evaluate` and `predict` take.
WHAT_DATA = "a .csv, an .npz, images, or digits: those that `fastnn train digits` learns from"

#: What separates the values of a table, by the words for it.
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|", "space": " "}

#: For options that are not there unless they are given.
LEFT_OUT: dict[str, Any] = {"default": argparse.SUPPRESS}


def command(commands: Any, name: str, run: Any, help: str, about: str, examples: str) -> Any:
    """Return the parser of a new command.

    Args:
        commands: what argparse's ``add_subparsers`` returned.
        name: the command's.
        run: what carries it out: takes the options, returns the exit code.
        help: one line for the list of commands.
        about: what it does.
        examples: lines to imitate.
    """
    parser = commands.add_parser(
        name,
        help=help,
        description=about,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run, command=name, refuse=parser.error)
    return parser


def add_json(parser: Any) -> None:
    """Add ``--json``."""
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object (docs/command_line.md)"
    )


def add_text(parser: Any) -> None:
    """Add what tells how the text of a table is to be read: ``--delimiter`` and ``--encoding``."""
    parser.add_argument(
        "--delimiter",
        type=_delimiter,
        metavar="C",
        help="of a CSV file, or tab, space, comma, semicolon; default: found out",
    )
    parser.add_argument(
        "--encoding", type=_encoding, metavar="NAME", help="of a CSV file; default: found out"
    )


def add_threads(parser: Any) -> None:
    """Add ``--threads``."""
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="default: all CPUs allowed", **LEFT_OUT
    )


def seconds(text: str) -> float:
    """Return a time of up to an hour."""
    value = positive_number(text)
    if value > 3600:
        raise argparse.ArgumentTypeError(f"must be between 0 and 3600, got {text}")
    return value


def positive_number(text: str) -> float:
    """Return a number above 0."""
    value = _number(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be above 0, got {text}")
    return value


def share(text: str) -> float:
    """Return a number in [0, 1)."""
    value = _number(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 0 and below 1, got {text}")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, got {text!r}") from None


def positive(text: str) -> int:
    """Return a whole number above 0."""
    return _whole(text, 1)


def natural(text: str) -> int:
    """Return a whole number that is not negative."""
    return _whole(text, 0)


def _whole(text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, got {text!r}") from None
    if value < least:
        raise argparse.ArgumentTypeError(f"must be at least {least}, got {value}")
    return value


def widths(text: str) -> list[int]:
    """Return the units of hidden layers: ``"64,32"``, or ``"0"`` for no such layer."""
    if not all(each.strip().lstrip("+-").isdecimal() for each in text.split(",")):
        message = f"must be whole numbers with commas between, such as 64,32, got {text!r:.60}"
        raise argparse.ArgumentTypeError(message)
    return [] if text == "0" else [positive(each) for each in text.split(",")]


def _delimiter(text: str) -> str:
    """Return what separates the values of a CSV file: one character, or that of a word."""
    sign = {**DELIMITERS, "\\t": "\t"}.get(text, text)
    if len(sign) != 1 or sign in '"\r\n':
        words = ", ".join(DELIMITERS)
        raise argparse.ArgumentTypeError(f"must be one character, or of {words}, got {text!r:.60}")
    return sign


def _encoding(text: str) -> str:
    """Return the name of an encoding of text."""
    try:
        b"a".decode(text)
    except UnicodeError:
        pass  # the encoding is one of longer characters
    except LookupError:
        message = f"must be an encoding, such as utf-8 or cp1252, got {text!r}"
        raise argparse.ArgumentTypeError(message) from None
    return text


def model_file(text: str) -> Path:
    """Return the path of a model to write, whose name is none of another kind of file."""
    path = new_file(text)
    if instead_of(path) is not None:
        raise argparse.ArgumentTypeError(
            f"{text} ends as another kind of file does; a model's file ends in .fastnn"
        )
    if path.is_file() and _beginning(path) not in (b"", b"PK\3\4"):
        raise argparse.ArgumentTypeError(f"{text} is there, and no model; give another name")
    return path


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{path} is there, and cannot be read: {error}") from None


def existing(text: str) -> Path:
    """Return the path of a file or a folder that is there."""
    path = Path(text)
    if not path.exists():
        mend = "; the standard input is called /dev/stdin" if text == "-" else ""
        raise argparse.ArgumentTypeError(f"there is no {text!r}{mend}")
    return path


def source(text: str) -> Path:
    """Return the path of data that is there; ``digits`` are those that come with fastnn."""
    return Path(text) if text == DIGITS else existing(text)


def new_file(text: str) -> Path:
    """Return the path of a file that can be written: refused now rather than after the work."""
    path = Path(text)
    if not text:
        raise argparse.ArgumentTypeError("is empty, expected the name of a file")
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a folder")
    _require_writable(path.parent)
    return path


def new_folder(text: str) -> Path:
    """Return the path of a folder that can be made, or is there."""
    path = Path(text)
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is no folder")
    _require_writable(path if path.exists() else path.parent)
    return path


def _require_writable(folder: Path) -> None:
    if not folder.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK):
        raise argparse.ArgumentTypeError(f"cannot write in folder {folder}")


def picture_file(text: str) -> Path:
    """Returns the path of a picture that can be written: a type of argparse's options.

    Raises:
        ArgumentTypeError: it is not of a kind that can be drawn, or its folder cannot be written.
    """
    return suffixed(".png", ".pdf", ".svg")(text)


def suffixed(*suffixes: str) -> Callable[[str], Path]:
    """Return the type of a file that can be written, and ends in one of some suffixes."""

    def path(text: str) -> Path:
        if not text.lower().endswith(suffixes):
            *most, last = suffixes
            listed = f"{', '.join(most)} or {last}" if most else last
            raise argparse.ArgumentTypeError(f"the file must end in {listed}")
        return new_file(text)

    return path
