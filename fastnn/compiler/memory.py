"""The memory plan: lifetimes of temporaries -> offsets in one arena."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fastnn.compiler.graph import Node, Tensor

__all__ = ["Lifetime", "lifetimes", "plan"]

#: Bytes that every temporary starts at a multiple of: a cache line, and one vector.
ALIGN = 64

ITEM_BYTES = {"i32": 4, "i64": 8, "f64": 8}


@dataclass
class Lifetime:
    """A temporary is written at node ``first`` and read for the last time at node ``last``."""

    tensor: Tensor
    first: int
    last: int


def item_bytes(tensor: Tensor, real_bytes: int) -> int:
    """Return the bytes of one element."""
    return ITEM_BYTES.get(tensor.dtype, real_bytes)


def lifetimes(nodes: Iterable[Node]) -> list[Lifetime]:
    """Return the lifetime of every temporary; tensors that share memory live as one."""
    known: dict[Tensor, Lifetime] = {}
    for index, node in enumerate(nodes):
        for tensor in node.operands:
            if tensor is not None and tensor.root.home == "arena":
                life = known.setdefault(tensor.root, Lifetime(tensor.root, index, index))
                life.last = index
    return list(known.values())


def plan(nodes: Iterable[Node], rows: int, real_bytes: int) -> int:
    """Give every temporary an offset, in elements, such that no two that live at once overlap.

    The largest come first; each takes the lowest gap that is free for all of its life.

    Args:
        nodes: the program.
        rows: the most rows a batch will have.
        real_bytes: 4 or 8.

    Returns:
        The bytes of the arena.
    """
    lives = lifetimes(nodes)
    sizes = {id(x): _bytes(x.tensor, rows, real_bytes) for x in lives}
    placed: list[tuple[int, int, Lifetime]] = []
    for life in sorted(lives, key=lambda x: (-sizes[id(x)], x.first)):
        size = sizes[id(life)]
        start = _lowest_gap([p for p in placed if _overlap(p[2], life)], size)
        placed.append((start, start + size, life))
        life.tensor.offset = start // item_bytes(life.tensor, real_bytes)
    return max((end for _, end, _ in placed), default=0)


def _bytes(tensor: Tensor, rows: int, real_bytes: int) -> int:
    size = tensor.size.at(rows) * item_bytes(tensor, real_bytes)
    return -(-max(size, 1) // ALIGN) * ALIGN


def _overlap(a: Lifetime, b: Lifetime) -> bool:
    return a.first <= b.last and b.first <= a.last


def _lowest_gap(taken: list[tuple[int, int, Lifetime]], size: int) -> int:
    start = 0
    for begin, end, _ in sorted(taken, key=lambda p: p[:2]):
        if begin - start >= size:
            return start
        start = max(start, end)
    return start
