"""The arithmetic of windows that slide over images or sequences: output sizes and padding.

A side of N places becomes ``floor((N - F + 2P)/S) + 1`` for a window of F places, padding P on
either side and stride S; of a kernel of K places with dilation D the window has F = (K - 1) D + 1.
Sequences are images of one row.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastnn._checks import shown
from fastnn.errors import ShapeError

__all__ = [
    "Padding",
    "Side",
    "Transposed",
    "Window",
    "is_size",
    "output_padding_of",
    "padding_of",
    "pair",
    "sizes_of",
]

Pair = tuple[int, int]

#: "valid", "same", "causal", or as many places on either side of each axis
Padding = str | tuple[int, ...]

_AXES = {1: ("steps",), 2: ("height", "width")}


def pair(who: str, name: str, value: int | Sequence[int]) -> Pair:
    """Return ``value`` as (height, width).

    Raises:
        ValueError: if it is not one positive integer or two.
    """
    height, width = sizes_of(who, name, value, 2)
    return height, width


def sizes_of(who: str, name: str, value: int | Sequence[int], rank: int) -> tuple[int, ...]:
    """Return ``value`` as one positive integer for each of ``rank`` axes."""
    values = each_axis(value, rank)
    if len(values) != rank or not all(map(is_size, values)):
        many = " or (height, width)" if rank == 2 else ""
        raise ValueError(f"{who}: {name} must be a positive integer{many}, got {shown(value)}")
    return tuple(map(int, values))


def each_axis(value: Any, rank: int) -> tuple[Any, ...]:
    """Return what is given for each axis: one value for all, or one for each, however many."""
    return tuple(value) if isinstance(value, tuple | list) else (value,) * rank


def is_size(value: object) -> bool:
    """Whether ``value`` is a positive integer, of Python or of NumPy."""
    return is_count(value) and int(value) > 0  # type: ignore[call-overload]


def is_count(value: object) -> bool:
    """Whether ``value`` is 0 or a positive integer."""
    integral = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return integral and int(value) >= 0  # type: ignore[call-overload]


def padding_of(who: str, padding: object, rank: int, causal: bool = False) -> Padding:
    """Return a padding: a known name in lower case, or places for each of ``rank`` axes."""
    names = ("valid", "same", "causal")[: 3 if causal else 2]
    if isinstance(padding, str) and padding.lower() in names:
        return padding.lower()
    places = each_axis(padding, rank)
    if len(places) == rank and all(map(is_count, places)):
        return tuple(map(int, places))
    known = ", ".join(f'"{name}"' for name in names)
    many = " or (height, width)" if rank == 2 else ""
    raise ValueError(
        f"{who}: padding must be {known}, or a count of places on either side{many}, "
        f"got {str(padding)[:60]!r}"
    )


@dataclass(frozen=True)
class Side:
    """One axis under a window.

    Attributes:
        name: what it is called.
        extent: its places.
        kernel: the places that the window sees.
        stride: how far the window moves.
        dilation: the distance of the places that it sees.
        pads: places of padding before and after.
        out: the windows.
    """

    name: str
    extent: int
    kernel: int
    stride: int
    dilation: int
    pads: Pair
    out: int

    @classmethod
    def of(
        cls, name: str, extent: int, kernel: int, stride: int, dilation: int, padding: str | int
    ) -> Side:
        """Return the side, however many windows it has.

        "same" pads so that there are ceil(extent / stride) windows; of an odd number of padded
        places the extra one comes last, as in Keras.  "causal" pads before alone.
        """
        size = (kernel - 1) * dilation + 1
        if padding == "same":
            total = max((-(-extent // stride) - 1) * stride + size - extent, 0)
            pads = total // 2, total - total // 2
        elif padding == "causal":
            pads = size - 1, 0
        else:
            pads = (0, 0) if isinstance(padding, str) else (padding, padding)
        out = (extent + sum(pads) - size) // stride + 1
        return cls(name, extent, kernel, stride, dilation, pads, out)

    @property
    def size(self) -> int:
        """The places from the first to the last that the window sees."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def formula(self) -> str:
        """The formula of ``out`` with its numbers: ``floor((8 - 3 + 2*1)/2) + 1 = 4``."""
        before, after = self.pads
        padded = f"2*{before}" if before == after else f"{before} + {after}"
        return f"floor(({self.extent} - {self.size} + {padded})/{self.stride}) + 1 = {self.out}"


@dataclass(frozen=True)
class Window:
    """A window that slides over images (rows, height, width, channels), padded by zeros.

    Over sequences (rows, steps, channels) it slides as over images of one row.
    """

    sides: tuple[Side, ...]

    @classmethod
    def of(
        cls,
        who: str,
        shape: Sequence[int | None],
        size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str | int | Sequence[int] = "valid",
        dilation: int | Sequence[int] = 1,
        rank: int = 2,
    ) -> Window:
        """Return the window for ``shape`` (rows, height, width, channels), or of ``rank`` 1
        (rows, steps, channels).

        Raises:
            ShapeError: if the inputs are not of that shape or smaller than the window.
            ValueError: if size, strides, padding or dilation make no sense.
        """
        known = padding_of(who, padding, rank, causal=rank == 1)
        pads = (known,) * rank if isinstance(known, str) else known
        sides = tuple(
            Side.of(*side)
            for side in zip(
                _AXES[rank],
                _extent(who, shape, rank),
                sizes_of(who, "the window", size, rank),
                sizes_of(who, "strides", strides, rank),
                sizes_of(who, "dilation_rate", dilation, rank),
                pads,
                strict=True,
            )
        )
        if min(side.out for side in sides) < 1:
            raise ShapeError(_too_small(who, sides))
        return cls(sides)

    def _pair(self, field: str, row: int) -> Pair:
        """Return what both axes have; a sequence's one row has ``row``."""
        values = [int(getattr(side, field)) for side in self.sides]
        return (values[0], values[1]) if len(values) == 2 else (row, values[0])

    @property
    def size(self) -> Pair:
        """The places that the window sees."""
        return self._pair("kernel", 1)

    @property
    def strides(self) -> Pair:
        """How far the window moves."""
        return self._pair("stride", 1)

    @property
    def dilation(self) -> Pair:
        """The distance of the places that the window sees."""
        return self._pair("dilation", 1)

    @property
    def out(self) -> Pair:
        """The windows."""
        return self._pair("out", 1)

    @property
    def pads(self) -> Pair:
        """The places of padding above and to the left."""
        before = tuple(side.pads[0] for side in self.sides)
        return (before[0], before[1]) if len(before) == 2 else (0, before[0])

    @property
    def out_axes(self) -> dict[str, int]:
        """The sizes of the output's axes p and q."""
        return {"p": self.out[0], "q": self.out[1]}

    @property
    def _moves(self) -> dict[str, int]:
        return {**_by_axis("stride", self.strides), **_by_axis("pad", self.pads)}

    @property
    def conv_attrs(self) -> dict[str, int]:
        """The attributes of convolutions."""
        return {**self._moves, **_by_axis("dilation", self.dilation)}

    @property
    def pool_attrs(self) -> dict[str, int]:
        """The attributes of pooling."""
        return {**_by_axis("size", self.size), **self._moves}


@dataclass(frozen=True)
class Transposed:
    """A convolution the other way: which places of its result ``out`` each place of x reaches.

    The result is to x as the input of a convolution with ``window`` is to its output.
    """

    out: Pair
    conv_attrs: dict[str, int]

    @classmethod
    def of(
        cls,
        who: str,
        shape: Sequence[int | None],
        size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        output_padding: int | Sequence[int] | None = None,
        dilation: int | Sequence[int] = 1,
        rank: int = 2,
    ) -> Transposed:
        """Return the geometry for ``shape`` (rows, height, width, channels) as Keras defines it.

        A side of N places becomes ``(N - 1) S + max(F, S)``, or N S if ``padding`` is ``"same"``.
        With ``output_padding`` O it is ``(N - 1) S + F + O``, or of ``"same"``
        ``(N - 1) S + F % 2 + O``.
        """
        name = padding_of(who, padding, rank)
        if not isinstance(name, str):
            raise ValueError(f'{who}: padding must be "valid" or "same", got {padding!r}')
        steps = sizes_of(who, "strides", strides, rank)
        gaps = sizes_of(who, "dilation_rate", dilation, rank)
        more = output_padding_of(who, output_padding, steps) or (None,) * rank
        sides = [
            _transposed_side(n, (k - 1) * d + 1, s, name, o)
            for n, k, s, d, o in zip(
                _extent(who, shape, rank),
                sizes_of(who, "the window", size, rank),
                steps,
                gaps,
                more,
                strict=True,
            )
        ]
        if min(out for out, _ in sides) < 1:
            raise ShapeError(
                f"{who}: nothing is left of {format_sizes(shape)} with padding={name!r} and "
                f"output_padding={output_padding}; use a larger output_padding, or None"
            )
        filled = [(1, 0)] * (2 - rank) + sides
        attrs = {
            **_by_axis("stride", (1,) * (2 - rank) + steps),
            **_by_axis("pad", tuple(pad for _, pad in filled)),
            **_by_axis("dilation", (1,) * (2 - rank) + gaps),
        }
        return cls((filled[0][0], filled[1][0]), attrs)


def output_padding_of(who: str, value: Any, strides: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the places that are added at the end of each axis, or ``None``."""
    if value is None:
        return None
    values = each_axis(value, len(strides))
    if len(values) != len(strides) or not all(map(is_count, values)):
        raise ValueError(f"{who}: output_padding must be a count, got {str(value)[:60]}")
    if any(o >= s for o, s in zip(values, strides, strict=True)):
        raise ValueError(
            f"{who}: output_padding must be less than strides, got {values} with strides={strides}"
        )
    return tuple(map(int, values))


def _transposed_side(extent: int, size: int, stride: int, padding: str, more: int | None) -> Pair:
    """Return (places of the result, those that are cut off before the first), as Keras on JAX."""
    if padding == "valid":
        added = max(stride - size, 0) if more is None else more
        return (extent - 1) * stride + size + added, 0
    total = stride + size - 2 if more is None else size + size % 2 - 2 + more
    before = min(total // 2 + total % 2, size - 1)
    return (extent - 1) * stride + 1 + total - (size - 1), size - 1 - before


def _by_axis(name: str, values: Sequence[int]) -> dict[str, int]:
    return {f"{name}_h": values[0], f"{name}_w": values[1]}


def format_sizes(shape: Sequence[int | None]) -> str:
    """Return a shape as people write it."""
    return "(" + ", ".join("rows" if d is None else str(d) for d in shape) + ")"


def _extent(who: str, shape: Sequence[int | None], rank: int) -> tuple[int, ...]:
    extent = [n for n in shape[1:-1] if n is not None]
    if len(shape) == rank + 2 and len(extent) == rank:
        return tuple(extent)
    if rank == 1:
        raise ShapeError(
            f"{who}: expected sequences (rows, steps, channels), got {format_sizes(shape)}; "
            "a single number a step needs a last axis of 1: x[..., None]"
        )
    raise ShapeError(
        f"{who}: expected images (rows, height, width, channels), got {format_sizes(shape)}; "
        "grey images need a last axis of 1: x[..., None]"
    )


def _too_small(who: str, sides: Sequence[Side]) -> str:
    extent, size = ("x".join(str(getattr(s, f)) for s in sides) for f in ("extent", "size"))
    things = "an image of {} pixels" if len(sides) == 2 else "a sequence of {} steps"
    numbers_ = ", ".join(f"{side.name} {side.formula}" for side in sides)
    return (
        f"{who}: {things.format(extent)} is smaller than the {size} window: {numbers_}; "
        "use a smaller window, strides or dilation_rate, or padding='same'"
    )
