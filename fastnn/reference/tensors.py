"""Twins of the ops that NumPy has: functions of two numbers, reductions, other places, products.

An operand's groups of axes are known by their sizes; a twin sees each group as one axis.
"""

from collections.abc import Callable

import numpy as np

from fastnn.reference.contract import Attrs, Data, Real, Run, summed, wide


def _truth(yes: object) -> Real:
    return np.asarray(yes, np.float64)


def _maximum(a: Real, b: Real) -> Real:
    return np.where(np.isnan(a), a, np.where((b > a) | np.isnan(b), b, a))


def _minimum(a: Real, b: Real) -> Real:
    return -_maximum(-a, -b)


def _power(a: Real, b: Real) -> Real:
    return np.power(a, b)


def _power_slope(a: Real, b: Real) -> Real:
    return np.where(b == 0, 0, b * np.power(a, b - 1))


def _power_log(a: Real, b: Real) -> Real:
    power = np.power(a, b)
    return np.where(power == 0, 0, power * np.log(a))


def _floor_divide(a: Real, b: Real) -> Real:
    return np.floor(a / b)


def _mod(a: Real, b: Real) -> Real:
    return np.asarray(np.mod(a, b))


#: The names of csrc/binary.def: f(a, b) in float64.
BINARY: dict[str, Callable[[Real, Real], Real]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "maximum": _maximum,
    "minimum": _minimum,
    "power": _power,
    "power_slope": _power_slope,
    "power_log": _power_log,
    "floor_divide": _floor_divide,
    "mod": _mod,
    "logaddexp": lambda a, b: np.asarray(np.logaddexp(a, b)),
    "hypot": lambda a, b: np.where(np.isnan(a) | np.isnan(b), np.nan, np.hypot(a, b)),
    "arctan2": lambda a, b: np.asarray(np.arctan2(a, b + 0.0)),  # of -0 there is no other side
    "less": lambda a, b: _truth(a < b),
    "less_equal": lambda a, b: _truth(a <= b),
    "equal": lambda a, b: _truth(a == b),
    "not_equal": lambda a, b: _truth(a != b),
    "logical_and": lambda a, b: _truth((a != 0) & (b != 0)),
    "logical_or": lambda a, b: _truth((a != 0) | (b != 0)),
    "logical_xor": lambda a, b: _truth((a != 0) ^ (b != 0)),
}


def binary(run: Run, attrs: Attrs, a: Real, b: Real) -> Real:
    """y = f(a, b)"""
    return BINARY[attrs["binary"]](wide(a), wide(b)).astype(a.dtype)


def repeated(attrs: Attrs, x: Real) -> Real:
    """x[p,s] as x[p,1,s]"""
    return x.reshape(attrs["p"], 1, attrs["s"])


def in_groups(attrs: Attrs, x: Real, axes: str = "pqs") -> Real:
    """x with each group of axes as one"""
    return x.reshape([attrs[axis] for axis in axes])


def binary_spread(run: Run, attrs: Attrs, a: Real, b: Real) -> Real:
    """y = f(a, b), or f(b, a) if swapped, with b repeated along q"""
    full, part = wide(in_groups(attrs, a)), wide(repeated(attrs, b))
    full, part = np.broadcast_arrays(full, part)
    pair = (part, full) if attrs["swapped"] else (full, part)
    return BINARY[attrs["binary"]](*pair).astype(a.dtype).reshape(a.shape)


def expand(run: Run, attrs: Attrs, x: Real) -> Real:
    """y = x repeated along q"""
    shape = (attrs["p"], attrs["q"], attrs["s"])
    return np.broadcast_to(repeated(attrs, x), shape).reshape(attrs["shape"])


def select(run: Run, attrs: Attrs, m: Real, a: Real | None, b: Real | None) -> Real:
    """y = b where m is 0, else a; what is absent is 0"""
    zero = np.zeros((), m.dtype)
    return np.where(m == 0, zero if b is None else b, zero if a is None else a)


#: The names of csrc/reductions.def, of the middle axis of three.
REDUCTIONS: dict[str, Callable[[Real], Real]] = {
    "sum": lambda x: summed(x, 1),
    "prod": lambda x: x.prod(1),
    "max": lambda x: x.max(1, initial=-np.inf),
    "min": lambda x: x.min(1, initial=np.inf),
}


def reduce(run: Run, attrs: Attrs, x: Real) -> Real:
    """y = sum, product, maximum or minimum along q"""
    y = REDUCTIONS[attrs["reduction"]](wide(in_groups(attrs, x)))
    return y.astype(x.dtype).reshape(attrs["shape"])


def arg_reduce(run: Run, attrs: Attrs, x: Real) -> Real:
    """i = where the first largest is, or the smallest; the first NaN is either"""
    known = in_groups(attrs, x)
    places: Data = known.argmin(1) if attrs["smallest"] else known.argmax(1)
    return places.astype(x.dtype).reshape(attrs["shape"])


def prod_bwd(run: Run, attrs: Attrs, x: Real, dy: Real) -> Real:
    """dx = dy times the product of all other x"""
    known = wide(in_groups(attrs, x))
    others = np.stack([np.delete(known, i, 1).prod(1) for i in range(known.shape[1])], 1)
    return (others * wide(repeated(attrs, dy))).astype(x.dtype).reshape(x.shape)


def cumsum(run: Run, attrs: Attrs, x: Real) -> Real:
    """y = sums along q from the first on, or from the last"""
    way = -1 if attrs["reverse"] else 1
    y = wide(in_groups(attrs, x))[:, ::way].cumsum(1)[:, ::way]
    return y.astype(x.dtype).reshape(x.shape)


# ---- other places --------------------------------------------------------------------------------


def swap(run: Run, attrs: Attrs, x: Real) -> Real:
    """y = x with the groups of axes b and c swapped"""
    return in_groups(attrs, x, "pbcs").swapaxes(1, 2).reshape(attrs["shape"])


def _places(i: Real, q: int) -> tuple[Data, Data]:
    """The places that indices mean among q, and whether there are such."""
    there = (i >= -q) & (i < q)
    places = np.where(there, i, 0).astype(np.int64)
    return np.where(places < 0, places + q, places), there


def take(run: Run, attrs: Attrs, x: Real, i: Real) -> Real:
    """y = x at the places i along q, NaN where there is none"""
    places, there = _places(i.reshape(-1), attrs["q"])
    y = np.full((attrs["p"], places.size, attrs["s"]), np.nan, x.dtype)
    y[:, there] = in_groups(attrs, x)[:, places[there]]
    return y.reshape(attrs["shape"])


def take_bwd(run: Run, attrs: Attrs, dy: Real, i: Real) -> Real:
    """dx = sums of dy at the places i along q"""
    places, there = _places(i.reshape(-1), attrs["q"])
    dx = np.zeros((attrs["p"], attrs["q"], attrs["s"]))
    for slope, place in zip(
        in_groups(attrs, dy, "pks")[:, there].swapaxes(0, 1), places[there], strict=True
    ):
        dx[:, place] += slope
    return dx.astype(dy.dtype).reshape(attrs["shape"])


def take_along(run: Run, attrs: Attrs, x: Real, i: Real) -> Real:
    """y = x at the places i along q, others for each p and s"""
    places, there = _places(in_groups(attrs, i, "pks"), attrs["q"])
    if not attrs["q"]:
        return np.full(attrs["shape"], np.nan, x.dtype)
    y = np.where(there, np.take_along_axis(in_groups(attrs, x), places, 1), np.nan)
    return y.astype(x.dtype).reshape(attrs["shape"])


def put_along(run: Run, attrs: Attrs, dy: Real, i: Real) -> Real:
    """dx = sums of dy at the places i along q"""
    places, there = _places(in_groups(attrs, i, "pks"), attrs["q"])
    dx = np.zeros((attrs["p"], attrs["q"], attrs["s"]))
    p, _, s = np.nonzero(there)
    np.add.at(dx, (p, places[there], s), in_groups(attrs, dy, "pks")[there])
    return dx.astype(dy.dtype).reshape(attrs["shape"])


def sort(run: Run, attrs: Attrs, x: Real) -> tuple[Real, Real]:
    """y = x in order along q, i = where each was; NaN is largest, ties stay in order"""
    order = np.argsort(x, -1, kind="stable")
    if attrs["descending"]:  # the last of equals is the first when turned round
        order = x.shape[-1] - 1 - np.argsort(x[..., ::-1], -1, kind="stable")[..., ::-1]
    return np.take_along_axis(x, order, -1), order.astype(x.dtype)


# ---- products of matrices ------------------------------------------------------------------------


def matmul(run: Run, attrs: Attrs, a: Real, w: Real) -> Real:
    """y = a @ w"""
    return (wide(a) @ wide(w)).astype(a.dtype)


def matmul_nt(run: Run, attrs: Attrs, a: Real, w: Real) -> Real:
    """y = a @ w.T"""
    return (wide(a) @ wide(w).swapaxes(-1, -2)).astype(a.dtype)


def matmul_tn(run: Run, attrs: Attrs, a: Real, w: Real) -> Real:
    """y = a.T @ w"""
    return (wide(a).swapaxes(-1, -2) @ wide(w)).astype(a.dtype)
