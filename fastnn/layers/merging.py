"""Layers that make one tensor of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from fastnn import ops
from fastnn._checks import flag
from fastnn.compiler.graph import Shape, Tensor, format_shape, size_of
from fastnn.errors import ShapeError
from fastnn.layers.base import Layer
from fastnn.ops._emit import reshaped
from fastnn.ops.broadcasting import broadcast_shapes

__all__ = [
    "Add",
    "Average",
    "Concatenate",
    "Dot",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]

Masks = Sequence[Tensor | None]


class _Merge(Layer):
    """A layer that is called on a list of tensors.

    Args:
        name: the layer's name.
    """

    supports_masking = True

    #: How many inputs it takes at the least, and at the most.
    count: tuple[int, float] = (1, float("inf"))

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

    def _check(self, shapes: Sequence[Shape]) -> None:
        """Refuse inputs that do not go together."""
        raise NotImplementedError

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the steps that count in any input; all do if one has no mask."""
        if not isinstance(previous_mask, list) or any(mask is None for mask in previous_mask):
            return None
        return reduce(ops.maximum, _of_one_rank(previous_mask))


class _Elementwise(_Merge):
    """A layer that combines tensors place by place, from the first to the last.

    An axis of size 1 is repeated; tensors of fewer axes get such ones after that of the rows.
    """

    combine: Callable[[Tensor, Tensor], Tensor]

    def _check(self, shapes: Sequence[Shape]) -> None:
        rank = max(map(len, shapes))
        broadcast_shapes(self.name, *(_widened(shape, rank) for shape in shapes))

    def call(self, x: Any) -> Tensor:
        """Return the combination of the tensors of the list ``x``."""
        y: Tensor = reduce(type(self).combine, _of_one_rank(x))
        return y


class Add(_Elementwise):
    """``a + b + ...``.

    Args:
        name: the layer's name.

    Shapes: those of the inputs, where an axis of size 1 is repeated, and tensors of fewer axes get
    such ones after that of the rows.  A step of the sum counts that counts in any input.

    Example:
        >>> import fastnn
        >>> from fastnn.layers import Add, Dense
        >>> x = fastnn.Input((3,))
        >>> fastnn.Model(x, Add()([x, Dense(3, "relu")(x)])).output_shape
        (None, 3)
    """

    combine = staticmethod(ops.add)


class Subtract(_Elementwise):
    """``a - b``, of two tensors.

    Args:
        name: the layer's name.

    Shapes and masks: as those of ``Add``.
    """

    count = (2, 2)
    combine = staticmethod(ops.subtract)


class Multiply(_Elementwise):
    """``a b ...``, place by place.

    Args:
        name: the layer's name.

    Shapes: as those of ``Add``.  A step that a mask leaves out of an input is no factor; one that
    is left out of all of them is 0, and left out of the product.

    Example:
        >>> import fastnn
        >>> image, scale = fastnn.Input((8, 8, 3)), fastnn.Input((1, 1, 3))
        >>> fastnn.layers.Multiply()([image, scale]).shape
        (None, 8, 8, 3)
    """

    combine = staticmethod(ops.multiply)

    def call(self, x: Any, mask: Any = None) -> Tensor:
        """Return the product of the tensors of the list ``x``, without the steps that the list
        ``mask`` leaves out."""
        masks = _columns(mask, x)
        factors = [
            each if column is None else ops.where(column, each, 1.0)
            for each, column in zip(_of_one_rank(x), masks, strict=True)
        ]
        y: Tensor = super().call(factors)
        known = [column for column in masks if column is not None]
        return ops.where(reduce(ops.maximum, known), y, 0.0) if len(known) == len(masks) else y


class _Extreme(_Elementwise):
    """The largest or smallest of each place; a step that a mask leaves out of an input has no part
    in it."""

    def call(self, x: Any, mask: Any = None) -> Tensor:
        """Return the extremes of the tensors of the list ``x``, without the steps that the list
        ``mask`` leaves out."""
        pairs = zip(_of_one_rank(x), _columns(mask, x), strict=True)
        y: Tensor = reduce(self._extreme, pairs)[0]
        return y

    def _extreme(
        self, a: tuple[Tensor, Tensor | None], b: tuple[Tensor, Tensor | None]
    ) -> tuple[Tensor, Tensor | None]:
        (y, seen), (x, column) = a, b
        if column is not None:
            x = ops.where(column, x, y)
        if seen is not None:
            y = ops.where(seen, y, x)
        both = None if seen is None or column is None else ops.maximum(seen, column)
        return type(self).combine(y, x), both


class Maximum(_Extreme):
    """The largest of each place.  NaN wins; the first of ties has the gradient.

    Args:
        name: the layer's name.

    Shapes: as those of ``Add``.  A step that a mask leaves out of an input has no part in it.
    """

    combine = staticmethod(ops.maximum)


class Minimum(_Extreme):
    """The smallest of each place.  NaN wins; the first of ties has the gradient.

    Args:
        name: the layer's name.

    Shapes: as those of ``Add``.  A step that a mask leaves out of an input has no part in it.
    """

    combine = staticmethod(ops.minimum)


class Average(_Elementwise):
    """The mean of each place.

    Args:
        name: the layer's name.

    Shapes and masks: as those of ``Add``.
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

    A step counts that counts in any input; steps one after the other count as they did.

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

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the masks side by side, or of features the steps that count in any input; all
        steps count of an input without a mask."""
        rank = len(inputs[0].shape)
        at = self.axis % rank
        if at == rank - 1 or all(mask is None for mask in previous_mask):
            return super().compute_mask(inputs, previous_mask)
        pairs = zip(inputs, previous_mask, strict=True)
        masks = [_all_steps(x) if mask is None else mask for x, mask in pairs]
        return ops.concatenate(masks, at)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"axis": self.axis, **super().get_config()}


class Dot(_Merge):
    """The products of two tensors, sample by sample, summed along an axis of each.

    Args:
        axes: the axis of both, or a pair of an axis each; not that of the rows, 0.  Negative ones
            count from the end.
        normalize: whether the vectors along these axes are divided by their lengths first, so that
            the result is the cosine of the angle between them.
        name: the layer's name.

    Shapes: (rows, ...) and (rows, ...); y has the axes of the first without its own, then those of
    the second without the rows and its own; (rows, 1) if none is left.  A mask ends here.

    Example:
        >>> import fastnn
        >>> queries, keys = fastnn.Input((4, 8)), fastnn.Input((6, 8))
        >>> fastnn.layers.Dot(axes=2)([queries, keys]).shape
        (None, 4, 6)
    """

    count = (2, 2)

    def __init__(
        self,
        axes: int | Sequence[int],
        normalize: bool = False,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        pair = list(axes) if isinstance(axes, list | tuple) else [axes]
        if not all(isinstance(axis, int) and not isinstance(axis, bool) for axis in pair):
            raise TypeError(f"{self.name}: axes must be an integer or two, got {axes!r:.60}")
        if isinstance(axes, list | tuple) and len(pair) != 2:
            raise ValueError(
                f"{self.name}: axes must be an integer or two, one of each input, got {axes!r:.60}"
            )
        self.axes = pair if len(pair) == 2 else pair[0]
        self.normalize = flag(self.name, "normalize", normalize)

    def _places(self, shapes: Sequence[Shape]) -> list[int]:
        """Return the axis of each input, counted from the first."""
        pair = self.axes if isinstance(self.axes, list) else [self.axes] * 2
        return [
            axis + len(shape) if axis < 0 else axis
            for axis, shape in zip(pair, shapes, strict=True)
        ]

    def _check(self, shapes: Sequence[Shape]) -> None:
        places = self._places(shapes)
        for at, shape in zip(places, shapes, strict=True):
            if not 0 < at < len(shape):
                raise ShapeError(
                    f"{self.name}: axes={self.axes} has no axis of a sample of "
                    f"{format_shape(shape)}; that of the rows cannot be summed along"
                )
        sizes = [shape[at] for at, shape in zip(places, shapes, strict=True)]
        if sizes[0] != sizes[1]:
            raise ShapeError(
                f"{self.name}: the axes {places[0]} of {format_shape(shapes[0])} and {places[1]} "
                f"of {format_shape(shapes[1])} have sizes {sizes[0]} and {sizes[1]}; they have to "
                "be equal"[:390]
            )

    def call(self, x: Any) -> Tensor:
        """Return the products of both tensors of the list ``x``."""
        places = self._places([each.shape for each in x])
        a, b = (ops.moveaxis(each, at, -1) for each, at in zip(x, places, strict=True))
        if self.normalize:
            a, b = ops.unit_normalization(a), ops.unit_normalization(b)
        rest = (*a.shape[1:-1], *b.shape[1:-1])
        left, right = (ops.reshape(each, (None, *_matrix(each.shape))) for each in (a, b))
        return ops.reshape(ops.matmul(left, ops.swapaxes(right, 1, 2)), (None, *(rest or (1,))))

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return ``None``: what is summed has no steps."""
        return None

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"axes": self.axes, "normalize": self.normalize, **super().get_config()}


def _matrix(shape: Shape) -> tuple[int, int]:
    """Return the sizes of a sample as vectors along the last axis."""
    return size_of(shape[1:-1]).base, shape[-1] or 0


def _widened(shape: Shape, rank: int) -> Shape:
    """Return a shape with axes of size 1 after that of the rows."""
    return shape[:1] + (1,) * (rank - len(shape)) + shape[1:]


def _of_one_rank(xs: Sequence[Tensor]) -> list[Tensor]:
    """Return tensors of as many axes as that of the most."""
    rank = max(len(x.shape) for x in xs)
    return [reshaped(x, _widened(x.shape, rank)) for x in xs]


def _columns(masks: Masks | None, xs: Sequence[Tensor]) -> list[Tensor | None]:
    """Return masks such that they go with the numbers of the steps of ``xs``."""
    rank = max(len(x.shape) for x in xs)
    return [
        None if m is None else reshaped(m, _widened((*m.shape, 1), rank))
        for m in masks or [None] * len(xs)
    ]


def _all_steps(x: Tensor) -> Tensor:
    """Return a mask that leaves no step of ``x`` out."""
    return x.graph.emit("fill", shapes={"y": x.shape[:-1]}, value=1.0)[0]


def _function(kind: type[_Merge]) -> Callable[..., Any]:
    """Return a function of a list of tensors and the arguments of a merging layer."""

    def merged(inputs: Sequence[Any], *args: Any, **options: Any) -> Any:
        return kind(*args, **options)(list(inputs))

    merged.__name__ = merged.__qualname__ = kind.__name__.lower()
    merged.__doc__ = (
        f"Return what the layer ``{kind.__name__}`` of these arguments makes of a list of tensors."
    )
    return merged


add, average, concatenate = _function(Add), _function(Average), _function(Concatenate)
maximum, minimum, multiply = _function(Maximum), _function(Minimum), _function(Multiply)
subtract = _function(Subtract)


def dot(inputs: Sequence[Any], axes: int | Sequence[int] = -1, **options: Any) -> Any:
    """Return what the layer ``Dot`` of these arguments makes of a list of two tensors."""
    return Dot(axes, **options)(list(inputs))
