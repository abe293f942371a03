"""The graph: what a model computes, as a list of nodes in the order in which they run.

A tensor whose first axis is ``None`` has one entry for each row of the batch; nothing else is left
open until run time.  ``Graph.emit`` is the only way to add a node: it infers and checks every shape
from the table of operations, so that no later pass and no kernel has to.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastnn._typing import Array
from fastnn.errors import ShapeError
from fastnn.operators import Operators
from fastnn.ops.table import Op, Operand, table

if TYPE_CHECKING:
    from fastnn.variables import State, Variable

__all__ = ["Graph", "Node", "Shape", "Size", "Tensor", "concrete"]

Shape = tuple[int | None, ...]

#: The homes of tensors whose memory a caller lends for one run.
LENT = ("source", "out")
#: Memory that lasts from batch to batch, beside the weights.
STATE = "state"

#: The graph that is being composed in this thread.
_composed: ContextVar[Graph | None] = ContextVar("composed", default=None)


class Size(NamedTuple):
    """The size of an axis: ``base``, times the rows of the batch if ``per_row``, where one row of
    the batch may count as ``fold`` rows."""

    base: int
    per_row: bool
    fold: int = 1

    @property
    def whole(self) -> Size:
        """The same size with the fold in its base."""
        return Size(self.base * (self.fold if self.per_row else 1), self.per_row)

    def at(self, rows: int) -> int:
        """Return the size in a batch of ``rows`` rows."""
        return self.base * self.fold * rows if self.per_row else self.base


def concrete(shape: Shape, rows: int) -> tuple[int, ...]:
    """Return ``shape`` in a batch of ``rows`` rows."""
    return tuple(rows if d is None else d for d in shape)


def size_of(dims: Shape) -> Size:
    """Return the product of ``dims``."""
    return Size(math.prod(d for d in dims if d is not None), None in dims)


@dataclass(eq=False)
class Tensor(Operators):
    """A value of the graph.

    ``home`` says which buffer holds it: ``arena`` (a temporary), ``params``, ``grads``, ``slots``,
    ``totals``, ``hyper``, ``step`` (buffers of the model), or ``source`` and ``out`` (arrays of the
    caller).  ``offset`` is its place there, in elements; the memory plan sets it for the arena.
    ``constant`` is no buffer: such a tensor brings its ``values``, which nothing changes.

    ``mask`` says which steps of a sequence count: 1 or 0 for each, of the shape of the tensor
    without its last axis.  Layers pass it on (``Layer.compute_mask``).

    ``fold`` is how many rows there are for each row of the batch: the steps of a sequence may be
    rows for the layers inside of ``TimeDistributed``.
    """

    graph: Graph
    name: str
    shape: Shape
    dtype: str = "real"
    home: str = "arena"
    offset: int = 0
    producer: Node | None = None
    alias: Tensor | None = None
    mask: Tensor | None = None
    values: Array | None = None
    fold: int = 1

    @property
    def size(self) -> Size:
        """The number of elements."""
        return size_of(self.shape)._replace(fold=self.fold)

    def concrete(self, rows: int) -> tuple[int, ...]:
        """Return the shape in a batch of ``rows`` rows."""
        return concrete(self.shape, rows * self.fold)

    @property
    def root(self) -> Tensor:
        """The tensor whose memory this one shares, in the end."""
        return self if self.alias is None else self.alias.root

    def __repr__(self) -> str:
        return f"{self.name}{format_shape(self.shape, self.fold)}"


@dataclass(eq=False)
class Node:
    """One operation applied to tensors; absent optional operands are ``None``."""

    op: Op
    inputs: list[Tensor | None]
    outputs: list[Tensor | None]
    attrs: dict[str, Any]
    sizes: Mapping[str, Size]
    layer: str
    dims: Mapping[str, Shape] = field(default_factory=dict)

    @property
    def ranks(self) -> dict[str, int]:
        """How many dimensions each axis stands for."""
        return {axis: len(dims) for axis, dims in self.dims.items()}

    @property
    def operands(self) -> list[Tensor | None]:
        """Inputs, then outputs: the order of the table."""
        return [*self.inputs, *self.outputs]

    @property
    def fold(self) -> int:
        """How many of its rows there are for each row of the batch."""
        return max((t.fold for t in self.operands if t is not None), default=1)

    @property
    def written(self) -> list[Tensor]:
        """The outputs, and the inputs that are changed in place."""
        changed = (t for t, o in zip(self.inputs, self.op.inputs, strict=False) if o.inplace)
        return [t for t in (*self.outputs, *changed) if t is not None]

    def flops(self, rows: int) -> int:
        """Return the floating-point operations of a batch of ``rows`` rows."""
        return sum(
            factor * math.prod(self.sizes[letter].at(rows) for letter in letters)
            for factor, letters in self.op.flops
        )


def format_shape(shape: Shape, fold: int = 1) -> str:
    """Return a shape as people write it, with ``rows`` for the open axis, or so many of them."""
    rows = "rows" if fold == 1 else f"{fold} rows"
    return "(" + ", ".join(rows if d is None else str(d) for d in shape) + ")"


class Postponed(NamedTuple):
    """An operation that changes weights, to be emitted at the end of a training step."""

    layer: str
    name: str
    inputs: tuple[Tensor | Variable | None, ...]
    attrs: dict[str, Any]


@dataclass(eq=False)
class Graph:
    """The nodes of one program and the tensors that live outside of it.

    ``layer`` is the one whose call is being composed, ``training`` whether as in training, and
    ``dtype`` the precision of layers that are built on the way, ``None`` if all are.  ``notes`` are
    tensors that a layer makes once for all of its calls, by a key of its own.  ``fold`` is that of
    rows which are made of nothing.  ``batch_size`` is how many rows every batch has, if that is
    known.  ``builds`` is whether a layer is being built on the way.
    """

    nodes: list[Node] = field(default_factory=list)
    layer: str = ""
    training: bool = False
    dtype: str | None = None
    fold: int = 1
    batch_size: int | None = None
    builds: bool = False
    penalties: list[Tensor] = field(default_factory=list)
    totals: list[Array] = field(default_factory=list)
    notes: dict[Any, Tensor] = field(default_factory=dict)
    _parameters: dict[Variable, Tensor] = field(default_factory=dict)
    postponed: list[Postponed] = field(default_factory=list)
    _remembered: list[State] = field(default_factory=list)

    @property
    def parameters(self) -> Mapping[Variable, Tensor]:
        """The model's variables that the graph reads."""
        return self._parameters

    @property
    def growing(self) -> tuple[list[Any], ...]:
        """The nodes, and all else that layers add to."""
        return self.nodes, self.penalties, self.totals, self.postponed, self._remembered

    @contextmanager
    def scope(self, layer: str) -> Iterator[None]:
        """Attribute the nodes emitted inside to ``layer``; variables alone then find this graph."""
        outer, self.layer = self.layer, layer
        token = _composed.set(self)
        try:
            yield
        finally:
            _composed.reset(token)
            self.layer = outer

    @staticmethod
    def composed() -> Graph | None:
        """Return the graph that is being composed, if one is."""
        return _composed.get()

    @staticmethod
    @contextmanager
    def building() -> Iterator[None]:
        """Let weights have numbers inside, where a layer is built on the way."""
        graph = _composed.get() or Graph()
        outer, graph.builds = graph.builds, True
        try:
            yield
        finally:
            graph.builds = outer

    @contextmanager
    def mode(self, training: bool) -> Iterator[None]:
        """Let the layers called inside compute as in training, or not."""
        outer, self.training = self.training, training
        try:
            yield
        finally:
            self.training = outer

    @contextmanager
    def folding(self, fold: int) -> Iterator[None]:
        """Let one row of the batch count as ``fold`` rows in what is emitted inside."""
        outer, self.fold = self.fold, fold
        try:
            yield
        finally:
            self.fold = outer

    def parameter(self, variable: Variable) -> Tensor:
        """Return the tensor that stands for a variable of the model."""
        if variable not in self._parameters:
            self._parameters[variable] = self.place(
                variable.path, variable.shape, "params", variable.offset
            )
        return self._parameters[variable]

    def place(
        self, name: str, shape: Shape, home: str, offset: int = 0, dtype: str = "real"
    ) -> Tensor:
        """Return a tensor that lives in a buffer outside of the arena."""
        return Tensor(self, name, shape, dtype, home, offset)

    def constant(self, values: Array) -> Tensor:
        """Return a tensor that holds ``values``, whatever runs."""
        home = "constant"
        return Tensor(self, home, values.shape, home=home, values=np.array(values, np.float64))

    def emit(
        self,
        name: str,
        *inputs: Tensor | Variable | None,
        shapes: Mapping[str, Shape] | None = None,
        axes: Mapping[str, int] | None = None,
        absent: Sequence[str] = (),
        ranks: Mapping[str, int] | None = None,
        fold: int | None = None,
        **attrs: Any,
    ) -> list[Tensor]:
        """Append one operation and return its outputs.

        Args:
            name: the operation's name in the table.
            inputs: its operands; ``None`` for an optional one that is absent.
            shapes: the shapes of outputs that the signature leaves open, by operand name.
            axes: the sizes of axes that appear in outputs only, by letter.
            absent: the names of optional outputs that nobody wants.
            ranks: how many dimensions starred axes stand for, where an operand has several.
            fold: how many rows the outputs have for each of the batch; ``None``: as the inputs.
            attrs: the attributes of the operation.

        Raises:
            ShapeError: if an axis has two sizes; names operation, axis and both operands.
            TypeError: if an operand is missing that has to be there.
        """
        op = table()[name]
        tensors = [x if x is None or isinstance(x, Tensor) else self.parameter(x) for x in inputs]
        folds = (t.fold for t in tensors if t is not None and None in t.shape)
        binding = _Binding(op, self.layer, ranks or {}, fold or next(folds, self.fold))
        for operand, tensor in zip(op.inputs, tensors, strict=True):
            if tensor is not None:
                binding.bind(operand, tensor.shape, tensor.fold)
            elif not operand.optional:
                raise binding.missing(operand)
        binding.open(axes or {})
        outputs: list[Tensor | None] = [
            None if operand.name in absent else self._output(binding, operand, shapes or {})
            for operand in op.outputs
        ]
        node = Node(op, list(tensors), outputs, attrs, binding.sizes, self.layer, binding.dims)
        self._append(node)
        for operand, output in zip(op.outputs, outputs, strict=True):
            if output is not None and operand.alias is not None:
                names = [each.name for each in op.inputs]
                output.alias = tensors[names.index(operand.alias)]
        return [output for output in outputs if output is not None]

    def postpone(self, name: str, *inputs: Tensor | Variable | None, **attrs: Any) -> None:
        """Note an operation that changes weights: a training step ends with those, so that data
        which is refused has changed nothing, and no other list of operations has them."""
        self.postponed.append(Postponed(self.layer, name, inputs, attrs))

    def emit_postponed(self) -> None:
        """Append the operations that were noted."""
        for each in self.postponed:
            self._emit_in(each.layer, each.name, *each.inputs, **each.attrs)

    def _emit_in(self, layer: str, name: str, *inputs: Any, **attrs: Any) -> None:
        with self.scope(layer):
            self.emit(name, *inputs, **attrs)

    def recall(self, state: State) -> Tensor:
        """Return what a state has for each row of the batch: what this graph has last given it, or
        what the batch before left there.

        Args:
            state: (rows of every batch, ...); no weight of a model.
        """
        if state not in self.notes:
            shape = (None, *state.shape[1:])
            (self.notes[state],) = self.emit("recall", self._state(state), shapes={"y": shape})
        return self.notes[state]

    def remember(self, state: State, x: Tensor) -> None:
        """Let a state be ``x`` when the batch is done, for the next one."""
        self.notes[state] = x
        if state not in self._remembered:
            self._remembered.append(state)

    def emit_states(self) -> None:
        """Append what the states become: for a training step, an evaluation, a prediction."""
        for state in self._remembered:
            self._emit_in(state.layer, "remember", self.notes[state], self._state(state))

    def _state(self, state: State) -> Tensor:
        return Tensor(self, state.path, state.shape, home=STATE, values=state.storage)

    def total(self, start: Array) -> Tensor:
        """Return room in ``totals``, float64, that a run finds as ``start``."""
        offset = sum(each.size for each in self.totals)
        self.totals.append(start)
        name = f"total{len(self.totals) - 1}"
        return self.place(name, start.shape, "totals", offset, dtype="f64")

    def add_penalty(self, penalty: Tensor) -> None:
        """Note a tensor without axes that is added to the loss.

        Raises:
            TypeError: if it is something else.
            ShapeError: if it has axes.
        """
        if not isinstance(penalty, Tensor):
            raise TypeError(
                f"{self.layer}: a penalty is a tensor composed of fastnn.ops, got "
                f"{type(penalty).__name__}"
            )
        if penalty.shape != ():
            raise ShapeError(
                f"{self.layer or penalty.name}: a penalty is one number for a batch, a tensor "
                f"without axes, got {format_shape(penalty.shape)}; sum it, or take its mean"
            )
        self.penalties.append(penalty)

    def call_python(
        self, inputs: Sequence[Tensor | Variable], shapes: Sequence[Shape], **functions: Any
    ) -> list[Tensor]:
        """Append a call of user code and return its outputs.

        Args:
            inputs: what the function gets, as arrays.
            shapes: the shapes of what it returns.
            functions: ``function(*arrays)`` returns a list of arrays; ``backward``, if it is there,
                gets the gradients of the outputs, the inputs and the outputs, and returns the
                gradients of the inputs.
        """
        tensors = [self._kept(x) if isinstance(x, Tensor) else self.parameter(x) for x in inputs]
        outputs = [Tensor(self, f"{self.layer}.{i}", shape) for i, shape in enumerate(shapes)]
        op = table()["python_call"]
        self._append(Node(op, list(tensors), list(outputs), functions, {}, self.layer))
        return outputs

    def _kept(self, tensor: Tensor) -> Tensor:
        """Return a tensor whose memory is the program's own: user code sees no other."""
        if tensor.root.home not in LENT:
            return tensor
        return self.emit("activation_fwd", tensor, activation="linear")[0]

    def _append(self, node: Node) -> None:
        for output in node.outputs:
            if output is not None:
                output.producer = node
        self.nodes.append(node)

    def _output(self, binding: _Binding, operand: Operand, shapes: Mapping[str, Shape]) -> Tensor:
        shape = shapes.get(operand.name)
        if shape is not None:
            binding.bind(operand, shape, binding.fold)
        name = f"{self.layer}.{operand.name}" if self.layer else operand.name
        shape = binding.shape(operand) if shape is None else shape
        fold = binding.fold if None in shape else 1
        return Tensor(self, name, shape, operand.dtype, fold=fold)


class _Binding:
    """Sizes of one operation's axes, gathered operand by operand."""

    def __init__(self, op: Op, layer: str, ranks: Mapping[str, int], fold: int):
        self.op = op
        self.layer = layer
        self.fold = fold
        self._ranks = ranks
        self.sizes: dict[str, Size] = {}
        self.dims: dict[str, Shape] = {}
        self._seen: dict[str, tuple[Operand, Shape]] = {}

    def open(self, axes: Mapping[str, int]) -> None:
        """Take the sizes of axes that only outputs have."""
        for axis, size in axes.items():
            self.sizes[axis] = Size(size, False)
            self.dims[axis] = (size,)

    def bind(self, operand: Operand, shape: Shape, fold: int) -> None:
        """Match an operand's shape with its axes."""
        for axis, dims in self._split(operand, shape).items():
            size = size_of(dims)._replace(fold=fold).whole
            known = self.dims.setdefault(axis, dims)
            moved = known != dims and operand.alias is None  # only a reshape may differ in them
            if self.sizes.setdefault(axis, size) != size or moved:
                raise self._clash(axis, operand, shape)
            self._seen.setdefault(axis, (operand, shape))

    def shape(self, operand: Operand) -> Shape:
        """Return the shape of an operand whose axes are all known."""
        return tuple(d for axis in operand.axes for d in self.dims[axis])

    def _split(self, operand: Operand, shape: Shape) -> dict[str, Shape]:
        """Return the part of ``shape`` that each axis of the operand stands for."""
        several = len(operand.stars) > 1
        stars = {axis: self._rank(axis) if several else None for axis in operand.stars}
        ranks: dict[str, int | None] = {**dict.fromkeys(operand.axes, 1), **stars}
        open_axes = [axis for axis, rank in ranks.items() if rank is None]
        left = len(shape) - sum(rank or 0 for rank in ranks.values())
        if left < 0 or (left > 0 and not open_axes):
            raise ShapeError(
                f"{self._who()}: {operand.name} has shape {format_shape(shape)}, "
                f"expected {len(operand.axes)} axes [{','.join(operand.axes)}]"
            )
        parts, at = {}, 0
        for axis in operand.axes:
            known = ranks[axis]
            parts[axis] = shape[at : at + (left if known is None else known)]
            at += len(parts[axis])
        return parts

    def _rank(self, axis: str) -> int | None:
        """Return how many dimensions a starred axis stands for, if that is known."""
        if axis in self._ranks:
            return self._ranks[axis]
        return len(self.dims[axis]) if axis in self.dims else None

    def missing(self, operand: Operand) -> TypeError:
        """Return what is raised where an operand has to be there: kernels trust that it is."""
        return TypeError(f"{self._who()}: {operand.name} must be a tensor or an array, got None")

    def _who(self) -> str:
        return f"{self.layer}: {self.op.name}" if self.layer else self.op.name

    def _clash(self, axis: str, operand: Operand, shape: Shape) -> ShapeError:
        first, known = self._seen.get(axis, (operand, self.dims[axis]))
        before, now = self._extent(axis, first, known), self._extent(axis, operand, shape)
        return ShapeError(
            f"{self._who()}: axis {axis!r} is {before} in {first.name}{format_shape(known)} "
            f"but {now} in {operand.name}{format_shape(shape)}"
        )

    def _extent(self, axis: str, operand: Operand, shape: Shape) -> str:
        dims = self._split(operand, shape)[axis]
        return "x".join("rows" if d is None else str(d) for d in dims) or "1"
