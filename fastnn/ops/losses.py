"""Losses: one value for each row, and their mean; with their gradients."""

from __future__ import annotations

from collections.abc import Sequence

from fastnn.compiler.gradients import gradient_of
from fastnn.compiler.graph import Node, Tensor
from fastnn.ops._emit import emit

__all__ = [
    "categorical_crossentropy",
    "mean",
    "mean_squared_error",
    "sigmoid_binary_crossentropy",
    "sparse_categorical_crossentropy",
]

Gradients = Sequence[Tensor | None]


def sparse_categorical_crossentropy(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``softmax(logits)`` and ``-log softmax(logits)[label]``, computed in one pass.

    Args:
        logits: (rows, classes).
        labels: (rows,), integers.
    """
    p, loss = emit("softmax_ce_sparse", logits, labels)
    return p, loss


@gradient_of("softmax_ce_sparse")
def _sparse(node: Node, wanted: tuple[bool, ...], dp: None, dl: Tensor) -> Gradients:
    return emit("softmax_ce_sparse_bwd", node.outputs[0], node.inputs[1], dl)[0], None


def categorical_crossentropy(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``softmax(logits)`` and ``-sum targets log softmax(logits)``, computed in one pass.

    Args:
        logits: (rows, classes).
        targets: (rows, classes), one-hot or soft.
    """
    p, loss = emit("softmax_ce_dense", logits, targets)
    return p, loss


@gradient_of("softmax_ce_dense")
def _dense(node: Node, wanted: tuple[bool, ...], dp: None, dl: Tensor) -> Gradients:
    return emit("softmax_ce_dense_bwd", node.outputs[0], node.inputs[1], dl)[0], None


def sigmoid_binary_crossentropy(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``sigmoid(logits)`` and the mean of ``max(z, 0) - z t + log1p(exp(-abs(z)))``.

    Args:
        logits: (rows, ...).
        targets: the same shape, in [0, 1].
    """
    p, loss = emit("sigmoid_bce", logits, targets)
    return p, loss


@gradient_of("sigmoid_bce")
def _bce(node: Node, wanted: tuple[bool, ...], dp: None, dl: Tensor) -> Gradients:
    return emit("sigmoid_bce_bwd", node.outputs[0], node.inputs[1], dl)[0], None


def mean_squared_error(prediction: Tensor, targets: Tensor) -> Tensor:
    """Return the mean over each row of ``(prediction - target)^2``.

    Args:
        prediction: (rows, ...).
        targets: the same shape.
    """
    return emit("mse", prediction, targets)[0]


@gradient_of("mse")
def _mse(node: Node, wanted: tuple[bool, ...], dl: Tensor) -> Gradients:
    return emit("mse_bwd", node.inputs[0], node.inputs[1], dl)[0], None


def mean(values: Tensor) -> Tensor:
    """Return the mean over the rows.

    Args:
        values: (rows,).

    Returns:
        A tensor without axes.
    """
    return emit("mean", values)[0]


@gradient_of("mean")
def _mean(node: Node, wanted: tuple[bool, ...], dm: Tensor) -> Gradients:
    (values,) = node.inputs
    assert values is not None
    return emit("mean_bwd", dm, shapes={"dl": values.shape})
