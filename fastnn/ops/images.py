"""Images in another size."""

from __future__ import annotations

from fastnn.compiler.graph import Tensor
from fastnn.ops.augmentation import random_map, warp
from fastnn.ops.windows import crop

__all__ = ["in_proportion", "middle", "stretched"]


def stretched(x: Tensor, size: tuple[int, int], interpolation: str = "bilinear") -> Tensor:
    """Return images in another size, edge on edge: what is between pixels is interpolated.

    Args:
        x: images (rows, height, width, channels).
        size: height and width of the result.
        interpolation: what a place between pixels has, one of INTERPOLATIONS.
    """
    if size == x.shape[1:3]:
        return x
    steps = ((n or 0) / new for n, new in zip(x.shape[1:3], size, strict=True))
    rows, columns = ((step, (step - 1) / 2) for step in steps)
    return warp(x, random_map(x, "fixed", rows, columns), size, "nearest", interpolation)


def in_proportion(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the largest part from the middle of images that has the proportions of a size."""
    (_, h, w, _), (height, width) = x.shape, size
    tall = max(min(h or 0, int((w or 0) * height / width)), 1)
    broad = max(min(w or 0, int((h or 0) * width / height)), 1)
    return middle(x, (tall, broad))


def middle(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the part of images of a size whose middle is theirs, or half a pixel before."""
    if size == x.shape[1:3]:
        return x
    down, right = ((n or 0) - kept for n, kept in zip(x.shape[1:3], size, strict=True))
    frame = (down // 2, down - down // 2), (right // 2, right - right // 2)
    return crop(x, frame)
