"""What an operation's call is: of tensors a node, of symbols a layer, of arrays their numbers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from fastnn import nests
from fastnn.compiler.graph import Graph, Tensor
from fastnn.functional import Symbol

__all__ = ["accept_symbols"]


def accept_symbols(namespace: dict[str, Any], names: Iterable[str]) -> None:
    """Let functions take symbols and return some then, or arrays where no graph is composed."""
    for name in names:
        namespace[name] = _accepting(namespace[name])


def _accepting(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def accepting(*args: Any, **kwargs: Any) -> Any:
        leaves = nests.flatten([args, kwargs])
        _require_operand(function.__name__, args)
        if any(isinstance(leaf, Symbol) for leaf in leaves):
            from fastnn.layers.operation import Operation

            given, named = nests.apply(_described, [list(args), kwargs])
            return Operation(function.__name__)(*given, **named)
        if Graph.composed() is not None or any(isinstance(leaf, Tensor) for leaf in leaves):
            return function(*args, **kwargs)
        from fastnn.eager import compute

        return compute(function, args, kwargs)

    return accepting


def _require_operand(name: str, args: tuple[Any, ...]) -> None:
    """Refuse what can be no operand in the place of the first one."""
    if args and isinstance(args[0], str | bytes | dict | type | None):
        raise TypeError(
            f"{name}: its first argument must be a tensor or an array, got {type(args[0]).__name__}"
        )


def _described(leaf: Any) -> Any:
    """Return an array of constants as a file can hold it."""
    return leaf.tolist() if isinstance(leaf, np.ndarray) else leaf
