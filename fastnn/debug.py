"""Finding where numbers stop being finite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import _core, training
from fastnn._typing import Array
from fastnn.compiler.graph import Graph, Node, concrete
from fastnn.compiler.program import Memory, Program
from fastnn.runtime import Executable

if TYPE_CHECKING:
    from fastnn.models.trainer import Trainer
    from fastnn.reference.interpreter import Interpreter

__all__ = ["NonFinite", "find_nonfinite", "first_nonfinite"]

#: The size of weights that no training means to reach.
_DIVERGED = 1e8


@dataclass(frozen=True)
class NonFinite:
    """The first place where a batch has a NaN or an infinity.

    Attributes:
        kind: ``"weights"``, ``"data"``, ``"layer"``, ``"loss"`` or ``"gradient"``: what of.
        name: the weight's path, the data's name as the message of ``fit`` has it, or the layer.
        rows: the first samples that have one, at most ten; empty for weights and their gradients.
    """

    kind: str
    name: str
    rows: tuple[int, ...] = ()


def find_nonfinite(model: Trainer, x: Any, y: Any = None) -> NonFinite | None:
    """Return where the first NaN or infinity is, in the weights, the data, or what is computed.

    The batch is computed by the NumPy reference, operation by operation, on copies of the weights.

    Args:
        model: the model; with ``y``, compiled.
        x: samples, a batch of them, (rows, ...).
        y: their targets.  With them the model is looked at in the mode of training, and so are
            losses and gradients; ``None`` looks at what ``predict`` computes.

    Returns:
        The place; ``None`` if all numbers are finite.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1, name="last")])
        >>> fastnn.debug.find_nonfinite(model, [[1.0, 2.0], [3.0, float("nan")]])
        NonFinite(kind='data', name='x', rows=(1,))
    """
    from fastnn.reference.interpreter import Interpreter

    graph, lent, rows = _batch(model, x, y)
    spoilt = (v.path for v in model.weights if not np.isfinite(v.value).all())
    if (path := next(spoilt, None)) is not None:
        return NonFinite("weights", path)
    runtime = model.runtime
    program = Program.of(graph, rows, runtime.policy)
    interpreter = Interpreter(program, Memory(program, runtime.copies(runtime.dtype)))
    interpreter.lend(lent)
    run = _core.Run(rows, rows, seed=model.seed, watch=False)
    run.rows = rows
    kinds = _kinds(program.nodes)
    index = _first(interpreter, run, len(program.nodes))
    if index is None:
        return None
    node = program.nodes[index]
    return NonFinite(kinds[index], _name(node, model), _rows(node, interpreter.memory, rows))


def _batch(model: Trainer, x: Any, y: Any) -> tuple[Graph, dict[str, Array], int]:
    """Return what computes the batch, and the batch."""
    who = "find_nonfinite"
    if y is None:
        model._build_for(who, x)
        runtime, xs = model.runtime, training.check_samples(who, model, x)
        shapes = (concrete(shape, len(xs[0])) for shape in model.output_shapes)
        outs = [np.empty(shape, runtime.dtype) for shape in shapes]
        lent = {**training.named("x", xs), **training.named("out", outs)}
        return runtime.graph("predict"), lent, len(xs[0])
    runtime = model._compiled(who, x)
    data = training.check_data(who, model, runtime, x, y)
    return runtime.graph("gradients"), data.lent, len(data)


def _kinds(nodes: Sequence[Node]) -> list[str]:
    """Return what each node computes; behind the first node of the loss come gradients."""
    kinds: list[str] = []
    for node in nodes:
        if node.op.name.startswith("gather"):
            kinds.append("data")
        elif node.layer == "loss":
            kinds.append("loss")
        else:
            kinds.append("gradient" if "loss" in kinds else "layer")
    return kinds


def _name(node: Node, model: Trainer) -> str:
    """Return the name of the data that a node reads, or the layer that it belongs to."""
    source = node.inputs[0]
    if source is None or source.home != "source":
        return node.layer
    several = len(model.inputs if source.name.startswith("x") else model.outputs) > 1
    return source.name if several else source.name[0]


def _rows(node: Node, memory: Memory, rows: int) -> tuple[int, ...]:
    """Return the first samples of which a node computes a number that is not finite."""
    outputs = (t for t in node.outputs if t is not None and t.shape[:1] == (None,))
    bad = np.zeros(rows, bool)
    for view in (memory.view(t, rows) for t in outputs):
        if view.dtype.kind == "f":
            bad |= ~np.isfinite(view).reshape(rows, -1).all(axis=1)
    return tuple(np.flatnonzero(bad)[:10].tolist())


def _first(interpreter: Interpreter, run: _core.Run, end: int) -> int | None:
    """Compute the nodes before ``end``; return the first with a number that is not finite."""
    for index, node in enumerate(interpreter.program.nodes[:end]):
        interpreter.execute(node, run)
        if _is_nonfinite(node, interpreter.memory, run.rows):
            return index
    return None


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
    if not np.isfinite(buffers["params"]).all():
        return "weights are not finite already"
    memory = Memory(program, {home: buffer.copy() for home, buffer in buffers.items()})
    interpreter = Interpreter(program, memory)
    interpreter.lend(sources)
    index = _first(interpreter, run, run.pc)
    if index is None:
        return "no layer's output is, so the loss overflowed"
    node = program.nodes[index]
    if node.attrs.get("scaled"):
        return "x, or what it is rescaled to, is not either: look for NaN in x, and at the scale"
    if node.op.name.startswith("gather"):
        return "x or y has NaN or infinity in it: look for NaN in both"
    largest = np.abs(buffers["params"]).max(initial=0)
    grown = f", and weights are as large as {largest:.0e} already" if largest > _DIVERGED else ""
    return f"the first layer whose output is not is {node.layer!r}{grown}"


def _is_nonfinite(node: Node, memory: Memory, rows: int) -> bool:
    views = (memory.view(t, rows) for t in node.outputs if t is not None)
    return any(view.dtype.kind == "f" and not np.isfinite(view).all() for view in views)
