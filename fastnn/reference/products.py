"""Twins of the products: dense layers and convolutions, with bias and activation.

By the policy mixed_bfloat16 both factors of a product are rounded to bfloat16, and nothing else.

In a backward op, y, where given, is the output whose activation's derivative multiplies dy first.
"""

import numpy as np

from fastnn.reference.contract import Attrs, Real, Run, bfloat16, wide
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
    return dense_fwd(run, attrs, x, w, b)


def dense_bwd_x(run: Run, attrs: Attrs, dy: Real, y: Real | None, w: Real) -> Real:
    """dx = (dy g') @ w.T"""
    return (_factor(attrs, _derived(attrs, dy, y)) @ _factor(attrs, w).T).astype(dy.dtype)


def dense_bwd_w(run: Run, attrs: Attrs, x: Real, dy: Real, y: Real | None) -> tuple[Real, Real]:
    """dw = x.T @ (dy g'), db = sum_r dy g'"""
    dz, rows = _derived(attrs, dy, y), tuple(range(x.ndim - 1))
    dw = np.tensordot(_factor(attrs, x), _factor(attrs, dz), (rows, rows))
    return dw.astype(x.dtype), dz.sum(rows).astype(x.dtype)


def conv2d_fwd(run: Run, attrs: Attrs, x: Real, k: Real, b: Real | None) -> Real:
    """y = g(sum over taps (a, b) of x[tap] @ k[a, b] + b)"""
    windows = Windows(attrs, x.shape[1:3], k.shape[:2], (attrs["p"], attrs["q"]))
    padded = windows.pad(_factor(attrs, x), 0)
    z = np.zeros((len(x), attrs["p"], attrs["q"], k.shape[3]))
    for row, column, tap in windows.taps():
        z += padded[tap] @ _factor(attrs, k[row, column])
    return _activated(attrs, z, b).astype(x.dtype)


def conv2d_bwd_x(run: Run, attrs: Attrs, dy: Real, y: Real | None, k: Real) -> Real:
    """dx[tap] += (dy g') @ k[a, b].T for every tap (a, b)"""
    windows = Windows(attrs, (attrs["h"], attrs["w"]), k.shape[:2], dy.shape[1:3])
    dz = _factor(attrs, _derived(attrs, dy, y))
    padded = windows.pad(np.zeros((len(dy), attrs["h"], attrs["w"], k.shape[2])), 0)
    for row, column, tap in windows.taps():
        padded[tap] += dz @ _factor(attrs, k[row, column]).T
    return windows.crop(padded).astype(dy.dtype)


def conv2d_bwd_w(run: Run, attrs: Attrs, x: Real, dy: Real, y: Real | None) -> tuple[Real, Real]:
    """dk[a, b] = x[tap].T @ (dy g') for every tap (a, b), db = sum dy g'"""
    windows = Windows(attrs, x.shape[1:3], (attrs["m"], attrs["n"]), dy.shape[1:3])
    padded, dz, rows = windows.pad(_factor(attrs, x), 0), _derived(attrs, dy, y), (0, 1, 2)
    factor = _factor(attrs, dz)
    dk = np.empty((attrs["m"], attrs["n"], x.shape[3], dy.shape[3]), x.dtype)
    for row, column, tap in windows.taps():
        dk[row, column] = np.tensordot(padded[tap], factor, (rows, rows))
    return dk, dz.sum(rows).astype(x.dtype)
