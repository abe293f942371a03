"""The geometry that convolution and pooling share: windows sliding over a padded image.

Images are x[r,h,w,c], windows are m x n places, and there are p x q of them.  Place (a, b) of
window (i, j) is row i stride_h + a - pad_h and column j stride_w + b - pad_w of the image.  So one
tap, place (a, b) of all windows at once, is a strided slice of the padded image.
"""

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

    def taps(self) -> Iterator[tuple[int, int, Slices]]:
        """(a, b, the slice [r,p,q,...] of the padded image), a and b in row-major order."""
        (m, n), (p, q) = self.size, self.count
        down, right = int(self.attrs["stride_h"]), int(self.attrs["stride_w"])
        for a, b in np.ndindex(m, n):
            rows, columns = slice(a, a + p * down, down), slice(b, b + q * right, right)
            yield a, b, (slice(None), rows, columns)

    def _inside(self) -> Slices:
        (h, w), top, left = self.image, int(self.attrs["pad_h"]), int(self.attrs["pad_w"])
        return slice(None), slice(top, top + h), slice(left, left + w)

    def _framed(self) -> tuple[int, int]:
        (h, w), (m, n), (p, q) = self.image, self.size, self.count
        return (
            max(int(self.attrs["pad_h"]) + h, (p - 1) * int(self.attrs["stride_h"]) + m),
            max(int(self.attrs["pad_w"]) + w, (q - 1) * int(self.attrs["stride_w"]) + n),
        )
