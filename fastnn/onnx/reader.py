"""Reader: a graph of ONNX that is being made a model, or run on arrays.

What a name of the file stands for is a ``Held``: a symbol of the model, or an array where it is
known.  fastnn has rows first and channels last, ONNX what an operator says: a symbol knows which
axis of the file each of its own is.  Who reads it says in which order; it is permuted only where it
is not there in that one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from fastnn import layers, ops
from fastnn._typing import Array
from fastnn.errors import UnsupportedError
from fastnn.functional import Symbol
from fastnn.naming import snake_case

__all__ = ["OPERATORS", "ROWS", "Held", "OpNode", "Reader", "operator"]

#: What stands for the number of rows in arrays of sizes: no file has as many of anything.
ROWS = 1 << 40

#: The most numbers that a constant may have which the file does not hold, but asks for.
MOST = 1 << 26

Data = Any  # a Symbol, or an array


@dataclass(eq=False)
class Held:
    """What a name of the file stands for.

    Attributes:
        data: a symbol, or an array.
        axes: the axis of the file that each axis of it is.
        type: the type of its numbers in the file, a ``TensorProto.DataType``.
        is_zero: whether it is a symbol of which all numbers are known to be 0.
    """

    data: Data
    axes: tuple[int, ...]
    type: int
    is_zero: bool = False

    @property
    def is_known(self) -> bool:
        """Whether it is an array."""
        return isinstance(self.data, np.ndarray)

    @property
    def rank(self) -> int:
        """The number of its axes."""
        return len(self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape in the file, with ROWS for the rows."""
        own = self.data.shape
        return tuple(ROWS if own[i] is None else own[i] for i in map(self.axes.index, self.plain))

    @property
    def plain(self) -> tuple[int, ...]:
        """The axes in the order of the file."""
        return tuple(range(self.rank))

    def place(self, axis: int) -> int:
        """Return which axis of ``data`` an axis of the file is, which may count from the end."""
        return self.axes.index(axis % self.rank)


@dataclass(eq=False)
class OpNode:
    """A node of the file.

    Attributes:
        kind: its operator.
        name: its name, or that of its output.
        inputs: what its inputs stand for, ``None`` where absent.
        outputs: the names of its outputs.
        attrs: its attributes.
        version: that of its operators.
    """

    kind: str
    name: str
    inputs: list[Held | None]
    outputs: list[str]
    attrs: dict[str, Any] = field(default_factory=dict)
    version: int = 0

    def input(self, index: int) -> Held | None:
        """Return an input, or ``None`` if it is absent."""
        return self.inputs[index] if index < len(self.inputs) else None

    def some(self, index: int) -> Held:
        """Return an input that has to be there."""
        held = self.input(index)
        if held is None:
            raise UnsupportedError(f"its input {index} is missing")
        return held

    def known(self, index: int) -> Array | None:
        """Return an input that has to be known, as an array; ``None`` if it is absent."""
        held = self.input(index)
        if held is None:
            return None
        if not held.is_known:
            raise UnsupportedError(f"its input {index} is computed, and has to be known")
        array: Array = held.data
        return array

    def ints(self, name: str, index: int) -> list[int] | None:
        """Return whole numbers that newer files have as an input, older ones as an attribute."""
        array = self.known(index)
        if array is not None:
            return [int(n) for n in array.reshape(-1)]
        value = self.attrs.get(name)
        return None if value is None else [int(n) for n in np.reshape(value, -1)]

    def wants(self, index: int) -> bool:
        """Return whether an output is there."""
        return index < len(self.outputs) and bool(self.outputs[index])


#: operator(reader, node) -> what its outputs are
Converter = Callable[["Reader", OpNode], "Held | Sequence[Held | None]"]

#: The operators that are known, by their names; those of other domains with these before.
OPERATORS: dict[str, Converter] = {}


def operator(*names: str) -> Callable[[Converter], Converter]:
    """Register what operators are in fastnn."""

    def register(function: Converter) -> Converter:
        OPERATORS.update(dict.fromkeys(names, function))
        return function

    return register


class Reader:
    """Makes a model of a graph, or computes it.

    Args:
        onnx: the package.
        dtype: the precision of the model.
    """

    def __init__(self, onnx: Any, dtype: str):
        self.onnx, self.dtype = onnx, np.dtype(dtype)
        self.real = int(onnx.helper.np_dtype_to_tensor_dtype(self.dtype))
        self.types = onnx.TensorProto
        self.held: dict[str, Held] = {}
        self.sample: Symbol | None = None  # an input of the model
        self.versions: Mapping[str, int] = {}  # of operators, by their domain
        self._names: set[str] = set()
        self._readers: dict[str, list[Any]] = {}
        self.absorbed: set[int] = set()  # nodes that an earlier one has done, by their ids

    # ---- what is held ----------------------------------------------------------------------------

    def array(self, array: Any, type: int | None = None) -> Held:
        """Return an array as what a name stands for."""
        known = np.asarray(array)
        found = self.onnx.helper.np_dtype_to_tensor_dtype(known.dtype) if type is None else type
        return Held(known, tuple(range(known.ndim)), int(found))

    def like(self, held: Held, data: Data, type: int | None = None) -> Held:
        """Return what has the axes of something else."""
        return self.made(data, held.axes, held.type if type is None else type)

    def made(self, data: Data, axes: Sequence[int], type: int | None = None) -> Held:
        """Return what an operator has made, as numbers of a type."""
        kind = self.real if type is None else type
        if isinstance(data, Symbol):
            self.check_room(data.shape)
            return Held(data, tuple(axes), kind)
        wanted = self.onnx.helper.tensor_dtype_to_np_dtype(kind)
        array = np.asarray(data).astype(wanted, copy=False)
        return self.array(array.transpose([axes.index(i) for i in range(array.ndim)]), kind)

    def is_whole(self, held: Held) -> bool:
        """Return whether something is of whole numbers."""
        dtype = self.onnx.helper.tensor_dtype_to_np_dtype(held.type)
        return bool(np.issubdtype(dtype, np.integer))

    def is_real(self, held: Held) -> bool:
        """Return whether something is of real numbers."""
        return not self.is_whole(held) and held.type != self.types.BOOL

    def check_room(self, shape: Sequence[int | None]) -> None:
        """Refuse what is larger than any model of fastnn's would be."""
        size = math.prod(n for n in shape if n is not None)
        if size > MOST:
            raise UnsupportedError(f"it makes {size:,} numbers, more than the {MOST:,} allowed")

    # ---- orders ----------------------------------------------------------------------------------

    def data(self, held: Held, axes: Sequence[int] | None = None) -> Data:
        """Return a symbol, or an array, with its axes in an order; ``None``: that of the file."""
        wanted = held.plain if axes is None else tuple(axes)
        order = [held.axes.index(axis) for axis in wanted]
        if order == list(range(held.rank)):
            return self.numbers(held.data)
        if held.is_known:
            return self.numbers(held.data.transpose(order))
        if order[0] != 0:
            raise UnsupportedError("it moves the axis of the rows, which has to stay the first")
        return layers.Permute(order[1:])(held.data)

    def numbers(self, data: Data) -> Data:
        """Return an array as numbers that ``fastnn.ops`` computes with."""
        if not isinstance(data, np.ndarray) or data.dtype in (np.float32, np.float64):
            return data
        if data.dtype.kind not in "biufV":
            raise UnsupportedError(f"it has {data.dtype} in place of numbers")
        return data.astype(np.float64 if data.dtype.kind in "biu" else self.dtype)

    def last(self, held: Held) -> Data:
        """Return images or sequences with their channels last."""
        return self.data(held, last_axes(held.rank))

    def together(self, *every: Held) -> tuple[list[Data], tuple[int, ...]]:
        """Return operands of a function of several numbers in one order of their axes, and that."""
        rank = max(held.rank for held in every)
        raised = [self._raised(held, rank) for held in every]
        lead = next((held for held in raised if not held.is_known), raised[0])
        return [self.data(held, lead.axes) for held in raised], lead.axes

    def _raised(self, held: Held, rank: int) -> Held:
        """Return something with axes of size 1 before those of the file."""
        more = rank - held.rank
        if not more:
            return held
        if held.is_known:
            return self.array(held.data.reshape((1,) * more + held.data.shape), held.type)
        moved = [axis + more for axis in held.axes]
        data = ops.expand_dims(held.data, list(range(1, 1 + more)))
        return Held(data, (moved[0], *range(more), *moved[1:]), held.type)

    def spread(self, held: Held, shape: Sequence[int]) -> Held:
        """Return what is known repeated to a shape, in which ROWS stands for the rows."""
        if self.sample is None or shape.count(ROWS) != 1:
            raise UnsupportedError("it depends on the number of rows in a way that fastnn has not")
        rows, rank = shape.index(ROWS), max(len(shape), held.rank)
        zeros = ops.full_like(_column(self.sample), 0.0)  # (rows, 1)
        axes = (rows, *(axis for axis in range(len(shape)) if axis != rows))
        wide = ops.reshape(zeros, (-1, *[1] * (len(shape) - 1)))
        whole = [1 if n == ROWS else n for n in shape]
        self.check_room(whole)
        sizes = self.array(np.ones(whole, self.dtype))
        data, order = self.together(Held(wide, axes, held.type), held, sizes)
        assert rank == len(order)
        made = self.made(ops.add(data[0], ops.multiply(data[1], data[2])), order, held.type)
        made.is_zero = not held.data.any()
        return made

    # ---- layers ----------------------------------------------------------------------------------

    def layer(
        self, kind: Any, node: OpNode, weights: Sequence[Any], *data: Any, **options: Any
    ) -> Any:
        """Return what a layer of weights makes of data."""
        made = kind(**options, name=self.name_of(node.name), dtype=self.dtype.name)
        result = made(*data)
        if weights:
            made.set_weights([np.asarray(a, self.dtype) for a in weights])
        if weights and not any(isinstance(each, Symbol) for each in data):
            result = made(*data)  # numbers were computed with other weights
        return result

    def name_of(self, label: str) -> str | None:
        """Return a name that a layer may have, of one in the file, ``None`` if nothing is left.

        None that layers are given by themselves, which might be those of other layers of the model.
        """
        known = re.sub(r"[^\w.\-]+", "_", label).strip("_")
        if re.sub(r"_\d+$", "", known) in _given_names():
            known = f"onnx.{known}"
        if not known:
            return None
        name, count = known, 0
        while name in self._names:
            count += 1
            name = f"{known}.{count}"
        self._names.add(name)
        return name

    # ---- graphs ----------------------------------------------------------------------------------

    def run(self, graph: Any) -> None:
        """Make something of all nodes of a graph, whose inputs are held.

        Raises:
            UnsupportedError: if fastnn has nothing for one; names it.
        """
        self._note_readers(graph)
        for tensor in graph.initializer:
            self.held[tensor.name] = self.tensor(tensor)
        for node in graph.node:
            if id(node) not in self.absorbed:
                self._convert(node)

    def run_body(self, graph: Any, inputs: Sequence[Held]) -> list[Held]:
        """Return what the body of a node makes of its inputs, and of what is held outside."""
        outer = dict(self.held)
        self.held |= {each.name: held for each, held in zip(graph.input, inputs, strict=True)}
        self.run(graph)
        results = [self.held[each.name] for each in graph.output]
        self.held = outer
        return results

    def _note_readers(self, graph: Any) -> None:
        """Note which nodes read each name, ``None`` for the outputs and bodies."""
        for each in graph.output:
            self._readers.setdefault(each.name, []).append(None)
        for node in graph.node:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    inner = (name for each in attribute.g.node for name in each.input)
                    for name in inner:
                        self._readers.setdefault(name, []).append(None)

    def next_node(self, name: str, kind: str) -> Any:
        """Return the node that alone reads ``name``, if it is of a kind, to be done with this."""
        readers = self._readers.get(name, ())
        return readers[0] if len(readers) == 1 and _is(readers[0], kind) else None

    def tensor(self, proto: Any) -> Held:
        """Return a tensor of the file."""
        return self.array(self.onnx.numpy_helper.to_array(proto), proto.data_type)

    def _convert(self, proto: Any) -> None:
        inputs = [self._found(name) for name in proto.input]
        attrs = {each.name: self._attribute(each) for each in proto.attribute}
        name = proto.name or next(iter(proto.output), "")
        version = self.versions.get(_domain(proto), 0)
        node = OpNode(proto.op_type, name, inputs, list(proto.output), attrs, version)
        try:
            if attrs.get("broadcast") and "axis" in attrs:
                raise UnsupportedError("before opset 7 it says along which axis it repeats")
            made = OPERATORS[full_kind(proto)](self, node)
        except (*_UNFIT, AssertionError) as error:
            reason = str(error) or type(error).__name__
            raise UnsupportedError(
                f"node {name[:60]!r} ({proto.op_type}): {reason}"[:330]
            ) from error
        results = [made] if isinstance(made, Held) else list(made)
        for each, held in zip(node.outputs, results, strict=False):
            if each and held is not None:
                self.held[each] = held

    def _found(self, name: str) -> Held | None:
        if not name:
            return None
        if name not in self.held:
            raise UnsupportedError(f"the file has nothing of the name {name[:60]!r}")
        return self.held[name]

    def _attribute(self, proto: Any) -> Any:
        value = self.onnx.helper.get_attribute_value(proto)
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        if isinstance(value, self.types):
            return self.tensor(value)
        if isinstance(value, list | tuple) and value and isinstance(value[0], bytes):
            return [each.decode("utf-8", "replace") for each in value]
        return value


#: What comes of operands and attributes that an operator did not expect.
_UNFIT = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


def _domain(proto: Any) -> str:
    return "" if proto.domain == "ai.onnx" else str(proto.domain)


def full_kind(proto: Any) -> str:
    """Return the key of a node's operator in the table."""
    domain = _domain(proto)
    return f"{domain}.{proto.op_type}" if domain else str(proto.op_type)


def _is(node: Any, kind: str) -> bool:
    return node is not None and node.op_type == kind and node.domain in ("", "ai.onnx")


@cache
def _given_names() -> frozenset[str]:
    """Return what the names begin with that layers are given where nobody names them."""
    return frozenset({*ops.__all__, *map(snake_case, layers.__all__)})


def _column(sample: Data) -> Data:
    """Return one number of each row."""
    for _ in sample.shape[2:]:
        sample = sample[(slice(None), 0)]
    if len(sample.shape) == 1:
        return ops.expand_dims(sample, 1)
    return sample[(slice(None), slice(0, 1))]


def last_axes(rank: int) -> tuple[int, ...]:
    """Return the axes of the file with the second one last."""
    return (0, *range(2, rank), 1) if rank > 2 else tuple(range(rank))
