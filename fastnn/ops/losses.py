"""Losses: one value for each place, and their mean over the batch; with their gradients."""

from __future__ import annotations

from collections.abc import Sequence

from fastnn.compiler.gradients import ZERO, Gradients, gradient_of
from fastnn.compiler.graph import Node, Tensor
from fastnn.ops._emit import emit

__all__ = [
    "batch_mean",
    "categorical_hinge",
    "cosine_similarity",
    "mean_squared_error",
    "pointwise_loss",
    "present",
    "sigmoid_binary_crossentropy",
    "softmax_crossentropy",
    "softmax_crossentropy_sparse",
]


def softmax_crossentropy_sparse(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``softmax(logits)`` and ``-log softmax(logits)[label]``, computed in one pass.

    Args:
        logits: (rows, ..., classes).
        labels: (rows, ...), integers; -1 leaves a place out.
    """
    p, loss, _ = emit("softmax_ce_sparse", logits, labels)
    return p, loss


def present(losses: Tensor) -> Tensor:
    """Return 1 where a sparse cross-entropy has a label, 0 where it is the ignored one."""
    node = losses.producer
    if node is None or node.op.name != "softmax_ce_sparse" or node.outputs[2] is None:
        raise ValueError("present: expected what softmax_crossentropy_sparse returned")
    return node.outputs[2]


@gradient_of("softmax_ce_sparse")
def _sparse(node: Node, wanted: tuple[bool, ...], dp: None, dl: Tensor, dm: None) -> Gradients:
    return emit("softmax_ce_sparse_bwd", node.outputs[0], node.inputs[1], dl)[0], ZERO


def softmax_crossentropy(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``softmax(logits)`` and ``-sum targets log softmax(logits)``, computed in one pass.

    Args:
        logits: (rows, ..., classes).
        targets: the same shape, one-hot or soft.
    """
    p, loss = emit("softmax_ce_dense", logits, targets)
    return p, loss


@gradient_of("softmax_ce_dense")
def _dense(node: Node, wanted: tuple[bool, ...], dp: None, dl: Tensor) -> Gradients:
    return emit("softmax_ce_dense_bwd", node.outputs[0], node.inputs[1], dl)[0], None


def sigmoid_binary_crossentropy(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``sigmoid(logits)`` and the mean of ``max(z, 0) - z t + log1p(exp(-abs(z)))``.

    Args:
        logits: (rows, ..., n).
        targets: the same shape, in [0, 1].
    """
    p, loss = emit("sigmoid_bce", logits, targets)
    return p, loss


@gradient_of("sigmoid_bce")
def _bce(node: Node, wanted: tuple[bool, ...], dp: None, dl: Tensor) -> Gradients:
    return emit("sigmoid_bce_bwd", node.outputs[0], node.inputs[1], dl)[0], None


#: The rows of csrc/losses.def that depend on prediction - target alone.
_OF_DIFFERENCES = frozenset({"mse", "half_mse", "mae", "huber", "log_cosh"})


def pointwise_loss(
    prediction: Tensor,
    targets: Tensor,
    loss: str,
    constants: Sequence[float] = (),
    total: bool = False,
) -> Tensor:
    """Return the mean over the last axis of the terms of a row of ``csrc/losses.def``.

    Args:
        prediction: (rows, ..., n).
        targets: the same shape.
        loss: the name of the row.
        constants: up to three numbers that the row reads.
        total: whether to return the sum, not the mean.

    Returns:
        (rows, ...).
    """
    first, second, third = (*constants, 0.0, 0.0, 0.0)[:3]
    attrs = {"loss": loss, "sum": int(total), "first": first, "second": second, "third": third}
    return emit("loss_fwd", prediction, targets, **attrs)[0]


@gradient_of("loss_fwd")
def _pointwise(node: Node, wanted: tuple[bool, ...], dl: Tensor) -> Gradients:
    (da,) = emit("loss_bwd", *node.inputs, dl, **node.attrs)
    if not wanted[1] or node.attrs["loss"] not in _OF_DIFFERENCES:
        return da, None
    return da, emit("scale", da, factor=-1.0)[0]


def mean_squared_error(prediction: Tensor, targets: Tensor) -> Tensor:
    """Return the mean over the last axis of ``(prediction - target)^2``.

    Args:
        prediction: (rows, ..., n).
        targets: the same shape.
    """
    return pointwise_loss(prediction, targets, "mse")


def cosine_similarity(prediction: Tensor, targets: Tensor) -> Tensor:
    """Return minus the cosine of the angle between prediction and target, on the last axis.

    Args:
        prediction: (rows, ..., n).
        targets: the same shape.
    """
    return emit("cosine", prediction, targets)[0]


@gradient_of("cosine")
def _cosine(node: Node, wanted: tuple[bool, ...], dl: Tensor) -> Gradients:
    return emit("cosine_bwd", *node.inputs, dl)[0], None


def categorical_hinge(prediction: Tensor, targets: Tensor) -> Tensor:
    """Return ``max(0, 1 + max (1 - target) prediction - sum target prediction)``.

    Args:
        prediction: (rows, ..., classes).
        targets: the same shape.
    """
    return emit("categorical_hinge", prediction, targets)[0]


@gradient_of("categorical_hinge")
def _categorical_hinge(node: Node, wanted: tuple[bool, ...], dl: Tensor) -> Gradients:
    return emit("categorical_hinge_bwd", *node.inputs, dl)[0], None


def batch_mean(
    values: Tensor,
    weights: Tensor | None = None,
    divisor: Tensor | None = None,
    total: bool = False,
) -> Tensor:
    """Return ``sum(values weights) / sum(divisor)``; without them the mean of all values.

    Args:
        values: (rows, ...).
        weights: the same shape; ``None`` is 1 everywhere.
        divisor: the same shape; ``None`` is 1 everywhere.  Where it sums to 0, so does the result.
        total: whether to return the sum, not divided.

    Returns:
        A tensor without axes.
    """
    return emit("mean", values, weights, divisor, sum=int(total))[0]


@gradient_of("mean")
def _mean(node: Node, wanted: tuple[bool, ...], dm: Tensor) -> Gradients:
    values, weights, divisor = node.inputs
    shape = values.shape if values is not None else ()  # weights and divisor count as constants
    (dl,) = emit("mean_bwd", dm, weights, divisor, shapes={"dl": shape}, **node.attrs)
    return dl, ZERO, ZERO
