"""Twins of tables of vectors, and of masks of steps."""

import numpy as np

from fastnn.reference.contract import Attrs, Real, Run, samples, wide
from fastnn.reference.gathering import Refusal


def embed_fwd(run: Run, attrs: Attrs, ids: Real, w: Real) -> Real:
    """y = w[ids], whole numbers with 0 <= ids < v"""
    _require_known(run, ids, len(w))
    y: Real = w[ids.astype(np.int64)]
    return y


def _require_known(run: Run, ids: Real, count: int) -> None:
    known = (ids >= 0) & (ids < count) & (ids == np.floor(ids))
    if not known.all():
        rows = np.argwhere(~known.reshape(run.rows, -1))
        row, place = min(map(tuple, rows), key=lambda at: samples(run)[at[0]])
        raise Refusal("id", int(samples(run)[row]), float(ids.reshape(run.rows, -1)[row, place]))


def embed_bwd(run: Run, attrs: Attrs, ids: Real, dy: Real) -> Real:
    """dw[v] = sum of dy where ids = v"""
    dw = np.zeros((attrs["v"], dy.shape[-1]))
    np.add.at(dw, ids.astype(np.int64), wide(dy))
    return dw.astype(dy.dtype)


def encode(run: Run, attrs: Attrs, ids: Real, w: Real | None) -> Real:
    """y[v] = sum of w where ids = v, whole numbers with 0 <= ids < v; or whether any is if once"""
    _require_known(run, ids, attrs["v"])
    flat = ids.reshape(-1, ids.shape[-1]).astype(np.int64)
    y = np.zeros((len(flat), attrs["v"]))
    weights = 1 if w is None or attrs["once"] else wide(w).reshape(flat.shape)
    np.add.at(y, (np.arange(len(flat))[:, None], flat), weights)
    y = np.minimum(y, 1) if attrs["once"] else y
    return y.astype(ids.dtype).reshape(*ids.shape[:-1], attrs["v"])


def differs(run: Run, attrs: Attrs, x: Real) -> Real:
    """mask = 1 if any x_n differs from value, else 0"""
    value = x.dtype.type(attrs["value"])
    mask: Real = (x != value).any(-1).astype(x.dtype)
    return mask


def mask_steps(run: Run, attrs: Attrs, x: Real, mask: Real) -> Real:
    """y = x where mask differs from 0, else 0"""
    y: Real = np.where(mask[..., None] != 0, x, 0)
    return y
