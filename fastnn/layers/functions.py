"""Functions as layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from fastnn.compiler.graph import Tensor
from fastnn.layers.base import Layer

__all__ = ["Lambda"]


class Lambda(Layer):
    """A function of ``fastnn.ops`` as a layer; compiled, with its gradient, as all others.

    Args:
        function: composes functions of ``fastnn.ops`` on its argument, a tensor or a list of them.
        arguments: further arguments of the function, by their names.
        name: the layer's name.
        trainable: has no meaning without weights.
        dtype: the precision of a model that begins with it.

    It cannot be saved, because a file does not carry code: sub-class ``Layer`` for that, and give
    the class to ``load_model`` in ``custom_objects``.

    Example:
        >>> import fastnn
        >>> double = fastnn.layers.Lambda(lambda x: 2 * x)
        >>> fastnn.Sequential([fastnn.Input((2,)), double]).predict([[1.0, -2.0]])
        array([[ 2., -4.]], dtype=float32)
    """

    def __init__(
        self,
        function: Callable[..., Tensor],
        arguments: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        if not callable(function):
            raise TypeError(
                f"{self.name}: function must be a function of a tensor, for example "
                f"lambda x: fastnn.ops.square(x), got {type(function).__name__}"
            )
        self.function, self.arguments = function, dict(arguments or {})

    def call(self, x: Any) -> Any:
        """Return ``function(x)``."""
        return self.function(x, **self.arguments)

    def get_config(self) -> NoReturn:
        """Refuse.

        Raises:
            ValueError: always: no file can name the function.
        """
        raise ValueError(
            f"{self.name}: a Lambda cannot be saved or cloned, because a config carries no code; "
            "sub-class fastnn.layers.Layer, and give the class in custom_objects when loading"
        )
