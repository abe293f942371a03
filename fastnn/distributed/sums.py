"""Sums over the chunks of a batch in a fixed tree: ((0 + 1) + (2 + 3)) + ..., whoever has them.

Invariant: a rank has 2^k chunks that begin at a multiple of 2^k, so that their sum is a branch of
the tree; ranks then meet those next to them, pairs next to them, and so on up.  The lower branch is
the left operand of each addition.  So neither the number of ranks nor the order in which numbers
arrive changes a bit.
"""

from __future__ import annotations

import numpy as np

from fastnn import _core
from fastnn._typing import Array
from fastnn.distributed.mpi import MPI

__all__ = ["Tree"]

#: Bytes from which ranks share the additions instead of making all of them each: fewer bytes on the
#: way, in twice as many messages.
_LARGE = 1 << 16


class Tree:
    """Sums arrays of ``size`` numbers, one of each chunk, over all ranks.

    Args:
        ranks: the processes.
        size: the numbers of an array.
        dtype: their type.
    """

    def __init__(self, ranks: MPI, size: int, dtype: str):
        self._ranks = ranks
        depth = len(ranks.own_chunks).bit_length()
        self._stack = [_core.aligned_zeros(size, dtype) for _ in range(depth)]
        self._received = _core.aligned_zeros(size, dtype) if ranks.size > 1 else None
        self._top = self._count = 0

    @property
    def leaf(self) -> Array:
        """Where the numbers of the next chunk are to be written."""
        return self._stack[self._top]

    def grow(self) -> None:
        """Take the numbers of a chunk from ``leaf``."""
        self._top, self._count = self._top + 1, self._count + 1
        pairs = self._count
        while pairs % 2 == 0:
            self._top, pairs = self._top - 1, pairs // 2
            _add(self._stack[self._top - 1], self._stack[self._top])

    def total(self) -> Array:
        """Return the sum over all chunks, on all ranks, and begin anew; it lasts until then."""
        self._top = self._count = 0
        own, received = self._stack[0], self._received
        if received is not None:
            if own.nbytes > _LARGE and self._ranks.size > 2:
                self._sum_in_parts(own, received)
            else:
                self._sum_whole(own, received)
        return own

    def _sum_whole(self, own: Array, received: Array) -> None:
        """Let pairs of ranks, of pairs, ... exchange their sums."""
        distance, rank = 1, self._ranks.rank
        while distance < self._ranks.size:
            self._ranks.exchange(rank ^ distance, own, received)
            _meet(own, received, lower=not rank & distance)
            distance *= 2

    def _sum_in_parts(self, own: Array, received: Array) -> None:
        """Let each rank make the sums of a part of the numbers, and send it to all (Rabenseifner,
        "Optimization of collective reduction operations", 2004)."""
        rank, part, levels = self._ranks.rank, slice(0, own.size), list[tuple[slice, slice, int]]()
        distance = 1
        while distance < self._ranks.size:
            lower, other = not rank & distance, rank ^ distance
            kept, given = _halves(part, lower)
            self._ranks.exchange(other, own[given], received[kept])
            _meet(own[kept], received[kept], lower)
            levels.append((kept, given, other))
            part, distance = kept, 2 * distance
        for kept, given, other in reversed(levels):
            self._ranks.exchange(other, own[kept], own[given])


def _halves(part: slice, lower: bool) -> tuple[slice, slice]:
    """Return the half of a part that a rank keeps, and the one that it gives away."""
    middle = (part.start + part.stop) // 2
    halves = slice(part.start, middle), slice(middle, part.stop)
    return halves if lower else (halves[1], halves[0])


def _meet(own: Array, received: Array, lower: bool) -> None:
    """Let ``own`` be the sum of two branches, of which it is the lower or the upper."""
    if lower:
        _add(own, received)
    else:
        np.add(received, own, out=own)


def _add(lower: Array, upper: Array) -> None:
    np.add(lower, upper, out=lower)
