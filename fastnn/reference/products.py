"""Twins of the products: dense layers and convolutions, with bias and activation.

By the policy mixed_bfloat16 both factors of a product are rounded to bfloat16, and nothing else.

In a backward op, y, where given, is the output whose activation's derivative multiplies dy first.
"""

from collections.abc import Iterator

import numpy as np

from fastnn.reference.contract import Attrs, Real, Run, bfloat16, summed, wide
from fastnn.reference.elementwise import ACTIVATIONS
from fastnn.reference.windows import Windows


def _activated(attrs: Attrs, z: Real, b: Real | None) -> Real:
    """g(z + b)"""
    forward, _ = ACTIVATIONS[attrs["activation"]]
    return forward(z if b is None else z + b)


def _derived(attrs: Attrs, dy: Real, y: Real | None) -> Real:
    """dy g'(y), in float64"""
    _, backward = ACTIVATIONS[attrs["activation"]]
    return wide(dy) if y is None else backward(wide(y), wide(dy))


def _factor(attrs: Attrs, a: Real) -> Real:
    """a as it enters a product, in float64"""
    return wide(bfloat16(a) if attrs.get("policy") == "mixed_bfloat16" else a)


def dense_fwd(run: Run, attrs: Attrs, x: Real, w: Real, b: Real | None) -> Real:
    """y = g(x @ w + b)"""
    return _activated(attrs, _factor(attrs, x) @ _factor(attrs, w), b).astype(x.dtype)


def pack_panels(run: Run, attrs: Attrs, w: Real) -> Real:
    """p[g, i, l] = w[i, 32 g + l], zeros beyond the last column"""
    columns, panels, width = attrs["o"], attrs["g"], attrs["l"]
    padded = np.pad(w, ((0, 0), (0, panels * width - columns)))
    return padded.reshape(len(w), panels, width).transpose(1, 0, 2)


def dense_panels(run: Run, attrs: Attrs, x: Real, p: Real, b: Real | None) -> Real:
    """y = g(x @ w + b), p the panels of w"""
    w = p.transpose(1, 0, 2).reshape(p.shape[1], -1)[:, : attrs["o"]]
    return _activated(attrs, wide(x) @ wide(w), b).astype(x.dtype)


def dense_bwd_x(run: Run, attrs: Attrs, dy: Real, y: Real | None, w: Real) -> Real:
    """dx = (dy g') @ w.T"""
    return (_factor(attrs, _derived(attrs, dy, y)) @ _factor(attrs, w).T).astype(dy.dtype)


def dense_bwd_w(run: Run, attrs: Attrs, x: Real, dy: Real, y: Real | None) -> tuple[Real, Real]:
    """dw = x.T @ (dy g'), db = sum_r dy g'"""
    dz, rows = _derived(attrs, dy, y), tuple(range(x.ndim - 1))
    dw = np.tensordot(_factor(attrs, x), _factor(attrs, dz), (rows, rows))
    return dw.astype(x.dtype), summed(dz, *rows).astype(x.dtype)


def _conv(attrs: Attrs, x: Real, k: Real) -> Real:
    """The sum over taps (a, b) of x[tap] @ k[a, b], group by group"""
    windows = Windows(attrs, x.shape[1:3], k.shape[:2], (attrs["p"], attrs["q"]))
    padded = windows.pad(_factor(attrs, x), 0)
    z = np.zeros((len(x), attrs["p"], attrs["q"], k.shape[3]))
    for inputs, outputs in _groups(x.shape[3], *k.shape[2:]):
        for row, column, tap in windows.taps():
            part = _factor(attrs, k[row, column][:, outputs])
            z[..., outputs] += padded[tap][..., inputs] @ part
    return z


def _groups(channels: int, part: int, outputs: int) -> Iterator[tuple[slice, slice]]:
    """The channels and the outputs of each group."""
    count = channels // part
    for g in range(count):
        width = outputs // count
        yield slice(g * part, (g + 1) * part), slice(g * width, (g + 1) * width)


def _transposed(attrs: Attrs, dz: Real, k: Real, channels: int) -> Real:
    """to[tap] += dz @ k[a, b].T for every tap (a, b), group by group

    Every place of the image meets all of its taps: beyond dz they are zeros that take part.
    """
    windows = Windows(attrs, (attrs["h"], attrs["w"]), k.shape[:2], dz.shape[1:3])
    windows, dz = windows.surrounded(dz)
    padded = windows.pad(np.zeros((len(dz), attrs["h"], attrs["w"], channels)), 0)
    for inputs, outputs in _groups(channels, *k.shape[2:]):
        for row, column, tap in windows.taps():
            part = _factor(attrs, k[row, column][:, outputs]).T
            padded[tap][..., inputs] += dz[..., outputs] @ part
    return windows.crop(padded)


def conv2d_fwd(run: Run, attrs: Attrs, x: Real, k: Real, b: Real | None) -> Real:
    """y = g(sum over taps (a, b) of x[tap] @ k[a, b] + b)"""
    return _activated(attrs, _conv(attrs, x, k), b).astype(x.dtype)


def conv2d_bwd_x(run: Run, attrs: Attrs, dy: Real, y: Real | None, k: Real) -> Real:
    """dx[tap] += (dy g') @ k[a, b].T for every tap (a, b)"""
    dz = _factor(attrs, _derived(attrs, dy, y))
    return _transposed(attrs, dz, k, attrs["c"]).astype(dy.dtype)


def conv2d_bwd_w(run: Run, attrs: Attrs, x: Real, dy: Real, y: Real | None) -> tuple[Real, Real]:
    """dk[a, b] = x[tap].T @ (dy g') for every tap (a, b), db = sum dy g'"""
    windows = Windows(attrs, x.shape[1:3], (attrs["m"], attrs["n"]), dy.shape[1:3])
    padded, dz, rows = windows.pad(_factor(attrs, x), 0), _derived(attrs, dy, y), (0, 1, 2)
    factor = _factor(attrs, dz)
    dk = np.empty((attrs["m"], attrs["n"], attrs["i"], dy.shape[3]), x.dtype)
    for inputs, outputs in _groups(x.shape[3], attrs["i"], dy.shape[3]):
        for row, column, tap in windows.taps():
            seen, slope = padded[tap][..., inputs], factor[..., outputs]
            dk[row, column][:, outputs] = np.tensordot(seen, slope, (rows, rows))
    return dk, summed(dz, *rows).astype(x.dtype)


def conv2d_transpose_fwd(run: Run, attrs: Attrs, x: Real, k: Real, b: Real | None) -> Real:
    """y[tap] += x @ k[a, b].T for every tap (a, b); g(y + b)"""
    z = _transposed(attrs, _factor(attrs, x), k, k.shape[2])
    return _activated(attrs, z, b).astype(x.dtype)


def _seen(windows: Windows) -> Real:
    """Which places of a padded image are in it."""
    return windows.pad(np.ones((1, *windows.image, 1), bool), False)


def depthwise_fwd(run: Run, attrs: Attrs, x: Real, k: Real, b: Real | None) -> Real:
    """y = g(sum over taps (a, b) in the image of x[tap] k[a, b] + b)"""
    windows = Windows(attrs, x.shape[1:3], k.shape[:2], (attrs["p"], attrs["q"]))
    padded, seen = windows.pad(wide(x), 0), _seen(windows)
    z = np.zeros((len(x), attrs["p"], attrs["q"], k.shape[2]))
    for row, column, tap in windows.taps():
        z += np.where(seen[tap], padded[tap] * wide(k[row, column]), 0)
    return _activated(attrs, z, b).astype(x.dtype)


def depthwise_bwd_x(run: Run, attrs: Attrs, dy: Real, k: Real) -> Real:
    """dx[tap] += dy k[a, b] for every tap (a, b)"""
    windows = Windows(attrs, (attrs["h"], attrs["w"]), k.shape[:2], dy.shape[1:3])
    padded = windows.pad(np.zeros((len(dy), attrs["h"], attrs["w"], k.shape[2])), 0)
    for row, column, tap in windows.taps():
        padded[tap] += wide(dy) * wide(k[row, column])
    return windows.crop(padded).astype(dy.dtype)


def depthwise_bwd_w(run: Run, attrs: Attrs, x: Real, dy: Real) -> Real:
    """dk[a, b] = sum of x[tap] dy for every tap (a, b) in the image"""
    windows = Windows(attrs, x.shape[1:3], (attrs["m"], attrs["n"]), dy.shape[1:3])
    padded, seen = windows.pad(wide(x), 0), _seen(windows)
    dk = np.empty((attrs["m"], attrs["n"], x.shape[3]), x.dtype)
    for row, column, tap in windows.taps():
        dk[row, column] = summed(np.where(seen[tap], padded[tap] * wide(dy), 0), 0, 1, 2)
    return dk


def bias_bwd(run: Run, attrs: Attrs, dy: Real) -> Real:
    """db = sum_r dy"""
    return summed(wide(dy), *range(dy.ndim - 1)).astype(dy.dtype)
