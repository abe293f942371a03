"""How findings are shown: as HTML in a notebook, else as text."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

__all__ = ["notebook_display", "show"]


def show(found: Any, print_fn: Callable[[str], Any] | None) -> None:
    """Show what has a text and an HTML of its own.

    Args:
        found: what to show.
        print_fn: called with the text; ``None`` shows the HTML in a notebook, and else prints.
    """
    display = None if print_fn is not None else notebook_display()
    if display is not None:
        display(found)
    else:
        (print_fn or print)(str(found))


def notebook_display() -> Callable[..., Any] | None:
    """Return what shows a thing in the notebook that this is, or ``None`` if it is none."""
    shell = None
    if "IPython" in sys.modules:  # or it is surely none
        from IPython import get_ipython

        shell = get_ipython()
    if shell is None or type(shell).__name__ == "TerminalInteractiveShell":
        return None
    from IPython.display import display

    return display  # type: ignore[no-any-return]
