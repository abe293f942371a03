"""Layers that make one tensor of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from fastnn import ops
from fastnn.compiler.graph import Shape, Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.layers.base import Layer

__all__ = ["Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"]


class _Merge(Layer):
    """A layer that is called on a list of tensors.

    Args:
        name: the layer's name.
    """

    supports_masking = True

    #: How many inputs it takes at the least, and at the most.
    count: tuple[int, float] = (2, float("inf"))

    def build(self, input_shape: Any) -> None:
        """Check the inputs; there are no weights."""
        several = isinstance(input_shape, list)
        least, most = self.count
        if not several or not least <= len(input_shape) <= most:
            kind = f"a list of {least}" + (" or more" if most > least else "")
            got = f"{len(input_shape)} of them" if several else "one tensor"
            raise ValueError(
                f"{self.name}: expected {kind} tensors, {type(self).__name__}()([a, b]), got {got}"
            )
        self._check(input_shape)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the steps that count in any input; all do if one has no mask."""
        if not isinstance(previous_mask, list) or any(mask is None for mask in previous_mask):
            return None
        return reduce(ops.maximum, previous_mask)

    def _check(self, shapes: Sequence[Shape]) -> None:
        """Refuse inputs of several shapes, which nothing is repeated for."""
        if len(set(shapes)) > 1:
            raise ShapeError(
                f"{self.name}: the inputs have to be of one shape, got "
                f"{' and '.join(map(format_shape, shapes))}"[:390]
            )


class _Elementwise(_Merge):
    """A layer that combines tensors of one shape, place by place, from the first to the last."""

    combine: Callable[[Tensor, Tensor], Tensor]

    def call(self, x: Any) -> Tensor:
        """Return the combination of the tensors of the list ``x``."""
        y: Tensor = reduce(type(self).combine, x)
        return y


class Add(_Elementwise):
    """``a + b + ...``, of tensors of one shape.

    Args:
        name: the layer's name.

    Example:
        >>> import fastnn
        >>> from fastnn.layers import Add, Dense
        >>> x = fastnn.Input((3,))
        >>> fastnn.Model(x, Add()([x, Dense(3, "relu")(x)])).output_shape
        (None, 3)
    """

    combine = staticmethod(ops.add)


class Subtract(_Elementwise):
    """``a - b``, of two tensors of one shape.

    Args:
        name: the layer's name.
    """

    count = (2, 2)
    combine = staticmethod(ops.subtract)


class Multiply(_Elementwise):
    """``a b ...``, place by place, of tensors of one shape.

    Args:
        name: the layer's name.
    """

    combine = staticmethod(ops.multiply)


class Maximum(_Elementwise):
    """The largest of each place of tensors of one shape.  NaN wins; the first of ties has the
    gradient.

    Args:
        name: the layer's name.
    """

    combine = staticmethod(ops.maximum)


class Minimum(_Elementwise):
    """The smallest of each place of tensors of one shape.  NaN wins; the first of ties has the
    gradient.

    Args:
        name: the layer's name.
    """

    combine = staticmethod(ops.minimum)


class Average(_Elementwise):
    """The mean of each place of tensors of one shape.

    Args:
        name: the layer's name.
    """

    combine = staticmethod(ops.add)

    def call(self, x: Any) -> Tensor:
        """Return the mean of the tensors of the list ``x``."""
        return ops.scale(super().call(x), 1 / len(x))


class Concatenate(_Merge):
    """Tensors side by side.

    Args:
        axis: the axis along which their sizes add up, not that of the rows; the others are equal.
        name: the layer's name.

    Example:
        >>> import fastnn
        >>> from fastnn.layers import Concatenate, Dense
        >>> x = fastnn.Input((3,))
        >>> fastnn.Model(x, Concatenate()([x, Dense(5)(x)])).output_shape
        (None, 8)
    """

    def __init__(
        self,
        axis: int = -1,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        if isinstance(axis, bool) or not isinstance(axis, int):
            raise TypeError(f"{self.name}: axis must be an integer, got {type(axis).__name__}")
        self.axis = axis

    def _check(self, shapes: Sequence[Shape]) -> None:
        ranks = {len(shape) for shape in shapes}
        rank = max(ranks)
        if not 0 < (self.axis if self.axis >= 0 else self.axis + rank) < rank:
            raise ShapeError(
                f"{self.name}: axis={self.axis} is not an axis of a sample of {rank - 1} axes"
            )
        if len(ranks) > 1 or len({self._others(shape) for shape in shapes}) > 1:
            raise ShapeError(
                f"{self.name}: the inputs may differ along axis {self.axis} alone, got "
                f"{' and '.join(map(format_shape, shapes))}"[:390]
            )

    def _others(self, shape: Shape) -> Shape:
        at = self.axis % len(shape)
        return shape[:at] + shape[at + 1 :]

    def call(self, x: Any) -> Tensor:
        """Return the tensors of the list ``x`` side by side."""
        return ops.concatenate(x, self.axis)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"axis": self.axis, **super().get_config()}
