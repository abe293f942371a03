"""Operations on symbols: a call is a layer of the network that is being made."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from fastnn import nests
from fastnn.functional import Symbol

__all__ = ["accept_symbols"]


def accept_symbols(namespace: dict[str, Any], names: Iterable[str]) -> None:
    """Let functions take symbols, too, and return some then."""
    for name in names:
        namespace[name] = _accepting(namespace[name])


def _accepting(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def accepting(*args: Any, **kwargs: Any) -> Any:
        leaves = nests.flatten([args, kwargs])
        if not any(isinstance(leaf, Symbol) for leaf in leaves):
            return function(*args, **kwargs)
        from fastnn.layers.operation import Operation

        return Operation(function.__name__)(*args, **kwargs)

    return accepting
