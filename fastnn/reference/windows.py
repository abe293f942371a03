"""The geometry that convolution and pooling share: windows sliding over a padded image.

Images are x[r,h,w,c], windows are m x n places, and there are p x q of them.  Place (a, b) of
window (i, j) is row i stride_h + a dilation_h - pad_h and column j stride_w + b dilation_w - pad_w
of the image.  So one tap, place (a, b) of all windows at once, is a strided slice of the padded
image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fastnn.reference.contract import Attrs, Real

Slices = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Windows:
    """p x q windows of m x n places on an h x w image; attrs hold the strides and the padding."""

    attrs: Attrs
    image: tuple[int, int]  # h, w
    size: tuple[int, int]  # m, n
    count: tuple[int, int]  # p, q

    def pad(self, x: Real, value: float) -> Real:
        """x framed by `value`: pad_h above, pad_w left, what p and q need below and right."""
        framed = np.full((len(x), *self._framed(), *x.shape[3:]), value, x.dtype)
        framed[self._inside()] = x
        return framed

    def crop(self, framed: Real) -> Real:
        """The image without its frame."""
        return framed[self._inside()]

    def surrounded(self, z: Real) -> tuple[Windows, Real]:
        """The windows and all others that meet the image, and z[r,p,q,...] with zeros for those."""
        above, below = self._others("h", self.image[0], self.size[0], self.count[0])
        left, right = self._others("w", self.image[1], self.size[1], self.count[1])
        zeros = np.pad(z, ((0, 0), (above, below), (left, right), *[(0, 0)] * (z.ndim - 3)))
        attrs = {
            **self.attrs,
            "pad_h": self.attrs["pad_h"] + above * self.attrs["stride_h"],
            "pad_w": self.attrs["pad_w"] + left * self.attrs["stride_w"],
        }
        return Windows(attrs, self.image, self.size, (zeros.shape[1], zeros.shape[2])), zeros

    def taps(self) -> Iterator[tuple[int, int, Slices]]:
        """(a, b, the slice [r,p,q,...] of the padded image), a and b in row-major order."""
        (m, n), (p, q) = self.size, self.count
        down, right = int(self.attrs["stride_h"]), int(self.attrs["stride_w"])
        for a, b in np.ndindex(m, n):
            top, left = a * self._dilation("h"), b * self._dilation("w")
            rows, columns = slice(top, top + p * down, down), slice(left, left + q * right, right)
            yield a, b, (slice(None), rows, columns)

    def _dilation(self, axis: str) -> int:
        return int(self.attrs.get(f"dilation_{axis}", 1))

    def _inside(self) -> Slices:
        (h, w), top, left = self.image, int(self.attrs["pad_h"]), int(self.attrs["pad_w"])
        return slice(None), slice(top, top + h), slice(left, left + w)

    def _others(self, axis: str, image: int, size: int, count: int) -> tuple[int, int]:
        """How many windows before the first one and after the last one may meet the image."""
        stride, pad = int(self.attrs[f"stride_{axis}"]), int(self.attrs[f"pad_{axis}"])
        before = (size - 1) * self._dilation(axis) // stride
        return before, max(0, -(-(image + pad) // stride) - count)

    def _framed(self) -> tuple[int, int]:
        (h, w), (m, n), (p, q) = self.image, self.size, self.count
        return (
            max(int(self.attrs["pad_h"]) + h, self._reach("h", p, m)),
            max(int(self.attrs["pad_w"]) + w, self._reach("w", q, n)),
        )

    def _reach(self, axis: str, count: int, size: int) -> int:
        """The places from the first of the first window to the last of the last one."""
        stride = int(self.attrs[f"stride_{axis}"])
        return (count - 1) * stride + (size - 1) * self._dilation(axis) + 1
