"""The listing of a model's program."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastnn import _core, config
from fastnn._typing import Array
from fastnn.compiler.bind import Compiled, shared
from fastnn.compiler.graph import Node, Tensor
from fastnn.compiler.program import Memory, Program

if TYPE_CHECKING:
    from fastnn.models import Model

__all__ = ["aligned", "explain"]

#: Profiling runs a program for about this long.
_PROFILE_STEPS = 20


def explain(model: Model, profile: bool, rows: int) -> str:
    """Return the listing of the model's program: that of a training step once it is compiled."""
    mode = "train" if model.loss is not None else "predict"
    graph = model.runtime.graph(mode, direct=True)
    program = Program.of(graph, rows, model.dtype_policy, once=True)
    head = [
        f"{model.name}: {mode}, {rows} rows, {program.policy}, {config.isa(program.policy)}, "
        f"{len(program.nodes)} operations, arena {program.arena_bytes:,} bytes, "
        f"{sum(node.flops(rows) for node in program.nodes):,} FLOPs a step"
    ]
    if program.packing is not None:
        head[0] += f", {len(program.packing.nodes)} more done once for new weights"
    titles = ["#", "layer", "operation", "operands", "threads", "FLOPs", "bytes"]
    table = [
        [str(index), *words, "all" if all_threads else "one", *_work(program, node, rows)]
        for index, (words, node, all_threads) in enumerate(
            zip(program.listing(), program.nodes, shared(program), strict=True)
        )
    ]
    if profile:
        titles += ["us", "GFLOP/s", "GB/s"]
        seconds = _profile(model, program, rows)
        for line, node, taken in zip(table, program.nodes, seconds, strict=True):
            line += _rates(taken, node.flops(rows), program.bytes_moved(node, rows))
        head[0] += f", {sum(seconds) * 1e6:.1f} us"
    right = {0, *range(5, len(titles))}
    return "\n".join([*head, *aligned([titles, *table], right)])


def _work(program: Program, node: Node, rows: int) -> list[str]:
    return [f"{node.flops(rows):,}", f"{program.bytes_moved(node, rows):,}"]


def _rates(seconds: float, flops: int, moved: int) -> list[str]:
    if not seconds:
        return ["0.00", "-", "-"]
    return [f"{seconds * 1e6:.2f}", f"{flops / seconds / 1e9:.2f}", f"{moved / seconds / 1e9:.2f}"]


def _profile(model: Model, program: Program, rows: int) -> list[float]:
    """Return the median seconds of each operation, on copies of the model's buffers."""
    memory = Memory(program, model.runtime.copies(model.dtype))
    compiled = Compiled(program, memory, config.isa(program.policy), config.get_num_threads())
    compiled.lend({name: _made_up(t, rows, program) for name, t in program.lent.items()})
    compiled.pack(None)
    taken = []
    compiled.profile()
    for _ in range(_PROFILE_STEPS):
        compiled.run(_core.Run(rows, rows, watch=False))
        taken.append(compiled.profile())
    return [float(seconds) for seconds in np.median(taken, axis=0)]


def _made_up(tensor: Tensor, rows: int, program: Program) -> Array:
    """Return data for a profile: small numbers that fit any layer, and the label 0."""
    shape = tensor.concrete(rows)
    labels = any(
        node.op.name == "gather_labels" and tensor in node.inputs for node in program.nodes
    )
    if labels:
        return np.zeros(shape, np.int64)
    values = np.linspace(0, 1, int(np.prod(shape)), dtype=program.dtype)
    return values.reshape(shape)


def aligned(rows: Iterable[Sequence[str]], right: set[int]) -> list[str]:
    """Return the rows as lines with aligned columns, a rule under the first."""
    table = list(rows)
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    lines = [
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]
    return [lines[0], "-" * (sum(widths) + 2 * len(widths) - 2), *lines[1:]]
