"""Constraints: what a weight is held to after each update.

A constraint is a function from a tensor to a tensor of its shape, composed of ``fastnn.ops``.  It
runs in the compiled step, between the optimizer and the next batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastnn import ops, registry
from fastnn._checks import fraction, integer, not_negative, shown
from fastnn.compiler.graph import Tensor
from fastnn.configured import Configured
from fastnn.naming import public, snake_case

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]

if not TYPE_CHECKING:  # a name that is not there says which was meant
    __getattr__, __dir__ = public(__name__, __all__)

Projection = Callable[[Tensor], Tensor]


class Constraint(metaclass=Configured):
    """A projection with options that a model file can hold; your own overrides ``__call__``.

    Example:
        >>> import fastnn
        >>> class AtMostOne(fastnn.constraints.Constraint):
        ...     def __call__(self, w):
        ...         return fastnn.ops.clip_norm(w, 0.0, 1.0)
        >>> layer = fastnn.layers.Dense(1, kernel_constraint=AtMostOne())
    """

    def __call__(self, w: Tensor) -> Tensor:
        """Return what ``w`` becomes; unless overridden, ``w``."""
        return w

    def get_config(self) -> dict[str, Any]:
        """Return the options that make an equal constraint."""
        return {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Constraint:
        """Return the constraint that ``get_config`` described."""
        return cls(**config)


class MinMaxNorm(Constraint):
    """Norms between two bounds: ``w (rate clip(norm, min, max) + (1 - rate) norm) / norm``.

    To ``norm`` below the line 1e-7 is added, so that weights of 0 stay 0.

    Args:
        min_value: the smallest norm, at least 0.
        max_value: the largest norm, at least ``min_value``.
        rate: how much of the way to the bound an update goes, in [0, 1].
        axis: the axes that a norm is over, one or several neighbouring ones: 0, the inputs of each
            unit of a ``Dense``, or [0, 1, 2], those of each filter of a ``Conv2D``.
    """

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: int | Sequence[int] = 0,
    ):
        who = type(self).__name__
        self.min_value = not_negative(who, "min_value", min_value)
        self.max_value = not_negative(who, "max_value", max_value)
        self.rate = fraction(who, "rate", rate, closed=True)
        self.axis = _axes(who, axis)
        if self.min_value > self.max_value:
            raise ValueError(
                f"{who}: min_value, {self.min_value}, must not exceed max_value, {self.max_value}"
            )

    def __call__(self, w: Tensor) -> Tensor:
        """Return ``w`` with norms within the bounds."""
        return ops.clip_norm(w, self.min_value, self.max_value, self.axis, self.rate)

    def get_config(self) -> dict[str, Any]:
        """Return the options that make an equal constraint."""
        options = ("min_value", "max_value", "rate", "axis")
        return {name: getattr(self, name) for name in options}


class MaxNorm(MinMaxNorm):
    """Norms of at most ``max_value`` (Srivastava et al., "Dropout", 2014).

    Args:
        max_value: the largest norm, at least 0.
        axis: the axes that a norm is over, one or several neighbouring ones: 0, the inputs of each
            unit of a ``Dense``, or [0, 1, 2], those of each filter of a ``Conv2D``.

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.Dense(1, kernel_constraint=fastnn.constraints.MaxNorm(1))
        >>> model = fastnn.Sequential([fastnn.Input((2,)), layer])
        >>> layer.set_weights([[[3.0], [4.0]], [0.0]])
        >>> model.compile(fastnn.optimizers.SGD(0.0), "mse")
        >>> _ = model.train_on_batch([[1.0, 1.0]], [[0.0]])
        >>> layer.get_weights()[0].round(6).tolist() == [[0.6000000238418579], [0.800000011920929]]
        True
    """

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0):
        super().__init__(0.0, max_value, axis=axis)

    def get_config(self) -> dict[str, Any]:
        """Return the options that make an equal constraint."""
        return {"max_value": self.max_value, "axis": self.axis}


class UnitNorm(MinMaxNorm):
    """Norms of 1.

    Args:
        axis: the axes that a norm is over, one or several neighbouring ones.
    """

    def __init__(self, axis: int | Sequence[int] = 0):
        super().__init__(1.0, 1.0, axis=axis)

    def get_config(self) -> dict[str, Any]:
        """Return the options that make an equal constraint."""
        return {"axis": self.axis}


class NonNeg(Constraint):
    """``max(w, 0)``: no negative weights."""

    def __call__(self, w: Tensor) -> Tensor:
        """Return ``w`` without what is below 0."""
        return ops.relu(w)


#: Keras's short names.
max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm

CLASSES: dict[str, type[Constraint]] = {
    cls.__name__: cls for cls in (MaxNorm, MinMaxNorm, NonNeg, UnitNorm)
}
_BY_NAME = {snake_case(name): cls for name, cls in CLASSES.items()} | CLASSES


def _axes(who: str, axis: Any) -> int | list[int]:
    several = list(axis) if isinstance(axis, Sequence) and not isinstance(axis, str) else [axis]
    known = [a for a in map(integer, several) if a is not None]
    if not several or len(known) < len(several):
        raise TypeError(f"{who}: axis must be an integer or a list of them, got {shown(axis)}")
    return known if isinstance(axis, Sequence) else known[0]


def get(identifier: Any) -> Projection | None:
    """Return the constraint that a name, a config, a class or an object stands for.

    Args:
        identifier: a name such as ``"non_neg"``, what ``serialize`` returned, a constraint, a
            function of a tensor, or ``None`` for none.

    Example:
        >>> import fastnn
        >>> fastnn.constraints.get("max_norm").max_value
        2.0
    """
    found: Projection | None = registry.function("constraint", identifier, CLASSES, _BY_NAME)
    return found


def serialize(constraint: Projection | None) -> dict[str, Any] | str | None:
    """Return a description that ``get`` makes an equal constraint from."""
    return registry.serialize_function(constraint)


def deserialize(
    config: Any, custom_objects: Mapping[str, type[Any]] | None = None
) -> Projection | None:
    """Return the constraint that a description stands for.

    Args:
        config: what ``serialize`` returned.
        custom_objects: classes and functions that are not fastnn's, by name.
    """
    with registry.knowing(custom_objects or {}):
        return get(config)
