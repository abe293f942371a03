"""Twins of what weights cost and what they are held to."""

import numpy as np

from fastnn.reference.contract import Attrs, Real, Run, summed, wide


def penalty(run: Run, attrs: Attrs, x: Real) -> Real:
    """p = l1 sum |x| + l2 sum x^2, without the sum whose factor is 0"""
    x64 = wide(x)
    parts = ((attrs["l1"], np.abs(x64)), (attrs["l2"], x64**2))
    return np.asarray(sum(float(factor * a.sum()) for factor, a in parts if factor), x.dtype)


def penalty_bwd(run: Run, attrs: Attrs, x: Real, dp: Real) -> Real:
    """dx = (l1 sign x + 2 l2 x) dp"""
    level, slope = (attrs[name] * wide(dp) for name in ("l1", "l2"))
    squares = 2 * slope * wide(x) if attrs["l2"] else 0
    return np.asarray(level * np.sign(wide(x)) + squares, x.dtype)


def hollow(run: Run, attrs: Attrs, x: Real) -> Real:
    """y = x, but 0 on the diagonal"""
    y = x.copy()
    np.fill_diagonal(y, 0)
    return y


def over_rows(run: Run, attrs: Attrs, p: Real) -> Real:
    """q = p / rows"""
    return np.asarray(p / p.dtype.type(run.rows))


def clip_norm(run: Run, attrs: Attrs, w: Real) -> Real:
    """y = w (rate clip(norm, low, high) + (1 - rate) norm) / (norm + epsilon), norm over axis n"""
    norm = np.sqrt(summed(wide(w) ** 2, 1)[:, None])
    held = np.clip(norm, attrs["low"], attrs["high"])
    kept = attrs["rate"] * held + (1 - attrs["rate"]) * norm
    factor = kept / (norm + attrs["epsilon"])
    return np.asarray(wide(w) * factor, w.dtype)


def assign(run: Run, attrs: Attrs, w: Real, x: Real) -> None:
    """w = x"""
    w[...] = x
