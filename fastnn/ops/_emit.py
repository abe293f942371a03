"""How an operation's call finds the graph that it adds its node to."""

from __future__ import annotations

from typing import Any

from fastnn.compiler.graph import Tensor
from fastnn.variables import Variable

__all__ = ["Operand", "emit"]

Operand = Tensor | Variable


def emit(name: str, *inputs: Operand | None, **options: Any) -> list[Tensor]:
    """Append operation ``name`` to the graph that the inputs belong to; return its outputs."""
    graph = next((x.graph for x in inputs if isinstance(x, Tensor)), None)
    if graph is None:
        kinds = ", ".join(type(x).__name__ for x in inputs)
        raise TypeError(
            f"{name}: expected at least one tensor of the graph, received {kinds}; operations are "
            "called inside a layer's call(x), on x and what was made of it"
        )
    return graph.emit(name, *inputs, **options)
