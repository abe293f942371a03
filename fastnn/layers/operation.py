"""The layer that a function of ``fastnn.ops`` is when it is called on symbols."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import nests, ops
from fastnn.compiler.graph import Tensor
from fastnn.layers.base import Layer
from fastnn.naming import lookup, unique_name

__all__ = ["Operation"]


class Operation(Layer):
    """A function of ``fastnn.ops``, with what it is called on beside symbols.

    Args:
        function: its name.
        name: the layer's name; ``None`` makes one of the function's.

    Example:
        >>> import fastnn
        >>> x = fastnn.Input((3,))
        >>> fastnn.Model(x, fastnn.ops.tanh(x)).predict([[0.0, 0.0, 0.0]])
        array([[0., 0., 0.]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        function: str,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        known = {each: each for each in ops.__all__}
        self.function = lookup("operation", function, known)
        super().__init__(name=name or unique_name(self.function), trainable=trainable, dtype=dtype)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the function makes of its arguments."""
        given, named = nests.apply(_plain, [list(args), dict(kwargs)])
        function = getattr(ops, self.function)
        return function(*map(_sizes, given), **{key: _sizes(each) for key, each in named.items()})

    def _without_training(
        self, args: tuple[Any, ...], training: bool | None
    ) -> tuple[tuple[Any, ...], bool | None]:
        return args, training

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"function": self.function, **super().get_config()}


def _plain(leaf: Any) -> Any:
    """Return a number of NumPy's as one of Python's, which a file can hold."""
    return leaf.item() if isinstance(leaf, np.generic) else leaf


def _sizes(given: Any) -> Any:
    """Return a list of constants, such as a shape that comes from a file, as a tuple."""
    constants = isinstance(given, list) and not any(
        isinstance(leaf, Tensor) for leaf in nests.flatten(given)
    )
    return tuple(given) if constants else given
