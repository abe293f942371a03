"""Metrics: what people watch.  A metric is lowered to operations, one value for each row.

The graph hands a metric probabilities wherever the loss knows them, so a model that predicts logits
needs no other metric than one that predicts probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastnn import ops, registry
from fastnn.compiler.graph import Tensor
from fastnn.losses import Targets
from fastnn.naming import lookup, snake_case

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "MeanSquaredError",
    "Metric",
    "SparseCategoricalAccuracy",
    "get",
]


class Metric:
    """A metric: the mean over all samples of a value for each.

    Args:
        name: its name in the logs.
    """

    #: Whether more of it is better, ``"up"``, or less, ``"down"``; ``None`` is not known.
    direction: str | None = None

    def __init__(self, name: str | None = None):
        self.name = name or snake_case(type(self).__name__)

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each row.

        Args:
            prediction: the model's output, as probabilities where the loss knows them.
            targets: the labels or numbers it is compared with.
            kind: which of the two.
        """
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        registry.require_config(type(self), Metric)
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Metric:
        """Return the metric that ``get_config`` described."""
        return cls(**config)

    def _refuse(self, expected: str) -> ValueError:
        return ValueError(
            f"compile: the metric {self.name!r} expects {expected}, which the loss does not use; "
            "metrics=['accuracy'] picks the one that fits"
        )


class SparseCategoricalAccuracy(Metric):
    """The share of samples whose largest score is their label's; ties go to the lowest class."""

    direction = "up"

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each row."""
        if kind.classes is None:
            raise self._refuse("integer labels")
        return ops.sparse_categorical_accuracy(prediction, targets)


class CategoricalAccuracy(Metric):
    """The share of samples whose largest score and largest target agree."""

    direction = "up"

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each row."""
        if kind.classes is not None or len(prediction.shape) != 2:
            raise self._refuse("a target for each class")
        return ops.categorical_accuracy(prediction, targets)


class BinaryAccuracy(Metric):
    """The share of units where ``probability > threshold`` agrees with the target.

    Args:
        name: its name in the logs.
        threshold: of the probability.
    """

    direction = "up"

    def __init__(self, name: str | None = None, threshold: float = 0.5):
        super().__init__(name)
        self.threshold = float(threshold)

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each row."""
        if kind.classes is not None:
            raise self._refuse("targets of 0 and 1")
        return ops.binary_accuracy(prediction, targets, self.threshold)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        return {**super().get_config(), "threshold": self.threshold}


class Accuracy(Metric):
    """The accuracy that fits the targets: of labels, of one-hot rows, or of each unit.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Activation("linear")])
        >>> loss = fastnn.losses.SparseCategoricalCrossentropy(from_logits=True)
        >>> model.compile(loss=loss, metrics=["accuracy"])
        >>> model.evaluate([[-3.0, -2.0], [5.0, 4.0]], [1, 0], verbose=0)[1]
        1.0
    """

    direction = "up"

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each row."""
        return self._fitting(prediction, kind).lower(prediction, targets, kind)

    def _fitting(self, prediction: Tensor, kind: Targets) -> Metric:
        if kind.classes is not None:
            return SparseCategoricalAccuracy(self.name)
        node = prediction.producer
        labels = node is not None and (
            node.op.name == "sigmoid_bce" or node.attrs.get("activation") == "sigmoid"
        )
        if labels or len(prediction.shape) != 2 or prediction.shape[-1] == 1:
            return BinaryAccuracy(self.name)
        return CategoricalAccuracy(self.name)


class MeanSquaredError(Metric):
    """The mean of ``(prediction - target)^2``."""

    direction = "down"

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each row."""
        if kind.classes is not None:
            raise self._refuse("targets of the prediction's shape")
        return ops.mean_squared_error(prediction, targets)


CLASSES: dict[str, type[Metric]] = {
    cls.__name__: cls
    for cls in (
        Accuracy,
        BinaryAccuracy,
        CategoricalAccuracy,
        MeanSquaredError,
        SparseCategoricalAccuracy,
    )
}
_BY_NAME: dict[str, type[Metric]] = {
    **{snake_case(name): cls for name, cls in CLASSES.items()},
    **CLASSES,
    "acc": Accuracy,
    "mse": MeanSquaredError,
}


def get(identifier: str | Mapping[str, Any] | Metric | type[Metric]) -> Metric:
    """Return the metric that a name, a class, a config or an object stands for.

    A metric given by name keeps that name in the logs, as in Keras: ``"acc"`` stays ``"acc"``.
    """
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    return lookup("metric", identifier, _BY_NAME)(name=snake_case(identifier))


def serialize(metric: Metric) -> dict[str, Any]:
    """Return a description that ``deserialize`` makes an equal metric from."""
    return registry.serialize(metric)


def deserialize(
    description: Mapping[str, Any], custom_objects: Mapping[str, type[Any]] | None = None
) -> Metric:
    """Return the metric that a description stands for.

    Args:
        description: what ``serialize`` returned.
        custom_objects: classes that are not fastnn's, by name.
    """
    return registry.deserialize("metric", description, CLASSES, custom_objects)
