"""One of two numbers, as a third says: where, clip; with gradients."""

from __future__ import annotations

import math

from fastnn.compiler.gradients import ZERO, Gradients, gradient_of
from fastnn.compiler.graph import Graph, Node, Shape, Tensor
from fastnn.ops._emit import Number, as_number, as_tensors, emit, graph_of
from fastnn.ops.arithmetic import maximum, minimum
from fastnn.ops.broadcasting import broadcast_shapes, expanded
from fastnn.ops.curves import curve

__all__ = ["clip", "where"]


def where(condition: Number, x1: Number | None = None, x2: Number | None = None) -> Tensor:
    """Return ``x1`` where the condition is not 0, else ``x2``.

    Args:
        condition: any shape; the gradient does not pass through it.
        x1: of a shape that goes together with it.
        x2: likewise.

    Raises:
        ValueError: if ``x1`` or ``x2`` is missing.
    """
    if x1 is None or x2 is None:
        raise ValueError(
            "where: x1 and x2 are missing: where(condition, x1, x2); how many places a condition "
            "holds at depends on the numbers, and a shape must not"
        )
    graph = graph_of("where", condition, x1, x2)
    tensors = as_tensors("where", *(x for x in (condition, x1, x2) if as_number(x) is None))
    target = broadcast_shapes("where", *(t.shape for t in tensors))
    rest = iter(tensors)
    parts = [
        expanded(next(rest), target) if number is None else _filled(graph, target, number)
        for number in map(as_number, (condition, x1, x2))
    ]
    return emit("select", *parts)[0]


def _filled(graph: Graph, shape: Shape, value: float) -> Tensor | None:
    """Return a tensor of one number; what is absent is 0."""
    if value == 0:
        return None
    return graph.emit("fill", shapes={"y": shape}, value=value)[0]


@gradient_of("select")
def _select(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    m = node.inputs[0]
    yes = emit("select", m, dy, None)[0] if wanted[1] else None
    return ZERO, yes, emit("select", m, None, dy)[0] if wanted[2] else None


def clip(x: Number, x_min: Number | None, x_max: Number | None) -> Tensor:
    """Return ``min(max(x, x_min), x_max)``, whose derivative is 0 at both ends and beyond.

    Args:
        x: any shape.
        x_min: a number or of a shape that goes together with that of ``x``; ``None`` is no limit.
        x_max: likewise.
    """
    low = -math.inf if x_min is None else as_number(x_min)
    high = math.inf if x_max is None else as_number(x_max)
    (tensor,) = as_tensors("clip", x)
    if low is not None and high is not None:
        return curve(tensor, "ramp", 1.0, 0.0, low, high)
    y = tensor if x_min is None else maximum(tensor, x_min)
    return y if x_max is None else minimum(y, x_max)
