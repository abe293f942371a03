"""`fastnn bench`: measures kernels and models; ``fastnn/bench/`` does the work."""

from __future__ import annotations

import argparse
from typing import Any

from fastnn.cli.arguments import LEFT_OUT, new_file, picture_file, positive, seconds

__all__ = ["add"]

_EXAMPLES = """examples:
  fastnn bench --quick --no-peers
  fastnn bench --only kernels --isa avx2 --threads 1
  fastnn bench --only T1 T2 --peers torch jax --json run.json --picture run.png"""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Shows defaults as they are given, if there are some, and examples as they are."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        """Return the help of an option."""
        default = action.default
        if not default or default == argparse.SUPPRESS:
            return action.help
        shown = " ".join(map(str, default)) if isinstance(default, list) else default
        return f"{action.help} (default: {shown})"


def add(commands: Any) -> None:
    """Add the command."""
    bench = commands.add_parser(
        "bench",
        help="measure kernels and models, beside the machine's limits and other libraries",
        description="Measures kernels and models, beside the limits of this machine and the other\n"
        "libraries that are installed (pip install 'fastnn[bench]'), and prints tables. All of it\n"
        "takes hours: choose by --only, or look at a little of everything by --quick.",
        epilog=_EXAMPLES,
        formatter_class=_Formatter,
    )
    bench.set_defaults(run=_run, refuse=bench.error)
    several: dict[str, Any] = {"nargs": "+", "metavar": "NAME"}
    words = "kernels, train, predict, tasks, process, instructions; an op; T1; 'gemm dw*'"
    bench.add_argument("--quick", action="store_true", help="a little of it, in a few minutes")
    bench.add_argument("--only", help=f"what to measure: {words}", **several, default=[])
    bench.add_argument(
        "--threads",
        nargs="+",
        type=positive,
        default=[1, 2],
        metavar="N",
        help="numbers of threads",
    )
    peers = bench.add_mutually_exclusive_group()
    peers.add_argument(
        "--peers", help="libraries to compare with; all if none is named", **several, **LEFT_OUT
    )
    peers.add_argument("--no-peers", action="store_true", help="measure fastnn alone")
    bench.add_argument(
        "--isa", help="instruction sets of kernels; all if none is named", **several, **LEFT_OUT
    )
    precisions = ("float32", "float64", "mixed_bfloat16")
    bench.add_argument(
        "--dtypes", nargs="+", choices=precisions, default=["float32"], help="of kernels"
    )
    bench.add_argument("--rounds", type=positive, default=5, help="turns of each library")
    bench.add_argument("--seconds", type=seconds, default=0.3, help="least length of a turn")
    for name, kind, what in (
        ("json", new_file, "write all numbers"),
        ("picture", picture_file, "draw the ratios"),
        ("document", new_file, "write docs/performance.md, or bring it up to date"),
    ):
        bench.add_argument(f"--{name}", type=kind, metavar="FILE", help=what, **LEFT_OUT)


def _run(options: argparse.Namespace) -> int:
    from fastnn.bench.command import run

    return run(options)
