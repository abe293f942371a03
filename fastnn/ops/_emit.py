"""How an operation's call finds its graph, and what may stand for a tensor."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastnn.compiler.graph import Graph, Shape, Tensor
from fastnn.data.arrays import as_array
from fastnn.variables import Variable

__all__ = ["Number", "Operand", "as_number", "as_tensors", "emit", "graph_of", "reshaped"]

Operand = Tensor | Variable

#: What functions of several numbers take in place of a tensor.
Number = Operand | ArrayLike


def graph_of(name: str, *inputs: Any) -> Graph:
    """Return the graph that the inputs of operation ``name`` belong to."""
    graph = next((x.graph for x in inputs if isinstance(x, Tensor)), None) or Graph.composed()
    if graph is None:
        kinds = ", ".join(type(x).__name__ for x in inputs)
        raise TypeError(
            f"{name}: expected at least one tensor of the graph, received {kinds}; operations are "
            "called inside a layer's call(x), on x and what was made of it"[:390]
        )
    return graph


def emit(name: str, *inputs: Number | None, **options: Any) -> list[Tensor]:
    """Append operation ``name`` to the graph that the inputs belong to; return its outputs."""
    graph = graph_of(name, *inputs)
    known = (
        x if x is None or isinstance(x, Tensor) else _as_tensor(name, graph, x) for x in inputs
    )
    return graph.emit(name, *known, **options)


def as_number(x: Any) -> float | None:
    """Return ``x`` as a float if it is a number and no tensor or array of several."""
    if isinstance(x, Tensor | Variable) or np.ndim(x):
        return None
    return float(as_array("ops", "the number", x))


def as_tensors(name: str, *xs: Number) -> list[Tensor]:
    """Return what was given to operation ``name`` as tensors of one graph."""
    graph = graph_of(name, *xs)
    return [_as_tensor(name, graph, x) for x in xs]


def _as_tensor(name: str, graph: Graph, x: Number) -> Tensor:
    if isinstance(x, Tensor):
        if x.graph is not graph:
            raise ValueError(
                f"{name}: {x!r:.60} belongs to the call of another model; keep no tensor of one "
                "call for another"
            )
        return graph.emit("label_numbers", x)[0] if x.dtype == "i32" else x
    if isinstance(x, Variable):
        return graph.parameter(x)
    number = as_number(x)
    if number is not None:
        return graph.emit("fill", shapes={"y": ()}, value=number)[0]
    return graph.constant(as_array(name, "the operand", x))


def reshaped(x: Tensor, shape: Shape) -> Tensor:
    """Return ``x`` in a shape of as many numbers."""
    return x if x.shape == shape else x.graph.emit("reshape", x, shapes={"y": shape})[0]
