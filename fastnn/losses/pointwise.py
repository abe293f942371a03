"""Losses that are a row of csrc/losses.def: the mean or sum of terms made element by element."""

from __future__ import annotations

from typing import Any

from fastnn import ops
from fastnn._checks import positive_number
from fastnn.compiler.graph import Tensor
from fastnn.compiler.heads import head_of
from fastnn.losses.base import Loss, Lowered

__all__ = [
    "HalfMeanSquaredError",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Pointwise",
    "Poisson",
    "SquaredHinge",
]


class Pointwise(Loss):
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


class MeanSquaredError(Pointwise):
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


class HalfMeanSquaredError(Pointwise):
    """``mean((prediction - target)^2 / 2)``, with gradient ``(prediction - target) / n``.

    It is the J of textbooks and course notes: the factor cancels the 2 of the derivative.  Keras
    does not have it.

    Example:
        >>> import fastnn
        >>> fastnn.losses.HalfMeanSquaredError()([[1.0]], [[4.0]])
        4.5
    """

    row = "half_mse"


class MeanAbsoluteError(Pointwise):
    """``mean(abs(prediction - target))``; the derivative at 0 is 0.

    Example:
        >>> import fastnn
        >>> fastnn.losses.MeanAbsoluteError()([[1.0], [4.0]], [[1.0], [2.0]])
        1.0
    """

    row = "mae"


class MeanAbsolutePercentageError(Pointwise):
    """``100 mean(abs(prediction - target) / max(abs(target), 1e-7))``.

    Example:
        >>> import fastnn
        >>> fastnn.losses.MeanAbsolutePercentageError()([[2.0]], [[1.0]])
        50.0
    """

    row = "mape"


class MeanSquaredLogarithmicError(Pointwise):
    """``mean((log(1 + prediction) - log(1 + target))^2)``, neither taken below 1e-7.

    Example:
        >>> import fastnn
        >>> fastnn.losses.MeanSquaredLogarithmicError()([[0.0]], [[0.0]])
        0.0
    """

    row = "msle"


class Huber(Pointwise):
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
        self.delta = positive_number("Huber", "delta", delta)

    @property
    def constants(self) -> tuple[float, ...]:
        """Where the parabola becomes a line."""
        return (self.delta,)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal loss."""
        return {"delta": self.delta, **super().get_config()}


class LogCosh(Pointwise):
    """``mean(log(cosh(prediction - target)))``: a parabola near 0, lines far from it.

    Example:
        >>> import fastnn
        >>> round(fastnn.losses.LogCosh()([[0.0]], [[1.0]]), 6)
        0.433781
    """

    row = "log_cosh"


class Poisson(Pointwise):
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


class KLDivergence(Pointwise):
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


class Hinge(Pointwise):
    """``mean(max(1 - target prediction, 0))`` for targets -1 and 1, or 0 and 1; 0 counts as -1.

    Example:
        >>> import fastnn
        >>> fastnn.losses.Hinge()([[0.0, 1.0]], [[-2.0, 0.5]])
        0.25
    """

    row, refused = "hinge", _ONE_SIDED


class SquaredHinge(Pointwise):
    """``mean(max(1 - target prediction, 0)^2)`` for targets as of ``Hinge``.

    Example:
        >>> import fastnn
        >>> fastnn.losses.SquaredHinge()([[0.0, 1.0]], [[-2.0, 0.0]])
        0.5
    """

    row, refused = "squared_hinge", _ONE_SIDED
