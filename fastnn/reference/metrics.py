"""Twins of the metrics, one value a row, and of their running totals.

The arg max of a row is the first of its largest scores; NaN, as in NumPy, counts as the largest.
"""

import numpy as np

from fastnn.reference.contract import Attrs, Labels, Real, Run, columns, wide


def accuracy_sparse(run: Run, attrs: Attrs, p: Real, t: Labels) -> Real:
    """h = 1 if the first argmax p is t else 0"""
    return np.asarray(p.argmax(1) == t, p.dtype)


def accuracy_dense(run: Run, attrs: Attrs, p: Real, t: Real) -> Real:
    """h = 1 if the first argmax p is the first argmax t else 0"""
    return np.asarray(p.argmax(1) == t.argmax(1), p.dtype)


def accuracy_binary(run: Run, attrs: Attrs, p: Real, t: Real) -> Real:
    """h = mean_n (p > threshold) == t, with the threshold in the precision of p"""
    hits = (p > p.dtype.type(attrs["threshold"])) == t
    return np.asarray(hits.sum(tuple(range(1, p.ndim))) / columns(p), p.dtype)


def accumulate(run: Run, attrs: Attrs, v: Real, total: Real) -> None:
    """total += (sum_r v, r)"""
    total += wide(v).sum(), len(v)


def accumulate_batch(run: Run, attrs: Attrs, p: Real, total: Real) -> None:
    """total += (rows p, rows)"""
    total += run.rows * float(p), run.rows
