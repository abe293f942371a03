"""What commands say: results to the standard output, notes to the error output."""

from __future__ import annotations

import json
import math
import os
import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from fastnn._version import __version__

__all__ = [
    "SCHEMA",
    "Stream",
    "counted",
    "document",
    "duration",
    "fail",
    "next_command",
    "note",
    "printable",
    "printable_lines",
    "shortened",
]

#: The form of the JSON objects; changes when a field changes its meaning or goes.
SCHEMA = 1


class Stream:
    """A stream to print to, whose reader may leave before its end, as ``head`` does.

    Attributes:
        unread: whether the reader has left.
    """

    def __init__(self, stream: Any, patient: bool):
        """Take a stream.

        Args:
            stream: where to print.
            patient: whether the work goes on when the reader has left.
        """
        self._stream, self._patient, self.unread = stream, patient, False

    def __getattr__(self, name: str) -> Any:
        """Return what else a stream has."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Print a text."""
        self._try(self._stream.write, text)
        return len(text)

    def flush(self) -> None:
        """Print what waits to be printed."""
        self._try(self._stream.flush)

    def _try(self, act: Callable[..., object], *given: str) -> None:
        try:
            act(*given)
        except BrokenPipeError:
            self.unread = True
            with open(os.devnull, "w") as nowhere:  # where all the rest goes, to Python's last
                os.dup2(nowhere.fileno(), self._stream.fileno())
            if not self._patient:
                raise


def document(command: str, **facts: Any) -> None:
    """Print the JSON object of a command; what is not finite is null."""
    head = {"schema": SCHEMA, "fastnn": __version__, "command": command}
    print(json.dumps(_plain({**head, **facts}), indent=2))


def _plain(value: Any) -> Any:
    """Return what JSON can hold, of paths, NumPy's numbers and arrays besides."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)


def note(text: str) -> None:
    """Tell something beside the result."""
    print(f"fastnn: note: {printable(text)}", file=sys.stderr)


def counted(count: int, noun: str) -> str:
    """Return how many there are of something."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return a time as people read it.

    Example:
        >>> duration(0.0456), duration(4.56)
        ('46 ms', '4.6 s')
    """
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"


def shortened(names: Sequence[str], most: int) -> list[str]:
    """Return names with their middles left out where they have more letters than ``most``; whole
    where two would look the same.

    Example:
        >>> shortened(["a_long_name_of_one", "a_long_name_of_two", "short"], 9)
        ['a_lo…_one', 'a_lo…_two', 'short']
        >>> shortened(["lead_one_rear", "lead_two_rear"], 9)
        ['lead_one_rear', 'lead_two_rear']
    """
    half = (most - 1) // 2
    cut = [f"{name[:half]}…{name[-half:]}" if len(name) > most else name for name in names]
    times = Counter(cut)
    return [short if times[short] == 1 else name for short, name in zip(cut, names, strict=True)]


def next_command(*words: Any) -> str:
    """Return the line that says which command may come next, as a shell takes it from here."""
    return f"next: {printable(shlex.join([*_fastnn(), *map(str, words)]))}"


def _fastnn() -> list[str]:
    """Return how this fastnn is called: by its name only where that is found, and no other's."""
    folder, here = os.path.dirname(sys.executable), os.path.join(os.getcwd(), "")
    if os.path.dirname(os.path.abspath(shutil.which("fastnn") or "")) == folder:
        return ["fastnn"]
    return [sys.executable.removeprefix(here), "-m", "fastnn"]


def fail(error: BaseException) -> None:
    """Tell why a command ends, on one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    print(f"fastnn: {printable(text)}", file=sys.stderr)


def printable(text: str) -> str:
    """Return a text of a file as a terminal may show it: without its commands."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def printable_lines(text: str) -> str:
    """Return several lines as a terminal may show them."""
    return "\n".join(map(printable, text.splitlines()))
