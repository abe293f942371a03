"""Binding: a program and its memory -> the compiled core's list of kernels and addresses."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from fastnn import _core
from fastnn._typing import Array
from fastnn.compiler.graph import LENT, Node, Size, Tensor
from fastnn.compiler.memory import item_bytes
from fastnn.compiler.program import Memory, Program
from fastnn.errors import ShapeError
from fastnn.ops.table import codes

__all__ = ["Compiled"]

#: A rough machine with one thread, only to decide what is worth sharing: FLOPs and bytes a second,
#: the latter in the cache and beyond, and the bytes that such a cache holds.
_FLOPS, _NEAR_BYTES, _FAR_BYTES, _CACHE = 100e9, 40e9, 20e9, 1 << 20
#: Seconds of work from which an operation is shared by the threads: some ten barriers.
_WORTH_SHARING = 7e-6
#: What a step must have to share, in units of the above, before other threads are woken for it.
_WORTH_WAKING = 15
#: The same where only threads take part that are awake anyway.
_WORTH_JOINING = 3
#: Bytes of an array from which it goes past the caches: twice the largest second-level caches, so
#: that its next reader would hardly find it there.
_FAR = 8 << 20
#: Seconds of work between two looks at the clock, which costs some 30 ns.
_BETWEEN_CLOCKS = 100e-6
#: Seconds of work up to which the prediction of a row keeps the GIL: what handing it on may cost.
_KEEPS_GIL = 20e-6


def seconds(program: Program) -> list[float]:
    """Estimate the time one thread takes for each node in a full batch."""
    near = program.bytes_held < _CACHE
    return [_node_seconds(program, node, near) for node in program.nodes]


def _node_seconds(program: Program, node: Node, near: bool) -> float:
    lent = any(t is not None and t.root.home in LENT for t in node.operands)
    rate = _NEAR_BYTES if near and not lent else _FAR_BYTES
    return max(node.flops(program.rows) / _FLOPS, program.bytes_moved(node, program.rows) / rate)


def shared(program: Program) -> list[bool]:
    """Return which nodes the threads share; the others one does while they wait."""
    return _sharing(program, seconds(program))


def _sharing(program: Program, times: list[float]) -> list[bool]:
    least = _WORTH_JOINING if _is_brief(program, times) else _WORTH_WAKING
    if _gain(times) <= least * _WORTH_SHARING:
        return [False] * len(times)
    # where ops are left out all threads have to see the same count of steps, as barriers let them
    marks = (node.op.name == "every" for node in program.nodes)
    return [each > _WORTH_SHARING or mark for each, mark in zip(times, marks, strict=True)]


def _is_brief(program: Program, times: list[float]) -> bool:
    """Return whether a run, of a row, is too short to wake threads that sleep."""
    return program.rows == 1 and _gain(times) <= _WORTH_WAKING * _WORTH_SHARING


def _gain(times: list[float]) -> float:
    """Return the time one thread takes for the nodes that are worth sharing."""
    return sum(each for each in times if each > _WORTH_SHARING)


def step_rows(program: Program, threads: int) -> int | None:
    """Return the rows of a step whose temporaries stay in the threads' caches.

    ``None`` where smaller steps do not pay: each reads all weights again.
    """
    once = sum(program.bytes_moved(node, 0) for node in program.nodes)
    a_row = sum(program.bytes_moved(node, 1) for node in program.nodes) - once
    held = max(program.arena_bytes // program.rows, 1)
    rows = max(_CACHE // held, 1) * threads
    saved = a_row * rows * (1 / _FAR_BYTES - 1 / _NEAR_BYTES)
    return rows if saved > once / _FAR_BYTES else None


def is_far(program: Program, node: Node) -> bool:
    """Return whether what ``node`` writes in a full batch is too large to stay in a cache."""
    real = np.dtype(program.dtype).itemsize
    return any(t.size.at(program.rows) * item_bytes(t, real) >= _FAR for t in node.written)


class Compiled:
    """A program bound to C kernels.

    Args:
        program: the program.
        memory: where its tensors live.
        isa: the instruction set whose kernels run it, one of
            ``_core.isa_names(program.policy)``.
        threads: the most threads it may use.
    """

    def __init__(self, program: Program, memory: Memory, isa: str, threads: int):
        self.program, self.memory = program, memory
        self._core = _core.Program(program.policy, isa, threads)
        self._lent = list(program.lent)
        times = seconds(program)
        for node, is_shared in zip(program.nodes, _sharing(program, times), strict=True):
            self._bind(node, is_shared)
        step = sum(times)
        clock_every = max(1, int(_BETWEEN_CLOCKS / max(step, 1e-7)))
        lents = itertools.chain.from_iterable(map(self._lents, itertools.count(), program.nodes))
        brief = _is_brief(program, times)
        self._core.finish(clock_every, program.commit, step < _KEEPS_GIL, list(lents), brief)
        self._row = _row(program)
        self._packing = Compiled(program.packing, memory, isa, threads) if program.packing else None
        self.packs = self._packing is not None
        self._packed_of: object = self  # no version

    def pack(self, version: object) -> None:
        """Compute what depends on weights alone, unless it was done for this version of them."""
        if self._packing is not None and version != self._packed_of:
            self._packing.run(_core.Run(1, 1))
            self._packed_of = version

    def run(self, run: _core.Run) -> int:
        """Run until the rows are done, the slice is over or the run must stop; return why."""
        return self._core.run(run)

    def run_row(self, x: object, out: object) -> bool:
        """Run a prediction on one row, from and to where they lie; return whether that could be."""
        return self._row is not None and self._core.run_rows(x, out, *self._row, 1, 1)

    def run_rows(self, x: Array, out: Array) -> bool:
        """Do the same for all rows of an array."""
        if self._row is None:
            return False
        shape, out_shape, direct = self._row
        rows = len(x)
        batch = min(rows, self.program.rows)
        return self._core.run_rows(x, out, (rows, *shape), (rows, *out_shape), direct, rows, batch)

    def profile(self) -> list[float]:
        """Switch profiling on; return the seconds spent in each node since the last call."""
        return self._core.profile()

    def lend(self, arrays: dict[str, Array]) -> None:
        """Take the arrays of the next run, by the names of their tensors."""
        self.memory.lend(arrays)
        self._core.lend([arrays[name] for name in self._lent])

    def _lents(self, index: int, node: Node) -> Iterator[tuple[int, int, int, int]]:
        """Yield (operation, operand, array, bytes of a row) of the operands that are the caller's.

        What is gathered has no such bytes: those kernels find rows by themselves.
        """
        real = np.dtype(self.program.dtype).itemsize
        for operand, tensor in enumerate(node.operands):
            if tensor is not None and tensor.root.home in LENT:
                row = (
                    0 if tensor.dtype == "any" else tensor.root.size.base * item_bytes(tensor, real)
                )
                yield index, operand, self._lent.index(tensor.root.name), row

    def _bind(self, node: Node, is_shared: bool) -> None:
        sizes = [node.sizes.get(axis, Size(0, False)) for axis in node.op.axes]
        self._core.add(
            node.op.code,
            [self._address(tensor) for tensor in node.operands],
            [size.base for size in sizes],
            sum(size.per_row << d for d, size in enumerate(sizes)),
            [_number(name, node.attrs.get(name, 0)) for name in node.op.attributes],
            is_shared,
            is_far(self.program, node),
            self._function(node),
        )

    def _address(self, tensor: Tensor | None) -> Array | None:
        return None if tensor is None or tensor.root.home in LENT else self.memory.base(tensor)

    def _function(self, node: Node) -> Callable[[int], None] | None:
        if node.op.name != "python_call":
            return None
        return partial(call_user, node, self.memory)


def _row(program: Program) -> tuple[tuple[int, ...], tuple[int, ...], bool] | None:
    """Return the shapes of a row of the only input and of the only output, and whether the input is
    read where it lies; ``None`` for a program that does not predict one from one."""
    if list(program.lent) != ["x0", "out0"]:
        return None
    x, out = (tuple(d for d in t.shape if d is not None) for t in program.lent.values())
    return x, out, program.lent["x0"].dtype == "real"


def _number(attribute: str, value: object) -> float:
    if callable(value):
        return 0.0  # user code is kept beside the core's list, by the index of its node
    if isinstance(value, str):
        return float(codes(attribute).index(value))
    return float(value)  # type: ignore[arg-type]


def call_user(node: Node, memory: Memory, rows: int) -> None:
    """Run a user's function on a batch and store what it returns.

    Raises:
        ShapeError: if it returns arrays of other shapes than the layer declared.
    """
    results = node.attrs["function"](*(_frozen(memory, t, rows) for t in node.inputs))
    places = [memory.view(t, rows) for t in node.outputs if t is not None]
    shapes = [np.shape(result) for result in results]
    if shapes != [place.shape for place in places]:
        raise ShapeError(
            f"{node.layer}.{node.attrs['function'].__name__}: expected "
            f"{', '.join(str(place.shape) for place in places)}, "
            f"returned {', '.join(map(str, shapes))}"
        )
    for place, result in zip(places, results, strict=True):
        place[...] = result


def _frozen(memory: Memory, tensor: Tensor | None, rows: int) -> Array:
    """Return an input of user code, which may read it but not change it."""
    assert tensor is not None
    view = memory.view(tensor, rows)
    view.flags.writeable = False
    return view
