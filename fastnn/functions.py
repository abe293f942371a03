"""Functions in descriptions, by their names: the caller's, and those of ``fastnn``."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from fastnn import registry
from fastnn.errors import ModelFileError
from fastnn.naming import closest

__all__ = ["UNCOMPILED", "UNSAVED", "name_of", "named"]

#: What else to do about a loss or a metric that a config cannot name, and that nobody handed over.
UNSAVED = (
    ", or leave out how the model is compiled: save(path, include_optimizer=False), or "
    "clone_model(model)"
)
UNCOMPILED = ", or load with compile=False"


@cache
def _own() -> dict[str, Callable[..., Any]]:
    """Return fastnn's own functions of tensors, as descriptions name them."""
    from fastnn import ops  # which, as losses do, imports what has functions
    from fastnn.losses import functions

    homes = {"ops": ops, "losses": functions}
    return {
        f"{home}.{name}": getattr(module, name)
        for home, module in homes.items()
        for name in module.__all__
    }


def name_of(function: Any, mend: str = "") -> str:
    """Return what a description calls a function.

    Args:
        function: the function.
        mend: what else to do about one without a name, for messages.

    Raises:
        ValueError: if it has none, which a config could hold.
    """
    name = getattr(function, "__name__", "")
    for full in (f"ops.{name}", f"losses.{name}"):
        if _own().get(full) is function:
            return full
    return registry.require_name(function, mend)


def named(who: str, name: Any, mend: str = "") -> Callable[..., Any]:
    """Return the function that a description calls ``name``: one of fastnn's, or one that the
    caller handed over.

    Args:
        who: what asks for it, for messages.
        name: its name.
        mend: what else to do if it was not handed over, for messages.

    Raises:
        ModelFileError: if there is none of that name.
    """
    own = _own()
    known: Callable[..., Any] | None = {**registry.callers(), **own}.get(str(name))
    if callable(known) and not isinstance(known, type):
        return known
    shown = str(name)[:60]
    close = closest(shown, own) if shown.startswith("ops.") else None
    hint = (
        f"did you mean {close!r}?"
        if close
        else f"if it is yours, pass it: custom_objects={{{shown!r}: {shown}}}, or register it: "
        f"@fastnn.utils.register_keras_serializable(){mend}"
    )
    raise ModelFileError(f"{who}: no function {shown!r}; {hint}")
