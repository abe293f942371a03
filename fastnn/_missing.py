"""What to say where the compiled core is not there: the package itself cannot be imported then."""

from __future__ import annotations

import importlib.machinery
import os

__all__ = ["no_core"]


def no_core(error: ImportError) -> str:
    """Return what to do where the compiled core cannot be imported."""
    folder = os.path.dirname(__file__)
    modules = {f"_core{suffix}" for suffix in importlib.machinery.EXTENSION_SUFFIXES}
    if modules & set(os.listdir(folder)):
        return (
            f"fastnn's compiled core cannot be imported ({error}); it works in the main "
            "interpreter alone"
        )
    return (
        f"{folder[:160]} is the source of fastnn, without its compiled core, and hides a fastnn "
        "that is installed: work in another folder, or build this one: pip install -e ."
    )
