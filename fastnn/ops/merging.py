"""Operations that make one tensor of several, or of parts of one; and their gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

from fastnn.compiler.gradients import gradient_of
from fastnn.compiler.graph import Node, Shape, Tensor
from fastnn.ops._emit import emit

__all__ = ["concatenate", "crop", "pad", "part", "scale"]

Gradients = Sequence[Tensor | None]


def scale(x: Tensor, factor: float) -> Tensor:
    """Return ``factor x``."""
    return emit("scale", x, factor=factor)[0]


@gradient_of("scale")
def _scale(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    return emit("scale", dy, **node.attrs)


def concatenate(a: Tensor, b: Tensor, axis: int = -1) -> Tensor:
    """Return two tensors side by side.

    Args:
        a: (rows, ...).
        b: the same shape, but along ``axis``.
        axis: the axis along which their sizes add up; not 0, which is that of the rows.
    """
    at = axis % len(a.shape)
    flat = [_reshaped(x, _flat(x.shape, at)) for x in (a, b)]
    (y,) = emit("concatenate", *flat, axes={"k": sum(x.shape[-1] or 0 for x in flat)})
    along = (a.shape[at] or 0) + (b.shape[at] or 0)
    return _reshaped(y, (*a.shape[:at], along, *a.shape[at + 1 :]))


def _reshaped(x: Tensor, shape: Shape) -> Tensor:
    return x if x.shape == shape else emit("reshape", x, shapes={"y": shape})[0]


def _flat(shape: Shape, at: int) -> Shape:
    """Return ``shape`` with the axes from ``at`` on as one."""
    return *shape[:at], math.prod(n for n in shape[at:] if n is not None)


@gradient_of("concatenate")
def _concatenate(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    i, j = (node.sizes[axis].base for axis in "ij")
    (da,) = emit("slice", dy, axes={"i": i}, begin=0)
    (db,) = emit("slice", dy, axes={"i": j}, begin=i)
    return da, db


def part(x: Tensor, begin: int, size: int) -> Tensor:
    """Return ``x[..., begin : begin + size]``, a part of the last axis."""
    return emit("slice", x, axes={"i": size}, begin=begin)[0]


@gradient_of("slice")
def _part(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    """Zeros stand beside the gradient."""
    before = int(node.attrs["begin"])
    after = node.sizes["k"].base - before - node.sizes["i"].base
    sides = [_zeros(dy, before), dy, _zeros(dy, after)]
    return (reduce(lambda a, b: concatenate(a, b, -1), [x for x in sides if x is not None]),)


def _zeros(like: Tensor, size: int) -> Tensor | None:
    """Return ``size`` zeros beside each row of ``like``, if there are any."""
    shape = (*like.shape[:-1], size)
    return like.graph.emit("fill", shapes={"y": shape}, value=0.0)[0] if size else None


def pad(x: Tensor, padding: tuple[tuple[int, int], tuple[int, int]]) -> Tensor:
    """Return images with zeros around them.

    Args:
        x: (rows, height, width, channels).
        padding: rows above and below, columns left and right.
    """
    (top, bottom), (left, right) = padding
    _, height, width, _ = x.shape
    axes = {"p": (height or 0) + top + bottom, "q": (width or 0) + left + right}
    return emit("pad", x, axes=axes, pad_h=top, pad_w=left)[0]


@gradient_of("pad")
def _pad(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    axes = {"p": node.sizes["h"].base, "q": node.sizes["w"].base}
    return emit("crop", dy, axes=axes, **node.attrs)


def crop(x: Tensor, cropping: tuple[tuple[int, int], tuple[int, int]]) -> Tensor:
    """Return images without their outer pixels.

    Args:
        x: (rows, height, width, channels).
        cropping: rows to drop above and below, columns to drop left and right.
    """
    (top, bottom), (left, right) = cropping
    _, height, width, _ = x.shape
    axes = {"p": (height or 0) - top - bottom, "q": (width or 0) - left - right}
    return emit("crop", x, axes=axes, pad_h=top, pad_w=left)[0]


@gradient_of("crop")
def _crop(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    axes = {"p": node.sizes["h"].base, "q": node.sizes["w"].base}
    return emit("pad", dy, axes=axes, **node.attrs)
