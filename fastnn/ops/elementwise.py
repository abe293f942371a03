"""Operations element by element or row by row, and their gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fastnn._checks import number
from fastnn.compiler.gradients import ZERO, Gradients, gradient_of
from fastnn.compiler.graph import Node, Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.ops._emit import Number, as_tensors, emit
from fastnn.ops.curves import passing_step, warn_of_step

__all__ = [
    "activation",
    "relu",
    "reshape",
    "sigmoid",
    "step",
    "stop_gradient",
    "tanh",
]


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


@gradient_of("softmax_fwd")
def _softmax(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    return emit("softmax_bwd", dy, node.outputs[0])


@gradient_of("log_softmax_fwd")
def _log_softmax(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    return emit("log_softmax_bwd", dy, node.outputs[0])


def reshape(x: Number, newshape: int | Sequence[int | None]) -> Tensor:
    """Return the same numbers in another shape; nothing is moved.

    Args:
        x: any shape.
        newshape: the new shape, in which one size may be -1: whatever is left.  The rows of a batch
            stay the first axis: ``None`` or -1.

    Raises:
        ShapeError: if the numbers of ``x`` do not fill the shape, or rows would be mixed.
    """
    (x,) = as_tensors("reshape", x)
    given = tuple(newshape) if isinstance(newshape, Sequence) else (newshape,)
    batch = x.shape[:1] == (None,)
    if batch and given[:1] not in ((None,), (-1,)):
        raise ShapeError(
            f"reshape: the first axis of {format_shape(x.shape)} is that of the rows and stays so; "
            f"write (-1, ...), got {str(given)[:60]}"
        )
    sizes = _filled(x, given[batch:])
    if sizes is None:
        raise ShapeError(
            f"reshape: {format_shape(x.shape)} does not fill {str(given)[:60]}; "
            f"{'a row' if batch else 'it'} has {x.size.base} numbers, and one size may be -1"
        )
    return emit("reshape", x, shapes={"y": (*x.shape[:batch], *sizes)})[0]


def _filled(x: Tensor, sizes: Sequence[int | None]) -> tuple[int, ...] | None:
    """Return sizes of as many numbers as ``x`` has, -1 replaced, or ``None`` if there are none."""
    known = [int(n) for n in sizes if n is not None and n != -1]
    left, rest = divmod(x.size.base, math.prod(known) or 1)
    filled = tuple(left if n == -1 else int(n or 0) for n in sizes)
    fits = not rest and None not in sizes and sizes.count(-1) < 2 and min(filled, default=1) > 0
    return filled if fits and math.prod(filled) == x.size.base else None


@gradient_of("reshape")
def _reshape(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    (x,) = node.inputs
    if node.attrs.get("stops"):
        return (ZERO,)
    assert x is not None
    return emit("reshape", dy, shapes={"y": x.shape}, fold=x.fold)


def stop_gradient(variable: Number) -> Tensor:
    """Return ``variable``, through which no gradient passes; nothing is moved."""
    (x,) = as_tensors("stop_gradient", variable)
    return emit("reshape", x, shapes={"y": x.shape}, stops=1)[0]
