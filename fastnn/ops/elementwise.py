"""Operations element by element or row by row, and their gradients."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from fastnn._checks import number
from fastnn.compiler.gradients import gradient_of
from fastnn.compiler.graph import Graph, Node, Shape, Tensor
from fastnn.ops._emit import emit
from fastnn.ops.curves import passing_step, warn_of_step

__all__ = [
    "activation",
    "add",
    "dropout",
    "log_softmax",
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
    if node.attrs["activation"] == "step":
        warn_of_step(node.layer)
    return emit("activation_bwd", dy, node.outputs[0], **node.attrs)


def relu(x: Tensor) -> Tensor:
    """Return ``max(x, 0)``; NaN passes; the derivative at 0 is 0."""
    return activation(x, "relu")


def sigmoid(x: Tensor) -> Tensor:
    """Return ``1 / (1 + exp(-x))``, with derivative ``y (1 - y)``."""
    return activation(x, "sigmoid")


def tanh(x: Tensor) -> Tensor:
    """Return the hyperbolic tangent, ``2 sigmoid(2 x) - 1``, with derivative ``1 - y^2``."""
    return activation(x, "tanh")


def step(x: Tensor, threshold: float = 0.0, straight_through: str | None = None) -> Tensor:
    """Return 1 where ``x >= threshold``, else 0; NaN passes.

    Args:
        x: any shape.
        threshold: where it rises.
        straight_through: what passes on the way back instead of the gradient, which is 0:
            ``"identity"`` passes all, ``"clipped"`` where ``|x - threshold| <= 1`` (Bengio et al.,
            "Estimating or propagating gradients through stochastic neurons", 2013; Hubara et al.,
            "Binarized neural networks", 2016).
    """
    known = number("step", "threshold", threshold)
    if straight_through is None and known == 0:
        return activation(x, "step")
    return passing_step(x, known, straight_through)


def softmax(x: Tensor) -> Tensor:
    """Return ``exp(x) / sum(exp(x))`` along the last axis."""
    return emit("softmax_fwd", x)[0]


@gradient_of("softmax_fwd")
def _softmax(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    return emit("softmax_bwd", dy, node.outputs[0])


def log_softmax(x: Tensor) -> Tensor:
    """Return ``x - log(sum(exp(x)))`` along the last axis, the logarithm of ``softmax``."""
    return emit("log_softmax_fwd", x)[0]


@gradient_of("log_softmax_fwd")
def _log_softmax(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    return emit("log_softmax_bwd", dy, node.outputs[0])


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
