"""One op at a time through the compiled core and through its twin, on the same inputs.

Each operand has a buffer of its own, so that a test may place it where it likes; outputs begin as
NaN (integers as a number that no op writes), so that a place left out shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from fastnn import _core, config
from fastnn._typing import Array
from fastnn.compiler.bind import Compiled
from fastnn.compiler.graph import LENT, Graph, Tensor
from fastnn.compiler.program import Memory, Program
from fastnn.ops.table import Operand, table
from fastnn.reference.bounds import Outcome, bounds
from fastnn.reference.cases import CASES, Case
from fastnn.reference.inputs import draw
from fastnn.reference.interpreter import Interpreter

__all__ = ["POLICIES", "Place", "Stopped", "Trial", "aligned", "checked_ops", "poison", "ratio"]

#: What kernels compute in.
POLICIES = ("float32", "float64", "mixed_bfloat16")

#: Puts a copy of an array somewhere; the result has its shape and type and is contiguous.
Place = Callable[[Array], Array]

Bound = TypeVar("Bound", Compiled, Interpreter)

#: What the run of a case is keyed by, where the op draws random numbers.
_SEED, _EPOCH, _ORIGIN = 0x9E3779B97F4A7C15, 5, 977

_POISON = -77


def checked_ops(policy: str) -> list[str]:
    """Return the operations with cases whose kernels of ``policy`` are not those of another."""
    return [op for op in CASES if op in _core.kernels(policy)]


class Stopped(Exception):
    """A run ended before its rows were done.

    Args:
        status: why, as ``_core.Run`` says it.
        fault: the data that was refused.
    """

    def __init__(self, status: int, fault: tuple[int, int, int, float]):
        super().__init__(status, fault)


def aligned(array: Array) -> Array:
    """Return a copy that begins at a multiple of 64 bytes, as the arena's temporaries do."""
    copy = _core.aligned_zeros(array.size, array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def poison(shape: tuple[int, ...], dtype: np.dtype) -> Array:
    """Return an array that no op would write."""
    return np.full(shape, np.nan if dtype.kind == "f" else _POISON, dtype)


def ratio(actual: Array, expected: Array, bound: Array | None) -> float:
    """Return the largest error in units of its bound: 0 where equal or NaN in both, or where the
    bound is infinite, infinity where only one is finite, or where there is no bound.

    Results below the smallest normal number may be 0, so bounds are not below it.
    """
    if not actual.size:
        return 0.0
    with np.errstate(all="ignore"):
        same = (actual == expected) | ((actual != actual) & (expected != expected))
        error = np.abs(actual.astype(np.float64) - expected.astype(np.float64))
        allowed: Any = 0.0
        if bound is not None:
            same = same | (bound == np.inf)
            allowed = np.where(np.isfinite(bound), bound, 0) + np.finfo(expected.dtype).tiny
        ratios = np.where(same, 0, error / allowed)
    return float(np.where(np.isnan(ratios), np.inf, ratios).max())


class Trial:
    """A case in one precision.

    Args:
        case: the case.
        policy: ``"float32"``, ``"float64"`` or ``"mixed_bfloat16"``.
        seed: others give other numbers.
        inputs: instead of numbers drawn from the seed.
        watch: whether a watched mean that is not finite stops the run.
    """

    def __init__(
        self,
        case: Case,
        policy: str,
        seed: int = 0,
        inputs: Mapping[str, Array] | None = None,
        watch: bool = False,
    ):
        self.case, self.policy, self.seed, self.watch = case, policy, seed, watch
        self.dtype = np.dtype(config.real_dtype(policy))
        self.op = table()[case.op]
        self.inputs = dict(inputs or draw(case, self.dtype, seed))
        self.program = Program.of(self._graph(), case.rows, policy)

    def _graph(self) -> Graph:
        graph = Graph()
        tensors = [self._tensor(graph, operand) for operand in self.op.inputs]
        here = [o for o in self.op.outputs if o.name not in self.case.absent]
        outputs = graph.emit(
            self.op.name,
            *tensors,
            shapes={operand.name: self.case.shape(operand) for operand in here},
            absent=self.case.absent,
            ranks=self.case.ranks,
            **self.case.attrs,
        )
        for operand, tensor in zip(here, outputs, strict=True):
            tensor.name, tensor.home = operand.name, self._home(operand)
        return graph

    def _tensor(self, graph: Graph, operand: Operand) -> Tensor | None:
        if operand.name in self.case.absent:
            return None
        home = self._home(operand)
        return graph.place(operand.name, self.case.shape(operand), home, dtype=operand.dtype)

    def _home(self, operand: Operand) -> str:
        """Arrays of the caller are lent; every other operand has a home of its own."""
        if operand.dtype == "any":
            return "source"
        return operand.name

    # ---- running ---------------------------------------------------------------------------------

    def compiled(
        self,
        isa: str,
        threads: int = 1,
        place: Place = aligned,
        over: Mapping[str, str] | None = None,
    ) -> dict[str, Array]:
        """Return all operands after the kernel of ``isa`` ran.

        Args:
            isa: one of ``_core.isa_names()``.
            threads: the most threads it may use.
            place: where operands lie.
            over: the outputs that are written where an input lies, and that input.

        Raises:
            Stopped: if the run ended early.
        """
        return self._run(
            lambda memory: Compiled(self.program, memory, isa, threads), place, over or {}
        )

    @cached_property
    def expected(self) -> dict[str, Array]:
        """All operands after the twin ran."""
        return self._run(lambda memory: Interpreter(self.program, memory), aligned, {})

    def bound(
        self,
        bind: Callable[[Memory], Bound],
        place: Place = aligned,
        over: Mapping[str, str] | None = None,
    ) -> tuple[Bound, dict[str, Array]]:
        """Return what ``bind`` makes of memory of its own, ready to run, and all operands."""
        arrays = self._place(place)
        arrays |= {output: arrays[below] for output, below in (over or {}).items()}
        homes = {name: array.reshape(-1) for name, array in arrays.items() if name not in LENT}
        executable = bind(Memory(self.program, homes))
        executable.lend({name: arrays[name] for name in self.program.lent})
        return executable, arrays

    def _run(
        self, bind: Callable[[Memory], Any], place: Place, over: Mapping[str, str]
    ) -> dict[str, Array]:
        executable, arrays = self.bound(bind, place, over)
        run = self._core_run()
        status = executable.run(run)
        if status != _core.DONE:
            raise Stopped(status, run.fault)
        return arrays

    def _place(self, place: Place) -> dict[str, Array]:
        arrays = {name: place(array) for name, array in self.inputs.items()}
        for operand in self.op.outputs:
            if operand.alias is not None:
                arrays[operand.name] = arrays[operand.alias].reshape(self._filled(operand))
            elif operand.name not in self.case.absent:
                dtype = np.dtype(np.int32) if operand.dtype == "i32" else self.dtype
                arrays[operand.name] = place(poison(self._filled(operand), dtype))
        return arrays

    def _filled(self, operand: Operand) -> tuple[int, ...]:
        batches = self.case.steps if self._home(operand) in LENT else 1
        return self.case.filled(operand, self.case.rows * batches)

    def _core_run(self) -> _core.Run:
        rows = self.case.rows * self.case.steps
        order = _core.permutation(_SEED, _EPOCH, rows) if self.case.shuffled else None
        keys = {"epoch": _EPOCH, "seed": _SEED}
        run = _core.Run(rows, self.case.rows, order=order, watch=self.watch, **keys)
        run.origin = _ORIGIN
        return run

    # ---- judging ---------------------------------------------------------------------------------

    @cached_property
    def results(self) -> tuple[str, ...]:
        """The names of the operands that the op writes."""
        outputs = [o.name for o in self.op.outputs if o.name not in self.case.absent]
        return (*outputs, *(o.name for o in self.op.inputs if o.inplace and o.name in self.inputs))

    @cached_property
    def bounds(self) -> dict[str, Array]:
        """The largest error allowed in each result that need not be exact."""
        results = {name: self.expected[name] for name in self.results}
        u = float(np.finfo(self.dtype).eps) / 2
        return bounds(Outcome(self.case, self.inputs, results, u, self.policy))

    def ratio(self, arrays: Mapping[str, Array]) -> float:
        """Return the largest error of a result in units of its bound."""
        return max(
            ratio(arrays[name], self.expected[name], self.bounds.get(name)) for name in self.results
        )

    def spoilt(self, arrays: Mapping[str, Array]) -> list[str]:
        """Return the names of the inputs that were changed though the op only reads them."""
        read = (name for name in self.inputs if name not in self.results)
        return [name for name in read if arrays[name].tobytes() != self.inputs[name].tobytes()]

    def __str__(self) -> str:
        return f"{self.case} {self.policy}"
