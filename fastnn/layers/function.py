"""The layer that a function of tensors is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from fastnn import functions
from fastnn.layers.base import Layer

__all__ = ["Lambda"]


class Lambda(Layer):
    """``y = function(x)``, composed of ``fastnn.ops``, and so compiled as other layers are.

    Args:
        function: of a tensor, or of a list of them for several inputs, and of ``arguments``; also
            of ``mask`` and ``training`` where it has parameters of these names.
        output_shape: accepted as in Keras; shapes follow from the operations.
        mask: a function of the inputs and their mask that returns the mask of the output; ``None``:
            it has none.
        arguments: more arguments of the function, by name.
        name: the layer's name.
        trainable: as other layers have it; there are no weights.
        dtype: the precision.

    A file holds the function's name.  One of ``fastnn.ops`` is found by it; another has to be
    handed over, ``load_model(path, custom_objects={"halved": halved})``; a ``lambda`` has no name.
    Weights that a function uses are not the layer's: write a class with ``call`` then.

    Raises:
        TypeError: if ``function`` or ``mask`` is not a function.

    Example:
        >>> import fastnn
        >>> square = fastnn.layers.Lambda(lambda x: x**2)
        >>> fastnn.Sequential([fastnn.Input((2,)), square]).predict([[1.0, 3.0]])
        array([[1., 9.]], dtype=float32)
    """

    def __init__(
        self,
        function: Callable[..., Any] | str,
        output_shape: Any = None,
        mask: Callable[..., Any] | str | None = None,
        arguments: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.function = self._known("function", function)
        self.mask = None if mask is None else self._known("mask", mask)
        self.supports_masking = mask is not None
        self.arguments = dict(arguments or {})

    def _known(self, argument: str, function: Any) -> Callable[..., Any]:
        """Return a function that was given, or that a description names."""
        known: Any = function
        if isinstance(function, str):
            known = functions.named(f"{self.name}: {argument}", function)
        if not callable(known):
            raise TypeError(
                f"{self.name}: {argument} must be a function, got {type(function).__name__}"
            )
        result: Callable[..., Any] = known
        return result

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Return ``function(inputs)``."""
        taken = inspect.signature(self.function).parameters
        more = {"mask": mask, "training": training}
        given = {name: value for name, value in more.items() if name in taken}
        return self.function(inputs, **{**given, **self.arguments})

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask of the output."""
        return None if self.mask is None else self.mask(inputs, previous_mask)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer, functions by their names."""
        return {
            "function": functions.name_of(self.function),
            "mask": None if self.mask is None else functions.name_of(self.mask),
            "arguments": self.arguments,
            **super().get_config(),
        }
