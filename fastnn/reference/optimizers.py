"""Twins of the optimizers: Keras's update rules over one range of parameters, in place.

hyper[0] is the learning rate lr; step[0] the number of updates made before this one.
"""

import math

import numpy as np

from fastnn.reference.contract import Attrs, Real, Run, wide


def sgd(run: Run, attrs: Attrs, w: Real, g: Real, v: Real | None, hyper: Real) -> None:
    """w -= lr g; with momentum mu: v = mu v - lr g, then w += v, or (Nesterov) w += mu v - lr g"""
    mu, move = attrs["momentum"], -hyper[0] * wide(g)
    if v is None:
        w += move
        return
    v[...] = mu * wide(v) + move
    w += mu * wide(v) + move if attrs["nesterov"] else v


def adam(
    run: Run, attrs: Attrs, w: Real, g: Real, m: Real, v: Real, hyper: Real, step: Real
) -> None:
    """m += (g - m) (1 - b1); v += (g^2 - v) (1 - b2); w -= lr_t m / (sqrt v + epsilon)

    lr_t = lr sqrt(1 - b2^t) / (1 - b1^t) in the t-th update.
    """
    b1, b2, t = attrs["beta_1"], attrs["beta_2"], int(step[0]) + 1
    lr_t = hyper[0] * math.sqrt(1 - b2**t) / (1 - b1**t)
    m += (wide(g) - m) * (1 - b1)
    v += (wide(g) ** 2 - v) * (1 - b2)
    w -= lr_t * wide(m) / (np.sqrt(wide(v)) + attrs["epsilon"])


def rmsprop(
    run: Run,
    attrs: Attrs,
    w: Real,
    g: Real,
    v: Real,
    a: Real | None,
    m: Real | None,
    hyper: Real,
) -> None:
    """v += (g^2 - v) (1 - rho); w -= lr g / sqrt(v + epsilon)

    With a, v - a^2 instead of v, where a += (g - a) (1 - rho); it is not below 0.  With m, w -= m
    instead, where m = momentum m + what w would lose without.
    """
    gain = 1 - attrs["rho"]
    v += (wide(g) ** 2 - v) * gain
    variance = wide(v)
    if a is not None:
        a += (wide(g) - a) * gain
        variance = np.maximum(0, variance - wide(a) ** 2)
    change = hyper[0] * wide(g) / np.sqrt(variance + attrs["epsilon"])
    if m is not None:
        m[...] = change = attrs["momentum"] * wide(m) + change
    w -= change


def advance(run: Run, attrs: Attrs, step: Real) -> None:
    """step += 1"""
    step += 1
