"""Losses: what training makes small.

A loss is lowered to operations: a value for each place before the last axis of the output, so for
each row, or for each step of a sequence.  Their mean over the batch is minimised, weighted if there
are weights.  A cross-entropy of a softmax or sigmoid is computed from the logits in one pass,
whichever way it is written, so that a probability of exactly 0 or 1 is no special case.

Every loss can also be called on arrays: ``loss(y_true, y_pred, sample_weight)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from fastnn import ops, registry
from fastnn.compiler.graph import Shape, Tensor, format_shape
from fastnn.compiler.heads import Head, head_of
from fastnn.errors import ShapeError
from fastnn.naming import lookup, snake_case

__all__ = [
    "BinaryCrossEntropy",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossEntropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "HalfMeanSquaredError",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossEntropy",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "cosine_similarity",
    "deserialize",
    "get",
    "half_mean_squared_error",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
]

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


class Loss:
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
        self.name = name or snake_case(type(self).__name__)
        self.reduction = reduction

    def targets(self, prediction: Shape) -> Targets:
        """Return what the loss expects beside a prediction of that shape."""
        return Targets(prediction)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each place, (rows, ...), composed of operations."""
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
        registry.require_config(type(self), Loss)
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


# ---- losses of your own as functions -------------------------------------------------------------


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
        """Refuse: a file cannot hold code."""
        raise NotImplementedError(
            f"{self.name}: a file cannot hold a function; write a class derived from "
            "fastnn.losses.Loss and give it to load_model, or save before compile"
        )


# ---- numbers -------------------------------------------------------------------------------------


class _Pointwise(Loss):
    """A loss that is a row of csrc/losses.def, and its mean or sum over the last axis."""

    row: str
    total = False
    flat = True

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name, reduction, dtype)

    @property
    def constants(self) -> tuple[float, ...]:
        """What the row reads besides prediction and target."""
        return ()

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each place."""
        return ops.pointwise_loss(y_pred, y_true, self.row, self.constants, self.total)

    def lower(self, prediction: Tensor, targets: Tensor) -> Lowered:
        """Compose the loss of each place, unless the output layer cannot give what it needs."""
        self.require_head(prediction)
        return super().lower(prediction, targets)

    #: Heads that the loss makes no sense of, why, and what to use instead.
    refused: tuple[frozenset[str], str, str] = (frozenset(), "", "")

    def require_head(self, prediction: Tensor) -> None:
        """Refuse an output layer that cannot give what the loss needs."""
        heads, why, mend = self.refused
        head = head_of(prediction)
        if head.name in heads:
            raise ValueError(
                f"compile: {self.name} {why}, but the activation of the last layer {head.layer!r} "
                f"is {head.name}; {mend}"
            )


class MeanSquaredError(_Pointwise):
    """``mean((prediction - target)^2)``, with gradient ``2 (prediction - target) / n``.

    Args:
        reduction: as of ``Loss``.
        name: its name in messages.
        dtype: accepted as in Keras.

    Example:
        >>> import fastnn
        >>> fastnn.losses.MeanSquaredError()([[1.0], [4.0]], [[1.0], [2.0]])
        2.0
    """

    row = "mse"


class HalfMeanSquaredError(_Pointwise):
    """``mean((prediction - target)^2 / 2)``, with gradient ``(prediction - target) / n``.

    It is the J of textbooks and course notes: the factor cancels the 2 of the derivative.  Keras
    does not have it.

    Example:
        >>> import fastnn
        >>> fastnn.losses.HalfMeanSquaredError()([[1.0]], [[4.0]])
        4.5
    """

    row = "half_mse"


class MeanAbsoluteError(_Pointwise):
    """``mean(abs(prediction - target))``; the derivative at 0 is 0.

    Example:
        >>> import fastnn
        >>> fastnn.losses.MeanAbsoluteError()([[1.0], [4.0]], [[1.0], [2.0]])
        1.0
    """

    row = "mae"


class MeanAbsolutePercentageError(_Pointwise):
    """``100 mean(abs(prediction - target) / max(abs(target), 1e-7))``.

    Example:
        >>> import fastnn
        >>> fastnn.losses.MeanAbsolutePercentageError()([[2.0]], [[1.0]])
        50.0
    """

    row = "mape"


class MeanSquaredLogarithmicError(_Pointwise):
    """``mean((log(1 + prediction) - log(1 + target))^2)``, neither taken below 1e-7.

    Example:
        >>> import fastnn
        >>> fastnn.losses.MeanSquaredLogarithmicError()([[0.0]], [[0.0]])
        0.0
    """

    row = "msle"


class Huber(_Pointwise):
    """``e^2 / 2`` where ``abs(e) <= delta``, else ``delta abs(e) - delta^2 / 2``; e the error.

    Args:
        delta: where the parabola becomes a line; positive.
        reduction: as of ``Loss``.
        name: its name in messages.
        dtype: accepted as in Keras.

    (Huber, "Robust estimation of a location parameter", 1964.)

    Example:
        >>> import fastnn
        >>> fastnn.losses.Huber()([[0.0, 0.0]], [[1.0, 3.0]])
        1.5
    """

    row = "huber"

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: Any = None,
    ):
        super().__init__(reduction, name, dtype)
        self.delta = _positive("Huber", "delta", delta)

    @property
    def constants(self) -> tuple[float, ...]:
        """Where the parabola becomes a line."""
        return (self.delta,)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal loss."""
        return {"delta": self.delta, **super().get_config()}


class LogCosh(_Pointwise):
    """``mean(log(cosh(prediction - target)))``: a parabola near 0, lines far from it.

    Example:
        >>> import fastnn
        >>> round(fastnn.losses.LogCosh()([[0.0]], [[1.0]]), 6)
        0.433781
    """

    row = "log_cosh"


class Poisson(_Pointwise):
    """``mean(prediction - target log(prediction + 1e-7))``, for counts; predictions above 0.

    Example:
        >>> import fastnn
        >>> round(fastnn.losses.Poisson()([[1.0]], [[1.0]]), 5)
        1.0
    """

    row = "poisson"
    refused = (
        frozenset({"linear", "tanh"}),
        "takes the logarithm of predictions, which have to be above 0",
        "use activation='softplus' or 'exponential'",
    )


class KLDivergence(_Pointwise):
    """``sum(target log(target / prediction))`` of probabilities, both taken within [1e-7, 1].

    (Kullback and Leibler, "On information and sufficiency", 1951.)

    Example:
        >>> import fastnn
        >>> round(fastnn.losses.KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]]), 6)
        0.143841
    """

    row, total, flat = "kl", True, False
    refused = (
        frozenset({"linear", "relu", "tanh"}),
        "compares probabilities",
        "use activation='softmax', or 'sigmoid' for several labels",
    )


_ONE_SIDED = (
    frozenset({"sigmoid", "softmax", "relu"}),
    "wants predictions of both signs",
    "use activation='tanh' or none",
)


class Hinge(_Pointwise):
    """``mean(max(1 - target prediction, 0))`` for targets -1 and 1, or 0 and 1; 0 counts as -1.

    Example:
        >>> import fastnn
        >>> fastnn.losses.Hinge()([[0.0, 1.0]], [[-2.0, 0.5]])
        0.25
    """

    row, refused = "hinge", _ONE_SIDED


class SquaredHinge(_Pointwise):
    """``mean(max(1 - target prediction, 0)^2)`` for targets as of ``Hinge``.

    Example:
        >>> import fastnn
        >>> fastnn.losses.SquaredHinge()([[0.0, 1.0]], [[-2.0, 0.0]])
        0.5
    """

    row, refused = "squared_hinge", _ONE_SIDED


class CategoricalHinge(Loss):
    """``max(0, 1 + max((1 - target) prediction) - sum(target prediction))``, targets one-hot.

    Args:
        reduction: as of ``Loss``.
        name: its name in messages.
        dtype: accepted as in Keras.

    (Crammer and Singer, "On the algorithmic implementation of multiclass kernel-based vector
    machines", 2001.)

    Example:
        >>> import fastnn
        >>> fastnn.losses.CategoricalHinge()([[1.0, 0.0]], [[0.5, 0.25]])
        0.75
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each place."""
        return ops.categorical_hinge(y_pred, y_true)


class CosineSimilarity(Loss):
    """Minus the cosine of the angle between prediction and target: -1 where they point one way.

    Args:
        axis: of the vectors; the last one.
        reduction: as of ``Loss``.
        name: its name in messages.
        dtype: accepted as in Keras.

    Example:
        >>> import fastnn
        >>> fastnn.losses.CosineSimilarity()([[0.0, 2.0]], [[0.0, 3.0]])
        -1.0
    """

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name, reduction, dtype)
        self.axis = _last_axis("CosineSimilarity", axis)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each place."""
        _require_last(self.name, self.axis, y_pred.shape)
        return ops.cosine_similarity(y_pred, y_true)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal loss."""
        return {"axis": self.axis, **super().get_config()}


# ---- probabilities -------------------------------------------------------------------------------


class _CrossEntropy(Loss):
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
        self.label_smoothing = _fraction(who, "label_smoothing", label_smoothing)
        self.axis = _last_axis(who, axis)

    def logits(self, prediction: Tensor) -> Tensor | None:
        """Return the logits behind a prediction, ``None`` where only probabilities are known, or
        say which output layer the loss goes with."""
        _require_last(self.name, self.axis, prediction.shape)
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


class _Softmax(_CrossEntropy):
    head = "softmax"

    def proba(self, prediction: Tensor) -> Tensor:
        """Return the probabilities of the classes."""
        return ops.softmax(prediction) if self.from_logits else prediction

    def targets(self, prediction: Shape) -> Targets:
        """Return a target for each class."""
        _require_classes(self.name, prediction)
        return Targets(prediction)

    def smooth(self, targets: Tensor) -> Tensor:
        """Return the targets with their share for every class."""
        return self.smoothed(targets, 1 / (targets.shape[-1] or 1))


class SparseCategoricalCrossentropy(_Softmax):
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
        _require_classes(self.name, prediction)
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


class CategoricalCrossentropy(_Softmax):
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


class BinaryCrossentropy(_CrossEntropy):
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


class BinaryFocalCrossentropy(_CrossEntropy):
    """``mean(w m^gamma (-target log p - (1 - target) log(1 - p)))``: easy samples count little.

    Args:
        apply_class_balancing: whether ``w`` is ``alpha`` of target 1 and ``1 - alpha`` of target 0;
            else it is 1.
        alpha: see above; in [0, 1].
        gamma: the power of ``m = target (1 - p) + (1 - target) p``; 0 or more.
        from_logits: whether the model's output is the logits, without a sigmoid.
        label_smoothing: how much of each target is moved to one half; in [0, 1].
        axis: of the units; the last one.
        reduction: as of ``Loss``.
        name: the loss's name in messages.
        dtype: accepted as in Keras.

    ``p`` is taken within [1e-7, 1 - 1e-7] (Lin et al., "Focal loss for dense object detection",
    2017).

    Example:
        >>> import fastnn
        >>> round(fastnn.losses.BinaryFocalCrossentropy()([[1.0]], [[0.9]]), 6)
        0.001054
    """

    head, flat = "sigmoid", True
    also = frozenset({"hard_sigmoid", "sparse_sigmoid"})

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        self.apply_class_balancing = bool(apply_class_balancing)
        self.alpha = _fraction("BinaryFocalCrossentropy", "alpha", alpha)
        self.gamma = _not_negative("BinaryFocalCrossentropy", "gamma", gamma)

    def lower(self, prediction: Tensor, targets: Tensor) -> Lowered:
        """Compose the loss of each place."""
        self.logits(prediction)  # refuses what is none
        p = self.proba(prediction)
        constants = (self.gamma, self.alpha, float(self.apply_class_balancing))
        smooth = self.smoothed(targets, 0.5)
        return Lowered(ops.pointwise_loss(p, smooth, "binary_focal", constants), p)

    def proba(self, prediction: Tensor) -> Tensor:
        """Return the probability of each label."""
        return ops.sigmoid(prediction) if self.from_logits else prediction

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal loss."""
        return {
            "apply_class_balancing": self.apply_class_balancing,
            "alpha": self.alpha,
            "gamma": self.gamma,
            **super().get_config(),
        }


class CategoricalFocalCrossentropy(_Softmax):
    """``-sum(alpha (1 - p)^gamma target log p)`` for one-hot or soft targets.

    Args:
        alpha: weighs all classes.
        gamma: how little easy samples count; 0 or more.
        from_logits: whether the model's output is the logits, without a softmax.
        label_smoothing: how much of each target is spread over all classes; in [0, 1].
        axis: of the classes; the last one.
        reduction: as of ``Loss``.
        name: the loss's name in messages.
        dtype: accepted as in Keras.

    ``p`` is taken within [1e-7, 1 - 1e-7] (Lin et al., "Focal loss for dense object detection",
    2017).

    Example:
        >>> import fastnn
        >>> loss = fastnn.losses.CategoricalFocalCrossentropy()
        >>> round(loss([[0.0, 1.0]], [[0.1, 0.9]]), 6)
        0.000263
    """

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        self.alpha = _not_negative("CategoricalFocalCrossentropy", "alpha", alpha)
        self.gamma = _not_negative("CategoricalFocalCrossentropy", "gamma", gamma)

    def lower(self, prediction: Tensor, targets: Tensor) -> Lowered:
        """Compose the loss of each place."""
        self.logits(prediction)  # refuses what is none
        p, smooth = self.proba(prediction), self.smooth(targets)
        constants = (self.gamma, self.alpha)
        values = ops.pointwise_loss(p, smooth, "categorical_focal", constants, total=True)
        return Lowered(values, p)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal loss."""
        return {"alpha": self.alpha, "gamma": self.gamma, **super().get_config()}


#: The spellings of many course notes.
BinaryCrossEntropy = BinaryCrossentropy
CategoricalCrossEntropy = CategoricalCrossentropy
SparseCategoricalCrossEntropy = SparseCategoricalCrossentropy


#: Which loss goes with an activation, for those who took another.
_OTHER = {
    "softmax": ", or a loss for softmax: categorical_crossentropy, sparse_categorical_crossentropy",
    "sigmoid": ", or a loss for sigmoid: binary_crossentropy",
}


# ---- checks --------------------------------------------------------------------------------------


def _require_classes(who: str, prediction: Shape) -> None:
    if len(prediction) < 2 or prediction[-1] == 1:
        raise ShapeError(
            f"compile: {who} expects predictions (rows, classes), "
            f"the model's output is {format_shape(prediction)}; "
            "use binary_crossentropy with a sigmoid for one unit"
        )


def _last_axis(who: str, axis: Any) -> int:
    if isinstance(axis, bool) or not hasattr(axis, "__index__"):
        raise TypeError(f"{who}: axis must be an integer, got {type(axis).__name__}")
    return int(axis)


def _require_last(who: str, axis: int, prediction: Shape) -> None:
    if axis not in (-1, len(prediction) - 1):
        raise ValueError(
            f"{who}: axis={axis} of an output {format_shape(prediction)} is not the last one; end "
            "the model with a Permute that brings it there, and leave axis=-1"
        )


def _number(who: str, name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{who}: {name} must be a number, got {value!r:.40}") from None


def _positive(who: str, name: str, value: Any) -> float:
    number = _number(who, name, value)
    if not 0 < number < math.inf:
        raise ValueError(f"{who}: {name} must be positive, got {number:g}")
    return number


def _not_negative(who: str, name: str, value: Any) -> float:
    number = _number(who, name, value)
    if not 0 <= number < math.inf:
        raise ValueError(f"{who}: {name} must be 0 or more, got {number:g}")
    return number


def _fraction(who: str, name: str, value: Any) -> float:
    number = _number(who, name, value)
    if not 0 <= number <= 1:
        raise ValueError(f"{who}: {name} must be in [0, 1], got {number:g}")
    return number


# ---- functions -----------------------------------------------------------------------------------


def _values(loss: Loss, y_true: Any, y_pred: Any) -> Any:
    loss.reduction = None
    return loss(y_true, y_pred)


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """Return ``MeanSquaredError`` of each place, of arrays or of tensors."""
    return _values(MeanSquaredError(), y_true, y_pred)


def half_mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """Return ``HalfMeanSquaredError`` of each place, of arrays or of tensors."""
    return _values(HalfMeanSquaredError(), y_true, y_pred)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """Return ``MeanAbsoluteError`` of each place, of arrays or of tensors."""
    return _values(MeanAbsoluteError(), y_true, y_pred)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """Return ``MeanAbsolutePercentageError`` of each place, of arrays or of tensors."""
    return _values(MeanAbsolutePercentageError(), y_true, y_pred)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """Return ``MeanSquaredLogarithmicError`` of each place, of arrays or of tensors."""
    return _values(MeanSquaredLogarithmicError(), y_true, y_pred)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """Return ``Huber`` of each place, of arrays or of tensors."""
    return _values(Huber(delta), y_true, y_pred)


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """Return ``LogCosh`` of each place, of arrays or of tensors."""
    return _values(LogCosh(), y_true, y_pred)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """Return ``Poisson`` of each place, of arrays or of tensors."""
    return _values(Poisson(), y_true, y_pred)


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """Return ``KLDivergence`` of each place, of arrays or of tensors."""
    return _values(KLDivergence(), y_true, y_pred)


def hinge(y_true: Any, y_pred: Any) -> Any:
    """Return ``Hinge`` of each place, of arrays or of tensors."""
    return _values(Hinge(), y_true, y_pred)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """Return ``SquaredHinge`` of each place, of arrays or of tensors."""
    return _values(SquaredHinge(), y_true, y_pred)


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """Return ``CategoricalHinge`` of each place, of arrays or of tensors."""
    return _values(CategoricalHinge(), y_true, y_pred)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Return ``CosineSimilarity`` of each place, of arrays or of tensors."""
    return _values(CosineSimilarity(axis), y_true, y_pred)


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Return ``BinaryCrossentropy`` of each place, of arrays or of tensors."""
    return _values(BinaryCrossentropy(from_logits, label_smoothing, axis), y_true, y_pred)


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Return ``CategoricalCrossentropy`` of each place, of arrays or of tensors."""
    return _values(CategoricalCrossentropy(from_logits, label_smoothing, axis), y_true, y_pred)


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Any:
    """Return ``SparseCategoricalCrossentropy`` of each place, of arrays or of tensors."""
    loss = SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis)
    return _values(loss, y_true, y_pred)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Return ``BinaryFocalCrossentropy`` of each place, of arrays or of tensors."""
    loss = BinaryFocalCrossentropy(
        apply_class_balancing, alpha, gamma, from_logits, label_smoothing, axis
    )
    return _values(loss, y_true, y_pred)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Return ``CategoricalFocalCrossentropy`` of each place, of arrays or of tensors."""
    loss = CategoricalFocalCrossentropy(alpha, gamma, from_logits, label_smoothing, axis)
    return _values(loss, y_true, y_pred)


# ---- by name -------------------------------------------------------------------------------------

CLASSES: dict[str, type[Loss]] = {
    cls.__name__: cls
    for cls in (
        BinaryCrossentropy,
        BinaryFocalCrossentropy,
        CategoricalCrossentropy,
        CategoricalFocalCrossentropy,
        CategoricalHinge,
        CosineSimilarity,
        HalfMeanSquaredError,
        Hinge,
        Huber,
        KLDivergence,
        LogCosh,
        MeanAbsoluteError,
        MeanAbsolutePercentageError,
        MeanSquaredError,
        MeanSquaredLogarithmicError,
        Poisson,
        SparseCategoricalCrossentropy,
        SquaredHinge,
    )
}
_BY_NAME: dict[str, type[Loss]] = {
    **{snake_case(name): cls for name, cls in CLASSES.items()},
    **CLASSES,
    "bce": BinaryCrossentropy,
    "binary_cross_entropy": BinaryCrossentropy,
    "categorical_cross_entropy": CategoricalCrossentropy,
    "sparse_categorical_cross_entropy": SparseCategoricalCrossentropy,
    "half_mse": HalfMeanSquaredError,
    "huber_loss": Huber,
    "kl_divergence": KLDivergence,
    "kld": KLDivergence,
    "logcosh": LogCosh,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "mse": MeanSquaredError,
    "msle": MeanSquaredLogarithmicError,
}
_FUNCTIONS: dict[Any, type[Loss]] = {
    mean_squared_error: MeanSquaredError,
    half_mean_squared_error: HalfMeanSquaredError,
    mean_absolute_error: MeanAbsoluteError,
    mean_absolute_percentage_error: MeanAbsolutePercentageError,
    mean_squared_logarithmic_error: MeanSquaredLogarithmicError,
    huber: Huber,
    log_cosh: LogCosh,
    poisson: Poisson,
    kl_divergence: KLDivergence,
    hinge: Hinge,
    squared_hinge: SquaredHinge,
    categorical_hinge: CategoricalHinge,
    cosine_similarity: CosineSimilarity,
    binary_crossentropy: BinaryCrossentropy,
    categorical_crossentropy: CategoricalCrossentropy,
    sparse_categorical_crossentropy: SparseCategoricalCrossentropy,
    binary_focal_crossentropy: BinaryFocalCrossentropy,
    categorical_focal_crossentropy: CategoricalFocalCrossentropy,
}


def get(identifier: str | Mapping[str, Any] | Loss | type[Loss] | Callable[..., Any]) -> Loss:
    """Return the loss that a name, a class, a config, a function or an object stands for.

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
    if not isinstance(identifier, str) and identifier in _FUNCTIONS:
        return _FUNCTIONS[identifier]()
    if callable(identifier) and not isinstance(identifier, type) and is_own(identifier):
        return LossFunctionWrapper(identifier)
    return lookup("loss", identifier, _BY_NAME)()


def is_own(function: Any) -> bool:
    """Whether ``function`` may be one that a user wrote: not one of Python's."""
    return getattr(function, "__module__", None) != "builtins"


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
