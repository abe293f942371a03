"""The awkward cases of every op of the table, as data: sizes, attributes and the kind of numbers.

Self-check and tests run them all, so an op, an axis or a tail is covered by standing here.  Sizes
are small primes where nothing else is wanted, so that axes that are swapped cannot pass; others sit
on either side of a vector (8 or 16 lanes), of a tile and of the blocks of a sum (256 terms).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np

from fastnn.compiler.geometry import Window
from fastnn.compiler.graph import Shape, size_of
from fastnn.compiler.packing import panels_of
from fastnn.ops.table import (
    Operand,
    activation_names,
    binary_names,
    curve_names,
    loss_names,
    reduction_names,
    table,
)

__all__ = ["CASES", "KINDS", "LENGTHS", "Case", "cases"]

#: Kinds of numbers: standard normal; in [0, 1); whole in [-8, 8], whose sums of products are exact;
#: normal times 30, where exponentials saturate; normal with NaN, +inf and -inf among them.
KINDS = ("normal", "uniform", "integers", "wide", "special")

#: Sizes on either side of a vector and of its halves.
LENGTHS = (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 67)


@dataclass(frozen=True, eq=False)
class Case:
    """One op, everything fixed but the precision.

    Attributes:
        op: its name in the table.
        sizes: the sizes of its axes by letter, several for a starred one; None is one for each row.
        rows: the rows of a batch.
        attrs: its attributes.
        absent: the names of optional operands that are not there.
        data: one of KINDS.
        shapes: the shapes of operands that its axes do not tell.
        source: the type of the caller's array, for an op that reads one.
        steps: batches; the outcome is that of the last one.
        shuffled: whether the batches take the caller's rows in another order.
    """

    op: str
    sizes: Mapping[str, Shape]
    rows: int = 1
    attrs: Mapping[str, Any] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    data: str = "normal"
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    source: str = "float64"
    steps: int = 1
    shuffled: bool = False

    def shape(self, operand: Operand) -> Shape:
        """Return the shape of an operand, with None for the rows of a batch."""
        known = self.shapes.get(operand.name)
        return known or tuple(n for axis in operand.axes for n in self.sizes[axis])

    def filled(self, operand: Operand, rows: int) -> tuple[int, ...]:
        """Return the shape of an operand that holds ``rows`` rows."""
        return tuple(rows if n is None else n for n in self.shape(operand))

    @property
    def ranks(self) -> dict[str, int]:
        """How many axes each letter stands for."""
        return {axis: len(shape) for axis, shape in self.sizes.items()}

    def __str__(self) -> str:
        sizes = (f"{axis}={_times(n)}" for axis, n in self.sizes.items())
        attrs = (f"{name}={value}" for name, value in self.attrs.items())
        flags = [f"no {name}" for name in self.absent] + ["shuffled"] * self.shuffled
        steps = [f"{self.steps} steps"] * (self.steps > 1)
        source = [f"of {self.source}"] * any(o.dtype == "any" for o in table()[self.op].inputs)
        words = [*sizes, *attrs, *flags, *steps, *source, self.data]
        return " ".join([self.op, f"rows={self.rows}", *words])


def _times(shape: Shape) -> str:
    return "x".join("rows" if n is None else str(n) for n in shape)


def _case(op: str, rows: int = 1, *, attrs: Mapping[str, Any] | None = None, **sizes: Any) -> Case:
    """Return the case of axes given as numbers, tuples, or None for the rows."""
    return Case(op, _shapes(sizes), rows, attrs or {})


def _shapes(sizes: Mapping[str, Any]) -> dict[str, Shape]:
    return {axis: n if isinstance(n, tuple) else (n,) for axis, n in sizes.items()}


def _kinds(known: Iterable[Case], kinds: Sequence[str] = KINDS) -> Iterator[Case]:
    for case in known:
        yield from (replace(case, data=kind) for kind in kinds)


# ---- products ------------------------------------------------------------------------------------

#: r, i, o: single numbers, tails, tiles of 1 to 14 rows, sums of 1 to 3 blocks of 256 terms,
#: operands that are packed (64 or 256 rows, 128 or 512 columns, 8192 elements), sums too deep for
#: one packing of B, and one column, or few rows, of a transposed matrix with whole lines and tails.
_DENSE = (
    *((1, 1, 1), (2, 3, 5), (1, 7, 11), (5, 13, 16), (3, 17, 15), (13, 2, 17), (29, 5, 3)),
    *((1, 31, 33), (2, 255, 3), (3, 256, 5), (5, 257, 7), (3, 521, 13), (257, 5, 7), (521, 3, 2)),
    *((7, 2, 67), (2, 5, 131), (1, 3, 521), (67, 19, 131), (131, 67, 3), (19, 131, 67)),
    *((67, 5, 521), (1, 8209, 3), (67, 2053, 5), (3, 35, 1031)),
    *((4, 71, 283), (1, 137, 37), (131, 137, 263), (277, 131, 137), (71, 37, 1031)),
    *((131, 277, 1), (32, 3, 1), (2, 521, 1)),  # one column
    *((1, 1613, 29), (1, 777, 61)),  # one row of few columns, and more blocks than one
    *((1, 777, 141), (1, 521, 331)),  # of many, which threads part
)


def _dense(op: str) -> Iterator[Case]:
    full = [_case(op, r, r=None, i=i, o=o) for r, i, o in _DENSE]
    full += [_case(op, 3, r=(None, 5), i=7, o=2), _case(op, r=0, i=3, o=5)]
    yield from _products(full, [_case(op, 5, r=None, i=19, o=17), _case(op, 3, r=None, i=1, o=23)])


def _pack_panels(op: str) -> Iterator[Case]:
    sizes = ((1, 1), (3, 7), (2, 31), (5, 32), (7, 33), (67, 131))
    yield from map(_in_panels, _kinds(_case(op, i=i, o=o) for i, o in sizes))


def _dense_panels(op: str) -> Iterator[Case]:
    yield from map(_in_panels, _dense(op))


def _in_panels(case: Case) -> Case:
    """Give a case whose columns are axis o the axes of their panels."""
    (columns,) = case.sizes["o"]
    return replace(case, sizes={**case.sizes, **_shapes(panels_of(columns or 0))})


#: r, h, w, c, (m, n), o, strides, padding
_CONV = (
    (1, 1, 1, 1, (1, 1), 1, (1, 1), "valid"),
    (2, 5, 7, 1, (3, 3), 2, (1, 1), "same"),
    (3, 7, 5, 3, (3, 2), 5, (1, 1), "valid"),
    (2, 5, 3, 3, (1, 1), 17, (1, 1), "valid"),
    (2, 5, 7, 3, (1, 1), 2, (2, 3), "valid"),
    (2, 4, 4, 3, (1, 1), 1, (1, 1), "valid"),
    (2, 11, 7, 2, (3, 2), 17, (2, 3), "same"),
    (2, 11, 13, 3, (2, 2), 5, (3, 4), "valid"),
    (1, 3, 3, 2, (3, 3), 7, (1, 1), "valid"),
    (1, 2, 2, 1, (3, 3), 2, (1, 1), "same"),
    (2, 7, 11, 17, (3, 3), 33, (1, 1), "same"),
    (1, 6, 5, 31, (3, 3), 5, (1, 1), "same"),
    (3, 13, 11, 5, (5, 3), 13, (2, 1), "same"),
    (2, 1, 67, 3, (1, 5), 7, (1, 1), "same"),
    (1, 17, 17, 1, (2, 3), 131, (1, 1), "valid"),
    (5, 9, 20, 32, (3, 3), 33, (1, 1), "same"),
    (1, 9, 37, 32, (2, 1), 3, (2, 2), "valid"),
    (2, 4, 5, 96, (3, 3), 5, (1, 1), "same"),
    (1, 11, 300, 64, (11, 1), 2, (6, 3), "same"),  # too wide for its lines to be packed
    (1, 41, 131, 16, (3, 3), 2, (1, 1), "same"),  # lines move on past the end of their room
    (1, 7, 6, 5, (3, 3), 48, (1, 1), "valid"),  # a kernel that is read where it lies
    (2, 17, 16, 3, (3, 3), 48, (1, 1), "same"),  # one that is copied
    (1, 3, 3, 1000, (3, 3), 3, (1, 1), "same"),  # too deep for one packing
    (1, 801, 2, 1, (800, 1), 2, (1, 1), "valid"),  # too many lines under one window for one list
    (1, 3, 4, 100, (3, 3), 301, (1, 1), "same"),  # too many outputs for one packing of the depth
    (1, 3, 3, 2, (2, 2), 1031, (1, 1), "valid"),  # and of a block of windows
)


#: r, h, w, c, (m, n), o, strides, padding, dilation, groups: the first is in no way special
_DILATED = (
    (2, 9, 8, 3, (3, 2), 5, (1, 1), "same", (2, 3), 1),
    (2, 11, 12, 4, (3, 3), 6, (1, 1), "valid", (3, 1), 2),
    (1, 9, 10, 6, (2, 3), 9, (2, 3), "same", (1, 1), 3),
    (3, 8, 8, 5, (3, 3), 5, (1, 1), 1, (1, 1), 5),
    (2, 13, 14, 2, (3, 3), 3, (2, 2), (2, 3), (2, 3), 1),  # strides and dilation with and
    (2, 15, 16, 4, (2, 3), 6, (4, 6), "same", (2, 4), 2),  # without a common factor
    (2, 9, 11, 34, (3, 3), 66, (1, 1), "same", (2, 2), 2),
    (1, 12, 40, 32, (3, 3), 64, (1, 1), "same", (1, 1), 4),
    (2, 1, 70, 3, (1, 3), 17, (1, 1), "same", (1, 16), 1),
    (1, 6, 7, 600, (3, 3), 6, (1, 1), "same", (2, 2), 2),
    (2, 5, 5, 6, (1, 1), 4, (1, 1), "valid", (1, 1), 2),
    (2, 5, 4, 2, (3, 3), 2, (1, 1), 3, (1, 1), 1),  # windows of padding alone
    (1, 900, 3, 2, (30, 1), 4, (1, 1), "valid", (30, 1), 2),  # lines too far apart
)


#: of small kernels, whose windows threads share
_MANY_WINDOWS = (
    (9, 43, 45, 1, (3, 3), 5, (1, 1), "same"),
    (5, 61, 58, 6, (2, 2), 34, (1, 1), "same", (1, 1), 2),
    (2, 93, 190, 2, (1, 2), 70, (1, 2), "valid"),
)


def _conv(op: str) -> Iterator[Case]:
    full = [_convolution(op, *geometry) for geometry in (*_CONV, *_DILATED)]
    full += [_convolution(op, *each) for each in _MANY_WINDOWS if op == "conv2d_bwd_w"]
    empty = _convolution(op, 0, 3, 3, 1, (2, 2), 3, (1, 1), "valid")
    small = [
        _convolution(op, 2, 5, 4, 3, (3, 2), 7, (2, 1), "same"),
        _convolution(op, 3, 5, 7, 1, (2, 2), 3, (1, 1), "valid"),
        _convolution(op, *_DILATED[1]),
    ]
    yield from _products([*full, empty], small)


def _convolution(
    op: str,
    r: int,
    h: int,
    w: int,
    c: int,
    size: tuple[int, int],
    o: int,
    strides: tuple[int, int],
    padding: str | int | tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> Case:
    """Return a case of any operation of convolutions; its axes are those of its signature."""
    window = Window.of(op, (r, h, w, c), size, strides, padding, dilation)
    (m, n), (p, q) = window.size, window.out
    axes = {"h": h, "w": w, "c": c, "m": m, "n": n, "i": c // groups, "o": o, "p": p, "q": q}
    sizes = {"r": None if r else 0, **axes}
    known = {axis: sizes[axis] for axis in table()[op].axes}
    return _case(op, max(r, 1), attrs=window.conv_attrs, **known)


def _conv_transpose(op: str) -> Iterator[Case]:
    """Yield the convolutions without groups, and places that no window reaches."""
    full = [_convolution(op, *geometry) for geometry in _CONV[:18]]
    full += [_convolution(op, *geometry) for geometry in _DILATED if geometry[-1] == 1]
    gaps = _convolution(op, 2, 9, 8, 3, (2, 2), 5, (3, 4), "valid")
    small = [_convolution(op, 2, 5, 4, 3, (3, 2), 7, (2, 1), "same"), gaps]
    yield from _products([*full, _convolution(op, 0, 3, 3, 1, (2, 2), 3, (1, 1), "valid")], small)


#: r, h, w, c, (m, n), strides, padding, dilation: channels that fill no vector, windows side by
#: side and at the edges, rows of taps and places of more than a block of 256
_DEPTHWISE = (
    (1, 1, 1, 1, (1, 1), (1, 1), "valid", (1, 1)),
    (2, 7, 9, 3, (3, 3), (1, 1), "same", (1, 1)),
    (2, 6, 13, 17, (3, 2), (2, 1), "same", (1, 1)),
    (1, 9, 14, 33, (2, 4), (1, 2), "valid", (1, 1)),
    (3, 11, 12, 16, (5, 5), (2, 2), "same", (1, 1)),
    (2, 9, 8, 5, (3, 3), (1, 1), "same", (2, 3)),
    (2, 10, 11, 2, (3, 2), (2, 3), 2, (3, 2)),
    (2, 9, 9, 4, (2, 2), (4, 4), "valid", (2, 1)),
    (1, 1, 700, 3, (1, 600), (1, 1), "same", (1, 1)),
    (1, 40, 19, 2, (33, 17), (1, 1), "same", (1, 1)),
    (2, 3, 300, 8, (1, 7), (1, 1), "same", (1, 1)),
    (9, 8, 8, 2, (3, 3), (1, 1), "same", (1, 1)),
    (2, 2, 2, 3, (3, 3), (1, 1), 3, (1, 1)),
)


def _depthwise(op: str) -> Iterator[Case]:
    full = [_channelwise(op, *geometry) for geometry in _DEPTHWISE]
    full += [_channelwise(op, 0, 3, 3, 2, (2, 2), (1, 1), "valid", (1, 1))]
    if op == "depthwise_fwd":
        yield from _products(full, [full[1], full[6]])
        return
    yield from full
    yield from _kinds([full[1], full[6]])


def _channelwise(
    op: str,
    r: int,
    h: int,
    w: int,
    c: int,
    size: tuple[int, int],
    strides: tuple[int, int],
    padding: str | int,
    dilation: tuple[int, int],
) -> Case:
    return _convolution(op, r, h, w, c, size, c, strides, padding, dilation)


def _bias_bwd(op: str) -> Iterator[Case]:
    for r, c in (*_SAMPLES, (769, 1)):
        yield _case(op, r, r=None, c=c)
    yield from _kinds([_case(op, 5, r=(None, 3, 7), c=17)])
    yield _case(op, r=0, c=3)


def _products(full: Iterable[Case], small: Sequence[Case]) -> Iterator[Case]:
    """Yield every geometry plain, and a few with every activation, kind and absent operand."""
    yield from (_activated(case, "linear") for case in full)
    for case, name in itertools.product(small, activation_names()):
        yield from _kinds([_activated(case, name)])
    op = table()[small[0].op]
    optional = [operand.name for operand in op.inputs + op.outputs if operand.optional]
    for case, count in itertools.product(small, range(1, len(optional) + 1)):
        for names in itertools.combinations(optional, count):
            yield _activated(replace(case, absent=names), "linear" if "y" in names else "tanh")


def _activated(case: Case, name: str) -> Case:
    return replace(case, attrs={**case.attrs, "activation": name})


# ---- recurrent layers ----------------------------------------------------------------------------

#: r, t, h: tails of vectors and panels, tiles of 1 to 14 rows, blocks of 64 rows, sums of several
#: blocks of 256 terms, kernels that are read in place, for few rows or for want of room.
_WALKS = (
    *((1, 1, 1), (2, 3, 5), (1, 4, 7), (3, 2, 8), (5, 3, 16), (7, 2, 17), (1, 3, 33), (4, 2, 67)),
    *((13, 2, 31), (29, 3, 3), (15, 2, 15), (67, 2, 9), (131, 3, 2), (2, 2, 131), (9, 2, 67)),
    *((1, 2, 257), (17, 2, 259), (8, 2, 373)),
)

_GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def _walk(op: str) -> Iterator[Case]:
    if not op.startswith("gru"):
        yield from _walks(op, {})
        return
    yield from _walks(op, {"reset_after": 1})
    for case in _walks(op, {"reset_after": 0}):  # without a bias of its own
        yield replace(case, absent=tuple({"b", *case.absent})) if op == "gru_fwd" else case


#: What a walk may do without: a mask, states before the first step and their gradients, dropout.
_EXTRAS = ("mask", "s0", "e0", "keep", "ds0", "de0")


def _walks(op: str, flag: Mapping[str, Any]) -> Iterator[Case]:
    names = [name for name in table()[op].attributes if name.endswith("activation")]
    usual = {**dict(zip(names, ("tanh", "sigmoid"), strict=False)), **flag}
    plain = tuple(o.name for o in table()[op].inputs + table()[op].outputs if o.name in _EXTRAS)
    for sizes in _WALKS:
        yield replace(_steps(op, *sizes, usual), absent=plain)
        yield _steps(op, *sizes, usual)
    yield replace(_steps(op, 1, 2, 5, usual), sizes=_steps_sizes(op, 2, 5, (0,)))
    for name, g in itertools.product(names, activation_names()):
        yield from _kinds([_steps(op, 5, 2, 19, usual | {name: g})])
        yield replace(_steps(op, 2, 3, 5, usual | {name: g}), absent=plain)
    yield from (replace(_steps(op, 3, 3, 5, usual), absent=absent) for absent in _absent(op))


def _steps(op: str, r: int, t: int, h: int, attrs: Mapping[str, Any]) -> Case:
    return Case(op, _steps_sizes(op, t, h, (None,)), r, attrs)


def _steps_sizes(op: str, t: int, h: int, rows: Shape) -> dict[str, Shape]:
    sizes = {"r": rows, "t": (t,), "h": (h,), "g": (_GATES[op.split("_")[0]] * h,)}
    return {axis: sizes[axis] for axis in table()[op].axes}


def _absent(op: str) -> Iterator[tuple[str, ...]]:
    """Yield what may be absent: every operand by itself; all gradients, or all outputs but one."""
    inputs, outputs = (
        [o.name for o in side if o.optional] for side in (table()[op].inputs, table()[op].outputs)
    )
    yield from ((name,) for name in inputs + outputs)
    yield tuple(inputs)
    yield from itertools.combinations(outputs, max(len(outputs) - 1, 0))


def _walk_product(op: str) -> Iterator[Case]:
    for r, t, h in _WALKS[:-3]:
        yield _case(op, r, r=(None, t), h=h, g=3 * h)
    yield _case(op, 300, r=(None, 2), h=5, g=15)
    yield from _kinds([_case(op, 5, r=(None, 3), h=19, g=57)])


def _sequence(op: str) -> Iterator[Case]:
    for r, t, n in ((1, 1, 1), (3, 2, 5), (2, 7, (3, 2)), (5, 1, 17), (7, 5, 67)):
        yield _case(op, r, r=None, t=t, n=n)
    yield from _kinds([_case(op, 3, r=None, t=4, n=5)])
    yield _case(op, r=0, t=2, n=3)


def _shift(op: str) -> Iterator[Case]:
    for case in _sequence(op):
        yield case
        yield from (replace(case, absent=absent) for absent in _absent(op))


def _kept_state(op: str) -> Iterator[Case]:
    """As many rows as the state has, fewer, and more."""
    for r, b, n in ((1, 1, 1), (3, 3, 5), (2, 5, (3, 2)), (5, 3, 17), (67, 67, 33)):
        yield _case(op, r, r=None, b=b, n=n)
    yield from _kinds([_case(op, 3, r=None, b=3, n=19)])
    yield _case(op, r=0, b=2, n=3)


# ---- ids, masks ----------------------------------------------------------------------------------


def _embed(op: str) -> Iterator[Case]:
    for r, v, o in ((1, 7, 1), (5, 3, 7), (7, 11, 16), (13, 5, 33), (3, 67, 131)):
        yield _case(op, r, r=(None, 3), v=v, o=o)
    yield _case(op, 67, r=None, v=2, o=5)
    yield from _kinds([_case(op, 3, r=(None, 2, 3), v=5, o=19)])
    yield _case(op, r=0, v=2, o=3)


def _encode(op: str) -> Iterator[Case]:
    for once, absent in itertools.product((0, 1), ((), ("w",))):
        for r, n, v in ((1, 1, 2), (5, 3, 7), (3, 17, 5), (7, 2, 67)):
            known = _case(op, r, r=(None, 2), n=n, v=v, attrs={"once": once})
            yield replace(known, absent=absent)
    yield from _kinds([_case(op, 5, r=None, n=7, v=3, attrs={"once": 0})])


def _masked(op: str) -> Iterator[Case]:
    attrs = {"value": 3.0} if op == "differs" else {}
    for r, n in ((1, 1), (5, 3), (3, 16), (7, 33)):
        yield from _kinds([_case(op, r, r=(None, 5), n=n, attrs=attrs)])


# ---- pooling -------------------------------------------------------------------------------------

#: r, h, w, c, size, strides, padding: halves with and without a rest, overlapping, gaps, padded
_POOL = (
    (1, 1, 1, 1, (1, 1), (1, 1), "valid"),
    (2, 4, 6, 3, (2, 2), (2, 2), "valid"),
    (2, 5, 7, 17, (2, 2), (2, 2), "valid"),
    (3, 5, 7, 2, (2, 2), (2, 2), "same"),
    (2, 7, 5, 3, (3, 3), (1, 1), "valid"),
    (1, 7, 11, 5, (3, 2), (2, 1), "same"),
    (2, 7, 8, 1, (2, 1), (3, 2), "valid"),
    (1, 5, 3, 33, (5, 3), (1, 1), "valid"),
    (2, 2, 3, 2, (5, 5), (2, 2), "same"),
    (1, 9, 9, 32, (3, 3), (2, 2), "same"),
)


def _pool(op: str) -> Iterator[Case]:
    yield from _kinds(_pooling(op, *geometry) for geometry in _POOL)
    yield _pooling(op, 2, 7, 8, 3, (3, 2), (2, 2), (2, 1))
    yield _pooling(op, 0, 4, 4, 3, (2, 2), (2, 2), "valid")
    yield _pooling(op, 1, 66, 131, 67, (64, 1), (1, 1), "valid")  # too deep for a thread's scratch


def _mean_pool(op: str) -> Iterator[Case]:
    for sums in (0, 1):
        yield from (replace(case, attrs={**case.attrs, "sums": sums}) for case in _pool(op))


def _pooling(
    op: str,
    r: int,
    h: int,
    w: int,
    c: int,
    size: tuple[int, int],
    strides: tuple[int, int],
    padding: str | tuple[int, int],
) -> Case:
    window = Window.of(op, (r, h, w, c), size, strides, padding)
    axes = {"h": h, "w": w, "c": c, "p": window.out[0], "q": window.out[1]}
    return _case(op, max(r, 1), attrs=window.pool_attrs, r=None if r else 0, **axes)


# ---- augmentation --------------------------------------------------------------------------------

#: transform, height, width, h0, h1, w0, w1: each of csrc/kernels/augment-inl.h
_TRANSFORMS = (
    *((0, 5, 7, 1, 0, 1, 0), (0, 8, 3, 0, 0, 1, 0), (0, 2, 3, 1, 0, 0, 0)),
    *((1, 32, 31, -0.2, 0.3, -0.1, 0.1), (2, 28, 31, -0.5, 1.0, 0, 0), (2, 9, 9, 0.25, 0.25, 0, 0)),
    *((3, 8, 5, -0.5, 0.3, 0, 0), (4, 8, 5, -0.5, 0.3, 0.1, 0.2), (5, 8, 8, 0, 3, 0, 5)),
    (6, 8, 8, 1.5, 0.25, 0.5, -0.25),
)


def _random_map(op: str) -> Iterator[Case]:
    names = table()[op].attributes
    for values in _TRANSFORMS:
        for r in (1, 7, 67):
            attrs = dict(zip(names, (*values, 3, r % 3), strict=True))
            known = _case(op, r, r=None, k=6, attrs=attrs)
            yield replace(known, steps=2, shuffled=r == 67)
    yield _case(op, r=0, k=6, attrs=attrs)


def _random_uniform(op: str) -> Iterator[Case]:
    for r, low, high in ((1, 0.0, 1.0), (7, -0.5, 0.3), (32, 2.0, 2.0), (67, -3.0, 9.0)):
        known = _case(op, r, r=None, attrs={"low": low, "high": high, "stream": 3, "seed": r % 3})
        yield replace(known, steps=2, shuffled=r == 67)
    yield _case(op, r=0, attrs={"low": 0.0, "high": 1.0, "stream": 0, "seed": 0})


#: r, h, w, c, p, q: single pixels, one, three and other channels, vectors and tails, other sizes
_WARPS = (
    *((1, 1, 1, 1, 1, 1), (12, 5, 7, 1, 5, 7), (12, 4, 3, 3, 4, 3), (6, 8, 8, 2, 3, 5)),
    *((6, 2, 3, 17, 5, 4), (7, 9, 33, 1, 7, 37), (7, 3, 16, 3, 3, 16), (3, 2, 5, 67, 2, 3)),
)


def _warp(op: str) -> Iterator[Case]:
    for fill, bilinear in itertools.product(range(4), range(2)):
        attrs = {"fill_mode": fill, "bilinear": bilinear, "fill_value": 0.7}
        known = [_warped(op, sizes, attrs) for sizes in _WARPS]
        yield from known
        yield from _kinds(known[1:3], KINDS[1:])
    yield replace(known[1], sizes={**known[1].sizes, "r": (0,)}, rows=1)
    yield _warped(op, (2, 2, 300_000, 1, 2, 5), attrs)  # lines too long for a thread's scratch


def _warped(op: str, sizes: Sequence[int], attrs: Mapping[str, Any]) -> Case:
    r, *axes = sizes
    known = dict(zip("hwcpq", axes, strict=True), r=None, k=6)
    return _case(op, r, attrs=attrs, **{axis: known[axis] for axis in table()[op].axes})


def _tone(op: str) -> Iterator[Case]:
    """Yield both forms, within limits that cut some, and without."""
    wide, some = {"low": -np.inf, "high": np.inf}, {"low": -0.5, "high": 1.0}
    for attrs, absent in itertools.product((wide, some), ((), ("mean",))):
        known = [_case(op, r, r=None, n=n, c=c, attrs=attrs) for r, n, c in _PLACES[:-1]]
        known += [_case(op, 2, r=None, n=n, c=c, attrs=attrs) for n, c in ((3, 64), (5, 131))]
        known += _kinds([_case(op, 3, r=None, n=(3, 7), c=5, attrs=attrs)])
        yield from (replace(case, absent=absent) for case in known)
    yield _case(op, r=0, n=3, c=5, attrs=some)


def _tone_bwd(op: str) -> Iterator[Case]:
    yield from (replace(case, attrs={"low": -0.5, "high": 1.0}) for case in _elements(op))


# ---- channels ------------------------------------------------------------------------------------

#: r, n, c: one place, tails, sums of 1 to 3 chunks of 256 rows with every rest
_PLACES = (
    *((1, 1, 1), (2, 3, 5), (3, 5, 16), (5, 2, 17), (2, 7, 33), (7, 1, 3), (3, (2, 3), 31)),
    *((2, 255, 3), (1, 256, 5), (2, 257, 17), (3, (29, 18), 2), (1, 8209, 1)),
)


def _places(op: str) -> Iterator[Case]:
    yield from (_case(op, r, r=None, n=n, c=c) for r, n, c in _PLACES)
    yield from _kinds([_case(op, 3, r=None, n=(3, 7), c=5), _case(op, 2, r=None, n=300, c=17)])
    yield _case(op, r=0, n=3, c=5)


def _means(op: str) -> Iterator[Case]:
    """Yield places whose means are known: many normal numbers may cancel to what rounding makes,
    so many are of one sign."""
    for case in _places(op):
        many = size_of(case.sizes["n"]).base > 1024
        yield replace(case, data="uniform") if many else case


def _global_mean(op: str) -> Iterator[Case]:
    """Yield the mean of all places, and of those that count."""
    yield from (replace(case, absent=("mask",)) for case in _means(op))
    yield from _kinds([_case(op, 5, r=None, n=7, c=3), _case(op, 3, r=None, n=(3, 7), c=17)])


def _activated_places(op: str) -> Iterator[Case]:
    yield from (_activated(case, "linear") for case in _places(op))
    for name in activation_names():
        yield from _kinds([_activated(_case(op, 3, r=None, n=(3, 7), c=5), name)])
        yield replace(_activated(_case(op, 2, r=None, n=5, c=17), name), absent=("y",))


_SAMPLES = ((1, 1), (2, 3), (3, 17), (7, 33), (33, 16), (257, 5), (521, 2), (5, 67))


def _samples(op: str) -> Iterator[Case]:
    yield from (_case(op, r, r=None, c=c) for r, c in _SAMPLES)
    yield from _kinds([_case(op, 33, r=None, c=5)])


def _pool_moments(op: str) -> Iterator[Case]:
    for size, absent in ((1, ("s",)), (7, ())):
        known = (replace(case, absent=absent) for case in _samples(op))
        yield from (replace(case, attrs={"size": size}) for case in known)


def _moving_average(op: str) -> Iterator[Case]:
    for momentum in (0.99, 0.0, 1.0):
        yield from (replace(case, attrs={"momentum": momentum}) for case in _elements(op))


#: r, c: tails, more channels than have their coefficients in the scratch at once
_CHANNELS = (
    *((1, 1), (3, 5), (2, 16), (5, 17), (7, 33), ((None, 3), 7), ((None, 2, 3), 20)),
    *((67, 3), (2, 16384), (2, 16389)),
)


def _normalize(op: str) -> Iterator[Case]:
    plain, other = {"epsilon": 1e-3}, {"epsilon": 0.1}
    if op == "normalize_fwd":
        plain, other = {**plain, "batch": 1}, {**other, "batch": 0}
    rows = [(r if isinstance(r, tuple) else (None,), c) for r, c in _CHANNELS]
    counts = [r if isinstance(r, int) else 3 for r, _ in _CHANNELS]
    for (r, c), count in zip(rows, counts, strict=True):
        yield _activated(_case(op, count, r=r, c=c, attrs=plain), "linear")
    small = _case(op, 5, r=(None, 3), c=17, attrs=other)
    for name in activation_names():
        yield from _kinds([_activated(small, name)])
    for names in _NORMALIZE_ABSENT[op]:
        yield _activated(replace(small, absent=names), "linear" if "y" in names else "tanh")


_BATCH = ("x", "mean", "dgamma", "dbeta")
_NORMALIZE_ABSENT: Mapping[str, Sequence[tuple[str, ...]]] = {
    "normalize_fwd": (("z",), ("gamma",), ("beta",), ("gamma", "beta", "z")),
    "normalize_bwd_x": (("y",), ("gamma",), _BATCH, ("y", "gamma"), ("y", "gamma", *_BATCH)),
}


def _normalize_bwd_w(op: str) -> Iterator[Case]:
    yield from (replace(case, attrs={"epsilon": 1e-3}) for case in _samples(op))


def _normalize_fold(op: str) -> Iterator[Case]:
    attrs = {"epsilon": 1e-3}
    yield from (_case(op, i=i, o=o, attrs=attrs) for i, o in ((1, 1), (3, 17), ((3, 3, 5), 16)))
    yield _case(op, i=2, o=16389, attrs=attrs)
    small = _case(op, i=(3, 2), o=7, attrs=attrs)
    yield from _kinds([small])
    for absent in (("b",), ("gamma",), ("beta",), ("b", "gamma", "beta")):
        yield replace(small, absent=absent)


#: r, p, c, g: one column, tails, all chains of a group's sum, groups that are no whole vectors, one
#: of many places, sums of 1 to 3 chunks of rows
_NORMED = (
    *((1, 1, 1, 1), (3, 1, 5, 1), (2, 1, 16, 1), (5, 1, 17, 1), (3, 1, 33, 1), (2, 1, 67, 1)),
    *((2, 1, 131, 1), (1, 1, 1031, 1), (2, 3, 6, 2), (3, 5, 4, 4), (2, 7, 67, 1), (2, 2, 96, 3)),
    *((1, 260, 9, 3), (255, 1, 3, 1), (257, 1, 5, 5), (521, 1, 2, 1)),
)


def _row_norm(op: str) -> Iterator[Case]:
    names = table()[op].attributes
    for centred, summed in ((1, 0), (0, 0), (0, 1)):
        given = {"epsilon": 1e-3, "centred": centred, "summed": summed}
        attrs = {name: given[name] for name in names}
        yield from (_case(op, r, r=None, p=p, c=c, g=g, attrs=attrs) for r, p, c, g in _NORMED)
        small = _case(op, 3, r=(None, 2), p=2, c=21, g=3, attrs=attrs)
        yield from (*_kinds([small]), _case(op, r=0, p=1, c=5, g=1, attrs=attrs))
        yield from (replace(small, absent=absent) for absent in _absent(op) if absent)


# ---- element by element --------------------------------------------------------------------------


def _elements(op: str) -> Iterator[Case]:
    yield from (_case(op, n=n) for n in (0, *LENGTHS, 8209))
    yield from _kinds([_case(op, n=67), _case(op, 3, n=(None, 5, 7))])


def _scale(op: str) -> Iterator[Case]:
    for factor in (-1.0, 1 / 3):
        yield from (replace(case, attrs={"factor": factor}) for case in _elements(op))


def _pass_largest(op: str) -> Iterator[Case]:
    for strict in (0, 1):
        yield from (replace(case, attrs={"strict": strict}) for case in _elements(op))


def _concatenate(op: str) -> Iterator[Case]:
    for r, i, j in ((1, 1, 1), (3, 5, 16), (2, 17, 3), (67, 2, 1), (5, 67, 33)):
        yield _case(op, r, r=None, i=i, j=j, k=i + j)
    yield from _kinds([_case(op, 3, r=(None, 5), i=7, j=2, k=9)])
    yield _case(op, r=0, i=3, j=2, k=5)


#: rows, p, h and w before, s, h and w after; where the window begins and its steps: parts of the
#: last axis, of a weight, images without their frame, every second or third place, from the end
_WINDOWS: tuple[tuple[int, tuple[Any, ...], tuple[Any, ...], tuple[int, ...]], ...] = (
    (1, (None, (), 1, ()), ((), 1), (0, 0, 1, 1)),
    (3, (None, (), 21, ()), ((), 5), (0, 16, 1, 1)),
    (67, (None, (), 3, ()), ((), 2), (0, 1, 1, 1)),
    (1, ((), (), 2, 67), ((), 1), (0, 1, 1, 1)),
    (3, (None, (), 7, 17), ((), 7), (0, 6, 1, -1)),
    (2, ((None, 3), (), 35, ()), ((), 12), (0, 34, 1, -3)),
    (5, (None, (), 11, (3, 2)), ((), 4), (0, 1, 1, 3)),
    (2, (None, 6, 8, 7), (3, 5), (1, 0, 1, 1)),
    (2, (None, 7, 9, 16), (4, 3), (0, 8, 2, -4)),
    (7, (None, 6, 4, 2), (2, 3), (5, 1, -3, 1)),
    (2, (None, 3, 4, 1), (3, 0), (0, 0, 1, 1)),
)


def _window(op: str) -> Iterator[Case]:
    """Yield the cases of a window of two axes, or of the way back."""
    for rows, (p, h, w, s), (k, q), (top, left, down, right) in _WINDOWS:
        large, small = {"h": h, "w": w}, {"h": k, "w": q}
        before, after = (large, small) if op == "slice" else (small, large)
        sizes = {"p": p, **before, "s": s, "k": after["h"], "q": after["w"]}
        attrs: dict[str, float] = {"begin_h": top, "begin_w": left, "step_h": down}
        attrs["step_w"] = right
        if op == "place":
            attrs["value"] = -1.5 if right == 1 else 0.0
        kinds = KINDS if rows == 3 else ("normal",)
        yield from _kinds([replace(_in_order(op, rows, **sizes), attrs=attrs)], kinds)


def _activation(op: str) -> Iterator[Case]:
    for name in activation_names():
        yield from (_activated(case, name) for case in _elements(op))


_INF = math.inf

#: The parameters a, b, c, d of the curves that have some.
_PARAMETERS: Mapping[str, Sequence[tuple[float, ...]]] = {
    "line": ((1 / 255, -0.5),),
    "bend": ((0.0, 0.0, 6.0), (0.3, 0.0, _INF), (0.1, 0.7, 1.5), (0.0, 0.5, _INF)),
    "ramp": ((1.0, 0.0, 0.0, 6.0), (1 / 6, 3.0, -3.0, 3.0)),
    "step": ((0.1, -1.0), (0.0, _INF), (0.0, 1.0)),
    "threshold": ((0.7, -2.5), (-0.3, 0.0)),
    "shrink": ((0.5, 0.0), (0.3, 0.3)),
    "elu": ((1.0, 1.0, 1.0), (1.7580993408473766, 1.0507009873554805, 1.0), (0.3, 1.0, 1 / 0.3)),
    "softplus": ((1.0,), (-1.0,)),
    "squareplus": ((4.0,), (0.1,)),
}


def _curve(op: str) -> Iterator[Case]:
    for name in curve_names():
        for known in _PARAMETERS.get(name, ((),)):
            given = (*known, *[0.0] * (4 - len(known)))
            attrs = {"curve": name, **dict(zip("abcd", given, strict=True))}
            shapes = _elements(op) if name == "silu" else _few_elements(op)
            yield from (replace(case, attrs=attrs) for case in shapes)


def _few_elements(op: str) -> Iterator[Case]:
    yield from _kinds([_case(op, n=67)])
    yield _case(op, 3, n=(None, 5))


def _binary(op: str) -> Iterator[Case]:
    for name in binary_names():
        shapes = _elements(op) if name == "divide" else _few_elements(op)
        yield from (replace(case, attrs={"binary": name}) for case in shapes)


#: rows, p, q, s: numbers, rows of one and of several, tails of vectors, sums of several chunks
_GROUPS = (
    *((1, (), 1, ()), (1, (), 67, ()), (1, (), 8209, ()), (3, None, 5, ()), (1, (), 3, 17)),
    *((5, None, 300, 7), (2, (None, 3), (2, 5), (7, 2)), (1, 2, 3, 33), (1, (3, 2), 521, ())),
    *((7, None, 31, 16), (2, None, 9, 131)),
)


def _grouped(op: str, **attrs: Any) -> Iterator[Case]:
    for rows, p, q, s in _GROUPS:
        yield _case(op, rows, p=p, q=q, s=s, attrs=attrs)
    yield _case(op, 3, p=(), q=(None, 5), s=7, attrs=attrs)  # repeated along the rows
    yield from _kinds([_case(op, 3, p=None, q=5, s=17, attrs=attrs), _few_rows(op, attrs)])


def _few_rows(op: str, attrs: Mapping[str, Any]) -> Case:
    return _case(op, 4, p=None, q=7, s=(), attrs=attrs)


def _binary_spread(op: str) -> Iterator[Case]:
    for name, swapped in itertools.product(binary_names(), (0, 1)):
        attrs = {"binary": name, "swapped": swapped}
        if name == "subtract":
            yield from _grouped(op, **attrs)
        yield from _kinds([_few_rows(op, attrs)])
        yield _case(op, 3, p=None, q=2, s=5, attrs=attrs)


def _reduce(op: str) -> Iterator[Case]:
    for name in reduction_names():
        yield from _grouped(op, reduction=name)


def _arg_reduce(op: str) -> Iterator[Case]:
    for smallest in (0, 1):
        yield from _grouped(op, smallest=smallest)


#: rows, p, q, s of operations along one axis
_ALONG = (
    *((1, (), 1, ()), (1, (), 67, ()), (3, None, 5, ()), (1, (), 3, 17), (5, None, 30, 7)),
    *((2, (None, 3), 5, (7, 2)), (1, 2, 3, 33), (7, None, 31, 16)),
)


def _prod_bwd(op: str) -> Iterator[Case]:
    yield from (_case(op, rows, p=p, q=q, s=s) for rows, p, q, s in _ALONG)
    yield from _kinds([_case(op, 3, p=None, q=(2, 2), s=17)])


def _cumsum(op: str) -> Iterator[Case]:
    for reverse in (0, 1):
        attrs = {"reverse": reverse}
        yield from (_case(op, rows, p=p, q=q, s=s, attrs=attrs) for rows, p, q, s in _ALONG)
        yield from _kinds([_case(op, 3, p=None, q=9, s=17, attrs=attrs)])


def _swap(op: str) -> Iterator[Case]:
    for b, c in ((1, 1), (3, 7), (16, 33), (67, 5), (31, 64)):
        yield _case(op, p=(), b=b, c=c, s=())
        yield _case(op, 3, p=None, b=b, c=c, s=())
        yield _case(op, 2, p=(None, 2), b=(b, 2), c=c, s=3)
    yield from _kinds([_case(op, 2, p=None, b=5, c=17, s=()), _case(op, p=3, b=2, c=5, s=(3, 7))])


def _take(op: str) -> Iterator[Case]:
    """Yield indices among q places, of which some are not there where q is small."""
    for rows, p, q, s in _ALONG:
        for k in ((), 5, (3, 7)):
            yield _in_order(op, rows, p=p, q=q, s=s, k=k)
    yield _in_order(op, 5, p=(), q=11, s=17, k=(None, 3))  # a table, and an index for each row
    yield from _kinds([_in_order(op, 3, p=None, q=9, s=17, k=5)])


def _take_along(op: str) -> Iterator[Case]:
    for rows, p, q, s in _ALONG:
        yield from (_in_order(op, rows, p=p, q=q, s=s, k=k) for k in (1, 7))
    yield from _kinds([_in_order(op, 3, p=None, q=9, s=17, k=5)])


def _in_order(op: str, rows: int, **sizes: Any) -> Case:
    """Return the case of axes in the order of the table."""
    return _case(op, rows, **{axis: sizes[axis] for axis in table()[op].axes})


def _sort(op: str) -> Iterator[Case]:
    for descending in (0, 1):
        attrs = {"descending": descending}
        yield from (_case(op, 3, p=None, q=q, attrs=attrs) for q in (1, 2, 7, 16, 33, 521))
        yield from _kinds([_case(op, 2, p=(None, 3), q=67, attrs=attrs)])


#: rows, b, m, k, o: single matrices, a batch, small and large ones, rows of the batch as m
_MATRICES = (
    *((1, (), 1, 1, 1), (1, (), 3, 5, 7), (5, None, 3, 2, 17), (2, (None, 3), 4, 257, 5)),
    *((3, None, 67, 31, 33), (1, 2, 5, 521, 1), (1, 3, 1, 7, 67), (2, None, 131, 67, 19)),
    *((1, (), 29, 300, 131), (3, None, 1, 5, 1)),
)


def _matmul(op: str) -> Iterator[Case]:
    for rows, b, m, k, o in _MATRICES:
        yield _in_order(op, rows, b=b, m=m, k=k, o=o)
    sizes = {"m": 5, "k": 7, "o": 3, "k" if op == "matmul_tn" else "m": None}
    yield _in_order(op, 9, b=(), **sizes)
    yield from _kinds([_in_order(op, 3, b=None, m=5, k=19, o=17)])


def _select(op: str) -> Iterator[Case]:
    yield from _elements(op)
    yield from (replace(_case(op, n=67), absent=names) for names in (("a",), ("b",), ("a", "b")))


def _fill(op: str) -> Iterator[Case]:
    for value in (1.0, -0.1, np.nan, np.inf):
        yield from (_case(op, n=n, attrs={"value": value}) for n in (0, *LENGTHS))
    yield _case(op, 3, n=(None, 5), attrs={"value": 0.1})


def _reshape(op: str) -> Iterator[Case]:
    yield replace(_case(op, n=(3, 5, 7)), shapes={"y": (15, 7)})
    yield replace(_case(op, 3, n=(None, 5, 7)), shapes={"y": (None, 35)})


def _dropout(op: str) -> Iterator[Case]:
    for rate, n in itertools.product((0.0, 0.25, 0.5, 0.999), (1, 3, 4, 5, 67)):
        known = _case(op, 7, r=None, n=n, attrs={"rate": rate, "stream": 3, "seed": n % 3})
        yield replace(known, steps=2, shuffled=n % 2 == 0)
    yield from _kinds([_case(op, 5, r=None, n=(3, 7), attrs={"rate": 0.1, "stream": 0, "seed": 0})])


def _dropout_steps(op: str) -> Iterator[Case]:
    for rate, t, n in ((0.0, 2, 3), (0.25, 3, 4), (0.5, 1, 67), (0.5, 4, 261), (0.999, 2, 5)):
        known = _case(op, 7, r=None, t=t, n=n, attrs={"rate": rate, "stream": 3, "seed": n % 3})
        yield replace(known, steps=2, shuffled=n % 2 == 0)
    yield from _kinds(
        [_case(op, 5, r=None, t=3, n=(3, 7), attrs={"rate": 0.1, "stream": 0, "seed": 0})]
    )


def _gaussian_noise(op: str) -> Iterator[Case]:
    for stddev, product, n in ((0.5, 0, 1), (1.0, 0, 33), (2.0, 1, 67), (0.1, 1, 261), (0.0, 0, 5)):
        attrs = {"stddev": stddev, "product": product, "stream": 3, "seed": n % 3}
        yield replace(_case(op, 7, r=None, n=n, attrs=attrs), steps=2, shuffled=n % 2 == 0)
    yield from _kinds([_case(op, 5, r=None, n=(3, 7), attrs=attrs)])


# ---- between the caller's arrays and the batch ---------------------------------------------------


def _gather(op: str) -> Iterator[Case]:
    plain, scaled = ({"scaled": k, "slope": 1 / 255, "offset": -0.5} for k in (0, 1))
    for source, shuffled in itertools.product(_SOURCES, (False, True)):
        sizes = ((1, 1), (5, 3), (3, (2, 17)), (2, 67))
        known = [_case(op, r, r=None, n=n, attrs=plain) for r, n in sizes]
        known += [_case(op, 3, r=None, n=n, attrs=scaled) for n in (1, 67, 2049)]
        yield from (replace(case, source=source, steps=3, shuffled=shuffled) for case in known)
    for attrs, source in itertools.product((plain, scaled), _SOURCES[:2]):
        yield replace(_case(op, 5, r=None, n=7, attrs=attrs), source=source, data="special")


_SOURCES = ("float32", "float64", "uint8", "int32", "int64")


def _gather_labels(op: str) -> Iterator[Case]:
    for source, shuffled in itertools.product(_SOURCES, (False, True)):
        for r, n, ignored in ((1, (), np.nan), (5, (), 3.0), (33, (), -1.0), (5, (2, 3), 0.0)):
            known = _case(op, r, r=None, n=n, attrs={"classes": 7, "ignored": ignored})
            yield replace(known, source=source, steps=3, shuffled=shuffled)


def _label_numbers(op: str) -> Iterator[Case]:
    yield from (_case(op, n=n) for n in (0, *LENGTHS, 8209))
    yield _case(op, 3, n=(None, 5, 7))


# ---- rows of scores, losses, metrics -------------------------------------------------------------


def _scores(op: str) -> Iterator[Case]:
    yield from (_case(op, r, r=None, c=c) for r, c in zip(_ROWS, LENGTHS, strict=True))
    yield from _kinds([_case(op, 17, r=None, c=10), _case(op, 3, r=None, c=37)])
    yield _case(op, 3, r=(None, 5), c=7)
    yield _case(op, r=0, c=5)


_ROWS = (1, 2, 17, 5, 3, 1, 33, 2, 7, 16, 3, 5)


def _marked_scores(op: str) -> Iterator[Case]:
    for case in _scores(op):
        yield from (case, replace(case, absent=("m",)))


def _rows(op: str) -> Iterator[Case]:
    """Yield rows of n columns; single columns are worked on as vectors of rows."""
    yield from (_case(op, r, r=None, n=n) for r, n in zip(_ROWS, LENGTHS, strict=True))
    yield from (_case(op, r, r=None, n=1) for r in LENGTHS)
    yield from _kinds(
        _case(op, r, r=rows, n=n)
        for r, rows, n in ((5, (None, 3), 7), (19, None, 1), (3, None, 37))
    )
    yield _case(op, r=0, n=5)


#: The constants of the rows of csrc/losses.def that read some.
_CONSTANTS: Mapping[str, Sequence[tuple[float, ...]]] = {
    "huber": ((1.0,), (0.3,)),
    "binary_focal": ((2.0, 0.25, 0.0), (1.5, 0.7, 1.0), (0.0, 0.5, 0.0)),
    "categorical_focal": ((2.0, 0.25), (3.0, 1.0)),
}
#: Those that are meant for probabilities, or for numbers above 0.
_POSITIVE = {"msle", "poisson", "kl", "bce", "ce", "binary_focal", "categorical_focal"}


def _losses(op: str) -> Iterator[Case]:
    for name in loss_names():
        kind = "uniform" if name in _POSITIVE else "normal"
        for constants, total in itertools.product(_CONSTANTS.get(name, ((),)), (0, 1)):
            first, second, third = (*constants, 0.0, 0.0, 0.0)[:3]
            attrs = {"loss": name, "sum": total, "first": first, "second": second, "third": third}
            for r, rows, n in ((5, (None, 3), 7), (19, None, 1), (3, None, 37), (2, None, 16)):
                yield replace(_case(op, r, r=rows, n=n, attrs=attrs), data=kind)
            yield from _kinds([_case(op, 11, r=None, n=1, attrs=attrs)], KINDS[1:])
            yield from _kinds([_case(op, 7, r=None, n=5, attrs=attrs)], ("special", "wide"))
    yield _case(op, r=0, n=5, attrs=attrs)


def _loss_gradients(op: str) -> Iterator[Case]:
    yield from _slopes(_losses(op))


def _score_gradients(op: str) -> Iterator[Case]:
    yield from _slopes(_scores(op))


def _row_gradients(op: str) -> Iterator[Case]:
    yield from _slopes(_rows(op))


def _slopes(known: Iterable[Case]) -> Iterator[Case]:
    """Yield each case with the gradient of every row's loss, and with that of their mean."""
    for case in known:
        yield from (case, replace(case, absent=("dl",)))


def _accuracy_binary(op: str) -> Iterator[Case]:
    for threshold, every in ((0.5, 0), (0.0, 0), (0.1, 1)):
        attrs = {"threshold": threshold, "all": every}
        yield from (replace(case, attrs=attrs) for case in _rows(op))


def _by_label_or_target(known: Iterable[Case]) -> Iterator[Case]:
    """Yield each case with labels, and with targets; with weights and without, if there are any."""
    for case in known:
        weights = [o.name for o in table()[case.op].inputs if o.name == "w"]
        for name in ("i", "t"):
            yield replace(case, absent=(name,))
            if weights:
                yield replace(case, absent=(name, "w"))


def _in_top_k(op: str) -> Iterator[Case]:
    for k in (1, 3, 50):
        yield from _by_label_or_target(replace(case, attrs={"k": k}) for case in _scores(op))


def _keep_top_k(op: str) -> Iterator[Case]:
    for k in (1, 3, 50):
        yield from (replace(case, attrs={"k": k}) for case in _scores(op))


def _mean(op: str) -> Iterator[Case]:
    for absent, total in itertools.product(_WEIGHTED, (0, 1)):
        known = [_case(op, r, r=None, attrs={"sum": total}) for r in (*LENGTHS, 521)]
        known += _kinds([_case(op, 37, r=None, attrs={"sum": total})])
        known += [_case(op, 7, r=(None, 5), attrs={"sum": total})]
        yield from (replace(case, absent=absent) for case in known)


#: Which of weights and divisor are not there.
_WEIGHTED = ((), ("d",), ("w", "d"))


def _accumulate(op: str) -> Iterator[Case]:
    for absent, watched in itertools.product(_WEIGHTED, (0, 1)):
        attrs = {"watched": watched}
        yield from (replace(case, attrs=attrs, absent=absent) for case in _totals(op))


def _totals(op: str) -> Iterator[Case]:
    yield from (_case(op, r, r=None, k=2) for r in (*LENGTHS, 521))
    yield from _kinds([_case(op, 37, r=None, k=2)])
    yield replace(_case(op, 5, r=None, k=2), steps=3)
    yield _case(op, 5, r=(None, 7), k=2)


def _accumulate_columns(op: str) -> Iterator[Case]:
    for absent in ((), ("w",)):
        known = [_case(op, r, r=None, n=n, k=n + 1) for r, n in ((1, 1), (7, 3), (521, 2))]
        known += _kinds([_case(op, 37, r=(None, 2), n=5, k=6)])
        yield from (replace(case, absent=absent, steps=2) for case in known)


def _histogram(op: str) -> Iterator[Case]:
    sizes = ((1, 1, 1), (7, 3, 4), (33, 2, 200), (521, 1, 17))
    known = [_case(op, r, r=None, n=n, k=k, m=2 * n * (k + 1)) for r, n, k in sizes]
    known += _kinds([_case(op, 37, r=(None, 2), n=5, k=9, m=100)])
    yield from (replace(case, steps=2) for case in _by_label_or_target(known))


def _confusion(op: str) -> Iterator[Case]:
    sizes = ((1, 1), (7, 3), (33, 2), (521, 17), (19, 1))
    for threshold in (0.5, 0.0):
        attrs = {"threshold": threshold}
        known = [_case(op, r, r=None, c=c, k=max(c, 2) ** 2, attrs=attrs) for r, c in sizes]
        known += _kinds([_case(op, 37, r=(None, 2), c=5, k=25, attrs=attrs)])
        yield from (replace(case, steps=2) for case in _by_label_or_target(known))


def _accumulate_batch(op: str) -> Iterator[Case]:
    attrs = {"watched": 0}
    yield from _kinds(_case(op, rows, k=2, attrs=attrs) for rows in (1, 37))
    yield replace(_case(op, 5, k=2, attrs={"watched": 1}), steps=3)


# ---- weights -------------------------------------------------------------------------------------

_PENALTIES = ({"l1": 0.3, "l2": 0.2}, {"l1": 0.3, "l2": 0.0}, {"l1": 0.0, "l2": 0.2})


def _penalty(op: str) -> Iterator[Case]:
    for attrs in _PENALTIES:
        yield from (_case(op, n=n, attrs=attrs) for n in (0, *LENGTHS, 1024, 1031, 8209))
        yield from _kinds([_case(op, n=(3, 67), attrs=attrs)])
        yield _case(op, 5, n=(None, 7), attrs=attrs)


def _hollow(op: str) -> Iterator[Case]:
    yield from (_case(op, i=n, j=n) for n in (*LENGTHS, 131))
    yield from _kinds(_case(op, i=i, j=j) for i, j in ((19, 19), (3, 7), (7, 3)))
    yield _case(op, 5, i=None, j=7)


def _over_rows(op: str) -> Iterator[Case]:
    yield from _kinds(_case(op, rows) for rows in (1, 37))


def _clip_norm(op: str) -> Iterator[Case]:
    sizes = ((1, 3, 5), (2, 3, 1), (3, 67, 1), (5, 2, 19), (1, 521, 33), (1, 7, 131), (0, 2, 3))
    for low, high, rate in ((0.0, 2.0, 1.0), (1.0, 1.0, 1.0), (3.0, 4.0, 0.25)):
        attrs = {"low": low, "high": high, "rate": rate, "epsilon": 1e-7}
        yield from (_case(op, o=o, n=n, i=i, attrs=attrs) for o, n, i in sizes)
        yield from _kinds(_case(op, o=2, n=5, i=i, attrs=attrs) for i in (1, 3))


# ---- optimizers ----------------------------------------------------------------------------------


def _sgd(op: str) -> Iterator[Case]:
    plain, heavy, nesterov = (
        {"momentum": momentum, "nesterov": flag} for momentum, flag in ((0, 0), (0.9, 0), (0.9, 1))
    )
    for attrs in (plain, heavy, nesterov):
        known = [_case(op, n=n, h=1, attrs=attrs) for n in (0, *LENGTHS, 8209)]
        known += _kinds([_case(op, n=67, h=1, attrs=attrs)])
        absent = ("v",) if attrs is plain else ()
        yield from (replace(case, absent=absent) for case in known)


def _ranges(op: str, attrs: Mapping[str, Any], **axes: int) -> Iterator[Case]:
    """Yield ranges of all lengths, and of all kinds of numbers."""
    yield from (_case(op, n=n, attrs=attrs, **axes) for n in (0, *LENGTHS, 8209))
    yield from _kinds([_case(op, n=67, attrs=attrs, **axes)])


def _adam(op: str) -> Iterator[Case]:
    attrs = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
    other = {"beta_1": 0.0, "beta_2": 0.5, "epsilon": 0.1}
    for absent in (("x",), ()):
        known = list(_ranges(op, attrs, h=1, k=1))
        known += _kinds([_case(op, n=37, h=1, k=1, attrs=other)])
        yield from (replace(case, absent=absent) for case in known)
        yield replace(_case(op, n=17, h=1, k=1, attrs=attrs), steps=3, absent=absent)


def _adamax(op: str) -> Iterator[Case]:
    for beta_1, beta_2, epsilon in ((0.9, 0.999, 1e-7), (0.0, 0.5, 0.1)):
        attrs = {"beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon}
        yield from _ranges(op, attrs, h=1, k=1)


def _nadam(op: str) -> Iterator[Case]:
    for beta_1, beta_2, epsilon in ((0.9, 0.999, 1e-7), (0.5, 0.5, 0.1)):
        attrs = {"beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon}
        yield from _ranges(op, attrs, p=1, h=1, k=1)


def _nadam_product(op: str) -> Iterator[Case]:
    yield from (_case(op, p=1, k=1, attrs={"beta_1": beta}) for beta in (0.9, 0.5))


def _lion(op: str) -> Iterator[Case]:
    for beta_1, beta_2 in ((0.9, 0.99), (1.0, 0.0)):
        yield from _ranges(op, {"beta_1": beta_1, "beta_2": beta_2}, h=1)


def _rmsprop(op: str) -> Iterator[Case]:
    for momentum, absent in ((0.9, ()), (0.5, ("a",)), (0.0, ("m",)), (0.0, ("a", "m"))):
        attrs = {"rho": 0.9, "momentum": momentum, "epsilon": 1e-7}
        known = [_case(op, n=n, h=1, attrs=attrs) for n in (0, *LENGTHS, 8209)]
        known += _kinds([_case(op, n=67, h=1, attrs=attrs)])
        yield from (replace(case, absent=absent) for case in known)


def _adagrad(op: str) -> Iterator[Case]:
    yield from _ranges(op, {"epsilon": 1e-7}, h=1)


def _adadelta(op: str) -> Iterator[Case]:
    for rho, epsilon in ((0.95, 1e-7), (0.5, 1e-2)):
        yield from _ranges(op, {"rho": rho, "epsilon": epsilon}, h=1)


def _ftrl(op: str) -> Iterator[Case]:
    for power in (0.5, 0.0, 0.3):
        attrs = {"power": power, "l1": 0.3, "l2": 0.2, "shrinkage": 0.1, "beta": 0.5}
        yield from _ranges(op, attrs, h=1)
    plain = {"l1": 0.0, "l2": 0.0, "shrinkage": 0.0, "beta": 0.0}
    yield from _kinds([_case(op, n=67, h=1, attrs={"power": 0.5, **plain})])


def _lamb_direction(op: str) -> Iterator[Case]:
    for beta_1, beta_2, epsilon in ((0.9, 0.999, 1e-7), (0.0, 0.5, 0.1)):
        attrs = {"beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon}
        yield from _ranges(op, attrs, k=1)


def _lamb_step(op: str) -> Iterator[Case]:
    yield from _ranges(op, {}, h=1)


#: o, n, i: rows, columns, a vector; tails, blocks of a sum
_WEIGHTS = (
    *((1, 5, 1), (3, 67, 1), (19, 521, 1), (1, 1, 7), (1, 1, 131), (2, 3, 5)),
    *((1, 521, 33), (1, 7, 131), (3, 17, 16), (0, 2, 3)),
)


def _adafactor_moment(op: str) -> Iterator[Case]:
    for power in (0.8, 1.0, 0.0):
        attrs = {"power": power, "epsilon": 1e-30}
        yield from (_case(op, o=o, n=n, i=i, k=1, attrs=attrs) for o, n, i in _WEIGHTS)
        yield from _kinds(_case(op, o=2, n=5, i=i, k=1, attrs=attrs) for i in (1, 3))


def _adafactor_direction(op: str) -> Iterator[Case]:
    yield from (_case(op, o=o, n=n, i=i) for o, n, i in _WEIGHTS)
    vectors = (_case(op, o=1, n=1, i=i) for i in (1, 7, 131))
    yield from (replace(case, absent=("r",)) for case in vectors)
    yield from _kinds(_case(op, o=2, n=5, i=i) for i in (1, 19))


def _adafactor_step(op: str) -> Iterator[Case]:
    for epsilon, limit in ((1e-3, 1.0), (10.0, 1e-3)):
        yield from _ranges(op, {"epsilon": epsilon, "limit": limit}, h=1, k=1)


def _decay(op: str) -> Iterator[Case]:
    yield from _ranges(op, {"rate": 0.3}, h=1)


def _average(op: str) -> Iterator[Case]:
    yield from _ranges(op, {"momentum": 0.99}, k=1)


def _clip_gradient(op: str) -> Iterator[Case]:
    yield from _ranges(op, {"limit": 0.5})


def _clip_gradient_norm(op: str) -> Iterator[Case]:
    for limit in (0.5, 100.0):
        yield from _ranges(op, {"limit": limit})


def _pick_rate(op: str) -> Iterator[Case]:
    yield from (_case(op, h=1, c=c, k=1) for c in (1, 7, 1024))


def _mark(op: str) -> Iterator[Case]:
    attrs = {"period": 3} if op != "resume" else {}
    yield _case(op, k=1, attrs=attrs)
    yield replace(_case(op, 3, k=2, attrs=attrs), steps=3)


#: op -> the function that yields its cases.  python_call, the user's own code, has none.
CASES: Mapping[str, Callable[[str], Iterator[Case]]] = {
    "gather": _gather,
    "gather_labels": _gather_labels,
    "label_numbers": _label_numbers,
    "dense_fwd": _dense,
    "pack_panels": _pack_panels,
    "dense_panels": _dense_panels,
    "dense_bwd_x": _dense,
    "dense_bwd_w": _dense,
    "conv2d_fwd": _conv,
    "conv2d_bwd_x": _conv,
    "conv2d_bwd_w": _conv,
    "conv2d_transpose_fwd": _conv_transpose,
    "depthwise_fwd": _depthwise,
    "depthwise_bwd_x": _depthwise,
    "depthwise_bwd_w": _depthwise,
    "bias_bwd": _bias_bwd,
    "rnn_fwd": _walk,
    "rnn_bwd": _walk,
    "lstm_fwd": _walk,
    "lstm_bwd": _walk,
    "gru_fwd": _walk,
    "gru_bwd": _walk,
    "gru_bwd_u": _walk_product,
    "dropout_steps": _dropout_steps,
    "shift": _shift,
    "recall": _kept_state,
    "remember": _kept_state,
    "embed_fwd": _embed,
    "embed_bwd": _embed,
    "encode": _encode,
    "differs": _masked,
    "mask_steps": _masked,
    "maxpool2d_fwd": _pool,
    "maxpool2d_bwd": _pool,
    "avgpool2d_fwd": _mean_pool,
    "avgpool2d_bwd": _mean_pool,
    "random_map": _random_map,
    "random_uniform": _random_uniform,
    "warp": _warp,
    "warp_bwd": _warp,
    "tone": _tone,
    "tone_bwd": _tone_bwd,
    "moments": _means,
    "pool_moments": _pool_moments,
    "moving_average": _moving_average,
    "normalize_fwd": _normalize,
    "normalize_bwd_p": _activated_places,
    "normalize_bwd_w": _normalize_bwd_w,
    "normalize_bwd_x": _normalize,
    "normalize_fold": _normalize_fold,
    "row_norm_fwd": _row_norm,
    "row_norm_bwd_x": _row_norm,
    "row_norm_bwd_w": _row_norm,
    "global_mean_fwd": _global_mean,
    "global_mean_bwd": _global_mean,
    "activation_fwd": _activation,
    "activation_bwd": _activation,
    "curve_fwd": _curve,
    "curve_bwd": _curve,
    "add": _elements,
    "scale": _scale,
    "pass_largest": _pass_largest,
    "concatenate": _concatenate,
    "slice": _window,
    "place": _window,
    "fill": _fill,
    "binary": _binary,
    "binary_spread": _binary_spread,
    "expand": _grouped,
    "select": _select,
    "reduce": _reduce,
    "arg_reduce": _arg_reduce,
    "prod_bwd": _prod_bwd,
    "cumsum": _cumsum,
    "swap": _swap,
    "take": _take,
    "take_bwd": _take,
    "take_along": _take_along,
    "put_along": _take_along,
    "sort": _sort,
    "matmul": _matmul,
    "matmul_nt": _matmul,
    "matmul_tn": _matmul,
    "reshape": _reshape,
    "dropout": _dropout,
    "gaussian_noise": _gaussian_noise,
    "softmax_fwd": _scores,
    "softmax_bwd": _scores,
    "softmax_ce_sparse": _marked_scores,
    "log_softmax_fwd": _scores,
    "log_softmax_bwd": _scores,
    "softmax_ce_sparse_bwd": _score_gradients,
    "softmax_ce_dense": _scores,
    "softmax_ce_dense_bwd": _score_gradients,
    "sigmoid_bce": _rows,
    "sigmoid_bce_bwd": _row_gradients,
    "loss_fwd": _losses,
    "loss_bwd": _loss_gradients,
    "cosine": _rows,
    "cosine_bwd": _row_gradients,
    "categorical_hinge": _rows,
    "categorical_hinge_bwd": _row_gradients,
    "mean": _mean,
    "mean_bwd": _mean,
    "accuracy_sparse": _scores,
    "accuracy_dense": _scores,
    "accuracy_binary": _accuracy_binary,
    "in_top_k": _in_top_k,
    "keep_top_k": _keep_top_k,
    "accumulate": _accumulate,
    "accumulate_columns": _accumulate_columns,
    "histogram": _histogram,
    "confusion": _confusion,
    "accumulate_batch": _accumulate_batch,
    "penalty": _penalty,
    "penalty_bwd": _penalty,
    "hollow": _hollow,
    "over_rows": _over_rows,
    "clip_norm": _clip_norm,
    "assign": _elements,
    "sgd": _sgd,
    "adam": _adam,
    "adamax": _adamax,
    "nadam": _nadam,
    "nadam_product": _nadam_product,
    "lion": _lion,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
    "adadelta": _adadelta,
    "ftrl": _ftrl,
    "lamb_direction": _lamb_direction,
    "lamb_step": _lamb_step,
    "adafactor_moment": _adafactor_moment,
    "adafactor_direction": _adafactor_direction,
    "adafactor_step": _adafactor_step,
    "decay": _decay,
    "average": _average,
    "clip_gradient": _clip_gradient,
    "clip_gradient_norm": _clip_gradient_norm,
    "pick_rate": _pick_rate,
    "every": _mark,
    "resume": _mark,
    "advance": _mark,
}


@cache
def cases(op: str) -> tuple[Case, ...]:
    """Return the cases of one op, each once."""
    return tuple({str(case): case for case in CASES[op](op)}.values())
