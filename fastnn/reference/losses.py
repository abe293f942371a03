"""Twins of the losses, one value a row, and of the mean that makes them one number."""

import numpy as np

from fastnn.reference.contract import Attrs, Labels, Real, Run, columns, wide
from fastnn.reference.elementwise import sigmoid
from fastnn.reference.scores import log_softmax, softmax


def _mean_n(a: Real) -> Real:
    """The mean over every axis but the rows."""
    total: Real = a.sum(tuple(range(1, a.ndim)))
    return total / columns(a)


def _slopes(dl: Real | None, a: Real) -> Real:
    """dl, or 1 / r where it is absent, in float64, shaped to multiply a[r,n*]"""
    each = np.full(len(a), 1 / a.dtype.type(max(len(a), 1))) if dl is None else dl
    return wide(each).reshape(len(a), *(1 for _ in a.shape[1:]))


def softmax_ce_sparse(run: Run, attrs: Attrs, z: Real, t: Labels) -> tuple[Real, Real]:
    """p = softmax(z), l = -log p[t]"""
    loss: Real = -log_softmax(wide(z))[np.arange(len(t)), t]
    return softmax(wide(z)).astype(z.dtype), loss.astype(z.dtype)


def softmax_ce_sparse_bwd(run: Run, attrs: Attrs, p: Real, t: Labels, dl: Real | None) -> Real:
    """dz = (p - onehot(t)) dl"""
    onehot = wide(np.arange(p.shape[1]) == t[:, None])
    return ((wide(p) - onehot) * _slopes(dl, p)).astype(p.dtype)


def softmax_ce_dense(run: Run, attrs: Attrs, z: Real, t: Real) -> tuple[Real, Real]:
    """p = softmax(z), l = -sum t log p

    A target of 0 adds 0, even where its score is -inf; NaN stays NaN.
    """
    surprise = -log_softmax(wide(z))
    absent = (t == 0) & ~np.isnan(surprise)
    loss: Real = np.where(absent, 0, t * surprise).sum(1)
    return softmax(wide(z)).astype(z.dtype), loss.astype(z.dtype)


def softmax_ce_dense_bwd(run: Run, attrs: Attrs, p: Real, t: Real, dl: Real | None) -> Real:
    """dz = (p sum t - t) dl"""
    total: Real = wide(t).sum(1, keepdims=True)
    return ((wide(p) * total - t) * _slopes(dl, p)).astype(p.dtype)


def sigmoid_bce(run: Run, attrs: Attrs, z: Real, t: Real) -> tuple[Real, Real]:
    """p = sigmoid(z), l = mean_n max(z, 0) - z t + log1p(exp -|z|)"""
    z64 = wide(z)
    loss = _mean_n(np.maximum(z64, 0) - z64 * t + np.log1p(np.exp(-np.abs(z64))))
    return sigmoid(z64).astype(z.dtype), loss.astype(z.dtype)


def sigmoid_bce_bwd(run: Run, attrs: Attrs, p: Real, t: Real, dl: Real | None) -> Real:
    """dz = (p - t) dl / n"""
    return ((wide(p) - t) * _slopes(dl, p) / columns(p)).astype(p.dtype)


def mse(run: Run, attrs: Attrs, a: Real, t: Real) -> Real:
    """l = mean_n (a - t)^2"""
    return _mean_n((wide(a) - t) ** 2).astype(a.dtype)


def mse_bwd(run: Run, attrs: Attrs, a: Real, t: Real, dl: Real | None) -> Real:
    """da = 2 (a - t) dl / n"""
    return (2 * (wide(a) - t) * _slopes(dl, a) / columns(a)).astype(a.dtype)


def mean(run: Run, attrs: Attrs, loss: Real) -> Real:
    """m = mean_r l"""
    return np.asarray(wide(loss).sum() / len(loss), loss.dtype)


def mean_bwd(run: Run, attrs: Attrs, dm: Real) -> Real:
    """dl = dm / r"""
    return np.full(run.rows, dm / run.rows, dm.dtype)
