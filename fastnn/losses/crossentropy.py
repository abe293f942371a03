"""Cross-entropies of probabilities, which are computed from the logits where these are known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastnn import ops
from fastnn._checks import flag, fraction
from fastnn.compiler.graph import Shape, Tensor, format_shape
from fastnn.compiler.heads import Head, head_of
from fastnn.errors import ShapeError
from fastnn.losses.axes import AlongAxis
from fastnn.losses.base import Lowered, Targets

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CrossEntropy",
    "SigmoidCrossEntropy",
    "SoftmaxCrossEntropy",
    "SparseCategoricalCrossentropy",
    "of_classes",
]

#: Activations whose outputs are no logits, whatever the loss.
_PROBABILITIES = ("sigmoid", "softmax")

#: Which loss goes with an activation, for those who took another.
_OTHER = {
    "softmax": ", or a loss for softmax: categorical_crossentropy, sparse_categorical_crossentropy",
    "sigmoid": ", or a loss for sigmoid: binary_crossentropy",
}


class CrossEntropy(AlongAxis):
    """A loss of probabilities, which come from an activation of logits.

    Args:
        from_logits: whether the model's output is the logits themselves.
        label_smoothing: how much of each target is spread evenly; in [0, 1].
        axis: of the classes; not that of the samples.
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
        super().__init__(axis, reduction, name, dtype)
        who = type(self).__name__
        self.from_logits = flag(self.name, "from_logits", from_logits)
        self.label_smoothing = fraction(who, "label_smoothing", label_smoothing, closed=True)

    def lower(self, prediction: Tensor, targets: Tensor) -> Lowered:
        """Compose the loss of each place."""
        at = self.place(prediction.shape)
        t, moved = self.prepared(targets, at), ops.moveaxis(prediction, at, -1)
        logits = self.logits(prediction, moved)
        if logits is None:
            values = self.of_probabilities(moved, t)
            return Lowered(values, prediction, self.mask(values, t))
        p, values = self.of_logits(logits, t)
        return Lowered(values, ops.moveaxis(p, -1, at), self.mask(values, t))

    def of_logits(self, z: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Compose probabilities and values, of classes on the last axis."""
        raise NotImplementedError

    def of_probabilities(self, p: Tensor, t: Tensor) -> Tensor:
        """Compose the values, of classes on the last axis."""
        raise NotImplementedError

    def mask(self, values: Tensor, t: Tensor) -> Tensor | None:
        """Compose 0 at places that the loss leaves out, if there may be some."""
        return None

    def prepared(self, targets: Tensor, at: int) -> Tensor:
        """Return the targets smoothed, ``targets (1 - smoothing) + smoothing share``, with classes
        on the last axis (Szegedy et al., "Rethinking the Inception architecture for computer
        vision", 2016)."""
        moved = ops.moveaxis(targets, at, -1)
        if not self.label_smoothing:
            return moved
        kept = ops.scale(moved, 1 - self.label_smoothing)
        even = self.label_smoothing * self.share(moved.shape[-1] or 1)
        return ops.add(kept, targets.graph.emit("fill", shapes={"y": moved.shape}, value=even)[0])

    def share(self, classes: int) -> float:
        """Return what each of the classes gets of what is spread."""
        return 1 / classes

    def logits(self, prediction: Tensor, moved: Tensor) -> Tensor | None:
        """Return the logits behind a prediction, ``None`` where only probabilities are known, or
        say which output layer the loss goes with.

        Args:
            prediction: the model's output.
            moved: the same with classes on the last axis, where those of the logits are.
        """
        for tensor in (moved, prediction):
            head = head_of(tensor)
            if head.name == self.head:
                break
        if self.from_logits and head.name not in _PROBABILITIES:
            return moved
        if not self.from_logits and head.name == self.head:
            return self.behind(head, tensor, moved)
        if not self.from_logits and (head.name is None or head.name in self.also):
            return None
        raise self._refusal(head)

    def behind(self, head: Head, tensor: Tensor, moved: Tensor) -> Tensor | None:
        """Return the logits of the head that made ``tensor``, if they are known."""
        raise NotImplementedError

    def _refusal(self, head: Head) -> ValueError:
        have, layer = head.name or "linear", head.layer
        if self.from_logits:
            drop = "drop from_logits=True, or" if have == self.head else "leave out"
            mend = f"{drop} the activation of {layer!r}"
        else:
            logits = f"{type(self).__name__}(from_logits=True) and no activation"
            mend = f"use activation={self.head!r}, or {logits}{_OTHER.get(have, '')}"
        kind = "logits" if self.from_logits else f"the output of a {self.head}"
        return ValueError(
            f"compile: {self.name} expects {kind}, but the activation of the last layer "
            f"{layer!r} is {have}; {mend}"
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal loss."""
        return {
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            **super().get_config(),
        }


class SoftmaxCrossEntropy(CrossEntropy):
    """A loss of the probabilities of classes, one of which is right."""

    head = "softmax"

    def proba(self, prediction: Tensor) -> Tensor:
        """Return the probabilities of the classes."""
        return ops.softmax(prediction, self.axis) if self.from_logits else prediction

    def targets(self, prediction: Shape) -> Targets:
        """Return a target for each class."""
        self.classes(prediction)
        return Targets(prediction)

    def classes(self, prediction: Shape) -> int:
        """Return how many classes there are, which are two at least."""
        classes = prediction[self.place(prediction)] if len(prediction) > 1 else None
        if classes is None or classes < 2:
            raise ShapeError(
                f"compile: {self.name} expects predictions (rows, classes), "
                f"the model's output is {format_shape(prediction)}; "
                "use binary_crossentropy with a sigmoid for one unit"
            )
        return classes

    def behind(self, head: Head, tensor: Tensor, moved: Tensor) -> Tensor | None:
        """Return the logits, if the softmax was along the loss's axis, and not taken apart."""
        assert head.node is not None
        (z, *_) = head.node.inputs
        whole = tensor is moved and z is not None and z.shape[-1] == tensor.shape[-1]
        return head.logits(tensor) if whole else None


class SparseCategoricalCrossentropy(SoftmaxCrossEntropy):
    """``-log p[label]`` for integer labels, ``p`` the softmax of the logits.

    Args:
        from_logits: whether the model's output is the logits, without a softmax.
        ignore_class: a label that leaves its place out of the loss and of its mean; ``None``.
        reduction: as of ``Loss``.
        axis: of the classes; not that of the samples.
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
        ignored = math.nan if self.ignore_class is None else float(self.ignore_class)
        return Targets(self.places(prediction), self.classes(prediction), ignored)

    def prepared(self, targets: Tensor, at: int) -> Tensor:
        """Return the labels."""
        return targets

    def of_logits(self, z: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Compose probabilities and values, of classes on the last axis."""
        return ops.softmax_crossentropy_sparse(z, t)

    def of_probabilities(self, p: Tensor, t: Tensor) -> Tensor:
        """Compose the values, of classes on the last axis."""
        return of_classes(p, ops.one_hot(t, p.shape[-1] or 1), "ce")

    def mask(self, values: Tensor, t: Tensor) -> Tensor | None:
        """Compose 0 at places whose label is the ignored one."""
        if self.ignore_class is None:
            return None
        node = values.producer
        known = node is not None and node.op.name == "softmax_ce_sparse"
        return ops.present(values) if known else ops.greater_equal(t, 0.0)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal loss."""
        config = {**super().get_config(), "ignore_class": self.ignore_class}
        return {name: value for name, value in config.items() if name != "label_smoothing"}


class CategoricalCrossentropy(SoftmaxCrossEntropy):
    """``-sum(target log p)`` for one-hot or soft targets, ``p`` the softmax of the logits.

    Args:
        from_logits: whether the model's output is the logits, without a softmax.
        label_smoothing: how much of each target is spread over all classes; in [0, 1].
        axis: of the classes; not that of the samples.
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

    def of_logits(self, z: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Compose probabilities and values, of classes on the last axis."""
        return ops.softmax_crossentropy(z, t)

    def of_probabilities(self, p: Tensor, t: Tensor) -> Tensor:
        """Compose the values, of classes on the last axis."""
        return of_classes(p, t, "ce")


def of_classes(p: Tensor, t: Tensor, row: str, constants: Sequence[float] = ()) -> Tensor:
    """Compose a loss of probabilities that may not yet sum to 1, as a row of csrc/losses.def."""
    whole = ops.divide(p, ops.sum(p, axis=-1, keepdims=True))
    return ops.pointwise_loss(whole, t, row, constants, total=True)


class SigmoidCrossEntropy(CrossEntropy):
    """A loss of the probabilities of labels, each of which may be right."""

    head = "sigmoid"
    also = frozenset({"hard_sigmoid", "sparse_sigmoid"})

    @property
    def flat(self) -> bool:  # type: ignore[override]
        """Whether the mean over all units of a row is the mean over its places."""
        return self.axis == -1

    def behind(self, head: Head, tensor: Tensor, moved: Tensor) -> Tensor | None:
        """Return the logits with units on the last axis."""
        z = head.logits(tensor)
        return z if tensor is moved else ops.moveaxis(z, self.place(tensor.shape), -1)

    def share(self, classes: int) -> float:
        """Return what each label gets of what is spread: one half, whatever their number."""
        return 0.5

    def proba(self, prediction: Tensor) -> Tensor:
        """Return the probability of each label."""
        return ops.sigmoid(prediction) if self.from_logits else prediction


class BinaryCrossentropy(SigmoidCrossEntropy):
    """``mean(-target log p - (1 - target) log(1 - p))``, ``p`` the sigmoid of the logits.

    Args:
        from_logits: whether the model's output is the logits, without a sigmoid.
        label_smoothing: how much of each target is moved to one half; in [0, 1].
        axis: of the units; not that of the samples.
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

    def of_logits(self, z: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Compose probabilities and values, of units on the last axis."""
        return ops.sigmoid_binary_crossentropy(z, t)

    def of_probabilities(self, p: Tensor, t: Tensor) -> Tensor:
        """Compose the values, of units on the last axis."""
        return ops.pointwise_loss(p, t, "bce")
