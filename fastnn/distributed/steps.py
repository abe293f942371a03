"""A training step in chunks: gradients of each, their mean over all ranks, one update."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastnn import _core
from fastnn._typing import Array
from fastnn.distributed.mpi import MPI
from fastnn.distributed.sums import Tree
from fastnn.runtime import Executable, Runtime
from fastnn.training import SLICE_SECONDS, Data, drive

__all__ = ["Steps", "Totals", "evaluate"]


def cut(rows: int, chunks: int) -> list[int]:
    """Return where the chunks of ``rows`` rows begin, and the end: as equal as they can be."""
    return [rows * chunk // chunks for chunk in range(chunks + 1)]


class Totals:
    """Sums of losses and metrics in a program's ``totals``, kept for each chunk by itself, so that
    their sum is a fixed tree, too.

    Args:
        ranks: the processes.
        executable: the program.
    """

    def __init__(self, ranks: MPI, executable: Executable):
        self._ranks, self._memory = ranks, executable.memory
        self._fresh = np.concatenate(executable.program.totals)
        self._tree = Tree(ranks, self._fresh.size, "float64")
        self._sums = {chunk: np.zeros(self._fresh.size) for chunk in ranks.own_chunks}

    def begin(self) -> Array:
        """Begin a chunk; return where the program puts its sums."""
        self._memory.clear_totals()
        return self._memory.buffers["totals"]

    def take(self, chunk: int) -> None:
        """Add what the program has summed up since ``begin``."""
        with np.errstate(all="ignore"):
            self._sums[chunk] += self._memory.buffers["totals"]

    def sum(self) -> Array:
        """Return the sums over all chunks, on all ranks; what is not 0 at the beginning is no sum,
        but for the program to read."""
        with np.errstate(all="ignore"):
            for each in self._sums.values():
                self._tree.leaf[...] = each
                self._tree.grow()
            return np.where(self._fresh == 0, self._tree.total(), self._fresh)


class Steps:
    """Makes the steps of an epoch.

    Args:
        ranks: the processes.
        runtime: the model's.
        data: what it learns from; all of it, on each rank.
        batch: rows of a batch.

    Attributes:
        complaint: where the first loss was found that is not finite, on the rank that found it.
    """

    def __init__(self, ranks: MPI, runtime: Runtime, data: Data, batch: int):
        self._ranks, self._data = ranks, data
        rows = -(-batch // ranks.chunks)
        self._gradients, self._update, self._left = runtime.make_halves(rows, data.weighing)
        self._gradients.lend(data.lent)
        self._counts = runtime.objective is not None and len(runtime.objective.compared) == 1
        # behind the numbers, what the chunk counts, and whether its loss is not finite
        self._tree = Tree(ranks, self._left.size + 2, runtime.dtype)
        self.complaint = ""

    @property
    def listing(self) -> Sequence[object]:
        """The operations of a chunk and of an update, which the ranks have to agree on."""
        programs = self._gradients.program, self._update.program
        return [line for program in programs for line in program.listing()]

    @property
    def parts(self) -> Sequence[Array]:
        """What the totals of an epoch consist of."""
        return self._gradients.program.totals

    def begin(self, epoch: int, seed: int, order: Array | None) -> Totals:
        """Begin an epoch; return its totals."""
        self._key = {"epoch": epoch, "seed": seed, "order": order}
        self._totals = Totals(self._ranks, self._gradients)
        return self._totals

    def compute(self, first: int, rows: int, watch: bool) -> bool:
        """Leave the mean gradients of a batch, on all ranks.

        Args:
            first: the place of its first sample in the epoch.
            rows: how many samples it has.
            watch: whether to look for a loss that is not finite.

        Returns:
            Whether one was found, by any rank.
        """
        with np.errstate(all="ignore"):  # what is not finite passes; ``watch`` tells of it
            return self._compute(first, rows, watch)

    def _compute(self, first: int, rows: int, watch: bool) -> bool:
        ends = cut(rows, self._ranks.chunks)
        for chunk in self._ranks.own_chunks:
            leaf = self._tree.leaf
            if ends[chunk] == ends[chunk + 1]:
                leaf[...] = 0
            else:
                self._compute_chunk(chunk, first + ends[chunk], first + ends[chunk + 1], watch)
            self._tree.grow()
        total = self._tree.total()
        numbers, count, found = total[:-2], total[-2], total[-1]
        np.divide(numbers, count or 1, out=self._left)
        return bool(found)

    def _compute_chunk(self, chunk: int, begin: int, end: int, watch: bool) -> None:
        """Put the gradients of a chunk, times what it counts, in the tree's leaf."""
        totals, leaf, bad = self._totals.begin(), self._tree.leaf, False

        def on_nonfinite(executable: Executable, run: _core.Run) -> None:
            from fastnn.debug import first_nonfinite

            nonlocal bad
            bad = True
            self.complaint = self.complaint or first_nonfinite(executable, self._data.lent, run)
            run.watch = False

        run = _core.Run(end, end - begin, watch=watch, **self._key)  # type: ignore[arg-type]
        run.first = begin
        drive("fit", self._gradients, run, None, on_nonfinite)
        count = totals[1] if self._counts else end - begin
        np.multiply(self._left, self._left.dtype.type(count), out=leaf[:-2])
        leaf[-2:] = count, bad
        self._totals.take(chunk)

    def update(self) -> None:
        """Change the weights."""
        self._update.run(_core.Run(1, 1))


def evaluate(ranks: MPI, runtime: Runtime, data: Data, rows: int, who: str) -> dict[str, float]:
    """Return the means of loss and metrics over data that each rank measures a part of.

    Args:
        ranks: the processes.
        runtime: the model's.
        data: all of the data, on each rank.
        rows: rows of a batch.
        who: the method that was called, for messages.
    """
    ends = cut(len(data), ranks.chunks)
    with runtime.borrow("evaluate", min(rows, len(data)), weighing=data.weighing) as executable:
        executable.lend(data.lent)
        totals = Totals(ranks, executable)
        for chunk in ranks.own_chunks:
            totals.begin()
            run = _core.Run(ends[chunk + 1], rows, slice_seconds=SLICE_SECONDS, watch=False)
            run.first = ends[chunk]
            drive(who, executable, run)
            totals.take(chunk)
        assert runtime.objective is not None
        return runtime.objective.logs(totals.sum(), executable.program.totals)
