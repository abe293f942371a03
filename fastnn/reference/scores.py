"""Twins of the ops on rows of scores."""

import numpy as np

from fastnn.reference.contract import Attrs, Real, Run, wide


def _shifted(z: Real) -> Real:
    """z - max over the last axis, so that exp does not overflow"""
    largest: Real = z.max(-1, keepdims=True)
    return z - largest


def log_softmax(z: Real) -> Real:
    """z - max - log sum exp(z - max) over the last axis: finite where softmax itself underflows"""
    shifted = _shifted(z)
    total: Real = np.exp(shifted).sum(-1, keepdims=True)
    return shifted - np.log(total)


def softmax(z: Real) -> Real:
    """exp(z - max) / sum exp(z - max) over the last axis"""
    e = np.exp(_shifted(z))
    total: Real = e.sum(-1, keepdims=True)
    return e / total


def softmax_fwd(run: Run, attrs: Attrs, x: Real) -> Real:
    """y = exp(x - max) / sum exp(x - max)"""
    return softmax(wide(x)).astype(x.dtype)


def softmax_bwd(run: Run, attrs: Attrs, dy: Real, y: Real) -> Real:
    """dx = y (dy - sum dy y)"""
    inner: Real = (wide(dy) * y).sum(-1, keepdims=True)
    return (y * (wide(dy) - inner)).astype(y.dtype)


def log_softmax_fwd(run: Run, attrs: Attrs, x: Real) -> Real:
    """y = x - max - log sum exp(x - max)"""
    return log_softmax(wide(x)).astype(x.dtype)


def log_softmax_bwd(run: Run, attrs: Attrs, dy: Real, y: Real) -> Real:
    """dx = dy - exp(y) sum dy"""
    total: Real = wide(dy).sum(-1, keepdims=True)
    return (wide(dy) - np.exp(wide(y)) * total).astype(y.dtype)
