"""Tables of vectors that ids are looked up in, and masks: which steps of a sequence count."""

from __future__ import annotations

from fastnn.compiler.gradients import ZERO, Gradients, gradient_of
from fastnn.compiler.graph import Node, Tensor
from fastnn.ops._emit import Operand, emit
from fastnn.ops.elementwise import reshape
from fastnn.ops.windows import part

__all__ = ["differs", "embed", "encode", "last_step", "mask_steps", "mask_where"]


def embed(ids: Tensor, table: Operand) -> Tensor:
    """Return the rows of ``table`` that ``ids`` name.

    Args:
        ids: (rows, ...), whole numbers from 0 on.
        table: (count, size).

    Returns:
        (rows, ..., size).  An id that the table has no row for stops the run.
    """
    return emit("embed_fwd", ids, table)[0]


@gradient_of("embed_fwd")
def _embed(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    count = node.sizes["v"].base
    dw = emit("embed_bwd", node.inputs[0], dy, axes={"v": count})[0] if wanted[1] else None
    return ZERO, dw


def encode(ids: Tensor, count: int, weights: Tensor | None = None, once: bool = False) -> Tensor:
    """Return how often each of ``count`` ids is among some.

    Args:
        ids: (rows, ..., n), whole numbers from 0 on and below ``count``.
        count: how many there are.
        weights: how often each counts, of the shape of ``ids``; ``None`` is once.
        once: whether it is told whether an id is there, 1 or 0, and not how often.

    Returns:
        (rows, ..., count).  Another id stops the run.
    """
    return emit("encode", ids, weights, axes={"v": count}, once=int(once))[0]


@gradient_of("encode")
def _encode(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    ids = node.inputs[0]
    if not wanted[1] or ids is None or node.attrs["once"]:
        return ZERO, ZERO
    return ZERO, emit("take_along", dy, ids, ranks={"p": len(ids.shape) - 1})[0]


def differs(x: Tensor, value: float) -> Tensor:
    """Return a mask of the steps of ``x``: 1 where any number is not ``value``, else 0.

    Args:
        x: (rows, ..., features).
        value: the number that stands for nothing.

    Returns:
        (rows, ...), without a gradient.
    """
    return emit("differs", x, value=value)[0]


@gradient_of("differs")
def _differs(node: Node, wanted: tuple[bool, ...], dm: Tensor) -> Gradients:
    return (ZERO,)


def mask_where(ids: Tensor, value: float = 0) -> Tensor:
    """Return a mask of ``ids``, 1 where they are not ``value``; it has their shape."""
    return differs(reshape(ids, (*ids.shape, 1)), value)


def last_step(mask: Tensor) -> Tensor:
    """Return what a mask (rows, time) says of the last step, (rows,)."""
    time = mask.shape[-1] or 0
    return reshape(part(mask, time - 1, 1), mask.shape[:-1])


def mask_steps(x: Tensor, mask: Tensor) -> Tensor:
    """Return ``x`` where ``mask`` is not 0, and zeros elsewhere.

    Args:
        x: (rows, ..., features).
        mask: (rows, ...).
    """
    return emit("mask_steps", x, mask)[0]


@gradient_of("mask_steps")
def _mask_steps(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    mask = node.inputs[1]
    return emit("mask_steps", dy, mask)[0] if wanted[0] else None, ZERO
