"""The command `fastnn`.

A module is a command, with its options and what it does; the others serve several.  Invariant:
NumPy and the rest of fastnn are imported when a command runs, so that help and usage errors cost
nothing.
"""

from fastnn.cli.arguments import picture_file
from fastnn.cli.command import main

__all__ = ["main", "picture_file"]
