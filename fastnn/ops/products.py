"""The product of a dense layer and its gradients."""

from __future__ import annotations

from typing import Any

from fastnn.compiler.gradients import Gradients, gradient_of
from fastnn.compiler.graph import Node, Tensor
from fastnn.ops._emit import Operand, emit

__all__ = ["dense"]


def dense(x: Tensor, w: Operand, b: Operand | None = None) -> Tensor:
    """Return ``x @ w + b``.

    Args:
        x: (..., in).
        w: (in, out).
        b: (out,), or ``None``.

    Returns:
        (..., out).
    """
    return emit("dense_fwd", x, w, b, activation="linear")[0]


@gradient_of("dense_fwd")
def _dense(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    assert node.attrs["activation"] == "linear", "activations are fused after differentiation"
    x, w, b = node.inputs
    dx = emit("dense_bwd_x", dy, None, w, activation="linear")[0] if wanted[0] else None
    return dx, *_weights("dense_bwd_w", x, dy, b, wanted, activation="linear")


def _weights(
    name: str,
    x: Tensor | None,
    dy: Tensor,
    b: Tensor | None,
    wanted: tuple[bool, ...],
    **options: Any,
) -> Gradients:
    """Emit the gradients of kernel and bias, if either is wanted."""
    if not any(wanted[1:]):
        return None, None
    if b is None or not wanted[2]:
        return emit(name, x, dy, None, absent=("db",), **options)[0], None
    return emit(name, x, dy, None, **options)
