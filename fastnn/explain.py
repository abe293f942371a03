"""The listing of a model's program."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import _core, config
from fastnn._typing import Array
from fastnn.compiler.bind import Compiled, shared
from fastnn.compiler.graph import Tensor
from fastnn.compiler.program import Memory, Program

if TYPE_CHECKING:
    from fastnn.models import Model

__all__ = ["Listing", "aligned", "listing"]

#: Profiling runs a program for about this long.
_PROFILE_STEPS = 20


@dataclass(repr=False)
class Listing:
    """A program as it is listed: as text, or as HTML in a notebook.

    Attributes:
        name: the model's.
        mode: which of its programs.
        program: the program.
        rows: of a batch.
        seconds: what each operation takes, if that was measured.
    """

    name: str
    mode: str
    program: Program
    rows: int
    seconds: list[float] | None

    def __repr__(self) -> str:
        """Return the listing for people."""
        titles, *table = self._table()
        return "\n".join([self._head(), *aligned([titles, *table], self._right(titles))])

    def _repr_html_(self) -> str:
        """Return the listing for a notebook."""
        from fastnn import notebook

        titles, *table = self._table()
        return notebook.listing(self._head(), titles, table, self._right(titles))

    def _table(self) -> list[list[str]]:
        """Return the titles of the columns, and a line for each operation."""
        titles = ["#", "layer", "operation", "operands", "threads", "FLOPs", "bytes"]
        table = [
            [str(index), *words, each, f"{flops:,}", f"{moved:,}"]
            for index, (words, each, flops, moved) in enumerate(self._lines())
        ]
        if self.seconds is not None:
            titles += ["us", "GFLOP/s", "GB/s"]
            for line, taken, (*_, flops, moved) in zip(
                table, self.seconds, self._lines(), strict=True
            ):
                line += _rates(taken, flops, moved)
        return [titles, *table]

    @staticmethod
    def _right(titles: Sequence[str]) -> set[int]:
        """Return the columns that stand at the right."""
        return {0, *range(5, len(titles))}

    def facts(self) -> dict[str, Any]:
        """Return the listing for JSON."""
        names = ("layer", "operation", "operands")
        operations = [
            {
                **dict(zip(names, words, strict=True)),
                "threads": each,
                "flops": flops,
                "bytes": moved,
            }
            for words, each, flops, moved in self._lines()
        ]
        for operation, taken in zip(operations, self.seconds or (), strict=False):
            operation["seconds"] = taken
        return {
            "mode": self.mode,
            "rows": self.rows,
            "dtype": self.program.policy,
            "isa": config.isa(self.program.policy),
            "arena_bytes": self.program.arena_bytes,
            "flops": self._flops(),
            "operations": operations,
        }

    def _lines(self) -> list[tuple[Sequence[str], str, int, int]]:
        """Return for each operation its words, the threads, FLOPs and bytes."""
        program, rows = self.program, self.rows
        return [
            (
                words,
                "all" if all_threads else "one",
                node.flops(rows),
                program.bytes_moved(node, rows),
            )
            for words, node, all_threads in zip(
                program.listing(), program.nodes, shared(program), strict=True
            )
        ]

    def _flops(self) -> int:
        return sum(node.flops(self.rows) for node in self.program.nodes)

    def _head(self) -> str:
        program = self.program
        head = (
            f"{self.name}: {self.mode}, {self.rows} rows, {program.policy}, "
            f"{config.isa(program.policy)}, {len(program.nodes)} operations, arena "
            f"{program.arena_bytes:,} bytes, {self._flops():,} FLOPs a step"
        )
        if program.packing is not None:
            head += f", {len(program.packing.nodes)} more done once for new weights"
        return head if self.seconds is None else f"{head}, {sum(self.seconds) * 1e6:.1f} us"


def listing(model: Model, profile: bool, rows: int, mode: str | None = None) -> Listing:
    """Return one of a model's programs, ``"train"`` or ``"predict"``, for listing; ``None`` is that
    of a training step once the model is compiled."""
    mode = mode or ("train" if model.loss is not None else "predict")
    graph = model.runtime.graph(mode, direct=True)
    program = Program.of(graph, rows, model.dtype_policy, once=True)
    seconds = _profile(model, program, rows) if profile else None
    return Listing(model.name, mode, program, rows, seconds)


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
