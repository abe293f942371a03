"""Twins of pooling.

A padded place never wins, NaN wins, the first of ties takes the gradient.  A mean does not count
padded places.
"""

import numpy as np

from fastnn.reference.contract import Attrs, Real, Run, wide
from fastnn.reference.windows import Windows


def _windows(attrs: Attrs, x: Real, count: tuple[int, int]) -> Windows:
    return Windows(attrs, x.shape[1:3], (int(attrs["size_h"]), int(attrs["size_w"])), count)


def maxpool2d_fwd(run: Run, attrs: Attrs, x: Real) -> Real:
    """y = max over the window; NaN if it holds one"""
    windows = _windows(attrs, x, (attrs["p"], attrs["q"]))
    padded = windows.pad(x, -np.inf)
    y = np.full((len(x), attrs["p"], attrs["q"], x.shape[3]), -np.inf, x.dtype)
    for _, _, tap in windows.taps():
        y = np.maximum(y, padded[tap])
    return y


def maxpool2d_bwd(run: Run, attrs: Attrs, x: Real, y: Real, dy: Real) -> Real:
    """dx = dy at the first place of the window, in row-major order, that holds y"""
    windows = _windows(attrs, x, y.shape[1:3])
    padded, image = windows.pad(x, 0), windows.pad(np.ones(x.shape, bool), False)
    dx, open_ = windows.pad(np.zeros(x.shape), 0), np.ones(y.shape, bool)
    for _, _, tap in windows.taps():
        same = (padded[tap] == y) | (np.isnan(padded[tap]) & np.isnan(y))
        winner = open_ & image[tap] & same
        dx[tap] += np.where(winner, wide(dy), 0)
        open_ &= ~winner
    return windows.crop(dx).astype(x.dtype)


def _sum(padded: Real, windows: Windows) -> Real:
    """The sum of each window of a padded image, (r, p, q, c)."""
    total: Real = np.sum([padded[tap] for _, _, tap in windows.taps()], axis=0)
    return total


def _places(windows: Windows) -> Real:
    """The places of the image under each window, (1, p, q, 1)."""
    inside = windows.pad(np.ones((1, *windows.image, 1)), 0)
    return _sum(inside, windows)


def _divisor(attrs: Attrs, windows: Windows) -> Real | int:
    return 1 if attrs["sums"] else _places(windows)


def avgpool2d_fwd(run: Run, attrs: Attrs, x: Real) -> Real:
    """y = mean, or if sums sum, of the places of the window that are in the image"""
    windows = _windows(attrs, x, (attrs["p"], attrs["q"]))
    padded = windows.pad(wide(x), 0)
    return (_sum(padded, windows) / _divisor(attrs, windows)).astype(x.dtype)


def avgpool2d_bwd(run: Run, attrs: Attrs, dy: Real) -> Real:
    """dx = sum of dy / places, or if sums of dy, over the windows"""
    image, size = (attrs["h"], attrs["w"]), (int(attrs["size_h"]), int(attrs["size_w"]))
    windows = Windows(attrs, image, size, dy.shape[1:3])
    dx = windows.pad(np.zeros((len(dy), *image, dy.shape[3])), 0)
    share = wide(dy) / _divisor(attrs, windows)
    for _, _, tap in windows.taps():
        dx[tap] += share
    return windows.crop(dx).astype(dy.dtype)
