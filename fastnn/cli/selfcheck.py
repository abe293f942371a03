"""`fastnn selfcheck`: whether the kernels are right on this CPU."""

from __future__ import annotations

import argparse
from typing import Any

from fastnn.cli import output
from fastnn.cli.arguments import add_json, command

__all__ = ["add"]

_ABOUT = """Compares every kernel with its NumPy twin on this CPU: each operation, in each
instruction set and precision, on the cases of fastnn/reference/cases.py. It takes a
minute or two; --only and --isa choose a part of it."""

_EXAMPLES = """  fastnn selfcheck
  fastnn selfcheck --only 'dense*' adam     # some operations
  fastnn selfcheck --isa avx2 --verbose     # one instruction set, every miss"""


def add(commands: Any) -> None:
    """Add the command."""
    check = command(
        commands,
        "selfcheck",
        _run,
        help="compare every kernel with its NumPy twin on this CPU",
        about=_ABOUT,
        examples=_EXAMPLES,
    )
    several: dict[str, Any] = {"nargs": "+", "metavar": "NAME", "default": []}
    check.add_argument("--only", help="operations, or patterns of them: 'conv2d_*'", **several)
    check.add_argument("--isa", help="instruction sets; default: all the CPU has", **several)
    check.add_argument("--verbose", action="store_true", help="print every miss")
    add_json(check)


def _run(options: argparse.Namespace) -> int:
    from fastnn.selfcheck import check

    lines: list[str] = []
    show = lines.append if options.json else print
    tallies = check(options.only, options.isa, show, options.verbose)
    misses = sum(len(tally.misses) for tally in tallies)
    if options.json:
        output.document("selfcheck", misses=misses, checked=[tally.facts() for tally in tallies])
    return int(misses > 0)
