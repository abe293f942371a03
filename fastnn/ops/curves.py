"""Activations with parameters, or whose gradient needs their input, and their gradients.

Each is a row of ``csrc/curves.def``, or one with parameters of its own.
"""

from __future__ import annotations

import math
import warnings

from fastnn._checks import not_negative, number, positive_number
from fastnn.compiler.gradients import ZERO, Gradients, gradient_of
from fastnn.compiler.graph import Node, Tensor
from fastnn.errors import ZeroGradientWarning
from fastnn.ops._emit import emit

__all__ = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "log_sigmoid",
    "mish",
    "relu6",
    "selu",
    "silu",
    "soft_shrink",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "squareplus",
    "swish",
    "tanh_shrink",
    "threshold",
]


def curve(
    x: Tensor, name: str, a: float = 0.0, b: float = 0.0, c: float = 0.0, d: float = 0.0
) -> Tensor:
    """Return the curve ``name`` of ``csrc/curves.def`` at ``x``."""
    return emit("curve_fwd", x, curve=name, a=a, b=b, c=c, d=d)[0]


#: Curves whose derivative is 0 wherever they have one.
_FLAT = frozenset({"sign", "floor", "ceil", "round", "isnan", "isfinite", "logical_not"})


@gradient_of("curve_fwd")
def _curve_gradient(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    if node.attrs["curve"] in _FLAT:
        return (ZERO,)
    if node.attrs["curve"] == "step" and node.attrs["b"] < 0:
        warn_of_step(node.layer)
    return emit("curve_bwd", dy, node.inputs[0], **node.attrs)


def line(x: Tensor, slope: float, offset: float) -> Tensor:
    """Return ``slope x + offset``."""
    return curve(x, "line", slope, offset)


def bent_line(x: Tensor, slope: float, threshold: float, highest: float | None) -> Tensor:
    """Return ``slope (x - threshold)`` up to ``threshold``, then ``x``, at most ``highest``."""
    return curve(x, "bend", slope, threshold, math.inf if highest is None else highest)


def relu6(x: Tensor) -> Tensor:
    """Return ``min(max(x, 0), 6)``, with derivative 1 in between and 0 elsewhere.

    (Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010.)
    """
    return curve(x, "ramp", 1.0, 0.0, 0.0, 6.0)


def leaky_relu(x: Tensor, negative_slope: float = 0.2) -> Tensor:
    """Return ``x`` above 0 and ``negative_slope x`` below.

    Args:
        x: any shape.
        negative_slope: the slope at 0 and below.

    (Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013.)
    """
    return bent_line(x, number("leaky_relu", "negative_slope", negative_slope), 0.0, None)


def hard_sigmoid(x: Tensor) -> Tensor:
    """Return ``min(max(x / 6 + 1 / 2, 0), 1)``: the sigmoid in three straight lines.

    (Courbariaux et al., "BinaryConnect", 2015; these slopes: Howard et al., "Searching for
    MobileNetV3", 2019.)
    """
    return curve(x, "ramp", 1 / 6, 3.0, -3.0, 3.0)


def hard_tanh(x: Tensor) -> Tensor:
    """Return ``min(max(x, -1), 1)``.  (Collobert, "Large scale machine learning", 2004.)"""
    return curve(x, "ramp", 1.0, 0.0, -1.0, 1.0)


def sparse_sigmoid(x: Tensor) -> Tensor:
    """Return ``min(max((x + 1) / 2, 0), 1)``."""
    return curve(x, "ramp", 0.5, 1.0, -1.0, 1.0)


def hard_silu(x: Tensor) -> Tensor:
    """Return ``x hard_sigmoid(x)``.  (Howard et al., "Searching for MobileNetV3", 2019.)"""
    return curve(x, "hard_silu")


def hard_swish(x: Tensor) -> Tensor:
    """Return ``x hard_sigmoid(x)``; another name of ``hard_silu``."""
    return hard_silu(x)


def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """Return ``x`` above 0 and ``alpha (exp(x) - 1)`` below.

    Args:
        x: any shape.
        alpha: what it falls to, ``-alpha``.

    (Clevert et al., "Fast and accurate deep network learning by exponential linear units", 2016.)
    """
    return curve(x, "elu", number("elu", "alpha", alpha), 1.0, 1.0)


#: Such that mean 0 and variance 1 of the inputs of a wide layer are those of its outputs.
SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def selu(x: Tensor) -> Tensor:
    """Return ``scale x`` above 0, ``scale alpha (exp(x) - 1)`` below; 1.0507 and 1.6733.

    With ``lecun_normal`` weights, mean 0 and variance 1 pass from layer to layer.  (Klambauer et
    al., "Self-normalizing neural networks", 2017.)
    """
    return curve(x, "elu", SELU_SCALE * SELU_ALPHA, SELU_SCALE, 1.0)


def celu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """Return ``x`` above 0 and ``alpha (exp(x / alpha) - 1)`` below.

    Args:
        x: any shape.
        alpha: positive.

    (Barron, "Continuously differentiable exponential linear units", 2017.)
    """
    alpha = positive_number("celu", "alpha", alpha)
    return curve(x, "elu", alpha, 1.0, 1 / alpha)


def exponential(x: Tensor) -> Tensor:
    """Return ``exp(x)``, its own derivative."""
    return curve(x, "exponential")


def softplus(x: Tensor) -> Tensor:
    """Return ``log(1 + exp(x))``, whose derivative is the sigmoid.

    (Glorot, Bordes and Bengio, "Deep sparse rectifier neural networks", 2011.)
    """
    return curve(x, "softplus", 1.0)


def log_sigmoid(x: Tensor) -> Tensor:
    """Return the logarithm of the sigmoid, ``-softplus(-x)``."""
    return curve(x, "softplus", -1.0)


def softsign(x: Tensor) -> Tensor:
    """Return ``x / (1 + |x|)``, with derivative ``1 / (1 + |x|)^2``.

    (Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    2010.)
    """
    return curve(x, "softsign")


def silu(x: Tensor) -> Tensor:
    """Return ``x sigmoid(x)``, which is also called swish.

    The derivative is ``s + x s (1 - s)``, s the sigmoid.  (Ramachandran et al., "Searching for
    activation functions", 2017.)
    """
    return curve(x, "silu")


def swish(x: Tensor) -> Tensor:
    """Return ``x sigmoid(x)``; another name of ``silu``."""
    return silu(x)


def gelu(x: Tensor, approximate: bool = True) -> Tensor:
    """Return ``x`` times the share of a standard normal variable below ``x``.

    Args:
        x: any shape.
        approximate: whether that share is taken to be
            ``(1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2``, else it is
            ``(1 + erf(x / sqrt(2))) / 2``.

    (Hendrycks and Gimpel, "Gaussian error linear units", 2016.)
    """
    return curve(x, "gelu_tanh" if approximate else "gelu")


def mish(x: Tensor) -> Tensor:
    """Return ``x tanh(softplus(x))``.  (Misra, "Mish", 2019.)"""
    return curve(x, "mish")


def squareplus(x: Tensor, b: float = 4) -> Tensor:
    """Return ``(x + sqrt(x^2 + b)) / 2``.

    Args:
        x: any shape.
        b: positive; 0 would be a ReLU.

    (Barron, "Squareplus", 2021.)
    """
    return curve(x, "squareplus", positive_number("squareplus", "b", b))


def sparse_plus(x: Tensor) -> Tensor:
    """Return 0 up to -1, ``x`` from 1 on, and ``(x + 1)^2 / 4`` in between."""
    return curve(x, "sparse_plus")


def tanh_shrink(x: Tensor) -> Tensor:
    """Return ``x - tanh(x)``."""
    return curve(x, "tanh_shrink")


def soft_shrink(x: Tensor, threshold: float = 0.5) -> Tensor:
    """Return ``x`` moved by ``threshold`` towards 0, and 0 where that is nearer."""
    known = not_negative("soft_shrink", "threshold", threshold)
    return curve(x, "shrink", known, known)


def hard_shrink(x: Tensor, threshold: float = 0.5) -> Tensor:
    """Return ``x`` where ``|x| > threshold``, else 0."""
    return curve(x, "shrink", not_negative("hard_shrink", "threshold", threshold), 0.0)


def threshold(x: Tensor, threshold: float, default_value: float) -> Tensor:
    """Return ``x`` where ``x > threshold``, else ``default_value``."""
    known = number("threshold", "threshold", threshold)
    return curve(x, "threshold", known, number("threshold", "default_value", default_value))


#: How far from the threshold of a step its gradient, instead of 0, is passed on.
_WINDOWS: dict[str | None, float] = {None: -1.0, "identity": math.inf, "clipped": 1.0}


def passing_step(x: Tensor, threshold: float, straight_through: str | None) -> Tensor:
    """Return ``step``, by an operation of its own."""
    if straight_through not in _WINDOWS:
        raise ValueError(
            "step: straight_through must be None, 'identity' or 'clipped', "
            f"got {straight_through!r:.40}"
        )
    return curve(x, "step", threshold, _WINDOWS[straight_through])


def warn_of_step(layer: str) -> None:
    """Warn of weights that are to be trained through a step without a gradient."""
    warnings.warn(
        f"{layer}: the gradient of activation='step' is 0 everywhere, so that no weight of this "
        "layer or before it learns; use 'sigmoid', or fastnn.activations.step with "
        "straight_through='clipped'",
        ZeroGradientWarning,
        stacklevel=2,
    )
