"""The function `main`: which command runs, and how it ends."""

from __future__ import annotations

import argparse
import contextlib
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

from fastnn._version import __version__
from fastnn.cli import (
    bench,
    evaluate,
    explain,
    export,
    info,
    output,
    overwriting,
    plot,
    predict,
    selfcheck,
    train,
)
from fastnn.elsewhere import ARGUMENTS
from fastnn.naming import closest

__all__ = ["main"]

_COMMANDS = (train, predict, evaluate, explain, plot, export, selfcheck, bench, info)

_ABOUT = """Neural networks on the CPU.

`fastnn COMMAND --help` says more, with examples."""

_ENDS = """exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted, 141 nobody read the output to its end.
Errors are one line on the error output; `python -X dev -m fastnn ...` shows where they come from."""  # noqa: E501


def _option(argument: str) -> str:
    return f"--{argument.replace('_', '-')}"


#: What others call options -> ours; the first that the command has is meant.
_SYNONYMS = {
    **{_option(there): (_option(here),) for there, here in ARGUMENTS.items()},
    "--batch": ("--batch-size",),
    "--drop": ("--ignore",),
    "--exclude": ("--ignore",),
    "--hidden-layer-sizes": ("--hidden",),
    "--label": ("--target",),
    "--layers": ("--hidden",),
    "--lr": ("--learning-rate",),
    "--max-iter": ("--epochs",),
    "--model": ("--save",),
    "--n-iter-no-change": ("--patience",),
    "--n-jobs": ("--threads",),
    "--out": ("--save", "--out"),
    "--output": ("--save", "--out"),
    "--probabilities": ("--proba",),
    "--sep": ("--delimiter",),
    "--separator": ("--delimiter",),
    **dict.fromkeys(("--test", "--test-size", "--test-split"), ("--validation",)),
    "--units": ("--hidden",),
    **dict.fromkeys(("--val-size", "--val-split"), ("--validation",)),
}

#: What goes wrong outside of fastnn; anything else is its own fault.
_EXPECTED = (ImportError, MemoryError, OSError, RuntimeError, TypeError, ValueError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: words after the command's name; by default those of this process.

    Returns:
        The exit code: 0 done, 1 failed, 130 interrupted, 141 if who read the output ended first.

    Raises:
        SystemExit: after help or `--version`, with 0, and after wrong usage, with 2.

    Example:
        >>> main(["--version"])
        Traceback (most recent call last):
        SystemExit: 0
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if not hasattr(options, "run"):
        parser.print_help(sys.stderr)
        raise SystemExit(2)
    overwriting.refuse(options)
    out = output.Stream(sys.stdout, patient=bool(overwriting.written(options)))
    err = output.Stream(sys.stderr, patient=True)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = _run(options)
    return code or 141 * (out.unread or err.unread)


def _run(options: argparse.Namespace) -> int:
    """Carry a command out; return its exit code."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning  # type: ignore[assignment]
            code = int(options.run(options))
            sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        kept = getattr(options, "resume", None)
        more = f"; the same command goes on from the last epoch in {kept}" if kept else ""
        print(f"fastnn: interrupted{more}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 141
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        if isinstance(error, _EXPECTED):
            output.fail(error)
        else:
            what = f"{type(error).__name__}: {error}"
            output.fail(ValueError(f"{what}; this is a mistake in fastnn: please report it"))
        return 1


def _not_known(word: str, known: Sequence[str]) -> str:
    """Return what to say of an option that a command has not, or of one word too many."""
    name = word.partition("=")[0]
    ours = _SYNONYMS.get(name.replace("_", "-"), ())
    meant = next((each for each in ours if each in known), None)
    if meant is None and name.startswith("-"):
        plain = {each.lstrip("-"): each for each in known}
        meant = plain.get(closest(name.lstrip("-"), plain) or "")
    hint = f", did you mean {meant}?" if meant else ""
    return f"unrecognized argument: {word}{hint}"


def _show_warning(message: Warning | str, *_: Any) -> None:
    output.note(str(message))


class _Once(argparse._StoreAction):
    """Takes the value of an option that has one, which a second would silently replace."""

    _given = False

    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        """Take the value, or refuse it."""
        if self._given and option is not None:
            parser.error(f"{self.option_strings[0]} is given twice; give it once")
        self._given = True
        super().__call__(parser, namespace, values, option)


class _Parser(argparse.ArgumentParser):
    """A parser that says what is wrong on one line, and where the options are listed."""

    def __init__(self, *given: Any, **options: Any):
        super().__init__(*given, **options)
        for name in (None, "store"):
            self.register("action", name, _Once)

    def parse_known_args(self, *given: Any, **options: Any) -> Any:
        """Parse words, and refuse those that are unknown, by the command that they are of."""
        found, unknown = super().parse_known_args(*given, **options)
        if unknown:
            self.error(_not_known(unknown[0], list(self._option_string_actions)))
        return found, unknown

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse a command that there is not, with the one that was meant."""
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            close = closest(value, action.choices)
            hint = f"did you mean {close}? There" if close else "there"
            self.error(f"no command {value!r:.60}; {hint} are {', '.join(action.choices)}")
        super()._check_value(action, value)

    def error(self, message: str) -> NoReturn:
        """End the process after wrong usage."""
        text = output.printable(message)
        self.exit(2, f"{self.prog}: error: {text} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="fastnn",
        description=_ABOUT,
        epilog=_ENDS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"fastnn {__version__}")
    commands = parser.add_subparsers(metavar="command")
    for each in _COMMANDS:
        each.add(commands)
    return parser
