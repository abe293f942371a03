"""Twins of the ops that change images at random.

Places are whole numbers of 2^-32 pixels and weights of 2^-20, as csrc/kernels/warp-inl.h has them,
so that kernel and twin read the same pixels.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fastnn.ops.augmentation import FILL_MODES, TRANSFORMS
from fastnn.reference.contract import Attrs, Real, Run, sample_numbers, wide
from fastnn.reference.random import sample_words, seed_of

Places = NDArray[np.int64]
Wide = NDArray[np.float64]


def _draws(run: Run, attrs: Attrs) -> Wide:
    """draws[r,4] in [0, 1), of which a row of the data has its own."""
    key = seed_of(run, attrs), run.epoch, sample_numbers(run), int(attrs["stream"])
    words = sample_words(*key, 1)
    return words.astype(np.float64) * 2.0**-32


def random_uniform(run: Run, attrs: Attrs) -> Real:
    """u[r] in [low, high)"""
    low, high = attrs["low"], attrs["high"]
    u: Real = (low + (high - low) * _draws(run, attrs)[:, 0]).astype(attrs["dtype"])
    return u


def random_map(run: Run, attrs: Attrs) -> Real:
    """map[r,6] = (xx, xy, x0, yx, yy, y0)"""
    h0, h1, w0, w1 = (attrs[name] for name in ("h0", "h1", "w0", "w1"))
    first, second = _draws(run, attrs)[:, :2].T
    vertical, horizontal = h0 + (h1 - h0) * first, w0 + (w1 - w0) * second
    height, width = attrs["height"], attrs["width"]
    none, one = np.zeros_like(first), np.ones_like(first)
    match TRANSFORMS[int(attrs["transform"])]:
        case "flip":
            rows, columns = (first >= 0.5) & (h0 != 0), (second >= 0.5) & (w0 != 0)
            x = np.where(columns, -1, 1), none, np.where(columns, width - 1, 0)
            y = none, np.where(rows, -1, 1), np.where(rows, height - 1, 0)
        case "translate":
            x, y = (one, none, -width * horizontal), (none, one, -height * vertical)
        case "rotate":
            x, y = _rotation(vertical, height, width)
        case "zoom":
            x, y = _stretching(1 + vertical, 1 + vertical, height, width)
        case "stretch":
            x, y = _stretching(1 + vertical, 1 + horizontal, height, width)
        case "crop":
            x, y = (one, none, np.floor(horizontal)), (none, one, np.floor(vertical))
        case _:
            x, y = (w0 * one, none, w1 * one), (none, h0 * one, h1 * one)
    return np.stack([*x, *y], axis=-1).astype(attrs["dtype"])


Line = tuple[Wide, Wide, Wide]


def _rotation(turns: Wide, height: float, width: float) -> tuple[Line, Line]:
    """About the centre; whole quarters of a turn are exact."""
    quarters = np.floor(4 * turns + 0.5)
    angle = 2 * np.pi * (turns - quarters / 4)
    cosine, sine = np.cos(angle), np.sin(angle)
    quarter = quarters.astype(np.int64) % 4
    c = np.choose(quarter, [cosine, -sine, -cosine, sine])
    s = np.choose(quarter, [sine, cosine, -sine, -cosine])
    cx, cy = (width - 1) / 2, (height - 1) / 2
    return (c, -s, cx - cx * c + cy * s), (s, c, cy - cx * s - cy * c)


def _stretching(zoom_h: Wide, zoom_w: Wide, height: float, width: float) -> tuple[Line, Line]:
    cx, cy, none = (width - 1) / 2, (height - 1) / 2, np.zeros_like(zoom_h)
    return (zoom_w, none, cx * (1 - zoom_w)), (none, zoom_h, cy * (1 - zoom_h))


# ---- images seen through maps --------------------------------------------------------------------


def _known(map: Real, p: int, q: int) -> NDArray[np.bool_]:
    """Whether each map is finite and leads nowhere far away."""
    size = np.abs(wide(map)).reshape(-1, 2, 3)
    reach = size[:, 0] @ [q, p, 1], size[:, 1] @ [q, p, 1]
    return (reach[0] < 2**30) & (reach[1] < 2**30)


def _places(map: Real, p: int, q: int) -> tuple[Places, Places]:
    """Rows and columns [r,p,q], in 2^-32 pixels."""
    fixed = (wide(map) * 2.0**32).astype(np.int64)
    xx, xy, x0, yx, yy, y0 = (each[:, None, None] for each in fixed.T)
    i, j = np.arange(p)[:, None], np.arange(q)
    return yy * i + yx * j + y0, xx * j + xy * i + x0


def _spots(places: Places, bilinear: bool) -> tuple[Places, Wide]:
    """The pixel before each place, and the weight of the one after it."""
    near = places + (2**11 if bilinear else 2**31)
    part = (near & 0xFFFFFFFF) >> 12
    return near >> 32, part.astype(np.float64) * (2.0**-20 if bilinear else 0)


def _folded(at: Places, size: int, fill_mode: str) -> tuple[Places, NDArray[np.bool_]]:
    """The pixel of a line that is seen at `at`, and whether it is one rather than the constant."""
    turned, nearest = at % (2 * size), np.clip(at, 0, size - 1)
    reflected = np.where(turned < size, turned, 2 * size - 1 - turned)
    known = {"reflect": reflected, "wrap": at % size}
    seen = known.get(fill_mode, nearest)
    return seen, (at == seen) | (fill_mode != "constant")


def _corners(
    attrs: Attrs, map: Real, shape: tuple[int, ...], p: int, q: int
) -> Iterator[tuple[Places, Places, NDArray[np.bool_], Wide]]:
    """Yield row, column, whether there is a pixel, and its weight, of all four corners."""
    (row, v), (column, u) = (_spots(a, bool(attrs["bilinear"])) for a in _places(map, p, q))
    fill_mode = FILL_MODES[int(attrs["fill_mode"])]
    for below in (0, 1):
        i, in_rows = _folded(row + below, shape[1], fill_mode)
        for right in (0, 1):
            j, in_columns = _folded(column + right, shape[2], fill_mode)
            weight = (v if below else 1 - v) * (u if right else 1 - u)
            yield i, j, in_rows & in_columns, weight


def warp(run: Run, attrs: Attrs, x: Real, map: Real) -> Real:
    """y[i,j] = x[yy i + yx j + y0, xx j + xy i + x0]; a pixel of weight 0 is not read"""
    p, q = attrs["p"], attrs["q"]
    known, r = _known(map, p, q), np.arange(len(x))[:, None, None]
    y = np.zeros((len(x), p, q, x.shape[3]))
    y[~known] = np.nan
    safe = np.where(known[:, None], map, 0)
    for i, j, there, weight in _corners(attrs, safe, x.shape, p, q):
        pixel = np.where(there[..., None], wide(x)[r, i, j], attrs["fill_value"])
        y += np.where(weight[..., None] == 0, 0, weight[..., None] * pixel)
    return y.astype(x.dtype)


def warp_bwd(run: Run, attrs: Attrs, dy: Real, map: Real) -> Real:
    """dx = what each pixel of x was read for"""
    r, p, q, c = dy.shape
    known = _known(map, p, q)
    dx = np.zeros((r, attrs["h"], attrs["w"], c))
    dx[~known] = np.nan
    safe = np.where(known[:, None], map, 0)
    for i, j, there, weight in _corners(attrs, safe, dx.shape, p, q):
        at = np.broadcast_to(np.arange(r)[:, None, None], i.shape)
        given = np.where((there & (weight != 0))[..., None], weight[..., None] * wide(dy), 0)
        np.add.at(dx, (at, i, j), given)
    return dx.astype(dy.dtype)


def tone(run: Run, attrs: Attrs, x: Real, mean: Real | None, factor: Real) -> Real:
    """y = (x - mean) factor + mean, or x + factor, within [low, high]"""
    by = wide(factor).reshape(-1, *[1] * (x.ndim - 1))
    y = wide(x) + by
    if mean is not None:
        m = wide(mean).reshape(len(mean), *[1] * (x.ndim - 2), mean.shape[1])
        y = (wide(x) - m) * by + m
    limits = np.array([attrs["low"], attrs["high"]], x.dtype)
    return np.clip(y, *limits).astype(x.dtype)


def tone_bwd(run: Run, attrs: Attrs, dy: Real, y: Real) -> Real:
    """dx = dy where low < y < high; so dy where y is NaN"""
    low, high = np.array([attrs["low"], attrs["high"]], y.dtype)
    dx: Real = np.where((y <= low) | (y >= high), 0, dy)
    return dx
