"""Losses: what training makes small.

A loss is lowered to operations: one value for each row, whose mean over the batch is minimised.  A
cross-entropy of a softmax or sigmoid is computed from the logits in one pass, whichever way it is
written, so that a probability of exactly 0 or 1 is no special case.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from fastnn import ops, registry
from fastnn.compiler.graph import Shape, Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.naming import lookup, snake_case

__all__ = [
    "BinaryCrossEntropy",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Loss",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "get",
]


class Targets(NamedTuple):
    """What a loss compares a prediction with: labels below ``classes``, or numbers of ``shape``."""

    shape: Shape
    classes: int | None = None


class Lowered(NamedTuple):
    """A loss in the graph: a value for each row, and the prediction as people read it.

    ``prediction`` holds probabilities where the loss knows them.
    """

    values: Tensor
    prediction: Tensor


class Loss:
    """A loss; one of your own overrides ``call``.

    Args:
        name: its name in messages.

    Example:
        >>> import fastnn
        >>> class Doubled(fastnn.losses.Loss):
        ...     def call(self, y_true, y_pred):
        ...         error = fastnn.ops.mean_squared_error(y_pred, y_true)
        ...         return error + error
        >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Activation("linear")])
        >>> model.compile(loss=Doubled())
        >>> model.evaluate([[1.0]], [[3.0]], verbose=0)
        8.0
    """

    def __init__(self, name: str | None = None):
        self.name = name or snake_case(type(self).__name__)

    def targets(self, prediction: Shape) -> Targets:
        """Return what the loss expects beside a prediction of that shape."""
        return Targets(prediction)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each row, (rows,), composed of operations."""
        raise NotImplementedError(
            f"{type(self).__name__}: write call(y_true, y_pred), which composes fastnn.ops and "
            "returns one value for each row"
        )

    def lower(self, prediction: Tensor, targets: Tensor) -> Lowered:
        """Compose the loss, and the prediction as people read it."""
        return Lowered(self.call(targets, prediction), prediction)

    def proba(self, prediction: Tensor) -> Tensor:
        """Return the prediction as probabilities, if that is what the loss makes of it."""
        return prediction

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal loss."""
        registry.require_config(type(self), Loss)
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Loss:
        """Return the loss that ``get_config`` described."""
        return cls(**config)


class MeanSquaredError(Loss):
    """``mean((prediction - target)^2)``, with gradient ``2 (prediction - target) / n``.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Activation("linear")])
        >>> model.compile(loss=fastnn.losses.MeanSquaredError())
        >>> model.evaluate([[1.0], [2.0]], [[1.0], [4.0]], verbose=0)
        2.0
    """

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each row."""
        return ops.mean_squared_error(y_pred, y_true)


class _CrossEntropy(Loss):
    """A loss of probabilities, which come from an activation of logits.

    Args:
        from_logits: whether the model's output is the logits themselves.
        name: the loss's name in messages.
    """

    head: str

    def __init__(self, from_logits: bool = False, name: str | None = None):
        super().__init__(name)
        self.from_logits = bool(from_logits)

    def logits(self, prediction: Tensor) -> Tensor:
        """Return the logits behind a prediction, or say which output layer the loss goes with."""
        found = _head(prediction)
        if self.from_logits != (found == self.head):
            return prediction if self.from_logits else _input(prediction)
        have, layer = found or "linear", prediction.producer.layer if prediction.producer else ""
        mend = (
            f"drop from_logits=True, or the activation of {layer!r}"
            if self.from_logits
            else f"use activation={self.head!r}, or {type(self).__name__}(from_logits=True)"
            f"{_OTHER.get(have, '')}"
        )
        kind = "logits" if self.from_logits else f"the output of a {self.head}"
        raise ValueError(
            f"compile: {self.name} expects {kind}, but the activation of the last layer "
            f"{layer!r} is {have}; {mend}"
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal loss."""
        return {"from_logits": self.from_logits, **super().get_config()}


class _Softmax(_CrossEntropy):
    head = "softmax"

    def proba(self, prediction: Tensor) -> Tensor:
        """Return the probabilities of the classes."""
        return ops.softmax(prediction) if self.from_logits else prediction


class SparseCategoricalCrossentropy(_Softmax):
    """``-log p[label]`` for integer labels, ``p`` the softmax of the logits.

    Args:
        from_logits: whether the model's output is the logits, without a softmax.
        name: the loss's name in messages.

    The gradient with respect to the logits is ``p - onehot(label)``.  A label out of range raises
    ``LabelError`` and names its row.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((3,)), fastnn.layers.Activation("softmax")])
        >>> model.compile(loss="sparse_categorical_crossentropy")
        >>> round(model.evaluate([[0.0, 0.0, 0.0]], [2], verbose=0), 6)
        1.098612
    """

    def targets(self, prediction: Shape) -> Targets:
        """Return labels below the number of classes."""
        _require_classes(self.name, prediction)
        return Targets((None,), prediction[-1])

    def lower(self, prediction: Tensor, targets: Tensor) -> Lowered:
        """Compose the loss of each row."""
        p, values = ops.sparse_categorical_crossentropy(self.logits(prediction), targets)
        return Lowered(values, p)


class CategoricalCrossentropy(_Softmax):
    """``-sum(target log p)`` for one-hot or soft targets, ``p`` the softmax of the logits.

    Args:
        from_logits: whether the model's output is the logits, without a softmax.
        name: the loss's name in messages.

    The gradient with respect to the logits is ``p - target`` where the target sums to 1.

    Example:
        >>> import fastnn, numpy
        >>> model = fastnn.Sequential([fastnn.Input((3,)), fastnn.layers.Activation("softmax")])
        >>> model.compile(loss="categorical_crossentropy")
        >>> x = numpy.log([[0.2, 0.7, 0.1]])
        >>> round(model.evaluate(x, [[0.0, 1.0, 0.0]], verbose=0), 6)
        0.356675
    """

    def targets(self, prediction: Shape) -> Targets:
        """Return a target for each class."""
        _require_classes(self.name, prediction)
        return Targets(prediction)

    def lower(self, prediction: Tensor, targets: Tensor) -> Lowered:
        """Compose the loss of each row."""
        p, values = ops.categorical_crossentropy(self.logits(prediction), targets)
        return Lowered(values, p)


class BinaryCrossentropy(_CrossEntropy):
    """``mean(-target log p - (1 - target) log(1 - p))``, ``p`` the sigmoid of the logits.

    Args:
        from_logits: whether the model's output is the logits, without a sigmoid.
        name: the loss's name in messages.

    It is computed as ``max(z, 0) - z target + log1p(exp(-abs(z)))``.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Activation("sigmoid")])
        >>> model.compile(loss="binary_crossentropy")
        >>> model.evaluate([[-1000.0]], [[1.0]], verbose=0)
        1000.0
    """

    head = "sigmoid"

    def lower(self, prediction: Tensor, targets: Tensor) -> Lowered:
        """Compose the loss of each row."""
        p, values = ops.sigmoid_binary_crossentropy(self.logits(prediction), targets)
        return Lowered(values, p)

    def proba(self, prediction: Tensor) -> Tensor:
        """Return the probability of each label."""
        return ops.sigmoid(prediction) if self.from_logits else prediction


#: The spelling of many course notes.
BinaryCrossEntropy = BinaryCrossentropy


#: Which loss goes with an activation, for those who took another.
_OTHER = {
    "softmax": ", or a loss for softmax: categorical_crossentropy, sparse_categorical_crossentropy",
    "sigmoid": ", or a loss for sigmoid: binary_crossentropy",
}


def _head(prediction: Tensor) -> str | None:
    """Return the activation that made the prediction, if it is one that a loss looks for."""
    node = prediction.producer
    if node is None:
        return None
    if node.op.name == "softmax_fwd":
        return "softmax"
    return node.attrs.get("activation") if node.op.name == "activation_fwd" else None


def _input(prediction: Tensor) -> Tensor:
    node = prediction.producer
    assert node is not None
    assert node.inputs[0] is not None
    return node.inputs[0]


def _require_classes(who: str, prediction: Shape) -> None:
    if len(prediction) != 2 or prediction[1] == 1:
        mend = (
            "use binary_crossentropy with a sigmoid for one unit"
            if prediction[-1] == 1
            else "add a Flatten() and a Dense(classes)"
        )
        raise ShapeError(
            f"compile: {who} expects predictions (rows, classes), "
            f"the model's output is {format_shape(prediction)}; {mend}"
        )


CLASSES: dict[str, type[Loss]] = {
    cls.__name__: cls
    for cls in (
        BinaryCrossentropy,
        CategoricalCrossentropy,
        MeanSquaredError,
        SparseCategoricalCrossentropy,
    )
}
_BY_NAME: dict[str, type[Loss]] = {
    **{snake_case(name): cls for name, cls in CLASSES.items()},
    **CLASSES,
    "bce": BinaryCrossentropy,
    "mse": MeanSquaredError,
    "binary_cross_entropy": BinaryCrossentropy,
}


def get(identifier: str | Mapping[str, Any] | Loss | type[Loss]) -> Loss:
    """Return the loss that a name, a class, a config or an object stands for.

    Example:
        >>> import fastnn
        >>> fastnn.losses.get("mse").name
        'mean_squared_error'
    """
    if isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    return lookup("loss", identifier, _BY_NAME)()


def serialize(loss: Loss) -> dict[str, Any]:
    """Return a description that ``deserialize`` makes an equal loss from."""
    return registry.serialize(loss)


def deserialize(
    description: Mapping[str, Any], custom_objects: Mapping[str, type[Any]] | None = None
) -> Loss:
    """Return the loss that a description stands for.

    Args:
        description: what ``serialize`` returned.
        custom_objects: classes that are not fastnn's, by name.
    """
    return registry.deserialize("loss", description, CLASSES, custom_objects)
