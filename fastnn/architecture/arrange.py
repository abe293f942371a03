"""Where on the paper the boxes, groups and arrows of a scheme are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fastnn.architecture.layers import Link, Placed, Point, Size, place
from fastnn.architecture.scheme import Box, Group, Scheme

__all__ = ["Frame", "Layout", "Line", "arrange"]

#: Points around what is in a group.
_PADDING = 12.0


@dataclass(frozen=True)
class Frame:
    """A box or a group on the paper: points from the left and from the top."""

    node: Box | Group
    left: float
    top: float
    width: float
    height: float

    def moved(self, x: float, y: float) -> Frame:
        """Return it at another place."""
        return Frame(self.node, self.left + x, self.top + y, self.width, self.height)


@dataclass(frozen=True)
class Line:
    """An arrow on the paper.

    Attributes:
        points: it is straight between the first two, bent to the next, straight again, and so on.
        has_head: whether it leads to a box, and not to the border of a group.
        is_around: whether it leads back around all boxes, straight everywhere.
    """

    points: list[Point]
    has_head: bool
    is_around: bool

    def moved(self, x: float, y: float) -> Line:
        """Return it at another place."""
        points = [(left + x, top + y) for left, top in self.points]
        return Line(points, self.has_head, self.is_around)


@dataclass
class Layout:
    """A scheme on the paper.

    Attributes:
        width: points.
        height: points.
        frames: those of groups stand before those of what is in them.
        lines: the arrows.
        inputs: where the inputs are, across the main direction.
        outputs: where the outputs are.
    """

    width: float
    height: float
    frames: list[Frame] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    inputs: list[float] = field(default_factory=list)
    outputs: list[float] = field(default_factory=list)


def arrange(scheme: Scheme, rankdir: str, measure: Callable[[Box | Group], Point]) -> Layout:
    """Return a scheme on the paper.

    Args:
        scheme: what to draw.
        rankdir: where arrows lead: ``"TB"``, ``"BT"``, ``"LR"`` or ``"RL"``.
        measure: returns the width and height of a box, or of the title of a group, in points.
    """
    return _Arrangement(scheme, rankdir, measure, is_inner=False).layout()


class _Arrangement:
    """A scheme, and the schemes inside of it; see ``arrange``."""

    def __init__(
        self,
        scheme: Scheme,
        rankdir: str,
        measure: Callable[[Box | Group], Point],
        is_inner: bool,
    ):
        self.scheme, self.rankdir, self.measure = scheme, rankdir, measure
        self.is_vertical = rankdir in ("TB", "BT")
        self.at = {node: at for at, node in enumerate(scheme.nodes)}
        self.inner = {
            node: _Arrangement(node.inner, rankdir, measure, is_inner=True).layout()
            for node in scheme.nodes
            if isinstance(node, Group)
        }
        self.sizes = [self._size(node) for node in scheme.nodes]
        self.ends = scheme.outputs if is_inner else []
        self.placed = self._place(is_inner)

    def _size(self, node: Box | Group) -> Point:
        """Return width and height."""
        width, height = self.measure(node)
        if isinstance(node, Box):
            return width, height
        inside = self.inner[node]
        wide = max(width, inside.width + 2 * _PADDING)
        return wide, height + inside.height + 2 * _PADDING

    def _corner(self, node: Group) -> Point:
        """Return where inside of a group its content begins, from the left and from the top."""
        (width, _), inside = self.sizes[self.at[node]], self.inner[node]
        return (width - inside.width) / 2, self.measure(node)[1] + _PADDING

    def _place(self, is_inner: bool) -> Placed:
        count = len(self.sizes)
        sizes = [Size(w, h) if self.is_vertical else Size(h, w) for w, h in self.sizes]
        links = [
            Link(
                self.at[each.source],
                self.at[each.target],
                self._port(each.source, each.output, "outputs"),
                self._port(each.target, each.input, "inputs"),
            )
            for each in self.scheme.arrows
        ]
        for at, (node, output) in enumerate(self.ends):
            links.append(Link(self.at[node], count + at, self._port(node, output, "outputs")))
            sizes.append(Size(0.0, 0.0))
        first = {self.at[node] for node in self.scheme.inputs} if is_inner else set()
        return place(sizes, links, first, range(count, len(sizes)))

    def _port(self, node: Box | Group, number: int, side: str) -> float:
        """Return where on a box or group an arrow begins or ends, across, from its middle."""
        if isinstance(node, Box):
            return 0.0
        places = getattr(self.inner[node], side)
        axis = 0 if self.is_vertical else 1
        begin, whole = self._corner(node)[axis], self.sizes[self.at[node]][axis]
        return float(begin + places[min(number, len(places) - 1)] - whole / 2)

    def _on_paper(self, point: Point) -> Point:
        across, along = point
        if self.rankdir in ("BT", "RL"):
            along = self.placed.along - along
        return (across, along) if self.is_vertical else (along, across)

    def layout(self) -> Layout:
        """Return the scheme on the paper."""
        placed, whole = self.placed, (self.placed.across, self.placed.along)
        layout = Layout(*(whole if self.is_vertical else whole[::-1]))
        for node in self.scheme.nodes:
            self._add(node, layout)
        for at, route in enumerate(placed.routes):
            is_end = at >= len(self.scheme.arrows)
            link = None if is_end else self.scheme.arrows[at]
            is_around = link is not None and self.at[link.target] <= self.at[link.source]
            points = [*map(self._on_paper, route)]
            if is_end:
                points[-1] = self._on_paper((route[-1][0], route[-1][1] + _PADDING))  # the border
            layout.lines.append(Line(points, not is_end, is_around))
        layout.inputs = [placed.centres[self.at[node]][0] for node in self.scheme.inputs]
        layout.outputs = [x for x, _ in placed.centres[len(self.scheme.nodes) :]]
        return layout

    def _add(self, node: Box | Group, layout: Layout) -> None:
        """Add a box, or a group with what is in it."""
        at = self.at[node]
        (x, y), (width, height) = self._on_paper(self.placed.centres[at]), self.sizes[at]
        left, top = x - width / 2, y - height / 2
        layout.frames.append(Frame(node, left, top, width, height))
        if isinstance(node, Group):
            inside, (right, down) = self.inner[node], self._corner(node)
            move = (left + right, top + down)
            layout.frames += [frame.moved(*move) for frame in inside.frames]
            layout.lines += [line.moved(*move) for line in inside.lines]
