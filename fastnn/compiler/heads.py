"""Heads: the activation that made a prediction, as losses, metrics and checks want to know it."""

from __future__ import annotations

from typing import NamedTuple

from fastnn import ops
from fastnn.compiler.graph import Node, Tensor

__all__ = ["Head", "head_of"]

#: Operations whose output may have any sign and size: a layer without activation.
_LINEAR = ("dense", "conv", "normalize", "row_norm", "embed", "depthwise", "separable")


class Head(NamedTuple):
    """What made a prediction.

    Attributes:
        name: the activation, ``"linear"`` for a layer without one, ``None`` if nobody knows.
        layer: the layer's name.
        node: the operation.
    """

    name: str | None
    layer: str
    node: Node | None

    def logits(self, prediction: Tensor) -> Tensor:
        """Return what the activation was applied to, in the shape of the prediction."""
        assert self.node is not None
        (z, *_) = self.node.inputs
        assert z is not None
        return z if z.shape == prediction.shape else ops.reshape(z, prediction.shape)


def head_of(prediction: Tensor) -> Head:
    """Return the head of a prediction, which may be seen in another shape."""
    node = prediction.producer
    while node is not None and node.op.name == "reshape" and node.inputs[0] is not None:
        node = node.inputs[0].producer
    return Head(None if node is None else _name(node), "" if node is None else node.layer, node)


def _name(node: Node) -> str | None:
    name = node.op.name
    if name in ("softmax_fwd", "log_softmax_fwd"):
        return name.removesuffix("_fwd")
    if name == "sigmoid_bce":
        return "sigmoid"
    if name.startswith("softmax_ce"):
        return "softmax"
    if name in ("activation_fwd", "curve_fwd"):
        return str(node.attrs.get("activation", node.attrs.get("curve")))
    return "linear" if name.startswith(_LINEAR) else None
