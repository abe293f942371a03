"""A scheme on the paper, drawn by matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from fastnn.architecture.arrange import Frame, Layout, Line, arrange
from fastnn.architecture.layers import Point
from fastnn.architecture.scheme import Box, Group, Scheme
from fastnn.plots.figures import INK, TRAIN, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.path import Path

    from fastnn.plots.picture import Picture

__all__ = ["paint"]

#: Points: of letters, around words, around everything.
_LETTERS, _PADDING, _MARGIN = 9.0, 5.0, 8.0
_LINE = _LETTERS * 1.5
#: The largest picture that matplotlib draws has less than 2^16 pixels a side.
_PIXELS = 60_000


def paint(scheme: Scheme, rankdir: str, dpi: float) -> Picture:
    """Return a figure of a scheme.

    Args:
        scheme: what to draw.
        rankdir: where arrows lead: ``"TB"``, ``"BT"``, ``"LR"`` or ``"RL"``.
        dpi: pixels of an inch; fewer where the picture would be too large to be drawn.

    Raises:
        ImportError: matplotlib is not installed.
    """
    figure = new_figure(1, 1)
    layout = arrange(scheme, rankdir, _measure(figure))
    figure.set_layout_engine("none")
    width, height = ((side + 2 * _MARGIN) / 72 for side in (layout.width, layout.height))
    figure.set_size_inches(width, height)
    figure.set_dpi(min(dpi, _PIXELS / max(width, height)))
    panel = figure.add_axes((0, 0, 1, 1), frameon=False, xticks=[], yticks=[])
    panel.set_xlim(-_MARGIN, layout.width + _MARGIN)
    panel.set_ylim(layout.height + _MARGIN, -_MARGIN)
    _draw(panel, layout, rankdir in ("TB", "BT"))
    return figure


def _measure(figure: Picture) -> Callable[[Box | Group], Point]:
    """Return a function that returns the width and height of a box, or a group's title."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    letters = TextToPath()

    def width(text: str, weight: str) -> float:
        font = FontProperties(size=_LETTERS, weight=weight)
        return float(letters.get_text_width_height_descent(text, font, False)[0])

    def measure(node: Box | Group) -> Point:
        if isinstance(node, Group):
            return width(node.title, "bold") + 4 * _PADDING, _LINE
        widths = [width(node.title, "bold"), *(width(line, "normal") for line in node.lines)]
        return max(widths) + 4 * _PADDING, (1 + len(node.lines)) * (_LINE + _PADDING)

    return measure


def _draw(panel: Axes, layout: Layout, is_vertical: bool) -> None:
    from matplotlib.patches import FancyArrowPatch

    for frame in layout.frames:
        (_draw_box if isinstance(frame.node, Box) else _draw_group)(panel, frame)
    for line in layout.lines:
        style = "-|>" if line.has_head else "-"
        arrow = FancyArrowPatch(
            path=_path(line, is_vertical),
            arrowstyle=style,
            mutation_scale=7,
            color=INK,
            linewidth=0.9,
            zorder=2,
        )
        panel.add_patch(arrow)


def _draw_box(panel: Axes, frame: Frame) -> None:
    """Draw the title, white on dark, and below it the other lines."""
    from matplotlib.patches import Rectangle

    assert isinstance(frame.node, Box)
    color = TRAIN if frame.node.is_input else INK
    corner, step = (frame.left, frame.top), _LINE + _PADDING
    outline: dict[str, Any] = {"edgecolor": color, "linewidth": 0.9, "zorder": 3}
    panel.add_patch(Rectangle(corner, frame.width, frame.height, facecolor="white", **outline))
    panel.add_patch(Rectangle(corner, frame.width, step, facecolor=color, **outline))
    for at, text in enumerate((frame.node.title, *frame.node.lines)):
        _write(
            panel,
            (frame.left + frame.width / 2, frame.top + (at + 0.5) * step),
            text,
            "white" if at == 0 else "black",
            "normal" if at else "bold",
        )


def _draw_group(panel: Axes, frame: Frame) -> None:
    """Draw the frame of a group, and its title."""
    from matplotlib.patches import FancyBboxPatch

    inside = (frame.left + 4, frame.top + 4), frame.width - 8, frame.height - 8
    look: dict[str, Any] = {"facecolor": "#f5f5f5", "edgecolor": "#999999", "linewidth": 0.9}
    panel.add_patch(FancyBboxPatch(*inside, boxstyle="round,pad=4", zorder=1, **look))
    middle = frame.left + frame.width / 2
    assert isinstance(frame.node, Group)
    _write(panel, (middle, frame.top + 0.6 * _LINE), frame.node.title, INK, "bold")


def _write(panel: Axes, place: Point, text: str, color: str, weight: str) -> None:
    look: dict[str, Any] = {"color": color, "weight": weight, "fontsize": _LETTERS, "zorder": 4}
    plain(panel.text(*place, text, ha="center", va="center_baseline", **look))


def _path(line: Line, is_vertical: bool) -> Path:
    """Return the points of a line as a path, bent between ranks."""
    from matplotlib.path import Path

    steps = list(_steps(line, is_vertical))
    return Path([point for point, _ in steps], [code for _, code in steps])


def _steps(line: Line, is_vertical: bool) -> Iterator[tuple[Point, int]]:
    from matplotlib.path import Path

    yield line.points[0], int(Path.MOVETO)
    for at, (here, there) in enumerate(zip(line.points, line.points[1:], strict=False)):
        if here == there:  # where a head would have no direction
            continue
        if line.is_around or at % 2 == 0:
            yield there, int(Path.LINETO)
            continue
        if is_vertical:
            middle = (here[1] + there[1]) / 2
            bends = [(here[0], middle), (there[0], middle)]
        else:
            middle = (here[0] + there[0]) / 2
            bends = [(middle, here[1]), (middle, there[1])]
        yield from ((point, int(Path.CURVE4)) for point in (*bends, there))
