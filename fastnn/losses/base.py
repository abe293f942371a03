"""What a loss is: values for each place, and how they become one number."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from fastnn import functions, ops
from fastnn._checks import as_name
from fastnn.compiler.graph import Shape, Tensor, format_shape
from fastnn.configured import Configured
from fastnn.errors import ShapeError
from fastnn.naming import snake_case

__all__ = ["Loss", "LossFunctionWrapper", "Lowered", "Reduced", "Targets", "saying_whose"]

#: What a batch's values are made one number by.
REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None)


class Targets(NamedTuple):
    """What a loss compares a prediction with: labels below ``classes``, or numbers of ``shape``.

    ``ignored`` is a label that leaves its place out.
    """

    shape: Shape
    classes: int | None = None
    ignored: float = math.nan


class Lowered(NamedTuple):
    """A loss in the graph: a value for each place, and the prediction as people read it.

    ``prediction`` holds probabilities where the loss knows them.  ``mask`` is 0 at places that the
    loss leaves out.
    """

    values: Tensor
    prediction: Tensor
    mask: Tensor | None = None


class Reduced(NamedTuple):
    """A batch's loss as one number, and what its mean over batches is made of."""

    mean: Tensor
    weights: Tensor | None
    divisor: Tensor | None
    total: bool


@contextmanager
def saying_whose(who: str, kind: str) -> Iterator[None]:
    """Let what is wrong with shapes inside say which loss or metric it is about.

    Args:
        who: its name.
        kind: what it is.
    """
    try:
        yield
    except ShapeError as error:
        mend = f"{kind} gives one value for each row, and fastnn takes their mean"
        raise ShapeError(f"{who}: {str(error)[:280]}: {mend}"[:400]) from error


class Loss(metaclass=Configured):
    """A loss; one of your own overrides ``call``.

    Args:
        name: its name in messages.
        reduction: how the values become one number: ``"sum_over_batch_size"`` or ``"mean"``, their
            weighted sum divided by how many there are that no mask leaves out; ``"sum"``, not
            divided; ``"mean_with_sample_weight"``, divided by the sum of the weights; ``None`` or
            ``"none"`` leaves them as they are, where the loss is called on arrays.
        dtype: accepted as in Keras; a loss is computed in the model's dtype.

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

    #: Whether the mean over all units of a row is the mean over its places.
    flat = False

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ):
        if reduction not in REDUCTIONS:
            known = ", ".join(map(repr, REDUCTIONS))
            raise ValueError(
                f"{type(self).__name__}: reduction must be one of {known}, got {reduction!r:.40}"
            )
        self.name = as_name(type(self).__name__, name) or snake_case(type(self).__name__)
        self.reduction = reduction

    def targets(self, prediction: Shape) -> Targets:
        """Return what the loss expects beside a prediction of that shape."""
        return Targets(prediction)

    def place(self, prediction: Shape) -> int:
        """Return which axis of a prediction of that shape the values are made along."""
        return len(prediction) - 1

    def places(self, prediction: Shape) -> Shape:
        """Return the shape of the values for a prediction of that shape, and of weights."""
        at = self.place(prediction)
        return prediction[:at] + prediction[at + 1 :]

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each place, (rows, ...), composed of operations."""
        raise NotImplementedError(
            f"{type(self).__name__}: write call(y_true, y_pred), which composes fastnn.ops and "
            "returns one value for each row"
        )

    def lower(self, prediction: Tensor, targets: Tensor) -> Lowered:
        """Compose the loss, and the prediction as people read it."""
        with saying_whose(f"loss {self.name!r}", "a loss"):
            return Lowered(self.call(targets, prediction), prediction)

    def proba(self, prediction: Tensor) -> Tensor:
        """Return the prediction as probabilities, if that is what the loss makes of it."""
        return prediction

    def reduced(self, lowered: Lowered, weights: Tensor | None, mask: Tensor | None) -> Reduced:
        """Compose the batch's loss from the values of ``lower``.

        Args:
            lowered: what ``lower`` returned.
            weights: of the values, if there are any.
            mask: 0 where the prediction does not count.
        """
        values, masks = lowered.values, [m for m in (mask, lowered.mask) if m is not None]
        for each in masks if weights is None else [weights, *masks]:
            _require_places(self.name, values, each)
        mask = _product(masks)
        every = _product([each for each in (weights, mask) if each is not None])
        total = self.reduction == "sum"
        divisor = every if self.reduction == "mean_with_sample_weight" else mask
        if total:
            divisor = None
        return Reduced(ops.batch_mean(values, every, divisor, total), every, divisor, total)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the loss of arrays, or compose it of tensors.

        Args:
            y_true: labels or numbers, as the loss expects them.
            y_pred: the prediction, (rows, ..., n).
            sample_weight: (rows,) or (rows, ...), a weight for each place.

        Returns:
            A float; without a reduction an array, (rows, ...).  Of tensors, the tensor of values.
        """
        if isinstance(y_pred, Tensor):
            return self.lower(y_pred, y_true).values
        from fastnn import standalone

        return standalone.loss(self, y_true, y_pred, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal loss."""
        return {"reduction": self.reduction, "name": self.name}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Loss:
        """Return the loss that ``get_config`` described."""
        return cls(**config)


def _product(factors: list[Tensor]) -> Tensor | None:
    result: Tensor | None = None
    for each in factors:
        result = each if result is None else ops.multiply(result, each)
    return result


def _require_places(who: str, values: Tensor, weights: Tensor) -> None:
    if values.shape != weights.shape:
        raise ShapeError(
            f"{who}: it has values {format_shape(values.shape)}, which weights or a mask "
            f"{format_shape(weights.shape)} do not fit; return a value for each place before the "
            "last axis, or give weights (rows,)"
        )


class LossFunctionWrapper(Loss):
    """The loss that a function ``f(y_true, y_pred)`` of tensors composes of ``fastnn.ops``.

    Args:
        fn: returns a value for each place.
        reduction: as of ``Loss``.
        name: its name; ``None`` is the function's.
        dtype: accepted as in Keras.
        **kwargs: handed on to the function.

    Example:
        >>> import fastnn
        >>> def error(y_true, y_pred):
        ...     return fastnn.ops.mean_squared_error(y_pred, y_true)
        >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Activation("linear")])
        >>> model.compile(loss=error)
        >>> model.evaluate([[1.0]], [[3.0]], verbose=0)
        4.0
    """

    def __init__(
        self,
        fn: Callable[..., Tensor],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ):
        super().__init__(name or snake_case(getattr(fn, "__name__", "loss")), reduction, dtype)
        self.fn, self.options = fn, kwargs

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each place."""
        values = self.fn(y_true, y_pred, **self.options)
        if not isinstance(values, Tensor):
            raise TypeError(
                f"{self.name}: a loss gets tensors of the graph and returns one, composed of "
                f"fastnn.ops; it returned {type(values).__name__}"
            )
        return values

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal loss, the function by its name."""
        name = functions.name_of(self.fn, functions.UNSAVED)
        return {"fn": name, **super().get_config(), **self.options}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> LossFunctionWrapper:
        """Return the loss that ``get_config`` described."""
        fn = functions.named("loss", config["fn"], functions.UNCOMPILED)
        return cls(**{**config, "fn": fn})
