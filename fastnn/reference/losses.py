"""Twins of the losses, one value a row, and of the mean that makes them one number."""

import math

import numpy as np

from fastnn.reference.contract import Attrs, Labels, Real, Run, wide
from fastnn.reference.elementwise import sigmoid
from fastnn.reference.pointwise import LOSSES, Constants
from fastnn.reference.scores import log_softmax, softmax


def _slopes(dl: Real | None, places: tuple[int, ...], dtype: np.dtype) -> Real:
    """dl, or 1 / r where it is absent, in float64, shaped to multiply a[r*,n]"""
    count = max(math.prod(places), 1)
    each = np.full(places, 1 / dtype.type(count)) if dl is None else dl
    return wide(each)[..., None]


def softmax_ce_sparse(run: Run, attrs: Attrs, z: Real, t: Labels) -> tuple[Real, Real, Real]:
    """p = softmax(z), l = -log p[t], m = t >= 0; l is 0 where t is -1"""
    surprise = -log_softmax(wide(z))
    at = np.take_along_axis(surprise, np.maximum(t, 0)[..., None], -1)[..., 0]
    loss: Real = np.where(t < 0, 0, at)
    return softmax(wide(z)).astype(z.dtype), loss.astype(z.dtype), (t >= 0).astype(z.dtype)


def softmax_ce_sparse_bwd(run: Run, attrs: Attrs, p: Real, t: Labels, dl: Real | None) -> Real:
    """dz = (p - onehot(t)) dl, or 0 where t is -1"""
    onehot = wide(np.arange(p.shape[-1]) == t[..., None])
    slope = (wide(p) - onehot) * _slopes(dl, t.shape, p.dtype)
    return np.asarray(np.where(t[..., None] < 0, 0, slope), p.dtype)


def softmax_ce_dense(run: Run, attrs: Attrs, z: Real, t: Real) -> tuple[Real, Real]:
    """p = softmax(z), l = -sum t log p

    A target of 0 adds 0, even where its score is -inf; NaN stays NaN.
    """
    surprise = -log_softmax(wide(z))
    absent = (t == 0) & ~np.isnan(surprise)
    loss: Real = np.where(absent, 0, t * surprise).sum(-1)
    return softmax(wide(z)).astype(z.dtype), loss.astype(z.dtype)


def softmax_ce_dense_bwd(run: Run, attrs: Attrs, p: Real, t: Real, dl: Real | None) -> Real:
    """dz = (p sum t - t) dl"""
    total: Real = wide(t).sum(-1, keepdims=True)
    return ((wide(p) * total - t) * _slopes(dl, p.shape[:-1], p.dtype)).astype(p.dtype)


def sigmoid_bce(run: Run, attrs: Attrs, z: Real, t: Real) -> tuple[Real, Real]:
    """p = sigmoid(z), l = mean_n max(z, 0) - z t + log1p(exp -|z|)"""
    z64 = wide(z)
    terms: Real = np.maximum(z64, 0) - z64 * t + np.log1p(np.exp(-np.abs(z64)))
    return sigmoid(z64).astype(z.dtype), terms.mean(-1).astype(z.dtype)


def sigmoid_bce_bwd(run: Run, attrs: Attrs, p: Real, t: Real, dl: Real | None) -> Real:
    """dz = (p - t) dl / n"""
    slopes = _slopes(dl, p.shape[:-1], p.dtype)
    return np.asarray((wide(p) - t) * slopes / p.shape[-1], p.dtype)


def loss_fwd(run: Run, attrs: Attrs, a: Real, t: Real) -> Real:
    """l = mean_n term(a, t), or sum_n if sum"""
    term, _ = LOSSES[attrs["loss"]]
    terms: Real = term(wide(a), wide(t), Constants.of(attrs, a.dtype))
    return np.asarray(terms.sum(-1) if attrs["sum"] else terms.mean(-1), a.dtype)


def loss_bwd(run: Run, attrs: Attrs, a: Real, t: Real, dl: Real | None) -> Real:
    """da = term'(a, t) dl / n, or without n if sum"""
    _, slope = LOSSES[attrs["loss"]]
    by = _slopes(dl, a.shape[:-1], a.dtype) / (1 if attrs["sum"] else a.shape[-1])
    da: Real = slope(wide(a), wide(t), Constants.of(attrs, a.dtype)) * by
    return da.astype(a.dtype)


def _length(x: Real) -> Real:
    """|x|, but no less than 1e-6"""
    return np.asarray(np.sqrt(np.maximum((wide(x) ** 2).sum(-1, keepdims=True), 1e-12)))


def cosine(run: Run, attrs: Attrs, a: Real, t: Real) -> Real:
    """l = -a t / (|a| |t|)"""
    return np.asarray(-(wide(a) / _length(a) * (wide(t) / _length(t))).sum(-1), a.dtype)


def cosine_bwd(run: Run, attrs: Attrs, a: Real, t: Real, dl: Real | None) -> Real:
    """da = -(t / |t| + l a / |a|) dl / |a|; where |a| is held, without the second part"""
    toward, along = wide(t) / _length(t), wide(a) / _length(a)
    held = (wide(a) ** 2).sum(-1, keepdims=True) < 1e-12
    part = np.where(held, 0, along * (toward * along).sum(-1, keepdims=True))
    return (-(toward - part) / _length(a) * _slopes(dl, a.shape[:-1], a.dtype)).astype(a.dtype)


def _classes_margin(a: Real, t: Real) -> tuple[Real, Labels]:
    """1 + max (1 - t) a - sum t a, and where the first maximum is"""
    others = (1 - wide(t)) * a
    best = others.argmax(-1)[..., None]
    other = np.take_along_axis(others, best, -1)
    return other + 1 - (wide(t) * a).sum(-1, keepdims=True), best


def categorical_hinge(run: Run, attrs: Attrs, a: Real, t: Real) -> Real:
    """l = max(0, 1 + max_n (1 - t) a - sum_n t a)"""
    margin, _ = _classes_margin(a, t)
    return np.where(margin < 0, 0, margin)[..., 0].astype(a.dtype)


def categorical_hinge_bwd(run: Run, attrs: Attrs, a: Real, t: Real, dl: Real | None) -> Real:
    """da = ((1 - t) at the first maximum - t) dl, or 0 where l is"""
    margin, best = _classes_margin(a, t)
    at_best = np.arange(a.shape[-1]) == best
    slope = (np.where(at_best, 1 - wide(t), 0) - t) * _slopes(dl, a.shape[:-1], a.dtype)
    return np.where(margin <= 0, 0, slope).astype(a.dtype)


def mean(run: Run, attrs: Attrs, loss: Real, w: Real | None, d: Real | None) -> Real:
    """m = sum_r l w / sum_r d, or sum_r l w if sum"""
    total = (wide(loss) * (1 if w is None else wide(w))).sum()
    count = _count(attrs, loss, d)
    return np.asarray(total / count if count else 0, loss.dtype)


def _count(attrs: Attrs, like: Real, d: Real | None) -> float:
    return 1.0 if attrs["sum"] else float(like.size if d is None else wide(d).sum())


def mean_bwd(run: Run, attrs: Attrs, dm: Real, w: Real | None, d: Real | None) -> Real:
    """dl = dm w / sum_r d, or dm w if sum"""
    each = np.ones(attrs["shape"], dm.dtype) if w is None else w
    count = dm.dtype.type(_count(attrs, each, d))
    slope = dm / count if count else np.zeros_like(dm)
    return np.asarray(wide(each) * slope, dm.dtype)
