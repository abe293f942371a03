"""The memory plan: lifetimes of temporaries -> offsets in one arena."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fastnn.compiler.graph import Node, Tensor

__all__ = ["Lifetime", "Place", "lifetimes", "places", "plan"]

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


@dataclass(eq=False)
class Place:
    """Memory for temporaries that follow one another, each written over the one before."""

    lives: list[Lifetime]
    size: int

    @property
    def first(self) -> int:
        """The node from which on it is taken."""
        return self.lives[0].first

    @property
    def last(self) -> int:
        """The node up to which it is taken."""
        return self.lives[-1].last


def places(nodes: Sequence[Node], rows: int, real_bytes: int) -> list[Place]:
    """Return the places that the temporaries need.

    Where the table allows it, an output takes the place of an input that is read for the last time.
    """
    known: dict[Tensor, Place] = {}
    every = []
    for life in lifetimes(nodes):
        size = _bytes(life.tensor, rows, real_bytes)
        place = _vacated(nodes[life.first], life, size, known)
        if place is None:
            place = Place([], size)
            every.append(place)
        place.lives.append(life)
        known[life.tensor] = place
    return every


def _vacated(node: Node, life: Lifetime, size: int, known: Mapping[Tensor, Place]) -> Place | None:
    """Return the place of an input that ``life``, which ``node`` begins, may be written over."""
    for operand, output in zip(node.op.outputs, node.outputs, strict=False):
        if output is life.tensor:
            inputs = dict(zip((o.name for o in node.op.inputs), node.inputs, strict=True))
            for name in operand.over:
                tensor = inputs[name]
                place = known.get(tensor.root) if tensor is not None else None
                if place is not None and place.last == life.first and place.size == size:
                    return place
    return None


def plan(nodes: Sequence[Node], rows: int, real_bytes: int) -> int:
    """Give every temporary an offset, in elements, such that no two that live at once overlap.

    Each place takes the lowest gap that is free for all of its life, in two orders: the largest
    first, and those first that are large for long.  The better one counts.

    Args:
        nodes: the program.
        rows: the most rows a batch will have.
        real_bytes: 4 or 8.

    Returns:
        The bytes of the arena.
    """
    every = places(nodes, rows, real_bytes)
    plans = [
        _fill(sorted(every, key=lambda x: (-x.size, x.first))),
        _fill(sorted(every, key=lambda x: -x.size * (x.last - x.first + 1))),
    ]
    placed = min(plans, key=_end)
    for start, place in placed:
        for life in place.lives:
            life.tensor.offset = start // item_bytes(life.tensor, real_bytes)
    return _end(placed)


def _fill(order: Iterable[Place]) -> list[tuple[int, Place]]:
    placed: list[tuple[int, Place]] = []
    spans: list[tuple[int, int]] = []  # of nodes, of those that are placed
    for place in order:
        first, last = place.first, place.last
        taken = [p for p, (a, b) in zip(placed, spans, strict=True) if a <= last and first <= b]
        placed.append((_lowest_gap(taken, place.size), place))
        spans.append((first, last))
    return placed


def _end(placed: Iterable[tuple[int, Place]]) -> int:
    return max((start + place.size for start, place in placed), default=0)


def _bytes(tensor: Tensor, rows: int, real_bytes: int) -> int:
    size = tensor.size.at(rows) * item_bytes(tensor, real_bytes)
    return -(-max(size, 1) // ALIGN) * ALIGN


def _lowest_gap(taken: Iterable[tuple[int, Place]], size: int) -> int:
    start = 0
    for begin, place in sorted(taken, key=lambda p: p[0]):
        if begin - start >= size:
            return start
        start = max(start, begin + place.size)
    return start
