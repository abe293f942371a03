"""Finding where numbers stop being finite."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fastnn import _core
from fastnn._typing import Array
from fastnn.compiler.graph import Node
from fastnn.compiler.program import Memory
from fastnn.runtime import Executable

__all__ = ["first_nonfinite"]


def first_nonfinite(executable: Executable, sources: Mapping[str, Array], run: _core.Run) -> str:
    """Say which layer first computes a NaN or an infinity in the batch that ``run`` stands at.

    The batch is computed again by the NumPy interpreter, on copies of the model's buffers.

    Args:
        executable: the program that runs.
        sources: the caller's arrays.
        run: the run; its batch is looked at.
    """
    from fastnn.reference.interpreter import Interpreter

    program, buffers = executable.program, executable.memory.buffers
    memory = Memory(program, {home: buffer.copy() for home, buffer in buffers.items()})
    interpreter = Interpreter(program, memory)
    interpreter.lend(sources)
    if not np.isfinite(buffers["params"]).all():
        return "weights are not finite already"
    for node in program.nodes[: run.pc]:
        interpreter.execute(node, run)
        if _is_nonfinite(node, memory, run.rows):
            return _describe(node)
    return "no layer's output is, so the loss overflowed"


def _is_nonfinite(node: Node, memory: Memory, rows: int) -> bool:
    views = (memory.view(t, rows) for t in node.outputs if t is not None)
    return any(view.dtype.kind == "f" and not np.isfinite(view).all() for view in views)


def _describe(node: Node) -> str:
    if node.op.name == "gather":
        return "the data itself is not: look for NaN in x and y"
    return f"the first layer whose output is not is {node.layer!r}"
