"""Data sets that are made up: one for each kind of task, in any number, from a seed.

Invariant: what a function here returns depends on its arguments alone.  Samples are independent of
each other and in no order.  Inputs are float32, images uint8, labels int64.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastnn._checks import count, number
from fastnn.draws import Draws
from fastnn.naming import knowing_arguments

__all__ = [
    "make_blobs",
    "make_circles",
    "make_moons",
    "make_multilabel_shapes",
    "make_regression",
    "make_sine",
    "make_spirals",
    "make_tabular",
    "make_timeseries",
    "make_xor",
]

Reals = NDArray[np.float32]
Labels = NDArray[np.int64]
Wide = NDArray[np.floating[Any]]


@knowing_arguments
def make_regression(
    n_samples: int = 200,
    n_features: int = 3,
    noise: float = 0.0,
    nonlinear: bool = False,
    seed: int = 0,
) -> tuple[Reals, Reals]:
    """Makes numbers to predict from others, of both signs: the output layer has to be linear.

    Linear, ``y = x w + b``.  Nonlinear, ``y = sin(pi x_0) + x_1^2 - 1/3 + x_2 x_3 + ...``: a sine
    of the first feature, the square of the second, and the products of the others, two by two.

    Args:
        n_samples: rows.
        n_features: columns of ``x``, uniform in [-1, 1).
        noise: standard deviation of what is added to ``y``.
        nonlinear: which of the two.
        seed: whole number >= 0.

    Returns:
        ``(x, y)``.  ``x: (n_samples, n_features)``, ``y: (n_samples,)``.

    Example:
        >>> x, y = make_regression(5, noise=0.1)
        >>> x.shape, y.shape
        ((5, 3), (5,))
    """
    draws = _draws("make_regression", seed)
    n, features = _size("n_samples", n_samples), _size("n_features", n_features)
    weights, bias = 4 * draws.uniform(features) - 2, draws.uniform(1) - 0.5
    x = 2 * _uniform(draws, n, features) - 1
    y = _curved(x) if nonlinear else (x * weights).sum(axis=1) + bias
    return _real(x), _real(y + number("make_regression", "noise", noise) * draws.normal(n))


def _curved(x: Wide) -> Wide:
    y: Wide = np.sin(np.pi * x[:, 0])
    if x.shape[1] > 1:
        y += x[:, 1] ** 2 - 1 / 3
    for k in range(2, x.shape[1] - 1, 2):
        y += x[:, k] * x[:, k + 1]
    return y


@knowing_arguments
def make_xor(n_samples: int = 200, noise: float = 0.2, seed: int = 0) -> tuple[Reals, Labels]:
    """Makes the exclusive or: points about the corners of a square, opposite corners of one class.

    No straight line parts the classes: one hidden layer is needed.

    Args:
        n_samples: rows; each corner has as many, to within one.
        noise: standard deviation about the corners, which are at 1 and -1.
        seed: whole number >= 0.

    Returns:
        ``(x, y)``.  ``x: (n_samples, 2)``; ``y: (n_samples,)``, 1 where the signs of a corner
        differ, else 0.

    Example:
        >>> x, y = make_xor(4, noise=0)
        >>> sorted((*corner, label) for corner, label in zip(x.tolist(), y.tolist()))
        [(-1.0, -1.0, 0), (-1.0, 1.0, 1), (1.0, -1.0, 1), (1.0, 1.0, 0)]
    """
    draws = _draws("make_xor", seed)
    n = _size("n_samples", n_samples)
    corner = np.arange(n) % 4
    x = 2.0 * np.stack([corner // 2, corner % 2], axis=1) - 1
    return _mixed(draws, "make_xor", x, (corner // 2) ^ (corner % 2), noise)


@knowing_arguments
def make_moons(n_samples: int = 200, noise: float = 0.1, seed: int = 0) -> tuple[Reals, Labels]:
    """Makes two half circles, each reaching into the other.

    Args:
        n_samples: rows, half of each class.
        noise: standard deviation of what is added to the points.
        seed: whole number >= 0.

    Returns:
        ``(x, y)``.  ``x: (n_samples, 2)``; ``y: (n_samples,)``: 0 the upper half circle about
        (0, 0), 1 the lower one about (1, 0.5), both of radius 1.

    Example:
        >>> x, y = make_moons(100)
        >>> x.shape, y.sum().item()
        ((100, 2), 50)
    """
    draws = _draws("make_moons", seed)
    n = _size("n_samples", n_samples)
    y = np.arange(n) % 2
    angle = np.pi * draws.uniform(n)
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x[y == 1] = [1, 0.5] - x[y == 1]
    return _mixed(draws, "make_moons", x, y, noise)


@knowing_arguments
def make_circles(
    n_samples: int = 200, noise: float = 0.05, factor: float = 0.5, seed: int = 0
) -> tuple[Reals, Labels]:
    """Makes two circles about one centre.

    Args:
        n_samples: rows, half of each class.
        noise: standard deviation of what is added to the points.
        factor: radius of the inner circle, class 1; in [0, 1).  The outer one, class 0, has 1.
        seed: whole number >= 0.

    Returns:
        ``(x, y)``.  ``x: (n_samples, 2)``; ``y: (n_samples,)``.

    Example:
        >>> x, y = make_circles(100, noise=0, factor=0.25)
        >>> abs(float((x[y == 1] ** 2).sum(axis=1).max()) - 0.0625) < 1e-6
        True
    """
    draws = _draws("make_circles", seed)
    n, inner = _size("n_samples", n_samples), number("make_circles", "factor", factor)
    if not 0 <= inner < 1:
        raise ValueError(f"make_circles: factor must be in [0, 1), got {inner}")
    y = np.arange(n) % 2
    x = _on_circle(draws.uniform(n)) * np.where(y == 1, inner, 1.0)[:, None]
    return _mixed(draws, "make_circles", x, y, noise)


@knowing_arguments
def make_spirals(
    n_samples: int = 300,
    n_classes: int = 2,
    turns: float = 1.0,
    noise: float = 0.05,
    seed: int = 0,
) -> tuple[Reals, Labels]:
    """Makes the arms of a spiral, each a class.

    Args:
        n_samples: rows; each class has as many, to within one.
        n_classes: arms, 1 or more.
        turns: how often an arm goes round.
        noise: standard deviation of what is added to the points.
        seed: whole number >= 0.

    Returns:
        ``(x, y)``.  ``x: (n_samples, 2)``, at most 1 from the centre but for noise;
        ``y: (n_samples,)``, 0 to ``n_classes - 1``.

    Example:
        >>> x, y = make_spirals(90, n_classes=3)
        >>> x.shape, np.bincount(y).tolist()
        ((90, 2), [30, 30, 30])
    """
    draws = _draws("make_spirals", seed)
    n, arms = _size("n_samples", n_samples), _size("n_classes", n_classes)
    y = np.arange(n) % arms
    along = 0.1 + 0.9 * draws.uniform(n)
    angle = number("make_spirals", "turns", turns) * along + y / arms
    return _mixed(draws, "make_spirals", along[:, None] * _on_circle(angle), y, noise)


@knowing_arguments
def make_blobs(
    n_samples: int = 300,
    centers: int = 3,
    n_features: int = 2,
    cluster_std: float = 1.0,
    seed: int = 0,
) -> tuple[Reals, Labels]:
    """Makes normal clouds about random centres, each a class.

    Args:
        n_samples: rows; each class has as many, to within one.
        centers: clouds, 1 or more.
        n_features: columns of ``x``.
        cluster_std: standard deviation about a centre; centres are uniform in [-10, 10).
        seed: whole number >= 0.

    Returns:
        ``(x, y)``.  ``x: (n_samples, n_features)``; ``y: (n_samples,)``, 0 to ``centers - 1``.

    Example:
        >>> x, y = make_blobs(9, centers=2)
        >>> x.shape, np.bincount(y).tolist()
        ((9, 2), [5, 4])
    """
    draws = _draws("make_blobs", seed)
    n, clouds = _size("n_samples", n_samples), _size("centers", centers)
    places = 20 * _uniform(draws, clouds, _size("n_features", n_features)) - 10
    y = np.arange(n) % clouds
    return _mixed(draws, "make_blobs", places[y], y, cluster_std)


@knowing_arguments
def make_multilabel_shapes(
    n_samples: int = 500, size: int = 16, noise: float = 8.0, seed: int = 0
) -> tuple[NDArray[np.uint8], Reals]:
    """Makes small images, each with a disc, a square and a cross, or some of them, or none.

    Each shape is there in half of the images, whatever the others: a task of several labels, whose
    output layer is a sigmoid for each.

    Args:
        n_samples: images.
        size: pixels of a side, 8 or more.
        noise: standard deviation of the grey values' noise.
        seed: whole number >= 0.

    Returns:
        ``(x, y)``.  ``x: (n_samples, size, size, 1)``, uint8, shapes bright on dark;
        ``y: (n_samples, 3)``, float32, 1 where there is a disc, a square, a cross.

    Example:
        >>> x, y = make_multilabel_shapes(4)
        >>> x.shape, x.dtype.name, y.shape
        ((4, 16, 16, 1), 'uint8', (4, 3))
    """
    draws = _draws("make_multilabel_shapes", seed)
    n = _size("n_samples", n_samples)
    side = count("make_multilabel_shapes", "size", size, least=8)
    y = (_uniform(draws, n, 3) < 0.5).astype("float32")
    image = np.full((n, side, side), 30.0)
    for label, shape in enumerate((_disc, _square, _cross)):
        radius = side / 8 * (1 + 0.5 * draws.uniform(n))[:, None, None]
        low, high = radius, side - 1 - radius
        row, column = (low + (high - low) * draws.uniform(n)[:, None, None] for _ in range(2))
        at = np.arange(side)
        inside = shape(np.abs(at[:, None] - row), np.abs(at - column), radius)
        bright = (140 + 100 * draws.uniform(n))[:, None, None]
        image = np.where(inside & (y[:, label] == 1)[:, None, None], bright, image)
    image += number("make_multilabel_shapes", "noise", noise) * _normal(draws, *image.shape)
    return np.clip(np.rint(image), 0, 255).astype("uint8")[..., None], y


def _disc(row: Wide, column: Wide, radius: Wide) -> NDArray[np.bool_]:
    return row**2 + column**2 <= radius**2


def _square(row: Wide, column: Wide, radius: Wide) -> NDArray[np.bool_]:
    farther = np.maximum(row, column)
    return (farther <= radius) & (farther > radius - 1.2)


def _cross(row: Wide, column: Wide, radius: Wide) -> NDArray[np.bool_]:
    return (np.minimum(row, column) < 0.6) & (np.maximum(row, column) <= radius)


@knowing_arguments
def make_sine(
    n_samples: int = 500, steps: int = 20, noise: float = 0.0, seed: int = 0
) -> tuple[Reals, Reals]:
    """Makes pieces of sine waves, each with the value that comes next: for recurrent layers.

    Args:
        n_samples: pieces.
        steps: values of a piece.
        noise: standard deviation of what is added to the values.
        seed: whole number >= 0.

    Returns:
        ``(x, y)``.  ``x: (n_samples, steps, 1)``, waves of height 1 and of 8 to 32 values a period;
        ``y: (n_samples,)``, the value after the last, without noise.

    Example:
        >>> x, y = make_sine(3, steps=5)
        >>> x.shape, y.shape
        ((3, 5, 1), (3,))
    """
    draws = _draws("make_sine", seed)
    n, length = _size("n_samples", n_samples), _size("steps", steps)
    period, phase = 8 * 4 ** draws.uniform(n), draws.uniform(n)
    wave = np.sin(2 * np.pi * (np.arange(length + 1) / period[:, None] + phase[:, None]))
    x = wave[:, :-1] + number("make_sine", "noise", noise) * _normal(draws, n, length)
    return _real(x[..., None]), _real(wave[:, -1])


@knowing_arguments
def make_timeseries(
    length: int = 1000, n_features: int = 3, noise: float = 0.1, seed: int = 0
) -> Reals:
    """Makes one long series of several quantities, like weather: days, a year and noise.

    Each quantity is the sum of a wave of 24 values, a wave of 24 x 30 values and noise that fades
    slowly, ``e_t = 0.9 e_(t-1) + noise z_t``.

    Args:
        length: values.
        n_features: quantities.
        noise: standard deviation of ``noise z_t``.
        seed: whole number >= 0.

    Returns:
        ``(length, n_features)``, in the order of time.

    Example:
        >>> make_timeseries(48, n_features=2).shape
        (48, 2)
    """
    draws = _draws("make_timeseries", seed)
    n, features = _size("length", length), _size("n_features", n_features)
    series = number("make_timeseries", "noise", noise) * _normal(draws, n, features)
    for now in range(1, n):
        series[now] += 0.9 * series[now - 1]
    for period in (24, 24 * 30):
        height, phase = 0.5 + draws.uniform(features), draws.uniform(features)
        series += height * np.sin(2 * np.pi * (np.arange(n)[:, None] / period + phase))
    return _real(series)


#: column -> (mean, deviation, what one deviation adds to the log-odds)
_TABLE = {
    "age": (48.0, 14.0, 0.9),
    "income": (42000.0, 15000.0, -0.7),
    "visits": (6.0, 3.0, 0.5),
    "temperature": (36.8, 0.4, 1.2),
    "branch": (1.0, 0.0, 0.0),
}


@knowing_arguments
def make_tabular(n_samples: int = 500, seed: int = 0) -> tuple[Reals, Labels]:
    """Makes a table of columns of very different sizes, one of them constant, and yes or no.

    The log-odds of yes are linear in the columns but for one product, so that a logistic regression
    is good and a hidden layer better; without scaling the columns, nothing learns.

    Args:
        n_samples: rows.
        seed: whole number >= 0.

    Returns:
        ``(x, y)``.  ``x: (n_samples, 5)``: age, income, visits, temperature, branch, of which the
        last is always 1; ``y: (n_samples,)``, 0 or 1.

    Example:
        >>> x, y = make_tabular(4)
        >>> x.shape, x[:, 4].tolist(), y.shape
        ((4, 5), [1.0, 1.0, 1.0, 1.0], (4,))
    """
    draws = _draws("make_tabular", seed)
    mean, deviation, weight = np.array(list(_TABLE.values())).T
    z = _normal(draws, _size("n_samples", n_samples), len(_TABLE))
    odds = np.exp(2 * ((z * weight).sum(axis=1) + z[:, 0] * z[:, 2]))
    y = draws.uniform(len(z)) < odds / (1 + odds)
    return _real(mean + deviation * z), y.astype("int64")


# ---- shared --------------------------------------------------------------------------------------


def _draws(who: str, seed: Any) -> Draws:
    return Draws(count(who, "seed", seed))


def _size(name: str, value: Any) -> int:
    return count("datasets", name, value, least=1)


def _uniform(draws: Draws, *shape: int) -> Wide:
    return draws.uniform(math.prod(shape)).reshape(shape)


def _normal(draws: Draws, *shape: int) -> Wide:
    return draws.normal(math.prod(shape)).reshape(shape)


def _on_circle(turns: Wide) -> Wide:
    return np.stack([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)], axis=1)


def _mixed(
    draws: Draws, who: str, x: Wide, y: NDArray[Any], deviation: float
) -> tuple[Reals, Labels]:
    """Add noise to points, and bring them into any order."""
    x = x + number(who, "noise", deviation) * _normal(draws, *x.shape)
    order = np.argsort(draws.uniform(len(x)), kind="stable")
    return _real(x[order]), y[order].astype("int64")


def _real(x: Wide) -> Reals:
    return x.astype("float32")
