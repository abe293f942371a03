"""Runtime: a model's buffers and its bound programs.

Programs are made when they are first needed, kept, and made anew only for larger batches.  Each has
an arena of its own; weights, gradients, slots and totals are shared by all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from fastnn import _core, config
from fastnn._typing import Array
from fastnn.compiler import lower
from fastnn.compiler.bind import Compiled, step_rows
from fastnn.compiler.graph import Graph, Shape, Tensor
from fastnn.compiler.program import Memory, Program
from fastnn.compiler.updates import RATES, counters
from fastnn.errors import ShapeError
from fastnn.objectives import Objective
from fastnn.optimizers import Optimizer
from fastnn.variables import MOVING, Parameters

Weighing = lower.Weighing

__all__ = ["Executable", "Runtime"]


class Executable(Protocol):
    """A program that can be run: compiled, or interpreted in NumPy."""

    program: Program
    memory: Memory
    packs: bool

    def lend(self, arrays: dict[str, Array]) -> None:
        """Take the arrays of the next run."""

    def pack(self, version: object) -> None:
        """Compute what depends on weights alone, unless it was done for this version of them."""

    def run(self, run: _core.Run) -> int:
        """Run; return why it came back."""
        ...

    def run_row(self, x: object, out: object) -> bool:
        """Run a prediction on one row, from and to where they lie; return whether that could be."""
        ...

    def run_rows(self, x: Array, out: Array) -> bool:
        """Do the same for all rows of an array."""
        ...


class Shelf:
    """The programs of one kind that nobody uses, and the rows of a step beyond which more do not
    pay, if there is such a number."""

    __slots__ = ("idle", "most")

    def __init__(self, most: int | None):
        self.idle: list[Executable] = []
        self.most = most

    def take(self) -> Executable | None:
        """Take a program away, if there is one: in one step, since others may do so, too."""
        try:
            return self.idle.pop()
        except IndexError:
            return None


class Loan:
    """A program that nobody else uses meanwhile; after an error nobody uses it again."""

    __slots__ = ("_executable", "_idle")

    def __init__(self, executable: Executable, idle: list[Executable]):
        self._executable, self._idle = executable, idle

    def __enter__(self) -> Executable:
        return self._executable

    def __exit__(self, kind: object, *error: object) -> None:
        if kind is None:
            self._idle.append(self._executable)


class Runtime:
    """What a built model runs on.

    Args:
        call: the model's layers.
        input_shapes: the shapes of its inputs.
        parameters: its variables.
        policy: what it computes in.
        objective: what training minimises and what is watched; ``None`` before ``compile``.
        optimizer: what changes the weights.
        eager: whether programs are run by the NumPy interpreter.
        kept_rows: the rows of every batch, where layers keep states from one to the next.
    """

    def __init__(
        self,
        call: lower.Call,
        input_shapes: Sequence[Shape],
        parameters: Parameters,
        policy: str,
        *,
        objective: Objective | None = None,
        optimizer: Optimizer | None = None,
        eager: bool = False,
        kept_rows: int | None = None,
    ):
        self.call, self.input_shapes, self.parameters = call, list(input_shapes), parameters
        self.kept_rows = kept_rows
        self.policy, self.dtype = policy, config.real_dtype(policy)
        self.objective, self.optimizer, self.eager = objective, optimizer, eager
        with MOVING:
            self._store = parameters.store
            self._store.followers.add(self)
            self.buffers = self._allocate()
        self._rate: float | None = None  # the constant one that the buffers hold, if they do
        self._shelves: dict[tuple[Any, ...], Shelf] = {}
        self._idle_rows: dict[tuple[bytes, int], list[Executable]] = {}

    def _allocate(self) -> dict[str, Array]:
        count, optimizer = self.parameters.trained, self.optimizer
        starts = optimizer.all_starts if optimizer else ()
        slots = _core.aligned_zeros(count * len(starts), self.dtype)
        slots.reshape(len(starts), count)[...] = np.reshape(starts, (len(starts), 1))
        buffers = {
            "params": self._store.buffer,
            "grads": _core.aligned_zeros(count, self.dtype),
            "slots": slots,
            "scalars": np.array(optimizer.scalars if optimizer else ()),
            "rates": np.zeros(RATES),
            "hyper": np.zeros(1),
            "step": np.zeros(counters(optimizer), np.int64),
        }
        if optimizer is not None:
            optimizer.watch(buffers, self.parameters)
        return buffers

    def copies(self, dtype: str) -> dict[str, Array]:
        """Return copies of the buffers, reals as ``dtype``, for a program on the side."""
        reals = ("params", "grads", "slots")
        return {
            home: buffer.astype(dtype if home in reals else buffer.dtype)
            for home, buffer in self.buffers.items()
        }

    def graph(self, mode: str, direct: bool = False, weighing: Weighing = ()) -> Graph:
        """Return the graph of ``"train"``, ``"gradients"``, ``"evaluate"``, ``"predict"`` or
        ``"proba"``; the last two may read samples where they lie (``direct``), the others weigh
        them (``weighing``: the shapes of the weights, by the index of the output)."""
        if mode == "predict":
            return lower.prediction(self.call, self.input_shapes, direct=direct)
        if mode == "proba":
            return lower.prediction(self.call, self.input_shapes, self._proba, direct)
        assert self.objective is not None
        if mode == "evaluate":
            graph, _ = lower.evaluation(
                self.call, self.input_shapes, self.objective, weighing=weighing
            )
            graph.emit_states()
            return graph
        optimizer = self.optimizer if mode == "train" else None
        return lower.training(
            self.call, self.input_shapes, self.objective, self.parameters, optimizer, weighing
        )

    def _proba(self, ys: Sequence[Tensor]) -> list[Tensor]:
        """Return the outputs as probabilities, where a loss knows how to make them."""
        losses = self.objective.losses if self.objective else (None,) * len(ys)
        return [loss.proba(y) if loss else y for loss, y in zip(losses, ys, strict=True)]

    def make(
        self,
        mode: str,
        rows: int,
        threads: int,
        direct: bool = False,
        weighing: Weighing = (),
    ) -> Executable:
        """Lower, plan and bind the program of ``mode`` for batches of at most ``rows`` rows."""
        with MOVING:
            return self._make(mode, rows, threads, direct, weighing)

    def _make(
        self, mode: str, rows: int, threads: int, direct: bool, weighing: Weighing
    ) -> Executable:
        """Make a program; it has totals of its own, so that one model can be evaluated by two
        threads, or by a callback in the middle of an epoch."""
        graph = self.graph(mode, direct, weighing)
        program = Program.of(graph, rows, self.policy, once=True)
        return self._bind(program, self.buffers, threads)

    def _bind(self, program: Program, buffers: dict[str, Array], threads: int) -> Executable:
        memory = Memory(program, buffers, keeps=True)
        if self.eager:
            from fastnn.reference.interpreter import Interpreter

            return Interpreter(program, memory)
        return Compiled(program, memory, config.isa(self.policy), threads)

    def make_halves(
        self, rows: int, weighing: Weighing = ()
    ) -> tuple[Executable, Executable, Array]:
        """Make the programs of a training step in two: of the gradients of at most ``rows`` rows,
        and of the updates; return them with what the first leaves for the second."""
        assert self.objective is not None
        assert self.optimizer is not None
        known = (self.call, self.input_shapes, self.objective, self.parameters, self.optimizer)
        threads = config.get_num_threads()
        with MOVING:
            gradients, updates, size = lower.halves(*known, weighing)
            left = _core.aligned_zeros(size, self.dtype)
            buffers = {**self.buffers, "grads": left}
            first = self._bind(Program.of(gradients, rows, self.policy), buffers, threads)
            second = self._bind(Program.of(updates, 1, self.policy), buffers, threads)
        return first, second, left

    def borrow(self, mode: str, rows: int, direct: bool = False, weighing: Weighing = ()) -> Loan:
        """Use a program of ``mode`` that nobody else uses meanwhile.

        One row has programs of its own: what is worth sharing in a batch is not in a row.

        Args:
            mode: as in ``graph``.
            rows: the most rows of a batch; a program that predicts may be of fewer.
            direct: as in ``graph``.
            weighing: as in ``graph``.
        """
        key = (mode, direct, rows == 1, weighing, _core.settings())
        if mode == "train" and self.optimizer is not None and self.optimizer.scheduled:
            key = ("scheduled", *key[1:])
        shelf = self._shelves.get(key) or self._shelf(key)
        if shelf.most is not None and rows > shelf.most:
            rows = shelf.most
        executable = shelf.take()
        if executable is None or executable.program.rows < rows:
            executable = self.make(mode, rows, config.get_num_threads(), direct, weighing)
        if executable.packs:
            executable.pack(self._version())
        return Loan(executable, shelf.idle)

    def _shelf(self, key: tuple[Any, ...]) -> Shelf:
        """Put up the shelf of ``key``; what a prediction says of a row does not depend on others,
        so it may take them in smaller steps."""
        mode, direct, single, *_ = key
        most = None
        if mode in ("predict", "proba") and not single and self.kept_rows is None:
            program = Program.of(self.graph(mode, direct), 1, self.policy, once=True)
            most = step_rows(program, config.get_num_threads())
        return self._shelves.setdefault(key, Shelf(most))

    def check_batches(self, who: str, count: int, rows: int) -> None:
        """Refuse batches of other rows than the states have that layers keep.

        Args:
            who: the method that was called.
            count: how many samples there are.
            rows: those of a batch.
        """
        kept = self.kept_rows
        if kept is not None and (rows != kept or count % kept):
            raise ShapeError(
                f"{who}: layers with stateful=True keep a state for each of the {kept} rows of a "
                f"batch, so every batch needs as many, got {count} samples in batches of {rows}; "
                "leave batch_size, and give a multiple of samples"
            )

    def follow(self) -> None:
        """Go where the weights have gone, since another model has joined them with others: the
        programs that knew where they were are made anew when they are next needed."""
        store = self.parameters.store
        self.buffers = {**self.buffers, "params": store.buffer}
        self._shelves, self._idle_rows = {}, {}
        self._store = store
        store.followers.add(self)

    def _version(self) -> tuple[int, int]:
        """Return what is another after every change of the weights: by a step, by assignment, by
        another model that shares them."""
        return int(self.buffers["step"][0]), self._store.changes

    def set_rates(self, steps: int) -> int:
        """Let the optimizer's rates count from the next step.

        Args:
            steps: that will run until this is called again.

        Returns:
            The steps whose rates are known, if these depend on the step: at most as many.
        """
        optimizer = self.optimizer
        assert optimizer is not None
        if self.set_constant_rate():
            return steps
        first, known = int(self.buffers["step"][0]), min(steps, RATES)
        rates = [optimizer.rate(step) for step in range(first, first + known)]
        self.buffers["rates"][np.arange(first, first + known) % RATES] = rates
        self.buffers["hyper"][0] = rates[0]
        self._rate = None
        return known

    def set_constant_rate(self) -> bool:
        """Let an assignment to ``optimizer.learning_rate`` count from the next step.

        Returns:
            Whether the rate is one that does not depend on the step.
        """
        optimizer = self.optimizer
        assert optimizer is not None
        if optimizer.scheduled:
            return False
        rate = optimizer.rate(0)
        if rate != self._rate:
            self.buffers["hyper"][0] = self._rate = rate
            self.buffers["rates"].fill(rate)
        return True

    def finish(self) -> None:
        """Let the weights become their average, if the optimizer keeps one."""
        optimizer, count = self.optimizer, self.parameters.trained
        if optimizer is None or not optimizer.use_ema or not self.buffers["step"][0]:
            return
        averages = self.buffers["slots"][len(optimizer.starts) * count :]
        for run in self.parameters.runs:
            average = averages[run.place : run.place + run.size]
            self.buffers["params"][run.offset : run.offset + run.size] = average
        self.trained()

    def trained(self) -> None:
        """Note that steps have changed the weights, for the other models that share them."""
        self._store.changes += 1

    def predict_row(self, x: object, out: object) -> bool:
        """Predict one row into ``out``, from and to where they lie.

        Returns:
            Whether it was done; it is not where an array has to be converted, or is refused.
        """
        key = _core.settings()  # quicker to get than what they amount to
        try:
            idle = self._idle_rows[key]
            executable = idle.pop()
        except LookupError:
            idle = self._idle_rows.setdefault(key, [])
            executable = self.make("predict", 1, config.get_num_threads(), direct=True)
        if executable.packs:
            executable.pack(self._version())
        done = executable.run_row(x, out)
        idle.append(executable)
        return done or self._predict_gathered(x, out)

    def predict_rows(self, x: Array, out: Array, rows: int) -> bool:
        """Do the same for all rows of an array, at most ``rows`` of them at once."""
        with self.borrow("predict", min(len(x), rows), direct=True) as executable:
            return executable.run_rows(x, out)

    def _predict_gathered(self, x: object, out: object) -> bool:
        """Predict a row whose numbers have to be converted."""
        with self.borrow("predict", 1) as executable:
            return executable.run_row(x, out)

    def logs(self, executable: Executable, totals: Array | None = None) -> dict[str, Any]:
        """Return the values of losses and metrics since a program's totals were last cleared.

        A penalty is part of the loss; where there is one, both parts are shown apart too.

        Args:
            executable: the program.
            totals: what it has summed up; ``None`` takes what it holds now.
        """
        assert self.objective is not None
        totals = executable.memory.buffers["totals"] if totals is None else totals
        return self.objective.logs(totals, executable.program.totals)
