"""Operations element by element or row by row, and their gradients."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from fastnn.compiler.gradients import gradient_of
from fastnn.compiler.graph import Graph, Node, Shape, Tensor
from fastnn.ops._emit import emit

__all__ = [
    "activation",
    "add",
    "dropout",
    "relu",
    "reshape",
    "sigmoid",
    "softmax",
    "step",
    "tanh",
]

Gradients = Sequence[Tensor | None]


def activation(x: Tensor, name: str) -> Tensor:
    """Return ``g(x)`` for the activation ``name`` of ``csrc/activations.def``."""
    return emit("activation_fwd", x, activation=name)[0]


@gradient_of("activation_fwd")
def _activation(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    return emit("activation_bwd", dy, node.outputs[0], **node.attrs)


def relu(x: Tensor) -> Tensor:
    """Return ``max(x, 0)``; NaN passes; the derivative at 0 is 0."""
    return activation(x, "relu")


def sigmoid(x: Tensor) -> Tensor:
    """Return ``1 / (1 + exp(-x))``."""
    return activation(x, "sigmoid")


def tanh(x: Tensor) -> Tensor:
    """Return the hyperbolic tangent."""
    return activation(x, "tanh")


def step(x: Tensor) -> Tensor:
    """Return 1 where ``x >= 0``, else 0; its gradient is 0 everywhere."""
    return activation(x, "step")


def softmax(x: Tensor) -> Tensor:
    """Return ``exp(x) / sum(exp(x))`` along the last axis."""
    return emit("softmax_fwd", x)[0]


@gradient_of("softmax_fwd")
def _softmax(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    return emit("softmax_bwd", dy, node.outputs[0])


def add(a: Tensor, b: Tensor) -> Tensor:
    """Return ``a + b`` of two tensors of one shape."""
    return emit("add", a, b)[0]


@gradient_of("add")
def _add(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    return dy, dy


def reshape(x: Tensor, shape: Shape) -> Tensor:
    """Return the same numbers in another shape; nothing is moved.

    Args:
        x: any shape.
        shape: the new shape, ``None`` for the rows of the batch.
    """
    return emit("reshape", x, shapes={"y": shape})[0]


@gradient_of("reshape")
def _reshape(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    (x,) = node.inputs
    return emit("reshape", dy, shapes={"y": x.shape if x is not None else ()})


def dropout(x: Tensor, rate: float) -> Tensor:
    """Return ``x`` with each unit set to 0 with probability ``rate``, the others scaled up.

    Args:
        x: (rows, ...).
        rate: in [0, 1).

    Returns:
        ``x * mask / (1 - rate)``.  The mask is a function of the seed, the epoch, the sample and
        the unit (Philox 4x32-10: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
        2011), so it depends neither on threads nor on the batch a sample is in.
    """
    return emit("dropout", x, rate=rate, stream=free_stream(x.graph))[0]


def free_stream(graph: Graph) -> int:
    """Return the first stream of random numbers that no operation of the graph draws from."""
    streams = {node.attrs.get("stream") for node in graph.nodes}
    return next(s for s in itertools.count() if s not in streams)


@gradient_of("dropout")
def _dropout(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    return emit("dropout", dy, **node.attrs)
