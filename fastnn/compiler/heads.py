"""Heads: the activation that made a prediction, as losses, metrics and checks want to know it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from fastnn import ops
from fastnn.compiler.graph import Node, Tensor
from fastnn.compiler.linearity import is_affine

__all__ = ["Head", "collapses", "head_of"]

#: Operations whose output may have any sign and size: a layer without activation.
_LINEAR = ("dense", "conv", "normalize", "row_norm", "embed", "depthwise", "separable")


#: The activations that are the curve "ramp", by its constants.
_RAMPS = {
    (1.0, 0.0, 0.0, 6.0): "relu6",
    (1 / 6, 3.0, -3.0, 3.0): "hard_sigmoid",
    (0.5, 1.0, -1.0, 1.0): "sparse_sigmoid",
    (1.0, 0.0, -1.0, 1.0): "hard_tanh",
}


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
    if name == "activation_fwd":
        return str(node.attrs["activation"])
    if name == "curve_fwd":
        curve = str(node.attrs["curve"])
        known = tuple(node.attrs[constant] for constant in "abcd")
        return _RAMPS.get(known, curve) if curve == "ramp" else curve
    return "linear" if name.startswith(_LINEAR) else None


_PRODUCTS = frozenset({"dense_fwd", "conv2d_fwd", "depthwise_fwd"})


def collapses(prediction: Tensor) -> bool:
    """Whether the layers before the last one are linear, so that all are one linear layer."""
    node = head_of(prediction).node
    if node is not None and node.op.name not in _PRODUCTS:  # the activation of the last layer
        node = None if node.inputs[0] is None else node.inputs[0].producer
    before = list(_before(node))
    products = [each for each in before if each.op.name in _PRODUCTS]
    return len(products) > 1 and all(is_affine(each, _moving(each)) for each in before)


def _moving(node: Node) -> list[int]:
    """Return which operands of a node depend on the samples."""
    fixed = ("params", "constant")
    return [i for i, t in enumerate(node.inputs) if t is not None and t.home not in fixed]


def _before(last: Node | None) -> Iterable[Node]:
    """Yield a node and those it is computed from, each once."""
    seen: set[int] = set()
    stack = [last]
    while stack:
        node = stack.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        stack += [t.producer for t in node.inputs if t is not None]
