"""Twins of the ops that work element by element, and the activations they share with products.py.

ACTIVATIONS has the names of csrc/activations.def, and the same branch for NaN: the one that
carries it.
"""

from collections.abc import Callable

import numpy as np

from fastnn.reference.contract import Attrs, Real, Run, columns, sample_numbers, wide
from fastnn.reference.random import dropout_keep, normals, seed_of


def _linear(x: Real) -> Real:
    return x


def _linear_bwd(y: Real, dy: Real) -> Real:
    return dy


def _relu(x: Real) -> Real:
    return np.where(x < 0, 0, x)


def _relu_bwd(y: Real, dy: Real) -> Real:
    return np.where(y <= 0, 0, dy)


def sigmoid(x: Real) -> Real:
    """1 / (1 + exp(-x)), written so that exp never overflows."""
    e: Real = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def _sigmoid_bwd(y: Real, dy: Real) -> Real:
    return dy * (y * (1 - y))


def _tanh(x: Real) -> Real:
    return np.tanh(x)


def _tanh_bwd(y: Real, dy: Real) -> Real:
    return dy * (1 - y * y)


def _step(x: Real) -> Real:
    return np.where(x < 0, 0, np.where(x >= 0, 1, x))


def _step_bwd(y: Real, dy: Real) -> Real:
    return np.zeros_like(dy)


# name -> (y = g(x), dx = dy g' as a function of y and dy)
ACTIVATIONS: dict[str, tuple[Callable[[Real], Real], Callable[[Real, Real], Real]]] = {
    "linear": (_linear, _linear_bwd),
    "relu": (_relu, _relu_bwd),
    "sigmoid": (sigmoid, _sigmoid_bwd),
    "tanh": (_tanh, _tanh_bwd),
    "step": (_step, _step_bwd),
}


def activation_fwd(run: Run, attrs: Attrs, x: Real) -> Real:
    """y = g(x)"""
    forward, _ = ACTIVATIONS[attrs["activation"]]
    return forward(wide(x)).astype(x.dtype)


def activation_bwd(run: Run, attrs: Attrs, dy: Real, y: Real) -> Real:
    """dx = dy g'(y)"""
    _, backward = ACTIVATIONS[attrs["activation"]]
    return backward(wide(y), wide(dy)).astype(dy.dtype)


def add(run: Run, attrs: Attrs, a: Real, b: Real) -> Real:
    """y = a + b"""
    return a + b


def fill(run: Run, attrs: Attrs) -> Real:
    """y = value"""
    return np.full(attrs["shape"], attrs["value"], attrs["dtype"])


def dropout(run: Run, attrs: Attrs, x: Real) -> Real:
    """y = x mask / (1 - rate), where the mask depends on (seed, epoch, sample, stream, unit) alone.

    A dropped unit is x times 0, so that NaN passes.
    """
    rate, stream = attrs["rate"], int(attrs["stream"])
    rows = sample_numbers(run)[: len(x)]  # a mask that all rows of a batch share has one
    keep = dropout_keep(seed_of(run, attrs), run.epoch, rows, stream, columns(x), rate)
    return x * np.where(keep, np.divide(1, 1 - rate), 0).astype(x.dtype).reshape(x.shape)


def dropout_steps(run: Run, attrs: Attrs, x: Real) -> Real:
    """y = x mask / (1 - rate), with the mask that dropout gives one step"""
    step = x[:, 0]
    mask = dropout(run, attrs, np.ones_like(step))
    return np.asarray(x * mask[:, None])


def gaussian_noise(run: Run, attrs: Attrs, x: Real) -> Real:
    """y = x + stddev z, or x (1 + stddev z) if product, z normal random numbers"""
    keys = seed_of(run, attrs), run.epoch, sample_numbers(run), int(attrs["stream"])
    noise = attrs["stddev"] * normals(*keys, columns(x), x.dtype).reshape(x.shape)
    return np.asarray(wide(x) + noise * (wide(x) if attrs["product"] else 1)).astype(x.dtype)
