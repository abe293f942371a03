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
from fastnn.compiler.linearity import is_affine
from fastnn.differentiation import Shelf, run_once

if TYPE_CHECKING:
    from fastnn.models import Model, Sequential

__all__ = ["collapse", "first_nonlinear"]


def first_nonlinear(graph: Graph, inputs: Iterable[Tensor]) -> Node | None:
    """Return the first node that is not affine in what ``inputs`` become, if there is one."""
    moving = set(inputs)
    for node in graph.nodes:
        at = [index for index, t in enumerate(node.inputs) if t in moving]
        if not at:
            continue
        if not is_affine(node, at):
            return node
        moving.update(t for t in node.outputs if t is not None)
    return None


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
        kind = _kind(nonlinear)
        raise ValueError(
            f"collapse: the layer {nonlinear.layer!r} is not linear ({kind}), so that "
            f"{model.name!r} is not one linear layer"
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


def _kind(node: Node) -> str:
    """Return the function that a node applies."""
    named = (node.attrs.get(name) for name in ("activation", "curve", "binary", "reduction"))
    known = (name for name in named if name not in (None, "linear"))
    return next(known, node.op.name.removesuffix("_fwd"))
