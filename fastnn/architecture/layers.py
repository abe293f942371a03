"""Boxes in layers, with arrows that cross as little as may be, after Sugiyama.

(Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures",
1981.)  There is a main direction, in which arrows lead, and one across.  All sizes are in points.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Link", "Placed", "Size", "place"]

Point = tuple[float, float]

#: Points between boxes side by side, between an arrow that passes and a box, between ranks.
_BESIDE, _PASSING, _BETWEEN = 18.0, 10.0, 26.0
_SWEEPS = 12
#: How much a line that passes several ranks wants to be straight.
_STRAIGHT = 8.0


@dataclass(frozen=True)
class Size:
    """How much room a box needs, across and along the main direction."""

    across: float
    along: float


@dataclass(frozen=True)
class Link:
    """An arrow from one box to another, and where on them, from the middle of each, across."""

    source: int
    target: int
    at_source: float = 0.0
    at_target: float = 0.0


@dataclass
class Placed:
    """Where boxes and arrows are: points (across, along).

    Attributes:
        centres: of the boxes.
        routes: for each link, the points that it passes, two for each rank that it goes through.
        across: how much room all of it needs.
        along: likewise.
    """

    centres: list[Point]
    routes: list[list[Point]]
    across: float
    along: float


def place(
    sizes: Sequence[Size], links: Sequence[Link], first: Collection[int], last: Collection[int]
) -> Placed:
    """Return where boxes and arrows are.

    Args:
        sizes: of the boxes; those that arrows come from stand before those that they lead to.
        links: the arrows; one that leads back, or to where it comes from, goes around all boxes.
        first: boxes that have to be in the first rank.
        last: boxes that have to be in the last rank.
    """
    return _Layers(sizes, links, first, last).placed()


@dataclass(eq=False)
class _Item:
    """A box in its rank, or a place where an arrow passes through a rank."""

    rank: int
    size: Size
    is_box: bool
    x: float = 0.0
    above: list[_Joint] = field(default_factory=list)
    below: list[_Joint] = field(default_factory=list)


@dataclass(frozen=True)
class _Joint:
    """The end of a line: the item at the other end, where on both, and how straight it wants to
    be."""

    other: _Item
    here: float
    there: float
    weight: float


class _Layers:
    """Items in ranks; see ``place``."""

    def __init__(
        self,
        sizes: Sequence[Size],
        links: Sequence[Link],
        first: Collection[int],
        last: Collection[int],
    ):
        self.links, self._passing = links, dict[tuple[int, float], list[_Item]]()
        ranks = _ranks(len(sizes), links, first, last)
        self.boxes = [_Item(rank, size, True) for rank, size in zip(ranks, sizes, strict=True)]
        self.ranks: list[list[_Item]] = [[] for _ in range(max(ranks, default=-1) + 1)]
        for box in self.boxes:
            self.ranks[box.rank].append(box)
        self.ways = [self._way(link) for link in links]
        self._order()
        self._spread()

    def _way(self, link: Link) -> list[_Item]:
        """Return the items that a link leads through; those of one source share their way."""
        source, target = self.boxes[link.source], self.boxes[link.target]
        if target.rank <= source.rank:
            return []
        way = self._passing.setdefault((link.source, link.at_source), [source])
        while way[-1].rank < target.rank - 1:
            item = _Item(way[-1].rank + 1, Size(0.0, 0.0), False)
            self.ranks[item.rank].append(item)
            _join(way[-1], item, link.at_source if len(way) == 1 else 0.0, 0.0)
            way.append(item)
        end = way[: target.rank - source.rank]
        _join(end[-1], target, link.at_source if len(end) == 1 else 0.0, link.at_target)
        return [*end, target]

    # ---- order -----------------------------------------------------------------------------------

    def _order(self) -> None:
        """Put the items of each rank into the order with the fewest crossings that is found."""
        best, fewest = self._snapshot(), self._crossings()
        for sweep in range(_SWEEPS):
            if not fewest:
                break
            down = sweep % 2 == 0
            for rank in self.ranks if down else reversed(self.ranks):
                place = {item: at for near in self.ranks for at, item in enumerate(near)}
                rank.sort(key=lambda item: _middle(item, down, place))
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = self._snapshot(), crossings
        self.ranks = best

    def _snapshot(self) -> list[list[_Item]]:
        return [list(rank) for rank in self.ranks]

    def _crossings(self) -> int:
        """Return how many pairs of lines between neighbouring ranks cross."""
        count = 0
        for upper, lower in zip(self.ranks, self.ranks[1:], strict=False):
            place = {item: at for at, item in enumerate(lower)}
            seen: list[int] = []
            for item in upper:
                ends = [place[joint.other] for joint in item.below]
                count += sum(len(seen) - bisect_right(seen, end) for end in ends)
                for end in ends:
                    insort(seen, end)
        return count

    # ---- places ----------------------------------------------------------------------------------

    def _spread(self) -> None:
        """Move items of each rank to where their neighbours are, as far as there is room."""
        for rank in self.ranks:
            _settle(rank, [0.0] * len(rank), [1.0] * len(rank))
        for sides in [("above",), ("below",)] * _SWEEPS + [("above", "below")] * 40:
            for rank in self.ranks if sides[0] == "above" else reversed(self.ranks):
                wishes = [_wish(item, sides) for item in rank]
                _settle(rank, [x for x, _ in wishes], [weight for _, weight in wishes])

    def placed(self) -> Placed:
        """Return where boxes and arrows are."""
        left = min((i.x - i.size.across / 2 for rank in self.ranks for i in rank), default=0.0)
        right = max((i.x + i.size.across / 2 for rank in self.ranks for i in rank), default=0.0)
        heights = [max(item.size.along for item in rank) for rank in self.ranks]
        tops = np.cumsum([0.0, *(height + _BETWEEN for height in heights)]).tolist()
        middles = [top + height / 2 for top, height in zip(tops, heights, strict=False)]
        for rank in self.ranks:
            for item in rank:
                item.x -= left
        bands = [(top, top + height) for top, height in zip(tops, heights, strict=False)]
        around = _Around(right - left)
        routes = [
            _route(link, way, bands, middles) if way else around.route(link, self.boxes, middles)
            for link, way in zip(self.links, self.ways, strict=True)
        ]
        centres = [(box.x, middles[box.rank]) for box in self.boxes]
        return Placed(centres, routes, around.right, max(0.0, tops[-1] - _BETWEEN))


def _ranks(
    count: int, links: Sequence[Link], first: Collection[int], last: Collection[int]
) -> list[int]:
    """Return the rank of each box: one more than that of the last box before it; boxes that nothing
    leads to stand right before what comes after them."""
    onward = sorted({(link.source, link.target) for link in links if link.source < link.target})
    ranks, after = [0] * count, dict[int, list[int]]()
    for source, target in onward:
        ranks[target] = max(ranks[target], ranks[source] + 1)
        after.setdefault(source, []).append(target)
    led_to = {target for _, target in onward}
    for box in set(after) - led_to - set(first):
        ranks[box] = min(ranks[target] for target in after[box]) - 1
    deepest = max(ranks, default=0)
    for box in last:
        ranks[box] = deepest
    return ranks


def _join(upper: _Item, lower: _Item, at_upper: float, at_lower: float) -> None:
    passing = (not upper.is_box) + (not lower.is_box)
    weight = (1.0, _STRAIGHT / 4, _STRAIGHT)[passing]
    upper.below.append(_Joint(lower, at_upper, at_lower, weight))
    lower.above.append(_Joint(upper, at_lower, at_upper, weight))


def _middle(item: _Item, down: bool, place: dict[_Item, int]) -> float:
    """Return the mean place of an item's neighbours in the rank before; without any, its own."""
    joints = item.above if down else item.below
    if not joints:
        return place[item]
    return sum(place[joint.other] + 1e-3 * joint.there for joint in joints) / len(joints)


def _wish(item: _Item, sides: Sequence[str]) -> tuple[float, float]:
    """Return where an item would like to be, and how much."""
    joints = [joint for side in sides for joint in getattr(item, side)]
    weight = sum(joint.weight for joint in joints)
    if not joints:
        return item.x, 0.1
    wanted = sum(j.weight * (j.other.x + j.there - j.here) for j in joints)
    return wanted / weight, weight


def _settle(rank: Sequence[_Item], wishes: Sequence[float], weights: Sequence[float]) -> None:
    """Place the items of a rank side by side, the weighted squares of distances from their wishes
    least: a regression that goes up, by pooling neighbours that would overlap."""
    offsets, edge = [], 0.0
    for at, item in enumerate(rank):
        if at:
            before = rank[at - 1]
            gap = _BESIDE if before.is_box and item.is_box else _PASSING
            edge += (before.size.across + item.size.across) / 2 + gap
        offsets.append(edge)
    pools: list[tuple[float, float, int]] = []  # wish, weight, items
    for wish, weight, offset in zip(wishes, weights, offsets, strict=True):
        pool = (wish - offset, weight, 1)
        while pools and pools[-1][0] >= pool[0]:
            x, w, n = pools.pop()
            total = w + pool[1]
            pool = ((x * w + pool[0] * pool[1]) / total, total, n + pool[2])
        pools.append(pool)
    places = [x for x, _, n in pools for _ in range(n)]
    for item, x, offset in zip(rank, places, offsets, strict=True):
        item.x = x + offset


def _route(
    link: Link,
    way: Sequence[_Item],
    bands: Sequence[tuple[float, float]],
    middles: Sequence[float],
) -> list[Point]:
    """Return the points of a link: straight through ranks, from one to the next otherwise."""
    source, target = way[0], way[-1]
    begin, end = source.x + link.at_source, target.x + link.at_target
    bottom = middles[source.rank] + source.size.along / 2
    points = [(begin, bottom), (begin, bands[source.rank][1])]
    for item in way[1:-1]:
        points += [(item.x, bands[item.rank][0]), (item.x, bands[item.rank][1])]
    top = middles[target.rank] - target.size.along / 2
    return [*points, (end, bands[target.rank][0]), (end, top)]


class _Around:
    """The way of links that lead back: around all boxes, each on a line of its own."""

    def __init__(self, right: float):
        self.right = right

    def route(self, link: Link, boxes: Sequence[_Item], middles: Sequence[float]) -> list[Point]:
        """Return the points of a link."""
        self.right += _PASSING
        source, target = boxes[link.source], boxes[link.target]
        begin, end = source.x + source.size.across / 2, target.x + target.size.across / 2
        out = middles[source.rank] + source.size.along / 4
        back = middles[target.rank] - target.size.along / 4
        return [(begin, out), (self.right, out), (self.right, back), (end, back)]
