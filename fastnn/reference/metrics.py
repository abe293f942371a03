"""Twins of the metrics, one value a row, and of their running totals.

The arg max of a row is the first of its largest scores; NaN, as in NumPy, counts as the largest.
"""

import numpy as np

from fastnn.reference.contract import Attrs, Data, Labels, Real, Run, wide


def accuracy_sparse(run: Run, attrs: Attrs, p: Real, t: Labels) -> Real:
    """h = 1 if the first argmax p is t else 0"""
    return np.asarray(p.argmax(-1) == t, p.dtype)


def accuracy_dense(run: Run, attrs: Attrs, p: Real, t: Real) -> Real:
    """h = 1 if the first argmax p is the first argmax t else 0"""
    return np.asarray(p.argmax(-1) == t.argmax(-1), p.dtype)


def accuracy_binary(run: Run, attrs: Attrs, p: Real, t: Real) -> Real:
    """h = mean_n (p > threshold) == t, with the threshold in the precision of p"""
    hits = (p > p.dtype.type(attrs["threshold"])) == t
    return np.asarray(hits.all(-1) if attrs["all"] else hits.sum(-1) / p.shape[-1], p.dtype)


def _classes(i: Labels | None, t: Real | None) -> Data:
    """The class of each place: its label, or the first argmax of its targets."""
    if i is not None:
        return i
    assert t is not None
    return np.asarray(t.argmax(-1))


def in_top_k(run: Run, attrs: Attrs, p: Real, i: Labels | None, t: Real | None) -> Real:
    """h = 1 if fewer than k scores are above that of the class, else 0"""
    at = _classes(i, t)
    score = np.take_along_axis(p, np.maximum(at, 0)[..., None], -1)
    above = (~(p <= score)).sum(-1)
    return np.asarray((at >= 0) & (above < attrs["k"]), p.dtype)


def keep_top_k(run: Run, attrs: Attrs, p: Real) -> Real:
    """y = p where it is among the k largest, else -inf"""
    order = np.argsort(-p, -1, kind="stable")  # NaN comes last, and is kept anyway
    rank = np.argsort(order, -1, kind="stable")
    more = np.isnan(p).cumsum(-1) - np.isnan(p)  # a NaN before it is not below it
    return np.where((rank + more < attrs["k"]) | np.isnan(p), p, -np.inf).astype(p.dtype)


def _weights(w: Real | None, shape: tuple[int, ...]) -> Real:
    return np.ones(shape) if w is None else wide(w)


def accumulate(
    run: Run, attrs: Attrs, v: Real, w: Real | None, d: Real | None, total: Real
) -> None:
    """total += (sum_r v w, sum_r d)"""
    total += (wide(v) * _weights(w, v.shape)).sum(), _weights(d, v.shape).sum()


def accumulate_columns(run: Run, attrs: Attrs, v: Real, w: Real | None, total: Real) -> None:
    """total += (sum_r v w, sum_r w)"""
    weights = _weights(w, v.shape[:-1]).reshape(-1)
    total[:-1] += weights @ wide(v).reshape(len(weights), -1)
    total[-1] += weights.sum()


def histogram(
    run: Run,
    attrs: Attrs,
    p: Real,
    t: Real | None,
    i: Labels | None,
    w: Real | None,
    edges: Real,
    total: Real,
) -> None:
    """total[n, t != 0, edges < p] += w"""
    columns = np.arange(p.shape[-1])
    positive = t != 0 if t is not None else columns == _classes(i, None)[..., None]
    below = (p[..., None] > edges.astype(p.dtype)).sum(-1)
    here = np.ones(p.shape[:-1], bool) if i is None else i >= 0
    weights = np.where(here, _weights(w, p.shape[:-1]), 0)[..., None]
    weights = np.broadcast_to(weights, p.shape)
    counts = total.reshape(len(columns), 2, len(edges) + 1)
    np.add.at(counts, (np.broadcast_to(columns, p.shape), positive * 1, below), weights)


def confusion(
    run: Run,
    attrs: Attrs,
    p: Real,
    i: Labels | None,
    t: Real | None,
    w: Real | None,
    total: Real,
) -> None:
    """total[i, argmax p] += w"""
    one = p.shape[-1] == 1
    said = (p[..., 0] > p.dtype.type(attrs["threshold"])) * 1 if one else p.argmax(-1)
    known = (t[..., 0] > 0.5) * 1 if one and t is not None else _classes(i, t)
    weights = np.where(known < 0, 0, _weights(w, known.shape))
    classes = 2 if one else p.shape[-1]
    np.add.at(total.reshape(classes, classes), (np.maximum(known, 0), said), weights)


def accumulate_batch(run: Run, attrs: Attrs, p: Real, total: Real) -> None:
    """total += (rows p, rows)"""
    total += run.rows * float(p), run.rows
