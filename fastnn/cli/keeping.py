"""The files that a training leaves: the model, its picture, and the model in formats of others."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastnn.cli import formats

__all__ = ["files", "first", "keep", "rehearse"]


#: Samples in a file in C, and the numbers that they may have together.
_TESTED, _NUMBERS = 8, 10_000


def rehearse(options: argparse.Namespace, make: Callable[[], Any]) -> None:
    """Export a model that is like the one to be trained, and throw the files away.

    So what is missing for a format, and what a format has not, is said before the work.

    Args:
        options: those of the command.
        make: returns the model; not called if nothing is to be exported.
    """
    if not options.export:
        return
    from tempfile import TemporaryDirectory

    with warnings.catch_warnings(), TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # those of the trained model say the same
        model = make()
        for path in options.export:
            formats.write(model, Path(folder, path.name))


def keep(
    options: argparse.Namespace, model: Any, draw: Callable[[], Any], samples: Any
) -> list[str]:
    """Write the files that were asked for; return what there is to say of them.

    Args:
        options: those of the command.
        model: the trained model.
        draw: returns the figure.
        samples: the first few of them are put into a file in C, to test it with.
    """
    lines = []
    if options.save:
        model.save(options.save)
        lines.append(f"model in {options.save}")
    if options.plot:
        draw().savefig(options.plot)
        lines.append(f"picture in {options.plot}")
    for path in options.export:
        formats.write(model, path, first(samples))
        lines.append(f"exported to {path}")
    return lines


def first(samples: Any) -> Any:
    """Return the samples that a file in C is given to be tested with."""
    return samples[: max(1, min(_TESTED, _NUMBERS // samples[0].size))]


def files(options: argparse.Namespace) -> dict[str, Any]:
    """Return what JSON tells of the files."""
    return {"model": options.save, "picture": options.plot, "exports": options.export}
