"""Normalisation of channels by their moments, and their mean over an image; with gradients."""

from __future__ import annotations

from collections.abc import Sequence

from fastnn._checks import count, positive_number
from fastnn.compiler.gradients import ZERO, Gradients, gradient_of
from fastnn.compiler.graph import Node, Tensor, size_of
from fastnn.ops._axes import Axes, axis_along, reduced_axes
from fastnn.ops._emit import Number, Operand, as_tensors, emit, reshaped
from fastnn.ops.arithmetic import add, divide, maximum, multiply
from fastnn.ops.broadcasting import expanded
from fastnn.ops.embedding import mask_steps
from fastnn.ops.functions import rsqrt, square
from fastnn.ops.merging import scale
from fastnn.ops.reductions import mean as mean_along
from fastnn.ops.reductions import norm, sum, var
from fastnn.ops.shaping import moveaxis, permuted
from fastnn.variables import Variable

__all__ = [
    "batch_moments",
    "batch_normalization",
    "global_mean",
    "group_normalization",
    "layer_normalization",
    "moments",
    "moving_average",
    "normalize",
    "rms_normalization",
    "unit_normalization",
]

#: What keeps from a division by 0, if nothing else is said.
_EPSILON = 1e-7


def batch_moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance of each channel over the batch and all places.

    Args:
        x: (rows, ..., channels).

    Returns:
        Both (channels,); the variance is that of these numbers, divided by their count.  Deviations
        are summed from means of parts of the data (Chan, Golub and LeVeque, "Algorithms for
        computing the sample variance", 1983), so that a large mean costs no digits.  Only
        ``batch_normalization(batch=True)`` takes their gradient into account.
    """
    size = size_of(x.shape[1:-1]).base
    m, s = emit("moments", x) if size > 1 else (x, None)
    if m.shape != (None, x.shape[-1]):
        m = emit("reshape", m, shapes={"y": (None, x.shape[-1])})[0]
    mean, variance = emit("pool_moments", m, s, size=size)
    return mean, variance


def moving_average(average: Variable, value: Tensor, momentum: float) -> None:
    """Let each training step end with ``average = momentum average + (1 - momentum) value``.

    Args:
        average: a weight that is not trainable.
        value: what it follows, of its shape.
        momentum: in [0, 1].
    """
    value.graph.postpone("moving_average", average, value, momentum=momentum)


def batch_normalization(
    x: Number,
    mean: Number,
    variance: Number,
    axis: int,
    offset: Number | None = None,
    scale: Number | None = None,
    epsilon: float = 1e-3,
    *,
    batch: bool = False,
) -> Tensor:
    """Return ``(x - mean) / sqrt(variance + epsilon) scale + offset``.

    Args:
        x: (..., channels).
        mean: (channels,).
        variance: (channels,).
        axis: that of the channels; not that of the rows.
        offset: (channels,), or ``None``.
        scale: (channels,), or ``None``.
        epsilon: positive.
        batch: whether mean and variance are the ``batch_moments`` of ``x``, so that the gradient
            passes through them too; else they count as constants.
    """
    options = {"epsilon": epsilon, "batch": int(batch), "activation": "linear"}
    (tensor,) = as_tensors("batch_normalization", x)
    at = axis_along("batch_normalization", tensor, axis)
    operands = (moveaxis(tensor, at, -1), mean, variance, scale, offset, None)
    return moveaxis(emit("normalize_fwd", *operands, **options)[0], -1, at)


@gradient_of("normalize_fwd")
def _normalize(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    assert node.attrs["activation"] == "linear", "activations are fused after differentiation"
    x, mean, variance, gamma, _, _ = node.inputs
    epsilon, batch = node.attrs["epsilon"], node.attrs["batch"]
    dgamma = dbeta = dx = None
    if any(wanted[1:5]) or (batch and wanted[0]):
        sums = emit("normalize_bwd_p", dy, None, x, mean, activation="linear")
        dgamma, dbeta = emit("normalize_bwd_w", *sums, variance, epsilon=epsilon)
    if wanted[0]:
        known = (x, mean, variance, gamma, dgamma, dbeta)
        operands = known if batch else (None, None, variance, gamma, None, None)
        dx = emit("normalize_bwd_x", dy, None, *operands, epsilon=epsilon, activation="linear")[0]
    if batch or dgamma is None or dbeta is None or variance is None:
        return dx, ZERO, ZERO, dgamma, dbeta, dy
    slope = rsqrt(add(variance, epsilon))
    flow = slope if gamma is None else multiply(slope, gamma)
    dvariance = scale(multiply(multiply(flow, slope), dgamma), -0.5)
    return dx, scale(multiply(flow, dbeta), -1.0), dvariance, dgamma, dbeta, dy


def moments(
    x: Number, axes: Axes, keepdims: bool = False, synchronized: bool = False
) -> tuple[Tensor, Tensor]:
    """Return mean and variance along some axes.

    Args:
        x: any shape.
        axes: one axis, several, or ``None`` for all; not that of the rows.
        keepdims: whether the axes stay, with size 1.
        synchronized: accepted; there is one process.
    """
    return mean_along(x, axes, keepdims), var(x, axes, keepdims)


def normalize(x: Number, axis: Axes = -1, order: int = 2, epsilon: float | None = None) -> Tensor:
    """Return ``x / max(norm, epsilon)``, the norm being that along some axes.

    Args:
        x: any shape.
        axis: one axis, several, or ``None`` for all; not that of the rows.
        order: of the norm, 1 or more: ``sum(|x|^order)^(1/order)``.
        epsilon: the least that is divided by, 1e-7 if ``None``.
    """
    (tensor,) = as_tensors("normalize", x)
    count("normalize", "order", order, 1)
    least = _EPSILON if epsilon is None else positive_number("normalize", "epsilon", epsilon)
    if order == 2:
        squares = maximum(sum(square(tensor), axis, True), least**2)
        return multiply(tensor, rsqrt(squares))
    return divide(tensor, maximum(norm(tensor, order, axis, True), least))


def layer_normalization(
    x: Number,
    gamma: Number | None = None,
    beta: Number | None = None,
    axis: int | Sequence[int] = -1,
    epsilon: float | None = None,
) -> Tensor:
    """Return ``x`` shifted to mean 0 and scaled to variance 1 along axes, times gamma, plus beta.

    Args:
        x: any shape.
        gamma: of the sizes of the axes, or ``None``.
        beta: the same, or ``None``.
        axis: one axis or several, not that of the rows.
        epsilon: added to the variance, positive; 1e-7 if ``None``.

    (Ba, Kiros and Hinton, "Layer normalization", 2016.)
    """
    kind = {"centred": 1, "summed": 0}
    return _norm_along("layer_normalization", x, (gamma, beta), axis, epsilon, **kind)


def rms_normalization(
    x: Number,
    scale: Number | None = None,
    axis: int | Sequence[int] = -1,
    epsilon: float | None = None,
) -> Tensor:
    """Return ``x`` divided by the root of the mean of its squares along axes, times ``scale``.

    Args:
        x: any shape.
        scale: of the sizes of the axes, or ``None``.
        axis: one axis or several, not that of the rows.
        epsilon: added to the mean, positive; 1e-7 if ``None``.

    (Zhang and Sennrich, "Root mean square layer normalization", 2019.)
    """
    kind = {"centred": 0, "summed": 0}
    return _norm_along("rms_normalization", x, (scale, None), axis, epsilon, **kind)


def _norm_along(
    name: str,
    x: Number,
    factors: tuple[Number | None, Number | None],
    axis: int | Sequence[int],
    epsilon: float | None,
    **kind: int,
) -> Tensor:
    """Return the norm of rows along some axes, taken as the last one."""
    (tensor,) = as_tensors(name, x)
    axes = reduced_axes(name, tensor.shape, axis)
    rest = [i for i in range(len(tensor.shape)) if i not in axes]
    moved = permuted(name, tensor, [*rest, *axes])
    sizes = moved.shape[len(rest) :]
    flat = (size_of(sizes).base,)

    def flattened(factor: Number | None) -> Tensor | None:
        if factor is None:
            return None
        return reshaped(expanded(as_tensors(name, factor)[0], sizes), flat)

    least = _EPSILON if epsilon is None else epsilon
    rows = reshaped(moved, (*moved.shape[: len(rest)], *flat))
    gamma, beta = map(flattened, factors)
    y = _norm_of_rows(rows, gamma, beta, least, **kind)
    order = [*rest, *axes]
    return permuted(name, reshaped(y, moved.shape), [order.index(i) for i in range(len(order))])


def unit_normalization(x: Tensor, epsilon: float = 1e-24) -> Tensor:
    """Return each row divided by its length, ``sqrt(sum x^2 + epsilon)``.

    Args:
        x: (..., features).
        epsilon: keeps a row of zeros, positive.
    """
    return _norm_of_rows(x, None, None, epsilon, centred=0, summed=1)


def _norm_of_rows(
    x: Tensor, gamma: Operand | None, beta: Operand | None, epsilon: float, **kind: int
) -> Tensor:
    (rows,) = emit("reshape", x, shapes={"y": (*x.shape[:-1], 1, x.shape[-1])})
    *_, y = emit("row_norm_fwd", rows, gamma, beta, axes={"g": 1}, epsilon=epsilon, **kind)
    return emit("reshape", y, shapes={"y": x.shape})[0]


def group_normalization(
    x: Tensor,
    groups: int,
    gamma: Operand | None = None,
    beta: Operand | None = None,
    epsilon: float = 1e-3,
) -> Tensor:
    """Return groups of channels of each sample shifted to mean 0 and scaled to variance 1.

    Args:
        x: (rows, ..., channels).
        groups: how many; a divisor of the channels.  A group is channels next to each other, at all
            places of a sample.
        gamma: (channels,), a factor, or ``None``.
        beta: (channels,), added, or ``None``.
        epsilon: added to the variance, positive.

    (Wu and He, "Group normalization", 2018.)
    """
    shape = (x.shape[0], size_of(x.shape[1:-1]).base, x.shape[-1])
    (places,) = emit("reshape", x, shapes={"y": shape})
    kind = {"epsilon": epsilon, "centred": 1, "summed": 0}
    *_, y = emit("row_norm_fwd", places, gamma, beta, axes={"g": groups}, **kind)
    return emit("reshape", y, shapes={"y": x.shape})[0]


@gradient_of("row_norm_fwd")
def _row_norm(node: Node, wanted: tuple[bool, ...], dm: None, ds: None, dy: Tensor) -> Gradients:
    x, gamma, _ = node.inputs
    m, s, _ = node.outputs
    dgamma = dbeta = dx = None
    if wanted[1] or wanted[2]:
        dgamma, dbeta = emit("row_norm_bwd_w", dy, x, m, s)
    if wanted[0]:
        kind = {name: node.attrs[name] for name in ("centred", "summed")}
        (dx,) = emit("row_norm_bwd_x", dy, x, m, s, gamma, **kind)
    return dx, dgamma, dbeta


def global_mean(x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the mean of each channel over the places of a sample.

    Args:
        x: (rows, ..., channels).
        mask: (rows, ...), 1 where a place counts, else 0; ``None``: all count.

    Returns:
        (rows, channels); NaN where no place counts.
    """
    seen = x if mask is None else mask_steps(x, mask)
    return emit("global_mean_fwd", seen, mask)[0]


@gradient_of("global_mean_fwd")
def _global_mean(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    x, mask = node.inputs
    shapes = {"dx": x.shape if x is not None else ()}
    return emit("global_mean_bwd", dy, mask, shapes=shapes)[0], ZERO
