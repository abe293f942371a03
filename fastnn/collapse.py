"""``model.collapse()``: layers without a nonlinearity between them are one layer."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from fastnn import training
from fastnn._typing import Array
from fastnn.compiler import lower
from fastnn.compiler.graph import Graph, Node, Tensor, concrete
from fastnn.differentiation import Shelf, run_once

if TYPE_CHECKING:
    from fastnn.models import Model, Sequential

__all__ = ["collapse", "first_nonlinear"]

#: Operations that are affine in their first operand, whatever the others are.
_AFFINE = frozenset(
    {
        *("avgpool2d_fwd", "conv2d_fwd", "dense_fwd", "gather", "global_mean_fwd", "place"),
        *("reshape", "scale", "shift", "slice", "transpose"),
    }
)
#: Those that are affine in all of their operands together.
_SUMS = frozenset({"add", "subtract", "concatenate"})


def first_nonlinear(graph: Graph, inputs: Iterable[Tensor]) -> Node | None:
    """Return the first node that is not affine in what ``inputs`` become, if there is one."""
    moving = set(inputs)
    for node in graph.nodes:
        at = [index for index, t in enumerate(node.inputs) if t in moving]
        if not at:
            continue
        if not _is_affine(node, at):
            return node
        moving.update(t for t in node.outputs if t is not None)
    return None


def _is_affine(node: Node, at: list[int]) -> bool:
    """Whether a node is affine in its operands at these places."""
    name = node.op.name
    if node.attrs.get("activation", "linear") != "linear":
        return False
    if name == "activation_fwd" or name in _SUMS:
        return True
    if name == "normalize_fwd":
        return at == [0] and not node.attrs["batch"]
    return (name in _AFFINE and at == [0]) or (name == "multiply" and len(at) == 1)


def collapse(model: Model) -> Sequential:
    """Return the one dense layer that a model of linear layers amounts to."""
    from fastnn.layers import Dense, Flatten, Input, Reshape
    from fastnn.models import Sequential

    runtime = model.runtime
    if len(runtime.input_shapes) != 1 or len(model.output_shapes) != 1:
        raise ValueError(
            f"collapse: {model.name!r} has {len(runtime.input_shapes)} inputs and "
            f"{len(model.output_shapes)} outputs; one dense layer has one of each"
        )
    kernel, bias = _map(model)
    shape, out = (concrete(s[1:], 1) for s in (runtime.input_shapes[0], model.output_shapes[0]))
    dense = Dense(len(bias))
    flat = Sequential(
        [
            Input(shape, dtype=model.dtype),
            *([Flatten()] if len(shape) > 1 else []),
            dense,
            *([Reshape(out)] if len(out) > 1 else []),
        ]
    )
    dense.set_weights([kernel, bias])
    return flat


def _map(model: Model) -> tuple[Array, Array]:
    """Return kernel and bias: what the model makes of 0 and, beyond that, of each unit vector."""
    runtime = model.runtime
    graph, (y,) = lower.outputs(runtime.call, runtime.input_shapes)
    nonlinear = first_nonlinear(graph, lower.gathered(graph))
    if nonlinear is not None:
        kind = nonlinear.attrs.get("activation", nonlinear.op.name)
        raise ValueError(
            f"collapse: the layer {nonlinear.layer!r} is not linear ({kind}), so that "
            f"{model.name!r} is more than one dense layer"
        )
    shape = concrete(runtime.input_shapes[0][1:], 1)
    n = math.prod(shape)
    units = np.concatenate([np.zeros((1, n)), np.eye(n)]).reshape(n + 1, *shape)
    shelf = Shelf(graph, "results", n + 1)
    kept = shelf.keep(y)
    buffers = {**runtime.copies("float64"), "results": shelf.zeros("float64")}
    memory = run_once(graph, buffers, "float64", training.named("x", [units]), n + 1)
    rows = memory.view(kept, n + 1).reshape(n + 1, -1)
    return rows[1:] - rows[0], rows[0]
