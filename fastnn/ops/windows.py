"""Parts of tensors, and tensors as parts of larger ones: lines are copied; with their gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastnn._checks import count, number
from fastnn.compiler.gradients import Gradients, gradient_of
from fastnn.compiler.graph import Node, Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.ops._axes import axis_along, axis_runs
from fastnn.ops._emit import Number, as_tensors, emit

__all__ = ["crop", "pad", "padded", "part", "picked", "strided"]
Pair = tuple[int, int]


class _Side(NamedTuple):
    """The places ``begin + i step``, i < size, of an axis."""

    begin: int
    size: int
    step: int = 1


def _lines(
    op: str, x: Tensor, at: int, sides: Sequence[_Side], sizes: Sequence[int], **attrs: float
) -> Tensor:
    """Emit ``slice`` or ``place`` along one axis, or two side by side, which get ``sizes``."""
    above = len(sides) - 1
    shape = (*x.shape[:at], *sizes, *x.shape[at + 1 + above :])
    ranks = {"p": at, "h": above, "w": 1, "k": above, "q": 1}
    h, w = [_Side(0, 1), *sides][-2:]
    where = {"begin_h": h.begin, "begin_w": w.begin, "step_h": h.step, "step_w": w.step}
    return emit(op, x, shapes={"y": shape}, ranks=ranks, **where, **attrs)[0]


def _back(node: Node) -> Mapping[str, Any]:
    """Return the options of the operation that undoes a slice, or a place."""
    ranks = node.ranks
    (x,) = node.inputs
    window = {"p": ranks["p"], "h": ranks["h"], "w": 1, "k": ranks["h"], "q": 1}
    where = {name: n for name, n in node.attrs.items() if name != "value"}
    return {"shapes": {"y": () if x is None else x.shape}, "ranks": window, **where}


@gradient_of("slice")
def _slice(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    return emit("place", dy, **_back(node), value=0.0)


@gradient_of("place")
def _place(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    return emit("slice", dy, **_back(node))


# ---- parts ---------------------------------------------------------------------------------------


def strided(x: Tensor, at: int, begin: int, size: int, step: int = 1) -> Tensor:
    """Return ``size`` places of axis ``at`` of ``x``, from ``begin`` on, ``step`` apart."""
    if (begin, size, step) == (0, x.shape[at], 1):
        return x
    return _lines("slice", x, at, [_Side(begin, size, step)], [size])


def picked(x: Tensor, at: int, places: np.ndarray) -> Tensor:
    """Return known places of axis ``at`` of ``x``: a copy of lines if they are evenly spaced."""
    steps = np.diff(places)
    if len(places) and np.all(steps == steps[:1]) and (len(steps) == 0 or steps[0]):
        step = int(steps[0]) if len(steps) else 1
        return strided(x, at, int(places[0]), len(places), step)
    (known,) = as_tensors("take", x.graph.constant(places))
    return emit("take", x, known, ranks={"p": at})[0]


def part(x: Tensor, begin: int, size: int) -> Tensor:
    """Return ``x[..., begin : begin + size]``, a part of the last axis."""
    return strided(x, len(x.shape) - 1, begin, size)


def crop(x: Tensor, cropping: Sequence[Pair]) -> Tensor:
    """Return images or sequences without their outer places.

    Args:
        x: (rows, height, width, channels), or (rows, steps, channels).
        cropping: how many places to drop before and after, for each axis between the rows and the
            channels.
    """
    sizes = [(x.shape[i] or 0) - sum(pair) for i, pair in enumerate(cropping, 1)]
    if len(x.shape) != len(cropping) + 2 or min(sizes) < 0:
        raise ShapeError(f"crop: {format_shape(x.shape)} has no cropping={cropping!s:.60}")
    for begin, end in axis_runs(range(1, len(x.shape) - 1), 2):
        sides = [_Side(cropping[i - 1][0], sizes[i - 1]) for i in range(begin, end)]
        x = _lines("slice", x, begin, sides, [side.size for side in sides])
    return x


# ---- padding -------------------------------------------------------------------------------------

_MODES = ("constant", "reflect", "symmetric")


def pad(
    x: Number, pad_width: Any, mode: str = "constant", constant_values: float | None = None
) -> Tensor:
    """Return ``x`` with places added before and after those of its axes.

    Args:
        x: any shape.
        pad_width: how many: a number for all places, ``(before, after)`` for all axes, or a pair
            for each axis; ``(0, 0)`` for that of the rows.
        mode: ``"constant"``; ``"reflect"``, whose new places mirror those inside at the outermost
            one; ``"symmetric"``, at the edge, so that the outermost one is repeated.
        constant_values: what new places hold, 0 if ``None``; of ``"constant"`` alone.

    Raises:
        ShapeError: if the rows of a batch would be padded.
        ValueError: if the options make no sense.
    """
    (tensor,) = as_tensors("pad", x)
    if mode not in _MODES:
        raise ValueError(f"pad: mode must be one of {', '.join(_MODES)}, got {mode!r:.40}")
    if constant_values is not None and mode != "constant":
        raise ValueError(f"pad: constant_values goes with mode='constant' alone, got {mode=}")
    pairs = _pairs(pad_width, len(tensor.shape))
    axes = [axis_along("pad", tensor, i) for i, pair in enumerate(pairs) if any(pair)]
    if mode == "constant":
        value = 0.0 if constant_values is None else constant_values
        return padded(tensor, pairs, number("pad", "constant_values", value))
    for at in axes:
        tensor = _mirrored(tensor, at, pairs[at], mode)
    return tensor


def _pairs(pad_width: Any, rank: int) -> list[Pair]:
    """Return the places before and after, for each axis."""
    try:
        table = np.broadcast_to(np.asarray(pad_width), (rank, 2))
    except ValueError:
        raise ValueError(
            f"pad: pad_width={pad_width!s:.60} is not (before, after) for each of {rank} axes"
        ) from None
    first, last = ([count("pad", "pad_width", n) for n in column] for column in table.T)
    return list(zip(first, last, strict=True))


def padded(x: Tensor, pairs: Sequence[Pair], value: float) -> Tensor:
    """Return ``x`` among places that hold ``value``, two axes at a time."""
    axes = [i for i, pair in enumerate(pairs) if any(pair)]
    for begin, end in axis_runs(axes, 2):
        sides = [_Side(pairs[i][0], x.shape[i] or 0) for i in range(begin, end)]
        sizes = [side.size + sum(pairs[i]) for i, side in enumerate(sides, begin)]
        x = _lines("place", x, begin, sides, sizes, value=value)
    return x


def _mirrored(x: Tensor, at: int, pair: Pair, mode: Any) -> Tensor:
    size = x.shape[at] or 0
    if not size:
        raise ShapeError(f"pad: axis {at} of {format_shape(x.shape)} has no places to mirror")
    return picked(x, at, np.pad(np.arange(size), pair, mode))
