"""Regularizers: what training pays for large weights, or large outputs, besides the loss.

A regularizer is a function from a tensor to a penalty, a tensor without axes that is composed of
``fastnn.ops``.  So one of your own is a function or a class with ``__call__``, and its gradient
comes for free.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from fastnn import ops, registry
from fastnn._checks import not_negative, one_of
from fastnn.compiler.graph import Tensor, format_shape
from fastnn.configured import Configured
from fastnn.errors import ShapeError
from fastnn.naming import public, snake_case

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]

if not TYPE_CHECKING:  # a name that is not there says which was meant
    __getattr__, __dir__ = public(__name__, __all__)

Penalty = Callable[[Tensor], Tensor]


class Regularizer(metaclass=Configured):
    """A penalty with options that a model file can hold; one of your own overrides ``__call__``.

    Example:
        >>> import fastnn
        >>> class Cost(fastnn.regularizers.Regularizer):
        ...     def __init__(self, price=0.1):
        ...         self.price = price
        ...     def __call__(self, x):
        ...         return fastnn.ops.penalty(x, l2=self.price)
        ...     def get_config(self):
        ...         return {"price": self.price}
        >>> layer = fastnn.layers.Dense(1, kernel_regularizer=Cost())
        >>> layer.kernel_regularizer.price
        0.1
    """

    def __call__(self, x: Tensor) -> Tensor:
        """Return the penalty of ``x``, a tensor without axes."""
        raise NotImplementedError(
            f"{type(self).__name__}: write __call__(x), which composes fastnn.ops and returns one "
            "number"
        )

    def get_config(self) -> dict[str, Any]:
        """Return the options that make an equal regularizer."""
        return {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Regularizer:
        """Return the regularizer that ``get_config`` described."""
        return cls(**config)


class L1L2(Regularizer):
    """``l1 sum(abs(x)) + l2 sum(x^2)``.

    The gradient is ``l1 sign(x) + 2 l2 x``, with a sign of 0 at 0.

    Args:
        l1: factor of the sizes, at least 0.
        l2: factor of the squares, at least 0.

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.Dense(1, kernel_regularizer=fastnn.regularizers.L1L2(0.1, 0.01))
        >>> model = fastnn.Sequential([fastnn.Input((2,)), layer])
        >>> layer.set_weights([[[3.0], [-4.0]], [0.0]])
        >>> model.compile(loss="mse")
        >>> logs = model.evaluate([[4.0, 3.0]], [[1.0]], verbose=0, return_dict=True)
        >>> {name: round(value, 6) for name, value in logs.items()}
        {'loss': 1.95, 'data_loss': 1.0, 'penalty': 0.95}
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0):
        who = type(self).__name__
        self.l1, self.l2 = not_negative(who, "l1", l1), not_negative(who, "l2", l2)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the penalty of ``x``."""
        return ops.penalty(x, self.l1, self.l2)

    def get_config(self) -> dict[str, Any]:
        """Return the options that make an equal regularizer."""
        return {"l1": self.l1, "l2": self.l2}


class L1(L1L2):
    """``l1 sum(abs(x))``, which makes weights exactly 0 that help little (Tibshirani, "Regression
    shrinkage and selection via the lasso", 1996).

    Args:
        l1: the factor, at least 0.
    """

    def __init__(self, l1: float = 0.01):
        super().__init__(l1=l1)

    def get_config(self) -> dict[str, Any]:
        """Return the options that make an equal regularizer."""
        return {"l1": self.l1}


class L2(L1L2):
    """``l2 sum(x^2)``, which makes all weights smaller (Krogh and Hertz, "A simple weight decay can
    improve generalization", 1992).

    Args:
        l2: the factor, at least 0.
    """

    def __init__(self, l2: float = 0.01):
        super().__init__(l2=l2)

    def get_config(self) -> dict[str, Any]:
        """Return the options that make an equal regularizer."""
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """``factor`` times the mean size of the cosines between the rows, or columns, of a matrix.

    Args:
        factor: at least 0.
        mode: ``"rows"`` or ``"columns"``: what is drawn towards right angles.

    Example:
        >>> import fastnn
        >>> right = fastnn.regularizers.OrthogonalRegularizer(0.1, mode="columns")
        >>> layer = fastnn.layers.Dense(4, kernel_regularizer=right)
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows"):
        self.factor = not_negative("OrthogonalRegularizer", "factor", factor)
        self.mode = one_of("OrthogonalRegularizer", "mode", mode, ("rows", "columns"))

    def __call__(self, x: Tensor) -> Tensor:
        """Return the penalty of ``x``."""
        if len(x.shape) != 2 or x.shape[0] is None:
            raise ShapeError(
                f"OrthogonalRegularizer: {x.name} has to be a matrix of weights, got "
                f"{format_shape(x.shape)}"
            )
        cosines = ops.products_of_rows(x if self.mode == "rows" else ops.transpose(x))
        pairs = cosines.size.base - (cosines.shape[0] or 0)
        return ops.penalty(cosines, l1=self.factor / max(pairs, 1))

    def get_config(self) -> dict[str, Any]:
        """Return the options that make an equal regularizer."""
        return {"factor": self.factor, "mode": self.mode}


#: Keras's short names.
l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

CLASSES: dict[str, type[Regularizer]] = {
    cls.__name__: cls for cls in (L1, L1L2, L2, OrthogonalRegularizer)
}
_BY_NAME = {snake_case(name): cls for name, cls in CLASSES.items()} | CLASSES


def get(identifier: Any) -> Penalty | None:
    """Return the regularizer that a name, a config, a class or an object stands for.

    Args:
        identifier: a name such as ``"l2"``, what ``serialize`` returned, a regularizer, a function
            of a tensor, or ``None`` for no penalty.

    Raises:
        TypeError: if it is something else, such as a number.

    Example:
        >>> import fastnn
        >>> fastnn.regularizers.get("l2").l2
        0.01
    """
    if isinstance(identifier, int | float) and not isinstance(identifier, bool):
        raise TypeError(f"regularizer: got the number {identifier}; write L2({identifier}) or L1")
    found: Penalty | None = registry.function("regularizer", identifier, CLASSES, _BY_NAME)
    return found


def serialize(regularizer: Penalty | None) -> dict[str, Any] | str | None:
    """Return a description that ``get`` makes an equal regularizer from."""
    return registry.serialize_function(regularizer)


def deserialize(
    config: Any, custom_objects: Mapping[str, type[Any]] | None = None
) -> Penalty | None:
    """Return the regularizer that a description stands for.

    Args:
        config: what ``serialize`` returned.
        custom_objects: classes and functions that are not fastnn's, by name.
    """
    with registry.knowing(custom_objects or {}):
        return get(config)
