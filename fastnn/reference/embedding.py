"""Twins of tables of vectors, and of masks of steps."""

import numpy as np

from fastnn.reference.contract import Attrs, Real, Run, samples, wide
from fastnn.reference.gathering import Refusal


def embed_fwd(run: Run, attrs: Attrs, ids: Real, w: Real) -> Real:
    """y = w[ids], whole numbers with 0 <= ids < v"""
    known = (ids >= 0) & (ids < len(w)) & (ids == np.floor(ids))
    if not known.all():
        rows = np.argwhere(~known.reshape(run.rows, -1))
        row, place = min(map(tuple, rows), key=lambda at: samples(run)[at[0]])
        raise Refusal("id", int(samples(run)[row]), float(ids.reshape(run.rows, -1)[row, place]))
    y: Real = w[ids.astype(np.int64)]
    return y


def embed_bwd(run: Run, attrs: Attrs, ids: Real, dy: Real) -> Real:
    """dw[v] = sum of dy where ids = v"""
    dw = np.zeros((attrs["v"], dy.shape[-1]))
    np.add.at(dw, ids.astype(np.int64), wide(dy))
    return dw.astype(dy.dtype)


def differs(run: Run, attrs: Attrs, x: Real) -> Real:
    """mask = 1 if any x_n differs from value, else 0"""
    value = x.dtype.type(attrs["value"])
    mask: Real = (x != value).any(-1).astype(x.dtype)
    return mask


def mask_steps(run: Run, attrs: Attrs, x: Real, mask: Real) -> Real:
    """y = x where mask differs from 0, else 0"""
    y: Real = np.where(mask[..., None] != 0, x, 0)
    return y
