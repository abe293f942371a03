"""Binding: a program and its memory -> the compiled core's list of kernels and addresses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from fastnn import _core
from fastnn._typing import Array
from fastnn.compiler.graph import Node, Size, Tensor
from fastnn.compiler.memory import item_bytes
from fastnn.compiler.program import LENT, Memory, Program
from fastnn.errors import ShapeError
from fastnn.ops.table import activation_names

__all__ = ["Compiled"]

#: A rough machine with one thread, only to decide what is worth sharing: FLOPs and bytes a second.
_FLOPS, _BYTES = 50e9, 10e9
#: Seconds of work from which an operation is shared by the threads; a barrier costs about a
#: microsecond.
_WORTH_SHARING = 15e-6
#: Bytes of an array from which it goes past the caches: twice the largest second-level caches, so that
#: its next reader would hardly find it there.
_FAR = 8 << 20
#: Seconds of work between two looks at the clock, which costs some 30 ns.
_BETWEEN_CLOCKS = 100e-6
#: Seconds of work up to which the prediction of a row keeps the GIL: what handing it on may cost.
_BRIEF = 20e-6


def seconds(program: Program, node: Node) -> float:
    """Estimate the time one thread takes for ``node`` in a full batch."""
    work = node.flops(program.rows) / _FLOPS
    return max(work, program.bytes_moved(node, program.rows) / _BYTES)


def is_shared(program: Program, node: Node) -> bool:
    """Return whether the threads share ``node``; else one does it while the others wait."""
    return seconds(program, node) > _WORTH_SHARING


def is_far(program: Program, node: Node) -> bool:
    """Return whether what ``node`` writes in a full batch is too large to stay in a cache."""
    real = np.dtype(program.dtype).itemsize
    kept = (t for t, o in zip(node.inputs, node.op.inputs, strict=False) if o.inplace)
    written = (t for t in (*node.outputs, *kept) if t is not None)
    return any(t.size.at(program.rows) * item_bytes(t, real) >= _FAR for t in written)


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
        self._lent: list[tuple[int, int, str]] = []
        for node in program.nodes:
            self._bind(node)
        step = sum(seconds(program, node) for node in program.nodes)
        clock_every = max(1, int(_BETWEEN_CLOCKS / max(step, 1e-7)))
        self._core.finish(clock_every, program.commit, step < _BRIEF)
        self._row = [self._row_shape(name) for name in ("x", "out")]

    def run(self, run: _core.Run) -> int:
        """Run until the rows are done, the slice is over or the run must stop; return why."""
        return self._core.run(run)

    def run_row(self, x: object, out: object) -> bool:
        """Run a prediction on one row, from and to where they lie; return whether that could be."""
        return self._core.run_row(x, out, *self._row)

    def profile(self) -> list[float]:
        """Switch profiling on; return the seconds spent in each node since the last call."""
        return self._core.profile()

    def lend(self, arrays: dict[str, Array]) -> None:
        """Take the arrays of the next run, by the names of their tensors."""
        self.memory.lend(arrays)
        for op, operand, name in self._lent:
            self._core.lend(op, operand, arrays[name])

    def _row_shape(self, name: str) -> tuple[int, ...]:
        tensor = self.program.lent.get(name)
        return tuple(d for d in tensor.shape if d is not None) if tensor else ()

    def _bind(self, node: Node) -> None:
        sizes = [node.sizes.get(axis, Size(0, False)) for axis in node.op.axes]
        index = self._core.add(
            node.op.code,
            [self._address(tensor) for tensor in node.operands],
            [size.base for size in sizes],
            sum(size.per_row << d for d, size in enumerate(sizes)),
            [_number(node.attrs.get(name, 0)) for name in node.op.attributes],
            is_shared(self.program, node),
            is_far(self.program, node),
            self._function(node),
        )
        for operand, tensor in enumerate(node.operands):
            if tensor is not None and tensor.home in LENT:
                self._lent.append((index, operand, tensor.name))

    def _address(self, tensor: Tensor | None) -> Array | None:
        return None if tensor is None or tensor.home in LENT else self.memory.base(tensor)

    def _function(self, node: Node) -> Callable[[int], None] | None:
        if node.op.name != "python_call":
            return None
        return partial(call_user, node, self.memory)


def _number(value: object) -> float:
    if callable(value):
        return 0.0  # user code is kept beside the core's list, by the index of its node
    if isinstance(value, str):
        return float(activation_names().index(value))
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
