"""Numbers at other places, of others, and one of many."""

from __future__ import annotations

import numpy as np

from fastnn.compiler.graph import Node, Tensor
from fastnn.onnx.rules.elementwise import repeatable
from fastnn.onnx.rules.table import rule
from fastnn.onnx.writer import Value, Writer, without


def _some(tensor: Tensor | None) -> Tensor:
    assert tensor is not None
    return tensor


@rule("reshape")
def _reshape(w: Writer, node: Node) -> None:
    x, y = _some(node.inputs[0]), _some(node.outputs[0])
    value = w.value(x)
    added, dropped = _added_axis(x, y), _added_axis(y, x)
    if added is not None:
        w.set(y, Value(y.shape, base=value, added=added, label=y.name))
    elif dropped is not None and value.base is not None and value.added == dropped:
        w.set(y, value.base)
    elif dropped is not None:
        order = w.common(x)
        name = w.emit("Squeeze", w.name(x, order), w.ints(order.index(dropped)))
        w.bind(y, name, without(order, [dropped]))
    else:
        w.bind(y, w.reshaped(w.name(x), y.shape))


def _added_axis(x: Tensor, y: Tensor) -> int | None:
    """Return the axis of size 1 that ``y`` has more than ``x``, if that is all."""
    if x.fold != y.fold or len(y.shape) != len(x.shape) + 1:
        return None
    axes = range(1, len(y.shape)) if None in x.shape else range(len(y.shape))
    places = (i for i in axes if y.shape[i] == 1 and y.shape[:i] + y.shape[i + 1 :] == x.shape)
    return next(places, None)


@rule("swap")
def _swap(w: Writer, node: Node) -> None:
    """Nothing moves: the axes have other numbers."""
    x, y, ranks = _some(node.inputs[0]), _some(node.outputs[0]), node.ranks
    p, b, c = (ranks.get(letter, 0) for letter in "pbc")
    places = list(range(len(x.shape)))
    moved = [*places[:p], *places[p + b : p + b + c], *places[p : p + b], *places[p + b + c :]]
    value = w.value(x)
    if not value.names:
        w.named(value)
    names = {tuple(moved.index(axis) for axis in order): n for order, n in value.names.items()}
    w.set(y, Value(y.shape, names, label=y.name))


@rule("expand")
def _expand(w: Writer, node: Node) -> None:
    x, y = _some(node.inputs[0]), _some(node.outputs[0])
    name = repeatable(w, node, x, tuple(range(len(y.shape))))
    w.bind(y, w.emit("Expand", name, w.sizes(y.shape, y.fold)))


@rule("fill")
def _fill(w: Writer, node: Node) -> None:
    y = _some(node.outputs[0])
    number = w.real(node.attrs["value"])
    w.bind(y, w.emit("Expand", number, w.sizes(y.shape, y.fold)) if y.shape else number)


@rule("concatenate")
def _concatenate(w: Writer, node: Node) -> None:
    a, b = node.inputs
    last = len(_some(a).shape) - 1
    order = w.common(a) if w.common(a) == w.common(b) else tuple(range(last + 1))
    names = [w.name(tensor, order) for tensor in (a, b)]
    w.bind(node.outputs[0], w.emit("Concat", *names, axis=order.index(last)), order)


# ---- parts ---------------------------------------------------------------------------------------


def _windowed(node: Node) -> tuple[list[int], list[int], list[int]]:
    """Return the axes of a window, and where along them it begins and how far it steps."""
    ranks, p = node.ranks, node.ranks.get("p", 0)
    letters = "hw" if ranks.get("h", 0) else "w"
    begins, steps = ([int(node.attrs[f"{n}_{x}"]) for x in letters] for n in ("begin", "step"))
    return list(range(p, p + len(letters))), begins, steps


@rule("slice")
def _slice(w: Writer, node: Node) -> None:
    x, y = _some(node.inputs[0]), _some(node.outputs[0])
    axes, begins, steps = _windowed(node)
    ends = [
        begin + ((y.shape[axis] or 0) - 1) * step + (1 if step > 0 else -1)
        for axis, begin, step in zip(axes, begins, steps, strict=True)
    ]
    ends = [np.iinfo(np.int64).min if end < 0 else end for end in ends]  # -1 is the last place
    order = w.common(x)
    places = [order.index(axis) for axis in axes]
    known = [w.ints(*numbers) for numbers in (begins, ends, places, steps)]
    w.bind(y, w.emit("Slice", w.name(x, order), *known), order)


@rule("place")
def _place(w: Writer, node: Node) -> None:
    x, y = _some(node.inputs[0]), _some(node.outputs[0])
    axes, begins, steps = _windowed(node)
    if any(step != 1 for step in steps):
        raise w.refuse("numbers that are put apart have no counterpart in ONNX")
    order = w.common(x)
    before, after = ([0] * len(order) for _ in range(2))
    for axis, begin in zip(axes, begins, strict=True):
        at = order.index(axis)
        before[at], after[at] = begin, (y.shape[axis] or 0) - (x.shape[axis] or 0) - begin
    pads = w.ints(*before, *after)
    w.bind(y, w.emit("Pad", w.name(x, order), pads, w.real(node.attrs["value"])), order)


_GATHERS = {"take": "Gather", "take_along": "GatherElements"}


@rule(*_GATHERS)
def _take(w: Writer, node: Node) -> None:
    x, places = node.inputs
    y = w.emit(_GATHERS[node.op.name], w.name(x), w.whole(places), axis=node.ranks.get("p", 0))
    w.bind(node.outputs[0], y)


@rule("embed_fwd")
def _embed(w: Writer, node: Node) -> None:
    ids, table = node.inputs
    w.bind(node.outputs[0], w.emit("Gather", w.name(table), w.whole(ids), axis=0))


@rule("encode")
def _encode(w: Writer, node: Node) -> None:
    ids, weights = node.inputs
    count, last = node.sizes["v"].base, len(_some(ids).shape) - 1
    ends = w.constant(np.array([0, 1], np.float32))
    ones = w.emit("OneHot", w.whole(ids), w.constant(np.array(count, np.int64)), ends)
    known = w.as_real(ones)
    if weights is not None and not node.attrs["once"]:
        known = w.emit("Mul", known, w.emit("Unsqueeze", w.name(weights), w.ints(last + 1)))
    kind = "ReduceMax" if node.attrs["once"] else "ReduceSum"
    w.bind(node.outputs[0], w.emit(kind, known, w.ints(last), keepdims=0))


@rule("put_along")
def _put_along(w: Writer, node: Node) -> None:
    numbers, places = node.inputs
    y = _some(node.outputs[0])
    zeros = w.emit("Expand", w.real(0), w.sizes(y.shape, y.fold))
    options = {"axis": node.ranks.get("p", 0), "reduction": "add"}
    w.bind(y, w.emit("ScatterElements", zeros, w.whole(places), w.name(numbers), **options))


# ---- one of many ---------------------------------------------------------------------------------


@rule("reduce")
def _reduce(w: Writer, node: Node) -> None:
    x = _some(node.inputs[0])
    kind = {"sum": "ReduceSum", "prod": "ReduceProd", "max": "ReduceMax", "min": "ReduceMin"}
    p, q = node.ranks.get("p", 0), node.ranks.get("q", 0)
    order, gone = w.common(x), range(p, p + q)
    places = w.ints(*(order.index(axis) for axis in gone))
    y = w.emit(kind[node.attrs["reduction"]], w.name(x, order), places, keepdims=0)
    w.bind(node.outputs[0], y, without(order, gone))


@rule("arg_reduce")
def _arg_reduce(w: Writer, node: Node) -> None:
    x, p, q = _some(node.inputs[0]), node.ranks.get("p", 0), node.ranks.get("q", 0)
    name = w.name(x)
    if q != 1:
        name = w.reshaped(name, (*x.shape[:p], node.sizes["q"].base, *x.shape[p + q :]))
    kind = "ArgMin" if node.attrs["smallest"] else "ArgMax"
    w.bind(node.outputs[0], w.as_real(w.emit(kind, name, axis=p, keepdims=0)))


@rule("cumsum")
def _cumsum(w: Writer, node: Node) -> None:
    axis = w.constant(np.array(node.ranks.get("p", 0), np.int64))
    reverse = int(node.attrs["reverse"])
    w.bind(node.outputs[0], w.emit("CumSum", w.name(node.inputs[0]), axis, reverse=reverse))


@rule("sort")
def _sort(w: Writer, node: Node) -> None:
    x = node.inputs[0]
    size = w.ints(node.sizes["q"].base)
    largest = int(node.attrs["descending"])
    values, places = w.several(2, "TopK", w.name(x), size, axis=-1, largest=largest)
    w.bind(node.outputs[0], values)
    w.bind(node.outputs[1], w.as_real(places))
