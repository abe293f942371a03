"""Variables: the numbers a layer learns, and the one contiguous buffer that holds a model's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastnn import _core
from fastnn._typing import Array
from fastnn.data.arrays import as_array
from fastnn.errors import ShapeError

__all__ = ["Parameters", "Variable", "padded"]

#: Variables start at multiples of this many elements: 64 bytes of float32.
_ALIGN = 16


class Variable:
    """A weight of a layer.

    Args:
        shape: its shape.
        initializer: ``initializer(shape, dtype)`` returns the first value.
        name: its name in the layer, such as ``"kernel"``.
        trainable: whether ``fit`` changes it.
        dtype: its precision.
        regularizer: ``regularizer(tensor)`` composes what its size costs while it is trainable.
        constraint: ``constraint(tensor)`` composes what it becomes after each update.

    The value lives in an array of the variable's own until a model packs it into a buffer.
    """

    def __init__(
        self,
        shape: Sequence[int],
        initializer: Callable[[tuple[int, ...], np.dtype], Array],
        name: str = "variable",
        trainable: bool = True,
        dtype: str = "float32",
        regularizer: Callable[[Any], Any] | None = None,
        constraint: Callable[[Any], Any] | None = None,
    ):
        self.shape = tuple(int(n) for n in shape)
        self.name = name
        self.path = name
        self.trainable = trainable
        self.regularizer, self.constraint = regularizer, constraint
        self.own_trainable = trainable  # what it would be in a layer that trains
        self.offset = -1
        self.changes = 0  # times that a value was assigned
        self._value = np.ascontiguousarray(initializer(self.shape, np.dtype(dtype)), dtype)

    @property
    def layer(self) -> str:
        """The name of the layer, for messages and listings."""
        return self.path.rpartition("/")[0]

    @property
    def dtype(self) -> np.dtype:
        """The NumPy type of the value."""
        return self._value.dtype

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._value.size

    @property
    def value(self) -> Array:
        """The live value: a view that training changes, for reading; see ``numpy``, ``assign``."""
        view = self._value.view()
        view.flags.writeable = False
        return view

    def numpy(self) -> Array:
        """Return a copy of the value."""
        return self._value.copy()

    def assign(self, value: ArrayLike) -> None:
        """Replace the value.

        Args:
            value: an array of the variable's shape.

        Raises:
            ShapeError: if it has another shape.
        """
        self._value[...] = self.check(value)
        self.changes += 1

    def check(self, value: ArrayLike) -> Array:
        """Return ``value`` in the variable's shape and precision.

        Raises:
            ShapeError: if it has another shape.
            DTypeError: if it does not hold real numbers.
        """
        array = as_array(self.path, "the value", value)
        if array.shape != self.shape:
            raise ShapeError(
                f"{self.path}: expected an array of shape {self.shape}, got {array.shape}"
            )
        return array.astype(self.dtype)

    def move(self, buffer: Array, offset: int) -> None:
        """Move the value into ``buffer`` at ``offset`` elements."""
        place = buffer[offset : offset + self.size].reshape(self.shape)
        place[...] = self._value
        self._value, self.offset = place, offset

    def __repr__(self) -> str:
        return f"<Variable {self.path}, shape={self.shape}, dtype={self.dtype}>"


class Parameters:
    """A model's variables in one contiguous buffer: trainable ones first, then frozen ones.

    An optimizer is one kernel over ``[0, trained)``; a checkpoint writes ``buffer``.  Gaps that
    align the variables hold zeros and stay zero.
    """

    def __init__(self, variables: Iterable[Variable], dtype: str):
        every = list(variables)
        order = sorted(every, key=lambda variable: not variable.trainable)
        offsets = np.cumsum([0, *(padded(v.size) for v in order)])
        self.trained = int(sum(padded(v.size) for v in order if v.trainable))
        self.buffer = _core.aligned_zeros(int(offsets[-1]), dtype)
        self.variables = tuple(every)
        self._trainable = [variable.trainable for variable in every]
        for variable, offset in zip(order, offsets, strict=False):
            variable.move(self.buffer, int(offset))

    @property
    def stale(self) -> bool:
        """Whether a variable has become trainable or frozen since it was packed."""
        return self._trainable != [variable.trainable for variable in self.variables]


def padded(size: int) -> int:
    """Return the elements that a variable of ``size`` takes in a buffer."""
    return -(-size // _ALIGN) * _ALIGN
