"""The second interpreter: runs any program with the NumPy twins, in the same memory.

It is the definition of what a program means; the compiled core is compared with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastnn import _core, config
from fastnn._typing import Array
from fastnn.compiler.bind import call_user
from fastnn.compiler.graph import Node, Tensor
from fastnn.compiler.program import Memory, Program
from fastnn.reference.gathering import Refusal
from fastnn.reference.twins import TWINS

__all__ = ["Interpreter", "evaluate"]

#: The numbers of fnn_fault_kind.
_FAULTS = {"label_range": 1, "label_fraction": 2, "overflow": 3, "id": 4}


def evaluate(
    node: Node, run: Any, inputs: Sequence[Array | None], rows: int, policy: str
) -> list[Array]:
    """Return the outputs of ``node``, computed by its twin.

    Args:
        node: the operation.
        run: order, first, rows, epoch and seed of the run.
        inputs: its inputs, ``None`` where absent; those flagged ~ are changed.
        rows: the rows of the batch.
        policy: what the program computes in.
    """
    dtype = np.dtype(config.real_dtype(policy))
    attrs: dict[str, Any] = {axis: size.at(rows) for axis, size in node.sizes.items()}
    attrs |= {"real": dtype, "dtype": dtype, "policy": policy, **node.attrs}
    attrs["shape"] = next((t.concrete(rows) for t in node.outputs if t is not None), ())
    outputs = TWINS[node.op.name](run, attrs, *inputs)
    if outputs is None:
        return []
    return list(outputs) if isinstance(outputs, tuple) else [outputs]


class Interpreter:
    """Runs a program in NumPy; a drop-in for the compiled one.

    Args:
        program: the program.
        memory: where its tensors live.
    """

    def __init__(self, program: Program, memory: Memory):
        self.program, self.memory = program, memory
        self._packing = Interpreter(program.packing, memory) if program.packing else None
        self.packs = self._packing is not None

    def pack(self, version: object) -> None:
        """Compute what depends on weights alone."""
        if self._packing is not None:
            self._packing.run(_core.Run(1, 1))

    def lend(self, arrays: Mapping[str, Array]) -> None:
        """Take the arrays of the next run, by the names of their tensors."""
        self.memory.lend(arrays)

    def run(self, run: _core.Run) -> int:
        """Run until the rows are done or the run must stop; return why."""
        while run.pc or run.first < run.total or run.next_epoch():
            if run.pc == 0:
                run.rows = min(run.batch, run.total - run.first)
            status = self._step(run)
            if status != _core.DONE:
                return status
            run.first += run.rows
            run.pc = 0
        return _core.DONE

    def run_row(self, x: object, out: object) -> bool:
        """Run no row by a shorter way: there is none here."""
        return False

    run_rows = run_row

    def _step(self, run: _core.Run) -> int:
        """Run the rest of one step; return why it ended."""
        while run.pc < len(self.program.nodes):
            index = run.pc
            run.pc = self._after(index, run)
            try:
                self.execute(self.program.nodes[index], run)
            except Refusal as refusal:
                run.fault = (_FAULTS[refusal.kind], index, refusal.row, refusal.value)
                return _core.FAULT
            if run.watch and self._not_finite(self.program.nodes[index], run):
                return _core.NONFINITE
        return _core.DONE

    def _after(self, index: int, run: _core.Run) -> int:
        """Return the operation after ``index``: `every` leaves those up to `resume` out."""
        node, after = self.program.nodes[index], index + 1
        if node.op.name != "every":
            return after
        (step,) = node.inputs
        assert step is not None
        if (int(self.memory.view(step, run.rows)[0]) + 1) % node.attrs["period"] == 0:
            return after
        nodes = self.program.nodes
        while after < len(nodes) and nodes[after].op.name != "resume":
            after += 1
        return after

    def execute(self, node: Node, run: _core.Run) -> None:
        """Run one operation on the batch that ``run`` stands at."""
        rows = run.rows
        if node.op.name == "python_call":
            call_user(node, self.memory, rows)
        elif node.op.name != "reshape":
            inputs = [None if t is None else self._array(t, run) for t in node.inputs]
            outputs = evaluate(node, run, inputs, rows, self.program.policy)
            for tensor, value in zip(node.outputs, outputs, strict=True):
                if tensor is not None:
                    self.memory.view(tensor, rows, run.first)[...] = value

    def _array(self, tensor: Tensor, run: _core.Run) -> Array:
        if tensor.dtype == "any":  # the twin finds rows by itself
            return self.memory.lent(tensor)
        return self.memory.view(tensor, run.rows, run.first)

    def _not_finite(self, node: Node, run: _core.Run) -> bool:
        """Whether ``node`` is a watched total and the batch's mean is not finite."""
        if not node.attrs.get("watched"):
            return False
        v, w = (None if t is None else self.memory.view(t, run.rows) for t in node.inputs[:2])
        assert v is not None
        with np.errstate(all="ignore"):
            total = (v if w is None else v * w).sum(dtype=np.float64)
        return not np.isfinite(total)
