"""Cross-entropies of probabilities, which are computed from the logits where these are known."""

from __future__ import annotations

import math
from typing import Any

from fastnn import ops
from fastnn._checks import fraction
from fastnn.compiler.graph import Shape, Tensor, format_shape
from fastnn.compiler.heads import Head, head_of
from fastnn.errors import ShapeError
from fastnn.losses.axes import axis_number, require_last
from fastnn.losses.base import Loss, Lowered, Targets

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CrossEntropy",
    "SoftmaxCrossEntropy",
    "SparseCategoricalCrossentropy",
]

#: Which loss goes with an activation, for those who took another.
_OTHER = {
    "softmax": ", or a loss for softmax: categorical_crossentropy, sparse_categorical_crossentropy",
    "sigmoid": ", or a loss for sigmoid: binary_crossentropy",
}


class CrossEntropy(Loss):
    """A loss of probabilities, which come from an activation of logits.

    Args:
        from_logits: whether the model's output is the logits themselves.
        label_smoothing: how much of each target is spread evenly; in [0, 1].
        axis: of the classes; the last one.
        reduction: as of ``Loss``.
        name: the loss's name in messages.
        dtype: accepted as in Keras.
    """

    head: str
    #: Other heads whose outputs are probabilities.
    also: frozenset[str] = frozenset()

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name, reduction, dtype)
        who = type(self).__name__
        self.from_logits = bool(from_logits)
        self.label_smoothing = fraction(who, "label_smoothing", label_smoothing, closed=True)
        self.axis = axis_number(who, axis)

    def logits(self, prediction: Tensor) -> Tensor | None:
        """Return the logits behind a prediction, ``None`` where only probabilities are known, or
        say which output layer the loss goes with."""
        require_last(self.name, self.axis, prediction.shape)
        head = head_of(prediction)
        if self.from_logits and head.name != self.head:
            return prediction
        if not self.from_logits and head.name == self.head:
            return head.logits(prediction)
        if not self.from_logits and (head.name is None or head.name in self.also):
            return None
        raise self._refusal(head)

    def _refusal(self, head: Head) -> ValueError:
        have, layer = head.name or "linear", head.layer
        mend = (
            f"drop from_logits=True, or the activation of {layer!r}"
            if self.from_logits
            else f"use activation={self.head!r}, or {type(self).__name__}(from_logits=True)"
            f"{_OTHER.get(have, '')}"
        )
        kind = "logits" if self.from_logits else f"the output of a {self.head}"
        return ValueError(
            f"compile: {self.name} expects {kind}, but the activation of the last layer "
            f"{layer!r} is {have}; {mend}"
        )

    def smoothed(self, targets: Tensor, share: float) -> Tensor:
        """Return ``targets (1 - smoothing) + smoothing share`` (Szegedy et al., "Rethinking the
        Inception architecture for computer vision", 2016)."""
        if not self.label_smoothing:
            return targets
        kept = ops.scale(targets, 1 - self.label_smoothing)
        (even,) = targets.graph.emit(
            "fill", shapes={"y": targets.shape}, value=self.label_smoothing * share
        )
        return ops.add(kept, even)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal loss."""
        return {
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "axis": self.axis,
            **super().get_config(),
        }


class SoftmaxCrossEntropy(CrossEntropy):
    head = "softmax"

    def proba(self, prediction: Tensor) -> Tensor:
        """Return the probabilities of the classes."""
        return ops.softmax(prediction) if self.from_logits else prediction

    def targets(self, prediction: Shape) -> Targets:
        """Return a target for each class."""
        require_classes(self.name, prediction)
        return Targets(prediction)

    def smooth(self, targets: Tensor) -> Tensor:
        """Return the targets with their share for every class."""
        return self.smoothed(targets, 1 / (targets.shape[-1] or 1))


class SparseCategoricalCrossentropy(SoftmaxCrossEntropy):
    """``-log p[label]`` for integer labels, ``p`` the softmax of the logits.

    Args:
        from_logits: whether the model's output is the logits, without a softmax.
        ignore_class: a label that leaves its place out of the loss and of its mean; ``None``.
        reduction: as of ``Loss``.
        axis: of the classes; the last one.
        name: the loss's name in messages.
        dtype: accepted as in Keras.

    The gradient with respect to the logits is ``p - onehot(label)``.  A label out of range raises
    ``LabelError`` and names its row.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((3,)), fastnn.layers.Activation("softmax")])
        >>> model.compile(loss="sparse_categorical_crossentropy")
        >>> round(model.evaluate([[0.0, 0.0, 0.0]], [2], verbose=0), 6)
        1.098612
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(from_logits, 0.0, axis, reduction, name, dtype)
        self.ignore_class = ignore_class

    def targets(self, prediction: Shape) -> Targets:
        """Return labels below the number of classes."""
        require_classes(self.name, prediction)
        ignored = math.nan if self.ignore_class is None else float(self.ignore_class)
        return Targets(prediction[:-1], prediction[-1], ignored)

    def lower(self, prediction: Tensor, targets: Tensor) -> Lowered:
        """Compose the loss of each place."""
        logits = self.logits(prediction)
        if logits is None:
            raise self._refusal(head_of(prediction))
        p, values = ops.sparse_categorical_crossentropy(logits, targets)
        return Lowered(values, p, None if self.ignore_class is None else ops.present(values))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal loss."""
        config = {**super().get_config(), "ignore_class": self.ignore_class}
        return {name: value for name, value in config.items() if name != "label_smoothing"}


class CategoricalCrossentropy(SoftmaxCrossEntropy):
    """``-sum(target log p)`` for one-hot or soft targets, ``p`` the softmax of the logits.

    Args:
        from_logits: whether the model's output is the logits, without a softmax.
        label_smoothing: how much of each target is spread over all classes; in [0, 1].
        axis: of the classes; the last one.
        reduction: as of ``Loss``.
        name: the loss's name in messages.
        dtype: accepted as in Keras.

    The gradient with respect to the logits is ``p - target`` where the target sums to 1.

    Example:
        >>> import fastnn, numpy
        >>> model = fastnn.Sequential([fastnn.Input((3,)), fastnn.layers.Activation("softmax")])
        >>> model.compile(loss="categorical_crossentropy")
        >>> x = numpy.log([[0.2, 0.7, 0.1]])
        >>> round(model.evaluate(x, [[0.0, 1.0, 0.0]], verbose=0), 6)
        0.356675
    """

    def lower(self, prediction: Tensor, targets: Tensor) -> Lowered:
        """Compose the loss of each place."""
        logits, smooth = self.logits(prediction), self.smooth(targets)
        if logits is None:  # which are made to sum to 1 by their own layer
            return Lowered(ops.pointwise_loss(prediction, smooth, "ce", total=True), prediction)
        p, values = ops.categorical_crossentropy(logits, smooth)
        return Lowered(values, p)


class BinaryCrossentropy(CrossEntropy):
    """``mean(-target log p - (1 - target) log(1 - p))``, ``p`` the sigmoid of the logits.

    Args:
        from_logits: whether the model's output is the logits, without a sigmoid.
        label_smoothing: how much of each target is moved to one half; in [0, 1].
        axis: of the units; the last one.
        reduction: as of ``Loss``.
        name: the loss's name in messages.
        dtype: accepted as in Keras.

    It is computed as ``max(z, 0) - z target + log1p(exp(-abs(z)))``.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Activation("sigmoid")])
        >>> model.compile(loss="binary_crossentropy")
        >>> model.evaluate([[-1000.0]], [[1.0]], verbose=0)
        1000.0
    """

    head, flat = "sigmoid", True
    also = frozenset({"hard_sigmoid", "sparse_sigmoid"})

    def lower(self, prediction: Tensor, targets: Tensor) -> Lowered:
        """Compose the loss of each place."""
        logits, smooth = self.logits(prediction), self.smoothed(targets, 0.5)
        if logits is None:
            return Lowered(ops.pointwise_loss(prediction, smooth, "bce"), prediction)
        p, values = ops.sigmoid_binary_crossentropy(logits, smooth)
        return Lowered(values, p)

    def proba(self, prediction: Tensor) -> Tensor:
        """Return the probability of each label."""
        return ops.sigmoid(prediction) if self.from_logits else prediction


def require_classes(who: str, prediction: Shape) -> None:
    if len(prediction) < 2 or prediction[-1] == 1:
        raise ShapeError(
            f"compile: {who} expects predictions (rows, classes), "
            f"the model's output is {format_shape(prediction)}; "
            "use binary_crossentropy with a sigmoid for one unit"
        )
