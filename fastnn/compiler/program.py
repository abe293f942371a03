"""A program: a fused and planned list of nodes, and the memory that its tensors live in.

Both interpreters, the compiled core and the NumPy reference, run a ``Program`` in the same
``Memory``; so parity compares like with like, and user code in Python sees the arena as arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from fastnn import _core, config
from fastnn._typing import Array
from fastnn.compiler.fusion import fuse
from fastnn.compiler.graph import LENT, STATE, Graph, Node, Tensor, format_shape
from fastnn.compiler.memory import item_bytes, plan
from fastnn.compiler.packing import HOME, pack_weights, split_constants

__all__ = ["Memory", "Program"]

_DTYPES: dict[str, np.dtype[Any]] = {
    "i32": np.dtype(np.int32),
    "i64": np.dtype(np.int64),
    "f64": np.dtype(np.float64),
}


@dataclass(frozen=True, eq=False)
class Program:
    """What both interpreters run.

    Attributes:
        nodes: the operations, in order.
        rows: the most rows a batch may have.
        policy: ``"float32"``, ``"float64"`` or ``"mixed_bfloat16"``, what it computes in.
        arena_bytes: the size of the arena.
        packing: what computes once what ``nodes`` read from ``packed``; ``None`` if nothing.
        packed: the elements of that.
        totals: what a run finds in ``totals``, in parts.
    """

    nodes: Sequence[Node]
    rows: int
    policy: str
    arena_bytes: int
    packing: Program | None = None
    packed: int = 0
    totals: tuple[Array, ...] = ()

    @classmethod
    def of(cls, graph: Graph, rows: int, policy: str, once: bool = False) -> Program:
        """Fuse and plan a graph for batches of at most ``rows`` rows.

        Args:
            graph: the graph.
            rows: the most rows of a batch.
            policy: what to compute in.
            once: whether what depends on weights alone becomes a program of its own, ``packing``,
                that is to be run whenever weights are new.
        """
        nodes, constants, packed = fuse(graph.nodes), list[Node](), 0
        if once and policy != "mixed_bfloat16":  # whose products pack for themselves
            nodes = pack_weights(nodes, rows)
        if once:
            constants, nodes, packed = split_constants(nodes)
        packing = cls(constants, 1, policy, 0) if constants else None
        real = np.dtype(config.real_dtype(policy))
        arena, totals = plan(nodes, rows, real.itemsize), tuple(graph.totals)
        return cls(nodes, rows, policy, arena, packing, packed, totals)

    @property
    def dtype(self) -> str:
        """The meaning of ``real``: ``"float32"`` or ``"float64"``."""
        return config.real_dtype(self.policy)

    @cached_property
    def lent(self) -> dict[str, Tensor]:
        """The tensors whose arrays a run gets from its caller, by name."""
        every = (t.root for node in self.nodes for t in node.operands if t is not None)
        return {tensor.name: tensor for tensor in every if tensor.home in LENT}

    @cached_property
    def commit(self) -> int:
        """The index of the first node that changes weights, or what an optimizer remembers; from
        there a step runs to its end."""
        lasting = ("params", "slots", "scalars", STATE)
        writes = (
            index
            for index, node in enumerate(self.nodes)
            if any(tensor.home in lasting for tensor in node.written)
        )
        return next(writes, len(self.nodes))

    @cached_property
    def bytes_held(self) -> int:
        """The bytes that a full batch touches, in the arena and the model's buffers."""
        real = np.dtype(self.dtype).itemsize
        every = (t for node in self.nodes for t in node.operands if t is not None)
        outside = {
            (t.root.home, t.root.offset): t.size.at(self.rows) * item_bytes(t, real)
            for t in every
            if t.root.home not in ("arena", *LENT)
        }
        return self.arena_bytes + sum(outside.values())

    def bytes_moved(self, node: Node, rows: int) -> int:
        """Return the bytes that ``node`` reads and writes in a batch of ``rows`` rows."""
        if any(operand.alias for operand in node.op.outputs):
            return 0
        real = np.dtype(self.dtype).itemsize
        return sum(t.size.at(rows) * item_bytes(t, real) for t in node.operands if t is not None)

    def listing(self) -> list[tuple[str, str, str]]:
        """Return (layer, operation, operands with shapes and places) of every node."""
        return [(node.layer, _title(node), _operands(node)) for node in self.nodes]


def _title(node: Node) -> str:
    shown = {k: v for k, v in node.attrs.items() if not callable(v) and v != "linear" and v == v}
    text = ", ".join(f"{k}={v}" for k, v in shown.items())
    return f"{node.op.name}({text})" if text else node.op.name


def _operands(node: Node) -> str:
    left, right = (
        " ".join(_operand(t) for t in side if t is not None) for side in (node.inputs, node.outputs)
    )
    return f"{left} -> {right}".strip()


def _operand(tensor: Tensor) -> str:
    place = "" if tensor.root.home in LENT else f"@{tensor.root.offset}"
    return f"{tensor.root.home}{place}{format_shape(tensor.shape, tensor.fold)}"


class Memory:
    """The buffers that a program's tensors live in.

    Args:
        program: the program.
        buffers: the model's buffers by home: ``params``, ``grads``, ``slots``, ...; without
            ``totals`` there, the program has its own.
        keeps: whether states that last from batch to batch are the layers' own, or copies.

    The arena is the program's own; arrays of the caller are lent for a run with ``lend``.

    Attributes:
        fresh: what sums and counts are at the start of a pass; ``None`` if there are none.
    """

    def __init__(self, program: Program, buffers: Mapping[str, Array], keeps: bool = False):
        self.program, self._keeps = program, keeps
        self.arena = _core.aligned_zeros(program.arena_bytes, "uint8")
        self.buffers = buffers
        self.fresh = np.concatenate(program.totals) if program.totals else None
        if self.fresh is not None and "totals" not in buffers:
            self.buffers = {**buffers, "totals": self.fresh.copy()}
        if program.packing is not None:
            packed = _core.aligned_zeros(program.packed, program.dtype)
            self.buffers = {**self.buffers, HOME: packed}
        self._lent: Mapping[str, Array] = {}
        self._constants: dict[Tensor, Array] = {}

    def clear_totals(self) -> None:
        """Begin sums and counts anew."""
        if self.fresh is not None:
            self.buffers["totals"][:] = self.fresh

    def dtype(self, tensor: Tensor) -> np.dtype[Any]:
        """Return the NumPy type of a tensor that is not lent."""
        return _DTYPES.get(tensor.dtype) or np.dtype(self.program.dtype)

    def base(self, tensor: Tensor) -> Array:
        """Return the flat array that begins where ``tensor`` begins."""
        root, dtype = tensor.root, self.dtype(tensor)
        if root.home == "arena":
            return self.arena[root.offset * dtype.itemsize :].view(np.uint8)
        if root.home == STATE and self._keeps:
            assert root.values is not None
            return root.values.reshape(-1)
        if root.values is not None:
            return self._constant(root, root.values)
        return self.buffers[root.home][root.offset :]

    def _constant(self, tensor: Tensor, values: Array) -> Array:
        if tensor not in self._constants:
            flat = _core.aligned_zeros(values.size, self.program.dtype)
            flat[...] = values.reshape(-1)
            self._constants[tensor] = flat
        return self._constants[tensor]

    def lend(self, arrays: Mapping[str, Array]) -> None:
        """Take the arrays of one run, by the names of their tensors."""
        self._lent = arrays

    def lent(self, tensor: Tensor) -> Array:
        """Return the caller's array for a ``source`` or ``out`` tensor."""
        return self._lent[tensor.name]

    def view(self, tensor: Tensor, rows: int, first: int = 0) -> Array:
        """Return ``tensor`` in a batch of ``rows`` rows, as an array that shares its memory.

        ``first`` is the batch's first row in the caller's arrays.
        """
        shape = tensor.concrete(rows)
        if tensor.root.home in LENT:
            return self.lent(tensor.root)[first : first + rows].reshape(shape)
        dtype, count = self.dtype(tensor), tensor.size.at(rows)
        flat = self.base(tensor)
        if flat.dtype != dtype:
            flat = flat[: count * dtype.itemsize].view(dtype)
        return flat[:count].reshape(shape)
