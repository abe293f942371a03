"""The arithmetic of windows that slide over images: output sizes and padding."""

from __future__ import annotations

import numbers
from dataclasses import dataclass

from fastnn.errors import ShapeError

__all__ = ["Window", "is_size", "pair"]

Pair = tuple[int, int]


def pair(who: str, name: str, value: int | tuple[int, ...] | list[int]) -> Pair:
    """Return ``value`` as (height, width).

    Raises:
        ValueError: if it is not one positive integer or two.
    """
    values = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(values) != 2 or not all(map(is_size, values)):
        raise ValueError(
            f"{who}: {name} must be a positive integer or (height, width), got {str(value)[:60]}"
        )
    return int(values[0]), int(values[1])


def is_size(value: object) -> bool:
    """Whether ``value`` is a positive integer, of Python or of NumPy."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and int(value) > 0


def _pads(extent: int, size: int, stride: int, padding: str) -> tuple[int, int]:
    """Return (output size, pixels of padding before the first) along one side.

    "same" pads so that the output has ceil(extent / stride) places; of an odd number of padded
    pixels the extra one comes last, as in Keras.
    """
    if padding == "valid":
        return (extent - size) // stride + 1, 0
    out = -(-extent // stride)
    return out, max((out - 1) * stride + size - extent, 0) // 2


@dataclass(frozen=True)
class Window:
    """A window of ``size`` pixels that moves by ``strides`` over images padded by ``pads``."""

    size: Pair
    strides: Pair
    pads: Pair
    out: Pair

    @classmethod
    def of(
        cls,
        who: str,
        shape: tuple[int | None, ...],
        size: int | tuple[int, int],
        strides: int | tuple[int, int],
        padding: str,
    ) -> Window:
        """Return the window for images of ``shape`` (rows, height, width, channels).

        Raises:
            ShapeError: if the images are not of that shape or smaller than the window.
            ValueError: if size, strides or padding make no sense.
        """
        if padding not in ("valid", "same"):
            raise ValueError(f'{who}: padding must be "valid" or "same", got {padding!r}')
        extent = _image(who, shape)
        sizes, steps = pair(who, "the window", size), pair(who, "strides", strides)
        sides = [_pads(*side, padding) for side in zip(extent, sizes, steps, strict=True)]
        if min(out for out, _ in sides) < 1:
            raise ShapeError(_too_small(who, extent, sizes, steps))
        (p, pad_h), (q, pad_w) = sides
        return cls(sizes, steps, (pad_h, pad_w), (p, q))

    @property
    def out_axes(self) -> dict[str, int]:
        """The sizes of the output's axes p and q."""
        return {"p": self.out[0], "q": self.out[1]}

    @property
    def conv_attrs(self) -> dict[str, int]:
        """The attributes that convolution and pooling share."""
        return {
            "stride_h": self.strides[0],
            "stride_w": self.strides[1],
            "pad_h": self.pads[0],
            "pad_w": self.pads[1],
        }

    @property
    def pool_attrs(self) -> dict[str, int]:
        """The attributes of pooling."""
        return {"size_h": self.size[0], "size_w": self.size[1], **self.conv_attrs}


def _image(who: str, shape: tuple[int | None, ...]) -> Pair:
    if len(shape) == 4 and shape[1] is not None and shape[2] is not None:
        return shape[1], shape[2]
    text = ", ".join("rows" if d is None else str(d) for d in shape)
    raise ShapeError(
        f"{who}: expected images (rows, height, width, channels), got ({text}); "
        "grey images need a last axis of 1: x[..., None]"
    )


def _too_small(who: str, extent: Pair, size: Pair, strides: Pair) -> str:
    sums = [
        f"({e} - {s}) // {step} + 1 = {(e - s) // step + 1}"
        for e, s, step in zip(extent, size, strides, strict=True)
    ]
    return (
        f"{who}: a {extent[0]}x{extent[1]} image is smaller than the {size[0]}x{size[1]} window: "
        f"height {sums[0]}, width {sums[1]}; use a smaller window or padding='same'"
    )
