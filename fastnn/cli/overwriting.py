"""No command writes over what it reads, nor a file of its own over another."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from fastnn.callbacks.backup import STATE
from fastnn.cli.arguments import DIGITS

__all__ = ["refuse", "written"]

#: Options that name files to read, and to write, with what they are called.
_READ = {"source": "SOURCE", "model": "MODEL", "data": "DATA", "test": "--test"}
_WRITTEN = {
    "save": "--save",
    "plot": "--plot",
    "export": "--export",
    "out": "--out",
    "html": "--html",
    "file": "the file to write",
    "json": "--json",
    "picture": "--picture",
    "document": "--document",
}


def refuse(options: argparse.Namespace) -> None:
    """End a command before its work if one of its outputs is one of its other files."""
    taken = [(what, path) for what, path in _files(options, _READ) if str(path) != DIGITS]
    if getattr(options, "resume", None):
        taken.append(("the training's state", options.resume / STATE))
    for what, path in written(options):
        for other, known in taken:
            if _same(path, known):
                options.refuse(f"{what} {path} is the same file as {other}; give another name")
        taken.append((what, path))


def written(options: argparse.Namespace) -> list[tuple[str, Path]]:
    """Return the files that a command is to write, and how each was asked for."""
    return list(_files(options, _WRITTEN))


def _files(options: argparse.Namespace, names: dict[str, str]) -> Iterator[tuple[str, Path]]:
    for name, what in names.items():
        given = getattr(options, name, None)
        for path in given if isinstance(given, list) else [given]:
            if isinstance(path, Path):
                yield what, path


def _same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return os.path.samefile(one, other)
    return os.path.realpath(one) == os.path.realpath(other)
