"""Writer: the nodes and constants of an ONNX graph that is being made.

A tensor is a ``Value`` here: it is in the graph in one order of its axes or in several.  ONNX has
channels second where fastnn has them last, and steps before rows where fastnn has rows first.  Who
reads a value says in which order; a ``Transpose`` is made only where it is not there in that one.
So a chain of layers of images is transposed at its ends alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastnn import _core
from fastnn._typing import Array
from fastnn.compiler.graph import Node, Shape, Tensor
from fastnn.errors import UnsupportedError
from fastnn.reference.interpreter import evaluate

__all__ = ["Order", "Value", "Writer", "channels_first", "steps_first"]

#: order[i]: the axis of a tensor that is axis i in the file.
Order = tuple[int, ...]


def channels_first(rank: int) -> Order:
    """Return the order with the last axis second."""
    return (0, rank - 1, *range(1, rank - 1))


def steps_first(rank: int) -> Order:
    """Return the order with the second axis first."""
    return (1, 0, *range(2, rank))


def without(order: Order, gone: Iterable[int]) -> Order:
    """Return the order of the axes that are left."""
    left = [axis for axis in order if axis not in set(gone)]
    return tuple(sorted(left).index(axis) for axis in left)


@dataclass(eq=False)
class Value:
    """What a tensor is in the file.

    Attributes:
        shape: its shape, ``None`` for the rows.
        names: the names of it in the file, by the order of its axes.
        array: its numbers, if they are known.
        base: the value that it is with an axis of size 1 more.
        added: that axis.
        whole: the name of it as whole numbers, if it came as such.
        label: what its names begin with.
    """

    shape: Shape
    names: dict[Order, str] = field(default_factory=dict)
    array: Array | None = None
    base: Value | None = None
    added: int = 0
    whole: str | None = None
    label: str = "t"

    @property
    def plain(self) -> Order:
        """The order of the axes that the tensor has itself."""
        return tuple(range(len(self.shape)))


class Writer:
    """Collects an ONNX graph.

    Args:
        onnx: the package.
        dtype: the precision of the model.
    """

    def __init__(self, onnx: Any, dtype: str):
        self.onnx, self.dtype = onnx, np.dtype(dtype)
        self.real_type = onnx.helper.np_dtype_to_tensor_dtype(self.dtype)
        self.nodes: list[Any] = []
        self.layer = ""
        self.constants: dict[str, Array] = {}
        self.batch: tuple[str, int] = ("", 0)  # the name of an input, whose first axis is the rows
        self._values: dict[Tensor, Value] = {}
        self._known: dict[tuple[Any, ...], str] = {}
        self._names: set[str] = set()

    # ---- names -----------------------------------------------------------------------------------

    def fresh(self, label: str) -> str:
        """Return a name that nothing else has."""
        name, count = label, 0
        while name in self._names:
            count += 1
            name = f"{label}_{count}"
        self._names.add(name)
        return name

    # ---- nodes -----------------------------------------------------------------------------------

    def emit(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Append a node; return the name of its output."""
        return self.several(1, kind, *inputs, **attributes)[0]

    def several(self, outputs: int, kind: str, *inputs: str, **attributes: Any) -> list[str]:
        """Append a node of several outputs; return their names."""
        name = self.fresh(f"{self.layer or 'model'}/{kind}")
        made = [self.fresh(f"{name}:{i}" if i else f"{name}:out") for i in range(outputs)]
        make = self.onnx.helper.make_node
        self.nodes.append(make(kind, list(inputs), made, name=name, **attributes))
        return made

    def narrow(self, kind: str, *inputs: str, after: Sequence[str] = (), **attributes: Any) -> str:
        """Append a node that runtimes know in float32 alone.

        Args:
            kind: which.
            inputs: those of real numbers.
            after: those after them, of other types.
            attributes: its attributes.
        """
        if self.dtype == np.float32:
            return self.emit(kind, *inputs, *after, **attributes)
        single = self.onnx.TensorProto.FLOAT
        known = [self.emit("Cast", name, to=single) for name in inputs]
        return self.as_real(self.emit(kind, *known, *after, **attributes))

    def as_real(self, name: str) -> str:
        """Return truths, or whole numbers, as numbers of the model's precision."""
        return self.emit("Cast", name, to=self.real_type)

    @contextmanager
    def body(self) -> Iterator[list[Any]]:
        """Collect the nodes that are emitted inside, for the body of a node."""
        outer, self.nodes = self.nodes, []
        try:
            yield self.nodes
        finally:
            self.nodes = outer

    # ---- constants -------------------------------------------------------------------------------

    def constant(self, array: Any, label: str = "const") -> str:
        """Return the name of an array that is part of the file."""
        known = np.asarray(array)
        key = (known.dtype.str, known.shape, known.tobytes())
        if key not in self._known:
            self._known[key] = self.fresh(label)
            self.constants[self._known[key]] = known
        return self._known[key]

    def real(self, numbers: Any, label: str = "const") -> str:
        """Return the name of numbers of the model's precision."""
        return self.constant(np.asarray(numbers, self.dtype), label)

    def ints(self, *numbers: int) -> str:
        """Return the name of a vector of whole numbers."""
        return self.constant(np.array(numbers, np.int64))

    # ---- values ----------------------------------------------------------------------------------

    def value(self, tensor: Tensor) -> Value:
        """Return what a tensor is in the file."""
        return self._values[tensor]

    def bind(self, tensor: Tensor | None, name: str, order: Order | None = None) -> Value:
        """Let a tensor be ``name``, with its axes in an order."""
        assert tensor is not None
        value = Value(tensor.shape, label=tensor.name)
        value.names[value.plain if order is None else order] = name
        self._values[tensor] = value
        return value

    def set(self, tensor: Tensor | None, value: Value) -> None:
        """Let a tensor be a value."""
        assert tensor is not None
        self._values[tensor] = value

    def array(self, tensor: Tensor | None) -> Array | None:
        """Return the numbers of a tensor, if they are known."""
        known = None if tensor is None else self._values.get(tensor)
        return None if known is None else known.array

    def name(self, tensor: Tensor | None, order: Order | None = None) -> str:
        """Return the name of a tensor with its axes in an order, ``""`` for one that is absent."""
        return "" if tensor is None else self.named(self._values[tensor], order)

    def named(self, value: Value, order: Order | None = None) -> str:
        """Return the name of a value with its axes in an order."""
        wanted = value.plain if order is None else order
        if wanted not in value.names:
            value.names[wanted] = self._made(value, wanted)
        return value.names[wanted]

    def _made(self, value: Value, wanted: Order) -> str:
        if value.array is not None:
            return self.real(value.array.transpose(wanted), value.label)
        if value.base is not None:
            name = self.named(value.base, without(wanted, [value.added]))
            return self.emit("Unsqueeze", name, self.ints(wanted.index(value.added)))
        order, name = next(iter(value.names.items()))
        return self.emit("Transpose", name, perm=[order.index(axis) for axis in wanted])

    def orders(self, value: Value) -> list[Order] | None:
        """Return the orders that a value is there in; ``None`` for all of them."""
        if value.array is not None:
            return None
        if value.names or value.base is None:
            return list(value.names)
        inner = self.orders(value.base)
        if inner is None:
            return None
        return [_with_axis(order, value.added) for order in inner]

    def common(self, *tensors: Tensor | None) -> Order:
        """Return an order that tensors of one shape are all there in, else the plain one."""
        values = [self._values[tensor] for tensor in tensors if tensor is not None]
        known = [orders for orders in map(self.orders, values) if orders is not None]
        shared = [each for each in known[0] if all(each in o for o in known)] if known else []
        return shared[0] if shared else values[0].plain

    def whole(self, tensor: Tensor | None) -> str:
        """Return the name of a tensor of whole numbers, as int64."""
        assert tensor is not None
        value = self._values[tensor]
        if value.array is not None:
            return self.constant(value.array.astype(np.int64))
        name = self.name(tensor) if value.whole is None else value.whole
        return self.emit("Cast", name, to=self.onnx.TensorProto.INT64)

    def sizes(self, shape: Shape, fold: int = 1) -> str:
        """Return the name of a shape, whose first size may be that of the rows."""
        if None not in shape:
            return self.ints(*(n or 0 for n in shape))
        name, axis = self.batch
        rows = self.emit("Shape", name, start=axis, end=axis + 1)
        if fold != 1:
            rows = self.emit("Mul", rows, self.ints(fold))
        rest = [n for n in shape[1:] if n is not None]
        return self.emit("Concat", rows, self.ints(*rest), axis=0) if rest else rows

    def reshaped(self, name: str, shape: Shape) -> str:
        """Return a name in another shape, of which ``None`` is what is left."""
        target = self.ints(*(-1 if n is None else n for n in shape))
        return self.emit("Reshape", name, target)

    def computed(self, node: Node, arrays: Sequence[Array | None]) -> list[Array]:
        """Return what an operation makes of known numbers, of one row."""
        run = _core.Run(1, 1)
        run.rows = 1
        return evaluate(node, run, arrays, 1, self.dtype.name)

    def refuse(self, reason: str) -> UnsupportedError:
        """Return what is raised where the layer at hand has no counterpart."""
        return UnsupportedError(f"layer {self.layer or 'model'!r}: {reason}")


def _with_axis(order: Sequence[int], added: int) -> Order:
    """Return an order with an axis more, before those that it moves."""
    moved = [axis + (axis >= added) for axis in order]
    at = next((i for i, axis in enumerate(moved) if axis > added), len(moved))
    return (*moved[:at], added, *moved[at:])
