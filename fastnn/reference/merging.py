"""Twins of the ops that make one tensor of several, and others of parts of tensors."""

from typing import Any

import numpy as np

from fastnn.reference.contract import Attrs, Real, Run, wide
from fastnn.reference.tensors import in_groups

Index = np.ndarray[Any, np.dtype[np.int64]]


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


def _window(attrs: Attrs, sizes: str) -> tuple[Index, Index]:
    """The places along h and w that a window of these sizes shows"""
    along_h, along_w = (
        int(attrs[f"begin_{axis}"]) + int(attrs[f"step_{axis}"]) * np.arange(attrs[size])
        for axis, size in zip("hw", sizes, strict=True)
    )
    return along_h[:, None], along_w


def slice(run: Run, attrs: Attrs, x: Real) -> Real:
    """y_ij = x at (begin_h + i step_h, begin_w + j step_w)"""
    rows, columns = _window(attrs, "kq")
    return in_groups(attrs, x, "phws")[:, rows, columns].reshape(attrs["shape"])


def place(run: Run, attrs: Attrs, x: Real) -> Real:
    """y at (begin_h + i step_h, begin_w + j step_w) = x_ij, elsewhere value"""
    rows, columns = _window(attrs, "hw")
    y = np.full([attrs[axis] for axis in "pkqs"], attrs["value"], x.dtype)
    y[:, rows, columns] = in_groups(attrs, x, "phws")
    return y.reshape(attrs["shape"])
