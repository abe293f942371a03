"""Twins of the moments of channels, of batch normalisation and of global mean pooling.

A channel is a place of the last axis; its values are those of all other axes, or, of one sample,
of all but the first and the last.
"""

import numpy as np

from fastnn.reference.contract import Attrs, Real, Run, summed, wide
from fastnn.reference.elementwise import ACTIVATIONS


def _within(x: Real) -> tuple[int, ...]:
    """The axes of a sample's places."""
    return tuple(range(1, x.ndim - 1))


def _rows(x: Real) -> tuple[int, ...]:
    return tuple(range(x.ndim - 1))


def _count(x: Real, axes: tuple[int, ...]) -> np.float64:
    return np.float64(np.prod([x.shape[axis] for axis in axes], initial=1))


def _mean(x: Real, axes: tuple[int, ...]) -> Real:
    return np.expand_dims(summed(wide(x), *axes) / _count(x, axes), axes)


def _scale(attrs: Attrs, var: Real, gamma: Real | None) -> Real:
    """gamma / sqrt(var + epsilon)"""
    scale: Real = (1 if gamma is None else wide(gamma)) / np.sqrt(wide(var) + attrs["epsilon"])
    return scale


def _or_zero(a: Real | None) -> Real:
    return np.zeros(()) if a is None else wide(a)


def _slope(attrs: Attrs, dy: Real, y: Real | None) -> Real:
    """dy g'(y)"""
    return wide(dy) if y is None else ACTIVATIONS[attrs["activation"]][1](wide(y), wide(dy))


def moments(run: Run, attrs: Attrs, x: Real) -> tuple[Real, Real]:
    """m = mean over each sample's places, s = sum (x - m)^2"""
    axes = _within(x)
    mean = _mean(x, axes)
    spread = summed((wide(x) - mean) ** 2, *axes)
    return mean.reshape(spread.shape).astype(x.dtype), spread.astype(x.dtype)


def pool_moments(run: Run, attrs: Attrs, m: Real, s: Real | None) -> tuple[Real, Real]:
    """mean = mean of the samples' means, var = (size sum (m - mean)^2 + sum s) / (size r)"""
    size, mean = attrs["size"], _mean(m, (0,))
    within = 0 if s is None else summed(wide(s), 0)
    spread = size * summed((wide(m) - mean) ** 2, 0) + within
    return mean[0].astype(m.dtype), (spread / np.float64(size * len(m))).astype(m.dtype)


def moving_average(run: Run, attrs: Attrs, a: Real, x: Real) -> None:
    """a += (x - a) (1 - momentum)"""
    a += (wide(x) - wide(a)) * (1 - attrs["momentum"])


def normalize_fwd(
    run: Run,
    attrs: Attrs,
    x: Real,
    mean: Real,
    var: Real,
    gamma: Real | None,
    beta: Real | None,
    z: Real | None,
) -> Real:
    """y = g((x - mean) gamma / sqrt(var + epsilon) + beta + z)"""
    forward, _ = ACTIVATIONS[attrs["activation"]]
    normal = (wide(x) - wide(mean)) * _scale(attrs, var, gamma) + _or_zero(beta)
    return forward(normal + _or_zero(z)).astype(x.dtype)


def normalize_bwd_p(
    run: Run, attrs: Attrs, dy: Real, y: Real | None, x: Real, mean: Real
) -> tuple[Real, Real]:
    """a = sum dy g', b = sum dy g' (x - mean), over each sample's places"""
    slope, axes = _slope(attrs, dy, y), _within(x)
    inner = summed(slope * (wide(x) - wide(mean)), *axes)
    return summed(slope, *axes).astype(x.dtype), inner.astype(x.dtype)


def normalize_bwd_w(run: Run, attrs: Attrs, a: Real, b: Real, var: Real) -> tuple[Real, Real]:
    """dgamma = sum b / sqrt(var + epsilon), dbeta = sum a"""
    dgamma = summed(wide(b), 0) * _scale(attrs, var, None)
    return dgamma.astype(a.dtype), summed(wide(a), 0).astype(a.dtype)


def normalize_bwd_x(
    run: Run,
    attrs: Attrs,
    dy: Real,
    y: Real | None,
    x: Real | None,
    mean: Real | None,
    var: Real,
    gamma: Real | None,
    dgamma: Real | None,
    dbeta: Real | None,
) -> Real:
    """dx = gamma (dy g' - dbeta / n - xhat dgamma / n) / sqrt(var + epsilon), of n places a channel

    xhat = (x - mean) / sqrt(var + epsilon).  Without x the statistics are constants.
    """
    slope = _slope(attrs, dy, y)
    if x is not None:
        count, xhat = _count(x, _rows(x)), (wide(x) - _or_zero(mean)) * _scale(attrs, var, None)
        slope = slope - _or_zero(dbeta) / count - xhat * (_or_zero(dgamma) / count)
    return (slope * _scale(attrs, var, gamma)).astype(dy.dtype)


def normalize_fold(
    run: Run,
    attrs: Attrs,
    w: Real,
    b: Real | None,
    mean: Real,
    var: Real,
    gamma: Real | None,
    beta: Real | None,
) -> tuple[Real, Real]:
    """k = w scale, s = (b - mean) scale + beta, scale = gamma / sqrt(var + epsilon)"""
    scale = _scale(attrs, var, gamma)
    shift = (_or_zero(b) - wide(mean)) * scale + _or_zero(beta)
    return (wide(w) * scale).astype(w.dtype), shift.astype(w.dtype)


def _places(mask: Real | None, shape: tuple[int, ...]) -> Real:
    """What a sum over places is divided by: those of a sample, or those that count in each."""
    if mask is None:
        return np.full((shape[0], 1), np.prod(shape[1:-1], initial=1), np.float64)
    return np.asarray(wide(mask).reshape(len(mask), -1).sum(1, keepdims=True))


def global_mean_fwd(run: Run, attrs: Attrs, x: Real, mask: Real | None) -> Real:
    """y = sum over each sample's places / those that count"""
    total = summed(wide(x), *_within(x)).reshape(len(x), x.shape[-1])
    return np.asarray(total / _places(mask, x.shape)).astype(x.dtype)


def global_mean_bwd(run: Run, attrs: Attrs, dy: Real, mask: Real | None) -> Real:
    """dx = dy / n at each of n places, or dy / those that count"""
    shape = attrs["shape"]
    share = wide(dy) / _places(mask, shape)
    inner = (1,) * (len(shape) - 2)
    places = share.reshape(shape[0], *inner, shape[-1])
    return np.broadcast_to(places, shape).astype(dy.dtype)


def grouped(x: Real, groups: int) -> Real:
    """x[..., n, c] as [..., n, g, k], in float64: a group is axes -3 and -1"""
    return wide(x).reshape(*x.shape[:-1], groups, x.shape[-1] // groups)


def _group_sum(x: Real) -> Real:
    return np.expand_dims(summed(x, -3, -1), (-3, -1))


def _of_groups(m: Real) -> Real:
    """m[..., g], beside a grouped x"""
    return wide(m)[..., None, :, None]


def _affine(a: Real | None, groups: int, absent: float) -> Real:
    return np.full((), absent) if a is None else grouped(a, groups)


def row_norm_fwd(
    run: Run, attrs: Attrs, x: Real, gamma: Real | None, beta: Real | None
) -> tuple[Real, Real, Real]:
    """m, s = a group's mean and 1 / sqrt(v + epsilon), y = (x - m) s gamma + beta

    m is 0 if not centred; v is the mean, or the sum, of (x - m)^2.
    """
    groups = attrs["g"]
    each, count = grouped(x, groups), x.shape[-2] * x.shape[-1] // groups
    mean = _group_sum(each) / count if attrs["centred"] else np.zeros_like(_group_sum(each))
    squares = _group_sum((each - mean) ** 2) / (1 if attrs["summed"] else count)
    scale = 1 / np.sqrt(squares + attrs["epsilon"])
    y = (each - mean) * scale * _affine(gamma, groups, 1) + _affine(beta, groups, 0)
    m, s = (a[..., 0, :, 0].astype(x.dtype) for a in (mean, scale))
    return m, s, y.reshape(x.shape).astype(x.dtype)


def row_norm_bwd_x(
    run: Run, attrs: Attrs, dy: Real, x: Real, m: Real, s: Real, gamma: Real | None
) -> Real:
    """dx = s (h - mean h - xhat mean(h xhat)), h = dy gamma, xhat = (x - m) s

    The second term is there if centred; the other mean is a sum if summed.
    """
    groups = m.shape[-1]
    h, count = grouped(dy, groups) * _affine(gamma, groups, 1), x.shape[-2] * x.shape[-1] // groups
    xhat = (grouped(x, groups) - _of_groups(m)) * _of_groups(s)
    turn = _group_sum(h * xhat) / (1 if attrs["summed"] else count)
    pull = _group_sum(h) / count if attrs["centred"] else np.zeros(())
    return ((h - pull - xhat * turn) * _of_groups(s)).reshape(x.shape).astype(x.dtype)


def row_norm_bwd_w(
    run: Run, attrs: Attrs, dy: Real, x: Real, m: Real, s: Real
) -> tuple[Real, Real]:
    """dgamma = sum dy xhat, dbeta = sum dy, over all rows and places"""
    xhat = (grouped(x, m.shape[-1]) - _of_groups(m)) * _of_groups(s)
    axes = _rows(x)
    dgamma = summed(wide(dy) * xhat.reshape(x.shape), *axes)
    return dgamma.astype(x.dtype), summed(wide(dy), *axes).astype(x.dtype)
