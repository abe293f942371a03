"""Twins of the ops that make one tensor of several, and others of parts of tensors."""

import numpy as np

from fastnn.reference.contract import Attrs, Real, Run, wide


def subtract(run: Run, attrs: Attrs, a: Real, b: Real) -> Real:
    """y = a - b"""
    return a - b


def multiply(run: Run, attrs: Attrs, a: Real, b: Real) -> Real:
    """y = a b"""
    return a * b


def maximum(run: Run, attrs: Attrs, a: Real, b: Real) -> Real:
    """y = max(a, b), NaN if either is"""
    y: Real = np.maximum(a, b)
    return y


def minimum(run: Run, attrs: Attrs, a: Real, b: Real) -> Real:
    """y = min(a, b), NaN if either is"""
    y: Real = np.minimum(a, b)
    return y


def scale(run: Run, attrs: Attrs, x: Real) -> Real:
    """y = factor x"""
    factor: float = attrs["factor"]
    return (wide(x) * factor).astype(x.dtype)


def pass_largest(run: Run, attrs: Attrs, a: Real, b: Real, dy: Real) -> Real:
    """dx = dy, but 0 where a < b, or a <= b if strict; so dy where either is NaN"""
    lost = a <= b if attrs["strict"] else a < b
    dx: Real = np.where(lost, 0, dy)
    return dx


def concatenate(run: Run, attrs: Attrs, a: Real, b: Real) -> Real:
    """y = a and b side by side along the last axis"""
    return np.concatenate([a, b], -1)


def slice(run: Run, attrs: Attrs, x: Real) -> Real:
    """y = x[..., begin : begin + i]"""
    begin = int(attrs["begin"])
    return x[..., begin : begin + attrs["i"]]


def pad(run: Run, attrs: Attrs, x: Real) -> Real:
    """y = x in the middle of zeros"""
    top, left = int(attrs["pad_h"]), int(attrs["pad_w"])
    y = np.zeros((len(x), attrs["p"], attrs["q"], x.shape[3]), x.dtype)
    y[:, top : top + x.shape[1], left : left + x.shape[2]] = x
    return y


def crop(run: Run, attrs: Attrs, x: Real) -> Real:
    """y = the p x q pixels of x from (pad_h, pad_w) on"""
    top, left = int(attrs["pad_h"]), int(attrs["pad_w"])
    return x[:, top : top + attrs["p"], left : left + attrs["q"]]
